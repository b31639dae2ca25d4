//! The lock on a sub-state, and what is written under it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc::O_DIRECTORY;

use super::super::clock;
use super::{Holder, LOCK, StateError, SubState, failed, open};

/// The lock on a sub-state, and with it the right to change it.
#[derive(Debug)]
pub struct Locked {
    state: SubState,
    held: File,
}

impl Locked {
    /// The lock on `held`, a file of `state`, with who has it written into it.
    pub(super) fn signed(state: SubState, held: File) -> Self {
        sign(&held);
        Self { state, held }
    }

    /// Whether programs that are started from now on hold the lock too, until the last of
    /// them ends: where this process is killed, what it started may still be changing rules.
    /// At first they do not.
    ///
    /// # Errors
    /// [`StateError::Failed`], as `fcntl(2)` has it.
    pub fn lend_to_children(&self, is_lent: bool) -> Result<(), StateError> {
        let flag = if is_lent {
            FdFlag::empty()
        } else {
            FdFlag::FD_CLOEXEC
        };
        let path = self.state.folder.join(LOCK);
        fcntl(&self.held, FcntlArg::F_SETFD(flag))
            .map(drop)
            .map_err(|errno| failed("share", &path)(errno.into()))
    }

    /// The sub-state.
    #[must_use]
    pub fn state(&self) -> &SubState {
        &self.state
    }

    /// Writes a file for its owner alone, as a whole or not at all, and brings it to the
    /// disk.
    ///
    /// # Errors
    /// [`StateError::Failed`]; what was there before is there still.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StateError> {
        let path = self.state.folder.join(name);
        let beside = self.state.folder.join(format!("{name}.new"));
        // What another one left that was killed in the act.
        let _ = fs::remove_file(&beside);
        let written = write_through(&beside, bytes)
            .and_then(|()| fs::rename(&beside, &path))
            .and_then(|()| sync(&self.state.folder));
        written.map_err(|error| {
            let _ = fs::remove_file(&beside);
            failed("write", &path)(error)
        })
    }

    /// Takes a file away; one that is not there will do.
    ///
    /// # Errors
    /// [`StateError::Failed`].
    pub fn remove(&self, name: &str) -> Result<(), StateError> {
        let path = self.state.folder.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed
                .and_then(|()| sync(&self.state.folder))
                .map_err(failed("remove", &path)),
        }
    }

    /// Lets go of the lock, and takes away the directories where nothing else is in them.
    pub fn leave_no_trace(self) {
        // Before the lock is let go: who opens the file now sees that it lost its name.
        let _ = fs::remove_file(self.state.folder.join(LOCK));
        let _ = fs::remove_dir(&self.state.folder);
        let _ = fs::remove_dir(&self.state.root);
    }
}

pub(super) fn is_still_at(file: &File, path: &Path) -> bool {
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    file.metadata()
        .ok()
        .zip(fs::symlink_metadata(path).ok())
        .is_some_and(|(held, named)| same(held, named))
}

/// Writes into the lock who holds it. It is told to others, and nothing depends on it: on
/// a full disk the lock is as good without.
fn sign(mut file: &File) {
    let since = clock::now();
    let _ = file
        .set_len(0)
        .and_then(|()| file.write_all(format!("{} {since}\n", std::process::id()).as_bytes()));
}

/// Who holds it; whoever took it this very moment has not signed yet.
pub(super) fn who(mut file: &File) -> Option<Holder> {
    const ATTEMPTS: u32 = 20;
    for _ in 0..ATTEMPTS {
        let mut text = String::new();
        file.rewind().ok()?;
        file.take(64).read_to_string(&mut text).ok()?;
        if let Some((pid, since)) = text.strip_suffix('\n').and_then(|t| t.split_once(' ')) {
            return Some(Holder {
                pid: pid.parse().ok()?,
                since: since.parse().ok()?,
            });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = open(&mut options, path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Brings a directory's names to the disk.
fn sync(folder: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(O_DIRECTORY);
    options.open(folder)?.sync_all()
}
