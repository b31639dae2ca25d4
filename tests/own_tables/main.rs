//! Our own tables as values: the kernel holds the same once it has loaded their text, and
//! several servers by maps are served exactly as by rules of their own.

#![allow(clippy::disallowed_methods, reason = "tests touch files")]
#![allow(
    clippy::print_stdout,
    reason = "the figures are part of what the test says"
)]

#[path = "../support/mod.rs"]
mod support;

mod connections;
mod guests;
mod held;
mod many;
mod together;

use std::process::ExitCode;

use ftpnat::profile::{Profile, conflicts, parse};
use libtest_mimic::Failed;

use support::dice::Dice;
use support::profiles;

fn main() -> ExitCode {
    support::enter();
    let mut trials = held::trials();
    trials.extend(guests::trials());
    trials.extend(together::trials());
    trials.extend(connections::trials());
    trials.extend(many::trials());
    support::play_rules(trials)
}

/// The shipped profiles of these names.
pub(crate) fn shipped(names: &[&str]) -> Result<Vec<Profile>, Failed> {
    let read = |name: &&str| read(&std::fs::read_to_string(format!("profiles/{name}.yaml"))?);
    names.iter().map(read).collect()
}

pub(crate) fn read(text: &str) -> Result<Profile, Failed> {
    parse("a.yaml", text.as_bytes()).map_err(|e| format!("{}\n{text}", e.render(false)).into())
}

/// Some servers behind one gateway, as many of them as can stand there together.
pub(crate) fn servers(seed: u64) -> Result<Vec<Profile>, Failed> {
    let mut dice = Dice(seed);
    let wanted = dice.count(2, 12);
    let mut together: Vec<Profile> = Vec::new();
    for number in 0..wanted {
        let profile = read(&profiles::one_of_many(&mut dice, number))?;
        together.push(profile);
        if !conflicts(&together).is_empty() {
            together.pop();
        }
    }
    Ok(together)
}

/// The names of all shipped profiles.
pub(crate) const SHIPPED: [&str; 11] = [
    "cloud",
    "dual-stack",
    "gateway",
    "gateway-hairpin",
    "home-router",
    "implicit",
    "legacy-active",
    "masquerade",
    "own-firewall",
    "two-servers-a",
    "two-servers-b",
];
