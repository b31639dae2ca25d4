//! Each shipped profile is applied to a host that drops everything, and each rule of
//! ours is then taken out in turn. A client that came through before must fail, or,
//! of the accepts that are there for their counters, the counter must have counted.
//! A rule that nobody misses is a fault of the planner.

#![allow(clippy::disallowed_methods, reason = "tests touch files")]
#![allow(clippy::print_stderr, reason = "the test says what it took out")]

mod loaded;
mod missed;
mod model;
mod scenes;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use ftpnat::model::ftp::ClientMode;
use ftpnat::model::net::Family;
use ftpnat::plan::served_families;
use ftpnat::profile::parse;
use libtest_mimic::{Failed, Trial};

use loaded::{Loaded, Way};
use missed::{Seat, Sign};
use model::Session;
use scenes::Stage;
use support::netns::Namespace;
use support::profiles::{files, name_of};
use support::{BackEnd, ftpnat_beside};

fn main() -> ExitCode {
    support::enter();
    let mut trials = Vec::new();
    for file in files("profiles") {
        let name = name_of(&file);
        add(&mut trials, &name, &[file]);
    }
    let two = files("profiles")
        .into_iter()
        .filter(|file| name_of(file).starts_with("two-servers-"));
    add(&mut trials, "two-servers", &two.collect::<Vec<_>>());
    support::play(trials)
}

/// Both iptables have the same rules: the legacy one takes every profile where there is
/// time, and else those that have every rule between them.
const LEGACY_TOO: &[&str] = &[
    "dual-stack",
    "gateway-hairpin",
    "legacy-active",
    "masquerade",
];

fn add(trials: &mut Vec<Trial>, name: &str, files: &[PathBuf]) {
    let is_long = std::env::var_os("FTPNAT_LONG").is_some();
    for way in Way::ALL {
        if way == Way::Iptables(BackEnd::Legacy) && !is_long && !LEGACY_TOO.contains(&name) {
            continue;
        }
        let (name, files) = (format!("{name}/{}", way.word()), files.to_vec());
        trials.push(Trial::test(name.clone(), move || {
            each_is_missed(&name, &files, way)
        }));
    }
}

/// A client that hears nothing for so long fails: a SYN that is lost comes again after
/// one second, and that delay is a fault too.
const HANG: Duration = Duration::from_millis(900);
/// What works does so in this time in one of so many tries, however busy the machine is.
const TRIES: u32 = 10;
/// Where a rule's lack costs a second only, a machine that stands still between a SYN and
/// the wait for its answer hides it: then it is played again.
const MISS_TRIES: u32 = 3;

fn each_is_missed(name: &str, files: &[PathBuf], way: Way) -> Result<(), Failed> {
    let profile = |file: &PathBuf| {
        let text = std::fs::read(file).expect("a profile");
        parse(&file.display().to_string(), &text).expect("a valid profile")
    };
    let stage = Stage::of(files.iter().map(profile).collect());
    way.drop_all(stage.firewall());
    let kept = support::directory();
    apply(stage.firewall(), way, files, kept.path())?;
    let rules = way.rules(stage.firewall());
    // All that is missed below works now.
    let mut faults = Vec::new();
    let mut played = Vec::new();
    for rule in &rules {
        for (seat, session) in sessions(&stage, &rules, rule)? {
            if played.contains(&(seat, session)) {
                continue;
            }
            played.push((seat, session));
            if let Err(e) = works(&stage, seat, session) {
                faults.push(format!("before: {seat:?}: {session:?}: {e}"));
            }
        }
    }
    if !faults.is_empty() {
        let listing = way.saved(stage.firewall());
        return Err(format!("{}\n{}", faults.join("\n"), listing.text()).into());
    }
    let counted = way.rules(stage.firewall());
    let saved = way.saved(stage.firewall());
    let mut told = BTreeMap::<String, usize>::new();
    for number in 0..counted.len() {
        let rule = &counted[number];
        if rule.counts_only {
            if rule.packets == 0 {
                faults.push(format!("no packet met `{}`", rule.text));
            }
            *told.entry("its counter".into()).or_default() += 1;
            continue;
        }
        // Handles are others where a rule came back.
        let now = way.rules(stage.firewall());
        match missed(&stage, &now, &now[number])? {
            Some(how) => *told.entry(how).or_default() += 1,
            None => faults.push(format!("nobody misses `{}`", rule.text)),
        }
        if number % 5 == 0 {
            apply(stage.firewall(), way, files, kept.path())?;
            same(&way.saved(stage.firewall()).plain(), &saved.plain())?;
        } else {
            saved.load(stage.firewall());
        }
    }
    let told: Vec<String> = told
        .iter()
        .map(|(how, n)| format!("{n} by {how}"))
        .collect();
    eprintln!(
        "{name}: {} rules taken out in turn; missed: {}",
        rules.len(),
        told.join(", ")
    );
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults.join("\n").into())
    }
}

fn apply(host: &Namespace, way: Way, files: &[PathBuf], state: &Path) -> Result<(), Failed> {
    let state = state.display().to_string();
    let mut arguments = vec!["apply", "--yes", "--backend", way.word()];
    arguments.extend(["--state-dir", &state]);
    for file in files {
        arguments.extend(["--profile", file.to_str().expect("a path")]);
    }
    let run = ftpnat_beside(way.beside(), host, &arguments, "");
    if run.status == 0 {
        Ok(())
    } else {
        Err(format!("{run:?}").into())
    }
}

fn same(now: &str, before: &str) -> Result<(), Failed> {
    if now == before {
        Ok(())
    } else {
        Err(format!("apply does not bring a lost rule back:\n{now}\nbefore:\n{before}").into())
    }
}

/// Who misses a rule; it is out afterwards.
fn missed(stage: &Stage, rules: &[Loaded], rule: &Loaded) -> Result<Option<String>, Failed> {
    // A twin for another profile stands there so that either may go.
    let twins = rules.iter().filter(|other| other.is_twin_of(rule));
    for gone in twins.chain([rule]) {
        let deleted = stage.firewall().feed("sh", &["-c", &gone.deletion], "");
        if !deleted.status.success() {
            return Err(format!("{}: {deleted:?}", gone.deletion).into());
        }
    }
    for _ in 0..MISS_TRIES {
        for (from, session) in sessions(stage, rules, rule)? {
            if play(stage, from, session).is_err() {
                let kind = if session.veiled { "veiled" } else { "plain" };
                return Ok(Some(format!("{from:?} {:?} {kind}", session.mode)));
            }
        }
    }
    Ok(None)
}

/// The sessions in which a rule is used: of each family that is served.
fn sessions(
    stage: &Stage,
    rules: &[Loaded],
    rule: &Loaded,
) -> Result<Vec<(Seat, Session)>, Failed> {
    let signs: Vec<Sign> = match &rule.leads_to {
        None => missed::by(&rule.name).collect(),
        Some(chain) => rules
            .iter()
            .filter(|other| other.chain == *chain)
            .flat_map(|other| missed::by(&other.name))
            .collect(),
    };
    if signs.is_empty() {
        let name = &rule.name;
        return Err(format!("who misses the rule `{name}`? The table does not say").into());
    }
    let mut sessions = Vec::new();
    for (sign, profile) in signs
        .into_iter()
        .flat_map(|s| stage.profiles(&rule.profile).map(move |p| (s, p)))
    {
        for family in served_families(profile) {
            sessions.extend(
                stage
                    .sessions(profile, sign, family)
                    .into_iter()
                    .map(|s| (sign.seat, s)),
            );
        }
    }
    Ok(sessions)
}

fn works(stage: &Stage, seat: Seat, session: Session) -> Result<(), String> {
    let mut played = play(stage, seat, session);
    for _ in 1..TRIES {
        if played.is_err() {
            played = play(stage, seat, session);
        }
    }
    played
}

fn play(stage: &Stage, seat: Seat, session: Session) -> Result<(), String> {
    if seat.is_narrow() {
        stage.forget_paths();
    }
    model::play(stage.client(seat), session, HANG)
}

/// The same way of asking, in the other family's words.
fn in_family(mode: ClientMode, family: Family) -> Option<ClientMode> {
    match (mode, family) {
        (ClientMode::Port, Family::Ipv6) => Some(ClientMode::Eprt),
        (ClientMode::Pasv, Family::Ipv6) => None,
        _ => Some(mode),
    }
}
