//! Faults of firewalls, each played both ways: the real client fails as the row says and
//! `check` names the cause first; with what `check` says pasted, and on another host with
//! `ftpnat apply` alone, `check` has no error any more and the client lists.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the host: that is what they are for"
)]

mod fault;
mod rows;
mod said;
mod stage;
#[path = "../support/mod.rs"]
mod support;
mod totals;

use std::process::ExitCode;

use libtest_mimic::{Failed, Trial};

use fault::{Applied, Cure, Ends, Fault, Says};
use said::Said;
use stage::Stage;
use support::server::has_other_users;

fn main() -> ExitCode {
    support::enter();
    let mut trials = vec![Trial::test("totals", totals::printed)];
    for fault in rows::all() {
        // A user namespace of one id has no other user, and vsftpd wants some.
        let is_absent = fault.serves.needs_users && !has_other_users();
        let pasted = format!("{}/pasted", fault.name);
        trials.push(Trial::test(pasted, move || pasted_(fault)).with_ignored_flag(is_absent));
        if fault.applied != Applied::NotTried {
            let applied = format!("{}/applied", fault.name);
            trials.push(Trial::test(applied, move || applied_(fault)).with_ignored_flag(is_absent));
        }
    }
    support::play(trials)
}

/// The client fails, `check` says why, and what it says to do is done by hand.
fn pasted_(fault: &'static Fault) -> Result<(), Failed> {
    let stage = Stage::of(fault, fault.firewall);
    stage.plays(&fault.play, fault.ends)?;
    stage.lists_all(fault.meanwhile)?;
    let said = Said::of(&stage)?;
    said.blames(fault)?;
    if fault.applied == Applied::Refused && said.offers_apply(fault.says) {
        return Err(format!("`ftpnat apply` is offered, and refuses:\n{said}").into());
    }
    let commands = said.commands(fault.says);
    if !commands.is_empty() {
        for command in &commands {
            stage.paste(command)?;
        }
        let what = format!("{said}\npasted:\n{}\n", commands.join("\n"));
        return repaired(&stage, fault, &what);
    }
    match (fault.cure, fault.says) {
        // In words only: somebody who followed them.
        (Cure::Repaired(firewall), _) => repaired(&Stage::of(fault, firewall), fault, "repaired"),
        (Cure::Pasted, Says::Error(..)) => Err(format!("nothing to paste:\n{said}").into()),
        (Cure::Pasted, Says::Warning(_) | Says::Note(_) | Says::Nothing) => Ok(()),
    }
}

/// The same by `ftpnat apply`.
fn applied_(fault: &'static Fault) -> Result<(), Failed> {
    let stage = Stage::of(fault, fault.firewall);
    let run = stage.apply();
    let shown = format!("{run:?}");
    match fault.applied {
        Applied::Cures if run.status == 0 => repaired(&stage, fault, &shown),
        Applied::Refused if run.status == 3 => stage.plays(&fault.play, fault.ends),
        _ => Err(format!("{:?} expected: {shown}", fault.applied).into()),
    }
}

fn repaired(stage: &Stage, fault: &Fault, what: &str) -> Result<(), Failed> {
    let told = |failed: Failed| -> Failed {
        let words = failed.message().unwrap_or_default();
        format!("{words}\nafter: {what}\n{}", stage.rules()).into()
    };
    stage.plays(&fault.play, Ends::Lists).map_err(told)?;
    stage.lists_all(fault.meanwhile).map_err(told)?;
    let said = Said::of(stage)?;
    said.has_no_error().map_err(told)?;
    match fault.says {
        Says::Warning(id) | Says::Note(id) => said.is_silent_of(id).map_err(told),
        Says::Error(..) | Says::Nothing => Ok(()),
    }
}
