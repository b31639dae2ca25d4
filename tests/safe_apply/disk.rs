//! The state on a disk that is full, or read-only, before a change or in its window.

use libtest_mimic::Trial;

use crate::host::{Host, Kind, finished};
use crate::support::Run;
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("disk/full-before", full_before),
        trial("disk/full-in-the-window", full_in_the_window),
        trial("disk/full-for-the-journal-of-a-removal", full_for_a_removal),
        trial("disk/read-only-before", read_only_before),
        trial("disk/read-only-in-the-window", read_only_in_the_window),
    ]
}

/// Runs a script of sh(1) whose state is a small file system of its own, which is gone
/// afterwards. `$ftpnat`, `$apply` and `$state` are what they say; `waits` waits until a
/// change does.
fn on_a_disk(host: &Host, script: &str) -> Run {
    let head = r#"set -u
mkdir -m 700 "$state" && mount -t tmpfs -o size=256k,mode=0700 tmpfs "$state"
fill() { head -c 1M /dev/zero >"$state/filler" 2>/dev/null || :; }
waits() { for _ in $(seq 400); do ! grep -q '"is":"waiting"' "$state"/*/journal.json 2>/dev/null || return 0; sleep 0.05; done; echo never; }
"#;
    let mut command = host.command("unshare");
    let folder = host.folder();
    let program = env!("CARGO_BIN_EXE_ftpnat");
    command
        .args(["--mount", "--", "sh", "-c", &format!("{head}{script}")])
        .env("ftpnat", program)
        .env(
            "apply",
            format!("{program} {}", host.apply(&[], &folder).join(" ")),
        )
        .env("state", host.state())
        .env("FTPNAT_STATE_DIR", host.state());
    finished(&mut command)
}

fn expect(run: &Run, stdout: &str, words: &str) {
    let said = run.stderr.replace("\n  ", " ");
    assert!(
        run.stdout == stdout && said.contains(words),
        "{words}: {run:?}"
    );
}

fn full_before() {
    for kind in Kind::ALL {
        let host = Host::new(kind);
        let before = host.seen();
        let run = on_a_disk(
            &host,
            "fill; $apply --yes >/dev/null; echo $?; $apply --confirm 30 >/dev/null; echo $?",
        );
        expect(&run, "3\n3\n", "(make room there)");
        assert_eq!(host.seen(), before, "nothing was changed");
    }
}

fn full_in_the_window() {
    let host = Host::new(Kind::Nft);
    let before = host.seen();
    let run = on_a_disk(
        &host,
        "$apply --confirm 2 >/dev/null & waits; fill; wait $!; echo $?; $ftpnat status | tail -n 1",
    );
    expect(&run, "4\nftpnat: nothing is installed here\n", "undone");
    assert_eq!(host.seen(), before, "undone");
    // Over another one, whose record must be written again: the rules go back at once, and
    // what is written as soon as there is room.
    let host = Host::new(Kind::Nft);
    let run = on_a_disk(
        &host,
        "$apply --yes >/dev/null; nft list table inet ftpnat | sed 's/packets.*bytes [0-9]*//' >$state/../first
         sed -i 's/50000-50999/51000-51499/' $state/../profiles/behind.yaml
         $apply --confirm 2 >/dev/null 2>&1 & waits; fill; sleep 4
         nft list table inet ftpnat | sed 's/packets.*bytes [0-9]*//' | diff - $state/../first && echo same
         rm $state/filler; wait $!; $ftpnat rollback >/dev/null; echo $?; $ftpnat status; echo $?",
    );
    let status = "behind (nft): installed, and as it was installed\n\
                  here (nft): installed, and as it was installed\n0\n";
    expect(&run, &format!("same\n0\n{status}"), "");
}

fn full_for_a_removal() {
    let host = Host::new(Kind::Nft);
    let run = on_a_disk(
        &host,
        "$apply --yes >/dev/null; fill; $ftpnat remove; echo $?; $ftpnat status",
    );
    let status = "behind (nft): installed, and as it was installed\n\
                  here (nft): installed, and as it was installed\n";
    expect(&run, &format!("3\n{status}"), "(make room there)");
}

fn read_only_before() {
    let host = Host::new(Kind::Nft);
    let before = host.seen();
    let run = on_a_disk(
        &host,
        "mount -o remount,bind,ro $state
         $apply --yes; echo $?; $apply --confirm 9; echo $?; $ftpnat status; echo $?",
    );
    let stdout = "3\n3\nftpnat: nothing is installed here\n0\n";
    expect(&run, stdout, "(take another directory: --state-dir)");
    assert_eq!(host.seen(), before, "nothing was changed");
}

/// Nothing can be written, not even that it is undone: that is said, and the rules are gone.
fn read_only_in_the_window() {
    let host = Host::new(Kind::Nft);
    let before = host.seen();
    let run = on_a_disk(
        &host,
        "$apply --confirm 2 >/dev/null & waits; mount -o remount,bind,ro $state; sleep 4
         nft list tables | grep -c ftpnat; $ftpnat status >$state/../status; echo $?
         mount -o remount,bind,rw $state; wait $!; echo $?
         $ftpnat rollback >/dev/null; echo $?; $ftpnat status | tail -n 1",
    );
    expect(&run, "0\n1\n4\n0\nftpnat: nothing is installed here\n", "");
    assert_eq!(host.seen(), before, "undone");
    let status = std::fs::read_to_string(host.dir().join("status")).expect("read");
    assert!(status.contains("overdue"), "{status}");
}
