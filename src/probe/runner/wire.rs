//! A connection, in plain or under TLS, on which nothing is waited for without end.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion};

use crate::probe::seen::{TlsTrouble, Trouble};
use crate::probe::tls;
use crate::sys::clock;

/// A time at which waiting ends, on the clock that nobody sets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Duration,
    patience: Duration,
}

impl Deadline {
    pub(super) fn after(patience: Duration) -> Self {
        Self {
            at: clock::since_boot() + patience,
            patience,
        }
    }

    /// The sooner of two.
    pub(super) fn sooner(self, other: Self) -> Self {
        if other.at < self.at { other } else { self }
    }

    /// What is left; silence where nothing is.
    fn left(self) -> Result<Duration, Trouble> {
        let left = self.at.saturating_sub(clock::since_boot());
        if left.is_zero() {
            return Err(Trouble::Silent(self.patience));
        }
        Ok(left)
    }

    fn trouble(self, error: &io::Error) -> Trouble {
        match error.kind() {
            // A socket whose time is over says `WouldBlock` (socket(7), `SO_RCVTIMEO`).
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Trouble::Silent(self.patience),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Trouble::Reset,
            io::ErrorKind::UnexpectedEof => Trouble::Ended,
            _ => Trouble::Other(error.to_string()),
        }
    }
}

/// A connection.
pub(super) struct Wire {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, tls: None }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The handshake of a client.
    pub(super) fn secure(
        &mut self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        deadline: Deadline,
    ) -> Result<(), Trouble> {
        let connection = ClientConnection::new(config, name);
        let broken = |error: rustls::Error| Trouble::Tls(TlsTrouble::Broken(error.to_string()));
        self.tls = Some(Box::new(connection.map_err(broken)?));
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            self.flush(deadline)?;
            if self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) && !self.pump(deadline)? {
                return Err(Trouble::Ended);
            }
        }
        self.flush(deadline)
    }

    /// What the handshake came to: version, whether a session was resumed, the chain.
    pub(super) fn tls(&self) -> Option<&ClientConnection> {
        self.tls.as_deref()
    }

    /// Reads at least one byte; 0 at the connection's end.
    pub(super) fn read(&mut self, bytes: &mut [u8], deadline: Deadline) -> Result<usize, Trouble> {
        loop {
            let Some(tls) = &mut self.tls else {
                self.wait(deadline)?;
                return self
                    .stream
                    .read(bytes)
                    .map_err(|error| deadline.trouble(&error));
            };
            match tls.reader().read(bytes) {
                Ok(length) => return Ok(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Many servers close without TLS's own end.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) => return Err(deadline.trouble(&error)),
            }
            self.flush(deadline)?;
            self.pump(deadline)?;
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Trouble> {
        let written = if let Some(tls) = &mut self.tls {
            tls.writer().write_all(bytes)
        } else {
            self.wait(deadline)?;
            self.stream.write_all(bytes)
        };
        written.map_err(|error| deadline.trouble(&error))?;
        self.flush(deadline)
    }

    /// Says that nothing more comes, where TLS has a word for it. Nobody waits for an answer.
    pub(super) fn close(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            drop(self.flush(Deadline::after(Duration::from_secs(1))));
        }
    }

    /// Sends what TLS has to say.
    fn flush(&mut self, deadline: Deadline) -> Result<(), Trouble> {
        self.wait(deadline)?;
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                let written = tls.write_tls(&mut self.stream);
                written.map_err(|error| deadline.trouble(&error))?;
            }
        }
        Ok(())
    }

    /// Takes in what TLS is to read; whether anything came.
    fn pump(&mut self, deadline: Deadline) -> Result<bool, Trouble> {
        self.wait(deadline)?;
        let Some(tls) = &mut self.tls else {
            return Ok(false);
        };
        let mut bytes = [0; 4096];
        let read = self.stream.read(&mut bytes);
        let length = read.map_err(|error| deadline.trouble(&error))?;
        let mut came = &bytes[..length];
        loop {
            let taken = tls.read_tls(&mut came);
            taken.map_err(|error| deadline.trouble(&error))?;
            if let Err(error) = tls.process_new_packets() {
                // The alert is worth a packet; that it may not arrive is no news.
                drop(tls.write_tls(&mut self.stream));
                let is_agreed = tls.protocol_version().is_some();
                let trouble = tls::trouble(&error, &bytes[..length], is_agreed);
                return Err(Trouble::Tls(trouble));
            }
            if came.is_empty() {
                return Ok(length > 0);
            }
        }
    }

    fn wait(&self, deadline: Deadline) -> Result<(), Trouble> {
        let left = Some(deadline.left()?);
        let set = self.stream.set_read_timeout(left);
        let set = set.and_then(|()| self.stream.set_write_timeout(left));
        set.map_err(|error| deadline.trouble(&error))
    }
}

/// The version as people write it.
pub(super) fn version(tls: &ClientConnection) -> String {
    match tls.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
        Some(other) => format!("{other:?}"),
        None => "TLS".to_owned(),
    }
}

pub(super) fn is_resumed(tls: &ClientConnection) -> bool {
    tls.handshake_kind() == Some(HandshakeKind::Resumed)
}
