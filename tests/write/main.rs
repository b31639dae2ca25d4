//! What ftpnat writes into `nf_tables`: as nft writes the same, whole or not at all, on the
//! ruleset that it was planned for, of any size.

#![allow(clippy::disallowed_methods, reason = "tests touch files")]
#![allow(
    clippy::print_stdout,
    reason = "a process of a test says what came of it"
)]

#[path = "../support/mod.rs"]
mod support;

mod guests;
mod host;
mod large;
mod listings;
mod refusals;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::var_os(refusals::AT_ONCE).is_some() {
        return refusals::commit_at_once();
    }
    support::enter();
    let mut trials = listings::trials();
    trials.extend(refusals::trials());
    trials.extend(guests::trials());
    trials.extend(large::trials());
    support::play_rules(trials)
}
