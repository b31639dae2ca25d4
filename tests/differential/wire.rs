//! Packets in and out of the router, seen where they arrive.
//!
//! The two networks beside the router are the far ends of its interfaces and nothing
//! else: no address, no stack that would answer. What goes to the router itself is read
//! from raw sockets, which get it after the input hook, from whatever port
//! (`ip_local_deliver_finish` → `raw_local_deliver`).

use std::cell::Cell;
use std::io::IoSliceMut;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    SockaddrIn, SockaddrIn6, bind, recv, recvfrom, recvmsg, sendto, setsockopt, socket, sockopt,
};

use crate::packet::{Received, Segment, read, read_error, read_tcp};
use crate::support::netns::Namespace;

/// A place that packets leave from and arrive at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Side {
    /// The network of `cli`.
    Client,
    /// The network of `srv`.
    Server,
    /// The router itself.
    Router,
}

/// An ethertype for experiments (IEEE 802): marks that everything sent before has been
/// seen to.
const MARKER: [u8; 2] = [0x88, 0xb5];

/// How often a packet may go through a queue of the kernel: in, `lo`, out, and one more.
const QUEUES: usize = 4;

/// How long a marker may take, in ms, before the machine is thought broken.
const MARKER_TIME: u16 = 20_000;

/// When, in ms, another marker is tried on devices that do not carry yet.
const RETRY_TIME: u16 = 20;

/// `PACKET_OUTGOING`: what this side sent itself.
const OUTGOING: u8 = 4;

/// Sockets on all sides.
pub(crate) struct Wire {
    outside: OwnedFd,
    client: LinkAddr,
    server: LinkAddr,
    inside: OwnedFd,
    toward_client: LinkAddr,
    toward_server: LinkAddr,
    tcp4: OwnedFd,
    tcp6: OwnedFd,
    icmp4: OwnedFd,
    icmp6: OwnedFd,
    raw4: OwnedFd,
    raw6: OwnedFd,
    markers: Cell<u32>,
}

impl Wire {
    /// Sockets in `outside` (devices `c0`, `s0`) and `router` (`cli`).
    pub(crate) fn new(outside: &Namespace, router: &Namespace) -> Self {
        let (packets, client, server) = outside.inside(|| (packets(), device("c0"), device("s0")));
        let wire = router.inside(move || {
            let tcp6 = raw(AddressFamily::Inet6, SockProtocol::Tcp);
            setsockopt(&tcp6, sockopt::Ipv6RecvPacketInfo, &true).expect("IPV6_RECVPKTINFO");
            Self {
                outside: packets,
                client,
                server,
                inside: self::packets(),
                toward_client: device("cli"),
                toward_server: device("srv"),
                tcp4: raw(AddressFamily::Inet, SockProtocol::Tcp),
                tcp6,
                icmp4: raw(AddressFamily::Inet, SockProtocol::Icmp),
                icmp6: raw(AddressFamily::Inet6, SockProtocol::IcmpV6),
                raw4: raw(AddressFamily::Inet, SockProtocol::Raw),
                raw6: raw(AddressFamily::Inet6, SockProtocol::Raw),
                markers: Cell::new(0),
            }
        });
        wire.until_it_carries();
        wire
    }

    /// Sends one segment. A rule of the output hook that drops is told to the sender
    /// (`EPERM`), and so is a translation to where no route goes.
    pub(crate) fn send(&self, from: Side, segment: &Segment) {
        let packet = segment.packet();
        let sent = match (from, segment.destination) {
            (Side::Client, _) => self.frame(&self.client, 1, &packet),
            (Side::Server, _) => self.frame(&self.server, 2, &packet),
            (Side::Router, SocketAddr::V4(to)) => sendto(
                self.raw4.as_raw_fd(),
                &packet,
                &SockaddrIn::from(SocketAddrV4::new(*to.ip(), 0)),
                MsgFlags::empty(),
            ),
            (Side::Router, SocketAddr::V6(to)) => sendto(
                self.raw6.as_raw_fd(),
                &packet,
                &SockaddrIn6::from(SocketAddrV6::new(*to.ip(), 0, 0, 0)),
                MsgFlags::empty(),
            ),
        };
        match sent {
            Ok(_) | Err(Errno::EPERM | Errno::ENETUNREACH) => {}
            Err(error) => panic!("{from:?} {segment:?}: {error}"),
        }
    }

    fn frame(&self, device: &LinkAddr, network: u8, packet: &[u8]) -> nix::Result<usize> {
        let kind = if packet[0] >> 4 == 4 {
            [8, 0]
        } else {
            [0x86, 0xdd]
        };
        let mut frame = vec![2, 0, 0, 0, network, 1, 2, 0, 0, 0, network, 2];
        frame.extend(kind);
        frame.extend(packet);
        sendto(self.outside.as_raw_fd(), &frame, device, MsgFlags::empty())
    }

    /// All that arrived anywhere, once everything sent before has been seen to.
    ///
    /// The queue of a CPU keeps the order (`netif_rx`), so this thread stays on one: a
    /// marker that came through tells that all before it are through.
    pub(crate) fn collect(&self) -> Vec<(Side, Received)> {
        let mut seen = Vec::new();
        for _ in 0..QUEUES {
            for router in [true, false] {
                let number = self.mark(router);
                let through = self.until_marker(number, &mut seen, router, MARKER_TIME);
                assert!(through, "a marker was lost");
            }
        }
        self.read_local(&mut seen);
        seen
    }

    /// Returns once packets pass in both directions: devices that were just set up do
    /// not carry at once.
    fn until_it_carries(&self) {
        for router in [true, false] {
            let carries = (0..MARKER_TIME / RETRY_TIME).any(|_| {
                let number = self.mark(router);
                self.until_marker(number, &mut Vec::new(), router, RETRY_TIME)
            });
            assert!(carries, "the devices do not carry");
        }
    }

    /// Sends a marker to the router, or from it, and gives its number.
    fn mark(&self, router: bool) -> u32 {
        let number = self.markers.get() + 1;
        self.markers.set(number);
        // Egress rules of the one device may drop it, which the sender is told.
        let ways: &[(&OwnedFd, &LinkAddr, [u8; 4])] = if router {
            &[(&self.outside, &self.client, [1, 1, 1, 2])]
        } else {
            &[
                (&self.inside, &self.toward_client, [1, 2, 1, 1]),
                (&self.inside, &self.toward_server, [2, 2, 2, 1]),
            ]
        };
        let sent = ways.iter().any(|(socket, device, ends)| {
            let mut frame = vec![2, 0, 0, 0, ends[0], ends[1], 2, 0, 0, 0, ends[2], ends[3]];
            frame.extend(MARKER);
            frame.extend(number.to_be_bytes());
            frame.extend([0; 42]);
            sendto(socket.as_raw_fd(), &frame, *device, MsgFlags::empty()).is_ok()
        });
        assert!(sent, "no device takes a marker");
        number
    }

    /// Reads frames up to the marker, on the router or outside; `false` where nothing
    /// comes for so many ms.
    fn until_marker(
        &self,
        number: u32,
        seen: &mut Vec<(Side, Received)>,
        router: bool,
        limit: u16,
    ) -> bool {
        let socket = if router { &self.inside } else { &self.outside };
        let mut buffer = [0; 2048];
        loop {
            let (length, from) = match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer) {
                Ok((length, from)) => (length, from.expect("a device")),
                Err(Errno::EAGAIN) => {
                    let mut wait = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
                    if poll(&mut wait, PollTimeout::from(limit)) == Ok(0) {
                        return false;
                    }
                    continue;
                }
                Err(error) => panic!("a packet socket: {error}"),
            };
            let frame = &buffer[..length];
            if from.pkttype() == OUTGOING || frame.len() < 18 {
                continue;
            }
            if frame[12..14] == MARKER {
                if frame[14..18] == number.to_be_bytes() {
                    return true;
                }
                continue;
            }
            if router {
                continue;
            }
            let side = if from.ifindex() == self.client.ifindex() {
                Side::Client
            } else {
                Side::Server
            };
            seen.extend(read(&frame[14..]).map(|received| (side, received)));
        }
    }

    /// What the router itself received, after its input hook.
    fn read_local(&self, seen: &mut Vec<(Side, Received)>) {
        let mut keep = |received: Option<Received>| {
            seen.extend(received.map(|received| (Side::Router, received)));
        };
        for socket in [&self.tcp4, &self.icmp4] {
            each(socket, |packet| keep(read(packet)));
        }
        each(&self.icmp6, |message| keep(read_error(message, true)));
        let mut buffer = [0; 2048];
        let mut control = nix::cmsg_space!(nix::libc::in6_pktinfo);
        loop {
            let mut parts = [IoSliceMut::new(&mut buffer)];
            let message = recvmsg::<SockaddrIn6>(
                self.tcp6.as_raw_fd(),
                &mut parts,
                Some(&mut control),
                MsgFlags::empty(),
            );
            let (length, from, to) = match message {
                Ok(message) => (
                    message.bytes,
                    message.address.expect("a source").ip(),
                    message
                        .cmsgs()
                        .expect("control messages")
                        .find_map(|message| address_of(&message)),
                ),
                Err(Errno::EAGAIN) => return,
                Err(error) => panic!("a raw socket: {error}"),
            };
            let to = to.expect("IPV6_PKTINFO");
            keep(read_tcp(&buffer[..length], from.into(), to.into()).map(Received::Segment));
        }
    }
}

fn address_of(message: &ControlMessageOwned) -> Option<Ipv6Addr> {
    match message {
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(info.ipi6_addr.s6_addr.into()),
        _ => None,
    }
}

/// Each message that waits.
fn each(socket: &OwnedFd, mut with: impl FnMut(&[u8])) {
    let mut buffer = [0; 2048];
    loop {
        match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(length) => with(&buffer[..length]),
            Err(Errno::EAGAIN) => return,
            Err(error) => panic!("a raw socket: {error}"),
        }
    }
}

fn packets() -> OwnedFd {
    socket(
        AddressFamily::Packet,
        SockType::Raw,
        SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
        SockProtocol::EthAll,
    )
    .expect("a packet socket")
}

fn raw(family: AddressFamily, protocol: SockProtocol) -> OwnedFd {
    socket(
        family,
        SockType::Raw,
        SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
        protocol,
    )
    .expect("a raw socket")
}

/// The address of a device of this namespace, by which a packet socket sends.
fn device(name: &str) -> LinkAddr {
    nix::ifaddrs::getifaddrs()
        .expect("the interfaces")
        .filter(|interface| interface.interface_name == name)
        .find_map(|interface| interface.address?.as_link_addr().copied())
        .unwrap_or_else(|| panic!("no device {name}"))
}

/// Forgets all connections of the namespace that this thread is in
/// (`IPCTNL_MSG_CT_DELETE` without attributes).
pub(crate) fn forget_connections() {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkNetFilter,
    )
    .expect("a netlink socket");
    bind(
        socket.as_raw_fd(),
        &nix::sys::socket::NetlinkAddr::new(0, 0),
    )
    .expect("bound");
    // struct nlmsghdr (length, type, REQUEST and ACK, sequence, port), struct nfgenmsg.
    let mut message = Vec::with_capacity(20);
    message.extend(20_u32.to_ne_bytes());
    message.extend(0x0102_u16.to_ne_bytes());
    message.extend(5_u16.to_ne_bytes());
    message.extend([0; 12]);
    let kernel = nix::sys::socket::NetlinkAddr::new(0, 0);
    sendto(socket.as_raw_fd(), &message, &kernel, MsgFlags::empty()).expect("sent");
    let mut answer = [0; 128];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty()).expect("an answer");
    let code = answer[..length].get(16..20).expect("NLMSG_ERROR");
    assert_eq!(code, [0; 4], "IPCTNL_MSG_CT_DELETE");
}
