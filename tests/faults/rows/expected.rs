//! Data connections that a helper expects although a rule accepts them as NEW, and rules
//! behind a limit.

use super::{Rows, SERVER};
use crate::fault::Ends::{Hangs, Lists, Refused};
use crate::fault::Rules::Nft;
use crate::fault::{Applied, Fault, Play, Says};
use crate::support::outcome::Stage::{Control, Data};

pub(super) const ROWS: Rows = &[EXPECTED];

const EXPECTED: &[Fault] = &[
    Fault {
        // What drops silently costs a second: sent again, the packet is NEW.
        name: "nft/related-dropped-new-accepted",
        firewall: &[
            ASSIGNED,
            Nft("table inet theirs {
                chain input {
                    type filter hook input priority 0; policy drop;
                    ct state established accept
                    tcp dport { 21, 50000-50100 } ct state new accept
                }
            }\n"),
        ],
        says: Says::Warning("FN304"),
        names: &["chain input", "policy drop"],
        tells: &["50000-50100", "a second later"],
        play: Play::PLAIN,
        ends: Lists,
        meanwhile: &[Play::EPSV],
        applied: Applied::NotTried,
        ..SERVER
    },
    Fault {
        // Who is rejected does not ask again.
        name: "nft/related-rejected-new-accepted",
        firewall: &[
            ASSIGNED,
            Nft("table inet theirs {
                chain input {
                    type filter hook input priority 0; policy accept;
                    ct state established accept
                    tcp dport { 21, 50000-50100 } ct state new accept
                    reject with tcp reset
                }
            }\n"),
        ],
        says: Says::Warning("FN304"),
        names: &["chain input", "reject"],
        tells: &["50000-50100"],
        play: Play::PLAIN,
        ends: Refused(Data),
        meanwhile: &[Play::EPSV],
        applied: Applied::NotTried,
        ..SERVER
    },
    Fault {
        // As OpenWrt has it: what the limit lets on is rejected all the same.
        name: "nft/rejected-behind-a-limit",
        firewall: &[Nft("table inet theirs {
            chain syn_flood {
                limit rate 25/second burst 50 packets return
                drop
            }
            chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                tcp flags & (fin | syn | rst | ack) == syn jump syn_flood
                tcp dport 22 accept
                reject with tcp reset
            }
        }\n")],
        says: Says::Error("FN301", &["FN302"]),
        names: &["chain input", "reject with tcp reset"],
        ends: Refused(Control),
        ..SERVER
    },
    Fault {
        name: "nft/half-of-the-range-behind-a-limit",
        firewall: &[Nft("table inet theirs {
            chain syn_flood {
                limit rate 25/second burst 50 packets return
                drop
            }
            chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                tcp flags & (fin | syn | rst | ack) == syn jump syn_flood
                tcp dport { 21, 50000-50049 } accept
            }
        }\n")],
        serves: super::within(50050, 50100),
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50050-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
];

const ASSIGNED: crate::fault::Rules = Nft("table inet helper {
    ct helper ftp {
        type \"ftp\" protocol tcp
    }
    chain prerouting {
        type filter hook prerouting priority -150;
        tcp dport 21 ct helper set \"ftp\"
    }
}\n");
