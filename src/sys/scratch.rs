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
//! - for the rules that translate: `nft_chain_nat`, `nft_nat`, `nf_nat`.
//!
//! Nothing here loads `nf_nat_ftp`. Whether the others may be loaded is for the caller
//! to say, before (`facts::helper::probe_loads_nothing`).

use std::ffi::CStr;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};

use crate::facts::probe::{ProbeReport, Probed};
use crate::model::filter::{CtState, Hook};

use super::nft::{BaseChain, Batch, ChainType, CtHelper, Error, Expression, Refused, Table};
use super::routes;

/// A trial takes milliseconds; a kernel that hangs in it is left alone after this.
const LIMIT: Duration = Duration::from_secs(3);
/// How long one answer over `lo` may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// Starts this program again as `scratch-probe`, and gives its report. Where that
/// fails, a report in which nothing could be told.
#[must_use]
pub fn report() -> String {
    let text = run_apart().and_then(|text| {
        ProbeReport::parse(&text)
            .map(|_| text)
            .ok_or_else(|| io::Error::other("it ended without a report"))
    });
    text.unwrap_or_else(|error| {
        ProbeReport::unknown(&format!("the probing process: {error}")).to_string()
    })
}

fn run_apart() -> io::Result<String> {
    let mut child = Command::new("/proc/self/exe")
        .arg("scratch-probe")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let text = listen(&mut child);
    if text.is_err() {
        child.kill()?;
    }
    child.wait()?;
    text
}

/// What the child prints until it closes its end.
fn listen(child: &mut Child) -> io::Result<String> {
    let mut pipe = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let deadline = Instant::now() + LIMIT;
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
    pub helper: &'static CStr,
    /// Whether the connection is translated: only then is there anything to rewrite.
    pub translate: bool,
}

impl Default for Trial {
    fn default() -> Self {
        Self {
            helper: c"ftp",
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

const TABLE: Table = Table { name: c"probe" };
const FILTER: BaseChain = BaseChain {
    table: TABLE,
    name: c"helper",
    chain_type: ChainType::Filter,
    hook: Hook::Output,
    priority: -150,
};
const NAT: BaseChain = BaseChain {
    table: TABLE,
    name: c"translate",
    chain_type: ChainType::Nat,
    hook: Hook::Output,
    priority: -100,
};

/// Where the server listens, and the address by which the client calls it. As many
/// digits in both: a rewritten reply keeps its length.
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2121);
const CALLED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// The trial, in the network namespace that the process is in.
fn look(trial: &Trial) -> ProbeReport {
    let helper = CtHelper {
        table: TABLE,
        name: c"reader",
        helper: trial.helper,
    };
    let port = Expression::TcpDport(SERVER.port());
    let mut batch = Batch::new();
    let table = batch.table(TABLE);
    batch.base_chain(FILTER);
    // Without this one a missing nft_ct would look like a missing helper.
    let control = batch.rule(FILTER, &[Expression::CtState(CtState::New)]);
    let object = batch.ct_helper(helper);
    batch.rule(FILTER, &[port, Expression::SetCtHelper(helper)]);
    if trial.translate {
        batch.base_chain(NAT);
        let dnat = Expression::Dnat(SERVER);
        batch.rule(NAT, &[Expression::Daddr(CALLED), port, dnat]);
    }
    let first_refused = match batch.send() {
        Ok(()) => None,
        Err(Error::Refused(refused)) => Some(refused),
        Err(error) => return ProbeReport::unknown(&error.to_string()),
    };
    let answer = |from: u32, to: u32| answer(first_refused.as_ref(), from, to);
    let conntrack_ftp = answer(object, object);
    let nat_ftp = match &first_refused {
        None => reply(trial),
        Some(refused) => Probed::Unknown(refused.to_string()),
    };
    ProbeReport {
        namespace: Ok(String::new()),
        nf_tables: answer(0, table),
        nft_ct: answer(table + 1, control),
        conntrack_ftp,
        nat_ftp,
    }
}

/// What the first refusal says of the messages from one number to another. Those
/// before it were taken; of those behind it nothing is known.
fn answer(refused: Option<&Refused>, from: u32, to: u32) -> Probed {
    match refused {
        Some(r) if r.sequence < from => Probed::Unknown(r.to_string()),
        Some(r) if r.sequence > to => Probed::Works,
        Some(r) if matches!(r.errno, Errno::ENOENT | Errno::EOPNOTSUPP) => {
            Probed::Missing(r.to_string())
        }
        Some(r) => Probed::Unknown(r.to_string()),
        None => Probed::Works,
    }
}

/// Plays the part of a session that matters, and sees what became of the 227 reply.
fn reply(trial: &Trial) -> Probed {
    let called = SocketAddr::from((
        if trial.translate {
            CALLED
        } else {
            *SERVER.ip()
        },
        SERVER.port(),
    ));
    match play(called) {
        Ok(line) if line.contains("(127,0,0,9,") => Probed::Works,
        Ok(line) if line.contains("(127,0,0,1,") => {
            Probed::Missing("a 227 reply came through DNAT as it was".to_owned())
        }
        Ok(line) => Probed::Unknown(format!("the reply was cut to `{}`", line.trim_end())),
        Err(error) => Probed::Unknown(format!("no session over lo: {error}")),
    }
}

fn play(called: SocketAddr) -> io::Result<String> {
    routes::set_up("lo")?;
    let listener = TcpListener::bind(SERVER)?;
    let client = TcpStream::connect_timeout(&called, PATIENCE)?;
    let (mut server, _) = listener.accept()?;
    client.set_read_timeout(Some(PATIENCE))?;
    let mut client = BufReader::new(client);
    let mut line = String::new();
    // The helper never reads the first segment of a direction (`find_nl_seq`).
    for said in ["220 probe\r\n", "227 probe (127,0,0,1,200,1).\r\n"] {
        server.write_all(said.as_bytes())?;
        line.clear();
        client.read_line(&mut line)?;
    }
    Ok(line)
}
