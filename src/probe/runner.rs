//! Plays a session over sockets.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use thiserror::Error;

use crate::sys::connect;

use super::session::{Encryption, Event, Refusal, Session, Stage, Step, Wanted};
use super::tls;

/// The longest listing that is read.
const MOST_LISTING: u64 = 1024 * 1024;
/// How long the server is listened to for why it ended a data connection.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Where the client sits.
#[derive(Debug, Clone, Copy)]
pub struct Seat {
    /// Its own address; `None`: whichever the kernel takes.
    pub source: Option<IpAddr>,
    /// How long it waits for anything.
    pub patience: Duration,
}

impl Seat {
    fn from(self) -> Option<SocketAddr> {
        self.source.map(|source| SocketAddr::new(source, 0))
    }
}

/// Why a session did not come to its end.
#[derive(Debug, Error)]
pub enum Fault {
    /// The network, or the peer, ended it or kept silent: what was tried, on what.
    #[error("{what}: {source}")]
    Network {
        /// What was tried.
        what: String,
        /// What happened. `TimedOut` is silence.
        source: io::Error,
    },
    /// The server did not play along.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// TLS cannot be set up at all.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// What a session came to.
#[derive(Debug)]
pub struct Played {
    /// How far it came.
    pub stage: Stage,
    /// What the data connection brought, where the server said that this was all.
    pub listing: Result<Vec<u8>, Fault>,
}

/// Plays a session from this thread's network namespace.
#[must_use]
pub fn play(wanted: &Wanted, seat: Seat) -> Played {
    let mut session = Session::new(wanted.clone());
    let listing = Run::begin(wanted, seat).and_then(|mut run| run.finish(&mut session));
    Played {
        stage: session.stage(),
        listing,
    }
}

struct Run<'a> {
    wanted: &'a Wanted,
    seat: Seat,
    tls: Arc<ClientConfig>,
    control: Wire,
    data: Option<TcpStream>,
    listener: Option<TcpListener>,
    listing: Vec<u8>,
}

impl<'a> Run<'a> {
    fn begin(wanted: &'a Wanted, seat: Seat) -> Result<Self, Fault> {
        let to = wanted.called;
        let control = connect::call_from(seat.from(), to, seat.patience)
            .and_then(|stream| patient(stream, seat.patience))
            .map_err(network(format!("the control connection to {to}")))?;
        Ok(Self {
            wanted,
            seat,
            tls: tls::trusting()?,
            control: Wire::Plain(control),
            data: None,
            listener: None,
            listing: Vec::new(),
        })
    }

    fn finish(&mut self, session: &mut Session) -> Result<Vec<u8>, Fault> {
        let mut step = session.after(Event::Connected)?;
        let mut bytes = [0; 4096];
        loop {
            let event = match step {
                Step::Done => {
                    // Nobody waits for what it says to that.
                    drop(self.control.write_all(b"QUIT\r\n"));
                    return Ok(std::mem::take(&mut self.listing));
                }
                Step::Read => Event::Bytes(self.read(&mut bytes)?),
                Step::Send(line) => {
                    self.send(&line)?;
                    Event::Bytes(self.read(&mut bytes)?)
                }
                Step::Secure => {
                    self.secure()?;
                    Event::Secured
                }
                Step::Connect(address) => {
                    self.connect(address)?;
                    Event::DataConnected
                }
                Step::Listen => Event::Listening(self.listen()?),
                Step::Transfer(word) => {
                    if let Err(fault) = self.transfer(word.as_deref()) {
                        return Err(self.last_words(session).unwrap_or(fault));
                    }
                    Event::Transferred
                }
            };
            step = session.after(event)?;
        }
    }

    fn read<'b>(&mut self, bytes: &'b mut [u8]) -> Result<&'b [u8], Fault> {
        let what = || "waiting for the server's reply".to_owned();
        match self.control.read(bytes) {
            Ok(0) => Err(network(what())(io::ErrorKind::UnexpectedEof.into())),
            Ok(length) => Ok(&bytes[..length]),
            Err(error) => Err(network(what())(error)),
        }
    }

    fn send(&mut self, line: &str) -> Result<(), Fault> {
        let command = line.split(' ').next().unwrap_or_default().to_owned();
        let sent = self.control.write_all(format!("{line}\r\n").as_bytes());
        sent.and_then(|()| self.control.flush())
            .map_err(network(format!("sending {command}")))
    }

    fn secure(&mut self) -> Result<(), Fault> {
        let Wire::Plain(stream) = &self.control else {
            return Ok(());
        };
        let failed = || network("the TLS handshake".to_owned());
        let stream = stream.try_clone().map_err(failed())?;
        self.control = Wire::Tls(Box::new(self.handshake(stream).map_err(failed())?));
        Ok(())
    }

    /// The same name for every connection: sessions are resumed by it.
    fn handshake(&self, stream: TcpStream) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let name = ServerName::from(self.wanted.called.ip());
        let connection = ClientConnection::new(Arc::clone(&self.tls), name);
        let connection = connection.map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }

    fn connect(&mut self, address: SocketAddr) -> Result<(), Fault> {
        let opened = connect::call_from(self.seat.from(), address, self.seat.patience);
        let what = format!("the data connection to {address}");
        self.data = Some(opened.map_err(network(what))?);
        Ok(())
    }

    fn listen(&mut self) -> Result<SocketAddr, Fault> {
        let own = self.control.socket().local_addr();
        let listener = own.and_then(|own| connect::listen_at(own.ip()));
        let opened = listener.and_then(|l| l.local_addr().map(|at| (l, at)));
        let failed = network("opening a port for the data connection".to_owned());
        let (listener, at) = opened.map_err(failed)?;
        self.listener = Some(listener);
        Ok(at)
    }

    fn transfer(&mut self, word: Option<&str>) -> Result<(), Fault> {
        let patience = self.seat.patience;
        let stream = match (self.data.take(), self.listener.take()) {
            (Some(stream), _) => Ok(stream),
            (None, Some(listener)) => connect::accept(&listener, patience),
            (None, None) => Err(io::ErrorKind::NotConnected.into()),
        };
        let failed = || network("the data connection".to_owned());
        let stream = stream
            .and_then(|s| patient(s, patience))
            .map_err(failed())?;
        let mut wire = if self.wanted.encryption == Encryption::Plain {
            Wire::Plain(stream)
        } else {
            let failed = network("TLS on the data connection".to_owned());
            Wire::Tls(Box::new(self.handshake(stream).map_err(failed)?))
        };
        if let Some(word) = word {
            let said = wire.write_all(format!("{word}\r\n").as_bytes());
            said.and_then(|()| wire.flush()).map_err(failed())?;
        }
        let read = wire.take(MOST_LISTING).read_to_end(&mut self.listing);
        match read {
            // Many servers close without TLS's own end; the reply tells whether it was all.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            read => read.map(drop).map_err(failed()),
        }
    }

    /// What the server says of a data connection that it ended itself.
    fn last_words(&mut self, session: &mut Session) -> Option<Fault> {
        self.control
            .socket()
            .set_read_timeout(Some(LAST_WORDS))
            .ok()?;
        let mut bytes = [0; 4096];
        let heard = self.read(&mut bytes).ok()?;
        let refusal = session.after(Event::Bytes(heard)).err()?;
        Some(Fault::Refused(refusal))
    }
}

/// A connection, in plain or under TLS.
enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Wire {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(bytes),
            Self::Tls(stream) => stream.read(bytes),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

fn patient(stream: TcpStream, patience: Duration) -> io::Result<TcpStream> {
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}

/// A socket whose time is over says `WouldBlock` (socket(7), `SO_RCVTIMEO`).
fn network(what: String) -> impl FnOnce(io::Error) -> Fault {
    move |source| Fault::Network {
        what,
        source: match source.kind() {
            io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
            _ => source,
        },
    }
}
