//! Rules that let in more than FTP needs, and limits and drops that cut it: where a check
//! fires, packets show the fault; where its own remedy was pasted, the fault is gone, the
//! check is silent, and real clients list.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the host: that is what they are for"
)]

#[path = "../apply_lab/host.rs"]
#[allow(dead_code, reason = "each test crate uses a part")]
mod host;
mod limits;
mod path_mtu;
mod ranges;
mod related;
mod silent;
mod source_ports;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use host::Kind;
use support::client::{self, Session};
use support::netns::Namespace;
use support::outcome::Outcome;
use support::rules::{Reach, reach};
use support::scene::PUBLIC;
use support::server::Server;

/// The server's profile.
pub(crate) const PROFILE: &str = "name: lab\nserver: { software: proftpd }\n\
                                  passive: { ports: 50000-50010 }\n";

/// The checks that are under test.
const IDS: [&str; 5] = ["FN306", "FN314", "FN316", "FN319", "FN323"];

fn main() -> ExitCode {
    support::enter();
    let mut trials = related::trials();
    trials.extend(ranges::trials());
    trials.extend(limits::trials());
    trials.extend(source_ports::trials());
    trials.extend(path_mtu::trials());
    trials.extend(silent::trials());
    support::play(trials)
}

/// A trial for rules of each kind.
pub(crate) fn each_kind(name: &str, run: fn(Kind) -> Result<(), Failed>) -> Vec<Trial> {
    let trial = |kind: Kind| Trial::test(format!("{name}/{}", kind.word()), move || run(kind));
    Kind::ALL.into_iter().map(trial).collect()
}

/// What `ftpnat check` says of a profile in a namespace.
pub(crate) struct Said(Value);

impl Said {
    pub(crate) fn of(namespace: &Namespace, yaml: &str) -> Result<Self, Failed> {
        let arguments = ["check", "--output", "json", "--profile", "-"];
        let run = support::ftpnat(namespace, &arguments, yaml);
        if !matches!(run.status, 0 | 1 | 3) {
            return Err(format!("{run:?}").into());
        }
        Ok(Self(serde_json::from_str(&run.stdout)?))
    }

    fn findings(&self) -> impl Iterator<Item = &Value> {
        self.0["findings"].as_array().into_iter().flatten()
    }

    /// The finding of a check, the only one of those under test.
    pub(crate) fn only(&self, id: &str) -> Result<&Value, Failed> {
        let mut ours = self
            .findings()
            .filter(|f| IDS.iter().any(|id| f["id"] == *id));
        match (ours.next(), ours.next()) {
            (Some(found), None) if found["id"] == id => Ok(found),
            _ => Err(format!("{id} alone was to fire:\n{:#}", self.0).into()),
        }
    }

    /// Fails where one of those under test fired, or could not be made.
    pub(crate) fn says_nothing_of_ours(&self) -> Result<(), Failed> {
        let open = self.0["not_checked"].as_array().into_iter().flatten();
        let mut of_ours = self
            .findings()
            .chain(open)
            .filter(|f| IDS.iter().any(|id| f["id"] == *id));
        match of_ours.next() {
            None => Ok(()),
            Some(_) => Err(format!("not silent:\n{:#}", self.0).into()),
        }
    }

    /// The same, and where any error was found.
    pub(crate) fn silent(&self) -> Result<(), Failed> {
        // Where no server runs yet, that is one.
        let mut errors = self
            .findings()
            .filter(|f| f["severity"] == "error" && f["id"] != "FN209");
        if errors.next().is_none() {
            return self.says_nothing_of_ours();
        }
        Err(format!("not silent:\n{:#}", self.0).into())
    }
}

/// Pastes the commands of a finding's remedy into a shell in the namespace.
pub(crate) fn paste(namespace: &Namespace, finding: &Value) -> Result<(), Failed> {
    let remedies = finding["remedy"].as_array().into_iter().flatten();
    let commands: Vec<&str> = remedies
        .filter(|remedy| remedy["kind"] == "command")
        .filter_map(|remedy| remedy["text"].as_str())
        .collect();
    shell(namespace, &commands.join("\n"))
}

/// Runs lines in a shell in the namespace.
pub(crate) fn shell(namespace: &Namespace, commands: &str) -> Result<(), Failed> {
    let output = namespace.feed("sh", &["-e"], commands);
    if commands.is_empty() || !output.status.success() {
        return Err(format!("{commands}\n{output:?}").into());
    }
    Ok(())
}

/// What the only remedy says, which is no command.
pub(crate) fn advice(finding: &Value) -> Result<&str, Failed> {
    let remedy = &finding["remedy"][0];
    let text = remedy["text"]
        .as_str()
        .filter(|_| remedy["kind"] == "config");
    text.ok_or_else(|| format!("no advice: {finding:#}").into())
}

/// Whether a port of the server is reached.
pub(crate) fn reached(
    client: &Namespace,
    server: &Namespace,
    port: u16,
    expected: Reach,
) -> Result<(), Failed> {
    same(
        &format!("port {port}"),
        &reach(client, PUBLIC, server, port),
        &expected,
    )
}

/// Plays a session; a difference is told with the whole dialogue.
pub(crate) fn expect(
    client: &Namespace,
    server: &Server,
    session: &Session,
    expected: &Outcome,
) -> Result<(), Failed> {
    let report = client::play(client, server, session, expected);
    if report.outcome == *expected {
        return Ok(());
    }
    Err(format!(
        "{session:?}: {expected:?} expected: {report}\n{}",
        server.log()
    )
    .into())
}

pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    seen: &T,
    expected: &T,
) -> Result<(), Failed> {
    if seen == expected {
        return Ok(());
    }
    Err(format!("{what}: {expected:?} expected, {seen:?} seen").into())
}
