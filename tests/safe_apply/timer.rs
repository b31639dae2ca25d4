//! systemd's timer, where a recorded fake of `systemd-run` and `systemctl` stands in for it:
//! on a machine whose process 1 is ours, so that its network is the host's. What the fake is
//! told to run is run by the test, as systemd 252 runs it: with an environment of its own.

use std::os::unix::fs::PermissionsExt as _;

use libtest_mimic::Trial;

use crate::host::{Host, Kind, finished};
use crate::support::Run;
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("timer/acts-where-the-watchdog-is-gone", acts),
        trial("timer/is-stopped-when-confirmed", stopped),
        trial("timer/comes-too-late", too_late),
        trial("timer/systemd-run-fails", fails),
    ]
}

const FAKE: &str = r#"#!/bin/sh
printf '%s\n' "${0##*/} $*" >>"$record/said"
[ "${0##*/}" = systemctl ] || [ ! -e "$record/broken" ] || { echo 'Failed to connect to bus' >&2; exit 1; }
[ "${0##*/}" = systemctl ] || { while [ "$1" != -- ]; do shift; done; shift; printf '%s\n' "$@" >"$record/timer"; }
"#;

/// Runs a script as process 1 of a machine that systemd has booted. `fires` is what the timer
/// runs when its time is over.
fn booted(host: &Host, script: &str) -> Run {
    let record = host.dir().join("systemd");
    std::fs::create_dir(&record).expect("a folder");
    for name in ["systemd-run", "systemctl"] {
        let path = record.join(name);
        std::fs::write(&path, FAKE).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
    }
    let head = r#"set -u
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system
PATH="$record:$PATH"
waits() { for _ in $(seq 400); do ! grep -q '"is":"waiting"' "$state"/host/journal.json 2>/dev/null || return 0; sleep 0.05; done; echo never; }
watchdog() { sed 's/.*"watch":{[^}]*"pid":\([0-9]*\).*/\1/' "$state"/host/journal.json; }
fires() { xargs -d '\n' env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin <"$record/timer"; }
"#;
    let mut command = host.command("unshare");
    let folder = host.folder();
    let program = env!("CARGO_BIN_EXE_ftpnat");
    command
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--mount-proc",
            "--",
            "sh",
            "-c",
        ])
        .arg(format!("{head}{script}"))
        .env("ftpnat", program)
        .env(
            "apply",
            format!("{program} {}", host.apply(&[], &folder).join(" ")),
        )
        .env("state", host.state())
        .env("record", &record)
        .env("FTPNAT_STATE_DIR", host.state());
    finished(&mut command)
}

fn said(host: &Host) -> String {
    let path = host.dir().join("systemd/said");
    std::fs::read_to_string(path).unwrap_or_default()
}

fn acts() {
    for kind in Kind::ALL {
        let host = Host::new(kind);
        let before = host.seen();
        let run = booted(
            &host,
            "$apply --confirm 1 >/dev/null 2>&1 & waits; kill -9 $(watchdog) $!; sleep 1.5
             $ftpnat status | tr -s ' \\n' ' '; fires; echo; $ftpnat status | tail -n 1",
        );
        let asked = said(&host);
        let unit = "systemd-run --quiet --collect --unit=ftpnat-undo-";
        assert!(asked.starts_with(unit), "{asked}");
        assert!(asked.contains(" --on-active=31s "), "{asked}");
        assert!(asked.contains("watchdog --at-once --id "), "{asked}");
        assert!(run.stdout.contains("systemd's ftpnat-undo-"), "{run:?}");
        assert!(
            run.stdout
                .ends_with("\nftpnat: nothing is installed here\n"),
            "{run:?}"
        );
        assert_eq!(host.seen(), before, "undone");
    }
}

fn stopped() {
    let host = Host::new(Kind::Nft);
    let run = booted(
        &host,
        "$apply --confirm 30 >/dev/null 2>&1 & waits; $ftpnat confirm; wait $!; echo $?",
    );
    assert_eq!(run.stdout, "behind, here: kept\n0\n", "{run:?}");
    let asked = said(&host);
    assert!(
        asked.contains("\nsystemctl --quiet stop ftpnat-undo-"),
        "{asked}"
    );
}

/// Fired though the change was confirmed, it does nothing.
fn too_late() {
    let host = Host::new(Kind::Nft);
    let run = booted(
        &host,
        "$apply --confirm 30 >/dev/null 2>&1 & waits; $ftpnat confirm >/dev/null; wait $!
         nft list ruleset >$record/1; fires; echo $?; nft list ruleset | cmp - $record/1
         $ftpnat status",
    );
    let status = "0\nbehind (nft): installed, and as it was installed\n\
                  here (nft): installed, and as it was installed\n";
    assert_eq!(run.stdout, status, "{run:?}");
}

/// Without a timer the watchdog is enough, and that there is none is said.
fn fails() {
    let host = Host::new(Kind::Nft);
    let before = host.seen();
    let run = booted(
        &host,
        ">$record/broken; $apply --confirm 1 >/dev/null; echo $?",
    );
    assert_eq!(run.stdout, "4\n", "{run:?}");
    let words = run.stderr.replace("\n  ", " ");
    assert!(
        words.contains("systemd has no timer for the undo"),
        "{words}"
    );
    assert!(words.contains("Failed to connect to bus"), "{words}");
    assert_eq!(host.seen(), before, "undone");
}
