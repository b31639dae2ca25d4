//! A server's own firewall of iptables, by both of its programs.

use super::{Rows, SERVER, filter, within};
use crate::fault::Ends::{Hangs, Unreachable};
use crate::fault::Rules::{self, Ip, Ipset};
use crate::fault::{Applied, Cure, Fault, Says};
use crate::support::BackEnd::{self, Legacy};
use crate::support::outcome::Stage::{Control, Data};

pub(super) const ROWS: Rows = &[BY_BOTH, BY_NFT, BY_LEGACY, RAW, HARMLESS];

const ONLY_21: &str = filter!(INPUT "DROP"
    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    "-p tcp -m tcp --dport 21 -j ACCEPT");
/// As RHEL 6 has it, with the accept appended.
const BEHIND_REJECT: &str = filter!(INPUT "ACCEPT"
    "-m state --state RELATED,ESTABLISHED -j ACCEPT"
    "-p tcp -m state --state NEW -m tcp --dport 21 -j ACCEPT"
    "-j REJECT --reject-with icmp-host-prohibited"
    "-p tcp -m tcp --dport 50000:50100 -j ACCEPT");
const OUTPUT_DROP: &str = filter!(OUTPUT "DROP"
    "-o lo -j ACCEPT"
    "-p udp -m udp --dport 53 -j ACCEPT");

const fn only_21(name: &'static str, firewall: &'static [Rules]) -> Fault {
    Fault {
        name,
        firewall,
        says: Says::Error("FN302", &[]),
        names: &["INPUT"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    }
}

const fn behind_reject(name: &'static str, firewall: &'static [Rules]) -> Fault {
    Fault {
        name,
        firewall,
        says: Says::Error("FN307", &[]),
        names: &["INPUT", "-j REJECT --reject-with icmp-host-prohibited"],
        tells: &["50000-50100"],
        ends: Unreachable(Data),
        ..SERVER
    }
}

const fn output_drop(name: &'static str, firewall: &'static [Rules]) -> Fault {
    Fault {
        name,
        firewall,
        says: Says::Error("FN303", &[]),
        names: &["OUTPUT"],
        ends: Hangs(Control),
        ..SERVER
    }
}

const BY_BOTH: &[Fault] = &[
    only_21("iptables-nft/only-21", &[Ip(BackEnd::Nft, ONLY_21)]),
    only_21("iptables-legacy/only-21", &[Ip(Legacy, ONLY_21)]),
    behind_reject(
        "iptables-nft/accept-behind-reject",
        &[Ip(BackEnd::Nft, BEHIND_REJECT)],
    ),
    behind_reject(
        "iptables-legacy/accept-behind-reject",
        &[Ip(Legacy, BEHIND_REJECT)],
    ),
    output_drop(
        "iptables-nft/output-drops-answers",
        &[Ip(BackEnd::Nft, OUTPUT_DROP)],
    ),
    output_drop(
        "iptables-legacy/output-drops-answers",
        &[Ip(Legacy, OUTPUT_DROP)],
    ),
];

const BY_NFT: &[Fault] = &[
    Fault {
        name: "iptables-nft/nothing-open",
        firewall: &[Ip(
            BackEnd::Nft,
            filter!(INPUT "DROP" "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
        )],
        says: Says::Error("FN301", &["FN302"]),
        names: &["INPUT"],
        tells: &["21"],
        ends: Hangs(Control),
        ..SERVER
    },
    Fault {
        name: "iptables-nft/drop-in-a-called-chain",
        firewall: &[Ip(
            BackEnd::Nft,
            "*filter\n:INPUT ACCEPT [0:0]\n:LOGDROP - [0:0]\n\
             -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
             -A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n\
             -A INPUT -j LOGDROP\n\
             -A INPUT -p tcp -m tcp --dport 50000:50100 -j ACCEPT\n\
             -A LOGDROP -m limit --limit 5/min -j LOG\n\
             -A LOGDROP -j DROP\nCOMMIT\n",
        )],
        says: Says::Error("FN307", &[]),
        names: &["LOGDROP", "-A LOGDROP -j DROP"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "iptables-nft/multiport-with-a-hole",
        firewall: &[Ip(
            BackEnd::Nft,
            filter!(INPUT "DROP"
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                "-p tcp -m multiport --dports 21,50000:50039,50061:50100 -j ACCEPT"),
        )],
        serves: within(50040, 50060),
        says: Says::Error("FN302", &[]),
        names: &["INPUT"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "iptables-nft/all-but-one-port-dropped",
        firewall: &[Ip(
            BackEnd::Nft,
            filter!(INPUT "ACCEPT"
                "-p tcp -m tcp ! --dport 21 --tcp-flags FIN,SYN,RST,ACK SYN -j DROP"
                "-p tcp -m tcp --dport 50000:50100 -j ACCEPT"),
        )],
        says: Says::Error("FN307", &[]),
        names: &["INPUT", "! --dport 21", "-j DROP"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "iptables-nft/established-missing",
        firewall: &[Ip(
            BackEnd::Nft,
            filter!(INPUT "DROP"
                "-p tcp -m conntrack --ctstate NEW -m multiport --dports 21,50000:50100 -j ACCEPT"),
        )],
        says: Says::Error("FN303", &[]),
        names: &["INPUT"],
        ends: Hangs(Control),
        ..SERVER
    },
];

const BY_LEGACY: &[Fault] = &[
    Fault {
        name: "iptables-legacy/hole-by-a-drop",
        firewall: &[Ip(
            Legacy,
            filter!(INPUT "DROP"
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                "-p tcp -m tcp --dport 50040:50060 -j DROP"
                "-p tcp -m tcp --dport 21 -j ACCEPT"
                "-p tcp -m tcp --dport 50000:50100 -j ACCEPT"),
        )],
        serves: within(50040, 50060),
        says: Says::Error("FN307", &[]),
        names: &["INPUT", "--dport 50040:50060 -j DROP"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "iptables-legacy/accept-of-another-interface",
        firewall: &[Ip(
            Legacy,
            filter!(INPUT "DROP"
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                "-p tcp -m tcp --dport 21 -j ACCEPT"
                "-i eth1 -p tcp -m tcp --dport 50000:50100 -j ACCEPT"),
        )],
        says: Says::Error("FN302", &[]),
        names: &["INPUT"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "iptables-legacy/accept-of-another-address",
        firewall: &[Ip(
            Legacy,
            filter!(INPUT "DROP"
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                "-p tcp -m tcp --dport 21 -j ACCEPT"
                "-d 198.51.100.2/32 -p tcp -m tcp --dport 50000:50100 -j ACCEPT"),
        )],
        says: Says::Error("FN302", &[]),
        names: &["INPUT"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "iptables-legacy/goto-that-drops",
        firewall: &[Ip(
            Legacy,
            "*filter\n:INPUT DROP [0:0]\n:FTP - [0:0]\n\
             -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
             -A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n\
             -A INPUT -p tcp -m tcp --dport 50000:50100 -g FTP\n\
             -A FTP -p tcp -m tcp --dport 50000:50049 -j ACCEPT\n\
             -A FTP -j DROP\nCOMMIT\n",
        )],
        serves: within(50050, 50100),
        says: Says::Error("FN302", &[]),
        names: &["FTP", "-A FTP -j DROP"],
        tells: &["50050-50100"],
        ends: Hangs(Data),
        ..SERVER
    },
];

const UNTRACKED: &str = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
    -A PREROUTING -p tcp -m multiport --dports 21,50000:50100 -j CT --notrack\n\
    -A OUTPUT -p tcp -m multiport --sports 21,50000:50100 -j CT --notrack\nCOMMIT\n";
const STATEFUL: &str = filter!(INPUT "DROP"
    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    "-p tcp -m conntrack --ctstate NEW -m multiport --dports 21,50000:50100 -j ACCEPT");

const fn untracked(name: &'static str, firewall: &'static [Rules]) -> Fault {
    Fault {
        name,
        firewall,
        says: Says::Error("FN320", &[]),
        names: &["PREROUTING", "-j CT --notrack"],
        ends: Hangs(Control),
        cure: Cure::Repaired(&[Ip(BackEnd::Nft, STATEFUL)]),
        applied: Applied::Refused,
        ..SERVER
    }
}

const RAW: &[Fault] = &[
    untracked(
        "iptables-nft/notrack",
        &[Ip(BackEnd::Nft, UNTRACKED), Ip(BackEnd::Nft, STATEFUL)],
    ),
    untracked(
        "iptables-legacy/notrack",
        &[Ip(Legacy, UNTRACKED), Ip(Legacy, STATEFUL)],
    ),
    Fault {
        name: "iptables-legacy/drop-in-raw",
        firewall: &[Ip(
            Legacy,
            "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
             -A PREROUTING -p tcp -m tcp --dport 50040:50060 -j DROP\nCOMMIT\n",
        )],
        serves: within(50040, 50060),
        says: Says::Error("FN302", &[]),
        names: &["PREROUTING", "--dport 50040:50060 -j DROP"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        cure: Cure::Repaired(&[]),
        applied: Applied::Refused,
        ..SERVER
    },
    Fault {
        name: "iptables-nft/drop-in-mangle",
        firewall: &[Ip(
            BackEnd::Nft,
            "*mangle\n:PREROUTING ACCEPT [0:0]\n\
             -A PREROUTING -p tcp -m tcp --dport 50040:50060 -j DROP\nCOMMIT\n",
        )],
        serves: within(50040, 50060),
        says: Says::Error("FN302", &[]),
        names: &["PREROUTING", "--dport 50040:50060 -j DROP"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        cure: Cure::Repaired(&[]),
        applied: Applied::Refused,
        ..SERVER
    },
];

const HARMLESS: &[Fault] = &[
    Fault {
        name: "iptables-nft/fine/ipset-ban",
        firewall: &[
            Ipset("create banned hash:net family inet\nadd banned 192.0.2.0/24\n"),
            Ip(
                BackEnd::Nft,
                filter!(INPUT "ACCEPT" "-m set --match-set banned src -j DROP"),
            ),
        ],
        applied: Applied::NotTried,
        ..SERVER
    },
    Fault {
        name: "iptables-legacy/fine/ban",
        firewall: &[Ip(
            Legacy,
            "*filter\n:INPUT ACCEPT [0:0]\n:f2b-ftp - [0:0]\n\
             -A INPUT -p tcp -m multiport --dports 21,50000:50100 -j f2b-ftp\n\
             -A f2b-ftp -s 192.0.2.7/32 -j REJECT --reject-with icmp-port-unreachable\n\
             -A f2b-ftp -j RETURN\nCOMMIT\n",
        )],
        applied: Applied::NotTried,
        ..SERVER
    },
    Fault {
        name: "iptables-nft/fine/mark",
        firewall: &[Ip(
            BackEnd::Nft,
            filter!(INPUT "ACCEPT" "-m mark --mark 0x10/0x10 -j DROP"
                "-m conntrack --ctstate INVALID -j DROP"),
        )],
        applied: Applied::NotTried,
        ..SERVER
    },
];
