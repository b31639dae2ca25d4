//! `ftpnat answer`: listens on the server's side while the passive range is swept.

use std::net::SocketAddr;

use crate::cli;
use crate::facts::sockets::{Listener, connections_to, listeners};
use crate::output::{self, Failure, one_line};
use crate::probe::sweep::answer::runner::{Ended, Fault, IDLE, Post};
use crate::probe::sweep::token::Token;
use crate::profile::Profile;
use crate::sys::terminal::{Color, write_stderr, write_stdout};
use crate::sys::{processes, random};

use super::{profiles, sweep};

/// Ports below are those of services (RFC 6335); who calls from one is called by this host.
const SERVICES: u16 = 1024;

/// Answers until the sweep has ended.
pub(super) fn run(asked: &cli::Answer, color: Color) -> anyhow::Result<()> {
    let profile = profiles::read_one(&asked.profile)?;
    sweep::refuse_without_server(&profile)?;
    if !asked.force {
        refuse_beside_a_server_in_use(&profile)?;
    }
    let secret = random::bytes()?;
    let post = Post::open(profile.passive.ports, Token::new(secret))
        .map_err(|fault| unopened(&profile, &fault))?;
    write_stdout(&format!("{}\n", Token::new(secret)), color)?;
    write_stderr(
        &output::sweep::waiting(&profile, &Token::new(secret)),
        color,
    );
    match post.serve()? {
        Ended::Swept(client) => {
            write_stderr(&output::sweep::answered(&profile, client), color);
            Ok(())
        }
        Ended::Idle => Err(Failure::cannot(format!(
            "no client with the token came in {} minutes; nothing listens any more",
            IDLE.as_secs() / 60
        ))
        .help("run it again, and the sweep while it runs")
        .into()),
        Ended::Interrupted => Err(Failure::cannot(
            "interrupted before a sweep had ended; nothing listens any more",
        )
        .into()),
    }
}

fn unopened(profile: &Profile, fault: &Fault) -> Failure {
    let range = profile.passive.ports;
    Failure::cannot(format!(
        "cannot hold any port of {range} for the sweep: {fault}"
    ))
    .help("look who has them: ss -ltnp")
}

/// A port that is held is lost to the server: vsftpd answers 500 where it finds no other one,
/// and `ProFTPD` waits.
fn refuse_beside_a_server_in_use(profile: &Profile) -> Result<(), Failure> {
    let sockets = processes::sockets();
    let tables = [
        ("/proc/net/tcp", &*sockets[0]),
        ("/proc/net/tcp6", &*sockets[1]),
    ];
    let seen = in_use(profile, &tables, &processes::listeners(&sockets));
    let Some(first) = seen.first() else {
        return Ok(());
    };
    let more = match seen.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more like that)"),
    };
    Err(Failure::cannot(format!(
        "the server is in use: {first}{more}; each port of {} that ftpnat holds is lost to it \
         meanwhile",
        profile.passive.ports
    ))
    .help("wait until nobody uses it, or go on all the same: --force"))
}

/// Sessions, data connections, and who listens in the passive range, in words.
fn in_use(profile: &Profile, tables: &[(&'static str, &str)], owners: &str) -> Vec<String> {
    let range = profile.passive.ports;
    let is_control = |port: u16| profile.control.iter().any(|c| c.port == port);
    let is_wanted = |port: u16| is_control(port) || range.contains(port);
    let is_called = |(from, _): &(SocketAddr, SocketAddr)| from.port() >= SERVICES;
    let mut seen: Vec<String> = connections_to(tables, is_wanted)
        .into_iter()
        .filter(is_called)
        .map(|(from, to)| format!("{from} is connected to port {}", to.port()))
        .collect();
    let listeners = listeners(tables, owners).unwrap_or_default();
    let in_range = listeners.iter().filter(|l| range.contains(l.port));
    seen.extend(in_range.map(listening));
    seen
}

fn listening(listener: &Listener) -> String {
    let who = listener.process.as_ref().map_or_else(
        || "something".to_owned(),
        |process| format!("{} ({})", one_line(&process.name), process.pid),
    );
    format!("{who} listens on port {}", listener.port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::parse;

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when \
                        retrnsmt   uid  timeout inode\n";

    fn seen(lines: &[(&str, &str, &str)]) -> Vec<String> {
        let lines: Vec<String> = lines
            .iter()
            .map(|(local, remote, state)| {
                format!(
                    "   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000     0 \
                     0 7 1 0000000000000000 100 0 0 10 0\n"
                )
            })
            .collect();
        let profile = parse("a", b"name: a\npassive: { ports: 50000-50010 }\n").expect("valid");
        let table = format!("{HEAD}{}", lines.concat());
        in_use(&profile, &[("/proc/net/tcp", &table)], "7 300 vsftpd -\n")
    }

    #[test]
    fn what_a_server_in_use_shows() {
        assert_eq!(
            seen(&[
                ("016433C6:0015", "0A6433C6:8000", "01"),
                ("016433C6:C351", "0A6433C6:8001", "01"),
                ("00000000:C352", "00000000:0000", "0A"),
            ]),
            [
                "198.51.100.10:32768 is connected to port 21",
                "198.51.100.10:32769 is connected to port 50001",
                "vsftpd (300) listens on port 50002",
            ]
        );
    }

    /// Waiting on the control port, what is closed already, other ports, and this host's own
    /// connection to somebody's port 443, from a port that lies in the range.
    #[test]
    fn what_is_no_use_of_the_server() {
        assert_eq!(
            seen(&[
                ("00000000:0015", "00000000:0000", "0A"),
                ("016433C6:0015", "0A6433C6:8000", "06"),
                ("016433C6:0016", "0A6433C6:8000", "01"),
                ("016433C6:C351", "0A6433C6:01BB", "01"),
            ]),
            [""; 0]
        );
    }
}
