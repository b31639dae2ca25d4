//! Rules of several programs on one host: what one accepts, another drops.

use super::gateway::DNAT_OF_IPTABLES;
use super::{GATEWAY, Rows, SERVER, filter, within};
use crate::fault::Ends::{Hangs, Unreachable};
use crate::fault::Rules::{self, Forward, Input, Ip, Nft};
use crate::fault::{Fault, Says};
use crate::support::BackEnd::{self, Legacy};
use crate::support::outcome::Stage::{Control, Data};

pub(super) const ROWS: Rows = &[ON_A_SERVER, ON_A_GATEWAY];

const OPEN_BEFORE: Rules = Nft("table inet earlier { chain input {
    type filter hook input priority -10;
    ct state established,related accept
    tcp dport { 21, 50000-50100 } accept
}; }\n");

const ONLY_21: &str = filter!(INPUT "DROP"
    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    "-p tcp -m tcp --dport 21 -j ACCEPT");
const OPEN: &str = filter!(INPUT "DROP"
    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    "-p tcp -m multiport --dports 21,50000:50100 -j ACCEPT");

const SHUT_BEHIND: Rules = Nft("table inet later { chain input {
    type filter hook input priority 10; policy drop;
    ct state established,related accept
    tcp dport 21 accept
}; }\n");

const ON_A_SERVER: &[Fault] = &[
    Fault {
        name: "mixed/nft-accepts-iptables-nft-drops",
        firewall: &[OPEN_BEFORE, Ip(BackEnd::Nft, ONLY_21)],
        says: Says::Error("FN305", &[]),
        names: &["INPUT"],
        tells: &["50000-50100", "table inet earlier"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "mixed/nft-accepts-iptables-legacy-drops",
        firewall: &[OPEN_BEFORE, Ip(Legacy, ONLY_21)],
        says: Says::Error("FN305", &[]),
        names: &["INPUT"],
        tells: &["50000-50100", "table inet earlier"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "mixed/iptables-nft-accepts-nft-drops",
        firewall: &[Ip(BackEnd::Nft, OPEN), SHUT_BEHIND],
        says: Says::Error("FN305", &["FN302"]),
        names: &["table inet later, chain input", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "mixed/iptables-legacy-accepts-nft-drops",
        firewall: &[Ip(Legacy, OPEN), SHUT_BEHIND],
        says: Says::Error("FN305", &["FN302"]),
        names: &["table inet later, chain input", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "mixed/iptables-legacy-accepts-iptables-nft-rejects",
        firewall: &[
            Ip(Legacy, OPEN),
            Ip(
                BackEnd::Nft,
                filter!(INPUT "ACCEPT"
                    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                    "-p tcp -m tcp --dport 50040:50060 -j REJECT --reject-with icmp-admin-prohibited"),
            ),
        ],
        serves: within(50040, 50060),
        says: Says::Error("FN305", &[]),
        names: &["INPUT", "--dport 50040:50060 -j REJECT"],
        tells: &["50040-50060"],
        ends: Unreachable(Data),
        ..SERVER
    },
    Fault {
        name: "mixed/legacy-and-nft-drop-both",
        firewall: &[
            Ip(Legacy, ONLY_21),
            Input("ct state established,related accept\n tcp dport 21 accept"),
        ],
        says: Says::Error("FN302", &[]),
        tells: &["50000-50100", "table inet theirs", "INPUT"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "mixed/each-drops-its-own",
        firewall: &[
            Ip(
                Legacy,
                filter!(INPUT "DROP"
                    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                    "-p tcp -m tcp --dport 21 -j ACCEPT"),
            ),
            Nft("table ip later { chain input {
                type filter hook input priority 10; policy drop;
                ct state established,related accept
                tcp dport 50000-50100 accept
            }; }\n"),
        ],
        says: Says::Error("FN305", &["FN302"]),
        ends: Hangs(Control),
        ..SERVER
    },
];

const ON_A_GATEWAY: &[Fault] = &[
    Fault {
        name: "mixed/gateway/iptables-nft-accepts-nft-drops",
        firewall: &[
            Ip(BackEnd::Nft, DNAT_OF_IPTABLES),
            Ip(
                BackEnd::Nft,
                filter!(FORWARD "DROP"
                    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                    "-d 10.77.0.21/32 -p tcp -m multiport --dports 21,50000:50100 -j ACCEPT"),
            ),
            Nft("table inet later { chain forward {
                type filter hook forward priority 10;
                tcp dport 50000-50100 drop
            }; }\n"),
        ],
        says: Says::Error("FN305", &[]),
        names: &[
            "table inet later, chain forward",
            "tcp dport 50000-50100 drop",
        ],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..GATEWAY
    },
    Fault {
        name: "mixed/gateway/iptables-legacy-translates-nft-drops",
        firewall: &[
            Ip(Legacy, DNAT_OF_IPTABLES),
            Forward("ct state established,related accept\n tcp dport 21 accept"),
        ],
        says: Says::Error("FN310", &[]),
        names: &["table inet theirs, chain forward", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..GATEWAY
    },
];
