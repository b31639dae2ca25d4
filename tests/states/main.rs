//! Real rulesets in three states: as somebody has them, where that shuts FTP out; opened for
//! a part of the passive range; opened. In each `check` says what a real client meets.

#![allow(clippy::disallowed_methods, reason = "tests touch the host")]

#[path = "../apply_rulesets/host.rs"]
#[allow(dead_code, reason = "each test crate uses a part")]
mod host;
mod played;
#[path = "../apply_rulesets/rulesets.rs"]
#[allow(dead_code, reason = "each test crate uses a part")]
mod rulesets;
#[path = "../support/mod.rs"]
mod support;
#[path = "../apply_rulesets/table.rs"]
mod table;

use std::process::ExitCode;

const TABLE: table::Table = table::Table {
    file: "tests/data/blame/rulesets.txt",
    head: "\
What `ftpnat check` says of FTP on each ruleset of tests/data/rulesets/real, with two profiles
and in three states. Closed: as it is; where that lets FTP in, behind a table whose policy is
drop. Half: `ftpnat apply` of the same profile with half of its passive range. Open: `ftpnat
apply` of it. Of each state: the session of a real client, then the errors and warnings of rules,
each with the first of its evidence, and what cannot be told.
",
};

fn main() -> ExitCode {
    support::enter();
    let code = support::play(played::trials());
    table::update();
    code
}
