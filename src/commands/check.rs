//! `ftpnat check`: what stands between this host and working FTP over TLS.

use std::path::Path;

use crate::check::{Firewall, examine};
use crate::cli::{self, Output};
use crate::facts::Facts;
use crate::facts::sources::PROFILES;
use crate::output::{self, Failure, Seen};
use crate::plan::assumed::assumed;
use crate::plan::reach::reach;
use crate::plan::{self, ProfilePlan};
use crate::profile::{Nat, Profile};
use crate::ruleset::eval::HostFacts;
use crate::ruleset::live::recorded;
use crate::ruleset::posted::Posted;
use crate::sys::ruleset;
use crate::sys::terminal::{Color, write_stdout};

use super::{installed, profiles, saved, snapshot};

/// Makes the checks, prints what they found, and gives the exit status that says it.
pub(super) fn run(asked: &cli::Check, format: Output, color: Color) -> anyhow::Result<u8> {
    if asked.rules.as_deref() == Some("-") && asked.profiles.iter().any(|p| p == "-") {
        return Err(
            Failure::usage("--profile - and --rules - both ask for standard input")
                .help("give one of them as a file")
                .into(),
        );
    }
    let named = profiles::read(&asked.profiles)?;
    let told = match &asked.rules {
        Some(rules) => of_text(&named, rules, asked, format)?,
        None => of_host(named, asked, format)?,
    };
    let separator = if format == Output::Human { "\n" } else { "" };
    let parts: Vec<&str> = told.iter().map(|(_, text)| text.as_str()).collect();
    write_stdout(&parts.join(separator), color)?;
    Ok(status(&told))
}

/// Exit status and words of each profile.
type Told = Vec<(u8, String)>;

/// On this host, or one that was saved.
fn of_host(named: Vec<Profile>, asked: &cli::Check, format: Output) -> anyhow::Result<Told> {
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
    let told = plan.profiles.iter().filter_map(|part| {
        let profile = profiles.iter().find(|p| p.name == part.name)?;
        let seen = Seen::Host(&facts);
        Some(tell((profile, part), &firewall, seen, asked, format))
    });
    Ok(told.collect())
}

/// On a host of which a saved ruleset is all that is known.
fn of_text(
    profiles: &[Profile],
    rules: &str,
    asked: &cli::Check,
    format: Output,
) -> anyhow::Result<Told> {
    let (name, text) = saved::read(rules, "the rules")?;
    let posted = Posted::parse(&text).map_err(|e| {
        Failure::cannot(format!("{name} is not a whole saved ruleset: {e}")).help(e.fault.help())
    })?;
    let told = profiles.iter().flat_map(|profile| {
        let translates = matches!(profile.nat, Nat::Dnat { .. } | Nat::Masquerade { .. });
        let ruleset = posted.ruleset(translates);
        let host = assumed(profile, &posted);
        let plan = plan::plan(std::slice::from_ref(profile), &host.facts);
        let firewall = Firewall::of_text(&ruleset, &host.host, (&posted, &name));
        let seen = Seen::Text(&host, &name);
        let parts = plan.profiles.iter();
        let told = parts.map(|part| tell((profile, part), &firewall, seen, asked, format));
        told.collect::<Told>()
    });
    Ok(told.collect())
}

fn tell(
    (profile, part): (&Profile, &ProfilePlan),
    firewall: &Firewall,
    seen: Seen,
    asked: &cli::Check,
    format: Output,
) -> (u8, String) {
    let facts = seen.facts();
    let report = seen.fitting(examine(profile, part, facts, firewall));
    let text = match format {
        Output::Human if asked.verbose => {
            let traffic = reach(profile, facts, &firewall.prepared);
            let way = output::path::paths(profile, &traffic, &firewall.prepared);
            output::check::report(profile, &report, seen) + &way
        }
        Output::Human => output::check::report(profile, &report, seen),
        Output::Json => output::json::check(&profile.name, &report),
    };
    (report.status(), text)
}

/// An error in one profile counts before a check that was not made in another.
fn status(told: &Told) -> u8 {
    let has = |status| told.iter().any(|(each, _)| *each == status);
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
