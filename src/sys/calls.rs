//! Connections, many at once: begun, waited for, and why they failed.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
};

use super::icmp::{self, Icmp};

/// Why a connection did not come about.
#[derive(Debug)]
pub struct Failed {
    /// As `connect(2)`; `TimedOut` where nothing comes back in time.
    pub error: io::Error,
    /// The ICMP message that it failed by; none: a reset, silence, this host itself, or it
    /// cannot be told (Linux before 5.9).
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

impl Failed {
    /// Whether that is what became of the connection on its way. Else this host is short of
    /// something, and other connections fare alike.
    #[must_use]
    pub fn is_of_the_way(&self) -> bool {
        matches!(
            self.error.kind(),
            io::ErrorKind::ConnectionRefused
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::PermissionDenied
        )
    }

    /// Who said no by ICMP, where that is known.
    #[must_use]
    pub fn by(&self) -> Option<IpAddr> {
        self.icmp.and_then(|icmp| icmp.by)
    }

    /// The kernel's words, without its number for them.
    #[must_use]
    pub fn words(&self) -> String {
        let errno = self.error.raw_os_error().map(Errno::from_raw);
        errno.map_or_else(|| self.error.to_string(), |e| e.desc().to_owned())
    }
}

/// How long a name may take: two name servers of which each is asked twice, as is usual
/// (resolv.conf(5)).
const NAMED: Duration = Duration::from_secs(20);

/// The addresses of a name; an address is its own. `getaddrinfo(3)` waits as the host is set, so
/// it is left behind where that takes longer than 20 seconds.
///
/// # Errors
/// As `getaddrinfo(3)`; `TimedOut`.
pub fn resolve(host: &str) -> io::Result<Vec<IpAddr>> {
    let (found, finds) = mpsc::channel();
    let host = host.to_owned();
    thread::spawn(move || {
        let addresses = (host.as_str(), 0).to_socket_addrs();
        // Nobody may listen any more.
        drop(found.send(addresses.map(|all| all.map(|one| one.ip()).collect())));
    });
    finds.recv_timeout(NAMED).unwrap_or_else(|_| {
        let words = format!("no name server answers within {} s", NAMED.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, words))
    })
}

/// Whether this host has any way to that address. Sends nothing.
#[must_use]
pub fn has_route(to: IpAddr) -> bool {
    let own: SocketAddr = if to.is_ipv4() {
        ([0; 4], 0).into()
    } else {
        ([0; 16], 0).into()
    };
    UdpSocket::bind(own).is_ok_and(|socket| socket.connect((to, 9)).is_ok())
}

/// Begins a connection; it is there, or has failed, when it can be written to ([`went`]).
///
/// # Errors
/// As `bind(2)` and `connect(2)`, where it cannot even be begun.
pub fn begin(from: Option<SocketAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket_for(to, SockFlag::SOCK_NONBLOCK)?;
    if let Some(from) = from {
        // Several may leave from the same port, to different ends.
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
        bind(socket.as_raw_fd(), &SockaddrStorage::from(from))?;
    }
    icmp::keep(&socket, to)?;
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(to)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(TcpStream::from(socket)),
        Err(errno) => Err(errno.into()),
    }
}

/// How a connection went that can be written to.
///
/// # Errors
/// Where it failed.
pub fn went(stream: &TcpStream) -> Result<(), Failed> {
    match stream.take_error() {
        Ok(None) => Ok(()),
        Ok(Some(error)) | Err(error) => Err(Failed {
            error,
            // Asked for in this order: who takes the ICMP out of the queue takes the error with
            // it (net/core/skbuff.c, `sock_dequeue_err_skb`).
            icmp: icmp::kept(stream),
            was_sent: true,
        }),
    }
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// Something to read, or a caller.
    Reading,
    /// Room to write, or the end of [`begin`].
    Writing,
}

/// Those of them that something happened to, by their places; none where that takes longer.
///
/// # Errors
/// As `poll(2)`.
pub fn wait(all: &[(BorrowedFd, For)], limit: Duration) -> io::Result<Vec<usize>> {
    let mut fds: Vec<PollFd> = all
        .iter()
        .map(|(fd, what)| {
            let events = match what {
                For::Reading => PollFlags::POLLIN,
                For::Writing => PollFlags::POLLOUT,
            };
            PollFd::new(*fd, events)
        })
        .collect();
    // A part of a millisecond is waited for as a whole one.
    let timeout = PollTimeout::try_from(limit + Duration::from_millis(1));
    match poll(&mut fds, timeout.unwrap_or(PollTimeout::MAX)) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let happened = |fd: &PollFd| fd.revents().is_some_and(|events| !events.is_empty());
    let places = fds.iter().enumerate();
    Ok(places
        .filter_map(|(place, fd)| happened(fd).then_some(place))
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
