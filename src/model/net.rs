//! Addresses, ports and interfaces.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

/// An IP version. Orders IPv4 first, as every listing of ours does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// IPv4 (RFC 791).
    Ipv4,
    /// IPv6 (RFC 8200).
    Ipv6,
}

impl Family {
    /// Both versions, IPv4 first.
    pub const BOTH: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// The version of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() {
            Self::Ipv4
        } else {
            Self::Ipv6
        }
    }

    /// The version of a network.
    #[must_use]
    pub fn of_net(net: &IpNet) -> Self {
        Self::of(net.addr())
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// An inclusive range of TCP ports, `first <= last`; one port is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Ports that an unprivileged process may bind (ip(7), `ip_unprivileged_port_start`).
    pub const UNPRIVILEGED: Self = Self {
        first: 1024,
        last: 65535,
    };

    /// The range from `first` to `last`, both in it; `None` where reversed.
    #[must_use]
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The range that holds one port.
    #[must_use]
    pub fn one(port: u16) -> Self {
        Self {
            first: port,
            last: port,
        }
    }

    /// The lowest port.
    #[must_use]
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    #[must_use]
    pub fn last(self) -> u16 {
        self.last
    }

    /// How many ports, 1 to 65,536.
    #[must_use]
    pub fn count(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }

    /// Whether `port` is in the range.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// Whether every port of `other` is in this range.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    /// Whether the two share a port.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// A network interface's name: 1 to 15 of `[A-Za-z0-9_.:@-]` (`IFNAMSIZ`, and
/// nothing that either rule language would read as more than a name).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(String);

impl InterfaceName {
    /// The name, or `None` where it is too long, empty, or has another character.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let fits = (1..=15).contains(&name.len());
        let clean = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.:@-".contains(&b));
        (fits && clean).then(|| Self(name.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether clients on the Internet can reach `address`: not private (RFC 1918,
/// RFC 4193), shared (RFC 6598), loopback, link-local, multicast or unspecified.
/// Documentation ranges (RFC 5737, RFC 3849) count as public.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            !(v4.is_private()
                || shared
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || a == 0
                || v4.is_broadcast())
        }
        IpAddr::V6(v6) => {
            !(v6.is_unique_local()
                || v6.is_loopback()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
                || v6.is_unspecified())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_knows_its_ends() {
        let range = PortRange::new(50000, 51000).expect("in order");
        assert_eq!(range.count(), 1001);
        assert!(range.contains(50000) && range.contains(51000) && !range.contains(51001));
        assert!(PortRange::new(2, 1).is_none());
        assert_eq!(PortRange::one(21).to_string(), "21");
    }

    #[test]
    fn interface_names_cannot_carry_rule_text() {
        assert!(InterfaceName::new("eth0.100@x:-_").is_some());
        for bad in [
            "",
            "a b",
            "eth0;",
            "eth\"0",
            "sixteencharacters",
            "eth0\n",
            "eth+",
            "é",
        ] {
            assert!(InterfaceName::new(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn documentation_addresses_count_as_public() {
        for public in [
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "2001:db8::1",
            "100.128.0.1",
        ] {
            assert!(is_public(public.parse().expect("address")), "{public}");
        }
        for inside in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "127.0.0.1",
            "fd00::1",
            "fe80::1",
            "0.0.0.0",
        ] {
            assert!(!is_public(inside.parse().expect("address")), "{inside}");
        }
    }
}
