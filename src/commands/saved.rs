//! Reading texts of `iptables-save`.

use std::path::Path;

use anyhow::Context as _;

use crate::output::{Failure, one_line};
use crate::sys::files;

/// A saved ruleset larger than this is no ruleset.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// A saved text, a file or `-` for standard input, with its name for people. `what` says
/// what it is to be.
pub(super) fn read(name: &str, what: &str) -> anyhow::Result<(String, String)> {
    let (label, bytes) = if name == "-" {
        (
            "standard input".to_owned(),
            files::read_stdin(MAX_BYTES).context("cannot read standard input")?,
        )
    } else {
        let bytes = files::read(Path::new(name), MAX_BYTES)
            .map_err(|e| Failure::cannot(format!("cannot read {what} {}: {e}", one_line(name))))?;
        (one_line(name), bytes)
    };
    let text =
        String::from_utf8(bytes).map_err(|_| Failure::cannot(format!("{label} is not text")))?;
    Ok((label, text))
}
