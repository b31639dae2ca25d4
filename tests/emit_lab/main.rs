//! What `emit` prints, loaded into the kernel: the truth table's rows with our
//! output in the place of hand-written rules, every way an administrator may load
//! it, and what must not happen on the way.

#![allow(clippy::disallowed_methods, reason = "tests touch files")]

#[path = "../support/mod.rs"]
mod support;

mod bans;
mod generated;
mod listings;
mod loading;
mod native;
mod placement;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::enter();
    let mut trials = listings::trials();
    trials.extend(loading::trials());
    trials.extend(placement::trials());
    trials.extend(generated::trials());
    trials.extend(native::trials());
    trials.extend(bans::trials());
    support::play(trials)
}
