//! What NAT makes of a connection.

use super::{
    CLIENT, Case, DNAT, FORWARD, INPUT, NAT, OUTPUT_DNAT, PREROUTING, ROUTER, ROUTER6, SNAT,
    arrives, iptables, legacy, nft_text, table,
};
use crate::lab::Seen;
use crate::wire::Side;

/// The rows.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "nat/dnat-and-masquerade",
        load: || {
            table(
                "ip",
                &[
                    (DNAT, "tcp dport 2121 dnat to 10.77.2.3:21"),
                    (SNAT, "oifname srv masquerade"),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.1.1:2121"),
        seen: || arrives(Side::Server, "10.77.2.1:40000", "10.77.2.3:21"),
    },
    Case {
        name: "nat/lower-priority-maps-first",
        load: || {
            table(
                "ip",
                &[
                    (DNAT, "dnat to 10.77.2.3"),
                    ("nat hook prerouting priority -110", "dnat to 10.77.2.9"),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.1.1:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.9:21"),
    },
    Case {
        name: "nat/accept-does-not-stop-another-chain",
        load: || {
            table(
                "ip",
                &[
                    ("nat hook postrouting priority 90", "accept"),
                    (SNAT, "masquerade"),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, "10.77.2.1:40000", "10.77.2.2:21"),
    },
    Case {
        name: "nat/chain-runs-at-its-hooks-own-priority",
        load: || {
            table(
                "ip",
                &[
                    ("nat hook prerouting priority 10", "dnat to 10.77.2.9"),
                    (
                        "filter hook prerouting priority -50",
                        "ip daddr 10.77.2.9 drop",
                    ),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.1.1:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "nat/mangle-sees-the-old-destination",
        load: || {
            table(
                "ip",
                &[
                    (DNAT, "dnat to 10.77.2.9"),
                    (PREROUTING, "ip daddr 10.77.2.9 drop"),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.1.1:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.9:21"),
    },
    Case {
        name: "nat/drop-in-a-nat-chain",
        load: || table("ip", &[(DNAT, "drop"), (FORWARD, "ct state new accept")]),
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "nat/untracked-is-not-translated",
        load: || {
            table(
                "ip",
                &[
                    ("filter hook prerouting priority -300", "notrack"),
                    (DNAT, "dnat to 10.77.2.9"),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "nat/port-in-the-range-stays",
        load: || table("ip", &[(DNAT, "tcp dport 21 dnat to 10.77.2.9:20-30")]),
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.9:21"),
    },
    Case {
        name: "nat/port-beside-the-range-is-its-first",
        load: || {
            table(
                "ip",
                &[(DNAT, "tcp dport 21 dnat to 10.77.2.9:50000-50010")],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.9:50000"),
    },
    Case {
        name: "nat/shifted-ports",
        load: || {
            iptables(
                "nat",
                NAT,
                "-A PREROUTING -p tcp -j DNAT --to-destination 10.77.2.9:40000-40100/20",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.9:40001"),
    },
    Case {
        name: "nat/netmap",
        load: || legacy("nat", NAT, "-A PREROUTING -j NETMAP --to 10.77.2.8/29"),
        probe: (Side::Client, CLIENT, "10.77.1.1:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.9:21"),
    },
    Case {
        name: "nat/source-keeps-its-port",
        load: || table("ip", &[(SNAT, "snat to 10.77.2.9")]),
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, "10.77.2.9:40000", "10.77.2.2:21"),
    },
    Case {
        name: "nat/source-in-the-input-hook",
        load: || {
            table(
                "ip",
                &[("nat hook input priority 100", "snat to 10.77.1.9")],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.1.1:21"),
        seen: || arrives(Side::Router, "10.77.1.9:40000", "10.77.1.1:21"),
    },
    Case {
        name: "nat/redirect-to-the-first-address",
        load: || table("ip", &[(DNAT, "tcp dport 21 redirect to :2121")]),
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Router, CLIENT, "10.77.1.1:2121"),
    },
    Case {
        name: "nat/hairpin-masquerade-takes-the-primary-address",
        load: || table("ip", &[(DNAT, "dnat to 10.77.1.9"), (SNAT, "masquerade")]),
        probe: (Side::Client, CLIENT, "10.77.1.4:21"),
        seen: || arrives(Side::Client, "10.77.1.1:40000", "10.77.1.9:21"),
    },
    Case {
        name: "nat/output-redirect-comes-back-by-lo",
        load: || {
            table(
                "inet",
                &[
                    (OUTPUT_DNAT, "tcp dport 21 redirect to :2121"),
                    (INPUT, "iifname lo tcp dport 2121 drop"),
                ],
            )
        },
        probe: (Side::Router, ROUTER, "10.77.2.2:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "nat/output-dnat-to-an-own-address",
        load: || table("inet", &[(OUTPUT_DNAT, "dnat ip to 10.77.2.1")]),
        probe: (Side::Router, ROUTER, "10.77.2.2:21"),
        seen: || arrives(Side::Router, ROUTER, "10.77.2.1:21"),
    },
    Case {
        name: "nat/masquerade-by-lo-6-keeps-an-own-source",
        load: || {
            table(
                "inet",
                &[
                    (OUTPUT_DNAT, "dnat ip6 to 2001:db8:1::1"),
                    (SNAT, "masquerade"),
                ],
            )
        },
        probe: (Side::Router, ROUTER6, "[2001:db8:2::2]:21"),
        seen: || arrives(Side::Router, ROUTER6, "[2001:db8:1::1]:21"),
    },
    Case {
        name: "nat/chain-of-ip-before-that-of-inet",
        load: || {
            nft_text(
                "table inet a {\nchain c {\ntype nat hook prerouting priority -100;\ndnat ip to 10.77.2.3\n}\n}\ntable ip b {\nchain c {\ntype nat hook prerouting priority -101;\ndnat to 10.77.2.9\n}\n}\n",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.1.1:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.9:21"),
    },
];
