//! The packet that is sent through the firewall.

use std::net::IpAddr;

use crate::model::net::Family;

use super::region::{Axis, Region, address, number};

/// `IPPROTO_ICMP`
pub(super) const ICMP: u8 = 1;
/// `IPPROTO_TCP`
pub(super) const TCP: u8 = 6;
/// `IPPROTO_UDP`
pub(super) const UDP: u8 = 17;
/// `IPPROTO_ICMPV6`
pub(super) const ICMPV6: u8 = 58;

/// Who opens a connection to whom, as they send it themselves, before any translation:
/// conntrack's original tuple.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// `IPPROTO_*`
    pub protocol: u8,
    /// Who opens it; of ICMP the port is 0.
    pub source: (IpAddr, u16),
    /// Whom to; of the same family.
    pub destination: (IpAddr, u16),
}

impl Flow {
    /// A TCP connection.
    #[must_use]
    pub fn tcp(source: (IpAddr, u16), destination: (IpAddr, u16)) -> Self {
        Self {
            protocol: TCP,
            source,
            destination,
        }
    }

    /// Its IP version, which is that of the destination.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(self.destination.0)
    }

    /// The box that holds it alone.
    #[must_use]
    pub fn region(&self) -> Region {
        Region::point(self.source, self.destination)
    }

    /// The flow at the first corner of a region.
    #[must_use]
    pub fn at(&self, region: &Region) -> Self {
        let family = self.family();
        let first = |axis| region.span(axis).first;
        let port = |axis| u16::try_from(first(axis)).unwrap_or(u16::MAX);
        Self {
            protocol: self.protocol,
            source: (address(first(Axis::Source), family), port(Axis::SourcePort)),
            destination: (
                address(first(Axis::Destination), family),
                port(Axis::DestinationPort),
            ),
        }
    }

    pub(super) fn point(&self) -> [u128; 4] {
        [
            number(self.source.0),
            self.source.1.into(),
            number(self.destination.0),
            self.destination.1.into(),
        ]
    }
}

/// One packet of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The connection.
    pub flow: Flow,
    /// Sent by who opened it, or the other way.
    pub direction: Direction,
    /// What conntrack says of it, where it is tracked.
    pub state: State,
    /// What NAT made of the connection before; `None` where NAT chains decide on this
    /// very packet, as on the first of a connection. Those of an expected connection are
    /// translated before any chain (`nf_nat_follow_master`) where `nf_nat_ftp` is there.
    pub settled: Option<Translations>,
    /// The helper of the connection that this one was expected from
    /// (`ct->master`), such as `ftp`.
    pub master_helper: Option<String>,
    /// TCP's flags: SYN 2, ACK 16; `None` where not known.
    pub tcp_flags: Option<u8>,
    /// Of an ICMP packet, type and code.
    pub icmp: Option<(u8, u8)>,
    /// Where it comes from and goes to.
    pub path: Path,
    /// The interface it comes in by; `None` where not known.
    pub input: Option<String>,
    /// The interface it leaves by, where the routes of the host are not known.
    pub output: Option<String>,
    /// Its mark as it comes; `None` where not known.
    pub mark: Option<u32>,
    /// The mark of its connection as it begins, that of its master where it was expected
    /// (`init_conntrack`); `None` where not known.
    pub connection_mark: Option<u32>,
    /// Its connection's zone; `None` where not known.
    pub zone: Option<u16>,
}

impl Packet {
    /// The first packet of a connection that comes in by `input`: of TCP a SYN.
    #[must_use]
    pub fn arriving(flow: Flow, input: Option<&str>) -> Self {
        Self {
            flow,
            direction: Direction::Original,
            state: State::New,
            settled: None,
            master_helper: None,
            tcp_flags: (flow.protocol == TCP).then_some(2),
            icmp: None,
            path: Path::Arrives,
            input: input.map(str::to_owned),
            output: None,
            mark: Some(0),
            connection_mark: Some(0),
            zone: Some(0),
        }
    }

    /// The first packet of a connection that this host opens.
    #[must_use]
    pub fn leaving(flow: Flow) -> Self {
        Self {
            path: Path::Leaves,
            ..Self::arriving(flow, None)
        }
    }

    /// A later packet of the connection that this one opens, in one direction:
    /// ESTABLISHED, with what NAT made of it, its flags not known but for ACK.
    #[must_use]
    pub fn later(&self, direction: Direction, settled: Translations, path: Path) -> Self {
        Self {
            direction,
            state: State::Established,
            settled: Some(settled),
            tcp_flags: (self.flow.protocol == TCP).then_some(16),
            path,
            input: None,
            output: None,
            ..self.clone()
        }
    }
}

/// Which way a packet goes (`IP_CT_DIR_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From who opened the connection.
    Original,
    /// To it.
    Reply,
}

/// What conntrack says of a packet (`enum ip_conntrack_info`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Opens a connection.
    New,
    /// Of a connection that was answered.
    Established,
    /// Opens an expected connection, or is an ICMP error about one.
    Related,
    /// Of no connection.
    Invalid,
    /// Nobody tracks it, whatever the rules say.
    Untracked,
}

/// Which hooks a packet meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Path {
    /// By a device: ingress, prerouting; input where it is for this host, else forward
    /// and postrouting. Routes decide, after the destination was translated.
    Arrives,
    /// Of this host: output, postrouting.
    Leaves,
    /// From this host to itself: output, postrouting, then prerouting, input, by `lo`.
    Loops,
}

/// What NAT makes of a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Translations {
    /// Of the source.
    pub source: Translation,
    /// Of the destination.
    pub destination: Translation,
}

/// What NAT makes of an address and a port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Translation {
    /// Of the address.
    pub address: Address,
    /// Of the port.
    pub port: Port,
}

impl Translation {
    /// Whether it leaves both as they are.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What NAT makes of an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Address {
    /// The same.
    #[default]
    Same,
    /// One from the first to the last.
    Within(IpAddr, IpAddr),
    /// That with the same place in another network: so much higher, in arithmetic that
    /// wraps.
    Moved(u128),
    /// Not known, as that of an interface whose addresses are not.
    Unknown,
}

/// What NAT makes of a port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Port {
    /// The same; the kernel takes another source port where that one is taken.
    #[default]
    Same,
    /// One from the first to the last.
    Within(u16, u16),
    /// So much higher, in arithmetic that wraps.
    Moved(u16),
}
