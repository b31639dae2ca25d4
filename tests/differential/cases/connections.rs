//! What connection tracking says.

use super::{CLIENT, Case, DNAT, FORWARD_DROP, PREROUTING, arrives, iptables, table};
use crate::lab::{Load, Seen};
use crate::wire::Side;

/// The rows.
pub(super) const CASES: &[Case] = &[
    Case {
        name: "ct/no-connection-before-tracking-is-invalid",
        load: || {
            table(
                "inet",
                &[(
                    "filter hook prerouting priority -300",
                    "ct state invalid drop",
                )],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "ct/no-mark-before-tracking-breaks",
        load: || {
            table(
                "inet",
                &[("filter hook prerouting priority -300", "ct mark 0 drop")],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "ct/notrack-is-never-new",
        load: || {
            table(
                "inet",
                &[
                    ("filter hook prerouting priority -300", "notrack"),
                    (FORWARD_DROP, "ct state new accept"),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "ct/notrack-is-untracked",
        load: || {
            table(
                "inet",
                &[
                    ("filter hook prerouting priority -300", "notrack"),
                    (FORWARD_DROP, "ct state untracked accept"),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        name: "ct/notrack-of-iptables",
        load: || {
            Load { nft: "table ip t {\nchain c {\ntype filter hook forward priority 0; policy drop;\nct state new accept\n}\n}\n".to_owned(), ..iptables("raw", ":PREROUTING ACCEPT\n:OUTPUT ACCEPT", "-A PREROUTING -p tcp -j CT --notrack") }
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "ct/original-destination-stays",
        load: || {
            table(
                "ip",
                &[
                    (DNAT, "tcp dport 2121 dnat to 10.77.2.3:21"),
                    (
                        FORWARD_DROP,
                        "ct original ip daddr 10.77.1.1 meta l4proto tcp ct original proto-dst 2121 accept",
                    ),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.1.1:2121"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.3:21"),
    },
    Case {
        name: "ct/status-dnat",
        load: || {
            table(
                "ip",
                &[
                    (DNAT, "tcp dport 2121 dnat to 10.77.2.3:21"),
                    (FORWARD_DROP, "ct status dnat accept"),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.1.1:2121"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.3:21"),
    },
    Case {
        name: "ct/mark-from-the-packet-and-back",
        load: || {
            table(
                "inet",
                &[
                    (
                        PREROUTING,
                        "meta mark set 6\nct mark set meta mark\nmeta mark set 0",
                    ),
                    (FORWARD_DROP, "meta mark 0 ct mark 6 accept"),
                ],
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
];
