//! Names that iptables has, and text as it is written, read and printed alike.

use super::xt::SetSide;

/// Matches that are a [`super::xt::Match::Unforeseen`].
pub(super) const UNFORESEEN: [&str; 28] = [
    "limit",
    "hashlimit",
    "recent",
    "connlimit",
    "quota",
    "connbytes",
    "statistic",
    "time",
    "owner",
    "socket",
    "cgroup",
    "physdev",
    "devgroup",
    "rpfilter",
    "realm",
    "policy",
    "string",
    "ttl",
    "hl",
    "length",
    "dscp",
    "tos",
    "ecn",
    "tcpmss",
    "u32",
    "bpf",
    "connlabel",
    "ipv6header",
];

/// Matches that are a [`super::xt::Match::OtherHeader`].
pub(super) const OTHER_HEADERS: [&str; 9] = [
    "ah", "esp", "sctp", "dccp", "mh", "rt", "frag", "hbh", "dst",
];

/// Targets that change or count something that no rule of the packet filter asks, in any
/// revision.
pub(super) const PASSES: [&str; 13] = [
    "CLASSIFY",
    "DSCP",
    "TOS",
    "TTL",
    "HL",
    "CHECKSUM",
    "AUDIT",
    "RATEEST",
    "LED",
    "IDLETIMER",
    "TCPOPTSTRIP",
    "TRACE",
    "TEE",
];

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

/// Text in quotes where it needs them (`xtables_save_string` of `libxtables/xtables.c`).
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("\"{}\"", escaped(text))
}

/// Text as it stands between quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if "\"\\'".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
