//! An FTP server and a strict client that agree on the very data port which is asked for.
//! On the wire they say what real ones say: the kernel's helper reads them.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ftpnat::model::ftp::ClientMode;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::support::netns::Namespace;

/// What a listing holds.
const LISTING: &[u8] = b"-rw-r--r-- 1 ftp ftp 0 Jan 01 00:00 file\r\n";
/// How long the server waits for anything.
const SERVERS_PATIENCE: Duration = Duration::from_secs(8);

/// A server; it ends with its owner.
pub(crate) struct Server {
    ended: Arc<AtomicBool>,
}

#[derive(Clone)]
struct Host {
    /// What PASV names; else its own address.
    announced: Option<Ipv4Addr>,
    /// Who has logged in.
    peers: Arc<Mutex<BTreeSet<IpAddr>>>,
    ended: Arc<AtomicBool>,
}

impl Server {
    /// Listens in a namespace on control ports and on data ports.
    pub(crate) fn start(
        namespace: &Namespace,
        control: &[u16],
        data: &[u16],
        announced: Option<Ipv4Addr>,
    ) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let host = Host {
            announced,
            peers: Arc::default(),
            ended: Arc::clone(&ended),
        };
        let (control, data) = (control.to_vec(), data.to_vec());
        namespace.inside(move || {
            for port in control {
                let server = host.clone();
                host.serve(port, move |stream| server.session(stream));
            }
            for port in data {
                let server = host.clone();
                host.serve(port, move |stream| server.give(stream));
            }
        });
        Self { ended }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

impl Host {
    /// Threads are in the namespace of the one that made them.
    fn serve(&self, port: u16, with: impl Fn(TcpStream) + Send + Sync + 'static) {
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let (ended, with) = (Arc::clone(&self.ended), Arc::new(with));
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                };
                let with = Arc::clone(&with);
                std::thread::spawn(move || with(stream));
            }
        });
    }

    /// A listing for who has logged in from there: as `ProFTPD` and vsftpd have it.
    fn give(&self, mut stream: TcpStream) {
        let Ok(peer) = stream.peer_addr() else { return };
        let is_known = self.peers.lock().is_ok_and(|p| p.contains(&peer.ip()));
        if is_known {
            let _ = stream.write_all(LISTING);
        }
    }

    fn session(&self, stream: TcpStream) {
        let (Ok(peer), Ok(own)) = (stream.peer_addr(), stream.local_addr()) else {
            return;
        };
        if let Ok(mut peers) = self.peers.lock() {
            peers.insert(peer.ip());
        }
        let Ok(mut control) = Control::of(stream, SERVERS_PATIENCE) else {
            return;
        };
        let _ = control.say("220 ready");
        while let Ok(line) = control.hear() {
            let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let reply = match command {
                "AUTH" => "234 go".to_owned(),
                "EPSV" => format!("229 Entering Extended Passive Mode (|||{rest}|)"),
                "PASV" => {
                    let own = plain(own.ip());
                    let address = self.announced.map_or(own, IpAddr::V4);
                    format!("227 Entering Passive Mode ({})", numbers(address, rest))
                }
                "PORT" | "EPRT" => {
                    let _ = control.say("200 PORT command successful");
                    match asked(command, rest) {
                        Some(to) if to.ip() == plain(peer.ip()) => opened(own, to),
                        _ => "425 another address".to_owned(),
                    }
                }
                _ => "226 done".to_owned(),
            };
            if control.say(&reply).is_err() {
                return;
            }
            control.is_opaque |= command == "AUTH";
        }
    }
}

/// Opens an active data connection, and says how that went: to odd ports from the port below
/// the control port (RFC 959, 3.2), to others from one that the system picks.
fn opened(own: SocketAddr, to: SocketAddr) -> String {
    let is_below = !to.port().is_multiple_of(2);
    let from = |port| connect(SocketAddr::new(plain(own.ip()), port), to, SERVERS_PATIENCE);
    let opened = if is_below {
        // The port may be one of the range.
        from(own.port() - 1).or_else(|e| match e.kind() {
            ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable => from(0),
            _ => Err(e),
        })
    } else {
        from(0)
    };
    match opened {
        Ok(mut stream) => {
            let _ = stream.write_all(LISTING);
            "226 done".to_owned()
        }
        Err(error) => format!("425 {error}"),
    }
}

/// A connection from an address of one's own.
fn connect(from: SocketAddr, to: SocketAddr, patience: Duration) -> std::io::Result<TcpStream> {
    let family = if to.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let socket: OwnedFd = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    let micros = i64::try_from(patience.as_micros()).unwrap_or(i64::MAX);
    setsockopt(
        &socket,
        sockopt::SendTimeout,
        &TimeVal::microseconds(micros),
    )?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(from))?;
    nix::sys::socket::connect(socket.as_raw_fd(), &SockaddrStorage::from(to))?;
    Ok(TcpStream::from(socket))
}

/// A control connection. Under TLS nobody reads along: here the bits are turned.
struct Control {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    is_opaque: bool,
}

impl Control {
    fn of(stream: TcpStream, patience: Duration) -> std::io::Result<Self> {
        stream.set_read_timeout(Some(patience))?;
        stream.set_nonblocking(false)?;
        Ok(Self {
            reader: BufReader::new(stream.try_clone()?),
            stream,
            is_opaque: false,
        })
    }

    fn say(&mut self, line: &str) -> std::io::Result<()> {
        let mut bytes = format!("{line}\r\n").into_bytes();
        if self.is_opaque {
            turn(&mut bytes);
        }
        self.stream.write_all(&bytes)
    }

    fn hear(&mut self) -> std::io::Result<String> {
        let mut end = [b'\n'];
        if self.is_opaque {
            turn(&mut end);
        }
        let mut bytes = Vec::new();
        if self.reader.read_until(end[0], &mut bytes)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if self.is_opaque {
            turn(&mut bytes);
        }
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// A command, and the reply to it.
    fn ask(&mut self, line: &str, wanted: &str) -> Result<String, String> {
        self.say(line).map_err(|e| format!("{line}: {e}"))?;
        let reply = self.hear().map_err(|e| format!("{line}: {e}"))?;
        if reply.starts_with(wanted) {
            Ok(reply)
        } else {
            Err(format!("{line}: {reply}"))
        }
    }
}

fn turn(bytes: &mut [u8]) {
    for byte in bytes {
        *byte ^= 0x80;
    }
}

/// A listing that a client asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listing {
    /// The client's own address.
    pub(crate) source: IpAddr,
    /// The address that it calls, and the control port there.
    pub(crate) called: SocketAddr,
    /// How it asks for data.
    pub(crate) mode: ClientMode,
    /// Whether under TLS.
    pub(crate) tls: bool,
    /// The data port: the server's; in active mode the client's.
    pub(crate) port: u16,
}

impl Listing {
    /// Plays it. The error is how far it came.
    pub(crate) fn play(self, client: &Namespace, patience: Duration) -> Result<(), String> {
        client.inside(move || self.played(patience))
    }

    fn played(self, patience: Duration) -> Result<(), String> {
        let stream = connect(SocketAddr::new(self.source, 0), self.called, patience)
            .map_err(|e| format!("control: {e}"))?;
        let mut control = Control::of(stream, patience).map_err(|e| e.to_string())?;
        control.hear().map_err(|e| format!("greeting: {e}"))?;
        if self.tls {
            control.ask("AUTH TLS", "234")?;
            control.is_opaque = true;
        }
        // The helper reads commands behind a first line only (`nf_conntrack_ftp.c`,
        // `find_nl_seq`).
        control.ask("USER ftp", "226")?;
        let seen = if self.mode.is_active() {
            self.accept(&mut control, patience)?
        } else {
            let reply = match self.mode {
                ClientMode::Epsv => control.ask(&format!("EPSV {}", self.port), "229")?,
                _ => control.ask(&format!("PASV {}", self.port), "227")?,
            };
            let to = self.named(&reply).ok_or(format!("misread: {reply}"))?;
            let stream = connect(SocketAddr::new(self.source, 0), to, patience)
                .map_err(|e| format!("data to {to}: {e}"))?;
            read(stream, patience)?
        };
        if seen != LISTING {
            return Err("the server gave no listing".to_owned());
        }
        control.ask("NOOP", "226").map(|_| ())
    }

    /// Where a reply leads.
    fn named(self, reply: &str) -> Option<SocketAddr> {
        let inner = reply.split_once('(')?.1.split_once(')')?.0;
        if self.mode == ClientMode::Epsv {
            let port = inner.trim_matches('|').parse().ok()?;
            return Some(SocketAddr::new(self.called.ip(), port));
        }
        address(inner)
    }

    fn accept(self, control: &mut Control, patience: Duration) -> Result<Vec<u8>, String> {
        let listener = TcpListener::bind((self.source, self.port)).map_err(|e| e.to_string())?;
        listener.set_nonblocking(true).map_err(|e| e.to_string())?;
        let line = if self.mode == ClientMode::Port {
            format!("PORT {}", numbers(self.source, &self.port.to_string()))
        } else {
            let family = if self.source.is_ipv4() { 1 } else { 2 };
            format!("EPRT |{family}|{}|{}|", self.source, self.port)
        };
        control.ask(&line, "200")?;
        let start = Instant::now();
        let (stream, peer) = loop {
            match listener.accept() {
                Ok(accepted) => break accepted,
                Err(_) if start.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(_) => {
                    let reply = control.hear().unwrap_or_else(|e| e.to_string());
                    return Err(format!("no data connection came: {reply}"));
                }
            }
        };
        if peer.ip() != self.called.ip() {
            return Err(format!("the data connection came from {peer}"));
        }
        let seen = read(stream, patience)?;
        let reply = control.hear().map_err(|e| format!("after {line}: {e}"))?;
        if reply.starts_with("226") {
            Ok(seen)
        } else {
            Err(reply)
        }
    }
}

fn read(mut stream: TcpStream, patience: Duration) -> Result<Vec<u8>, String> {
    let mut seen = Vec::new();
    let of = |e: std::io::Error| format!("data: {e}");
    stream.set_nonblocking(false).map_err(of)?;
    stream.set_read_timeout(Some(patience)).map_err(of)?;
    stream.read_to_end(&mut seen).map_err(of)?;
    Ok(seen)
}

/// An address of IPv4 as such, where IPv6 has it mapped.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// `h1,h2,h3,h4,p1,p2` (RFC 959).
fn numbers(address: IpAddr, port: &str) -> String {
    let [high, low] = port.parse::<u16>().unwrap_or_default().to_be_bytes();
    format!("{},{high},{low}", address.to_string().replace('.', ","))
}

fn address(numbers: &str) -> Option<SocketAddr> {
    let all: Vec<u8> = numbers
        .split(',')
        .map(|n| n.parse().ok())
        .collect::<Option<_>>()?;
    let [a, b, c, d, high, low] = all[..] else {
        return None;
    };
    let port = u16::from_be_bytes([high, low]);
    Some(SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), port))
}

/// Where PORT or EPRT leads.
fn asked(command: &str, rest: &str) -> Option<SocketAddr> {
    if command == "PORT" {
        return address(rest);
    }
    let mut parts = rest.trim_matches('|').split('|').skip(1);
    Some(SocketAddr::new(
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    ))
}
