//! Sysctls, read and written below `/proc/sys`. Those below `net` are of the network
//! namespace of the thread that opens the file (proc(5), `/proc/sys/net`).

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};

use crate::facts::sysctl;

/// Why a sysctl is not what it was to be.
#[derive(Debug, thiserror::Error)]
pub enum SysctlError {
    /// It cannot be written.
    #[error("cannot write {value:?} to {path}{}", hint(.source))]
    Write {
        /// Its file.
        path: String,
        /// What was to be written.
        value: String,
        /// Why.
        source: io::Error,
    },
    /// It cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Its file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The kernel took the value and has another one.
    #[error("{path} is {found:?} after {value:?} was written to it")]
    NotTaken {
        /// Its file.
        path: String,
        /// What was written.
        value: String,
        /// What it is now.
        found: String,
    },
}

/// Containers have `/proc/sys` read-only.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            " (in a container, whoever starts it must set it: --sysctl)"
        }
        io::ErrorKind::PermissionDenied => " (run ftpnat as root)",
        _ => "",
    }
}

/// The value of a sysctl by its name (see [`sysctl::path`]), without the end of its line.
///
/// # Errors
/// [`SysctlError::Read`], with `NotFound` where this kernel has no such sysctl.
pub fn read(key: &str) -> Result<String, SysctlError> {
    let path = sysctl::path(key);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(source) => Err(SysctlError::Read { path, source }),
    }
}

/// Sets a sysctl, and reads it again: the kernel takes some values and keeps others.
///
/// # Errors
/// [`SysctlError`].
pub fn write(key: &str, value: &str) -> Result<(), SysctlError> {
    let path = sysctl::path(key);
    // One write of the whole line: a sysctl takes no second one.
    let line = format!("{value}\n");
    let written = OpenOptions::new()
        .write(true)
        .open(&path)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(source) = written {
        let value = value.to_owned();
        return Err(SysctlError::Write {
            path,
            value,
            source,
        });
    }
    let found = read(key)?;
    if found == value {
        return Ok(());
    }
    let value = value.to_owned();
    Err(SysctlError::NotTaken { path, value, found })
}
