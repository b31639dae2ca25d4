//! Others change the rules while ftpnat does.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ftpnat::apply::install::carry_out;
use ftpnat::apply::intent::Intent;
use ftpnat::apply::record::Backend;
use ftpnat::apply::sight::{Error, Sight};
use ftpnat::output::refusal;
use ftpnat::plan::plan;
use ftpnat::profile::{self, Profile};
use ftpnat::ruleset::change::Operation;
use ftpnat::ruleset::live::expression::{Expression, Register};
use ftpnat::sys::collect::{self, About};
use libtest_mimic::{Failed, Trial};

use crate::host::{Host, read_profile, uncounted};
use crate::support::Run;
use crate::texts::{BACK_ENDS, NFT, OFFICE, SHOP, dropping};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("races/hundred-changes", hundred_changes),
        Trial::test("races/without-pause", || beside_changes(None)),
        Trial::test("races/with-pauses", || {
            beside_changes(Some(Duration::from_millis(300)))
        }),
        Trial::test("races/kernel-feature-missing", kernel_feature_missing),
    ];
    for back_end in BACK_ENDS {
        trials.push(Trial::test(format!("races/two-at-once/{back_end}"), || {
            two_at_once(back_end)
        }));
    }
    trials
}

fn host() -> Result<Host, Failed> {
    let (_, profile) = read_profile("own-firewall")?;
    let host = Host::new(&profile);
    host.load("nft -f -", NFT);
    Ok(host)
}

fn office() -> Profile {
    profile::parse("office", OFFICE.as_bytes()).expect("a profile")
}

/// A change of somebody else's, each of its own.
fn foreign(number: usize) -> String {
    let kinds: [fn(usize) -> String; 10] = [
        |n| format!("add table inet t{n}"),
        |n| format!("add table ip t{n}"),
        |n| format!("add chain inet filter c{n}"),
        |n| format!("add rule inet filter input tcp dport {} accept", 1000 + n),
        |n| format!("insert rule inet filter input ip saddr 203.0.113.{n} drop"),
        |n| format!("add set inet filter s{n} {{ type ipv4_addr; }}"),
        |n| format!("add counter inet filter n{n}"),
        |n| format!("add chain inet filter b{n} {{ type filter hook output priority {n}; }}"),
        |n| format!("add map inet filter m{n} {{ type inet_service : verdict; }}"),
        |n| format!("add rule inet filter forward ip daddr 203.0.113.{n} drop"),
    ];
    kinds[number % kinds.len()](number)
}

/// Each of 100 changes between reading and writing is seen, and nothing is written.
fn hundred_changes() -> Result<(), Failed> {
    let host = host()?;
    let namespace = host.namespace.clone();
    host.namespace.inside(move || {
        let known = collect::snapshot(About::Change { helper: true });
        for number in 0..100 {
            let sight = Sight::of_host(&known, true);
            let plan = plan(&[office()], &sight.facts);
            let intent = sight
                .intend(&plan, &[], Backend::Nft)
                .map_err(|e| format!("change {number}: {e:?}"))?;
            let change = foreign(number);
            super::host::feed(&namespace, "nft -f -", &change);
            let before = namespace.run("nft -a list ruleset");
            match carried_out(&intent, &sight) {
                Err(Error::Stale) => {}
                other => return Err(format!("after `{change}`: {other:?}").into()),
            }
            if namespace.run("nft -a list ruleset") != before {
                return Err(format!("after `{change}` something was written").into());
            }
        }
        let sight = Sight::of_host(&known, true);
        let plan = plan(&[office()], &sight.facts);
        let intent = sight
            .intend(&plan, &[], Backend::Nft)
            .map_err(|e| format!("{e:?}"))?;
        carried_out(&intent, &sight).map_err(|e| format!("undisturbed: {e:?}"))?;
        Ok(())
    })
}

/// Nothing of iptables: the batch alone.
fn carried_out(intent: &Intent, sight: &Sight) -> Result<Vec<String>, Error> {
    let again = || Err(Error::Stale);
    carry_out(intent, sight.generation, again).map_err(|failed| failed.error)
}

/// A process that adds a table and deletes it, again and again.
fn beside_changes(pause: Option<Duration>) -> Result<(), Failed> {
    let host = host()?;
    let before = host.seen();
    let stop = AtomicBool::new(false);
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let pairs = if pause.is_some() { 1 } else { 200 };
                let text = "add table inet busy\ndelete table inet busy\n";
                // One commit each line: nft -i reads its stdin so.
                let mut command = host.namespace.command("nft");
                command
                    .arg("-i")
                    .stdin(Stdio::piped())
                    .stdout(Stdio::null());
                let mut child = command.spawn().expect("nft");
                let mut stdin = child.stdin.take().expect("a pipe");
                for _ in 0..pairs {
                    let _ = stdin.write_all(text.as_bytes());
                }
                drop(stdin);
                let _ = child.wait();
                std::thread::sleep(pause.unwrap_or_default());
            }
        });
        let played = applied_beside(&host, pause.is_some());
        stop.store(true, Ordering::Relaxed);
        played
    });
    let gave_up = outcome?;
    if gave_up {
        before.is_as(&host.seen(), "after it gave up")?;
    }
    host.done(
        &["apply", "--yes", "--profile", "-", "--backend", "nft"],
        OFFICE,
    )?;
    host.done(&["remove"], "")?;
    before.is_as(&host.seen(), "after remove")
}

/// The rules changed between reading and writing each time, or while they were read.
fn gives_up(run: &Run) -> bool {
    match run.status {
        3 => run.stderr.contains("kept changing"),
        4 => run.stderr.contains("changed each time"),
        _ => false,
    }
}

/// Whether it gave up: with a pause it must not.
fn applied_beside(host: &Host, must: bool) -> Result<bool, Failed> {
    let line = ["apply", "--yes", "--profile", "-", "--backend", "nft"];
    let mut gave_up = false;
    for _ in 0..4 {
        let run = host.ftpnat(&line, OFFICE);
        let listing = host.namespace.run("nft list ruleset");
        match run.status {
            0 => {
                let ours = ["ftpnat:office:control", "ftpnat:office:passive-range"];
                for words in ours {
                    // In our own table, and as a guest.
                    if listing.matches(words).count() < 2 {
                        return Err(format!("{words} is not there: {run:?}\n{listing}").into());
                    }
                }
                let status = host.ftpnat(&["status"], "");
                if status.status != 0 && (must || !gives_up(&status)) {
                    return Err(format!("{status:?}").into());
                }
                let removed = host.ftpnat(&["remove"], "");
                match removed.status {
                    0 => {}
                    _ if !must && gives_up(&removed) => return Ok(false),
                    _ => return Err(format!("{removed:?}").into()),
                }
            }
            _ if !must && gives_up(&run) => {
                gave_up = true;
                if listing.contains("ftpnat") || host.state.exists() {
                    return Err(format!("half done: {run:?}\n{listing}").into());
                }
            }
            _ => return Err(format!("{run:?}").into()),
        }
    }
    Ok(gave_up)
}

/// Two at once: both profiles are installed, or one says who is at work.
fn two_at_once(back_end: &str) -> Result<(), Failed> {
    let (_, profile) = read_profile("own-firewall")?;
    let host = Host::new(&profile);
    for (program, text) in dropping(back_end) {
        host.load(&program, text);
    }
    let texts = [OFFICE, SHOP];
    let files = host.files(&texts);
    let runs: Vec<_> = std::thread::scope(|scope| {
        let host = &host;
        let started: Vec<_> = files
            .iter()
            .map(|file| {
                scope.spawn(move || {
                    let line = ["apply", "--yes", "--backend", back_end, "--profile", file];
                    host.ftpnat(&line, "")
                })
            })
            .collect();
        started
            .into_iter()
            .map(|thread| thread.join().expect("a run"))
            .collect()
    });
    if !runs.iter().any(|run| run.status == 0) {
        return Err(format!("neither is done: {runs:?}").into());
    }
    for (run, file) in runs.iter().zip(&files) {
        match run.status {
            0 => {}
            3 if run.stderr.contains("another ftpnat (pid ") => {
                let line = ["apply", "--yes", "--backend", back_end, "--profile", file];
                host.done(&line, "")?;
            }
            _ => return Err(format!("{run:?}").into()),
        }
    }
    let status = host.done(&["status"], "")?;
    for name in ["office", "shop"] {
        if !status.stdout.contains(name) {
            return Err(format!("{name} is not installed: {status:?}").into());
        }
    }
    host.done(&["remove"], "").map(drop)
}

/// An expression that no kernel has, in the middle of ours: refused as that,
/// and nothing of the rest is there.
fn kernel_feature_missing() -> Result<(), Failed> {
    let host = host()?;
    let namespace = host.namespace.clone();
    host.namespace.inside(move || {
        let sight = Sight::of_host(&collect::snapshot(About::Change { helper: true }), true);
        let plan = plan(&[office()], &sight.facts);
        let mut intent = sight
            .intend(&plan, &[], Backend::Nft)
            .map_err(|e| format!("{e:?}"))?;
        let own = intent
            .operations
            .iter_mut()
            .find_map(|operation| match operation {
                Operation::ReplaceTable(table) => Some(table),
                _ => None,
            });
        let chain = own.and_then(|table| table.chains.iter_mut().find(|c| !c.rules.is_empty()));
        let rule = &mut chain.ok_or("a chain of ours")?.rules[0];
        // `NFT_META_*`: no kernel has so many.
        rule.expressions.insert(
            0,
            Expression::Meta {
                key: 200,
                to: Register(1),
            },
        );
        let before = namespace.run("nft -a list ruleset");
        let error = match carried_out(&intent, &sight) {
            Err(error @ Error::Feature(_)) => error,
            other => return Err(format!("{other:?}").into()),
        };
        let failure = refusal::failure(&error, &sight.ruleset);
        if failure.status != 3 || !failure.message.contains("rule") {
            return Err(format!("{failure:?}").into());
        }
        if uncounted(&namespace.run("nft -a list ruleset")) == uncounted(&before) {
            Ok(())
        } else {
            Err("something was written".into())
        }
    })
}

/// Who runs it has no rights: every verb says so, and nothing changes.
pub(crate) fn without_rights() -> Vec<Trial> {
    // Root without capabilities, and a user; in a user namespace there may be no such user.
    let ways: [(&str, &[&str]); 2] = [
        ("root", &["--bounding-set", "-all", "--inh-caps", "-all"]),
        (
            "user",
            &["--reuid", "65534", "--regid", "65534", "--clear-groups"],
        ),
    ];
    ways.into_iter()
        .map(|(name, options)| {
            Trial::test(format!("without-rights/{name}"), move || powerless(options))
        })
        .collect()
}

fn powerless(options: &[&str]) -> Result<(), Failed> {
    let host = host()?;
    let set = host
        .namespace
        .command("setpriv")
        .args(options)
        .arg("true")
        .output()?;
    if !set.status.success() {
        // A user namespace that maps nobody but root.
        return Ok(());
    }
    // A program and a directory that everybody may use: it is the rights that lack.
    let program = host.state.with_file_name("ftpnat");
    std::fs::copy(env!("CARGO_BIN_EXE_ftpnat"), &program)?;
    host.done(&["apply", "--yes", "--profile", "-"], OFFICE)?;
    let installed = host.seen();
    let run = |line: &[&str], state: &std::path::Path| {
        let mut command: Command = host.namespace.command("setpriv");
        command.args(options).arg(&program).args(line);
        command.arg("--state-dir").arg(state);
        host.namespace.feed_to(command, SHOP)
    };
    let own = tempfile::TempDir::new()?;
    let open = own.path().join("state");
    for line in [
        &["apply", "--yes", "--profile", "-"][..],
        &["apply", "--dry-run", "--profile", "-"],
        &["remove"],
        &["remove", "--dry-run"],
        &["status"],
    ] {
        for state in [&host.state, &open] {
            let output = run(line, state);
            let words = String::from_utf8_lossy(&output.stderr);
            let status = output.status.code();
            if status != Some(3) || !words.contains("root") {
                return Err(format!("{line:?} in {}: {output:?}", state.display()).into());
            }
        }
    }
    installed.is_as(&host.seen(), "after all that")?;
    host.done(&["status"], "").map(drop)
}
