//! Every check on saved hosts: a case in which it fires and a twin in which it does
//! not, hosts that were recorded, and what happens where something is not known.

#![allow(clippy::disallowed_methods, reason = "tests read files")]

mod blamed;
mod cases;
mod gaps;
mod host;
mod narrow;
mod recorded;
mod unseen;
mod width;

use ftpnat::check::{Finding, Firewall, Report, examine};
use ftpnat::facts::Facts;
use ftpnat::facts::snapshot::Snapshot;
use ftpnat::plan;
use ftpnat::profile::{self, Profile};
use ftpnat::ruleset::eval::HostFacts;
use ftpnat::ruleset::live::recorded::ruleset;

/// A profile of this text.
#[track_caller]
fn profile(yaml: &str) -> Profile {
    profile::parse("test.yaml", yaml.as_bytes())
        .unwrap_or_else(|errors| panic!("{}", errors.render(false)))
}

/// What is found of a profile on a host.
#[track_caller]
fn report(yaml: &str, snapshot: Snapshot) -> Report {
    let facts = Facts::of(snapshot);
    let profile = profile(yaml);
    let plan = plan::plan(std::slice::from_ref(&profile), &facts);
    let (ruleset, host) = (ruleset(&facts.snapshot), HostFacts::of(&facts));
    let firewall = Firewall::new(&ruleset, &host);
    examine(&profile, &plan.profiles[0], &facts, &firewall)
}

/// The finding of a check.
fn finding<'a>(report: &'a Report, id: &str) -> Option<&'a Finding> {
    report.findings.iter().find(|f| f.id.to_string() == id)
}
