//! What a client saw of a server: facts, in the order in which they came. Nothing is judged.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::model::ftp::ClientMode;
use crate::model::net::is_public;

use super::hello::Spoken;
use super::reply::Reply;

pub use super::trouble::{PORT_UNREACHABLE, TlsTrouble, Trouble, seconds};

/// TLS as a client begins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// None.
    Plain,
    /// By `AUTH TLS` (RFC 4217).
    Explicit,
    /// From the first byte.
    Implicit,
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Explicit => "AUTH TLS",
            Self::Implicit => "implicit TLS",
        })
    }
}

/// What was heard on the control connection.
pub type Heard = Result<Reply, Trouble>;

/// A TLS handshake that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secured {
    /// Such as `TLS 1.3`.
    pub version: String,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// What is to be said of the server's certificate; `None` where no identity is in
    /// question.
    pub certificate: Option<Certificate>,
}

impl fmt::Display for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let session = if self.resumed {
            "resumed"
        } else {
            "a new session"
        };
        write!(f, "{}, {session}", self.version)
    }
}

/// A server's certificate, and what a client that verifies says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The names that it is for, as it writes them.
    pub names: Vec<String>,
    /// Who vouches for it.
    pub issuer: String,
    /// Its time, in seconds since 1970: from, until; `None` where it cannot be read.
    pub valid: Option<(i64, i64)>,
    /// When it was looked at, in seconds since 1970.
    pub now: i64,
    /// Whether the name that was called is one of its names, or why not.
    pub name: Result<(), String>,
    /// Whether somebody whom this host trusts vouches for it, or why not.
    pub trust: Result<(), String>,
    /// Whether the proof that the server has its key could be checked, or why not.
    pub proof: Result<(), String>,
}

impl Certificate {
    /// Whether it is in its time.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.valid
            .is_some_and(|(from, until)| (from..=until).contains(&self.now))
    }

    /// Whether a strict client goes on.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.is_current() && self.name.is_ok() && self.trust.is_ok() && self.proof.is_ok()
    }
}

/// What a data connection brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// What came, as far as it was kept.
    pub bytes: Vec<u8>,
    /// How it ended.
    pub end: Result<End, Trouble>,
}

/// How a transfer ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The server closed it.
    Whole,
    /// The client had enough.
    Enough,
}

/// What was asked to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The listing of the directory.
    Listing,
    /// A file of this size and name.
    File(u64, String),
    /// Nothing: the connection alone was tried.
    Nothing,
}

/// One data connection: asked for, named, opened, used. What is `None` was not come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    /// How it was asked for.
    pub mode: ClientMode,
    /// Whether resuming the TLS session was offered.
    pub resume: bool,
    /// What was to be sent.
    pub fetched: Fetched,
    /// The reply to the command that asks for it.
    pub asked: Heard,
    /// The address that the reply names; for `EPSV` with the address that was called.
    pub named: Option<SocketAddr>,
    /// Where the client connected.
    pub to: Option<SocketAddr>,
    /// Whether that came about. In active mode: where the server came from.
    pub opened: Option<Result<SocketAddr, Trouble>>,
    /// The reply to `LIST` or `RETR`.
    pub began: Option<Heard>,
    /// TLS on it.
    pub secured: Option<Result<Secured, Trouble>>,
    /// What it carried.
    pub taken: Option<Taken>,
    /// The reply behind it.
    pub ended: Option<Heard>,
}

impl Try {
    /// One of which only the reply that names the port is known.
    pub(super) fn asked(mode: ClientMode, asked: Heard) -> Self {
        Self {
            mode,
            resume: true,
            fetched: Fetched::Nothing,
            asked,
            named: None,
            to: None,
            opened: None,
            began: None,
            secured: None,
            taken: None,
            ended: None,
        }
    }

    /// Whether all that was wanted of it came about.
    #[must_use]
    pub fn works(&self) -> bool {
        let is_open = matches!(self.opened, Some(Ok(_)));
        match (&self.fetched, &self.taken, &self.ended) {
            (Fetched::Nothing, ..) => is_open,
            // Who has had enough is told that the transfer is cut.
            (
                _,
                Some(Taken {
                    end: Ok(End::Enough),
                    ..
                }),
                Some(_),
            ) => true,
            (
                _,
                Some(Taken {
                    end: Ok(End::Whole),
                    ..
                }),
                Some(Ok(reply)),
            ) => reply.is_positive(),
            _ => false,
        }
    }

    /// Whether the server took the TLS session up again.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        matches!(&self.secured, Some(Ok(secured)) if secured.resumed)
    }
}

/// Why no login was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The password would travel in plain.
    Plain,
    /// The certificate does not verify.
    Unverified,
}

/// What a server answered to a session that was idle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idle {
    /// How long it was.
    pub time: Duration,
    /// What came in that time, of itself; `None`: nothing, as it should be.
    pub meanwhile: Option<Heard>,
    /// The reply to `NOOP` after that.
    pub after: Option<Heard>,
}

/// One control connection. What is `None` was not come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sitting {
    /// Where it was called.
    pub called: SocketAddr,
    /// How TLS begins there; what was tried at last.
    pub encryption: Encryption,
    /// Whether the session is over without TLS only to be compared with one under TLS.
    pub is_compared: bool,
    /// Whether it came about.
    pub call: Result<(), Trouble>,
    /// The server's first words.
    pub greeting: Option<Heard>,
    /// What it has to offer.
    pub features: Option<Heard>,
    /// The reply to `AUTH TLS`.
    pub auth: Option<Heard>,
    /// The handshake.
    pub secured: Option<Result<Secured, Trouble>>,
    /// What it speaks of TLS where there is none in common.
    pub older: Option<Spoken>,
    /// Why no login was tried.
    pub held: Option<Held>,
    /// The last reply to `USER` or `PASS`.
    pub login: Option<Heard>,
    /// The reply to `PROT P`.
    pub prot: Option<Heard>,
    /// Where the session ended that should not have: the command, and how.
    pub lost: Option<(String, Trouble)>,
    /// The data connections.
    pub tries: Vec<Try>,
    /// What became of it while it was idle.
    pub idle: Option<Idle>,
}

impl Sitting {
    /// One before its control connection.
    pub(super) fn new(called: SocketAddr, encryption: Encryption) -> Self {
        Self {
            called,
            encryption,
            is_compared: false,
            call: Err(Trouble::Late),
            greeting: None,
            features: None,
            auth: None,
            secured: None,
            older: None,
            held: None,
            login: None,
            prot: None,
            lost: None,
            tries: Vec::new(),
            idle: None,
        }
    }

    /// Whether the server let the client in.
    #[must_use]
    pub fn is_logged_in(&self) -> bool {
        matches!(&self.login, Some(Ok(reply)) if reply.code / 100 == 2)
    }

    /// Whether the session is under TLS.
    #[must_use]
    pub fn is_secured(&self) -> bool {
        matches!(self.secured, Some(Ok(_)))
    }

    /// Whether the client is outside the private network that the server may be in.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        is_public(self.called.ip().to_canonical())
    }
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Ok,
    /// Not so.
    Failed,
    /// It was not tried.
    Skipped,
}

/// What went over the control connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The client said this; no password.
    Said(String),
    /// The server did.
    Heard(String),
}

/// One step of a session, as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name, in kebab-case.
    pub step: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// What was seen, or why it was not tried.
    pub detail: String,
    /// What was said meanwhile.
    pub dialogue: Vec<Line>,
    /// Of which sitting, counted from 0.
    pub sitting: usize,
}

/// All that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Step by step.
    pub steps: Vec<Step>,
    /// The same as facts.
    pub sittings: Vec<Sitting>,
    /// Whether nobody was to log in but the anonymous user.
    pub is_anonymous: bool,
}
