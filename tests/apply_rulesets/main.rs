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
mod rulesets;
mod table;
mod texts;

use std::process::ExitCode;

const TABLE: table::Table = table::Table {
    file: "tests/data/apply/rulesets.txt",
    head: "\
What `ftpnat apply --yes` does on each ruleset of tests/data/rulesets/real: by which
programs it was loaded, profile, back end; then where ours stand in it (before which rule),
what was warned of, and what still stops clients; or why it was refused.
",
};

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
