//! The values of options, as iptables-save prints them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::net::Family;
use crate::ruleset::live::xt::{Net, Ports, Sign};
use crate::ruleset::live::xt_net::net as net_of;

/// `IPPROTO_*` by the names that iptables (`libxtables/xtables.c`, `xtables_chain_protos`)
/// and `/etc/protocols` have.
const PROTOCOLS: [(&str, u8); 25] = [
    ("all", 0),
    ("icmp", 1),
    ("igmp", 2),
    ("ipencap", 4),
    ("tcp", 6),
    ("egp", 8),
    ("udp", 17),
    ("dccp", 33),
    ("ipv6", 41),
    ("ipv6-route", 43),
    ("ipv6-frag", 44),
    ("gre", 47),
    ("esp", 50),
    ("ipv6-crypt", 50),
    ("ah", 51),
    ("ipv6-auth", 51),
    ("ipv6-icmp", 58),
    ("icmpv6", 58),
    ("ospf", 89),
    ("pim", 103),
    ("ipcomp", 108),
    ("vrrp", 112),
    ("l2tp", 115),
    ("sctp", 132),
    ("udplite", 136),
];

pub(super) fn sign<T>(negated: bool, value: T) -> Sign<T> {
    Sign { negated, value }
}

pub(super) fn protocol(text: &str) -> Option<u8> {
    let named = PROTOCOLS.iter().find(|(name, _)| *name == text);
    let mobility = || (text == "ipv6-mh" || text == "mh").then_some(135);
    named
        .map(|(_, number)| *number)
        .or_else(mobility)
        .or_else(|| text.parse().ok())
}

/// The name that is printed for an `IPPROTO_*`.
pub(in crate::ruleset::live) fn protocol_name(number: u8) -> Option<&'static str> {
    let mut named = PROTOCOLS.iter();
    let found = named.find(|(_, known)| *known == number);
    found.map(|(name, _)| *name)
}

pub(super) fn address(text: &str, family: Family) -> Option<IpAddr> {
    match family {
        Family::Ipv4 => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        Family::Ipv6 => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
    }
}

/// `10.77.0.0/24`, `10.77.0.1`, `10.0.0.1/255.0.0.255`.
pub(super) fn net(text: &str, family: Family) -> Option<Net> {
    let (address_text, mask) = text.split_once('/').unwrap_or((text, ""));
    let first = address(address_text, family)?;
    let whole = match family {
        Family::Ipv4 => 32,
        Family::Ipv6 => 128,
    };
    let prefix = if mask.is_empty() {
        Some(whole)
    } else {
        mask.parse().ok()
    };
    match prefix {
        Some(length) => Some(Net::Prefix(ipnet::IpNet::new(first, length).ok()?)),
        None => Some(net_of(first, address(mask, family)?)),
    }
}

/// Two numbers, or one twice: `50000:51000` with `:` between.
pub(super) fn range<T: std::str::FromStr + Copy>(text: &str, between: char) -> Option<(T, T)> {
    let (first, last) = text.split_once(between).unwrap_or((text, text));
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// `22`, `50000:51000`, `:1023`, `1024:`.
pub(super) fn ports(text: &str) -> Option<(u16, u16)> {
    match text.split_once(':') {
        None => text.parse().ok().map(|port| (port, port)),
        Some((first, last)) => Some((
            if first.is_empty() {
                0
            } else {
                first.parse().ok()?
            },
            if last.is_empty() {
                u16::MAX
            } else {
                last.parse().ok()?
            },
        )),
    }
}

pub(super) const ALL_PORTS: Ports = Sign {
    negated: false,
    value: (0, u16::MAX),
};

/// `0x10`, `16`, `020`, as strtoul(3) with base 0 takes it.
pub(super) fn number(text: &str) -> Option<u32> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u32::from_str_radix(hex, 16).ok();
    }
    match text.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u32::from_str_radix(octal, 8).ok(),
        _ => text.parse().ok(),
    }
}

/// `0x10/0xff`; all bits without a mask.
pub(super) fn masked(text: &str) -> Option<(u32, u32)> {
    match text.split_once('/') {
        Some((value, mask)) => Some((number(value)?, number(mask)?)),
        None => Some((number(text)?, u32::MAX)),
    }
}

/// The bits of the words in a list such as `NEW,RELATED`.
pub(super) fn bits(text: &str, names: &[(&str, u16)]) -> Option<u16> {
    let mut mask = 0;
    for word in text.split(',') {
        mask |= names.iter().find(|(name, _)| *name == word)?.1;
    }
    Some(mask)
}
