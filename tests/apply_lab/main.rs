//! `ftpnat apply` before real servers and real clients: what hung arrives, what was
//! the administrator's will stays, and what was removed hangs again.

#![allow(clippy::disallowed_methods, reason = "tests touch files")]

mod gateway;
mod host;
mod hostile;
mod mixed;
mod placement;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod will;

use std::process::ExitCode;

use libtest_mimic::Failed;

use support::client::{self, Session};
use support::netns::Namespace;
use support::outcome::Outcome;
use support::server::Server;

fn main() -> ExitCode {
    support::enter();
    let mut trials = server::trials();
    trials.extend(gateway::trials());
    trials.extend(placement::trials());
    trials.extend(will::trials());
    trials.extend(mixed::trials());
    trials.extend(hostile::trials());
    support::play(trials)
}

/// Plays a session; a difference is told with the whole dialogue.
fn expect(
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
