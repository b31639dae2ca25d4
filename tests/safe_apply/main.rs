//! An apply that cannot hurt: killed at any system call, left alone by its terminal, its
//! parent or its watchdog, on a full disk or a read-only one, it is whole or it is nothing.
//!
//! `FTPNAT_LONG=1` kills at every system call; `FTPNAT_KILL_SEED=NUMBER` takes other points
//! than the usual ones.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests touch the host, and tell what they counted"
)]

mod access;
mod disk;
mod host;
mod kill;
mod open;
mod seen;
#[path = "../support/mod.rs"]
mod support;
mod timer;
mod trace;
mod window;

use std::process::ExitCode;

use libtest_mimic::{Failed, Trial};

/// Says what this program does as a process of its own.
const ACT: &str = "FTPNAT_TEST_ACT";

fn main() -> ExitCode {
    if let Some(act) = std::env::var_os(ACT) {
        let act = act.into_string().expect("UTF-8");
        return match act.split_once(' ').unwrap_or((&act, "")) {
            ("trace", until) => trace::main(until),
            ("listen", port) => access::listen(port.parse().expect("a port")),
            other => panic!("no act {other:?}"),
        };
    }
    support::enter();
    let mut trials = kill::trials();
    trials.extend(window::trials());
    trials.extend(open::trials());
    trials.extend(disk::trials());
    trials.extend(timer::trials());
    trials.extend(access::trials());
    support::play(trials)
}

/// What a trial may give.
trait Played {
    fn played(self) -> Result<(), Failed>;
}

impl Played for () {
    fn played(self) -> Result<(), Failed> {
        Ok(())
    }
}

impl Played for Result<(), Failed> {
    fn played(self) -> Result<(), Failed> {
        self
    }
}

fn trial<T: Played>(name: &str, run: impl FnOnce() -> T + Send + 'static) -> Trial {
    Trial::test(name, || run().played())
}
