//! How senders are told.

use super::{
    CLIENT, CLIENT6, Case, FILTER, FORWARD, INPUT, ROUTER, arrives, icmp, ip6tables, iptables,
    legacy, table,
};
use crate::lab::{Refusal, Seen};
use crate::wire::Side;

/// The rows.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "reject/reset-of-an-open-chain",
        load: || table("inet", &[(INPUT, "tcp dport 21 reject with tcp reset")]),
        probe: (Side::Client, CLIENT, "10.77.1.1:21"),
        seen: || Seen::Refused(Refusal::Reset),
    },
    Case {
        name: "reject/closed-port-is-accepted",
        load: || table("inet", &[(INPUT, "tcp dport 21 accept")]),
        probe: (Side::Client, CLIENT, "10.77.1.1:21"),
        seen: || arrives(Side::Router, CLIENT, "10.77.1.1:21"),
    },
    Case {
        name: "reject/forward-6",
        load: || {
            table(
                "inet",
                &[(FORWARD, "reject with icmpx type admin-prohibited")],
            )
        },
        probe: (Side::Client, CLIENT6, "[2001:db8:2::2]:21"),
        seen: || icmp(1, 1),
    },
    Case {
        name: "reject/forward-icmpx-host",
        load: || {
            table(
                "inet",
                &[(FORWARD, "reject with icmpx type host-unreachable")],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || icmp(3, 1),
    },
    Case {
        name: "reject/output",
        load: || {
            table(
                "inet",
                &[("filter hook output priority 0", "tcp dport 21 reject")],
            )
        },
        probe: (Side::Router, ROUTER, "10.77.2.2:21"),
        seen: || icmp(3, 3),
    },
    Case {
        name: "reject/iptables-icmp-net-unreachable",
        load: || {
            iptables(
                "filter",
                FILTER,
                "-A FORWARD -j REJECT --reject-with icmp-net-unreachable",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || icmp(3, 0),
    },
    Case {
        name: "reject/iptables-icmp-host-unreachable",
        load: || {
            iptables(
                "filter",
                FILTER,
                "-A FORWARD -j REJECT --reject-with icmp-host-unreachable",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || icmp(3, 1),
    },
    Case {
        name: "reject/iptables-icmp-proto-unreachable",
        load: || {
            iptables(
                "filter",
                FILTER,
                "-A FORWARD -j REJECT --reject-with icmp-proto-unreachable",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || icmp(3, 2),
    },
    Case {
        name: "reject/iptables-icmp-port-unreachable",
        load: || {
            iptables(
                "filter",
                FILTER,
                "-A FORWARD -j REJECT --reject-with icmp-port-unreachable",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || icmp(3, 3),
    },
    Case {
        name: "reject/iptables-icmp-net-prohibited",
        load: || {
            iptables(
                "filter",
                FILTER,
                "-A FORWARD -j REJECT --reject-with icmp-net-prohibited",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || icmp(3, 9),
    },
    Case {
        name: "reject/iptables-icmp-host-prohibited",
        load: || {
            iptables(
                "filter",
                FILTER,
                "-A FORWARD -j REJECT --reject-with icmp-host-prohibited",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || icmp(3, 10),
    },
    Case {
        name: "reject/iptables-icmp-admin-prohibited",
        load: || {
            iptables(
                "filter",
                FILTER,
                "-A FORWARD -j REJECT --reject-with icmp-admin-prohibited",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || icmp(3, 13),
    },
    Case {
        name: "reject/iptables-tcp-reset",
        load: || {
            iptables(
                "filter",
                FILTER,
                "-A FORWARD -p tcp -j REJECT --reject-with tcp-reset",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || Seen::Refused(Refusal::Reset),
    },
    Case {
        name: "reject/iptables-legacy",
        load: || {
            legacy(
                "filter",
                FILTER,
                "-A FORWARD -j REJECT --reject-with icmp-net-prohibited",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || icmp(3, 9),
    },
    Case {
        name: "reject/ip6tables-icmp6-no-route",
        load: || {
            ip6tables(
                "filter",
                FILTER,
                "-A FORWARD -j REJECT --reject-with icmp6-no-route",
            )
        },
        probe: (Side::Client, CLIENT6, "[2001:db8:2::2]:21"),
        seen: || icmp(1, 0),
    },
    Case {
        name: "reject/ip6tables-icmp6-adm-prohibited",
        load: || {
            ip6tables(
                "filter",
                FILTER,
                "-A FORWARD -j REJECT --reject-with icmp6-adm-prohibited",
            )
        },
        probe: (Side::Client, CLIENT6, "[2001:db8:2::2]:21"),
        seen: || icmp(1, 1),
    },
    Case {
        name: "reject/ip6tables-icmp6-addr-unreachable",
        load: || {
            ip6tables(
                "filter",
                FILTER,
                "-A FORWARD -j REJECT --reject-with icmp6-addr-unreachable",
            )
        },
        probe: (Side::Client, CLIENT6, "[2001:db8:2::2]:21"),
        seen: || icmp(1, 3),
    },
    Case {
        name: "reject/ip6tables-icmp6-port-unreachable",
        load: || {
            ip6tables(
                "filter",
                FILTER,
                "-A FORWARD -j REJECT --reject-with icmp6-port-unreachable",
            )
        },
        probe: (Side::Client, CLIENT6, "[2001:db8:2::2]:21"),
        seen: || icmp(1, 4),
    },
    Case {
        name: "reject/ip6tables-icmp6-policy-fail",
        load: || {
            ip6tables(
                "filter",
                FILTER,
                "-A FORWARD -j REJECT --reject-with icmp6-policy-fail",
            )
        },
        probe: (Side::Client, CLIENT6, "[2001:db8:2::2]:21"),
        seen: || icmp(1, 5),
    },
    Case {
        name: "reject/ip6tables-icmp6-reject-route",
        load: || {
            ip6tables(
                "filter",
                FILTER,
                "-A FORWARD -j REJECT --reject-with icmp6-reject-route",
            )
        },
        probe: (Side::Client, CLIENT6, "[2001:db8:2::2]:21"),
        seen: || icmp(1, 6),
    },
];
