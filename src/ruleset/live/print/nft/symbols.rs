//! The names that `nft` prints for numbers (`SYMBOL` of its sources, `ct.c`, `meta.c`,
//! `fib.c`, `proto.c`, `datatype.c`).

pub(super) type Names = &'static [(&'static str, u64)];

pub(super) const CT_STATE: Names = &[
    ("invalid", 1),
    ("new", 8),
    ("established", 2),
    ("related", 4),
    ("untracked", 64),
];

pub(super) const CT_DIRECTION: Names = &[("original", 0), ("reply", 1)];

pub(super) const CT_STATUS: Names = &[
    ("expected", 1),
    ("seen-reply", 1 << 1),
    ("assured", 1 << 2),
    ("confirmed", 1 << 3),
    ("snat", 1 << 4),
    ("dnat", 1 << 5),
    ("dying", 1 << 9),
];

pub(super) const CT_EVENT: Names = &[
    ("new", 1),
    ("related", 1 << 1),
    ("destroy", 1 << 2),
    ("reply", 1 << 3),
    ("assured", 1 << 4),
    ("protoinfo", 1 << 5),
    ("helper", 1 << 6),
    ("mark", 1 << 7),
    ("seqadj", 1 << 8),
    ("secmark", 1 << 9),
    ("label", 1 << 10),
];

pub(super) const TCP_FLAGS: Names = &[
    ("fin", 1),
    ("syn", 2),
    ("rst", 4),
    ("psh", 8),
    ("ack", 16),
    ("urg", 32),
    ("ecn", 64),
    ("cwr", 128),
];

pub(super) const NFPROTO: Names = &[("ipv4", 2), ("ipv6", 10)];

pub(super) const ETHERTYPE: Names = &[
    ("ip", 0x0800),
    ("arp", 0x0806),
    ("ip6", 0x86dd),
    ("8021q", 0x8100),
    ("8021ad", 0x88a8),
];

/// `/etc/protocols`, as Debian's netbase has it.
pub(super) const PROTOCOL: Names = &[
    ("ip", 0),
    ("icmp", 1),
    ("igmp", 2),
    ("ipencap", 4),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("ipv6", 41),
    ("ipv6-route", 43),
    ("ipv6-frag", 44),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("ospf", 89),
    ("pim", 103),
    ("ipcomp", 108),
    ("vrrp", 112),
    ("l2tp", 115),
    ("sctp", 132),
    ("mobility-header", 135),
    ("udplite", 136),
];

pub(super) const PACKET_TYPE: Names = &[
    ("host", 0),
    ("broadcast", 1),
    ("multicast", 2),
    ("other", 3),
];

pub(super) const HARDWARE: Names = &[
    ("ether", 1),
    ("ppp", 512),
    ("ipip", 768),
    ("ipip6", 769),
    ("loopback", 772),
    ("sit", 776),
    ("ipgre", 778),
];

pub(super) const DAY: Names = &[
    ("Sunday", 0),
    ("Monday", 1),
    ("Tuesday", 2),
    ("Wednesday", 3),
    ("Thursday", 4),
    ("Friday", 5),
    ("Saturday", 6),
];

pub(super) const FIB_ADDRESS: Names = &[
    ("unspec", 0),
    ("unicast", 1),
    ("local", 2),
    ("broadcast", 3),
    ("anycast", 4),
    ("multicast", 5),
    ("blackhole", 6),
    ("unreachable", 7),
    ("prohibit", 8),
];

pub(super) const ICMP: Names = &[
    ("echo-reply", 0),
    ("destination-unreachable", 3),
    ("source-quench", 4),
    ("redirect", 5),
    ("echo-request", 8),
    ("router-advertisement", 9),
    ("router-solicitation", 10),
    ("time-exceeded", 11),
    ("parameter-problem", 12),
    ("timestamp-request", 13),
    ("timestamp-reply", 14),
    ("info-request", 15),
    ("info-reply", 16),
    ("address-mask-request", 17),
    ("address-mask-reply", 18),
];

pub(super) const ICMP6: Names = &[
    ("destination-unreachable", 1),
    ("packet-too-big", 2),
    ("time-exceeded", 3),
    ("parameter-problem", 4),
    ("echo-request", 128),
    ("echo-reply", 129),
    ("mld-listener-query", 130),
    ("mld-listener-report", 131),
    ("mld-listener-done", 132),
    ("nd-router-solicit", 133),
    ("nd-router-advert", 134),
    ("nd-neighbor-solicit", 135),
    ("nd-neighbor-advert", 136),
    ("nd-redirect", 137),
    ("router-renumbering", 138),
    ("ind-neighbor-solicit", 141),
    ("ind-neighbor-advert", 142),
    ("mld2-listener-report", 143),
];

pub(super) const IGMP: Names = &[
    ("membership-query", 0x11),
    ("membership-report-v1", 0x12),
    ("membership-report-v2", 0x16),
    ("membership-report-v3", 0x22),
    ("leave-group", 0x17),
];

pub(super) const ICMP_CODE: Names = &[
    ("net-unreachable", 0),
    ("host-unreachable", 1),
    ("prot-unreachable", 2),
    ("port-unreachable", 3),
    ("frag-needed", 4),
    ("net-prohibited", 9),
    ("host-prohibited", 10),
    ("admin-prohibited", 13),
];

pub(super) const ICMP6_CODE: Names = &[
    ("no-route", 0),
    ("admin-prohibited", 1),
    ("addr-unreachable", 3),
    ("port-unreachable", 4),
    ("policy-fail", 5),
    ("reject-route", 6),
];

pub(super) const ICMPX_CODE: Names = &[
    ("no-route", 0),
    ("port-unreachable", 1),
    ("host-unreachable", 2),
    ("admin-prohibited", 3),
];

pub(super) const ARP_OPERATION: Names = &[
    ("request", 1),
    ("reply", 2),
    ("rrequest", 3),
    ("rreply", 4),
    ("inrequest", 8),
    ("inreply", 9),
    ("nak", 10),
];

pub(super) const DSCP: Names = &[
    ("cs0", 0x00),
    ("lephb", 0x01),
    ("cs1", 0x08),
    ("af11", 0x0a),
    ("af12", 0x0c),
    ("af13", 0x0e),
    ("cs2", 0x10),
    ("af21", 0x12),
    ("af22", 0x14),
    ("af23", 0x16),
    ("cs3", 0x18),
    ("af31", 0x1a),
    ("af32", 0x1c),
    ("af33", 0x1e),
    ("cs4", 0x20),
    ("af41", 0x22),
    ("af42", 0x24),
    ("af43", 0x26),
    ("cs5", 0x28),
    ("va", 0x2c),
    ("ef", 0x2e),
    ("cs6", 0x30),
    ("cs7", 0x38),
];

pub(super) const ECN: Names = &[("not-ect", 0), ("ect1", 1), ("ect0", 2), ("ce", 3)];

pub(super) const BOOLEAN: Names = &[("exists", 1), ("missing", 0)];

/// syslog(3)'s levels, and audit.
pub(super) const LOG_LEVEL: Names = &[
    ("emerg", 0),
    ("alert", 1),
    ("crit", 2),
    ("err", 3),
    ("warn", 4),
    ("notice", 5),
    ("info", 6),
    ("debug", 7),
    ("audit", 8),
];

/// The name of a number.
pub(super) fn name(names: Names, number: u64) -> Option<&'static str> {
    let found = names.iter().find(|(_, known)| *known == number);
    found.map(|(name, _)| *name)
}

/// The name of a type of values (`datatype.c`), of those that a set of ours has.
pub(super) fn type_name(number: u32) -> &'static str {
    match number {
        7 => "ipv4_addr",
        8 => "ipv6_addr",
        12 => "inet_proto",
        13 => "inet_service",
        19 => "mark",
        41 => "ifname",
        _ => "integer",
    }
}
