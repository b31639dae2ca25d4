//! What apply and remove do beside the rules, on this kernel: sysctls in namespaces made for
//! it, the state directory with its lock, and the programs that load modules. This kernel
//! may be one without modules: modprobe is a recorded stand-in.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests touch the host: that is what they are for"
)]

#[path = "../support/mod.rs"]
mod support;

mod advertised;
mod disk;
mod modules;
mod state;
mod sysctls;

use std::process::{Command, ExitCode};

use libtest_mimic::{Failed, Trial};

/// Says what this program does as a process of its own, and with what.
const ACT: &str = "FTPNAT_TEST_ACT";

fn main() -> ExitCode {
    if let Some(act) = std::env::var_os(ACT) {
        let act = act.into_string().expect("UTF-8");
        let (act, argument) = act.split_once(' ').expect("an act and its argument");
        return match act {
            "hold" => state::hold(argument),
            "overwrite" => state::overwrite(argument),
            "load" => modules::load(argument),
            other => panic!("no act {other}"),
        };
    }
    support::enter();
    let mut trials = sysctls::trials();
    trials.extend(advertised::trials());
    trials.extend(state::trials());
    trials.extend(disk::trials());
    trials.extend(modules::trials());
    support::play_rules(trials)
}

/// This program as another process.
fn another(act: &str, argument: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program's path"));
    command.env(ACT, format!("{act} {argument}"));
    command
}

fn trial(name: &str, run: fn()) -> Trial {
    Trial::test(name, move || {
        run();
        Ok::<(), Failed>(())
    })
}
