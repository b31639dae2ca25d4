//! Whoever rehearses, and however it ends: nothing is left.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::server::has_other_users;
use crate::support::{command, wait_until};

/// A user without privileges: Debian's nobody.
const NOBODY: &str = "65534";

pub(crate) fn trials() -> Vec<Trial> {
    if !has_other_users() {
        println!("ignored: there is no unprivileged user here beside root of this namespace");
    }
    let mut trials = vec![
        Trial::test("apart/root", || whole(&mut rehearse())),
        // Whoever is root of a user namespace alone has nobody else to be.
        Trial::test("apart/unprivileged", || whole(&mut as_nobody()))
            .with_ignored_flag(!has_other_users()),
        Trial::test("apart/user-namespaces-refused", user_namespaces_refused),
    ];
    for (signal, word) in [
        (Signal::SIGINT, "interrupted"),
        (Signal::SIGTERM, "terminated"),
        (Signal::SIGKILL, "killed"),
    ] {
        trials.push(Trial::test(format!("apart/{word}"), move || {
            ended_by(signal)
        }));
    }
    trials
}

/// A mark in the command line by which processes of one trial are found.
fn marked(mark: &str) -> Command {
    let mut rehearse = command(env!("CARGO_BIN_EXE_ftpnat"));
    let profile = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/gateway-hairpin.yaml");
    rehearse.args(["rehearse", "--usual", "--profile", profile]);
    // A real server that never answers: it is started, and is to be ended.
    if !mark.is_empty() {
        rehearse.args(["--server-command", &format!("exec sleep {mark}")]);
    }
    rehearse
}

fn rehearse() -> Command {
    marked("")
}

fn as_nobody() -> Command {
    let mut nobody = command("setpriv");
    nobody.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    nobody.arg("--");
    let rehearse = rehearse();
    nobody.arg(rehearse.get_program()).args(rehearse.get_args());
    nobody
}

fn whole(rehearse: &mut Command) -> Result<(), Failed> {
    let output = rehearse.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && said.contains("8 of 8 kinds of client get their listing") {
        Ok(())
    } else {
        Err(format!("{output:?}").into())
    }
}

/// A user namespace in which no other may be made, and its root without privileges.
fn user_namespaces_refused() -> Result<(), Failed> {
    let mut refused = command("unshare");
    refused.args(["--user", "--map-root-user", "sh", "-c"]);
    refused
        .arg(
            "echo 0 > /proc/sys/user/max_user_namespaces && \
             exec setpriv --bounding-set -all --inh-caps -all -- \"$@\"",
        )
        .arg("sh");
    let rehearse = rehearse();
    refused
        .arg(rehearse.get_program())
        .args(rehearse.get_args());
    let output = refused.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let names = said.contains("user.max_user_namespaces is 0") && said.contains("as root");
    if output.status.code() == Some(3) && names && output.stdout.is_empty() {
        Ok(())
    } else {
        Err(format!("{output:?}").into())
    }
}

/// Ended at many moments from its start on.
fn ended_by(signal: Signal) -> Result<(), Failed> {
    for moment in (0..20).map(|step| step * 60) {
        let mark = format!("{}.{moment}", 9000 + signal as i32);
        let kept = files();
        let mut child = marked(&mark)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        std::thread::sleep(Duration::from_millis(moment));
        let of_it = inside(&child);
        end(&mut child, signal)?;
        let is_gone = wait_until(Duration::from_secs(5), || {
            processes(&mark).is_empty() && namespaces().is_disjoint(&of_it)
        });
        if !is_gone {
            let left = processes(&mark);
            return Err(
                format!("{signal} after {moment} ms: {left:?} is left of {of_it:?}").into(),
            );
        }
        if files() != kept {
            return Err(format!("{signal} after {moment} ms: files are left").into());
        }
    }
    Ok(())
}

/// Ctrl-C is for the whole group; the others are for the one that was started.
fn end(child: &mut Child, signal: Signal) -> Result<(), Failed> {
    let pid = i32::try_from(child.id())?;
    let to = if signal == Signal::SIGINT { -pid } else { pid };
    kill(Pid::from_raw(to), signal)?;
    child.wait()?;
    Ok(())
}

/// The command lines of processes with that mark in them.
fn processes(mark: &str) -> Vec<String> {
    let all = std::fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| {
            let line = std::fs::read(entry.ok()?.path().join("cmdline")).ok()?;
            Some(String::from_utf8_lossy(&line).replace('\0', " "))
        });
    all.filter(|line| line.contains(mark)).collect()
}

/// The network namespaces that processes are in.
fn namespaces() -> BTreeSet<String> {
    let all = std::fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| {
            let link = std::fs::read_link(entry.ok()?.path().join("ns/net")).ok()?;
            Some(link.display().to_string())
        });
    all.collect()
}

/// Those of a process's descendants, but for its own.
fn inside(child: &Child) -> BTreeSet<String> {
    let children = |pid: u32| -> Vec<u32> {
        let path = format!("/proc/{pid}/task/{pid}/children");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.split_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()
    };
    let namespace = |pid: u32| {
        let link = std::fs::read_link(format!("/proc/{pid}/ns/net")).ok()?;
        Some(link.display().to_string())
    };
    let own = namespace(child.id());
    let mut all = BTreeSet::new();
    let mut next = children(child.id());
    while let Some(pid) = next.pop() {
        all.extend(namespace(pid));
        next.extend(children(pid));
    }
    all.retain(|found| Some(found) != own.as_ref());
    all
}

/// What programs leave behind is left there.
fn files() -> BTreeSet<String> {
    let folders = ["/run", "/run/ftpnat", "/var/lib/ftpnat"];
    let entries = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path().display().to_string()))
        .collect()
}
