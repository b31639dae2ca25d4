//! A process of this program that is apart from the host: in user, mount and PID namespaces
//! of its own. Whatever it makes or starts is gone with it, and it is gone with its parent,
//! however that ends.
//!
//! Three processes: the parent, which talks to it; one that makes the namespaces and waits;
//! and the first in the new PID namespace, whose end ends all in there. The last one holds a
//! pipe from the parent: when that closes, it ends.

use std::fs::{DirBuilder, Permissions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};
use thiserror::Error;

use super::process::OURSELVES;

/// Where programs keep what lasts until the next boot.
const RUN: &str = "/run";
/// More folders than any package makes there.
const MOST_FOLDERS: usize = 1000;

/// Why there is no such process.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// A user namespace is needed, and refused.
    #[error("no user namespace can be made: {}", .0.desc())]
    User(Errno),
    /// The other namespaces are refused, with root's privileges or in a user namespace.
    #[error("no namespaces can be made: {}", .0.desc())]
    Others(Errno),
    /// A step behind that.
    #[error("{0}")]
    Step(String),
}

/// Starts this program again, apart, with these arguments, gives it a line, and hands over
/// each line that it prints.
///
/// # Errors
/// Where it cannot be started or talked to.
pub fn talk(arguments: &[&str], line: &str, mut hear: impl FnMut(&str)) -> io::Result<ExitStatus> {
    // Who is logged in and how is nothing that matters in there.
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into());
    let mut child = Command::new(OURSELVES)
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (Some(mut lifeline), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("it has no pipes"));
    };
    // It may end before it has read all: then it says why.
    drop(lifeline.write_all(line.as_bytes()));
    drop(lifeline.write_all(b"\n"));
    for line in BufReader::new(stdout).lines() {
        hear(&line?);
    }
    drop(lifeline);
    child.wait()
}

/// Makes the namespaces and starts this program again in them, with these arguments and the
/// same standard input and output; waits for its end.
///
/// # Errors
/// [`Refused`].
pub fn enter(arguments: &[&str]) -> Result<ExitStatus, Refused> {
    separate()?;
    let step = |what: &str, error: &dyn std::fmt::Display| {
        Refused::Step(format!("cannot {what}: {error}"))
    };
    // What is mounted in there is not seen outside; `/run` is where programs keep their
    // locks and numbers: in there they are of the lab.
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .map_err(|e| step("make mounts private", &e.desc()))?;
    let folders = folders(Path::new(RUN));
    mount(
        Some("tmpfs"),
        RUN,
        Some("tmpfs"),
        MsFlags::empty(),
        Some("mode=755"),
    )
    .map_err(|e| step("mount a tmpfs on /run", &e.desc()))?;
    folders.iter().for_each(make);
    Command::new(OURSELVES)
        .args(arguments)
        .status()
        .map_err(|e| step("start again", &e))
}

/// A folder with its mode and its owner.
type Folder = (PathBuf, u32, u32, u32);

/// The folders below `/run`, two levels of them: servers keep their scoreboards in folders
/// that their packages made there, and do not start without.
fn folders(root: &Path) -> Vec<Folder> {
    let below = |folder: &Path| -> Vec<Folder> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let about = entry.metadata().ok().filter(std::fs::Metadata::is_dir)?;
                Some((entry.path(), about.mode(), about.uid(), about.gid()))
            })
            .take(MOST_FOLDERS)
            .collect()
    };
    let first = below(root);
    let second: Vec<Folder> = first.iter().flat_map(|(path, ..)| below(path)).collect();
    first.into_iter().chain(second).take(MOST_FOLDERS).collect()
}

/// Where users have one number alone, everything is that user's.
fn make((path, mode, user, group): &Folder) {
    if DirBuilder::new().mode(*mode).create(path).is_ok() {
        let _ = std::fs::set_permissions(path, Permissions::from_mode(*mode));
        let _ = chown(path, Some(*user), Some(*group));
    }
}

/// As root as things are; otherwise in a user namespace, where this user is root.
fn separate() -> Result<(), Refused> {
    let others = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNET;
    match unshare(others) {
        Ok(()) => return Ok(()),
        Err(Errno::EPERM) => {}
        Err(errno) => return Err(Refused::Others(errno)),
    }
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(Refused::User)?;
    for (file, text) in [
        // Without that no group may be mapped (user_namespaces(7)).
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {user} 1")),
        ("gid_map", format!("0 {group} 1")),
    ] {
        std::fs::write(format!("/proc/self/{file}"), text)
            .map_err(|e| Refused::Step(format!("cannot write /proc/self/{file}: {e}")))?;
    }
    unshare(others).map_err(Refused::Others)
}

/// The line that the parent gives; from then on this process ends when the parent does.
///
/// # Errors
/// As `Read`; `UnexpectedEof` where the parent ended before it gave one.
pub fn listen() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    if !line.ends_with('\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    thread::spawn(|| {
        let mut nothing = String::new();
        // Nothing more comes but the end.
        let _ = io::stdin().lock().read_line(&mut nothing);
        end();
    });
    Ok(line)
}

#[expect(
    clippy::exit,
    reason = "from any thread, and with all that this process started"
)]
fn end() -> ! {
    std::process::exit(1)
}
