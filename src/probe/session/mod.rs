//! One listing as a strict client fetches it: what happened goes in, what to do comes out.
//!
//! Strict: it obeys the address in a `227` reply, tries one way of asking for data and no
//! other, and protects data where control is protected (RFC 959, RFC 2428, RFC 4217).

use std::fmt;
use std::net::{SocketAddr, SocketAddrV4};

use crate::model::ftp::ClientMode;
use crate::model::host_port::{extended, host_port, parse_extended_passive, parse_host_port};

use crate::probe::reply::{Malformed, Replies, Reply};

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

/// What the client is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// How it asks for the data connection.
    pub mode: ClientMode,
    /// TLS, of both connections.
    pub encryption: Encryption,
    /// The address that it calls.
    pub called: SocketAddr,
    /// Who logs in.
    pub user: String,
    /// The password.
    pub password: String,
    /// The port that the server is asked to pick for its end of the data connection, by a
    /// command that only the lab's server knows ([`DATA_PORT`]). One that does not know it
    /// picks as it likes.
    pub data_port: Option<u16>,
}

/// Asks the lab's server to pick this data port. Its reply has a word that is to be sent
/// over the data connection first: many sessions share that port.
pub const DATA_PORT: &str = "SITE DATA-PORT";

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// The control connection is there.
    Connected,
    /// Bytes came over it; under TLS, what was in it.
    Bytes(&'a [u8]),
    /// The TLS handshake on it succeeded.
    Secured,
    /// The passive data connection is there.
    DataConnected,
    /// A port for an active data connection is open, at this address.
    Listening(SocketAddr),
    /// The data connection ended well.
    Transferred,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Wait for bytes on the control connection.
    Read,
    /// Send this line, with CRLF behind it; then wait for bytes.
    Send(String),
    /// Make a TLS handshake on the control connection.
    Secure,
    /// Open a data connection.
    Connect(SocketAddr),
    /// Open a port for an active data connection.
    Listen,
    /// Take what the data connection carries, to its end. What is to be said there first,
    /// if anything.
    Transfer(Option<String>),
    /// The listing arrived and the server confirms it.
    Done,
}

/// How far a session came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The control connection.
    Connect,
    /// The server's first words.
    Greeting,
    /// `AUTH TLS` and the handshake.
    Tls,
    /// `USER` and `PASS`.
    Login,
    /// `PBSZ`, `PROT` and `TYPE`.
    Settings,
    /// `PASV`, `EPSV`, `PORT` or `EPRT`.
    Agreement,
    /// The data connection itself.
    DataConnect,
    /// `LIST` and what it brings.
    Transfer,
    /// The reply behind it.
    Completion,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "the control connection",
            Self::Greeting => "the greeting",
            Self::Tls => "TLS on the control connection",
            Self::Login => "the login",
            Self::Settings => "the settings of the session",
            Self::Agreement => "the command that asks for data",
            Self::DataConnect => "the data connection",
            Self::Transfer => "the listing",
            Self::Completion => "the reply behind the listing",
        })
    }
}

/// The server did not play along.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It says no.
    #[error("the server says `{}`", .0.line())]
    Says(Reply),
    /// It says what cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It named no address that the command asks for.
    #[error("no address can be read in `{}`", .0.line())]
    NoAddress(Reply),
}

/// What the last command was, so what the next reply is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    Greeting,
    Auth,
    User,
    Pass,
    Pbsz,
    Prot,
    Type,
    DataPort,
    Data,
    List,
    End,
}

/// A session that is under way.
#[derive(Debug)]
pub struct Session {
    wanted: Wanted,
    replies: Replies,
    asked: Asked,
    stage: Stage,
    /// What the lab's server wants to hear first over the data connection.
    word: Option<String>,
}

impl Session {
    /// A session before its control connection.
    #[must_use]
    pub fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            replies: Replies::default(),
            asked: Asked::Nothing,
            stage: Stage::Connect,
            word: None,
        }
    }

    /// How far it came.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// What to do after what happened.
    ///
    /// # Errors
    /// [`Refusal`]: the session is over.
    pub fn after(&mut self, event: Event<'_>) -> Result<Step, Refusal> {
        match event {
            Event::Connected if self.wanted.encryption == Encryption::Implicit => {
                self.stage = Stage::Tls;
                Ok(Step::Secure)
            }
            Event::Connected => Ok(self.greet()),
            Event::Secured if self.wanted.encryption == Encryption::Implicit => Ok(self.greet()),
            Event::Secured => {
                // What came in plain before the handshake is nobody's word (RFC 7817 warns
                // of commands and replies injected there).
                self.replies = Replies::default();
                Ok(self.login())
            }
            Event::Bytes(bytes) => {
                self.replies.feed(bytes);
                match self.replies.next_reply()? {
                    Some(reply) => self.heard(reply),
                    None => Ok(Step::Read),
                }
            }
            Event::DataConnected => Ok(self.list()),
            Event::Listening(at) => Ok(self.offer(at)),
            Event::Transferred => {
                self.stage = Stage::Completion;
                self.asked = Asked::End;
                // Both replies may have come together.
                match self.replies.next_reply()? {
                    Some(reply) => self.heard(reply),
                    None => Ok(Step::Read),
                }
            }
        }
    }

    fn heard(&mut self, reply: Reply) -> Result<Step, Refusal> {
        match self.asked {
            // "120 Service ready in nnn minutes" is no greeting yet.
            Asked::Greeting if reply.is_preliminary() => Ok(Step::Read),
            Asked::List if reply.is_preliminary() => {
                self.stage = Stage::Transfer;
                Ok(Step::Transfer(self.word.take()))
            }
            // A server that says at once that it is done.
            Asked::List if reply.is_positive() => Ok(Step::Done),
            Asked::DataPort => {
                let is_awaited = reply.code == 200 && !self.mode().is_active();
                self.word = is_awaited.then(|| reply.lines.join(" "));
                Ok(self.ask_for_data())
            }
            _ if !reply.is_positive() => Err(Refusal::Says(reply)),
            Asked::Greeting if self.wanted.encryption == Encryption::Explicit => {
                self.stage = Stage::Tls;
                Ok(self.send(Asked::Auth, "AUTH TLS".to_owned()))
            }
            Asked::Nothing | Asked::Greeting => Ok(self.login()),
            Asked::Auth => Ok(Step::Secure),
            Asked::User if reply.code == 331 => {
                let line = format!("PASS {}", self.wanted.password);
                Ok(self.send(Asked::Pass, line))
            }
            Asked::User | Asked::Pass => Ok(self.settle()),
            Asked::Pbsz => Ok(self.send(Asked::Prot, "PROT P".to_owned())),
            Asked::Prot => Ok(self.send(Asked::Type, "TYPE A".to_owned())),
            Asked::Type => match self.wanted.data_port {
                Some(port) => Ok(self.send(Asked::DataPort, format!("{DATA_PORT} {port}"))),
                None => Ok(self.ask_for_data()),
            },
            Asked::Data if self.mode().is_active() => Ok(self.list()),
            Asked::Data => {
                self.stage = Stage::DataConnect;
                match self.named(&reply) {
                    Some(address) => Ok(Step::Connect(address)),
                    None => Err(Refusal::NoAddress(reply)),
                }
            }
            Asked::List | Asked::End => Ok(Step::Done),
        }
    }

    fn mode(&self) -> ClientMode {
        self.wanted.mode
    }

    fn send(&mut self, asked: Asked, line: String) -> Step {
        self.asked = asked;
        Step::Send(line)
    }

    fn greet(&mut self) -> Step {
        self.stage = Stage::Greeting;
        self.asked = Asked::Greeting;
        Step::Read
    }

    fn login(&mut self) -> Step {
        self.stage = Stage::Login;
        let line = format!("USER {}", self.wanted.user);
        self.send(Asked::User, line)
    }

    fn settle(&mut self) -> Step {
        self.stage = Stage::Settings;
        if self.wanted.encryption == Encryption::Plain {
            self.send(Asked::Type, "TYPE A".to_owned())
        } else {
            self.send(Asked::Pbsz, "PBSZ 0".to_owned())
        }
    }

    fn ask_for_data(&mut self) -> Step {
        self.stage = Stage::Agreement;
        match self.mode() {
            ClientMode::Pasv => self.send(Asked::Data, "PASV".to_owned()),
            ClientMode::Epsv => self.send(Asked::Data, "EPSV".to_owned()),
            ClientMode::Port | ClientMode::Eprt => Step::Listen,
        }
    }

    /// `PORT` names addresses of IPv4 only; one that is mapped into IPv6 is one.
    fn offer(&mut self, at: SocketAddr) -> Step {
        let at = SocketAddr::new(at.ip().to_canonical(), at.port());
        let line = match at {
            SocketAddr::V4(at) if self.mode() == ClientMode::Port => {
                format!("PORT {}", host_port(at))
            }
            at => format!("EPRT {}", extended(at)),
        };
        self.send(Asked::Data, line)
    }

    fn list(&mut self) -> Step {
        self.stage = Stage::Transfer;
        self.send(Asked::List, "LIST".to_owned())
    }

    fn named(&self, reply: &Reply) -> Option<SocketAddr> {
        let text = reply.lines.last()?;
        match self.mode() {
            ClientMode::Epsv => {
                let port = parse_extended_passive(text)?;
                Some(SocketAddr::new(self.wanted.called.ip(), port))
            }
            _ => parse_host_port(text).map(SocketAddrV4::into),
        }
    }
}

#[cfg(test)]
mod tests;
