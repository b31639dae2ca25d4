//! What rules compare.

use super::{
    CLIENT, CLIENT6, Case, FILTER, FORWARD_DROP, PREROUTING, arrives, ip6tables, iptables,
    nft_text, table, table_with,
};
use crate::lab::Seen;
use crate::wire::Side;

/// The rows.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "match/no-output-interface-in-prerouting",
        load: || table("inet", &[(PREROUTING, "oifname != \"srv\" drop")]),
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "match/no-input-interface-at-egress",
        load: || {
            nft_text(
                "table netdev n {\nchain c {\ntype filter hook egress device \"srv\" priority 0; policy accept;\niifname \"cli\" drop\n}\n}\n",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "match/mark-of-prerouting-in-forward",
        load: || {
            table(
                "inet",
                &[
                    (PREROUTING, "tcp dport 21 meta mark set 0x15"),
                    (FORWARD_DROP, "meta mark & 0xf == 0x5 accept"),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "match/interval-of-addresses-and-ports",
        load: || {
            table_with(
                "ip",
                "set s {\ntype ipv4_addr . inet_service; flags interval;\nelements = { 10.77.1.0/24 . 20-22 }\n}",
                &[(FORWARD_DROP, "ip saddr . tcp dport @s accept")],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "match/interval-beside-the-ports",
        load: || {
            table_with(
                "ip",
                "set s {\ntype ipv4_addr . inet_service; flags interval;\nelements = { 10.77.1.0/24 . 22-23 }\n}",
                &[(FORWARD_DROP, "ip saddr . tcp dport @s accept")],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "match/verdict-map-with-a-rest",
        load: || {
            table(
                "inet",
                &[(FORWARD_DROP, "tcp dport vmap { 80 : drop, * : accept }")],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "match/added-element-goes-on",
        load: || {
            table_with(
                "ip",
                "set s {\ntype ipv4_addr; flags dynamic; size 64;\n}",
                &[(FORWARD_DROP, "add @s { ip saddr } accept")],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "match/multiport-either-side",
        load: || {
            iptables(
                "filter",
                ":INPUT DROP\n:FORWARD ACCEPT\n:OUTPUT ACCEPT",
                "-A INPUT -p tcp -m multiport --ports 50000:51000 -j ACCEPT",
            )
        },
        probe: (Side::Client, "10.77.1.2:50500", "10.77.1.1:3306"),
        seen: || arrives(Side::Router, "10.77.1.2:50500", "10.77.1.1:3306"),
    },
    Case {
        name: "match/multiport-destination-only",
        load: || {
            iptables(
                "filter",
                ":INPUT DROP\n:FORWARD ACCEPT\n:OUTPUT ACCEPT",
                "-A INPUT -p tcp -m multiport --dports 50000:51000 -j ACCEPT",
            )
        },
        probe: (Side::Client, "10.77.1.2:50500", "10.77.1.1:3306"),
        seen: || Seen::Silent,
    },
    Case {
        name: "match/interfaces-that-begin-so",
        load: || {
            iptables(
                "filter",
                ":INPUT ACCEPT\n:FORWARD DROP\n:OUTPUT ACCEPT",
                "-A FORWARD -i c+ -o s+ -j ACCEPT",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "match/mask-with-a-hole",
        load: || {
            iptables(
                "filter",
                ":INPUT ACCEPT\n:FORWARD DROP\n:OUTPUT ACCEPT",
                "-A FORWARD -s 10.77.0.2/255.255.0.255 -j ACCEPT",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "match/addrtype-6-of-somebody-else",
        load: || {
            ip6tables(
                "filter",
                FILTER,
                "-A FORWARD -m addrtype --src-type UNICAST,LOCAL -j DROP",
            )
        },
        probe: (Side::Client, CLIENT6, "[2001:db8:2::2]:21"),
        seen: || arrives(Side::Server, CLIENT6, "[2001:db8:2::2]:21"),
    },
    Case {
        name: "match/addrtype-4-of-somebody-else",
        load: || {
            iptables(
                "filter",
                FILTER,
                "-A FORWARD -m addrtype --src-type UNICAST,LOCAL -j DROP",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || Seen::Silent,
    },
];
