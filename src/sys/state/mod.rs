//! The state directory: what is kept between runs, one sub-state a network namespace, and
//! the lock that lets one ftpnat at a time change a namespace.
//!
//! Writing is all or nothing: a new file is written beside the old one, brought to the disk,
//! and takes its name. Nothing here follows a link below the directory, and no directory is
//! used that others than root and this user may write in.

mod lock;
mod namespace;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::libc::O_NOFOLLOW;

use crate::model::time::time_of_day;
use lock::{is_still_at, who};

pub use lock::Locked;

/// Where state lives if nobody says otherwise (Filesystem Hierarchy Standard).
pub const DEFAULT: &str = "/var/lib/ftpnat";
/// The variable that says otherwise.
pub const VARIABLE: &str = "FTPNAT_STATE_DIR";

const LOCK: &str = "lock";
/// The folder of process 1's network namespace.
const HOST: &str = "host";
/// Between two looks at a lock that another one holds.
const PAUSE: Duration = Duration::from_millis(20);
/// More than any file of it has.
const MOST: u64 = 64 * 1024 * 1024;
/// How often a lock that was taken away meanwhile is made again.
const ATTEMPTS: u32 = 64;

/// Why state cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Something failed with a file or directory.
    #[error("cannot {act} {}{}", .path.display(), hint(.source))]
    Failed {
        /// What was to be done.
        act: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another one holds the lock.
    #[error("another ftpnat{} is at work: wait until it is done", holder(.0.as_ref()))]
    Busy(Option<Holder>),
    /// Others could change what root obeys.
    #[error(
        "{} is not safe to keep state in: {why}; take another directory (--state-dir)",
        .path.display()
    )]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
}

/// Who holds a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// Since when, in seconds since 1970.
    pub since: u64,
}

fn holder(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |Holder { pid, since }| {
        format!(" (pid {pid}, since {})", time_of_day(*since))
    })
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => " (run ftpnat as root)",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => " (make room there)",
        io::ErrorKind::ReadOnlyFilesystem => " (take another directory: --state-dir)",
        _ => "",
    }
}

fn failed<'a>(act: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> StateError + 'a {
    move |source| StateError::Failed {
        act,
        path: path.to_owned(),
        source,
    }
}

fn not_safe(path: &Path, why: &'static str) -> StateError {
    let path = path.to_owned();
    StateError::Unsafe { path, why }
}

/// The state directory that the environment names, or the usual one.
#[must_use]
pub fn usual_directory() -> PathBuf {
    std::env::var_os(VARIABLE)
        .filter(|path| !path.is_empty())
        .map_or_else(|| PathBuf::from(DEFAULT), PathBuf::from)
}

/// What tells this boot of the kernel from others.
///
/// # Errors
/// [`StateError::Failed`] where `/proc` does not say.
pub fn boot_id() -> Result<String, StateError> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    let text = fs::read_to_string(path).map_err(failed("read", path))?;
    Ok(text.trim().to_owned())
}

/// The sub-state of one network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubState {
    root: PathBuf,
    folder: PathBuf,
    epoch: String,
}

impl SubState {
    /// That of the calling thread's network namespace, in the state directory `root`: `host`
    /// where it is process 1's, else of the boot and the namespace's inode. A number of an
    /// inode comes again once its namespace is gone: [`Self::epoch`] does not. Makes nothing.
    ///
    /// # Errors
    /// [`StateError::Failed`] where `/proc` does not tell the namespace.
    pub fn of_this_namespace(root: &Path) -> Result<Self, StateError> {
        let own = Path::new("/proc/thread-self/ns/net");
        let identity = |path: &Path| fs::metadata(path).map(|m| (m.dev(), m.ino()));
        let (device, inode) = identity(own).map_err(failed("read", own))?;
        // Who may not look at process 1 is in a user namespace, and so in another network.
        let boot = boot_id()?;
        let (name, epoch) = match identity(Path::new("/proc/1/ns/net")) {
            Ok(first) if first == (device, inode) => (HOST.to_owned(), boot),
            _ => (
                format!("{boot}-{inode}"),
                namespace::cookie().map_or_else(|| boot.clone(), |c| format!("{boot}/{c:x}")),
            ),
        };
        Ok(Self {
            folder: root.join(name),
            root: root.to_owned(),
            epoch,
        })
    }

    /// What tells the rules of this namespace from those of any other, before a restart or
    /// after: the boot, and of another namespace than process 1's its cookie as well, where
    /// the kernel tells it (`SO_NETNS_COOKIE`, since 5.14).
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Whether it is that of process 1's network namespace, which is there as long as the
    /// machine runs.
    #[must_use]
    pub fn is_of_host(&self) -> bool {
        self.folder.file_name().is_some_and(|name| name == HOST)
    }

    /// The state directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its directory.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The sub-states of other network namespaces that are there.
    ///
    /// # Errors
    /// [`StateError::Failed`] where the directory cannot be read; one that is not there has
    /// none.
    pub fn others(&self) -> Result<Vec<Self>, StateError> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed("read", &self.root))?,
        };
        let mut others = Vec::new();
        for entry in entries {
            let folder = entry.map_err(failed("read", &self.root))?.path();
            if folder != self.folder && is_directory_itself(&folder) {
                others.push(Self {
                    root: self.root.clone(),
                    folder,
                    epoch: String::new(),
                });
            }
        }
        others.sort_by(|a, b| a.folder.cmp(&b.folder));
        Ok(others)
    }

    /// The bytes of a file of it; `None` where there is none. Needs no lock: a file is
    /// always a whole one.
    ///
    /// # Errors
    /// [`StateError::Failed`].
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StateError> {
        let path = self.folder.join(name);
        let file = match open(OpenOptions::new().read(true), &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed("read", &path))?,
        };
        let mut bytes = Vec::new();
        file.take(MOST)
            .read_to_end(&mut bytes)
            .map_err(failed("read", &path))?;
        Ok(Some(bytes))
    }

    /// Makes the directories where they are missing, and takes the lock, without waiting:
    /// it is held until the value is dropped, or the process ends.
    ///
    /// # Errors
    /// [`StateError::Busy`] where another one holds it; others as they come.
    pub fn lock(&self) -> Result<Locked, StateError> {
        // Whoever had it last may be taking the directory away.
        let is_gone = |error: &StateError| match error {
            StateError::Failed { source, .. } => matches!(
                source.kind(),
                // mkdir(2) found it, and it was gone when looked at.
                io::ErrorKind::NotFound | io::ErrorKind::AlreadyExists
            ),
            StateError::Busy(_) | StateError::Unsafe { .. } => false,
        };
        for _ in 1..ATTEMPTS {
            match self.try_lock() {
                Ok(Some(held)) => return Ok(held),
                Err(error) if !is_gone(&error) => return Err(error),
                Ok(None) | Err(_) => std::thread::yield_now(),
            }
        }
        self.try_lock()?.ok_or(StateError::Busy(None))
    }

    /// The same, waiting so long for whoever holds it.
    ///
    /// # Errors
    /// As [`SubState::lock`].
    pub fn lock_within(&self, limit: Duration) -> Result<Locked, StateError> {
        let until = Instant::now() + limit;
        loop {
            match self.lock() {
                Err(StateError::Busy(_)) if Instant::now() < until => {
                    std::thread::sleep(PAUSE);
                }
                locked => return locked,
            }
        }
    }

    /// The same where nothing can be written any more: what was begun must still be undone.
    ///
    /// # Errors
    /// As [`SubState::lock`].
    pub fn lock_to_undo(&self, limit: Duration) -> Result<Locked, StateError> {
        let is_read_only = |error: &StateError| {
            matches!(error, StateError::Failed { source, .. }
                if source.kind() == io::ErrorKind::ReadOnlyFilesystem)
        };
        match self.lock_within(limit) {
            Err(error) if is_read_only(&error) => {
                let path = self.folder.join(LOCK);
                let file = open(OpenOptions::new().read(true), &path);
                let file = file.map_err(failed("open", &path))?;
                file.try_lock().map_err(|_| StateError::Busy(who(&file)))?;
                Ok(Locked::signed(self.clone(), file))
            }
            locked => locked,
        }
    }

    /// Who holds the lock; `None` where nobody does, or that cannot be told.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        let path = self.folder.join(LOCK);
        let file = open(OpenOptions::new().read(true), &path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => who(&file),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }

    /// `None` where the lock's file lost its name meanwhile: a lock on it keeps nobody out.
    fn try_lock(&self) -> Result<Option<Locked>, StateError> {
        self.make()?;
        let path = self.folder.join(LOCK);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600);
        let file = open(&mut options, &path).map_err(failed("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StateError::Busy(who(&file))),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
        }
        if !is_still_at(&file, &path) {
            return Ok(None);
        }
        Ok(Some(Locked::signed(self.clone(), file)))
    }

    fn make(&self) -> Result<(), StateError> {
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700);
        let me = fs::metadata("/proc/self").map_or(0, |m| m.uid());
        for path in [&self.root, &self.folder] {
            private.create(path).map_err(failed("make", path))?;
            // The state directory itself may be a link that the administrator made.
            let metadata = if path == &self.root {
                fs::metadata(path)
            } else {
                fs::symlink_metadata(path)
            };
            let metadata = metadata.map_err(failed("look at", path))?;
            if !metadata.is_dir() {
                return Err(not_safe(path, "it is a link"));
            }
            if ![0, me].contains(&metadata.uid()) {
                return Err(not_safe(path, "it is another user's"));
            }
            if metadata.mode() & 0o022 != 0 {
                return Err(not_safe(path, "others may write in it"));
            }
        }
        Ok(())
    }
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.custom_flags(O_NOFOLLOW).open(path)
}

fn is_directory_itself(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}
