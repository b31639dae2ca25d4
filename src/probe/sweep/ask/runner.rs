//! Leads a sweep from the client's seat.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use thiserror::Error;

use crate::model::net::PortRange;
use crate::sys::clock;

use super::calls::Heard;
use super::calls::runner::{Came, Tried, Unable, call_all};
use crate::probe::sweep::message::{Asked, Lines, MOST_LINE, Told};
use crate::probe::sweep::token::Token;
use crate::probe::sweep::{Outcome, Swept, ports};

/// How long the server may take to hold ports, and say so.
const HOLDING: Duration = Duration::from_secs(5);
/// How often the ports are called to find the server, at most: where they are refused at once.
const ROUND: Duration = Duration::from_millis(500);

/// Why a sweep has no end.
#[derive(Debug, Error)]
pub enum Fault {
    /// None of the ports that `ftpnat answer` holds until somebody comes gets through: what
    /// became of them.
    #[error("no port answers")]
    Nobody(Vec<Swept>),
    /// `ftpnat answer` is there, with another token.
    #[error("another token")]
    OtherToken(SocketAddr),
    /// `ftpnat answer` holds ports of another range.
    #[error("another range")]
    OtherRange(PortRange),
    /// The connection that led it ended.
    #[error("the connection to `ftpnat answer` at {at}: {source}")]
    Lost {
        /// Its end.
        at: SocketAddr,
        /// What happened.
        source: io::Error,
    },
    /// This host cannot make the calls.
    #[error(transparent)]
    Calls(#[from] Unable),
}

/// What is swept.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Where the ports are called.
    pub addresses: &'a [IpAddr],
    /// The ports.
    pub range: PortRange,
    /// What `ftpnat answer` printed.
    pub token: &'a Token,
}

impl Target<'_> {
    fn each(&self, ports: &[u16]) -> Vec<SocketAddr> {
        let at = |port: u16| {
            let addresses = self.addresses.iter();
            addresses.map(move |address| SocketAddr::new(*address, port))
        };
        ports.iter().copied().flat_map(at).collect()
    }
}

/// How far a sweep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It looks for the ports that `ftpnat answer` holds: at most so long yet.
    Looking(Duration),
    /// So many ports are tried.
    Tried(usize),
}

/// Tries every port at every address, and says on the way how far it is.
///
/// # Errors
/// Where nobody leads it, or it ends before its end.
pub fn sweep(target: Target, tell: &mut dyn FnMut(Progress)) -> Result<Vec<Swept>, Fault> {
    let swept = target.addresses.iter().copied().map(Swept::new).collect();
    let mut sweep = Sweep { target, swept };
    let mut leader = sweep.find_leader(tell)?;
    let (range, most) = (target.range, ports::at_once(target.range));
    let left: Vec<u16> = (range.first()..=range.last())
        .filter(|port| !sweep.is_proven(*port))
        .collect();
    for batch in left.chunks(most) {
        tell(Progress::Tried(sweep.tried()));
        sweep.try_held(&mut leader, batch)?;
    }
    tell(Progress::Tried(sweep.tried()));
    let again = ports::worth_another_try(&sweep.doubtful(), most);
    if !again.is_empty() {
        sweep.try_held(&mut leader, &again)?;
    }
    leader.say(&Asked::Done)?;
    Ok(sweep.swept)
}

struct Sweep<'a> {
    target: Target<'a>,
    swept: Vec<Swept>,
}

impl Sweep<'_> {
    /// Calls the ports that the server may hold, until each had its turn; the first call that it
    /// answers leads.
    fn find_leader(&mut self, tell: &mut dyn FnMut(Progress)) -> Result<Leader, Fault> {
        let patience = match ports::turns(self.target.range) {
            1 => Duration::ZERO,
            turns => ports::TURN * turns,
        };
        let until = clock::since_boot() + patience;
        loop {
            let begun = clock::since_boot();
            tell(Progress::Looking(until.saturating_sub(begun)));
            match self.look() {
                Err(Fault::Nobody(_)) if begun < until => {}
                found => return found,
            }
            let next = begun + ROUND;
            clock::sleep(next.saturating_sub(clock::since_boot()));
        }
    }

    fn look(&mut self) -> Result<Leader, Fault> {
        let looked_at = self.target.each(&ports::looked_at(self.target.range));
        let mut leading = None;
        let mut other = None;
        for tried in call_all(&looked_at, self.target.token)? {
            self.note(&tried);
            match tried.came {
                Came::Answered(Heard::Proven(_), stream, call) => {
                    leading.get_or_insert((tried.at, stream, call));
                }
                Came::Answered(Heard::OtherToken, ..) => other = Some(tried.at),
                Came::Answered(Heard::Stranger, ..) | Came::Not(_) => {}
            }
        }
        let Some((at, stream, call)) = leading else {
            let nobody = || Fault::Nobody(self.swept.clone());
            return Err(other.map_or_else(nobody, Fault::OtherToken));
        };
        let mut leader = Leader::new(at, stream)?;
        if let Some(lead) = call.lead(self.target.token) {
            leader.say(&lead)?;
        }
        match leader.hear()? {
            Told::Range(range) if range == self.target.range => Ok(leader),
            Told::Range(other) => Err(Fault::OtherRange(other)),
            _ => Err(leader.lost(io::ErrorKind::InvalidData.into())),
        }
    }

    /// Has the server hold these ports, and calls those that it holds.
    fn try_held(&mut self, leader: &mut Leader, wanted: &[u16]) -> Result<(), Fault> {
        leader.say(&Asked::Hold(wanted.to_vec()))?;
        let Told::Held { held, busy } = leader.hear()? else {
            return Err(leader.lost(io::ErrorKind::InvalidData.into()));
        };
        for swept in &mut self.swept {
            for port in &busy {
                swept.note_busy(*port);
            }
        }
        for tried in call_all(&self.target.each(&held), self.target.token)? {
            self.note(&tried);
        }
        Ok(())
    }

    fn note(&mut self, tried: &Tried) {
        let at = self.swept.iter_mut().find(|s| s.address == tried.at.ip());
        if let Some(swept) = at {
            swept.note(tried.at.port(), tried.outcome());
        }
    }

    /// Whether calls of a port arrived already, at each address: that needs no second call.
    fn is_proven(&self, port: u16) -> bool {
        self.swept.iter().all(|swept| swept.is_proven(port))
    }

    /// Ports that kept silent, before they were connected or after: it may be lost packets.
    fn doubtful(&self) -> Vec<u16> {
        let of =
            |swept: &Swept| [swept.with(&Outcome::Silent), swept.with(&Outcome::Stranger)].concat();
        self.swept.iter().flat_map(of).collect()
    }

    fn tried(&self) -> usize {
        self.swept.iter().map(Swept::tried).min().unwrap_or(0)
    }
}

/// The connection by which the server is told what to hold.
struct Leader {
    at: SocketAddr,
    stream: TcpStream,
    lines: Lines,
}

impl Leader {
    fn new(at: SocketAddr, stream: TcpStream) -> Result<Self, Fault> {
        let set = stream
            .set_nonblocking(false)
            .and_then(|()| stream.set_nodelay(true))
            .and_then(|()| stream.set_read_timeout(Some(HOLDING)))
            .and_then(|()| stream.set_write_timeout(Some(HOLDING)));
        let leader = Self {
            at,
            stream,
            lines: Lines::default(),
        };
        set.map_err(|error| leader.lost(error))?;
        Ok(leader)
    }

    fn say(&mut self, asked: &Asked) -> Result<(), Fault> {
        let said = self.stream.write_all(asked.to_string().as_bytes());
        said.map_err(|error| self.lost(error))
    }

    fn hear(&mut self) -> Result<Told, Fault> {
        self.next_told().map_err(|error| self.lost(error))
    }

    fn next_told(&mut self) -> io::Result<Told> {
        let malformed = |_| io::Error::from(io::ErrorKind::InvalidData);
        let mut bytes = [0; 4096];
        loop {
            if let Some(line) = self.lines.next_line(MOST_LINE).map_err(malformed)? {
                return Told::parse(&line).ok_or(io::ErrorKind::InvalidData.into());
            }
            match self.stream.read(&mut bytes)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => self.lines.feed(bytes.get(..length).unwrap_or_default()),
            }
        }
    }

    fn lost(&self, source: io::Error) -> Fault {
        Fault::Lost {
            at: self.at,
            source,
        }
    }
}
