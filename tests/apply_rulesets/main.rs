//! `apply`, `remove` and `status` on real rulesets, and beside programs that change the
//! rules meanwhile.

#![allow(clippy::disallowed_methods, reason = "tests touch the host")]

#[path = "../support/mod.rs"]
mod support;

mod again;
mod drift;
mod host;
mod races;
mod readme;
mod real;
mod table;
mod texts;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::enter();
    let mut trials = races::trials();
    trials.extend(races::without_rights());
    trials.extend(again::trials());
    trials.extend(drift::trials());
    trials.extend(real::trials());
    trials.push(readme::trial());
    let code = support::play_rules(trials);
    table::update();
    code
}
