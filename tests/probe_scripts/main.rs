//! Servers that do what no good one does: whatever they say, a probe comes to its end in bounded
//! time and memory, says what is wrong, shows no password, and nothing that a terminal obeys.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the host: that is what they are for"
)]

mod script;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod wire;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use ftpnat::check::{Finding, Severity, judge};
use ftpnat::output::probe::{human, json};
use ftpnat::probe::certificate::Trust;
use ftpnat::probe::course::{Errand, Patience, User, examine};
use ftpnat::probe::engine::Engine;
use ftpnat::probe::runner::{Caller, drive};
use ftpnat::probe::seen::Account;
use libtest_mimic::{Failed, Trial};
use rustls::pki_types::ServerName;

use script::Server;
use support::netns::Namespace;
use table::Row;

/// No account of a session is longer: what is kept of a transfer is 1 MiB at most.
const MOST_KEPT: usize = 8 * 1024 * 1024;
/// No report is longer.
const MOST_SAID: usize = 200 * 1024;
const PASSWORD: &str = "swordfish-4711";

/// Words that lead to the cause, of scripts whose check alone does not.
const SAYS: [(&str, &str); 5] = [
    ("greeting/ssh", "SFTP is another protocol"),
    ("epsv/shut", "those by PASV open"),
    (
        "data/dead",
        "what took the connection is not the FTP server",
    ),
    (
        "tls/implicit-plain",
        "does not speak TLS from the first byte",
    ),
    ("list/not-resumed", "it is no firewall"),
];

fn main() -> ExitCode {
    support::enter();
    let rows = table::rows();
    let namespace = support::can_unshare().then(|| {
        let namespace = Namespace::new("scripts", &std::env::temp_dir());
        namespace.ip("addr add 198.51.100.1/32 dev lo");
        Arc::new(namespace)
    });
    let trials = rows.into_iter().map(|row| {
        let namespace = namespace.clone();
        Trial::test(row.name, move || {
            let namespace = namespace.ok_or("no network namespace can be made here")?;
            played(&namespace, row)
        })
    });
    support::play(trials.collect())
}

fn played(namespace: &Namespace, row: Row) -> Result<(), Failed> {
    let (done, came) = mpsc::channel();
    let (encryption, script) = (row.encryption, row.script);
    let namespace = namespace.clone();
    std::thread::spawn(move || {
        let account = namespace.inside(move || {
            let server = Server::start(script);
            probe(&errand(server.port, encryption))
        });
        let _ = done.send(account);
    });
    let account = came
        .recv_timeout(Duration::from_secs(90))
        .map_err(|_| "the probe panicked, or does not come to an end")?;
    let findings = judge(&account, None);
    let told = human("198.51.100.1", &account, &findings, true);
    harmless(&account, &told, &json("198.51.100.1", &account, &findings))?;
    says(row.name, &told)?;
    found(&findings, row.finds).map_err(|what| format!("{what}\n{told}").into())
}

fn errand(port: u16, encryption: Option<ftpnat::probe::seen::Encryption>) -> Errand {
    let ms = Duration::from_millis;
    Errand {
        addresses: vec![SocketAddr::from(([198, 51, 100, 1], port))],
        encryption,
        user: User {
            name: "tester".to_owned(),
            password: PASSWORD.to_owned(),
            is_secret: true,
        },
        insecure: true,
        active: false,
        idle: None,
        follow: false,
        patience: Patience {
            connect: ms(1000),
            again: ms(400),
            reply: ms(1200),
            data: ms(1200),
            whole: Duration::from_secs(30),
        },
    }
}

fn probe(errand: &Errand) -> Account {
    let trust = Trust::new(Vec::new());
    let caller = Caller {
        name: ServerName::try_from("198.51.100.1").expect("a name"),
        trust: Some(&trust),
        source: None,
        whole: errand.patience.whole,
    };
    let engine = Engine::new(|asker| examine(asker, errand.clone()));
    drive(engine, &caller, &mut |_| {}).expect("TLS is there")
}

/// Nothing that a terminal obeys but our own colours, no password, and not too much.
fn harmless(account: &Account, told: &str, object: &str) -> Result<(), Failed> {
    let kept: usize = account
        .sittings
        .iter()
        .flat_map(|sitting| &sitting.tries)
        .filter_map(|tried| tried.taken.as_ref())
        .map(|taken| taken.bytes.len())
        .sum();
    if kept > MOST_KEPT || told.len() > MOST_SAID || object.len() > MOST_SAID {
        let sizes = (kept, told.len(), object.len());
        return Err(format!("too much is kept or said: {sizes:?}").into());
    }
    let plain = anstream::adapter::strip_str(told).to_string();
    // What is left of colours is left of the server's own.
    let ours = told.matches('\u{1b}').count();
    let of_colours = told.matches("\u{1b}[").count();
    let is_unsafe = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
    if ours != of_colours || plain.contains(is_unsafe) || plain.contains("\u{1b}[2J") {
        return Err(format!("a terminal would obey that: {plain:?}").into());
    }
    if told.contains(PASSWORD) || object.contains(PASSWORD) {
        return Err(format!("the password is shown:\n{plain}").into());
    }
    Ok(())
}

fn says(name: &str, told: &str) -> Result<(), Failed> {
    let plain = anstream::adapter::strip_str(told).to_string();
    let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut wanted = SAYS.iter().filter(|(row, _)| *row == name);
    match wanted.find(|(_, wanted)| !words.contains(wanted)) {
        None => Ok(()),
        Some((_, wanted)) => Err(format!("`{wanted}` is not said:\n{plain}").into()),
    }
}

fn found(findings: &[Finding], wanted: &[&str]) -> Result<(), String> {
    let grave = findings.iter().filter(|f| f.severity < Severity::Note);
    let ids: Vec<String> = grave.map(|finding| finding.id.to_string()).collect();
    if ids == wanted {
        Ok(())
    } else {
        Err(format!("wanted {wanted:?}, found {ids:?}"))
    }
}
