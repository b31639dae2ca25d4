//! Chains that lead to chains, maps of verdicts, and more than one base chain.

use super::{Rows, SERVER, within};
use crate::fault::Ends::Hangs;
use crate::fault::Rules::{Input, Nft};
use crate::fault::{Fault, Says};
use crate::support::outcome::Stage::{Control, Data};

pub(super) const ROWS: Rows = &[LED, BASES];

const LED: &[Fault] = &[
    Fault {
        name: "nft/drop-in-a-called-chain",
        firewall: &[Nft("table inet theirs {
            chain logdrop { counter; tcp dport > 1023 drop; }
            chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                tcp dport 21 accept
                jump logdrop
                tcp dport 50000-50100 accept
            }
        }\n")],
        says: Says::Error("FN307", &[]),
        names: &["chain logdrop", "tcp dport > 1023 drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/goto-that-accepts-nothing",
        firewall: &[Nft("table inet theirs {
            chain ftp { tcp dport 21 accept; }
            chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                tcp dport { 21, 50000-50100 } goto ftp
                tcp dport 50000-50100 accept
            }
        }\n")],
        says: Says::Error("FN302", &["FN307"]),
        names: &["chain input", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/return-from-a-jump",
        firewall: &[Nft("table inet theirs {
            chain high {
                tcp dport 50040-50060 return
                accept
            }
            chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                tcp dport 21 accept
                tcp dport 50000-50100 jump high
            }
        }\n")],
        serves: within(50040, 50060),
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/verdict-map",
        firewall: &[Input(
            "ct state vmap { established : accept, related : accept, invalid : drop }
             tcp dport vmap { 21 : accept, 50000-50039 : accept, 50040-50060 : drop,
                              50061-50100 : accept }",
        )],
        serves: within(50040, 50060),
        says: Says::Error("FN302", &[]),
        names: &["chain input", "vmap"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/verdict-map-that-leads-to-a-drop",
        firewall: &[Nft("table inet theirs {
            map services {
                type inet_service : verdict
                flags interval
                elements = { 21 : accept, 50000-50100 : goto data }
            }
            chain data {
                tcp dport 50000-50019 drop
                accept
            }
            chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                tcp dport vmap @services
            }
        }\n")],
        serves: within(50000, 50019),
        says: Says::Error("FN307", &[]),
        names: &["chain data", "tcp dport 50000-50019 drop"],
        tells: &["50000-50019"],
        ends: Hangs(Data),
        ..SERVER
    },
];

const BASES: &[Fault] = &[
    Fault {
        name: "nft/accepted-in-an-earlier-table",
        firewall: &[
            Nft("table inet earlier { chain input {
                type filter hook input priority -10;
                ct state new tcp dport { 21, 50000-50100 } accept
            }; }\n"),
            Input("ct state established,related accept\n tcp dport 21 accept"),
        ],
        says: Says::Error("FN305", &[]),
        names: &["table inet theirs, chain input", "policy drop"],
        tells: &["50000-50100", "table inet earlier"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/dropped-in-a-later-table",
        firewall: &[
            Input("ct state established,related accept\n tcp dport { 21, 50000-50100 } accept"),
            Nft("table ip later { chain input {
                type filter hook input priority 10;
                tcp dport 50040-50060 drop
            }; }\n"),
        ],
        serves: within(50040, 50060),
        says: Says::Error("FN305", &[]),
        names: &["table ip later, chain input", "tcp dport 50040-50060 drop"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/control-accepted-in-an-earlier-table",
        firewall: &[
            Nft("table inet earlier { chain input {
                type filter hook input priority filter - 5;
                tcp dport 21 accept
            }; }\n"),
            Input("ct state established,related accept\n tcp dport 50000-50100 accept"),
        ],
        says: Says::Error("FN305", &[]),
        names: &["table inet theirs, chain input", "policy drop"],
        tells: &["21"],
        ends: Hangs(Control),
        ..SERVER
    },
    Fault {
        name: "nft/two-chains-at-one-priority",
        firewall: &[
            Nft("table inet one { chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                tcp dport { 21, 50000-50100 } accept
            }; }\n"),
            Nft("table inet two { chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                tcp dport 21 accept
            }; }\n"),
        ],
        // The newest of one priority comes first: what the older one accepts never gets there.
        says: Says::Error("FN302", &[]),
        names: &["table inet two, chain input", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/two-chains-that-both-drop",
        firewall: &[
            Nft("table inet one { chain input {
                type filter hook input priority -10; policy drop;
                ct state established,related accept
                tcp dport 21 accept
            }; }\n"),
            Nft("table inet two { chain input {
                type filter hook input priority 10; policy drop;
                ct state established,related accept
                tcp dport 21 accept
            }; }\n"),
        ],
        says: Says::Error("FN302", &[]),
        names: &[
            "table inet one",
            "policy drop",
            "table inet two",
            "policy drop",
        ],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
];
