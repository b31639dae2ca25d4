//! The window: confirmed, declined, left alone; and whatever ends who waits in it.

use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::host::{Host, Kind, finished};
use crate::seen::Seen;
use crate::trace::{self, Until};
use crate::trial;

/// How long a change waits in these trials, in seconds; longer where something is to be
/// done meanwhile.
const SHORT: &str = "2";
const LONG: &str = "6";
/// What an undo may take beyond that, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("window/declined-at-a-terminal", || typed("n\n", 4)),
        trial("window/confirmed-at-a-terminal", || typed("maybe\ny\n", 0)),
        trial("window/no-to-the-question", declined),
        trial("window/the-terminal-closes", terminal_closes),
        trial("window/the-terminal-closes-for-good", closes_for_good),
        trial("window/confirmed-after-the-terminal-closed", || {
            left_alone(|apply, host| {
                kill(pid(apply), Signal::SIGHUP).expect("sent");
                let run = host.run(&["confirm"]);
                assert_eq!((run.status, &run.stdout[..]), (0, "behind, here: kept\n"));
                assert_eq!(apply.wait().expect("it ends").code(), Some(0));
                Stays::Yes
            })
        }),
        trial("window/the-parent-is-killed", || {
            left_alone(|apply, host| {
                kill(pid(apply), Signal::SIGKILL).expect("sent");
                apply.wait().expect("it ends");
                let status = host.run(&["status"]);
                assert_eq!(status.status, 0, "{status:?}");
                assert!(
                    status.stdout.contains("waits to be confirmed"),
                    "{status:?}"
                );
                Stays::No
            })
        }),
        trial("window/the-watchdog-is-killed", || {
            left_alone(|apply, host| {
                kill(watchdog(host), Signal::SIGKILL).expect("sent");
                let status = host.run(&["status"]);
                assert_eq!(status.status, 1, "{status:?}");
                let words = status.stdout.replace("\n  ", " ");
                assert!(
                    words.contains("that watches over it is gone, and its apply (pid "),
                    "{words}"
                );
                assert_eq!(apply.wait().expect("it ends").code(), Some(4));
                Stays::No
            })
        }),
        trial("window/both-are-killed", both_are_killed),
        trial("window/as-the-readme-shows-it", as_shown),
        trial("window/the-watchdog-is-asked-to-end", || {
            left_alone(|apply, host| {
                kill(watchdog(host), Signal::SIGTERM).expect("sent");
                assert_eq!(apply.wait().expect("it ends").code(), Some(4));
                Stays::No
            })
        }),
        trial("window/killed-in-the-change", killed_in_the_change),
        trial("window/stopped-and-continued", || {
            left_alone(|apply, _| {
                kill(pid(apply), Signal::SIGSTOP).expect("sent");
                Stays::No
            })
        }),
    ];
    trials.extend(signals());
    for kind in Kind::ALL {
        trials.push(trial(&format!("window/over/{}", kind.word()), move || {
            over(kind);
        }));
        let name = format!("window/confirmed/{}", kind.word());
        trials.push(trial(&name, move || confirmed(kind)));
    }
    trials
}

/// Signals to apply, and to its watchdog.
fn signals() -> Vec<Trial> {
    let mut trials = Vec::new();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGQUIT] {
        trials.push(trial(&format!("window/apply-gets-{signal}"), move || {
            left_alone(|apply, _| {
                let start = Instant::now();
                kill(pid(apply), signal).expect("sent");
                assert_eq!(apply.wait().expect("it ends").code(), Some(4));
                assert!(start.elapsed() < Duration::from_secs(5), "at once");
                Stays::No
            })
        }));
    }
    for signal in [Signal::SIGHUP, Signal::SIGPIPE] {
        trials.push(trial(&format!("window/apply-gets-{signal}"), move || {
            left_alone(|apply, _| {
                kill(pid(apply), signal).expect("sent");
                Stays::No
            })
        }));
    }
    for signal in [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGPIPE,
        Signal::SIGTSTP,
        Signal::SIGUSR1,
    ] {
        trials.push(trial(
            &format!("window/watchdog-gets-{signal}"),
            move || {
                left_alone(|apply, host| {
                    kill(watchdog(host), signal).expect("sent");
                    kill(pid(apply), Signal::SIGKILL).expect("sent");
                    apply.wait().expect("it ends");
                    Stays::No
                })
            },
        ));
    }
    trials
}

/// Whether the change is there at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    Yes,
    No,
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a pid"))
}

/// The watchdog of the change that waits.
fn watchdog(host: &Host) -> Pid {
    let file = host.file("journal.json").expect("a journal");
    let text = std::fs::read_to_string(file).expect("read");
    let (_, watch) = text.split_once("\"watch\":{").expect("a watch");
    let (_, pid) = watch.split_once("\"pid\":").expect("a pid");
    let pid: String = pid.chars().take_while(char::is_ascii_digit).collect();
    Pid::from_raw(pid.parse().expect("a number"))
}

/// Starts an apply that is to be confirmed, and waits until it is in force.
fn start(host: &Host, seconds: &str) -> Child {
    let folder = host.folder();
    let child = host
        .ftpnat(&host.apply(&["--confirm", seconds], &folder))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ftpnat runs");
    until("it waits", || stage(host) == "waiting");
    child
}

/// Where the last change is, as its journal says.
pub(crate) fn stage(host: &Host) -> String {
    let text = host
        .file("journal.json")
        .and_then(|file| std::fs::read_to_string(file).ok())
        .unwrap_or_default();
    let stage = text.split("\"is\":\"").nth(1).unwrap_or_default();
    stage.split('"').next().unwrap_or_default().to_owned()
}

pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < PATIENCE, "{what}: never");
        sleep(Duration::from_millis(20));
    }
}

/// An apply in whose window `act` does something: in the end the host is as it was, or the
/// change is there.
fn left_alone(act: impl FnOnce(&mut Child, &Host) -> Stays) -> Result<(), Failed> {
    let host = Host::new(Kind::Nft);
    let before = host.seen();
    let mut apply = start(&host, LONG);
    let after = host.seen();
    assert_ne!(before.ours, after.ours, "it is in force");
    let stays = act(&mut apply, &host);
    match stays {
        Stays::Yes => is_as(&host, &after, "in force"),
        Stays::No => {
            until("the undo", || stage(&host) != "waiting");
            host.settle();
            let _ = kill(pid(&apply), Signal::SIGKILL);
            apply.wait().expect("it ends");
            is_as(&host, &before, "undone")
        }
    }
}

pub(crate) fn is_as(host: &Host, wanted: &Seen, what: &str) -> Result<(), Failed> {
    let now = host.seen();
    let status = host.run(&["status"]);
    if now == *wanted && status.status == 0 {
        return Ok(());
    }
    Err(format!("{what}: {status:?}\nwanted: {wanted:#?}\nnow: {now:#?}").into())
}

/// Nobody confirms it: what others changed meanwhile stays, and is no reason.
fn over(kind: Kind) {
    let host = Host::new(kind);
    let folder = host.folder();
    let before = host.seen();
    let child = start(&host, SHORT);
    let ban = match kind {
        Kind::Nft => "nft insert rule inet filter input ip saddr 192.0.2.99 drop".to_owned(),
        Kind::Iptables(back_end) => format!(
            "iptables-{} -I INPUT -s 192.0.2.99 -j DROP",
            back_end.word()
        ),
    };
    host.namespace.run(&ban);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("nobody confirmed it within 2 s"), "{said}");
    let now = host.seen();
    let is_theirs = |line: &&String| line.contains("192.0.2.99");
    let (theirs, rest): (Vec<&String>, Vec<&String>) = now.foreign.iter().partition(is_theirs);
    assert_eq!(theirs.len(), 1, "the ban stays");
    assert_eq!(rest, before.foreign.iter().collect::<Vec<_>>());
    assert_eq!((&now.ours, &now.settings), (&before.ours, &before.settings));
    // Who comes later learns what happened.
    let status = host.run(&["status"]);
    assert!(status.stdout.contains("was undone at"), "{status:?}");
    let late = host.run(&["confirm"]);
    assert_eq!(late.status, 4, "{late:?}");
    let again = host.run(&host.apply(&["--yes"], &folder));
    assert_eq!(again.status, 0, "{again:?}");
    let status = host.run(&["status"]);
    assert!(!status.stdout.contains("undone"), "{status:?}");
}

fn confirmed(kind: Kind) -> Result<(), Failed> {
    let host = Host::new(kind);
    let before = host.seen();
    let child = start(&host, LONG);
    let after = host.seen();
    let status = host.run(&["status", "--output", "json"]);
    let (_, seconds) = status
        .stdout
        .split_once("\"pending_confirm\":")
        .expect("a field");
    assert!(
        seconds.starts_with(['1', '2', '3', '4', '5', '6']),
        "{status:?}"
    );
    let second = host.run_apply(&["--yes"]);
    assert_eq!(second.status, 3, "{second:?}");
    assert!(
        second.stderr.contains("waits to be confirmed"),
        "{second:?}"
    );
    assert_eq!(host.run(&["confirm"]).status, 0);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        host.run(&["confirm"]).stdout,
        "nothing waits to be confirmed\n"
    );
    is_as(&host, &after, "kept")?;
    let status = host.run(&["status", "--output", "json"]);
    assert!(
        status.stdout.contains("\"pending_confirm\":null"),
        "{status:?}"
    );
    assert_eq!(host.run(&["rollback"]).status, 0);
    is_as(&host, &before, "rolled back")?;
    assert!(!std::path::Path::new(&host.state()).exists(), "no trace");
    Ok(())
}

fn both_are_killed() -> Result<(), Failed> {
    let host = Host::new(Kind::Nft);
    let before = host.seen();
    let mut apply = start(&host, LONG);
    kill(watchdog(&host), Signal::SIGKILL).expect("sent");
    kill(pid(&apply), Signal::SIGKILL).expect("sent");
    apply.wait().expect("it ends");
    let status = host.run(&["status"]);
    let words = status.stdout.replace("\n  ", " ");
    assert!(
        words.contains("nobody undoes it: the process"),
        "{status:?}"
    );
    until("overdue", || {
        host.run(&["status"]).stdout.contains("overdue")
    });
    let status = host.run(&["status"]);
    assert_eq!(status.status, 1, "{status:?}");
    assert!(status.stdout.starts_with("error: "), "{status:?}");
    let json = host.run(&["status", "--output", "json"]);
    assert!(json.stdout.contains("\"pending_confirm\":0"), "{json:?}");
    // Every verb says so.
    let folder = host.folder();
    let state = host.state();
    let plan = ["plan", "--profile", &folder];
    let check = ["check", "--profile", &folder];
    for arguments in [&plan[..], &check, &["emit", "nft", "--profile", &folder]] {
        let mut command = host.command(env!("CARGO_BIN_EXE_ftpnat"));
        command.args(arguments).env("FTPNAT_STATE_DIR", &state);
        let run = finished(&mut command);
        let words = run.stderr.replace("\n  ", " ");
        assert!(words.contains("is overdue"), "{arguments:?}: {run:?}");
        assert!(words.contains("`ftpnat rollback` undoes it"), "{run:?}");
    }
    let refused = host.run_apply(&["--yes"]);
    assert_eq!(refused.status, 3, "{refused:?}");
    assert!(refused.stderr.contains("ftpnat rollback"), "{refused:?}");
    assert_eq!(host.run(&["rollback"]).status, 0);
    is_as(&host, &before, "rolled back")
}

/// Killed before the window begins: the watchdog does not wait for its end.
fn killed_in_the_change() -> Result<(), Failed> {
    let host = Host::new(Kind::Nft);
    let folder = host.folder();
    let before = host.seen();
    let arguments = host.apply(&["--confirm", "3600"], &folder);
    let mut begun = 0;
    for behind in (5..2000).step_by(25) {
        let traced = trace::ftpnat(&host, &arguments, Until::Behind(behind));
        if traced.status.is_some() || stage(&host) == "waiting" {
            host.run(&["rollback"]);
            break;
        }
        begun += 1;
        until("the undo", || {
            !matches!(&stage(&host)[..], "begun" | "undoing" | "waiting")
        });
        host.settle();
        is_as(&host, &before, "undone by its watchdog")?;
    }
    assert!(begun > 2, "it was killed in the change");
    Ok(())
}

/// On a terminal of script(1), which gives what is typed to whoever reads.
fn on_a_terminal(host: &Host, more: &[&str]) -> Child {
    let program = env!("CARGO_BIN_EXE_ftpnat");
    let line = format!(
        "stty -echo; exec {program} {} --state-dir {}",
        host.apply(more, &host.folder()).join(" "),
        host.state()
    );
    host.command("script")
        .args(["-qfec", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("script runs")
}

fn type_in(child: &mut Child, text: &str) {
    let stdin = child.stdin.as_mut().expect("a pipe");
    stdin.write_all(text.as_bytes()).expect("typed");
}

fn typed(answer: &str, status: i32) -> Result<(), Failed> {
    let host = Host::new(Kind::Nft);
    let before = host.seen();
    let mut child = on_a_terminal(&host, &[]);
    sleep(Duration::from_millis(500));
    type_in(&mut child, "y\n");
    until("it waits", || stage(&host) == "waiting");
    let after = host.seen();
    for line in answer.split_inclusive('\n') {
        sleep(Duration::from_millis(300));
        type_in(&mut child, line);
    }
    let ended = child.wait().expect("it ends").code();
    let mut said = String::new();
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_to_string(&mut said).expect("UTF-8");
    assert_eq!(ended, Some(status), "{said}");
    assert!(said.contains("Log in anew now"), "{said}");
    assert!(said.contains("Keep it? [y/n]"), "{said}");
    let wanted = if status == 0 { &after } else { &before };
    is_as(&host, wanted, "answered")
}

fn declined() -> Result<(), Failed> {
    let host = Host::new(Kind::Nft);
    let before = host.seen();
    let mut child = on_a_terminal(&host, &[]);
    sleep(Duration::from_millis(500));
    type_in(&mut child, "n\n");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(!std::path::Path::new(&host.state()).exists(), "no trace");
    is_as(&host, &before, "declined")
}

/// The window of a terminal is a minute: it is asked for, and then its master goes.
fn terminal_closes() -> Result<(), Failed> {
    let host = Host::new(Kind::Nft);
    let mut child = on_a_terminal(&host, &[]);
    sleep(Duration::from_millis(500));
    type_in(&mut child, "y\n");
    until("it waits", || stage(&host) == "waiting");
    let after = host.seen();
    let watchdog = watchdog(&host);
    kill(pid(&child), Signal::SIGKILL).expect("sent");
    child.wait().expect("it ends");
    sleep(Duration::from_millis(500));
    // It is there for who logs in anew, and somebody watches over it still.
    kill(watchdog, None).expect("the watchdog lives");
    let status = host.run(&["status"]);
    assert_eq!(status.status, 0, "{status:?}");
    assert_eq!(host.run(&["confirm"]).status, 0);
    is_as(&host, &after, "confirmed")
}

fn closes_for_good() -> Result<(), Failed> {
    let host = Host::new(Kind::Nft);
    let before = host.seen();
    let mut child = on_a_terminal(&host, &["--confirm", "3"]);
    until("it waits", || stage(&host) == "waiting");
    kill(pid(&child), Signal::SIGKILL).expect("sent");
    child.wait().expect("it ends");
    until("the undo", || stage(&host) != "waiting");
    host.settle();
    is_as(&host, &before, "undone")
}

/// The README shows what is printed.
fn as_shown() {
    let host = Host::new(Kind::Nft);
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let profile = root.join("profiles/own-firewall.yaml");
    let profile = profile.display().to_string();
    let child = host
        .ftpnat(&["apply", "--profile", &profile, "--confirm", "120"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("ftpnat runs");
    until("it waits", || stage(&host) == "waiting");
    assert_eq!(host.run(&["rollback"]).status, 0);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let readme = std::fs::read_to_string(root.join("README.md")).expect("read");
    let (_, shown) = readme.split_once("--confirm 120\n").expect("the command");
    let (shown, _) = shown.split_once("```").expect("its end");
    assert!(said.contains(shown), "{said}");
}
