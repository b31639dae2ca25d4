//! Remedies as changes of rules: made from the ruleset of a real namespace, pasted into a
//! shell there, and proved by packets. What was pasted goes with `ftpnat remove`.

#![allow(clippy::disallowed_methods, reason = "tests touch files")]

mod edits;
mod guests;
#[path = "../apply_lab/host.rs"]
#[allow(dead_code, reason = "each test crate uses a part")]
mod host;
mod own;
mod pasted;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::enter();
    let mut trials = guests::trials();
    trials.extend(own::trials());
    trials.extend(edits::trials());
    support::play_rules(trials)
}
