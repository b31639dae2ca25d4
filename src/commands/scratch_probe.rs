//! `ftpnat scratch-probe`, which `check` starts: what the FTP helpers do in a network
//! namespace of this process.

use crate::sys::scratch;
use crate::sys::terminal::{Color, write_stdout};

/// Enters a new network namespace, tries the helpers there, and prints the report.
pub(super) fn run() -> anyhow::Result<()> {
    let report = scratch::in_new_namespace(&scratch::Trial::default());
    write_stdout(&report.to_string(), Color::Never)?;
    Ok(())
}
