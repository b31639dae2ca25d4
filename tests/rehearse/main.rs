//! Rehearsals: what packets do is what was predicted, of every shipped profile and of generated
//! ones; each planned rule is missed; real servers give what the lab's own gives; a firewall
//! that is laid again is the same; and nothing is left, whoever rehearses and however it ends.

#![allow(clippy::disallowed_methods, reason = "tests touch the host")]
#![allow(
    clippy::print_stdout,
    reason = "the figures are part of what the test says"
)]

mod apart;
mod applied;
mod generated;
mod missed;
mod printed;
mod servers;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use ftpnat::lab::account::Account;
use ftpnat::lab::play::Login;
use ftpnat::lab::rehearsal::{Rehearsal, Report, Stage};
use ftpnat::lab::rules::Firewall;
use ftpnat::lab::scene::Known;
use ftpnat::lab::verdict::Beyond;
use ftpnat::output::rehearse::human;
use ftpnat::profile::Profile;

fn main() -> ExitCode {
    support::enter();
    let mut trials = generated::trials();
    trials.extend(missed::trials());
    trials.extend(servers::trials());
    trials.extend(apart::trials());
    trials.extend(applied::trials());
    trials.extend(printed::trials());
    let code = support::play(trials);
    generated::total();
    code
}

/// Sets a stage for a profile, with the lab's own server.
fn set(profile: &Profile) -> Result<Stage, String> {
    let rehearsal = Rehearsal {
        profile,
        known: Known::default(),
        numbers: Vec::new(),
        server: None,
        login: Login {
            user: "anonymous".to_owned(),
            password: "ftpnat@".to_owned(),
        },
    };
    Stage::set(&rehearsal).map_err(|e| e.to_string())
}

/// Applies a profile to the firewall of a stage; the error is what apply says against it.
fn apply(stage: &Stage, text: &str, back_end: &str) -> Result<(), String> {
    let kept = support::directory();
    let profile = kept.path().join("profile.yaml");
    std::fs::write(&profile, text).expect("a profile");
    let profile = profile.display().to_string();
    let kept_there = kept.path().join("state").display().to_string();
    let arguments = [
        "apply",
        "--yes",
        "--backend",
        back_end,
        "--state-dir",
        &kept_there,
        "--profile",
        &profile,
    ];
    let done = stage
        .firewall()
        .run(env!("CARGO_BIN_EXE_ftpnat"), &arguments);
    let done = done.expect("ftpnat runs");
    if done.success {
        Ok(())
    } else {
        Err(format!("{}: {}", done.status, done.stderr))
    }
}

/// What came of it, in words, where it is not as predicted.
fn faults(profile: &Profile, report: &Report, stage: &Stage) -> Option<String> {
    let account = Account::of(report, &stage.scene, String::new());
    (!account.agrees()).then(|| human(profile, &account))
}

/// Before, the plan, after.
fn rehearsed(
    profile: &Profile,
    text: &str,
    firewall: Firewall,
    back_end: &str,
) -> Result<(Stage, Report), String> {
    let stage = set(profile)?;
    stage.lay(firewall, profile).map_err(|e| e.to_string())?;
    let before = stage.play(profile);
    apply(&stage, text, back_end)?;
    let lets_in = firewall == Firewall::Open;
    let beyond = Beyond {
        lets_in,
        ..Beyond::default()
    };
    let after = stage.play_expecting(profile, &beyond);
    let report = stage.report(&before, &after, &beyond);
    Ok((stage, report))
}
