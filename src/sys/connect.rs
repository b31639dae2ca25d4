//! Calls servers, and is one.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{Backlog, SockFlag, SockaddrStorage, bind, listen, setsockopt, sockopt};

use super::calls::{self, Failed, For, begin, socket_for, went};

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

/// The same as [`call_from`], and who said no.
///
/// # Errors
/// [`Failed`].
pub fn call_told(
    from: Option<SocketAddr>,
    to: SocketAddr,
    patience: Duration,
) -> Result<TcpStream, Failed> {
    let stream = begin(from, to)?;
    let sent = |error: io::Error| Failed {
        was_sent: true,
        ..error.into()
    };
    if !is_ready(&stream, PollFlags::POLLOUT, patience).map_err(sent)? {
        return Err(sent(io::ErrorKind::TimedOut.into()));
    }
    went(&stream)?;
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
    let all: Vec<_> = listeners
        .iter()
        .map(|listener| (listener.as_fd(), For::Reading))
        .collect();
    calls::wait(&all, patience)
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
