//! Listens on the server's side, on few ports at once, until the sweep has ended.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use thiserror::Error;

use crate::model::net::PortRange;
use crate::sys::calls::{self, For};
use crate::sys::wake::{Waker, Woken};
use crate::sys::{clock, connect, random};

use super::{Act, Caller};
use crate::probe::sweep::message::{Malformed, Told};
use crate::probe::sweep::ports::{self, MOST_AT_ONCE};
use crate::probe::sweep::token::{Nonce, Token};

/// How long nobody with the token may come.
pub const IDLE: Duration = Duration::from_secs(600);
/// How long a caller has for everything that it wants to say before it leads.
const STRANGER: Duration = Duration::from_secs(5);
/// How long the one who leads may say nothing. It waits for its calls, which is less.
const LEADER: Duration = Duration::from_secs(30);
/// Connections at once: a client of both families, and some more. Who comes then takes the
/// place of who came first.
const MOST_CALLERS: usize = 2 * MOST_AT_ONCE + 100;

/// Where the signals are among what is waited for; then come the listeners, then the callers.
const SIGNALS: usize = 0;

/// Why nothing is held.
#[derive(Debug, Error)]
pub enum Fault {
    /// No port of the range can be listened on: which one was tried last, and why not.
    #[error("cannot listen on port {port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// What the kernel says.
        source: io::Error,
    },
    /// Something else.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The client at this address has tried every port.
    Swept(IpAddr),
    /// Nobody with the token came for so long.
    Idle,
    /// By a signal.
    Interrupted,
}

/// Listens on some ports of a range.
pub struct Post {
    range: PortRange,
    token: Token,
    waker: Waker,
    held: Vec<(u16, TcpListener)>,
    /// Which sample of the range clients are to look for.
    turn: u32,
    /// Since when those are held; `None`: somebody leads, and has others held.
    rests_since: Option<Duration>,
    callers: Vec<Connection>,
    /// When somebody who has the token was last heard.
    heard: Duration,
}

struct Connection {
    stream: TcpStream,
    from: IpAddr,
    caller: Caller,
    until: Duration,
    leads: bool,
}

/// What a caller has brought about.
enum Then {
    Stay,
    Leave,
    End,
}

impl Post {
    /// Listens on the first ports that clients look for, and that can be had.
    ///
    /// # Errors
    /// Where there are none.
    pub fn open(range: PortRange, token: Token) -> Result<Self, Fault> {
        let waker = Waker::new(&[]).map_err(system("cannot wait for signals"))?;
        let mut post = Self {
            range,
            token,
            waker,
            held: Vec::new(),
            turn: 0,
            rests_since: Some(clock::since_boot()),
            callers: Vec::new(),
            heard: clock::since_boot(),
        };
        let mut last = None;
        for turn in 0..ports::turns(range) {
            post.turn = turn;
            let busy = post.hold(&ports::sample(range, turn));
            if !post.held.is_empty() {
                return Ok(post);
            }
            last = busy.into_iter().next_back().or(last);
        }
        // A sample has a port at least: it could not be had.
        last.map_or(Ok(post), |(port, source)| {
            Err(Fault::Listen { port, source })
        })
    }

    /// Answers until it ends; then nothing of it listens any more.
    ///
    /// # Errors
    /// Where the system fails.
    pub fn serve(mut self) -> Result<Ended, Fault> {
        loop {
            let now = clock::since_boot();
            self.callers.retain(|caller| caller.until > now);
            self.rest(now);
            let idle = self.heard + IDLE;
            if now >= idle {
                return Ok(Ended::Idle);
            }
            let untils = self.callers.iter().map(|c| c.until);
            let until = untils.chain(self.turns_at()).fold(idle, Duration::min);
            let happened = self.wait(until.saturating_sub(now))?;
            if happened.first() == Some(&SIGNALS)
                && matches!(self.waker.wait(None, Duration::ZERO), Woken::By(_))
            {
                return Ok(Ended::Interrupted);
            }
            let (first, after) = (SIGNALS + 1, SIGNALS + 1 + self.held.len());
            let called = happened.iter().filter(|i| (first..after).contains(*i));
            let come = self.accept(called.map(|i| i - first))?;
            let heard = happened.iter().filter(|i| **i >= after);
            let heard: Vec<usize> = heard.map(|i| i - after).collect();
            if let Some(ended) = self.hear(&heard) {
                return Ok(ended);
            }
            self.take_in(come);
        }
    }

    fn wait(&self, limit: Duration) -> Result<Vec<usize>, Fault> {
        let listeners = self.held.iter().map(|(_, listener)| listener.as_fd());
        let callers = self.callers.iter().map(|caller| caller.stream.as_fd());
        let all: Vec<(BorrowedFd, For)> = std::iter::once(self.waker.as_fd())
            .chain(listeners)
            .chain(callers)
            .map(|fd| (fd, For::Reading))
            .collect();
        calls::wait(&all, limit).map_err(system("cannot wait for callers"))
    }

    /// Listens on these ports and no others; gives those that cannot be had.
    fn hold(&mut self, wanted: &[u16]) -> Vec<(u16, io::Error)> {
        self.held.clear();
        let mut busy = Vec::new();
        for port in wanted {
            match connect::listen_everywhere(*port) {
                Ok(listener) => self.held.push((*port, listener)),
                Err(error) => busy.push((*port, error)),
            }
        }
        busy
    }

    /// The ports that clients look for, once nobody leads any more; others when it is their
    /// turn.
    fn rest(&mut self, now: Duration) {
        let is_led = self.callers.iter().any(|caller| caller.leads);
        if self.rests_since.is_none() && !is_led {
            self.rest_at(self.turn, now);
        } else if self.turns_at().is_some_and(|at| at <= now) {
            self.rest_at((self.turn + 1) % ports::turns(self.range), now);
        }
    }

    fn rest_at(&mut self, turn: u32, now: Duration) {
        self.turn = turn;
        self.hold(&ports::sample(self.range, turn));
        self.rests_since = Some(now);
    }

    /// When it is the next ports' turn; not while somebody is there who may come to lead.
    fn turns_at(&self) -> Option<Duration> {
        let is_alone = self.callers.is_empty() && ports::turns(self.range) > 1;
        let since = self.rests_since.filter(|_| is_alone)?;
        Some(since + ports::TURN)
    }

    /// One caller of each listener; the next ones come in the next round. `None`: there is no
    /// room for one.
    fn accept(
        &self,
        called: impl Iterator<Item = usize>,
    ) -> Result<Vec<Option<Connection>>, Fault> {
        let mut come = Vec::new();
        for (port, listener) in called.filter_map(|place| self.held.get(place)) {
            let (stream, from) = match listener.accept() {
                Ok(accepted) => accepted,
                // It left meanwhile.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => {
                    come.push(None);
                    continue;
                }
            };
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            let nonce = random::bytes().map_err(system("cannot make a nonce"))?;
            come.push(Some(Connection {
                stream,
                from: from.ip().to_canonical(),
                caller: Caller::new(*port, Nonce::new(nonce)),
                until: clock::since_boot() + STRANGER,
                leads: false,
            }));
        }
        Ok(come)
    }

    fn take_in(&mut self, come: Vec<Option<Connection>>) {
        for connection in come {
            if connection.is_none() || self.callers.len() >= MOST_CALLERS {
                let oldest = self.callers.iter().position(|caller| !caller.leads);
                drop(oldest.map(|place| self.callers.remove(place)));
            }
            self.callers.extend(connection);
        }
    }

    /// Hears these callers; who breaks the rules, or has left, goes.
    fn hear(&mut self, heard: &[usize]) -> Option<Ended> {
        let mut stay = Vec::new();
        for (place, mut connection) in std::mem::take(&mut self.callers).into_iter().enumerate() {
            if heard.binary_search(&place).is_err() {
                stay.push(connection);
                continue;
            }
            match self.hear_one(&mut connection) {
                Ok(Then::Stay) => {
                    // There is one who leads: the last one that proves itself.
                    let is_past = |c: &Connection| connection.leads && c.leads;
                    stay.retain(|c| !is_past(c));
                    stay.push(connection);
                }
                Ok(Then::End) => return Some(Ended::Swept(connection.from)),
                Ok(Then::Leave) | Err(_) => {}
            }
        }
        self.callers = stay;
        None
    }

    fn hear_one(&mut self, from: &mut Connection) -> io::Result<Then> {
        let mut bytes = [0; 4096];
        match from.stream.read(&mut bytes) {
            Ok(0) => return Ok(Then::Leave),
            Ok(length) => from.caller.feed(bytes.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Then::Stay),
            Err(error) => return Err(error),
        }
        let refused = |_: Malformed| io::Error::from(io::ErrorKind::InvalidData);
        while let Some(act) = from
            .caller
            .next_act(&self.token, self.range)
            .map_err(refused)?
        {
            let told = match act {
                Act::Say(told) => told,
                Act::Lead(told) => {
                    from.leads = true;
                    told
                }
                Act::Hold(wanted) => self.hold_and_tell(&wanted),
                Act::End => return Ok(Then::End),
            };
            if from.leads {
                self.heard = clock::since_boot();
                from.until = self.heard + LEADER;
            }
            // A line or two fit into any socket: who has no room for them reads nothing.
            from.stream.write_all(told.to_string().as_bytes())?;
        }
        Ok(Then::Stay)
    }

    fn hold_and_tell(&mut self, wanted: &[u16]) -> Told {
        let busy = self.hold(wanted);
        self.rests_since = None;
        Told::Held {
            held: self.held.iter().map(|(port, _)| *port).collect(),
            busy: busy.into_iter().map(|(port, _)| port).collect(),
        }
    }
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> Fault {
    move |source| Fault::System { what, source }
}
