//! Names that iptables has for numbers, read and printed alike.

use super::xt::SetSide;

/// `XT_CONNTRACK_STATE_*` in the order in which they are saved.
pub(super) const STATES: [(&str, u16); 7] = [
    ("INVALID", 1),
    ("NEW", 8),
    ("RELATED", 4),
    ("ESTABLISHED", 2),
    ("UNTRACKED", 256),
    ("SNAT", 64),
    ("DNAT", 128),
];

/// `IPS_*`; none of them is `NONE`.
pub(super) const STATUS: [(&str, u16); 4] = [
    ("EXPECTED", 1),
    ("SEEN_REPLY", 2),
    ("ASSURED", 4),
    ("CONFIRMED", 8),
];

/// `1 << RTN_*`
pub(super) const ADDRESS_TYPES: [(&str, u16); 12] = [
    ("UNSPEC", 1),
    ("UNICAST", 1 << 1),
    ("LOCAL", 1 << 2),
    ("BROADCAST", 1 << 3),
    ("ANYCAST", 1 << 4),
    ("MULTICAST", 1 << 5),
    ("BLACKHOLE", 1 << 6),
    ("UNREACHABLE", 1 << 7),
    ("PROHIBIT", 1 << 8),
    ("THROW", 1 << 9),
    ("NAT", 1 << 10),
    ("XRESOLVE", 1 << 11),
];

/// The sides of a match of an ipset: `src,dst`.
pub(super) fn sides_text(sides: &[SetSide]) -> String {
    let word = |side: &SetSide| match side {
        SetSide::Source => "src",
        SetSide::Destination => "dst",
    };
    sides.iter().map(word).collect::<Vec<_>>().join(",")
}
