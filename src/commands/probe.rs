//! `ftpnat probe`: a server from the client's seat.

use crate::cli::{self, Output};
use crate::output::Failure;
use crate::sys::terminal::Color;

use super::{profiles, sweep};

/// Sweeps the passive range.
pub(super) fn run(asked: &cli::Probe, format: Output, color: Color) -> anyhow::Result<u8> {
    match (&asked.profile, &asked.token) {
        (Some(profile), Some(token)) if asked.sweep => {
            let profile = profiles::read_one(profile)?;
            sweep::run(&asked.host, &profile, token, format, color)
        }
        _ => Err(Failure::usage("`ftpnat probe` of this version only sweeps")
            .help("ftpnat probe --sweep --token T HOST --profile P")
            .into()),
    }
}
