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
    if fault.applied == Applied::Refused && said.offers_apply() {
        return Err(format!("`ftpnat apply` is offered, and refuses:\n{said}").into());
    }
    let commands = said.commands();
    match (fault.says, fault.cure) {
        (Says::Error(..), Cure::Pasted) if commands.is_empty() => {
            Err(format!("nothing to paste:\n{said}").into())
        }
        // In words only: somebody who followed them.
        (Says::Error(..), Cure::Repaired(firewall)) if commands.is_empty() => {
            repaired(&Stage::of(fault, firewall), fault, "repaired")
        }
        (Says::Error(..), _) => {
            for command in &commands {
                stage.paste(command)?;
            }
            let what = format!("{said}\npasted:\n{}\n", commands.join("\n"));
            repaired(&stage, fault, &what)
        }
        // No error: what it warns of is played for itself.
        (Says::Warning(_) | Says::Nothing, Cure::Repaired(firewall)) => {
            let stage = Stage::of(fault, firewall);
            let said = Said::of(&stage)?;
            if let Says::Warning(id) = fault.says {
                said.is_silent_of(id)?;
            }
            repaired(&stage, fault, "repaired")
        }
        (Says::Warning(_) | Says::Nothing, Cure::Pasted) => Ok(()),
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
    Said::of(stage)?.has_no_error().map_err(told)
}
