//! The programs that manage a host's firewall, in front of a real `ProFTPD`: where the
//! listing fails, `ftpnat apply`, or what it prints, cures it, and what the manager does
//! afterwards leaves it cured.
//!
//! ufw and firewalld are Debian's, unpacked and run in namespaces of the test's own, with
//! a configuration, a bus and a `/run` of their own. There is no Docker engine here: its
//! chains are those that were recorded of one (`tests/data/rulesets/real/docker-*`).

#![allow(clippy::disallowed_methods, reason = "tests touch files")]

#[path = "../support/mod.rs"]
mod support;

mod docker;
mod firewalld;
mod installed;
mod paste;
mod seclude;
mod ufw;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::enter();
    let mut trials = seclude::unless(ufw::missing(), ufw::trials());
    trials.extend(seclude::unless(firewalld::missing(), firewalld::trials()));
    trials.extend(docker::trials());
    support::play(trials)
}
