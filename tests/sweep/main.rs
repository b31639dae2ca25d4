//! Sweeps: `ftpnat answer` and `ftpnat probe --sweep` in two networks, through firewalls that
//! let a part of the range in; beside servers in use; and among callers that mean harm.

#![allow(clippy::disallowed_methods, reason = "tests touch the host")]
#![allow(
    clippy::print_stdout,
    reason = "a trial that is not played is said aloud"
)]

mod busy;
mod closed;
mod hostile;
mod open;
mod pair;
mod printed;
#[path = "../support/mod.rs"]
mod support;
mod translated;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::enter();
    hostile::allow_crowds();
    let mut trials = open::trials();
    trials.extend(closed::trials());
    trials.extend(translated::trials());
    trials.extend(busy::trials());
    trials.extend(hostile::trials());
    trials.extend(printed::trials());
    support::play(trials)
}
