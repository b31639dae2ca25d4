//! What tells a network namespace from every other of this boot.

use nix::libc;
use nix::sys::socket::sockopt::GetStruct;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, socket};
use nix::{getsockopt_impl, sockopt_impl};

sockopt_impl!(
    /// The number of the socket's network namespace, which no other gets in this boot
    /// (`SO_NETNS_COOKIE`, Linux 5.14).
    NetnsCookie,
    GetOnly,
    libc::SOL_SOCKET,
    libc::SO_NETNS_COOKIE,
    u64,
    GetStruct<u64>
);

/// The cookie of this thread's network namespace; `None` where the kernel does not tell.
pub(super) fn cookie() -> Option<u64> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None).ok()?;
    getsockopt(&socket, NetnsCookie).ok()
}
