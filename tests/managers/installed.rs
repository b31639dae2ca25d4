//! ftpnat on a host, and what it comes to.

use ftpnat::model::ftp::ClientMode::{Epsv, Pasv};
use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::support::client::Session;
use crate::support::client::SessionTls::Explicit;
use crate::support::netns::{Namespace, succeed};
use crate::support::outcome::Outcome;
use crate::support::rules::save;
use crate::support::scene::PUBLIC;
use crate::support::server::{Config, Server};
use crate::support::{self, Run, client, directory};

/// A server with a firewall of its own.
pub(crate) const ON_SERVER: &str = "name: lab
server: { software: proftpd }
control: { port: 21, tls: required }
passive: { ports: 50000-50010 }
";

/// The gateway before a server.
pub(crate) const ON_GATEWAY: &str = "name: lab
server: { address: 10.77.0.21, software: proftpd }
control: { port: 21, tls: required }
passive: { ports: 50000-50010, advertise: 198.51.100.1 }
nat: { mode: dnat, external: { address: 198.51.100.1, interface: eth0 } }
";

/// The server's side of both.
pub(crate) fn config(advertise: Option<std::net::Ipv4Addr>) -> Config {
    Config {
        control: vec![(21, ftpnat::model::ftp::Tls::Required)],
        advertise,
        ..Config::default()
    }
}

/// A host with a state directory of its own.
pub(crate) struct Host<'a> {
    namespace: &'a Namespace,
    profile: &'static str,
    state: TempDir,
}

impl<'a> Host<'a> {
    pub(crate) fn new(namespace: &'a Namespace, profile: &'static str) -> Self {
        Self {
            namespace,
            profile,
            state: directory(),
        }
    }

    fn ftpnat(&self, arguments: &[&str]) -> Run {
        let state = self.state.path().display().to_string();
        let arguments = [arguments, &["--state-dir", &state]].concat();
        support::ftpnat(self.namespace, &arguments, self.profile)
    }

    /// `ftpnat apply`, whatever comes of it.
    pub(crate) fn try_apply(&self) -> Run {
        self.ftpnat(&["apply", "--profile", "-", "--yes"])
    }

    /// `ftpnat apply`, which is to succeed; gives what it said.
    pub(crate) fn apply(&self) -> Result<Run, Failed> {
        ended(0, self.try_apply())
    }

    /// `ftpnat apply`, which is to refuse; gives what it said.
    pub(crate) fn refuse(&self) -> Result<String, Failed> {
        let before = self.listing();
        let said = ended(3, self.try_apply())?.stderr;
        same("refused, and yet changed", &before, &self.listing())?;
        Ok(said)
    }

    /// What `ftpnat check` finds, which is a fault.
    pub(crate) fn check(&self) -> Result<String, Failed> {
        let run = support::ftpnat(self.namespace, &["check", "--profile", "-"], self.profile);
        Ok(ended(1, run)?.stdout)
    }

    /// `ftpnat status` finds what was installed.
    pub(crate) fn expect_no_drift(&self) -> Result<(), Failed> {
        ended(0, self.ftpnat(&["status"])).map(drop)
    }

    /// `ftpnat status` says that this is so.
    pub(crate) fn expect_drift(&self, word: &str) -> Result<(), Failed> {
        let run = ended(1, self.ftpnat(&["status"]))?;
        if run.stdout.contains(word) {
            return Ok(());
        }
        Err(format!("no word of {word}: {run:?}").into())
    }

    /// `ftpnat remove`.
    pub(crate) fn remove(&self) -> Result<(), Failed> {
        ended(0, self.ftpnat(&["remove"])).map(drop)
    }

    /// Everything that is in force, by every tool, without what was counted.
    pub(crate) fn listing(&self) -> String {
        let nft = self.namespace.run("nft -s list ruleset");
        let mut all = nft;
        for back_end in support::BackEnd::BOTH {
            for iptables in ["iptables", "ip6tables"] {
                all += &uncounted(&save(
                    self.namespace,
                    &back_end.program(iptables, "save"),
                    &[],
                ));
            }
        }
        all
    }

    /// Our own table is there, and nothing else of ours.
    pub(crate) fn expect_own_table_alone(&self) -> Result<(), Failed> {
        let all = self.listing();
        let own = self.namespace.run("nft -s list table inet ftpnat");
        if all.matches("ftpnat:").count() == own.matches("ftpnat:").count() {
            return Ok(());
        }
        Err(format!("guests where nothing drops:\n{all}").into())
    }
}

fn ended(status: i32, run: Run) -> Result<Run, Failed> {
    if run.status == status {
        return Ok(run);
    }
    Err(format!(
        "status {} instead of {status}\n{}{}",
        run.status, run.stdout, run.stderr
    )
    .into())
}

/// Counters of chains are no part of the rules.
fn uncounted(save: &str) -> String {
    let lines = save.lines().map(|line| match line.split_once(" [") {
        Some((chain, _)) if line.starts_with(':') => chain,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Two listings are one.
pub(crate) fn same(what: &str, before: &str, after: &str) -> Result<(), Failed> {
    if before == after {
        return Ok(());
    }
    Err(format!("{what}: it was\n{before}\nand is\n{after}").into())
}

/// A listing under TLS, by both passive modes where it works.
pub(crate) fn list(client: &Namespace, server: &Server, expected: &Outcome) -> Result<(), Failed> {
    let modes: &[_] = if *expected == Outcome::Works {
        &[Epsv, Pasv]
    } else {
        &[Epsv]
    };
    for &mode in modes {
        play(
            client,
            server,
            &Session::new(mode, Explicit, PUBLIC),
            expected,
        )?;
    }
    Ok(())
}

/// One listing.
pub(crate) fn play(
    client: &Namespace,
    server: &Server,
    session: &Session,
    expected: &Outcome,
) -> Result<(), Failed> {
    let report = client::play(client, server, session, expected);
    if report.outcome == *expected {
        return Ok(());
    }
    let log = server.log();
    Err(format!("{session:?}: {expected:?} expected: {report}\n{log}").into())
}

/// Runs a command to its end.
///
/// # Panics
/// Where it fails.
pub(crate) fn run(mut command: std::process::Command) -> String {
    let what = format!("{command:?}");
    let output = command.output().expect("the program");
    succeed(&what, &output)
}
