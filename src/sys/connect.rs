//! Calls servers, and is one.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, connect, getsockopt, listen,
    setsockopt, socket, sockopt,
};

use super::icmp::{self, Icmp};

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
    icmp::keep(&socket, to)?;
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
                        icmp: icmp::kept(&socket),
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

/// A stream socket of the family of an address.
pub(super) fn socket_for(address: SocketAddr, flags: SockFlag) -> io::Result<OwnedFd> {
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
