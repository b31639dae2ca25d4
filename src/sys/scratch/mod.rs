//! What the kernel's FTP helpers do, tried in a network namespace made for it.
//!
//! No file answers that for good: a built-in `nf_nat_ftp` leaves no trace in `/sys`,
//! and a container sees files of another system. Helpers are the kernel's, not a
//! namespace's: what works there works on the host.
//!
//! A process that entered a network namespace is in it for good, so the trial runs in
//! a process of its own, and ends with it. Nothing is left behind but modules, which
//! the kernel may load for the whole host:
//! - for any rule: `nfnetlink`, `nf_tables`;
//! - for the rule with `ct state`: `nft_ct`, `nf_conntrack`, `nf_defrag_*`;
//! - for the `ct helper` object: `nf_conntrack_ftp`
//!   (`nf_conntrack_helper_try_module_get`);
//! - for the rule that assigns the helper: `nft_objref`, before Linux 6.2;
//! - for the rules that translate: `nft_chain_nat`, `nft_nat`, `nf_nat`.
//!
//! Nothing here loads `nf_nat_ftp`. Whether the others may be loaded is for the caller
//! to say, before (`facts::helper::probe_loads_nothing`).

mod tables;

use std::cmp::Ordering;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike as _};

use super::nft::{self, Error, Part, Refused};
use super::process::OURSELVES;
use super::{in_full, routes};
use crate::facts::probe::{ProbeReport, Probed};
use crate::ruleset::change::Operation;
use tables::{assignment, control};

/// A trial takes milliseconds, or seconds where modules load from a slow disk; a kernel
/// that hangs in it is left alone after this.
const LIMIT: Duration = Duration::from_secs(10);
/// How long one answer over `lo` may take. There are five: [`LIMIT`] is not reached.
const PATIENCE: Duration = Duration::from_millis(500);

/// Starts this program again as `scratch-probe`, and gives its report. Where that
/// fails, a report in which nothing could be told.
#[must_use]
pub fn report() -> String {
    let mut ourselves = Command::new(OURSELVES);
    report_of(ourselves.arg("scratch-probe"), LIMIT)
}

fn report_of(command: &mut Command, limit: Duration) -> String {
    let text = run_apart(command, limit).and_then(|text| {
        ProbeReport::parse(&text)
            .map(|_| text)
            .ok_or_else(|| io::Error::other("it ended without a report"))
    });
    text.unwrap_or_else(|error| {
        ProbeReport::unknown(&format!("the probing process: {error}")).to_string()
    })
}

fn run_apart(command: &mut Command, limit: Duration) -> io::Result<String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let text = listen(&mut child, limit);
    if text.is_ok() {
        child.wait()?;
    } else {
        // Not waited for: where the kernel hangs in it, it does not die of that either.
        child.kill()?;
        child.try_wait()?;
    }
    text
}

/// What the child prints until it closes its end.
fn listen(child: &mut Child, limit: Duration) -> io::Result<String> {
    let mut pipe = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let deadline = Instant::now() + limit;
    let mut bytes = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let mut wanted = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
        match poll(&mut wanted, timeout) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        let mut part = [0; 1024];
        match pipe.read(&mut part)? {
            0 => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            length => bytes.extend_from_slice(&part[..length]),
        }
    }
}

/// What is tried. Other values than the default's prove that the trial can fail.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// The helper's name in the kernel.
    pub helper: &'static str,
    /// Whether the connection is assigned the helper: only then is there a reader.
    pub assign: bool,
    /// Whether the connection is translated: only then is there anything to rewrite.
    pub translate: bool,
}

impl Default for Trial {
    fn default() -> Self {
        Self {
            helper: "ftp",
            assign: true,
            translate: true,
        }
    }
}

/// Enters a new network namespace, for good, and makes the trial. Where that needs a
/// user namespace, the process must have one thread only (unshare(2)).
#[must_use]
pub fn in_new_namespace(trial: &Trial) -> ProbeReport {
    let made = match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => "made",
        Err(Errno::EPERM) => match unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET) {
            Ok(()) => "made in a user namespace",
            Err(errno) => return refused(errno),
        },
        Err(errno) => return refused(errno),
    };
    ProbeReport {
        namespace: Ok(made.to_owned()),
        ..look(trial)
    }
}

fn refused(errno: Errno) -> ProbeReport {
    ProbeReport::unknown(&format!("no network namespace: {}", errno.desc()))
}

/// Where the server listens, and the address by which the client calls it. As many
/// digits in both: a rewritten reply keeps its length, which the kernel does not make
/// good over `lo`.
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2121);
const CALLED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
/// What the server says, and the port that its 227 reply names.
const GREETING: &str = "220 probe\r\n";
const PASSIVE: &str = "227 probe (127,0,0,1,200,1).\r\n";
const REWRITTEN: &str = "227 probe (127,0,0,9,200,1).\r\n";
const DATA_PORT: u16 = 200 * 256 + 1;

/// The trial, in the network namespace that the process is in.
fn look(trial: &Trial) -> ProbeReport {
    let tables = [control(), assignment(trial)].map(Operation::ReplaceTable);
    let first_refused = match nft::commit(&tables, 0) {
        Ok(()) => None,
        Err(Error::Refused(refused)) => Some(refused),
        Err(error) => return ProbeReport::unknown(&in_full(&error)),
    };
    let answer = |step| answer(first_refused.as_ref(), step);
    let nat_ftp = match &first_refused {
        None => reply(trial),
        Some(refused) => Probed::Unknown(refused.to_string()),
    };
    ProbeReport {
        namespace: Ok(String::new()),
        nf_tables: answer(Step::NfTables),
        nft_ct: answer(Step::NftCt),
        conntrack_ftp: answer(Step::Helper),
        nat_ftp,
    }
}

/// What is made, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// A table and a chain.
    NfTables,
    /// A rule with `ct state`.
    NftCt,
    /// The `ct helper` object.
    Helper,
    /// What assigns it, and what translates.
    Rest,
}

impl Step {
    fn of(refused: &Refused) -> Self {
        match (refused.operation, refused.part) {
            (Some(0), Part::Rule) => Self::NftCt,
            (None | Some(0), _) => Self::NfTables,
            (Some(_), Part::Table | Part::Object) => Self::Helper,
            (Some(_), _) => Self::Rest,
        }
    }
}

/// What the first refusal says of a step. Those before it were taken; of those behind it
/// nothing is known.
fn answer(refused: Option<&Refused>, step: Step) -> Probed {
    let Some(refused) = refused else {
        return Probed::Works;
    };
    match step.cmp(&Step::of(refused)) {
        Ordering::Less => Probed::Works,
        Ordering::Equal if refused.lacks_feature() => Probed::Missing(refused.to_string()),
        Ordering::Equal | Ordering::Greater => Probed::Unknown(refused.to_string()),
    }
}

/// Plays the part of a session that matters, and sees what became of the 227 reply.
fn reply(trial: &Trial) -> Probed {
    let called = if trial.translate {
        CALLED
    } else {
        *SERVER.ip()
    };
    match play(called) {
        Ok(seen) => seen,
        Err(error) => Probed::Unknown(format!("no session over lo: {error}")),
    }
}

fn play(called: Ipv4Addr) -> io::Result<Probed> {
    routes::set_up("lo")?;
    let listener = TcpListener::bind(SERVER)?;
    let patience = i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
    // It bounds accept(2) too (socket(7)).
    setsockopt(
        &listener,
        sockopt::ReceiveTimeout,
        &TimeVal::milliseconds(patience),
    )?;
    let client = connect(called, SERVER.port())?;
    let (mut server, _) = listener.accept()?;
    client.set_read_timeout(Some(PATIENCE))?;
    let mut client = BufReader::new(client);
    let mut line = String::new();
    // The helper never reads the first segment of a direction (`find_nl_seq`).
    for said in [GREETING, PASSIVE] {
        server.write_all(said.as_bytes())?;
        line.clear();
        client.read_line(&mut line)?;
    }
    Ok(match line.as_str() {
        REWRITTEN => Probed::Works,
        PASSIVE if expected(called)? => {
            Probed::Missing("a 227 reply that the helper read came through as it was".to_owned())
        }
        PASSIVE => Probed::Unknown("the helper did not read the 227 reply".to_owned()),
        other => Probed::Unknown(format!("the 227 reply became `{}`", other.trim_end())),
    })
}

/// Whether the helper expects a connection to the port of the 227 reply, at the
/// address that the client called: unless something translates it, the expectation has
/// that one, whatever the reply says (`help` in `nf_conntrack_ftp.c`, `daddr`).
///
/// Nobody listens there. An expected connection is refused by TCP, any other gets no
/// answer, as the first rule drops it.
fn expected(called: Ipv4Addr) -> io::Result<bool> {
    match connect(called, DATA_PORT) {
        Ok(_) => Ok(true),
        Err(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => Ok(true),
            io::ErrorKind::TimedOut | io::ErrorKind::PermissionDenied => Ok(false),
            _ => Err(error),
        },
    }
}

fn connect(to: Ipv4Addr, port: u16) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from((to, port)), PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_hangs_or_dies_leaves_all_unknown() {
        for (program, argument, limit, said) in [
            ("sleep", "20", Duration::from_millis(20), "timed out"),
            ("false", "", LIMIT, "it ended without a report"),
            ("/no/such/program", "", LIMIT, "No such file or directory"),
        ] {
            let begun = Instant::now();
            let text = report_of(Command::new(program).arg(argument), limit);
            assert!(begun.elapsed() < LIMIT, "{program}");
            let report = ProbeReport::parse(&text).expect("a report");
            assert!(
                matches!(&report.nat_ftp, Probed::Unknown(why) if why.contains(said)),
                "{text}"
            );
            assert!(report.namespace.is_err(), "{text}");
        }
    }

    #[test]
    fn the_first_refusal_tells_of_what_is_before_it_and_of_itself() {
        let refused = |operation, part, errno| Refused {
            operation,
            part,
            errno,
            what: "a rule".to_owned(),
        };
        let object = refused(Some(1), Part::Object, Errno::ENOENT);
        assert_eq!(answer(Some(&object), Step::NftCt), Probed::Works);
        assert!(matches!(
            answer(Some(&object), Step::Helper),
            Probed::Missing(_)
        ));
        assert!(matches!(
            answer(Some(&object), Step::Rest),
            Probed::Unknown(_)
        ));
        let rule = refused(Some(0), Part::Rule, Errno::ENOENT);
        assert_eq!(answer(Some(&rule), Step::NfTables), Probed::Works);
        assert!(matches!(
            answer(Some(&rule), Step::NftCt),
            Probed::Missing(_)
        ));
        for (errno, missing) in [
            (Errno::EOPNOTSUPP, true),
            (Errno::EPROTONOSUPPORT, true),
            (Errno::EPERM, false),
            (Errno::ENOMEM, false),
        ] {
            let whole_batch = refused(None, Part::Batch, errno);
            let tables = answer(Some(&whole_batch), Step::NfTables);
            assert_eq!(matches!(tables, Probed::Missing(_)), missing, "{errno}");
        }
        assert_eq!(answer(None, Step::Helper), Probed::Works);
    }
}
