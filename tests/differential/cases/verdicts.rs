//! Chains, their order, and what ends a packet.

use super::{
    CLIENT, CLIENT6, Case, FORWARD, FORWARD_DROP, INPUT, ROUTER, ROUTER6, arrives, nft_text, table,
    table_with,
};
use crate::lab::{Load, Seen};
use crate::wire::Side;

/// The rows.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "no-rules/forward",
        load: Load::default,
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "no-rules/input",
        load: Load::default,
        probe: (Side::Client, CLIENT, "10.77.1.1:21"),
        seen: || arrives(Side::Router, CLIENT, "10.77.1.1:21"),
    },
    Case {
        name: "no-rules/output",
        load: Load::default,
        probe: (Side::Router, ROUTER, "10.77.2.2:21"),
        seen: || arrives(Side::Server, ROUTER, "10.77.2.2:21"),
    },
    Case {
        name: "no-rules/forward-6",
        load: Load::default,
        probe: (Side::Client, CLIENT6, "[2001:db8:2::2]:21"),
        seen: || arrives(Side::Server, CLIENT6, "[2001:db8:2::2]:21"),
    },
    Case {
        name: "no-rules/input-6",
        load: Load::default,
        probe: (Side::Client, CLIENT6, "[2001:db8:1::1]:21"),
        seen: || arrives(Side::Router, CLIENT6, "[2001:db8:1::1]:21"),
    },
    Case {
        name: "no-rules/output-6",
        load: Load::default,
        probe: (Side::Router, ROUTER6, "[2001:db8:2::2]:21"),
        seen: || arrives(Side::Server, ROUTER6, "[2001:db8:2::2]:21"),
    },
    Case {
        name: "no-rules/to-itself",
        load: Load::default,
        probe: (Side::Router, ROUTER, "10.77.2.1:21"),
        seen: || arrives(Side::Router, ROUTER, "10.77.2.1:21"),
    },
    Case {
        name: "accept-ends-one-chain-drop-in-another",
        load: || {
            table(
                "inet",
                &[
                    ("filter hook input priority -10", "tcp dport 21 accept"),
                    ("filter hook input priority 0; policy drop", ""),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.1.1:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "drop-before-accept",
        load: || {
            table(
                "inet",
                &[
                    ("filter hook input priority -10", "tcp dport 21 drop"),
                    (INPUT, "accept"),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.1.1:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "policy-of-ip-leaves-ip6-alone",
        load: || table("ip", &[(FORWARD_DROP, "")]),
        probe: (Side::Client, CLIENT6, "[2001:db8:2::2]:21"),
        seen: || arrives(Side::Server, CLIENT6, "[2001:db8:2::2]:21"),
    },
    Case {
        name: "return-in-a-base-chain-is-its-policy",
        load: || table("inet", &[(FORWARD_DROP, "return\naccept")]),
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "end-of-a-jump-goes-back",
        load: || {
            table_with(
                "inet",
                "chain u {\ntcp dport 80 accept\n}",
                &[(FORWARD_DROP, "jump u\naccept")],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "end-of-a-goto-is-the-policy",
        load: || {
            table_with(
                "inet",
                "chain u {\ntcp dport 80 accept\n}",
                &[(FORWARD_DROP, "goto u\naccept")],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "goto-within-a-jump-goes-back-to-the-jump",
        load: || {
            table_with(
                "inet",
                "chain v {\ncounter\n}\nchain u {\ngoto v\ndrop\n}",
                &[(FORWARD_DROP, "jump u\naccept")],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "dormant-table-is-not-in-force",
        load: || table_with("inet", "flags dormant;", &[(FORWARD_DROP, "")]),
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "bridge-and-arp-do-not-see-routed-packets",
        load: || {
            nft_text(
                "table arp a {\nchain c {\ntype filter hook input priority 0; policy drop;\n}\n}\ntable bridge b {\nchain c {\ntype filter hook forward priority 0; policy drop;\n}\n}\n",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "ingress-of-a-device-drops",
        load: || {
            nft_text(
                "table netdev n {\nchain c {\ntype filter hook ingress device \"cli\" priority 0; policy accept;\ntcp dport 21 drop\n}\n}\n",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "egress-of-a-device-drops",
        load: || {
            nft_text(
                "table netdev n {\nchain c {\ntype filter hook egress device \"srv\" priority 0; policy accept;\ntcp dport 21 drop\n}\n}\n",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "ingress-of-the-other-device-does-not",
        load: || {
            nft_text(
                "table netdev n {\nchain c {\ntype filter hook ingress device \"srv\" priority 0; policy accept;\ntcp dport 21 drop\n}\n}\n",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "postrouting-drops-what-forward-accepted",
        load: || {
            table(
                "inet",
                &[
                    (FORWARD, "accept"),
                    ("filter hook postrouting priority 0", "tcp dport 21 drop"),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || Seen::Silent,
    },
];
