//! Calls many ports at once.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::time::Duration;

use thiserror::Error;

use crate::sys::calls::{self, Failed, For};
use crate::sys::{clock, random};

use super::{Call, Heard};
use crate::probe::sweep::Outcome;
use crate::probe::sweep::token::{Nonce, Token};

/// How long a port may keep silent: the second SYN, a second after the first, still counts
/// (RFC 6298). The answer behind it has as long.
pub const PATIENCE: Duration = Duration::from_millis(1500);

/// This host cannot make a call at all.
#[derive(Debug, Error)]
#[error("cannot call {what}: {source}")]
pub struct Unable {
    /// Whom.
    what: String,
    /// What the kernel says.
    source: io::Error,
}

/// A call that has come to its end.
pub(in crate::probe::sweep::ask) struct Tried {
    pub(in crate::probe::sweep::ask) at: SocketAddr,
    pub(in crate::probe::sweep::ask) came: Came,
}

/// What it came to.
pub(in crate::probe::sweep::ask) enum Came {
    /// Somebody answered.
    Answered(Heard, TcpStream, Call),
    /// Nobody did.
    Not(Outcome),
}

impl Tried {
    /// What that says of the port.
    pub(in crate::probe::sweep::ask) fn outcome(&self) -> Outcome {
        match &self.came {
            Came::Answered(Heard::Proven(reached), ..) if *reached == self.at.port() => {
                Outcome::Open
            }
            Came::Answered(Heard::Proven(reached), ..) => {
                Outcome::Shifted(i32::from(*reached) - i32::from(self.at.port()))
            }
            Came::Answered(Heard::OtherToken | Heard::Stranger, ..) => Outcome::Stranger,
            Came::Not(outcome) => outcome.clone(),
        }
    }
}

/// Calls all of them at once, and waits for each to come to its end.
pub(in crate::probe::sweep::ask) fn call_all(
    targets: &[SocketAddr],
    token: &Token,
) -> Result<Vec<Tried>, Unable> {
    let mut tried = Vec::new();
    let mut pending = Vec::new();
    for at in targets {
        match Trial::begin(*at)? {
            Way::Pending(trial) => pending.push(trial),
            Way::Ended(ended) => tried.push(ended),
        }
    }
    while !pending.is_empty() {
        let happened = wait(&pending).map_err(unable("several ports at once"))?;
        let now = clock::since_boot();
        let all = std::mem::take(&mut pending);
        for (place, trial) in all.into_iter().enumerate() {
            let is_ready = happened.binary_search(&place).is_ok();
            match trial.go_on(is_ready, now, token) {
                Way::Pending(trial) => pending.push(trial),
                Way::Ended(ended) => tried.push(ended),
            }
        }
    }
    Ok(tried)
}

/// Those of the calls that something happened to, by their places.
fn wait(pending: &[Trial]) -> io::Result<Vec<usize>> {
    let until = pending.iter().map(|trial| trial.until).min();
    let limit = until.map(|until| until.saturating_sub(clock::since_boot()));
    let all: Vec<_> = pending
        .iter()
        .map(|trial| (trial.stream.as_fd(), trial.waits_for()))
        .collect();
    calls::wait(&all, limit.unwrap_or_default())
}

fn unable(what: impl ToString) -> impl FnOnce(io::Error) -> Unable {
    move |source| Unable {
        what: what.to_string(),
        source,
    }
}

/// A call on its way.
struct Trial {
    at: SocketAddr,
    stream: TcpStream,
    call: Call,
    is_connected: bool,
    until: Duration,
}

/// How far a call is on its way.
enum Way {
    Pending(Trial),
    Ended(Tried),
}

impl Trial {
    fn begin(at: SocketAddr) -> Result<Way, Unable> {
        let nonce = random::bytes().map_err(unable(at))?;
        match calls::begin(None, at).map_err(Failed::from) {
            Ok(stream) => Ok(Way::Pending(Self {
                at,
                stream,
                call: Call::new(at.port(), Nonce::new(nonce)),
                is_connected: false,
                until: clock::since_boot() + PATIENCE,
            })),
            Err(failed) if failed.is_of_the_way() => Ok(Way::Ended(Tried {
                at,
                came: Came::Not(why(&failed)),
            })),
            Err(failed) => Err(unable(at)(failed.error)),
        }
    }

    fn waits_for(&self) -> For {
        if self.is_connected {
            For::Reading
        } else {
            For::Writing
        }
    }

    fn go_on(mut self, is_ready: bool, now: Duration, token: &Token) -> Way {
        match (is_ready, self.is_connected) {
            (true, true) => self.listen(token),
            (true, false) => match calls::went(&self.stream) {
                Ok(()) => {
                    self.is_connected = true;
                    self.until = now + PATIENCE;
                    self.greet()
                }
                Err(failed) => self.ended(why(&failed)),
            },
            (false, _) if now < self.until => Way::Pending(self),
            (false, true) => self.ended(Outcome::Stranger),
            (false, false) => self.ended(Outcome::Silent),
        }
    }

    fn greet(mut self) -> Way {
        let hello = self.call.hello().to_string();
        // A new connection has room for a line.
        match self.stream.write_all(hello.as_bytes()) {
            Ok(()) => Way::Pending(self),
            Err(_) => self.ended(Outcome::Stranger),
        }
    }

    fn listen(mut self, token: &Token) -> Way {
        let mut bytes = [0; 1024];
        let heard = match self.stream.read(&mut bytes) {
            Ok(length @ 1..) => self
                .call
                .hear(token, bytes.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Ok(0) | Err(_) => Some(Heard::Stranger),
        };
        match heard {
            None => Way::Pending(self),
            Some(heard) => Way::Ended(Tried {
                at: self.at,
                came: Came::Answered(heard, self.stream, self.call),
            }),
        }
    }

    fn ended(self, outcome: Outcome) -> Way {
        Way::Ended(Tried {
            at: self.at,
            came: Came::Not(outcome),
        })
    }
}

/// What it means that a connection did not come about. A REJECT without more words sends
/// "port unreachable", which the kernel tells as a refusal, too.
fn why(failed: &Failed) -> Outcome {
    match (failed.error.kind(), failed.by()) {
        (io::ErrorKind::ConnectionRefused, None) => Outcome::Refused,
        (io::ErrorKind::TimedOut, None) => Outcome::Silent,
        (_, by) => Outcome::Rejected {
            by,
            error: failed.words(),
        },
    }
}
