//! `ftpnat probe` against real servers, through real firewalls and NAT, in namespaces: a healthy
//! server is healthy, and each fault is named by its check and by no other.

#[path = "../support/mod.rs"]
mod support;

mod healthy;
mod seat;
mod setup;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::enter();
    let mut trials = healthy::trials();
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    support::play(trials)
}
