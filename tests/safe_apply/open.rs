//! What meets an apply: another one, a journal that is damaged or newer, another namespace
//! of the same number, clocks that jump, and somebody without the right to change anything.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use libtest_mimic::{Failed, Trial};

use crate::host::{Host, Kind, finished};
use crate::seen::Seen;
use crate::support::Run;
use crate::trace::{self, Until};
use crate::trial;
use crate::window::is_as;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("open/many-at-once", many_at_once),
        trial("open/who-holds-the-lock-is-told", who_holds_the_lock),
        trial("open/journal-cut-in-half", || {
            damaged(|text| text[..text.len() / 2].to_owned())
        }),
        trial("open/journal-of-nothing", || damaged(|_| String::new())),
        trial("open/journal-from-a-newer-version", newer),
        trial("open/journal-is-private", private),
        trial("open/no-journal-at-all", without_state),
        trial("open/the-namespace-re-created", re_created),
        trial("open/the-clock-jumps", clock_jumps),
        trial("open/without-capabilities", without_capabilities),
        trial("open/confirm-and-rollback-of-nothing", nothing),
    ];
    let as_user = trial("open/as-a-user", as_a_user);
    trials.push(if nix::unistd::geteuid().is_root() && is_initial() {
        as_user
    } else {
        eprintln!("ignored: open/as-a-user: there is no other user in this user namespace");
        as_user.with_ignored_flag(true)
    });
    trials
}

/// Whether every user of the machine exists here.
fn is_initial() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

fn assert_status(run: &Run, status: i32, words: &str) {
    let said = format!("{}{}", run.stdout, run.stderr).replace("\n  ", " ");
    assert!(
        run.status == status && said.contains(words),
        "{words}: {run:?}"
    );
}

/// Each does it all, finds nothing to do, or says who is at work.
fn many_at_once() -> Result<(), Failed> {
    for kind in Kind::ALL {
        let host = Host::new(kind);
        let folder = host.folder();
        let all: Vec<_> = (0..6)
            .map(|_| {
                host.ftpnat(&host.apply(&["--yes"], &folder))
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .expect("ftpnat runs")
            })
            .collect();
        let mut made = 0;
        for child in all {
            let output = child.wait_with_output().expect("it ends");
            let said = String::from_utf8_lossy(&output.stderr).into_owned()
                + &String::from_utf8_lossy(&output.stdout);
            match output.status.code() {
                Some(0) if said.contains("nothing to do") => {}
                Some(0) => made += 1,
                Some(3) => assert!(said.contains("is at work"), "{said}"),
                _ => panic!("{}: {said}", output.status),
            }
        }
        assert_eq!(made, 1, "one of them did it");
        let once = host.seen();
        assert_status(&host.run(&["rollback"]), 0, "undone");
        assert_status(&host.run_apply(&["--yes"]), 0, "installed");
        is_as(&host, &once, "by one alone")?;
    }
    Ok(())
}

fn who_holds_the_lock() {
    let host = Host::new(Kind::Nft);
    assert_status(&host.run_apply(&["--yes"]), 0, "installed");
    let lock = host.file("lock").expect("a lock");
    let signed = fs::read_to_string(&lock).expect("read");
    let held = fs::File::open(&lock).expect("opened");
    held.lock().expect("held");
    let pid = signed.split(' ').next().expect("a pid");
    for verb in [&["rollback"][..], &["confirm"], &["remove"]] {
        let run = host.run(verb);
        assert_status(&run, 3, &format!("another ftpnat (pid {pid}, since "));
    }
    assert_status(&host.run(&["status"]), 0, "as it was installed");
}

/// Installed, and with a journal that `spoil` made another.
fn spoilt(spoil: impl Fn(&str) -> String) -> (Host, Seen, Seen) {
    let host = Host::new(Kind::Nft);
    let before = host.seen();
    assert_status(&host.run_apply(&["--yes"]), 0, "installed");
    let after = host.seen();
    let file = host.file("journal.json").expect("a journal");
    let text = fs::read_to_string(&file).expect("read");
    fs::write(&file, spoil(&text)).expect("written");
    (host, before, after)
}

fn damaged(spoil: impl Fn(&str) -> String) -> Result<(), Failed> {
    let (host, before, after) = spoilt(spoil);
    for verb in [&["status"][..], &["confirm"], &["rollback"]] {
        assert_status(&host.run(verb), 3, "journal.json");
        assert_status(&host.run(verb), 3, "`ftpnat remove` takes everything");
    }
    assert_status(&host.run_apply(&["--yes"]), 3, "it is damaged");
    assert_eq!(host.seen(), after, "nothing was changed");
    assert_status(&host.run(&["remove"]), 0, "removed");
    is_as(&host, &before, "removed")
}

fn newer() {
    let (host, _, after) = spoilt(|text| text.replace("journal/1", "journal/2"));
    for verb in [&["status"][..], &["confirm"], &["rollback"], &["remove"]] {
        assert_status(
            &host.run(verb),
            3,
            "ftpnat.journal/2, which a newer ftpnat writes",
        );
    }
    assert_status(&host.run_apply(&["--yes"]), 3, "use that one");
    assert_eq!(host.seen(), after, "nothing was changed");
}

fn private() {
    let (host, ..) = spoilt(str::to_owned);
    for name in ["journal.json", "record.json", "lock"] {
        let file = host.file(name).expect(name);
        let mode = fs::metadata(file).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

/// Ours is recognised by its comments.
fn without_state() {
    for kind in Kind::ALL {
        let host = Host::new(kind);
        let before = host.seen();
        assert_status(&host.run_apply(&["--yes"]), 0, "installed");
        fs::remove_dir_all(host.state()).expect("gone");
        assert_status(&host.run(&["status"]), 1, "no record of it");
        assert_status(&host.run(&["rollback"]), 0, "nothing to undo");
        assert_status(&host.run(&["remove"]), 0, "removed");
        let now = host.seen();
        // What sysctls were is known to nobody any more.
        assert_eq!((now.ours, now.foreign), (before.ours, before.foreign));
    }
}

/// The kernel gives the number of a namespace's inode again. What is kept of the one that is
/// gone is nothing of this one's: here it is put where that number leads.
fn re_created() -> Result<(), Failed> {
    let gone = Host::new(Kind::Nft);
    let folder = gone.folder();
    // Cut short, so that there is something to take back.
    let apply = gone.apply(&["--yes"], &folder);
    let traced = trace::ftpnat(&gone, &apply, Until::Behind(60));
    assert_eq!(traced.status, None);
    assert_status(&gone.run(&["status"]), 1, "cut short");
    let host = Host::new(Kind::Nft);
    let before = host.seen();
    assert_status(&host.run(&["status"]), 0, "nothing is installed");
    assert_status(&host.run_apply(&["--yes"]), 0, "installed");
    let after = host.seen();
    let own = host.file("journal.json").expect("a journal");
    let number = own.parent().expect("a folder").to_owned();
    assert_status(&host.run(&["rollback"]), 0, "undone");
    let other = gone.file("journal.json").expect("a journal");
    fs::create_dir_all(host.state()).expect("made");
    fs::rename(other.parent().expect("a folder"), &number).expect("moved");
    fs::set_permissions(host.state(), fs::Permissions::from_mode(0o700)).expect("private");
    assert_status(&host.run(&["status"]), 0, "nothing is installed");
    assert_status(&host.run(&["rollback"]), 0, "nothing to undo");
    assert_status(&host.run_apply(&["--yes"]), 0, "installed");
    is_as(&host, &after, "applied")?;
    assert_status(&host.run(&["rollback"]), 0, "undone");
    is_as(&host, &before, "rolled back")
}

/// A file that its readers find whole, before or after, as ftpnat itself writes it: who waits
/// for the confirmation reads it all the time.
fn rewritten(file: &std::path::Path, text: &str) {
    let beside = file.with_extension("test");
    fs::write(&beside, text).expect("written");
    fs::rename(&beside, file).expect("in its place");
}

/// No clock that is set decides: a change made long ago, or in days to come, waits as long as
/// any. The time since boot does: where it is beyond the end, the undo is overdue.
fn clock_jumps() {
    for (from, status) in [("\"since\":", 0), ("\"until\":", 1)] {
        for jump in ["1", "99999999999"] {
            let host = Host::new(Kind::Nft);
            let folder = host.folder();
            let mut child = host
                .ftpnat(&host.apply(&["--confirm", "30"], &folder))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("ftpnat runs");
            crate::window::until("it waits", || crate::window::stage(&host) == "waiting");
            // Nobody else shall act on what is written now.
            let file = host.file("journal.json").expect("a journal");
            let text = fs::read_to_string(&file).expect("read");
            let (head, rest) = text.split_once(from).expect("a field");
            let end = rest.find([',', '}']).expect("its end");
            let jumped = format!("{head}{from}{jump}{}", &rest[end..]);
            if from == "\"since\":" {
                rewritten(&file, &jumped);
                let run = host.run(&["status", "--output", "json"]);
                let (_, left) = run.stdout.split_once("\"pending_confirm\":").expect("it");
                assert!(left.starts_with(['1', '2']), "{run:?}");
                assert_eq!(run.status, status);
                assert_status(&host.run(&["confirm"]), 0, "kept");
                assert!(child.wait().expect("it ends").success());
            } else if jump == "1" {
                // As after a night's sleep.
                rewritten(&file, &jumped);
                assert_eq!(child.wait().expect("it ends").code(), Some(4));
                assert_status(&host.run(&["status"]), 0, "nothing is installed");
            } else {
                assert_status(&host.run(&["rollback"]), 0, "undone");
                assert_eq!(child.wait().expect("it ends").code(), Some(4));
            }
        }
    }
}

fn nothing() {
    let host = Host::new(Kind::Nft);
    assert_status(&host.run(&["confirm"]), 0, "nothing waits");
    assert_status(&host.run(&["rollback"]), 0, "nothing to undo");
    assert!(!std::path::Path::new(&host.state()).exists(), "no trace");
    for verb in ["confirm", "rollback"] {
        assert_status(&host.run(&[verb, "--output", "json"]), 2, "no JSON");
    }
    let run = host.run_apply(&[]);
    assert_status(&run, 2, "--confirm SECONDS");
    for more in [&["--confirm", "0"][..], &["--confirm", "60", "--yes"]] {
        assert_eq!(host.run_apply(more).status, 2, "{more:?}");
    }
}

/// Every verb that changes something, and `status`.
const VERBS: [&[&str]; 5] = [
    &["status"],
    &["confirm"],
    &["rollback"],
    &["remove"],
    &["apply", "--confirm", "5", "--profile"],
];

/// Runs each of them by `program`, and none changes anything.
fn refused(host: &Host, program: &[&str], words: &str) {
    let before = host.seen();
    let folder = host.folder();
    for verb in VERBS {
        let mut command = host.command(program[0]);
        command
            .args(&program[1..])
            .arg(env!("CARGO_BIN_EXE_ftpnat"))
            .args(verb);
        if verb.contains(&"--profile") {
            command.arg(&folder);
        }
        command.args(["--state-dir", &host.state()]);
        let run = finished(command.stdin(Stdio::null()));
        assert_status(&run, 3, words);
        assert!(!run.stderr.contains("panicked"), "{run:?}");
    }
    assert_eq!(host.seen(), before, "nothing was changed");
}

fn as_a_user() {
    let host = Host::new(Kind::Nft);
    let program = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--",
    ];
    // Nothing is there yet: the state cannot be made, and the rules not be read.
    refused(&host, &program, "as root");
    assert_status(&host.run_apply(&["--yes"]), 0, "installed");
    fs::set_permissions(host.dir(), fs::Permissions::from_mode(0o755)).expect("set");
    refused(&host, &program, "as root");
}

fn without_capabilities() {
    let host = Host::new(Kind::Nft);
    assert_status(&host.run_apply(&["--yes"]), 0, "installed");
    let before = host.seen();
    let folder = host.folder();
    host.other_range(true);
    let program = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"];
    for verb in [
        &["status"][..],
        &["rollback"],
        &["remove"],
        &["apply", "--confirm", "5", "--profile", &folder],
    ] {
        let mut command = host.command(program[0]);
        command
            .args(&program[1..])
            .arg(env!("CARGO_BIN_EXE_ftpnat"))
            .args(verb)
            .args(["--state-dir", &host.state()]);
        let run = finished(command.stdin(Stdio::null()));
        assert!([3, 5].contains(&run.status), "{run:?}");
        assert!(run.stderr.contains("root"), "{run:?}");
        assert_eq!(host.seen(), before, "nothing was changed");
    }
}
