//! Rules whose tests are not what they seem.

use super::{Rows, SERVER, within};
use crate::fault::Ends::Hangs;
use crate::fault::Rules::{Input, Nft};
use crate::fault::{Applied, Fault, Says};
use crate::support::outcome::Stage::Data;

pub(super) const ROWS: Rows = &[MISSED, HARMLESS];

const MISSED: &[Fault] = &[
    Fault {
        name: "nft/accept-of-another-interface",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 21 accept
             iifname \"eth1\" tcp dport 50000-50100 accept",
        )],
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/accept-of-another-address",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 21 accept
             ip daddr 198.51.100.2 tcp dport 50000-50100 accept",
        )],
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/accept-of-some-sources",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 21 accept
             ip saddr 192.0.2.0/24 tcp dport 50000-50100 accept",
        )],
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/accept-of-the-source-port",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 21 accept
             tcp sport 50000-50100 tcp dport < 50000 accept",
        )],
        // A client's own port is none of the range here.
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/accept-of-udp",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 21 accept
             udp dport 50000-50100 accept",
        )],
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/all-but-one-port-dropped",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport != { 21, 22 } drop
             tcp dport { 21, 50000-50100 } accept",
        )],
        says: Says::Error("FN307", &[]),
        names: &["chain input", "tcp dport != { 21, 22 } drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/set-with-a-hole",
        firewall: &[Nft("table inet theirs {
            set open {
                type inet_service
                flags interval
                elements = { 21, 50000-50039, 50061-50100 }
            }
            chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                tcp dport @open accept
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
        name: "nft/set-that-is-dropped",
        firewall: &[Nft("table inet theirs {
            set shut {
                type inet_service
                flags interval
                elements = { 23, 50040-50060, 60000-61000 }
            }
            chain input {
                type filter hook input priority 0;
                tcp dport @shut drop
            }
        }\n")],
        serves: within(50040, 50060),
        says: Says::Error("FN302", &[]),
        names: &["chain input", "tcp dport @shut drop"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        // What a set holds may change: no rule of ours goes before it.
        applied: Applied::Refused,
        ..SERVER
    },
    Fault {
        name: "nft/concatenation-of-another-address",
        firewall: &[Nft("table ip theirs {
            set open {
                type ipv4_addr . inet_service
                flags interval
                elements = { 198.51.100.1 . 21, 198.51.100.2 . 50000-50100 }
            }
            chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                ip daddr . tcp dport @open accept
            }
        }\n")],
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "nft/new-dropped-by-flags",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 21 accept
             tcp flags & (fin|syn|rst|ack) == syn tcp dport 1024-65535 drop
             tcp dport 50000-50100 accept",
        )],
        says: Says::Error("FN307", &[]),
        names: &["chain input", "tcp dport 1024-65535 drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
];

/// What looks like a fault and is none.
const HARMLESS: &[Fault] = &[
    Fault {
        name: "nft/fine/invalid-dropped",
        firewall: &[Input(
            "ct state invalid drop\n ct state established,related accept
             tcp flags & (syn|fin) == (syn|fin) drop
             tcp dport { 21, 50000-50100 } accept\n meta l4proto { icmp, icmpv6 } accept",
        )],
        applied: Applied::NotTried,
        ..SERVER
    },
    Fault {
        name: "nft/fine/dormant",
        firewall: &[Nft("table inet sleeping {
            flags dormant
            chain input {
                type filter hook input priority 0; policy drop;
                tcp dport 21 accept
            }
        }\n")],
        applied: Applied::NotTried,
        ..SERVER
    },
    Fault {
        name: "nft/fine/chain-that-nobody-calls",
        firewall: &[Nft("table inet theirs {
            chain old { tcp dport 50000-50100 drop; }
            chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                tcp dport { 21, 50000-50100 } accept
                meta l4proto { icmp, icmpv6 } accept
            }
        }\n")],
        applied: Applied::NotTried,
        ..SERVER
    },
    Fault {
        name: "nft/fine/mark-that-nothing-sets",
        firewall: &[Nft("table inet theirs { chain input {
            type filter hook input priority 0;
            meta mark 0x10 drop
            ct mark 0x20 drop
        }; }\n")],
        applied: Applied::NotTried,
        ..SERVER
    },
    Fault {
        name: "nft/fine/ban",
        firewall: &[Nft("table inet theirs {
            set banned {
                type ipv4_addr
                elements = { 192.0.2.7, 192.0.2.8 }
            }
            chain input {
                type filter hook input priority 0;
                ip saddr @banned drop
                ip saddr 203.0.113.0/24 tcp dport 50000-50100 reject
            }
        }\n")],
        applied: Applied::NotTried,
        ..SERVER
    },
];
