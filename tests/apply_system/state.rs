//! The state directory and its lock.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ftpnat::sys::state::{Locked, StateError, SubState, boot_id};
use libtest_mimic::Trial;

use crate::support::{self, netns::Namespace};
use crate::{another, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("state/there-and-back", there_and_back),
        trial("state/one-a-namespace", one_a_namespace),
        trial("state/two-processes", two_processes),
        trial("state/many-come-and-go", many_come_and_go),
        trial("state/killed-in-the-act", killed_in_the_act),
        trial("state/not-safe", not_safe),
    ]
}

pub(crate) fn private() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("ftpnat-state-")
        .tempdir()
        .expect("a directory")
}

fn of(root: &Path) -> SubState {
    SubState::of_this_namespace(root).expect("a namespace")
}

fn lock(state: &SubState) -> Locked {
    state.lock().unwrap_or_else(|error| panic!("{error}"))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a directory");
    let name = |e: std::io::Result<fs::DirEntry>| e.expect("an entry").file_name();
    let mut names: Vec<_> = entries
        .map(|e| name(e).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn there_and_back() {
    let dir = private();
    let root = dir.path().join("a/b");
    let state = of(&root);
    assert!(state.read("record.json").expect("read").is_none());
    assert!(!root.exists(), "to look makes nothing");
    let held = lock(&state);
    held.write("record.json", b"one").expect("written");
    held.write("record.json", b"two").expect("written");
    assert_eq!(
        state.read("record.json").expect("read").as_deref(),
        Some(&b"two"[..])
    );
    assert_eq!(names(state.folder()), ["lock", "record.json"]);
    for (path, mode) in [
        (root.clone(), 0o700),
        (state.folder().to_owned(), 0o700),
        (state.folder().join("record.json"), 0o600),
        (state.folder().join("lock"), 0o600),
    ] {
        let found = fs::metadata(&path).expect("there").mode() & 0o777;
        assert_eq!(found, mode, "{}", path.display());
    }
    // With something in it, it stays.
    held.leave_no_trace();
    assert_eq!(names(state.folder()), ["record.json"]);
    let held = lock(&state);
    held.remove("record.json").expect("removed");
    held.remove("record.json").expect("removed before");
    held.leave_no_trace();
    assert!(!root.exists());
    assert!(dir.path().join("a").exists(), "above it is not ours");
}

fn one_a_namespace() {
    let dir = private();
    let root = dir.path().to_owned();
    let inode = |path: &str| fs::metadata(path).map(|m| (m.dev(), m.ino()));
    let first = inode("/proc/1/ns/net").ok();
    let own = inode("/proc/self/ns/net").expect("a namespace");
    let here = of(&root);
    let name = |state: &SubState| {
        let name = state.folder().file_name().expect("a name");
        name.to_string_lossy().into_owned()
    };
    if first == Some(own) {
        assert_eq!(name(&here), "host");
    }
    let lab = support::directory();
    let other = Namespace::new("other", lab.path()).inside(move || {
        let inode = fs::metadata("/proc/thread-self/ns/net")
            .expect("there")
            .ino();
        let state = of(&root);
        assert_eq!(
            name(&state),
            format!("{}-{inode}", boot_id().expect("a boot"))
        );
        drop(lock(&state));
        state
    });
    assert_ne!(here, other);
    // Each has a lock of its own.
    let _held = lock(&here);
    let _also = lock(&other);
    let others = |state: &SubState| -> Vec<PathBuf> {
        let others = state.others().expect("read");
        others.iter().map(|o| o.folder().to_owned()).collect()
    };
    assert_eq!(others(&here), [other.folder()]);
    assert_eq!(others(&other), [here.folder()]);
    assert!(others(&of(&dir.path().join("none"))).is_empty());
    // The number of an inode comes again; the epoch does not, nor is it process 1's.
    let boot = boot_id().expect("a boot");
    assert!(other.epoch().starts_with(&format!("{boot}/")), "{other:?}");
    assert_ne!(here.epoch(), other.epoch());
}

/// Takes the lock until it is killed; in a process of its own.
pub(crate) fn hold(root: &str) -> ExitCode {
    let _held = lock(&of(Path::new(root)));
    println!("held");
    std::thread::sleep(Duration::from_secs(60));
    ExitCode::SUCCESS
}

fn two_processes() {
    let dir = private();
    let root = dir.path().to_str().expect("UTF-8");
    let mut child = another("hold", root)
        .stdout(Stdio::piped())
        .spawn()
        .expect("another process");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    assert_eq!(line, "held\n");
    let state = of(dir.path());
    let error = state.lock().expect_err("the other one holds it");
    let words = error.to_string();
    let expected = format!("another ftpnat (pid {}, since ", child.id());
    assert!(words.starts_with(&expected), "{words}");
    assert!(words.contains(" UTC) is at work"), "{words}");
    let StateError::Busy(Some(holder)) = error else {
        panic!("{words}")
    };
    let now = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_secs();
    assert!(now.abs_diff(holder.since) < 60, "{holder:?}");
    // Killed, it holds nothing, and what it wrote misleads nobody.
    child.kill().expect("killed");
    child.wait().expect("gone");
    let held = lock(&state);
    let error = state.lock().expect_err("now we hold it");
    let own = format!("pid {},", std::process::id());
    assert!(error.to_string().contains(&own), "{error}");
    drop(held);
    drop(lock(&state));
}

/// The directory goes and comes under those who want the lock: never do two have it. Long
/// enough that some come between the opening of a file and the lock on it.
fn many_come_and_go() {
    let dir = private();
    let state = of(&dir.path().join("state"));
    let (inside, times) = (AtomicU32::new(0), AtomicU32::new(0));
    let start = Instant::now();
    let come_and_go = || {
        while start.elapsed() < Duration::from_secs(2) {
            match state.lock() {
                Ok(held) => {
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    times.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_micros(20));
                    assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1);
                    held.leave_no_trace();
                }
                Err(StateError::Busy(_)) => {}
                Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(come_and_go);
        }
    });
    assert!(times.into_inner() > 100, "the lock was had");
    assert!(!dir.path().join("state").exists());
}

/// More than one page, so that a write could be half done.
const LENGTH: usize = 200_000;

/// Writes without end, each time other bytes; in a process of its own.
pub(crate) fn overwrite(root: &str) -> ExitCode {
    let held = lock(&of(Path::new(root)));
    println!("held");
    for letter in (b'a'..=b'z').cycle() {
        held.write("record.json", &vec![letter; LENGTH])
            .expect("written");
    }
    ExitCode::SUCCESS
}

/// What is read is always one whole writing, also after a kill, and the next one writes.
fn killed_in_the_act() {
    let dir = private();
    let root = dir.path().to_str().expect("UTF-8").to_owned();
    let state = of(dir.path());
    for round in 0..12_u64 {
        let mut child = another("overwrite", &root)
            .stdout(Stdio::piped())
            .spawn()
            .expect("another process");
        let mut held = [0; 5];
        let stdout = child.stdout.as_mut().expect("a pipe");
        stdout.read_exact(&mut held).expect("it holds the lock");
        for pause in 0..5 {
            std::thread::sleep(Duration::from_micros(400 * pause + 170 * round));
            assert_is_whole(&state);
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        assert_is_whole(&state);
    }
    let held = lock(&state);
    held.write("record.json", b"after").expect("written");
    assert_eq!(names(state.folder()), ["lock", "record.json"]);
}

fn assert_is_whole(state: &SubState) {
    if let Some(bytes) = state.read("record.json").expect("read") {
        assert_eq!(bytes.len(), LENGTH);
        assert!(bytes.iter().all(|b| *b == bytes[0]), "of two writings");
    }
}

fn not_safe() {
    let dir = private();
    let root = dir.path().join("state");
    let state = of(&root);
    let refused = |words: &str| {
        let error = state.lock().expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
        assert!(error.contains(&*root.to_string_lossy()), "{error}");
    };
    fs::create_dir(&root).expect("made");
    let mode = |path: &PathBuf, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    };
    mode(&root, 0o777);
    refused("others may write in it");
    mode(&root, 0o755);
    let elsewhere = dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    symlink(&elsewhere, state.folder()).expect("a link");
    mode(&elsewhere, 0o700);
    refused("it is a link");
    fs::remove_file(state.folder()).expect("removed");
    let held = lock(&state);
    // A link in the place of a file is not followed, neither way.
    let target = dir.path().join("target");
    fs::write(&target, "theirs").expect("written");
    symlink(&target, state.folder().join("record.json")).expect("a link");
    symlink(&target, state.folder().join("record.json.new")).expect("a link");
    let error = state.read("record.json").expect_err("a link");
    assert!(error.to_string().contains("record.json"), "{error}");
    held.write("record.json", b"ours").expect("written");
    assert_eq!(fs::read_to_string(&target).expect("read"), "theirs");
    assert_eq!(
        state.read("record.json").expect("read").as_deref(),
        Some(&b"ours"[..])
    );
    drop(held);
    fs::remove_file(state.folder().join("lock")).expect("removed");
    symlink(&target, state.folder().join("lock")).expect("a link");
    refused("lock");
    assert_eq!(fs::read_to_string(&target).expect("read"), "theirs");
}
