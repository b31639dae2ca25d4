//! What the kernel does, by hand: each row a ruleset, a segment, and what becomes of it.

use crate::lab::{Load, Refusal, Seen};
use crate::wire::Side;

/// A row.
pub(crate) struct Case {
    /// The kernel behaviour that it shows.
    pub(crate) name: &'static str,
    /// The rules.
    pub(crate) load: fn() -> Load,
    /// Where the SYN leaves from, its source, its destination.
    pub(crate) probe: (Side, &'static str, &'static str),
    /// What becomes of it.
    pub(crate) seen: fn() -> Seen,
}

/// A table of base chains: type, hook, priority and policy of each, and its rules.
fn table(family: &str, chains: &[(&str, &str)]) -> Load {
    let mut nft = format!("table {family} t {{\n");
    for (number, (base, rules)) in chains.iter().enumerate() {
        nft += &format!("chain c{number} {{\ntype {base};\n{rules}\n}}\n");
    }
    Load {
        nft: nft + "}\n",
        ..Load::default()
    }
}

fn arrives(side: Side, source: &str, destination: &str) -> Seen {
    Seen::Arrived {
        side,
        source: source.parse().expect("a source"),
        destination: destination.parse().expect("a destination"),
    }
}

const CLIENT: &str = "10.77.1.2:40000";
const CLIENT6: &str = "[2001:db8:1::2]:40000";

/// All rows.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "no-rules-forward",
        load: Load::default,
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "no-rules-input",
        load: Load::default,
        probe: (Side::Client, CLIENT, "10.77.1.1:21"),
        seen: || arrives(Side::Router, CLIENT, "10.77.1.1:21"),
    },
    Case {
        name: "no-rules-output",
        load: Load::default,
        probe: (Side::Router, "10.77.2.1:40000", "10.77.2.2:21"),
        seen: || arrives(Side::Server, "10.77.2.1:40000", "10.77.2.2:21"),
    },
    Case {
        name: "no-rules-forward-6",
        load: Load::default,
        probe: (Side::Client, CLIENT6, "[2001:db8:2::2]:21"),
        seen: || arrives(Side::Server, CLIENT6, "[2001:db8:2::2]:21"),
    },
    Case {
        name: "no-rules-input-6",
        load: Load::default,
        probe: (Side::Client, CLIENT6, "[2001:db8:1::1]:21"),
        seen: || arrives(Side::Router, CLIENT6, "[2001:db8:1::1]:21"),
    },
    Case {
        name: "no-rules-output-6",
        load: Load::default,
        probe: (Side::Router, "[2001:db8:2::1]:40000", "[2001:db8:2::2]:21"),
        seen: || arrives(Side::Server, "[2001:db8:2::1]:40000", "[2001:db8:2::2]:21"),
    },
    Case {
        name: "input-reset",
        load: || {
            table(
                "inet",
                &[(
                    "filter hook input priority 0",
                    "tcp dport 21 reject with tcp reset",
                )],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.1.1:21"),
        seen: || Seen::Refused(Refusal::Reset),
    },
    Case {
        name: "forward-reject-6",
        load: || {
            table(
                "inet",
                &[(
                    "filter hook forward priority 0",
                    "reject with icmpx type admin-prohibited",
                )],
            )
        },
        probe: (Side::Client, CLIENT6, "[2001:db8:2::2]:21"),
        seen: || {
            Seen::Refused(Refusal::Icmp {
                v6: true,
                kind: 1,
                code: 1,
            })
        },
    },
    Case {
        name: "output-reject",
        load: || {
            table(
                "inet",
                &[("filter hook output priority 0", "tcp dport 21 reject")],
            )
        },
        probe: (Side::Router, "10.77.2.1:40000", "10.77.2.2:21"),
        seen: || {
            Seen::Refused(Refusal::Icmp {
                v6: false,
                kind: 3,
                code: 3,
            })
        },
    },
    Case {
        name: "dnat-and-masquerade",
        load: || {
            table(
                "ip",
                &[
                    (
                        "nat hook prerouting priority -100",
                        "tcp dport 2121 dnat to 10.77.2.3:21",
                    ),
                    (
                        "nat hook postrouting priority 100",
                        "oifname srv masquerade",
                    ),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.1.1:2121"),
        seen: || arrives(Side::Server, "10.77.2.1:40000", "10.77.2.3:21"),
    },
    Case {
        name: "accept-in-one-chain-drop-in-another",
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
];
