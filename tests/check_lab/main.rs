//! The checks of a host, on the kernel: where one fires, the real client fails as its
//! page says; where its own remedy was applied, it is silent and the client lists.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the host: that is what they are for"
)]

#[path = "../support/mod.rs"]
mod support;

mod drifted;
mod filter;
mod helper;
mod paths;
mod ports;
mod six;
mod still;
mod unseen;

use std::process::ExitCode;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use support::client::{self, Session, SessionTls};
use support::netns::Namespace;
use support::outcome::{Outcome, Stage};
use support::server::Server;

fn main() -> ExitCode {
    if ports::listens_for_a_trial() {
        return ExitCode::SUCCESS;
    }
    support::enter();
    let no_users = !support::server::has_other_users();
    let is_nested = !std::fs::read_to_string("/proc/self/uid_map")
        .is_ok_and(|map| map.split_whitespace().eq(["0", "0", "4294967295"]));
    let of = |(name, run): (&'static str, fn() -> Result<(), Failed>)| {
        // A user namespace of one id has no other user, and vsftpd wants some.
        let lacks = no_users && name.ends_with("-as-another-user");
        // No user namespace may load BPF (bpf(2), `CAP_BPF`).
        let lacks = lacks || is_nested && name.ends_with("-as-root-of-the-host");
        Trial::test(name, run).with_ignored_flag(lacks)
    };
    let trials = ports::trials().into_iter().chain(paths::trials());
    let trials = trials.chain(six::trials()).chain(filter::trials());
    let trials = trials.chain(helper::trials()).chain(unseen::trials());
    let trials = trials.chain(drifted::trials());
    support::play(trials.chain(still::trials()).map(of).collect())
}

/// A name and what is played.
type Played = (&'static str, fn() -> Result<(), Failed>);

/// What `ftpnat check` says of a profile in a namespace.
struct Said(Value);

impl Said {
    fn of(namespace: &Namespace, yaml: &str) -> Result<Self, Failed> {
        let arguments = ["check", "--output", "json", "--profile", "-"];
        let run = support::ftpnat(namespace, &arguments, yaml);
        if !matches!(run.status, 0 | 1 | 3) {
            return Err(format!("{run:?}").into());
        }
        Ok(Self(serde_json::from_str(&run.stdout)?))
    }

    fn finding(&self, id: &str) -> Option<&Value> {
        self.0["findings"]
            .as_array()?
            .iter()
            .find(|f| f["id"] == id)
    }

    /// The finding of a check that must have fired.
    fn fires(&self, id: &str) -> Result<&Value, Failed> {
        self.finding(id)
            .ok_or_else(|| format!("{id} did not fire:\n{}", self.0).into())
    }

    /// Fails where the check fired, or could not be made.
    fn silent(&self, id: &str) -> Result<(), Failed> {
        let open = self.0["not_checked"].as_array().into_iter().flatten();
        if self.finding(id).is_none() && !open.into_iter().any(|n| n["id"] == id) {
            return Ok(());
        }
        Err(format!("{id} is not silent:\n{}", self.0).into())
    }
}

/// The commands of a finding's remedy, without comments.
fn commands(finding: &Value) -> Vec<String> {
    let remedies = finding["remedy"].as_array().into_iter().flatten();
    remedies
        .filter(|remedy| remedy["kind"] == "command")
        .filter_map(|remedy| remedy["text"].as_str())
        .map(|text| text.split('#').next().unwrap_or(text).trim().to_owned())
        .collect()
}

/// Does what a remedy says: `sysctl -w` through `/proc` of the namespace, all else as a
/// program in it.
fn cure(namespace: &Namespace, command: &str) {
    match command.strip_prefix("sysctl -w ") {
        Some(setting) => {
            let (key, value) = setting.split_once('=').expect("a key and a value");
            namespace.sysctl(&key.replace('/', "."), value);
        }
        None => drop(namespace.run(command)),
    }
}

/// A listing over TLS by EPSV must end so.
fn lists(
    client: &Namespace,
    server: &Server,
    address: std::net::IpAddr,
    expected: &Outcome,
    stage: Stage,
) -> Result<(), Failed> {
    let session = Session::new(
        ftpnat::model::ftp::ClientMode::Epsv,
        SessionTls::Explicit,
        address,
    );
    client::expect(client, server, &session, expected, stage)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, seen: &T, expected: &T) -> Result<(), Failed> {
    if seen == expected {
        return Ok(());
    }
    Err(format!("{what}: {expected:?} expected, {seen:?} seen").into())
}
