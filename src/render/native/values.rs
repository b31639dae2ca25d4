//! Values in the bytes that registers and sets hold, and their types.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::net::{Family, InterfaceName, PortRange};
use crate::ruleset::live::table::{Element, Key, Value};

/// `IPPROTO_TCP`.
pub(super) const TCP: u8 = 6;

/// A type of values, by nft's number (`enum datatypes` of its `datatype.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ipv4,
    Ipv6,
    Protocol,
    Port,
    Interface,
}

impl Kind {
    pub(super) fn of(family: Family) -> Self {
        match family {
            Family::Ipv4 => Self::Ipv4,
            Family::Ipv6 => Self::Ipv6,
        }
    }

    fn number(self) -> u32 {
        match self {
            Self::Ipv4 => 7,
            Self::Ipv6 => 8,
            Self::Protocol => 12,
            Self::Port => 13,
            Self::Interface => 41,
        }
    }

    pub(super) fn length(self) -> u32 {
        match self {
            Self::Protocol => 1,
            Self::Port => 2,
            Self::Ipv4 => 4,
            Self::Ipv6 | Self::Interface => 16,
        }
    }
}

/// The type of a key or value: one, or a concatenation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kinds(pub(super) Vec<Kind>);

impl Kinds {
    /// Six bits for each part (`TYPE_BITS`).
    pub(super) fn number(&self) -> u32 {
        self.0.iter().fold(0, |all, kind| all << 6 | kind.number())
    }

    /// Bytes; each part of a concatenation fills registers of four.
    pub(super) fn length(&self) -> u32 {
        match self.0[..] {
            [one] => one.length(),
            _ => self.0.iter().map(|k| k.length().next_multiple_of(4)).sum(),
        }
    }

    /// Bytes of each part of a concatenation.
    pub(super) fn parts(&self) -> Vec<u32> {
        self.0.iter().map(|kind| kind.length()).collect()
    }
}

pub(super) fn address(address: IpAddr) -> Box<[u8]> {
    match address {
        IpAddr::V4(v4) => Box::new(v4.octets()),
        IpAddr::V6(v6) => Box::new(v6.octets()),
    }
}

pub(super) fn port(port: u16) -> Box<[u8]> {
    Box::new(port.to_be_bytes())
}

/// An interface's name with the NULs behind it (`IFNAMSIZ`).
pub(super) fn interface(name: &InterfaceName) -> Box<[u8]> {
    text(name.as_str())
}

/// Text in sixteen bytes.
pub(super) fn text(text: &str) -> Box<[u8]> {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    Box::new(bytes)
}

/// From a first value to a last one.
pub(super) type Span = (Box<[u8]>, Box<[u8]>);

/// Values, one by one or in ranges that neither overlap nor touch; ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Values {
    /// Each of them.
    Each(Vec<Box<[u8]>>),
    /// From a first to a last.
    Ranges(Vec<Span>),
}

/// Networks as one would write them in braces: hosts one by one; where there is a network
/// among them, as ranges, which nft joins where they touch.
pub(super) fn of_networks(networks: &[IpNet]) -> Values {
    if networks.iter().all(is_host) {
        let mut hosts: Vec<_> = networks.iter().map(|n| address(n.addr())).collect();
        hosts.sort();
        hosts.dedup();
        return Values::Each(hosts);
    }
    let ends = |n: &IpNet| (number(n.network()), number(n.broadcast()));
    let family = networks.first().map_or(Family::Ipv4, Family::of_net);
    let bytes = |wide: u128| match family {
        Family::Ipv4 => Box::from(&wide.to_be_bytes()[12..]),
        Family::Ipv6 => Box::from(wide.to_be_bytes()),
    };
    let joined = joined(networks.iter().map(ends).collect());
    Values::Ranges(
        joined
            .into_iter()
            .map(|(f, l)| (bytes(f), bytes(l)))
            .collect(),
    )
}

/// Ports, as networks.
pub(super) fn of_ports(ranges: &[PortRange]) -> Values {
    if ranges.iter().all(|range| range.count() == 1) {
        let mut ports: Vec<u16> = ranges.iter().map(|r| r.first()).collect();
        ports.sort_unstable();
        ports.dedup();
        return Values::Each(ports.into_iter().map(port).collect());
    }
    let joined = joined_ports(ranges);
    Values::Ranges(
        joined
            .iter()
            .map(|r| (port(r.first()), port(r.last())))
            .collect(),
    )
}

/// The same ports in ranges that neither overlap nor touch, ordered.
pub(super) fn joined_ports(ranges: &[PortRange]) -> Vec<PortRange> {
    let wide = ranges.iter().map(|r| (r.first().into(), r.last().into()));
    joined(wide.collect())
        .into_iter()
        .filter_map(|(first, last)| {
            PortRange::new(u16::try_from(first).ok()?, u16::try_from(last).ok()?)
        })
        .collect()
}

/// Whether it holds one address.
pub(super) fn is_host(network: &IpNet) -> bool {
    network.prefix_len() == network.max_prefix_len()
}

/// An address as a number.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

fn joined(mut ranges: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u128, u128)> = Vec::new();
    for (first, last) in ranges {
        match joined.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => joined.push((first, last)),
        }
    }
    joined
}

/// A key from a first value to a last one.
pub(super) fn key(first: Box<[u8]>, last: Box<[u8]>) -> Key {
    if first == last {
        Key::One(first)
    } else {
        Key::Range(first, last)
    }
}

/// An element.
pub(super) fn element(key: Key, value: Option<Box<[u8]>>, comment: Option<String>) -> Element {
    Element {
        key,
        value: value.map(Value::Data),
        timeout: None,
        expires: None,
        comment,
        expressions: Vec::new(),
    }
}
