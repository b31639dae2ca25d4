//! The ICMP error that ended a connection, out of its socket's queue of errors (ip(7), ipv6(7):
//! `IP_RECVERR`).

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd as _};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, getsockname, recvmsg, setsockopt, sockopt,
};

/// An ICMP error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// Who sent it; `None`: the kernel does not tell.
    pub by: Option<IpAddr>,
    /// Whether it is of ICMPv6.
    pub is_v6: bool,
    /// Its type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
}

/// `linux/errqueue.h`.
const SO_EE_ORIGIN_ICMP: u8 = 2;
const SO_EE_ORIGIN_ICMP6: u8 = 3;

/// Lets the kernel keep the ICMP that ends a connection to `to`: without it a port that ICMP
/// calls unreachable cannot be told from one that resets.
///
/// # Errors
/// As `setsockopt(2)`.
pub(super) fn keep(socket: &impl AsFd, to: SocketAddr) -> io::Result<()> {
    if to.is_ipv4() {
        setsockopt(socket, sockopt::Ipv4RecvErr, &true)?;
    } else {
        setsockopt(socket, sockopt::Ipv6RecvErr, &true)?;
    }
    Ok(())
}

/// The one that was kept (Linux 5.9 and later), if it came from another host: where nobody on
/// the link answers for an address, this host tells itself so.
pub(super) fn kept(socket: &impl AsFd) -> Option<Icmp> {
    let fd = socket.as_fd().as_raw_fd();
    // Either message is an error and the address of who found it.
    let mut space = nix::cmsg_space!([u8; 64]);
    let mut packet = [0; 64];
    let mut into = [IoSliceMut::new(&mut packet)];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(fd, &mut into, Some(&mut space), flags).ok()?;
    let told = message.cmsgs().ok()?.find_map(|part| match part {
        ControlMessageOwned::Ipv4RecvErr(error, by) if error.ee_origin == SO_EE_ORIGIN_ICMP => {
            Some(Icmp {
                by: by.map(|by| u32::from_be(by.sin_addr.s_addr).to_be_bytes().into()),
                is_v6: false,
                kind: error.ee_type,
                code: error.ee_code,
            })
        }
        ControlMessageOwned::Ipv6RecvErr(error, by) if error.ee_origin == SO_EE_ORIGIN_ICMP6 => {
            Some(Icmp {
                by: by.map(|by| by.sin6_addr.s6_addr.into()),
                is_v6: true,
                kind: error.ee_type,
                code: error.ee_code,
            })
        }
        _ => None,
    });
    told.filter(|icmp| icmp.by.is_none() || icmp.by != own_address(fd))
}

fn own_address(fd: i32) -> Option<IpAddr> {
    let own: SockaddrStorage = getsockname(fd).ok()?;
    let v4 = own.as_sockaddr_in().map(|own| own.ip().into());
    v4.or_else(|| own.as_sockaddr_in6().map(|own| own.ip().into()))
}
