//! Real FTP clients and their sessions.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use ftpnat::model::ftp::ClientMode;
use libtest_mimic::Failed;

use super::netns::Namespace;
use super::outcome::{Outcome, Report, Stage, Watched, judge};
use super::server::Server;

/// Silence after which a session that is not expected to work hangs.
const HANG: Duration = Duration::from_millis(3500);
/// The same for one that is expected to work: two cores play many sessions.
const PATIENCE: Duration = Duration::from_secs(20);

/// TLS as a client uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionTls {
    /// None.
    Plain,
    /// `AUTH TLS`, then `PROT P`.
    Explicit,
    /// `AUTH TLS`, and `CCC` after login: the control connection is plain again.
    Cleared,
    /// From the first byte.
    Implicit,
}

/// One listing: by which command, with which TLS, from where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    /// How the data connection is asked for.
    pub(crate) mode: ClientMode,
    /// TLS on both connections.
    pub(crate) tls: SessionTls,
    /// The address that the client uses for control; its family is the session's.
    pub(crate) address: IpAddr,
    /// The control port.
    pub(crate) port: u16,
    /// Connects to the control connection's peer, whatever address 227 names.
    /// A strict client, which obeys, does not.
    pub(crate) ignores_announced_address: bool,
}

impl Session {
    /// A strict client's session on port 21.
    pub(crate) fn new(mode: ClientMode, tls: SessionTls, address: IpAddr) -> Self {
        Self {
            mode,
            tls,
            address,
            port: 21,
            ignores_announced_address: false,
        }
    }

    /// Whether a client program here can play it. Active mode under TLS is
    /// lftp's (curl never answers the handshake), and lftp has EPRT for IPv6 only.
    pub(crate) fn playable(&self) -> bool {
        let by_lftp = self.mode.is_active() && self.tls != SessionTls::Plain;
        let family = !(self.mode.is_ipv4_only() && self.address.is_ipv6());
        let lftp = self.tls != SessionTls::Cleared
            && (self.mode == ClientMode::Eprt) == self.address.is_ipv6();
        family && (!by_lftp || lftp)
    }
}

/// Plays a session with a real client. `expected` decides how long silence is
/// borne, nothing else.
pub(crate) fn play(
    from: &Namespace,
    server: &Server,
    session: &Session,
    expected: &Outcome,
) -> Report {
    assert!(session.playable(), "no client here plays {session:?}");
    let command = if session.mode.is_active() && session.tls != SessionTls::Plain {
        lftp(from, server, session)
    } else {
        curl(from, server, session)
    };
    let silence = if *expected == Outcome::Works {
        PATIENCE
    } else {
        HANG
    };
    judge(session.mode, &server.listing, &watch(command, silence))
}

/// Plays a session and compares; a difference is told with the whole dialogue
/// and the server's log.
pub(crate) fn expect(
    from: &Namespace,
    server: &Server,
    session: &Session,
    expected: &Outcome,
    stage: Stage,
) -> Result<(), Failed> {
    let report = play(from, server, session, expected);
    if report.outcome == *expected && report.stage == stage {
        return Ok(());
    }
    let log = server.log();
    Err(
        format!("{session:?}\nexpected {expected:?} at {stage:?}, seen {report}server:\n{log}")
            .into(),
    )
}

/// curl hides a wrong PASV address unless told not to, and falls back from EPSV
/// to PASV and from EPRT to PORT: [`judge`] tells the fallback from the mode.
fn curl(from: &Namespace, server: &Server, session: &Session) -> Command {
    let mut command = from.command("curl");
    command.args([
        "-q",
        "-v",
        "-sS",
        "--list-only",
        "--insecure",
        "--noproxy",
        "*",
    ]);
    command
        .arg("--user")
        .arg(format!("{}:{}", server.user, server.password));
    command.args(match session.mode {
        ClientMode::Pasv => &["--disable-epsv"][..],
        ClientMode::Epsv => &[],
        ClientMode::Port => &["--ftp-port", "-", "--disable-eprt"],
        ClientMode::Eprt => &["--ftp-port", "-"],
    });
    if !session.ignores_announced_address {
        command.arg("--no-ftp-skip-pasv-ip");
    }
    let scheme = match session.tls {
        SessionTls::Plain => "ftp",
        SessionTls::Implicit => "ftps",
        SessionTls::Explicit => {
            command.arg("--ssl-reqd");
            "ftp"
        }
        SessionTls::Cleared => {
            command.args(["--ssl-reqd", "--ftp-ssl-ccc"]);
            "ftp"
        }
    };
    command.arg(format!(
        "{scheme}://{}:{}/",
        host(session.address),
        session.port
    ));
    command
}

/// lftp, without its own ideas of what to try next.
fn lftp(from: &Namespace, server: &Server, session: &Session) -> Command {
    let scheme = if session.tls == SessionTls::Implicit {
        "ftps"
    } else {
        "ftp"
    };
    let passive = if session.mode.is_active() {
        "off"
    } else {
        "on"
    };
    let script = format!(
        "set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; \
         set ftp:ssl-protect-list yes; set ftp:passive-mode {passive}; set ftp:auto-passive-mode no; \
         set net:max-retries 1; set net:timeout 60; debug 9; \
         open -u {user},{password} -p {port} {scheme}://{host}; nlist; bye",
        user = server.user,
        password = server.password,
        port = session.port,
        host = host(session.address),
    );
    let mut command = from.command("lftp");
    command.args(["--norc", "-c", &script]);
    command
}

/// An address as it stands in a URL.
fn host(address: IpAddr) -> String {
    if address.is_ipv6() {
        format!("[{address}]")
    } else {
        address.to_string()
    }
}

/// Ends its child also where the test panics.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a client until it ends or says nothing for so long.
fn watch(mut command: Command, silence: Duration) -> Watched {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = Ended(command.spawn().expect("the client"));
    let (lines, heard) = channel();
    let stdout = client.0.stdout.take().expect("a pipe");
    let stderr = client.0.stderr.take().expect("a pipe");
    let readers = [
        forward(stdout, true, lines.clone()),
        forward(stderr, false, lines),
    ];
    let (mut out, mut dialogue) = (String::new(), String::new());
    let silent = hear(&heard, silence, &mut out, &mut dialogue);
    if silent {
        drop(client);
        for reader in readers {
            let _ = reader.join();
        }
        return Watched {
            success: None,
            stdout: out,
            dialogue,
        };
    }
    let status = client.0.wait().expect("the client's end");
    let _ = writeln!(dialogue, "[{status}]");
    Watched {
        success: Some(status.success()),
        stdout: out,
        dialogue,
    }
}

/// Collects lines; `true` where it grew silent before both pipes closed.
fn hear(
    heard: &Receiver<(bool, String)>,
    silence: Duration,
    stdout: &mut String,
    dialogue: &mut String,
) -> bool {
    loop {
        match heard.recv_timeout(silence) {
            Ok((is_stdout, line)) => {
                *dialogue += &line;
                if is_stdout {
                    *stdout += &line;
                }
            }
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

/// Sends each line of a pipe on.
fn forward(
    pipe: impl Read + Send + 'static,
    is_stdout: bool,
    to: Sender<(bool, String)>,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            if to
                .send((is_stdout, String::from_utf8_lossy(&line).into_owned()))
                .is_err()
            {
                return;
            }
            line.clear();
        }
    })
}
