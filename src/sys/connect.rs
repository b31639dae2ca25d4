//! Calls servers, and is one.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessageOwned, MsgFlags, SockFlag, SockType, SockaddrStorage,
    bind, connect, getsockname, getsockopt, listen, recvmsg, setsockopt, socket, sockopt,
};

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether somebody answers there, from this thread's network namespace.
///
/// # Errors
/// As `connect(2)`; `TimedOut` where nothing comes back in two seconds.
pub fn call(address: SocketAddr) -> io::Result<()> {
    call_from(None, address, PATIENCE).map(drop)
}

/// A connection from an address of one's own and a port (0: any), or from whichever the kernel
/// takes.
///
/// # Errors
/// As `connect(2)`; `TimedOut` where nothing comes back in that time.
pub fn call_from(
    from: Option<SocketAddr>,
    to: SocketAddr,
    patience: Duration,
) -> io::Result<TcpStream> {
    call_told(from, to, patience).map_err(|failed| failed.error)
}

/// Why a call failed.
#[derive(Debug)]
pub struct Failed {
    /// As `connect(2)`; `TimedOut` where nothing comes back in time.
    pub error: io::Error,
    /// The ICMP message that it failed by; none: a reset, silence, or this host itself.
    pub icmp: Option<Icmp>,
    /// Whether anything was sent at all.
    pub was_sent: bool,
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self {
            error,
            icmp: None,
            was_sent: false,
        }
    }
}

/// An ICMP error (ip(7), ipv6(7): `IP_RECVERR`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// Who sent it.
    pub by: Option<IpAddr>,
    /// Whether it is of ICMPv6.
    pub is_v6: bool,
    /// Its type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
}

/// The same as [`call_from`], and who said no.
///
/// # Errors
/// [`Failed`].
pub fn call_told(
    from: Option<SocketAddr>,
    to: SocketAddr,
    patience: Duration,
) -> Result<TcpStream, Failed> {
    let socket = socket_for(to, SockFlag::SOCK_NONBLOCK)?;
    if let Some(from) = from {
        // Several may leave from the same port, to different ends.
        setsockopt(&socket, sockopt::ReuseAddr, &true).map_err(io::Error::from)?;
        bind(socket.as_raw_fd(), &SockaddrStorage::from(from)).map_err(io::Error::from)?;
    }
    // Without it a port that ICMP calls unreachable cannot be told from one that resets.
    let told = if to.is_ipv4() {
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true)
    } else {
        setsockopt(&socket, sockopt::Ipv6RecvErr, &true)
    };
    told.map_err(io::Error::from)?;
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(to)) {
        Ok(()) => {}
        Err(Errno::EINPROGRESS) => {
            let failed = |error: io::Error| Failed {
                error,
                icmp: None,
                was_sent: true,
            };
            if !is_ready(&socket, PollFlags::POLLOUT, patience).map_err(failed)? {
                return Err(failed(io::ErrorKind::TimedOut.into()));
            }
            match getsockopt(&socket, sockopt::SocketError).map_err(io::Error::from)? {
                0 => {}
                errno => {
                    return Err(Failed {
                        icmp: told_by(&socket),
                        ..failed(io::Error::from_raw_os_error(errno))
                    });
                }
            }
        }
        Err(errno) => return Err(io::Error::from(errno).into()),
    }
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// The ICMP error that a socket failed by, out of its queue of errors.
fn told_by(socket: &OwnedFd) -> Option<Icmp> {
    let mut bytes = [0; 512];
    let mut parts = [io::IoSliceMut::new(&mut bytes)];
    let mut space = nix::cmsg_space!([u8; 256]);
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut space),
        MsgFlags::MSG_ERRQUEUE,
    );
    let told = message.ok()?.cmsgs().ok()?.find_map(|part| match part {
        ControlMessageOwned::Ipv4RecvErr(error, by) => icmp(
            (error.ee_origin, SO_EE_ORIGIN_ICMP),
            (error.ee_type, error.ee_code),
            by.map(|by| IpAddr::from(u32::from_be(by.sin_addr.s_addr).to_be_bytes())),
        ),
        ControlMessageOwned::Ipv6RecvErr(error, by) => icmp(
            (error.ee_origin, SO_EE_ORIGIN_ICMP6),
            (error.ee_type, error.ee_code),
            by.map(|by| IpAddr::from(by.sin6_addr.s6_addr)),
        ),
        _ => None,
    });
    // Where nobody on the link answers for the address, this host tells itself so.
    told.filter(|icmp| icmp.by.is_none() || icmp.by != own_address(socket))
}

fn own_address(socket: &OwnedFd) -> Option<IpAddr> {
    let own: SockaddrStorage = getsockname(socket.as_raw_fd()).ok()?;
    let v4 = own.as_sockaddr_in().map(|own| own.ip().into());
    v4.or_else(|| own.as_sockaddr_in6().map(|own| own.ip().into()))
}

/// `linux/errqueue.h`.
const SO_EE_ORIGIN_ICMP: u8 = 2;
const SO_EE_ORIGIN_ICMP6: u8 = 3;

fn icmp((origin, wanted): (u8, u8), (kind, code): (u8, u8), by: Option<IpAddr>) -> Option<Icmp> {
    (origin == wanted).then_some(Icmp {
        by,
        is_v6: wanted == SO_EE_ORIGIN_ICMP6,
        kind,
        code,
    })
}

/// Listens on a port of every address of both families, for many callers at once.
///
/// # Errors
/// As `bind(2)`: `AddrInUse`, `PermissionDenied`.
pub fn listen_everywhere(port: u16) -> io::Result<TcpListener> {
    let listen_on = |address: IpAddr| -> io::Result<TcpListener> {
        let at = SocketAddr::new(address, port);
        let socket = socket_for(at, SockFlag::SOCK_NONBLOCK)?;
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
        if at.is_ipv6() {
            setsockopt(&socket, sockopt::Ipv6V6Only, &false)?;
        }
        bind(socket.as_raw_fd(), &SockaddrStorage::from(at))?;
        listen(&socket, Backlog::new(1024)?)?;
        Ok(TcpListener::from(socket))
    };
    match listen_on(Ipv6Addr::UNSPECIFIED.into()) {
        Err(error) if error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32) => {
            listen_on(std::net::Ipv4Addr::UNSPECIFIED.into())
        }
        listening => listening,
    }
}

/// Listens on an address of one's own, on a port that the kernel picks.
///
/// # Errors
/// As `bind(2)`.
pub fn listen_at(address: IpAddr) -> io::Result<TcpListener> {
    TcpListener::bind((address, 0))
}

/// The next caller, waited for so long.
///
/// # Errors
/// As `accept(2)`; `TimedOut` where nobody calls.
pub fn accept(listener: &TcpListener, patience: Duration) -> io::Result<TcpStream> {
    let deadline = Instant::now() + patience;
    listener.set_nonblocking(true)?;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || !is_ready(listener, PollFlags::POLLIN, left)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

/// The addresses of a host, at a port, in the order in which this system would try them.
///
/// # Errors
/// As `getaddrinfo(3)`.
pub fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

/// Those of the listeners that somebody calls, by their places; none where that takes longer.
///
/// # Errors
/// As `poll(2)`.
pub fn called(listeners: &[TcpListener], patience: Duration) -> io::Result<Vec<usize>> {
    let mut fds: Vec<PollFd> = listeners
        .iter()
        .map(|listener| PollFd::new(listener.as_fd(), PollFlags::POLLIN))
        .collect();
    let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
    match poll(&mut fds, timeout) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let is_called = |fd: &PollFd| fd.revents().is_some_and(|events| !events.is_empty());
    Ok(fds
        .iter()
        .enumerate()
        .filter_map(|(place, fd)| is_called(fd).then_some(place))
        .collect())
}

fn socket_for(address: SocketAddr, flags: SockFlag) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let flags = flags | SockFlag::SOCK_CLOEXEC;
    Ok(socket(family, SockType::Stream, flags, None)?)
}

fn is_ready(
    of: &impl std::os::fd::AsFd,
    events: PollFlags,
    patience: Duration,
) -> io::Result<bool> {
    let deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // A part of a millisecond is waited for as a whole one.
        let timeout = PollTimeout::try_from(left + Duration::from_millis(1));
        let mut fds = [PollFd::new(of.as_fd(), events)];
        match poll(&mut fds, timeout.unwrap_or(PollTimeout::MAX)) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
