//! A server's own firewall of nft: what it lets in, and what is missing.

use super::{Rows, SERVER, within};
use crate::fault::Ends::{Hangs, Refused, Unreachable};
use crate::fault::Rules::{Input, Nft};
use crate::fault::{Applied, Cure, Fault, Says};
use crate::support::outcome::Stage::{Control, Data};

pub(super) const ROWS: Rows = &[MISSING, ORDER, ANSWERS, ELSEWHERE];

/// Nothing lets it in.
const MISSING: &[Fault] = &[
    Fault {
        name: "nft/nothing-open",
        firewall: &[Input("ct state established,related accept\n iif lo accept")],
        says: Says::Error("FN301", &["FN302"]),
        names: &["chain input", "policy drop"],
        tells: &["21"],
        ends: Hangs(Control),
        ..SERVER
    },
    Fault {
        name: "nft/only-21",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 21 accept",
        )],
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/only-the-range",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 50000-50100 accept",
        )],
        says: Says::Error("FN301", &[]),
        names: &["chain input", "policy drop"],
        tells: &["21"],
        ends: Hangs(Control),
        ..SERVER
    },
    Fault {
        name: "nft/too-short-at-the-start",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport { 21, 50010-50100 } accept",
        )],
        serves: within(50000, 50009),
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50000-50009"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/too-short-at-the-end",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport { 21, 50000-50089 } accept",
        )],
        serves: within(50090, 50100),
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50090-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/hole-not-accepted",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 21 accept
             tcp dport 50000-50039 accept\n tcp dport 50061-50100 accept",
        )],
        serves: within(50040, 50060),
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/another-range",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport { 21, 40000-40100 } accept",
        )],
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/rejects-at-the-end",
        firewall: &[Nft("table inet theirs { chain input {
            type filter hook input priority 0;
            ct state established,related accept
            tcp dport 21 accept
            meta l4proto tcp reject with icmpx admin-prohibited
        }; }\n")],
        says: Says::Error("FN302", &[]),
        names: &["chain input", "reject"],
        tells: &["50000-50100"],
        ends: Unreachable(Data),
        ..SERVER
    },
];

/// The accept is there, and comes too late.
const ORDER: &[Fault] = &[
    Fault {
        name: "nft/hole-by-a-drop",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 50040-50060 drop
             tcp dport { 21, 50000-50100 } accept",
        )],
        serves: within(50040, 50060),
        says: Says::Error("FN307", &[]),
        names: &["chain input", "tcp dport 50040-50060 drop"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/two-holes",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 50020-50029 drop
             tcp dport 50040-50060 drop\n tcp dport { 21, 50000-50100 } accept",
        )],
        serves: within(50020, 50029),
        says: Says::Error("FN307", &[]),
        names: &["tcp dport 50020-50029 drop", "tcp dport 50040-50060 drop"],
        tells: &["50020-50029", "50040-50060"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/accept-behind-reject",
        firewall: &[Nft("table inet theirs { chain input {
            type filter hook input priority 0;
            ct state established,related accept
            tcp dport 21 accept
            meta l4proto tcp reject with icmpx admin-prohibited
            tcp dport 50000-50100 accept
        }; }\n")],
        says: Says::Error("FN307", &[]),
        names: &["chain input", "reject"],
        tells: &["50000-50100"],
        ends: Unreachable(Data),
        ..SERVER
    },
    Fault {
        name: "nft/accept-behind-reset",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 21 accept
             tcp flags syn tcp dport >= 1024 reject with tcp reset
             tcp dport 50000-50100 accept",
        )],
        says: Says::Error("FN307", &[]),
        names: &["chain input", "reject with tcp reset"],
        tells: &["50000-50100"],
        ends: Refused(Data),
        ..SERVER
    },
    Fault {
        name: "nft/both-behind-drop",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 22 accept\n meta l4proto tcp drop
             tcp dport { 21, 50000-50100 } accept",
        )],
        says: Says::Error("FN307", &[]),
        names: &["chain input", "drop"],
        tells: &["50000-50100"],
        ends: Hangs(Control),
        ..SERVER
    },
];

const STATEFUL: &str = "ct state established,related accept
    ct state new tcp dport { 21, 50000-50100 } accept";

/// New connections get in, and nothing further.
const ANSWERS: &[Fault] = &[
    Fault {
        name: "nft/established-missing-in-input",
        firewall: &[Input(
            "ct state new tcp dport { 21, 50000-50100 } accept\n meta l4proto icmp accept",
        )],
        says: Says::Error("FN303", &[]),
        names: &["chain input", "policy drop"],
        ends: Hangs(Control),
        ..SERVER
    },
    Fault {
        name: "nft/output-drops-answers",
        firewall: &[
            Input("ct state established,related accept\n tcp dport { 21, 50000-50100 } accept"),
            Nft("table inet theirs { chain output {
                type filter hook output priority 0; policy drop;
                oif lo accept
                ct state new tcp dport 53 accept
            }; }\n"),
        ],
        says: Says::Error("FN303", &[]),
        names: &["chain output", "policy drop"],
        ends: Hangs(Control),
        ..SERVER
    },
    Fault {
        name: "nft/output-drops-answers-of-the-range",
        firewall: &[Nft("table inet theirs { chain output {
            type filter hook output priority 0;
            tcp sport 50000-50100 drop
        }; }\n")],
        says: Says::Error("FN303", &[]),
        names: &["chain output", "tcp sport 50000-50100 drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/notrack",
        firewall: &[
            Nft("table inet raw {
                chain prerouting {
                    type filter hook prerouting priority raw;
                    tcp dport { 21, 50000-50100 } notrack
                }
                chain output {
                    type filter hook output priority raw;
                    tcp sport { 21, 50000-50100 } notrack
                }
            }\n"),
            Input(STATEFUL),
        ],
        says: Says::Error("FN320", &[]),
        names: &["chain prerouting", "notrack"],
        ends: Hangs(Control),
        cure: Cure::Repaired(&[Input(STATEFUL)]),
        applied: Applied::Refused,
        ..SERVER
    },
];

/// What drops is where no accept overrules it.
const ELSEWHERE: &[Fault] = &[
    Fault {
        name: "nft/drop-in-prerouting",
        firewall: &[Nft("table inet theirs { chain prerouting {
            type filter hook prerouting priority raw;
            tcp dport 50040-50060 drop
        }; }\n")],
        serves: within(50040, 50060),
        says: Says::Error("FN302", &[]),
        names: &["chain prerouting", "tcp dport 50040-50060 drop"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        cure: Cure::Repaired(&[]),
        applied: Applied::Refused,
        ..SERVER
    },
    Fault {
        name: "nft/drop-in-ingress",
        firewall: &[Nft("table netdev theirs { chain ingress {
            type filter hook ingress device \"eth0\" priority 0;
            tcp dport 50040-50060 drop
        }; }\n")],
        serves: within(50040, 50060),
        says: Says::Error("FN302", &[]),
        names: &["chain ingress", "tcp dport 50040-50060 drop"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        cure: Cure::Repaired(&[]),
        applied: Applied::Refused,
        ..SERVER
    },
    Fault {
        name: "nft/answers-dropped-in-postrouting",
        firewall: &[Nft("table inet theirs { chain postrouting {
            type filter hook postrouting priority 0;
            tcp sport 50040-50060 drop
        }; }\n")],
        serves: within(50040, 50060),
        says: Says::Error("FN303", &[]),
        names: &["chain postrouting", "tcp sport 50040-50060 drop"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        cure: Cure::Repaired(&[]),
        applied: Applied::Refused,
        ..SERVER
    },
    Fault {
        name: "nft/redirected",
        firewall: &[Nft("table inet theirs { chain prerouting {
            type nat hook prerouting priority dstnat;
            tcp dport 50040-50060 redirect to :8021
        }; }\n")],
        serves: within(50040, 50060),
        says: Says::Error("FN309", &[]),
        names: &["chain prerouting", "redirect to :8021"],
        tells: &["50040-50060"],
        ends: Refused(Data),
        cure: Cure::Repaired(&[]),
        applied: Applied::Refused,
        ..SERVER
    },
];
