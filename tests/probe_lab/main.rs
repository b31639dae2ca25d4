//! `ftpnat probe` against real servers, through real firewalls and NAT, in namespaces: a healthy
//! server is healthy, and each fault is named by its check and by no other.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the host: that is what they are for"
)]
#![allow(clippy::print_stdout, reason = "a skipped trial is said aloud")]

#[path = "../support/mod.rs"]
mod support;

mod direct;
mod every;
mod gateway;
mod healthy;
mod held;
mod keys;
mod old;
mod printed;
mod seat;
mod setup;
mod tls;

use std::process::ExitCode;

use ftpnat::check::CHECKS;
use libtest_mimic::{Failed, Trial};
use support::server::has_other_users;

fn main() -> ExitCode {
    support::enter();
    if !has_other_users() {
        println!("ignored: vsftpd and Pure-FTPd become other users, and there are none here");
    }
    let mut trials = healthy::trials();
    trials.extend(direct::trials());
    trials.extend(gateway::trials());
    trials.extend(every::trials());
    trials.extend(held::trials());
    trials.extend(keys::trials());
    trials.extend(printed::trials());
    trials.extend(tls::trials());
    let names: Vec<String> = trials.iter().map(|trial| trial.name().to_owned()).collect();
    trials.push(Trial::test("every-check-has-its-fault", move || {
        every_check(&names)
    }));
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    support::play(trials)
}

/// Each check of a session from the client's seat is shown to fire on a real fault.
fn every_check(names: &[String]) -> Result<(), Failed> {
    let ids = CHECKS.iter().map(|check| check.id.to_string());
    let unproven: Vec<String> = ids
        .filter(|id| id.starts_with("FN4"))
        .filter(|id| !names.iter().any(|name| name.contains(id.as_str())))
        .collect();
    if unproven.is_empty() {
        Ok(())
    } else {
        Err(format!("no trial has {unproven:?}").into())
    }
}
