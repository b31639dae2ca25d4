//! Files and standard input.

use std::fs::File;
use std::io::{self, Read};
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
