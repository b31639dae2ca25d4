//! Files and standard input.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Reads at most `limit + 1` bytes of a file: enough to see that it is longer.
///
/// # Errors
/// As `File::open` and `Read`.
pub fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    read_limited(File::open(path)?, limit)
}

/// Reads at most `limit + 1` bytes of standard input.
///
/// # Errors
/// As `Read`.
pub fn read_stdin(limit: usize) -> io::Result<Vec<u8>> {
    read_limited(io::stdin().lock(), limit)
}

fn read_limited(from: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    from.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether `path` is a directory; links are followed.
#[must_use]
pub fn is_directory(path: &Path) -> bool {
    path.is_dir()
}

/// The files in a directory that end in one of `extensions`, sorted by name; not
/// those below it.
///
/// # Errors
/// As `read_dir`.
pub fn list(directory: &Path, extensions: &[&str]) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let wanted = path.extension().is_some_and(|e| {
            extensions
                .iter()
                .any(|wanted| e.eq_ignore_ascii_case(wanted))
        });
        if wanted && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a file that is a plain one itself: not by a link, and not a pipe, which might
/// never end. At most `limit + 1` bytes.
///
/// # Errors
/// As `File::open` and `Read`; `InvalidInput` where it is no plain file.
pub fn read_plain(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    if !std::fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a plain file",
        ));
    }
    read(path, limit)
}

/// Makes a directory that its owner alone may enter; an empty one that is there will
/// do, with the rights that it has.
///
/// # Errors
/// `DirectoryNotEmpty` or `NotADirectory` where something is there; else as `mkdir`.
pub fn make_private(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            match std::fs::read_dir(directory)?.next() {
                None => Ok(()),
                Some(_) => Err(io::ErrorKind::DirectoryNotEmpty.into()),
            }
        }
        made => made,
    }
}

/// Writes a new file below a directory, and the folders on its way, for its owner
/// alone.
///
/// # Errors
/// As `mkdir` and `write`; `AlreadyExists` where something of that name is there.
pub fn write_below(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let path = directory.join(name);
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)
}
