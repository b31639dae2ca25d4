//! What `apply` and `remove` load with the iptables programs: loaded it is what was said
//! before, loaded again it is nothing, taken out it leaves no trace, and nothing of
//! others is touched.

#![allow(clippy::disallowed_methods, reason = "tests touch files")]

#[path = "../support/mod.rs"]
mod support;

mod bases;
mod cases;
mod host;
mod matrix;
mod trial;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::enter();
    let mut trials = matrix::trials();
    trials.extend(cases::trials());
    trials.extend(trial::trials());
    support::play_rules(trials)
}
