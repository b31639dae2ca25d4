//! A small FTP server that behaves as the profile's software does: it listens on the control
//! ports and on a few ports of the range, announces what it is set to, and demands what that
//! software demands.

mod dialogue;

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::ServerSessionMemoryCache;
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

use crate::model::ftp::{Software, Tls};
use crate::profile::Profile;
use crate::sys::connect::{accept, call_from, called, listen_everywhere};
use crate::sys::namespace::Namespace;

use dialogue::{Answer, Data, Dialogue};

pub use dialogue::{Behaviour, OtherPeer};

/// What a listing holds.
pub const LISTING: &str = "-rw-r--r-- 1 ftp ftp 0 Jan 01 00:00 file\r\n";
/// The name in its certificate.
const NAME: &str = "ftp.example";
/// How long it waits for anything. Clients wait less.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);
/// Sessions that it remembers: two tickets for each of many connections.
const SESSIONS: usize = 8192;

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Server {
    ended: Arc<AtomicBool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

impl Behaviour {
    /// As the server of a profile is set, which picks from these data ports.
    #[must_use]
    pub fn of(profile: &Profile, announced: Option<std::net::Ipv4Addr>, data: Vec<u16>) -> Self {
        let software = profile.server.software;
        Self {
            control: profile.control.iter().map(|c| (c.port, c.tls)).collect(),
            data,
            announced,
            active: profile.active,
            other_peer: match software {
                Software::PureFtpd => OtherPeer::Ignored,
                _ if software.rejects_other_peer() => OtherPeer::Refused,
                _ => OtherPeer::Taken,
            },
            // vsftpd.conf(5) `require_ssl_reuse`, ProFTPD's TLSOptions `NoSessionReuseRequired`.
            reuse: matches!(
                software,
                Software::Proftpd | Software::Vsftpd | Software::Filezilla
            ),
        }
    }
}

/// Starts a server in a namespace. On `others` it only answers, so that it shows who gets
/// there.
///
/// # Errors
/// As `bind(2)`.
pub fn start(namespace: &Namespace, behaviour: Behaviour, others: &[u16]) -> io::Result<Server> {
    let ended = Arc::new(AtomicBool::new(false));
    let shared = Arc::new(Shared {
        tls: tls().map_err(io::Error::other)?,
        waiting: Mutex::default(),
        numbers: AtomicU64::new(1),
        behaviour,
    });
    let stop = Arc::clone(&ended);
    namespace.inside(|| {
        let mut listeners = Vec::new();
        let mut kinds = Vec::new();
        for (port, tls) in &shared.behaviour.control {
            listeners.push(listen_everywhere(*port)?);
            kinds.push(Some(*tls));
        }
        let control: Vec<u16> = shared.behaviour.control.iter().map(|c| c.0).collect();
        let mut data: Vec<u16> = shared
            .behaviour
            .data
            .iter()
            .chain(others)
            .copied()
            .collect();
        data.sort_unstable();
        data.dedup();
        for port in data.into_iter().filter(|port| !control.contains(port)) {
            listeners.push(listen_everywhere(port)?);
            kinds.push(None);
        }
        // Threads are in the namespace of the one that starts them.
        thread::spawn(move || serve(&shared, &listeners, &kinds, &stop));
        Ok(())
    })?;
    Ok(Server { ended })
}

/// A key and a certificate, made on the spot.
fn tls() -> Result<Arc<ServerConfig>, Box<dyn std::error::Error + Send + Sync>> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    Ok(Arc::new(config))
}

/// What all connections know.
struct Shared {
    behaviour: Behaviour,
    tls: Arc<ServerConfig>,
    /// Who waits for a data connection, by the word that it begins with.
    waiting: Mutex<BTreeMap<String, Waiting>>,
    numbers: AtomicU64,
}

/// A control connection that waits for data.
struct Waiting {
    peer: IpAddr,
    is_protected: bool,
    /// What became of it: nothing, or what the server says against it.
    tell: Sender<Result<(), &'static str>>,
}

fn serve(
    shared: &Arc<Shared>,
    listeners: &[TcpListener],
    kinds: &[Option<Tls>],
    ended: &AtomicBool,
) {
    while !ended.load(Ordering::Relaxed) {
        for place in called(listeners, LOOK).unwrap_or_default() {
            let Ok(stream) = accept(&listeners[place], Duration::ZERO) else {
                continue;
            };
            let (shared, kind) = (Arc::clone(shared), kinds[place]);
            // A client that goes away ends its session: nobody is to be told.
            thread::spawn(move || match kind {
                Some(tls) => drop(control(&shared, stream, tls)),
                None => drop(data(&shared, stream)),
            });
        }
    }
}

fn control(shared: &Shared, stream: TcpStream, tls: Tls) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let (own, peer) = (stream.local_addr()?, stream.peer_addr()?);
    let word = format!("s{}", shared.numbers.fetch_add(1, Ordering::Relaxed));
    let mut dialogue = Dialogue::new(&shared.behaviour, tls, own, peer.ip(), word.clone());
    let mut wire = if tls == Tls::Implicit {
        secure(shared, stream)?.0
    } else {
        Wire::Plain(BufReader::new(stream))
    };
    wire.say("220 ftpnat's lab")?;
    while let Some(line) = wire.hear()? {
        match dialogue.answer(&line) {
            Answer::Say(line) => wire.say(&line)?,
            Answer::Bye(line) => return wire.say(&line),
            Answer::Secure(line) => {
                wire.say(&line)?;
                let Wire::Plain(reader) = wire else {
                    return Ok(());
                };
                wire = secure(shared, reader.into_inner())?.0;
            }
            Answer::List(at) => {
                let listed = match at {
                    Data::Passive => {
                        let come = wait(shared, &word, peer.ip(), dialogue.is_protected());
                        wire.say("150 Here comes the directory listing.")?;
                        come.and_then(|come| come.recv_timeout(PATIENCE).ok())
                            .unwrap_or(Err("425 Failed to establish connection."))
                    }
                    Data::Active(to) => {
                        let from = own.ip().to_canonical();
                        let from = SocketAddr::new(from, dialogue.active_from());
                        match call_from(Some(from), to, PATIENCE) {
                            Ok(stream) => {
                                wire.say("150 Here comes the directory listing.")?;
                                give(shared, stream, dialogue.is_protected())
                            }
                            Err(_) => Err("425 Failed to establish connection."),
                        }
                    }
                };
                wire.say(listed.err().unwrap_or("226 Directory send OK."))?;
            }
        }
    }
    Ok(())
}

fn wait(
    shared: &Shared,
    word: &str,
    peer: IpAddr,
    is_protected: bool,
) -> Option<Receiver<Result<(), &'static str>>> {
    let (tell, come) = channel();
    let waiting = Waiting {
        peer,
        is_protected,
        tell,
    };
    shared.waiting.lock().ok()?.insert(word.to_owned(), waiting);
    Some(come)
}

/// A passive data connection: its first word says whose it is.
fn data(shared: &Shared, stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let peer = stream.peer_addr()?.ip();
    let mut first = [0];
    stream.peek(&mut first)?;
    // The type of the record that begins a handshake (RFC 8446, section 5.1).
    let (mut wire, kind) = if first[0] == 0x16 {
        secure(shared, stream)?
    } else {
        (Wire::Plain(BufReader::new(stream)), None)
    };
    let word = wire.hear()?.unwrap_or_default();
    let waiting = shared
        .waiting
        .lock()
        .ok()
        .and_then(|mut all| all.remove(&word));
    let Some(waiting) = waiting else {
        return Ok(());
    };
    let is_other = peer != waiting.peer;
    if is_other && shared.behaviour.other_peer == OtherPeer::Ignored {
        if let Ok(mut all) = shared.waiting.lock() {
            all.insert(word, waiting);
        }
        return Ok(());
    }
    let is_secure = matches!(wire, Wire::Tls(_));
    let objection = if is_other && shared.behaviour.other_peer == OtherPeer::Refused {
        Some("425 Security: Bad IP connecting.")
    } else if is_secure != waiting.is_protected {
        Some("425 The data connection is not as PROT says.")
    } else if is_secure && shared.behaviour.reuse && kind != Some(HandshakeKind::Resumed) {
        Some("522 SSL connection failed: session reuse required")
    } else {
        None
    };
    let given = match objection {
        Some(objection) => Err(objection),
        None => wire.end(LISTING).map_err(|_| "426 Failure writing."),
    };
    // The session may be over.
    let _ = waiting.tell.send(given);
    Ok(())
}

/// An active data connection. Whoever opens it, the FTP server is the TLS server (RFC 4217,
/// section 7).
fn give(shared: &Shared, stream: TcpStream, is_protected: bool) -> Result<(), &'static str> {
    let failed = |_| "426 Failure writing.";
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    if !is_protected {
        return Wire::Plain(BufReader::new(stream))
            .end(LISTING)
            .map_err(failed);
    }
    let (wire, kind) = secure(shared, stream).map_err(failed)?;
    if shared.behaviour.reuse && kind != Some(HandshakeKind::Resumed) {
        return Err("522 SSL connection failed: session reuse required");
    }
    wire.end(LISTING).map_err(failed)
}

fn secure(shared: &Shared, stream: TcpStream) -> io::Result<(Wire, Option<HandshakeKind>)> {
    let connection = ServerConnection::new(Arc::clone(&shared.tls)).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    let kind = stream.conn.handshake_kind();
    Ok((Wire::Tls(Box::new(BufReader::new(stream))), kind))
}

/// A connection, in plain or under TLS.
enum Wire {
    Plain(BufReader<TcpStream>),
    Tls(Box<BufReader<StreamOwned<ServerConnection, TcpStream>>>),
}

impl Wire {
    fn say(&mut self, line: &str) -> io::Result<()> {
        let bytes = format!("{line}\r\n").into_bytes();
        match self {
            Self::Plain(stream) => stream.get_mut().write_all(&bytes),
            Self::Tls(stream) => {
                stream.get_mut().write_all(&bytes)?;
                stream.get_mut().flush()
            }
        }
    }

    /// A line without its end; `None` behind the last.
    fn hear(&mut self) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        let reader: &mut dyn io::BufRead = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &mut **stream,
        };
        let length = reader.take(4096).read_until(b'\n', &mut bytes)?;
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        Ok((length > 0).then_some(line))
    }

    /// Sends a text and the end.
    fn end(mut self, text: &str) -> io::Result<()> {
        match &mut self {
            Self::Plain(stream) => stream.get_mut().write_all(text.as_bytes()),
            Self::Tls(stream) => {
                let stream = stream.get_mut();
                stream.write_all(text.as_bytes())?;
                stream.conn.send_close_notify();
                stream.flush()
            }
        }
    }
}

/// Whether somebody answers at an address of this thread's namespace.
pub(super) fn is_up(address: SocketAddr) -> bool {
    call_from(None, address, Duration::from_secs(1)).is_ok()
}
