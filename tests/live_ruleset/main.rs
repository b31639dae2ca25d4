//! Rulesets loaded by nft, iptables-nft and iptables-legacy, read back from the kernel:
//! every expression, match and target is understood, and is what was loaded.

#![allow(clippy::disallowed_methods, reason = "tests touch files")]
#![allow(
    clippy::print_stdout,
    reason = "the figures are part of what the test says"
)]

#[path = "../support/mod.rs"]
mod support;

mod agreement;
mod guests;
mod held;
mod moments;
mod native;
mod placements;
mod real;
mod replayed;
mod xtables;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::enter();
    let mut trials = native::trials();
    trials.extend(xtables::trials());
    trials.extend(moments::trials());
    trials.extend(real::trials());
    trials.extend(replayed::trials());
    trials.push(placements::trial());
    trials.extend(guests::trials());
    let code = support::play_rules(trials);
    agreement::total();
    code
}
