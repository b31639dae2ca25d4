//! Makes the moves of a course, over sockets.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::probe::certificate::{self, Trust};
use crate::probe::engine::{Engine, Event, Happened, Move, Next};
use crate::probe::seen::{End, PORT_UNREACHABLE, Secured, Taken, Trouble};
use crate::probe::tls;
use crate::sys::calls::Failed;
use crate::sys::clock;
use crate::sys::connect;
use crate::sys::icmp::Icmp;

use super::wire::{Deadline, Wire, is_resumed, version};

/// Who is called, and by whom.
pub struct Caller<'a> {
    /// The name of the server, as TLS is to prove it.
    pub name: ServerName<'static>,
    /// Whom to trust; `None`: nobody's identity is in question.
    pub trust: Option<&'a Trust>,
    /// The client's own address; `None`: whichever the kernel takes.
    pub source: Option<IpAddr>,
    /// The longest that everything may take.
    pub whole: Duration,
}

/// Drives a course to its end; `tell` hears what is being done.
///
/// # Errors
/// Where TLS cannot be set up at all.
pub fn drive<T>(
    mut engine: Engine<'_, T>,
    caller: &Caller<'_>,
    tell: &mut dyn FnMut(&str),
) -> Result<T, rustls::Error> {
    let mut world = World {
        caller,
        until: clock::since_boot().saturating_add(caller.whole),
        resuming: tls::trusting()?,
        control: None,
        data: None,
        listener: None,
    };
    let mut next = engine.begin();
    loop {
        match next {
            Next::Over(over) => return Ok(over),
            Next::Move(Move::Tell(what)) => {
                tell(&what);
                next = engine.after(Happened {
                    event: Event::Done,
                    took: Duration::ZERO,
                });
            }
            Next::Move(asked) => {
                let begun = clock::since_boot();
                let event = world.make(asked).unwrap_or_else(Event::Failed);
                let took = clock::since_boot().saturating_sub(begun);
                next = engine.after(Happened { event, took });
            }
        }
    }
}

struct World<'a> {
    caller: &'a Caller<'a>,
    until: Duration,
    /// Its sessions are those of one control connection.
    resuming: Arc<ClientConfig>,
    control: Option<Wire>,
    data: Option<Wire>,
    listener: Option<TcpListener>,
}

impl World<'_> {
    fn make(&mut self, asked: Move) -> Result<Event, Trouble> {
        match asked {
            Move::Tell(_) => {}
            Move::Close => {
                if let Some(wire) = self.control.take() {
                    wire.close();
                }
            }
            Move::CloseData => {
                self.listener = None;
                if let Some(wire) = self.data.take() {
                    wire.close();
                }
            }
            Move::Call { to, patience } => {
                self.control = None;
                self.resuming = tls::afresh(&self.resuming);
                self.control = Some(self.call(to, patience)?);
            }
            Move::Say(line) => {
                let deadline = self.deadline(LINE)?;
                let wire = open(&mut self.control)?;
                wire.write(format!("{line}\r\n").as_bytes(), deadline)?;
            }
            Move::Send(bytes) => {
                let deadline = self.deadline(LINE)?;
                open(&mut self.control)?.write(&bytes, deadline)?;
            }
            Move::Hear(patience) => return self.hear(patience),
            Move::Secure(patience) => {
                let deadline = self.deadline(patience)?;
                let config = Arc::clone(&self.resuming);
                let name = self.caller.name.clone();
                open(&mut self.control)?.secure(config, name, deadline)?;
                return Ok(self.secured(self.control.as_ref()));
            }
            Move::Open { to, patience } => {
                self.data = None;
                self.data = Some(self.call(to, patience)?);
            }
            Move::Listen => return self.listen(),
            Move::Accept(patience) => return self.accept(patience),
            Move::SecureData { resume, patience } => {
                let deadline = self.deadline(patience)?;
                let config = if resume {
                    Arc::clone(&self.resuming)
                } else {
                    tls::forgetful(&self.resuming)
                };
                let name = self.caller.name.clone();
                open(&mut self.data)?.secure(config, name, deadline)?;
                return Ok(self.secured(self.data.as_ref()));
            }
            Move::SayOverData(line) => {
                let deadline = self.deadline(LINE)?;
                let wire = open(&mut self.data)?;
                wire.write(format!("{line}\r\n").as_bytes(), deadline)?;
            }
            Move::Take { most, patience } => return self.take(most, patience),
        }
        Ok(Event::Done)
    }

    fn call(&self, to: SocketAddr, patience: Duration) -> Result<Wire, Trouble> {
        self.deadline(patience)?;
        let from = self.caller.source.map(|source| SocketAddr::new(source, 0));
        match connect::call_told(from, to, patience) {
            Ok(stream) => Ok(Wire::new(stream)),
            Err(failed) => Err(unanswered(&failed, patience)),
        }
    }

    fn hear(&mut self, patience: Duration) -> Result<Event, Trouble> {
        let deadline = self.deadline(patience)?;
        let mut bytes = vec![0; 16 * 1024];
        match open(&mut self.control)?.read(&mut bytes, deadline)? {
            0 => Err(Trouble::Ended),
            length => {
                bytes.truncate(length);
                Ok(Event::Bytes(bytes))
            }
        }
    }

    fn secured(&self, wire: Option<&Wire>) -> Event {
        let Some(tls) = wire.and_then(Wire::tls) else {
            return Event::Failed(Trouble::Ended);
        };
        let chain = tls.peer_certificates().unwrap_or_default();
        let trust = self.caller.trust;
        Event::Secured(Box::new(Secured {
            version: version(tls),
            resumed: is_resumed(tls),
            certificate: trust
                .and_then(|trust| certificate::look(chain, &self.caller.name, trust, clock::now())),
        }))
    }

    fn listen(&mut self) -> Result<Event, Trouble> {
        let own = open(&mut self.control)?.stream().local_addr();
        let listener = own.and_then(|own| connect::listen_at(own.ip()));
        let opened = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (at, listener) = opened.map_err(|error| Trouble::Other(error.to_string()))?;
        self.listener = Some(listener);
        Ok(Event::At(at))
    }

    fn accept(&mut self, patience: Duration) -> Result<Event, Trouble> {
        self.deadline(patience)?;
        let listener = self.listener.take().ok_or(Trouble::Ended)?;
        let accepted = connect::accept(&listener, patience);
        let came = accepted.and_then(|stream| Ok((stream.peer_addr()?, stream)));
        match came {
            Ok((from, stream)) => {
                self.data = Some(Wire::new(stream));
                Ok(Event::At(SocketAddr::new(
                    from.ip().to_canonical(),
                    from.port(),
                )))
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(Trouble::Silent(patience)),
            Err(error) => Err(Trouble::Other(error.to_string())),
        }
    }

    /// A server that drips does not last longer than one that is silent: what counts is the
    /// time of the whole.
    fn take(&mut self, most: u64, patience: Duration) -> Result<Event, Trouble> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let whole = self.deadline(patience * DRIPS)?;
        let mut taken = Taken {
            bytes: Vec::new(),
            end: Ok(End::Enough),
        };
        let mut bytes = vec![0; 16 * 1024];
        while taken.bytes.len() < most {
            let wire = open(&mut self.data)?;
            let deadline = Deadline::after(patience).sooner(whole);
            match wire.read(&mut bytes, deadline) {
                Ok(0) => {
                    taken.end = Ok(End::Whole);
                    break;
                }
                Ok(length) => {
                    let length = length.min(most - taken.bytes.len());
                    taken.bytes.extend_from_slice(&bytes[..length]);
                }
                Err(trouble) => {
                    taken.end = Err(trouble);
                    break;
                }
            }
        }
        Ok(Event::Taken(taken))
    }

    /// So long, but not beyond the time of everything.
    fn deadline(&self, patience: Duration) -> Result<Deadline, Trouble> {
        let left = self.until.saturating_sub(clock::since_boot());
        if left.is_zero() {
            return Err(Trouble::Late);
        }
        Ok(Deadline::after(patience.min(left)))
    }
}

/// How long a line may take to be sent.
const LINE: Duration = Duration::from_secs(10);
/// How many times as long as for a piece is waited for all of them.
const DRIPS: u32 = 3;

fn open(wire: &mut Option<Wire>) -> Result<&mut Wire, Trouble> {
    wire.as_mut().ok_or(Trouble::Ended)
}

/// Why nobody took a call.
fn unanswered(failed: &Failed, patience: Duration) -> Trouble {
    use io::ErrorKind::{ConnectionRefused, TimedOut};
    match (failed.icmp, failed.error.kind()) {
        (Some(icmp), _) => Trouble::Rejected {
            by: icmp.by,
            said: said(icmp).to_owned(),
        },
        (None, TimedOut) => Trouble::Silent(patience),
        (None, ConnectionRefused) => Trouble::Refused,
        (None, _) if failed.was_sent => Trouble::Nobody,
        (None, _) => Trouble::NoWay(failed.error.to_string()),
    }
}

/// ICMP's words (RFC 792, RFC 1812; RFC 4443).
fn said(icmp: Icmp) -> &'static str {
    match (icmp.is_v6, icmp.kind, icmp.code) {
        (false, 3, 0) | (true, 1, 0) => "no route",
        (false, 3, 1) | (true, 1, 3) => "host unreachable",
        (false, 3, 2) => "protocol unreachable",
        (false, 3, 3) | (true, 1, 4) => PORT_UNREACHABLE,
        (false, 3, 9 | 10 | 13) | (true, 1, 1) => "administratively prohibited",
        (true, 1, 5) => "source address refused",
        (true, 1, 6) => "reject route",
        (false, 11, _) | (true, 3, _) => "time exceeded",
        _ => "unreachable",
    }
}
