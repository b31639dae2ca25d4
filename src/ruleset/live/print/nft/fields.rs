//! What a register was loaded with, by its name in `nft` (`payload.c`, `proto.c`, `meta.c`,
//! `ct.c`).

use super::symbols as s;
use super::values::{Order, Type};
use crate::ruleset::live::expression::PayloadBase;

/// Something with a name and a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Type,
    pub(super) order: Order,
}

/// A header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    Ether,
    Ip,
    Ip6,
    Arp,
    /// By its `IPPROTO_*`.
    Transport(u8),
    /// Any with ports.
    Ports,
}

/// A field of a header: name, first bit, bits, type.
type Template = (&'static str, u32, u32, Type);

const NUMBER: Type = Type::Integer;

const ETHER: &[Template] = &[
    ("ether daddr", 0, 48, Type::Ether),
    ("ether saddr", 48, 48, Type::Ether),
    ("ether type", 96, 16, Type::Symbol(s::ETHERTYPE)),
];

const IP: &[Template] = &[
    ("ip version", 0, 4, NUMBER),
    ("ip hdrlength", 4, 4, NUMBER),
    ("ip dscp", 8, 6, Type::Symbol(s::DSCP)),
    ("ip ecn", 14, 2, Type::Symbol(s::ECN)),
    ("ip length", 16, 16, NUMBER),
    ("ip id", 32, 16, NUMBER),
    ("ip frag-off", 48, 16, NUMBER),
    ("ip ttl", 64, 8, NUMBER),
    ("ip protocol", 72, 8, Type::Symbol(s::PROTOCOL)),
    ("ip checksum", 80, 16, NUMBER),
    ("ip saddr", 96, 32, Type::Ipv4),
    ("ip daddr", 128, 32, Type::Ipv4),
];

const IP6: &[Template] = &[
    ("ip6 version", 0, 4, NUMBER),
    ("ip6 dscp", 4, 6, Type::Symbol(s::DSCP)),
    ("ip6 ecn", 10, 2, Type::Symbol(s::ECN)),
    ("ip6 flowlabel", 12, 20, NUMBER),
    ("ip6 length", 32, 16, NUMBER),
    ("ip6 nexthdr", 48, 8, Type::Symbol(s::PROTOCOL)),
    ("ip6 hoplimit", 56, 8, NUMBER),
    ("ip6 saddr", 64, 128, Type::Ipv6),
    ("ip6 daddr", 192, 128, Type::Ipv6),
];

const ARP: &[Template] = &[
    ("arp htype", 0, 16, NUMBER),
    ("arp ptype", 16, 16, Type::Symbol(s::ETHERTYPE)),
    ("arp hlen", 32, 8, NUMBER),
    ("arp plen", 40, 8, NUMBER),
    ("arp operation", 48, 16, Type::Symbol(s::ARP_OPERATION)),
    ("arp saddr ether", 64, 48, Type::Ether),
    ("arp saddr ip", 112, 32, Type::Ipv4),
    ("arp daddr ether", 144, 48, Type::Ether),
    ("arp daddr ip", 192, 32, Type::Ipv4),
];

const PORTS: &[Template] = &[
    ("th sport", 0, 16, Type::Port),
    ("th dport", 16, 16, Type::Port),
];

const TCP: &[Template] = &[
    ("tcp sport", 0, 16, Type::Port),
    ("tcp dport", 16, 16, Type::Port),
    ("tcp sequence", 32, 32, NUMBER),
    ("tcp ackseq", 64, 32, NUMBER),
    ("tcp doff", 96, 4, NUMBER),
    ("tcp reserved", 100, 4, NUMBER),
    ("tcp flags", 104, 8, Type::Bits(s::TCP_FLAGS)),
    ("tcp window", 112, 16, NUMBER),
    ("tcp checksum", 128, 16, NUMBER),
    ("tcp urgptr", 144, 16, NUMBER),
];

const UDP: &[Template] = &[
    ("udp sport", 0, 16, Type::Port),
    ("udp dport", 16, 16, Type::Port),
    ("udp length", 32, 16, NUMBER),
    ("udp checksum", 48, 16, NUMBER),
];

const UDPLITE: &[Template] = &[
    ("udplite sport", 0, 16, Type::Port),
    ("udplite dport", 16, 16, Type::Port),
];

const SCTP: &[Template] = &[
    ("sctp sport", 0, 16, Type::Port),
    ("sctp dport", 16, 16, Type::Port),
    ("sctp vtag", 32, 32, NUMBER),
];

const DCCP: &[Template] = &[
    ("dccp sport", 0, 16, Type::Port),
    ("dccp dport", 16, 16, Type::Port),
];

const ICMP: &[Template] = &[
    ("icmp type", 0, 8, Type::Symbol(s::ICMP)),
    ("icmp code", 8, 8, Type::Symbol(s::ICMP_CODE)),
    ("icmp checksum", 16, 16, NUMBER),
    ("icmp id", 32, 16, NUMBER),
    ("icmp sequence", 48, 16, NUMBER),
];

const ICMP6: &[Template] = &[
    ("icmpv6 type", 0, 8, Type::Symbol(s::ICMP6)),
    ("icmpv6 code", 8, 8, Type::Symbol(s::ICMP6_CODE)),
    ("icmpv6 checksum", 16, 16, NUMBER),
    ("icmpv6 id", 32, 16, NUMBER),
    ("icmpv6 sequence", 48, 16, NUMBER),
];

const IGMP: &[Template] = &[("igmp type", 0, 8, Type::Symbol(s::IGMP))];

const ESP: &[Template] = &[("esp spi", 0, 32, NUMBER), ("esp sequence", 32, 32, NUMBER)];

fn templates(header: Header) -> &'static [Template] {
    match header {
        Header::Ether => ETHER,
        Header::Ip => IP,
        Header::Ip6 => IP6,
        Header::Arp => ARP,
        Header::Ports => PORTS,
        Header::Transport(protocol) => match protocol {
            1 => ICMP,
            2 => IGMP,
            6 => TCP,
            17 => UDP,
            33 => DCCP,
            50 => ESP,
            58 => ICMP6,
            132 => SCTP,
            136 => UDPLITE,
            _ => PORTS,
        },
    }
}

/// The fields that a load of these bits is made of, each with its bits; the last one may
/// be only begun. `None` where one has no name.
pub(super) fn of_payload(header: Header, first: u32, bits: u32) -> Option<Vec<(Field, u32)>> {
    let mut fields = Vec::new();
    let (mut at, mut left) = (first, bits);
    while left > 0 {
        let found = templates(header)
            .iter()
            .find(|(_, first, length, _)| *first == at && (*length <= left || fields.is_empty()));
        let (name, _, length, kind) = *found?;
        let taken = length.min(left);
        let field = Field {
            name: name.to_owned(),
            kind,
            order: Order::Wire,
        };
        fields.push((field, taken));
        at += taken;
        left -= taken;
    }
    Some(fields)
}

/// The field of these very bits.
pub(super) fn exact(header: Header, first: u32, bits: u32) -> Option<Field> {
    let mut all = templates(header).iter();
    let found = all.find(|(_, at, length, _)| *at == first && *length == bits);
    found.map(|(name, _, _, kind)| Field {
        name: (*name).to_owned(),
        kind: *kind,
        order: Order::Wire,
    })
}

/// Bytes of a packet without a name: `@th,0,16`.
pub(super) fn raw(base: PayloadBase, first: u32, bits: u32) -> Field {
    let base = match base {
        PayloadBase::Link => "ll",
        PayloadBase::Network => "nh",
        PayloadBase::Transport => "th",
        PayloadBase::Inner | PayloadBase::Tunnel => "ih",
    };
    Field {
        name: format!("@{base},{first},{bits}"),
        kind: Type::Unknown,
        order: Order::Wire,
    }
}

fn field(name: impl Into<String>, kind: Type, order: Order) -> Field {
    let name = name.into();
    Field { name, kind, order }
}

/// `enum nft_meta_keys`.
pub(super) fn of_meta(key: u32) -> Field {
    let (name, kind) = match key {
        0 => ("meta length", NUMBER),
        1 => {
            let kind = Type::Symbol(s::ETHERTYPE);
            return field("meta protocol", kind, Order::Wire);
        }
        2 => ("meta priority", Type::Class),
        3 => ("meta mark", Type::Mark),
        4 => ("iif", Type::Index),
        5 => ("oif", Type::Index),
        6 => ("iifname", Type::Interface),
        7 => ("oifname", Type::Interface),
        8 => ("meta iiftype", Type::Symbol(s::HARDWARE)),
        9 => ("meta oiftype", Type::Symbol(s::HARDWARE)),
        10 => ("meta skuid", NUMBER),
        11 => ("meta skgid", NUMBER),
        12 => ("meta nftrace", NUMBER),
        13 => ("meta rtclassid", NUMBER),
        14 => ("meta secmark", NUMBER),
        15 => ("meta nfproto", Type::Symbol(s::NFPROTO)),
        16 => ("meta l4proto", Type::Symbol(s::PROTOCOL)),
        17 => ("meta ibrname", Type::Interface),
        18 => ("meta obrname", Type::Interface),
        19 => ("meta pkttype", Type::Symbol(s::PACKET_TYPE)),
        20 => ("meta cpu", NUMBER),
        21 => ("iifgroup", Type::Group),
        22 => ("oifgroup", Type::Group),
        23 => ("meta cgroup", NUMBER),
        24 => return field("meta random", NUMBER, Order::Wire),
        25 => ("meta ipsec", Type::Symbol(s::BOOLEAN)),
        26 => ("meta iifkind", Type::Text),
        27 => ("meta oifkind", Type::Text),
        28 => ("meta ibrpvid", NUMBER),
        29 => {
            let kind = Type::Symbol(s::ETHERTYPE);
            return field("meta ibrvproto", kind, Order::Wire);
        }
        30 => ("meta time", Type::Date),
        31 => ("meta day", Type::Quoted(s::DAY)),
        32 => ("meta hour", Type::Hour),
        33 => ("meta sdif", Type::Index),
        34 => ("meta sdifname", Type::Interface),
        other => return field(format!("meta {other}"), Type::Unknown, Order::Host),
    };
    field(name, kind, Order::Host)
}

/// `enum nft_ct_keys`. `length`: of what it is compared with, for addresses by direction.
pub(super) fn of_ct(key: u32, direction: Option<u8>, length: usize) -> Field {
    let (name, kind, order) = match key {
        0 => ("state", Type::Bits(s::CT_STATE), Order::Host),
        1 => ("direction", Type::Symbol(s::CT_DIRECTION), Order::Host),
        2 => ("status", Type::Bits(s::CT_STATUS), Order::Host),
        3 => ("mark", Type::Mark, Order::Host),
        4 => ("secmark", NUMBER, Order::Host),
        5 => ("expiration", Type::Time, Order::Host),
        6 => ("helper", Type::Text, Order::Host),
        7 => ("l3proto", Type::Symbol(s::NFPROTO), Order::Host),
        8 if length == 16 => ("saddr", Type::Ipv6, Order::Wire),
        8 => ("saddr", Type::Ipv4, Order::Wire),
        9 if length == 16 => ("daddr", Type::Ipv6, Order::Wire),
        9 => ("daddr", Type::Ipv4, Order::Wire),
        10 => ("protocol", Type::Symbol(s::PROTOCOL), Order::Wire),
        11 => ("proto-src", Type::Port, Order::Wire),
        12 => ("proto-dst", Type::Port, Order::Wire),
        13 => ("label", Type::Unknown, Order::Host),
        14 => ("packets", NUMBER, Order::Host),
        15 => ("bytes", NUMBER, Order::Host),
        16 => ("avgpkt", NUMBER, Order::Host),
        17 => ("zone", NUMBER, Order::Host),
        18 => ("event", Type::Bits(s::CT_EVENT), Order::Host),
        19 => ("ip saddr", Type::Ipv4, Order::Wire),
        20 => ("ip daddr", Type::Ipv4, Order::Wire),
        21 => ("ip6 saddr", Type::Ipv6, Order::Wire),
        22 => ("ip6 daddr", Type::Ipv6, Order::Wire),
        23 => ("id", NUMBER, Order::Wire),
        _ => ("unknown", Type::Unknown, Order::Host),
    };
    let side = match direction {
        Some(0) => "original ",
        Some(1) => "reply ",
        _ => "",
    };
    field(format!("ct {side}{name}"), kind, order)
}

/// `NFTA_FIB_F_*` and `NFT_FIB_RESULT_*`.
pub(super) fn of_fib(result: u32, flags: u32) -> Field {
    const PRESENT: u32 = 1 << 5;
    let mut keys = Vec::new();
    for (bit, key) in [
        (1, "saddr"),
        (1 << 1, "daddr"),
        (1 << 2, "mark"),
        (1 << 3, "iif"),
        (1 << 4, "oif"),
    ] {
        if flags & bit != 0 {
            keys.push(key);
        }
    }
    let (name, kind) = match result {
        1 => ("oif", Type::Index),
        2 => ("oifname", Type::Interface),
        _ => ("type", Type::Symbol(s::FIB_ADDRESS)),
    };
    let kind = match flags & PRESENT {
        0 => kind,
        _ => Type::Symbol(s::BOOLEAN),
    };
    field(
        format!("fib {} {name}", keys.join(" . ")),
        kind,
        Order::Host,
    )
}

/// `enum nft_rt_keys`.
pub(super) fn of_rt(key: u32) -> Field {
    match key {
        0 => field("rt classid", NUMBER, Order::Host),
        1 => field("rt ip nexthop", Type::Ipv4, Order::Wire),
        2 => field("rt ip6 nexthop", Type::Ipv6, Order::Wire),
        3 => field("rt mtu", NUMBER, Order::Host),
        _ => field("rt ipsec", Type::Symbol(s::BOOLEAN), Order::Host),
    }
}

/// A TCP option, an IPv6 extension header (`exthdr.c`, `tcpopt.c`).
pub(super) fn of_extension(op: u32, kind: u8, offset: u32, flags: u32) -> Field {
    const PRESENT: u32 = 1;
    let known = match (op, kind) {
        (0, 0) => "hbh",
        (0, 43) => "rt",
        (0, 44) => "frag",
        (0, 60) => "dst",
        (0, 135) => "mh",
        (1, 2) => "maxseg",
        (1, 3) => "window",
        (1, 4) => "sack-perm",
        (1, 5) => "sack",
        (1, 8) => "timestamp",
        (2, 1) => "exists",
        (2, 7) => "rr",
        (2, 131) => "lsrr",
        (2, 137) => "ssrr",
        (2, 148) => "ra",
        _ => "unknown",
    };
    let whole = match op {
        1 => format!("tcp option {known}"),
        2 => format!("ip option {known}"),
        _ if flags & PRESENT != 0 => format!("exthdr {known}"),
        _ => known.to_owned(),
    };
    if flags & PRESENT != 0 {
        return field(whole, Type::Symbol(s::BOOLEAN), Order::Host);
    }
    let part = match (op, kind, offset) {
        (0, _, 0) => "nexthdr",
        (0, _, 1) => "hdrlength",
        (1, 2, 2) => "size",
        (1, 3, 2) => "count",
        (1, _, 0) => "kind",
        (1, _, 1) => "length",
        _ => "unknown",
    };
    field(format!("{whole} {part}"), NUMBER, Order::Wire)
}
