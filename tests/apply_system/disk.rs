//! A state directory on a disk that is full, or read-only.

use std::error::Error as _;
use std::fs;
use std::path::Path;

use ftpnat::sys::state::{StateError, SubState};
use libtest_mimic::Trial;
use nix::sched::{CloneFlags, unshare};

use crate::state::private;
use crate::support::command;
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("disk/full", full),
        trial("disk/read-only", read_only),
        trial("disk/made-on-read-only", made_on_read_only),
    ]
}

/// Calls `work` with a small file system of its own, which is gone afterwards.
fn on_a_disk(work: impl FnOnce(&Path) + Send + 'static) {
    let dir = private();
    std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        mount("--make-rprivate /");
        let path = dir.path().display();
        mount(&format!("-t tmpfs -o size=64k,mode=0700 tmpfs {path}"));
        work(dir.path());
        let status = command("umount").arg("-l").arg(dir.path()).status();
        assert!(status.expect("umount").success());
    })
    .join()
    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn mount(line: &str) {
    let status = command("mount").args(line.split(' ')).status();
    assert!(status.expect("mount").success(), "mount {line}");
}

fn of(root: &Path) -> SubState {
    SubState::of_this_namespace(root).expect("a namespace")
}

/// What failed, with what, and why.
fn told(error: &StateError) -> String {
    let source = error.source().expect("a reason");
    format!("{error}: {source}")
}

fn full() {
    on_a_disk(|disk| {
        let state = of(disk);
        let held = state.lock().expect("the lock");
        held.write("record.json", &[b'a'; 4000]).expect("written");
        // A writing that does not fit, and one that finds no room at all.
        for (filler, length) in [(0, 100_000), (100_000, 4000)] {
            let _ = fs::write(disk.join("filler"), vec![0; filler]);
            let error = held.write("record.json", &vec![b'b'; length]);
            let words = told(&error.expect_err("no room"));
            assert!(words.contains("record.json (make room there)"), "{words}");
            assert!(words.contains("No space left"), "{words}");
            let bytes = state.read("record.json").expect("read");
            assert_eq!(bytes, Some(vec![b'a'; 4000]), "it is as it was");
            assert!(!state.folder().join("record.json.new").exists());
        }
        // To go needs no room.
        held.remove("record.json").expect("removed");
        held.leave_no_trace();
        // A full disk keeps nobody from the lock where its file is there.
        drop(of(disk).lock().expect("the lock"));
        fs::remove_file(disk.join("filler")).expect("removed");
    });
}

fn read_only() {
    on_a_disk(|disk| {
        let state = of(disk);
        let held = state.lock().expect("the lock");
        held.write("record.json", b"one").expect("written");
        drop(held);
        mount(&format!("-o remount,bind,ro {}", disk.display()));
        let words = told(&state.lock().expect_err("read-only"));
        assert!(words.contains("Read-only file system"), "{words}");
        assert!(words.contains("--state-dir"), "{words}");
        // To look is possible.
        assert_eq!(
            state.read("record.json").expect("read"),
            Some(b"one".to_vec())
        );
    });
}

fn made_on_read_only() {
    on_a_disk(|disk| {
        mount(&format!("-o remount,bind,ro {}", disk.display()));
        let root = disk.join("ftpnat");
        let words = told(&of(&root).lock().expect_err("read-only"));
        assert!(words.contains(&*root.to_string_lossy()), "{words}");
        assert!(words.contains("Read-only file system"), "{words}");
    });
}
