//! What the kernel does and nobody can know of the rules alone.

use super::{CLIENT, Case, DNAT, FORWARD, INPUT, ROUTER, arrives, nft_text, table};
use crate::lab::{Refusal, Seen};
use crate::wire::Side;

/// The rows.
pub(super) const CASES: &[Case] = &[
    Case {
        // Nothing has connections tracked (nf_ct_netns_get), so no NAT chain is called;
        // IPVS, which no ruleset shows, would change that.
        name: "undecided/nat-chain-where-no-rule-tracks",
        load: || table("ip", &[(DNAT, "drop")]),
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
    Case {
        // The newest is called first.
        name: "undecided/two-tables-at-the-same-priority",
        load: || {
            nft_text(
                "table inet a {\nchain c {\ntype filter hook forward priority 0;\ndrop\n}\n}\n\
                 table inet b {\nchain c {\ntype filter hook forward priority 0;\n\
                 meta l4proto tcp reject with tcp reset\n}\n}\n",
            )
        },
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || Seen::Refused(Refusal::Reset),
    },
    Case {
        // nft_fib_can_skip, since Linux 6.16; before, no route to an own address is found.
        name: "undecided/fib-of-what-came-by-lo-in-the-input-hook",
        load: || table("ip", &[(INPUT, "fib saddr oif exists drop")]),
        probe: (Side::Router, ROUTER, "10.77.2.1:21"),
        seen: || Seen::Silent,
    },
    Case {
        name: "undecided/a-rate",
        load: || table("inet", &[(FORWARD, "limit rate 10/second accept\ndrop")]),
        probe: (Side::Client, CLIENT, "10.77.2.2:21"),
        seen: || arrives(Side::Server, CLIENT, "10.77.2.2:21"),
    },
];
