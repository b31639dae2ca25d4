//! `ftpnat check`: what stands between this host and working FTP over TLS.

use std::path::Path;

use crate::check::{Firewall, Report, examine};
use crate::cli::{self, Output};
use crate::facts::Facts;
use crate::facts::sources::PROFILES;
use crate::output::{self, Failure};
use crate::plan;
use crate::plan::reach::reach;
use crate::profile::Profile;
use crate::ruleset::eval::HostFacts;
use crate::ruleset::live::recorded;
use crate::sys::ruleset;
use crate::sys::terminal::{Color, write_stdout};

use super::{installed, profiles, snapshot};

/// Makes the checks, prints what they found, and gives the exit status that says it.
pub(super) fn run(asked: &cli::Check, format: Output, color: Color) -> anyhow::Result<u8> {
    let named = profiles::read(&asked.profiles)?;
    let (ruleset, facts) = if let Some(directory) = &asked.snapshot {
        let snapshot = snapshot::read(Path::new(directory))?;
        (recorded::ruleset(&snapshot), Facts::of(snapshot))
    } else {
        let mut snapshot = snapshot::take(asked.probe);
        let ruleset = ruleset::read(&snapshot, asked.probe);
        installed::record_into(&mut snapshot, &asked.state, |_| ruleset.clone());
        (ruleset, Facts::of(snapshot))
    };
    let profiles = if named.is_empty() {
        own_profiles(&facts)?
    } else {
        named
    };
    let plan = plan::plan(&profiles, &facts);
    let host = HostFacts::of(&facts);
    let firewall = Firewall::new(&ruleset, &host);
    let reports: Vec<(&Profile, Report)> = plan
        .profiles
        .iter()
        .filter_map(|part| {
            let profile = profiles.iter().find(|p| p.name == part.name)?;
            Some((profile, examine(profile, part, &facts, &firewall)))
        })
        .collect();
    let parts = reports.iter().map(|(profile, report)| match format {
        Output::Human if asked.verbose => {
            let traffic = reach(profile, &facts, &firewall.prepared);
            let way = output::path::paths(profile, &traffic, &firewall.prepared);
            output::check::report(profile, report, &facts) + &way
        }
        Output::Human => output::check::report(profile, report, &facts),
        Output::Json => output::json::check(&profile.name, report),
    });
    let separator = if format == Output::Human { "\n" } else { "" };
    write_stdout(&parts.collect::<Vec<_>>().join(separator), color)?;
    Ok(status(&reports))
}

/// An error in one profile counts before a check that was not made in another.
fn status(reports: &[(&Profile, Report)]) -> u8 {
    let has = |status| reports.iter().any(|(_, report)| report.status() == status);
    if has(1) {
        1
    } else if has(3) {
        3
    } else {
        0
    }
}

fn own_profiles(facts: &Facts) -> anyhow::Result<Vec<Profile>> {
    let texts: Vec<(String, Vec<u8>)> = facts
        .installed_profiles()
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
        .collect();
    if let Some(why) = facts.unreadable_profile() {
        return Err(Failure::cannot(format!("cannot read {why}"))
            .help("run as root, or name a profile: ftpnat check --profile FILE")
            .into());
    }
    if texts.is_empty() {
        return Err(Failure::cannot(format!(
            "there is no profile to check: none was named, and {PROFILES} holds none"
        ))
        .help(
            "write down your server as one of the shipped profiles does, then: \
             ftpnat check --profile FILE (this version does not read the server's own \
             configuration)",
        )
        .into());
    }
    profiles::valid(&texts)
}
