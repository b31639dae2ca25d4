//! A model FTP server and its client: what of FTP matters to a firewall, with as
//! little as that takes. A session may be veiled: like TLS, that hides it from the
//! kernel's helper, and it costs no handshake.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};

use ftpnat::model::ftp::ClientMode;
use ftpnat::model::net::PortRange;
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrStorage, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::support::netns::Namespace;

/// How the server is set.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Control ports, and whether sessions there are veiled from the first byte.
    pub(crate) control: Vec<(u16, bool)>,
    /// The passive range.
    pub(crate) passive: PortRange,
    /// What 227 replies announce; `None`: its own address.
    pub(crate) advertise: Option<Ipv4Addr>,
    /// Whether active data comes from port 20, as RFC 959 has it, or from any.
    pub(crate) from_port_20: bool,
}

/// A running server; ends with its owner.
pub(crate) struct Server {
    ended: Arc<AtomicBool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// How long the server bears a client that is silent: longer than any client waits.
const SERVER_PATIENCE: Duration = Duration::from_secs(25);

impl Server {
    /// Starts a server on all addresses of the namespace.
    pub(crate) fn start(host: &Namespace, config: &Config) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicU16::new(0));
        for &(port, veiled) in &config.control {
            let (config, ended, next) = (config.clone(), Arc::clone(&ended), Arc::clone(&next));
            // Threads stay in the namespace of the one that makes them.
            host.inside(move || {
                let listener =
                    TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).expect("a control port");
                listener.set_nonblocking(true).expect("a listener's mode");
                std::thread::spawn(move || accept(&listener, veiled, &config, &ended, &next));
            });
        }
        Self { ended }
    }
}

fn accept(
    listener: &TcpListener,
    veiled: bool,
    config: &Config,
    ended: &AtomicBool,
    next: &Arc<AtomicU16>,
) {
    while !ended.load(Ordering::Relaxed) {
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        let (config, next) = (config.clone(), Arc::clone(next));
        // A client that goes away in the middle ends its session, nothing else.
        std::thread::spawn(move || serve(stream, veiled, &config, &next));
    }
}

/// One end of a control connection.
struct Control {
    stream: TcpStream,
    veiled: bool,
}

impl Control {
    fn new(stream: TcpStream, veiled: bool, patience: Duration) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Self { stream, veiled })
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        let mut bytes = format!("{line}\r\n").into_bytes();
        self.veil(&mut bytes);
        self.stream.write_all(&bytes)
    }

    fn hear(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            self.veil(&mut byte);
            line.push(byte[0]);
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    fn veil(&self, bytes: &mut [u8]) {
        if self.veiled {
            for byte in bytes {
                *byte ^= 0xa5;
            }
        }
    }
}

/// What is to become the data connection.
enum Data {
    Listens(TcpListener),
    Calls(SocketAddr),
}

fn serve(stream: TcpStream, veiled: bool, config: &Config, next: &AtomicU16) -> io::Result<()> {
    let own = plain(stream.local_addr()?.ip());
    let mut control = Control::new(stream, veiled, SERVER_PATIENCE)?;
    control.say("220 model")?;
    let mut data = None;
    loop {
        let line = control.hear()?;
        let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
        match verb {
            "USER" => control.say("230 come in")?,
            "AUTH" => {
                control.say("234 veiled")?;
                control.veiled = true;
            }
            "PASV" => {
                let (listener, port) = listen(config.passive, next)?;
                data = Some(Data::Listens(listener));
                let address = config.advertise.map_or(own, IpAddr::V4);
                let reply = format!(
                    "227 Entering Passive Mode ({})",
                    numbers(SocketAddr::new(address, port))
                );
                control.say(&reply)?;
            }
            "EPSV" => {
                let (listener, port) = listen(config.passive, next)?;
                data = Some(Data::Listens(listener));
                control.say(&format!("229 Entering Extended Passive Mode (|||{port}|)"))?;
            }
            "PORT" | "EPRT" => {
                let to = of_numbers(argument)
                    .or_else(|| of_bars(argument))
                    .ok_or(io::ErrorKind::InvalidInput)?;
                data = Some(Data::Calls(to));
                control.say(&format!("200 {verb}"))?;
            }
            "XFER" => {
                let bytes = argument.parse().map_err(io::Error::other)?;
                control.say("150 here it comes")?;
                match data.take().ok_or(io::ErrorKind::InvalidInput)? {
                    Data::Listens(listener) => {
                        // The client gives up first.
                        let (stream, _) = listener.accept()?;
                        answer(stream, bytes)?;
                    }
                    Data::Calls(to) => {
                        let source = if config.from_port_20 { 20 } else { 0 };
                        answer(call(to, source, SERVER_PATIENCE)?, bytes)?;
                    }
                }
                control.say("226 done")?;
            }
            _ => return Ok(()),
        }
    }
}

/// Takes so many bytes and gives as many.
fn answer(mut stream: TcpStream, bytes: usize) -> io::Result<()> {
    stream.set_read_timeout(Some(SERVER_PATIENCE))?;
    let mut taken = vec![0; bytes];
    stream.read_exact(&mut taken)?;
    stream.write_all(&taken)?;
    stream.shutdown(Shutdown::Write)
}

/// The ports of the range in turn, so that none is used again soon.
fn listen(range: PortRange, next: &AtomicU16) -> io::Result<(TcpListener, u16)> {
    loop {
        let step = next.fetch_add(1, Ordering::Relaxed) % (range.last() - range.first() + 1);
        let port = range.first() + step;
        match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            bound => return Ok((bound?, port)),
        }
    }
}

/// One session: one transfer both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Session {
    /// How the data connection is asked for.
    pub(crate) mode: ClientMode,
    /// Whether the helper cannot read it.
    pub(crate) veiled: bool,
    /// The address and port that the client calls.
    pub(crate) to: SocketAddr,
    /// Whether that port is veiled from the first byte.
    pub(crate) implicit: bool,
    /// Whether the client's ports are below 1024, as some translators make them.
    pub(crate) privileged: bool,
    /// Bytes each way.
    pub(crate) bytes: usize,
}

/// The privileged source ports that clients had so far.
static PRIVILEGED: AtomicU16 = AtomicU16::new(0);

impl Session {
    /// 0: any.
    fn source(&self) -> u16 {
        if self.privileged {
            600 + PRIVILEGED.fetch_add(1, Ordering::Relaxed) % 400
        } else {
            0
        }
    }
}

/// Connects from a source port; 0: any. On a busy machine a wait ends late: what comes
/// only then is late too.
fn call(to: SocketAddr, source: u16, patience: Duration) -> io::Result<TcpStream> {
    let start = Instant::now();
    let stream = connect(to, source, patience)?;
    if start.elapsed() < patience {
        Ok(stream)
    } else {
        Err(io::ErrorKind::TimedOut.into())
    }
}

fn connect(to: SocketAddr, source: u16, patience: Duration) -> io::Result<TcpStream> {
    if source == 0 {
        return TcpStream::connect_timeout(&to, patience);
    }
    let family = if to.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let socket = socket::socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    socket::setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    // Of connect(2) too.
    let limit = TimeVal::milliseconds(i64::try_from(patience.as_millis()).unwrap_or(i64::MAX));
    socket::setsockopt(&socket, sockopt::SendTimeout, &limit)?;
    let any = if to.is_ipv4() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    } else {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    };
    let own = SockaddrStorage::from(SocketAddr::new(any, source));
    socket::bind(socket.as_raw_fd(), &own)?;
    socket::connect(socket.as_raw_fd(), &SockaddrStorage::from(to))?;
    Ok(TcpStream::from(socket))
}

/// Plays a session from a namespace; no step may take longer than `patience`.
///
/// # Errors
/// Where it does not come to its end, the step and what was seen.
pub(crate) fn play(from: &Namespace, session: Session, patience: Duration) -> Result<(), String> {
    from.inside(move || {
        let mut step = "control";
        transfer(session, patience, &mut step).map_err(|error| format!("{step}: {error}"))
    })
}

fn transfer(session: Session, patience: Duration, step: &mut &'static str) -> io::Result<()> {
    let stream = call(session.to, session.source(), patience)?;
    let own = plain(stream.local_addr()?.ip());
    let mut control = Control::new(stream, session.implicit, patience)?;
    control.hear()?;
    if session.veiled && !session.implicit {
        control.say("AUTH TLS")?;
        control.hear()?;
        control.veiled = true;
    }
    // The helper takes what follows a whole line: it never reads the first.
    control.say("USER model")?;
    control.hear()?;
    let mut listener = None;
    let mut called = None;
    match session.mode {
        ClientMode::Pasv => {
            control.say("PASV")?;
            let reply = control.hear()?;
            let to = reply.split(['(', ')']).nth(1).and_then(of_numbers);
            called = Some(to.ok_or(io::ErrorKind::InvalidData)?);
        }
        ClientMode::Epsv => {
            control.say("EPSV")?;
            let reply = control.hear()?;
            let port = reply.split('|').nth(3).and_then(|p| p.parse().ok());
            called = Some(SocketAddr::new(
                session.to.ip(),
                port.ok_or(io::ErrorKind::InvalidData)?,
            ));
        }
        ClientMode::Port | ClientMode::Eprt => {
            let own_listener = TcpListener::bind((own, 0))?;
            let at = own_listener.local_addr()?;
            control.say(&match session.mode {
                ClientMode::Port => format!("PORT {}", numbers(at)),
                _ => format!("EPRT |2|{}|{}|", at.ip(), at.port()),
            })?;
            control.hear()?;
            listener = Some(own_listener);
        }
    }
    *step = "data";
    control.say(&format!("XFER {}", session.bytes))?;
    let mut data = match (listener, called) {
        (Some(listener), _) => accept_within(&listener, patience)?,
        (None, Some(to)) => call(to, session.source(), patience)?,
        (None, None) => return Err(io::ErrorKind::InvalidData.into()),
    };
    data.set_read_timeout(Some(patience))?;
    data.set_write_timeout(Some(patience))?;
    *step = "transfer";
    let sent = vec![7; session.bytes];
    data.write_all(&sent)?;
    let mut taken = Vec::new();
    data.read_to_end(&mut taken)?;
    *step = "end";
    control.hear()?;
    let last = control.hear()?;
    if taken == sent && last.starts_with("226") {
        Ok(())
    } else {
        Err(io::Error::other(last))
    }
}

fn accept_within(listener: &TcpListener, patience: Duration) -> io::Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let start = Instant::now();
    let mut accepted = None;
    crate::support::wait_until(patience, || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let in_time = start.elapsed() < patience;
    let (stream, _) = accepted
        .filter(|_| in_time)
        .ok_or(io::ErrorKind::TimedOut)?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// An IPv4 address where it is one: a socket for both families shows it inside of IPv6.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// `h1,h2,h3,h4,p1,p2` of RFC 959.
fn numbers(at: SocketAddr) -> String {
    let port = at.port();
    let address = at.ip().to_string().replace('.', ",");
    format!("{address},{},{}", port >> 8, port & 0xff)
}

fn of_numbers(text: &str) -> Option<SocketAddr> {
    let numbers: Vec<u8> = text
        .split(',')
        .map_while(|n| n.trim().parse().ok())
        .collect();
    let [a, b, c, d, high, low] = numbers[..] else {
        return None;
    };
    Some(SocketAddr::new(
        Ipv4Addr::new(a, b, c, d).into(),
        u16::from_be_bytes([high, low]),
    ))
}

/// `|2|2001:db8::1|50000|` of RFC 2428.
fn of_bars(text: &str) -> Option<SocketAddr> {
    let mut parts = text.split('|').skip(2);
    let (address, port) = (parts.next()?, parts.next()?);
    Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
}
