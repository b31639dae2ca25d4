//! Packets as bytes: TCP segments to send, and what comes back.

use std::net::{IpAddr, SocketAddr};

/// `FIN`
pub(crate) const FIN: u8 = 1;
/// `SYN`
pub(crate) const SYN: u8 = 2;
/// `RST`
pub(crate) const RST: u8 = 4;
/// `ACK`
pub(crate) const ACK: u8 = 16;

/// `PSH`
pub(crate) const PSH: u8 = 8;

/// What is left in the TTL (hop limit) of a packet that is sent.
const TTL: u8 = 64;

/// What a segment carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    /// Nothing.
    None,
    /// The first line of an FTP server.
    Greeting,
    /// A server's answer to EPSV, with its port (RFC 2428).
    Passive(u16),
}

impl Data {
    /// The bytes.
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Greeting => b"220 ready\r\n".to_vec(),
            Self::Passive(port) => {
                format!("229 Entering Extended Passive Mode (|||{port}|)\r\n").into_bytes()
            }
        }
    }
}

/// A TCP segment. Its numbers are how it is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Where it is from.
    pub(crate) source: SocketAddr,
    /// Where it goes.
    pub(crate) destination: SocketAddr,
    /// Its flags.
    pub(crate) flags: u8,
    /// The sequence number.
    pub(crate) sequence: u32,
    /// The acknowledged one.
    pub(crate) acknowledged: u32,
    /// What it carries; of a received one that is not looked at.
    pub(crate) data: Data,
}

/// What was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// A TCP segment.
    Segment(Segment),
    /// An ICMP error about a segment with this sequence number.
    Error {
        /// `ICMPv6`.
        v6: bool,
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
        /// The sequence number in the quoted header.
        sequence: u32,
    },
}

impl Segment {
    /// The IP packet.
    pub(crate) fn packet(&self) -> Vec<u8> {
        let tcp = self.tcp();
        let length = |bytes: usize| u16::try_from(bytes).expect("a short packet").to_be_bytes();
        let mut packet = Vec::with_capacity(60);
        match (self.source.ip(), self.destination.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                packet.extend([0x45, 0]);
                packet.extend(length(20 + tcp.len()));
                packet.extend([0, 0, 0, 0, TTL, 6, 0, 0]);
                packet.extend(source.octets());
                packet.extend(destination.octets());
                let sum = checksum(&packet).to_be_bytes();
                packet[10..12].copy_from_slice(&sum);
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                packet.extend([0x60, 0, 0, 0]);
                packet.extend(length(tcp.len()));
                packet.extend([6, TTL]);
                packet.extend(source.octets());
                packet.extend(destination.octets());
            }
            mixed => panic!("two families in {mixed:?}"),
        }
        packet.extend(tcp);
        packet
    }

    fn tcp(&self) -> Vec<u8> {
        let mut tcp = Vec::with_capacity(20);
        tcp.extend(self.source.port().to_be_bytes());
        tcp.extend(self.destination.port().to_be_bytes());
        tcp.extend(self.sequence.to_be_bytes());
        tcp.extend(self.acknowledged.to_be_bytes());
        tcp.extend([0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend(self.data.bytes());
        // The pseudo header: without a right sum, connection tracking says INVALID.
        let mut summed = Vec::with_capacity(60);
        for address in [self.source.ip(), self.destination.ip()] {
            match address {
                IpAddr::V4(v4) => summed.extend(v4.octets()),
                IpAddr::V6(v6) => summed.extend(v6.octets()),
            }
        }
        let length = u16::try_from(tcp.len()).expect("a short segment");
        summed.extend([0, 6]);
        summed.extend(length.to_be_bytes());
        summed.extend(&tcp);
        let sum = checksum(&summed).to_be_bytes();
        tcp[16..18].copy_from_slice(&sum);
        tcp
    }
}

/// The sum of RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded")
}

/// Reads an IP packet; `None` where it is neither TCP nor an ICMP error about TCP.
pub(crate) fn read(packet: &[u8]) -> Option<Received> {
    let (protocol, source, destination, header) = addresses(packet)?;
    let rest = packet.get(header..)?;
    match protocol {
        6 => read_tcp(rest, source, destination).map(Received::Segment),
        1 | 58 => read_error(rest, protocol == 58),
        _ => None,
    }
}

/// An ICMP error without its IP header.
pub(crate) fn read_error(message: &[u8], v6: bool) -> Option<Received> {
    let error = if v6 { 1..=4 } else { 3..=12 };
    let kind = *message.first()?;
    let quoted = message.get(8..)?;
    let (protocol, _, _, header) = addresses(quoted)?;
    if protocol != 6 || !error.contains(&kind) {
        return None;
    }
    Some(Received::Error {
        v6,
        kind,
        code: *message.get(1)?,
        sequence: number(quoted, header + 4)?,
    })
}

/// A TCP segment without its IP header.
pub(crate) fn read_tcp(tcp: &[u8], source: IpAddr, destination: IpAddr) -> Option<Segment> {
    let port = |at: usize| Some(u16::from_be_bytes(tcp.get(at..at + 2)?.try_into().ok()?));
    Some(Segment {
        source: SocketAddr::new(source, port(0)?),
        destination: SocketAddr::new(destination, port(2)?),
        flags: *tcp.get(13)?,
        sequence: number(tcp, 4)?,
        acknowledged: number(tcp, 8)?,
        data: Data::None,
    })
}

/// Protocol, source, destination, length of the header.
fn addresses(packet: &[u8]) -> Option<(u8, IpAddr, IpAddr, usize)> {
    match packet.first()? >> 4 {
        4 => {
            let at = |at: usize| -> Option<IpAddr> {
                Some(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?.into())
            };
            let header = usize::from(packet[0] & 15) * 4;
            Some((*packet.get(9)?, at(12)?, at(16)?, header))
        }
        6 => {
            let at = |at: usize| -> Option<IpAddr> {
                Some(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?.into())
            };
            Some((*packet.get(6)?, at(8)?, at(24)?, 40))
        }
        _ => None,
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
