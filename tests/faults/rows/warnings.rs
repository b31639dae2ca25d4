//! What breaks some clients, or is unsafe: no error.

use super::{Rows, SERVER, filter};
use crate::fault::Ends::{Hangs, Lists};
use crate::fault::Rules::{Input, Ip, Nft};
use crate::fault::{Applied, Cure, Fault, Play, Says, Seat};
use crate::support::BackEnd::{self, Legacy};
use crate::support::outcome::Stage::Control;

pub(super) const ROWS: Rows = &[LIMITS, UNSAFE, ICMP];

const LISTS: Fault = Fault {
    ends: Lists,
    applied: Applied::NotTried,
    ..SERVER
};

const LIMITS: &[Fault] = &[
    Fault {
        name: "limit/iptables-nft/connlimit",
        firewall: &[Ip(
            BackEnd::Nft,
            filter!(INPUT "ACCEPT"
                "-p tcp -m tcp --dport 50000:50100 --tcp-flags FIN,SYN,RST,ACK SYN -m connlimit --connlimit-above 2 --connlimit-mask 32 --connlimit-saddr -j REJECT --reject-with tcp-reset"),
        )],
        says: Says::Warning("FN316"),
        names: &["INPUT", "--connlimit-above 2"],
        ..LISTS
    },
    Fault {
        name: "limit/iptables-legacy/connlimit",
        firewall: &[Ip(
            Legacy,
            filter!(INPUT "ACCEPT"
                "-p tcp -m tcp --dport 50000:50100 --tcp-flags FIN,SYN,RST,ACK SYN -m connlimit --connlimit-above 2 --connlimit-mask 32 --connlimit-saddr -j DROP"),
        )],
        says: Says::Warning("FN316"),
        names: &["INPUT", "--connlimit-above 2"],
        ..LISTS
    },
    Fault {
        name: "limit/nft/rate",
        firewall: &[Nft("table inet theirs { chain input {
            type filter hook input priority 0;
            ct state new tcp dport 50000-50100 limit rate over 10/minute burst 5 packets drop
        }; }\n")],
        says: Says::Warning("FN316"),
        names: &["chain input", "limit rate over 10/minute"],
        ..LISTS
    },
    Fault {
        name: "limit/iptables-legacy/accepted-at-a-rate",
        firewall: &[Ip(
            Legacy,
            filter!(INPUT "DROP"
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                "-p tcp -m tcp --dport 21 -j ACCEPT"
                "-p tcp -m tcp --dport 50000:50100 -m limit --limit 10/min --limit-burst 5 -j ACCEPT"),
        )],
        says: Says::Warning("FN316"),
        names: &["INPUT", "--limit 10/min"],
        ..LISTS
    },
];

const UNSAFE: &[Fault] = &[
    Fault {
        name: "source-port/iptables-nft/howto",
        firewall: &[Ip(
            BackEnd::Nft,
            filter!(INPUT "DROP"
                "-p tcp -m state --state NEW -m multiport --ports 50000:50100 -j ACCEPT"
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                "-p tcp -m tcp --dport 21 -j ACCEPT"),
        )],
        says: Says::Warning("FN319"),
        names: &["INPUT", "--ports 50000:50100"],
        ..LISTS
    },
    Fault {
        name: "source-port/iptables-legacy/howto",
        firewall: &[Ip(
            Legacy,
            filter!(INPUT "DROP"
                "-p tcp -m state --state NEW -m multiport --ports 50000:50100 -j ACCEPT"
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                "-p tcp -m tcp --dport 21 -j ACCEPT"),
        )],
        says: Says::Warning("FN319"),
        names: &["INPUT", "--ports 50000:50100"],
        ..LISTS
    },
    Fault {
        name: "source-port/nft/20",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport { 21, 50000-50100 } accept
             tcp sport 20 accept\n meta l4proto { icmp, icmpv6 } accept",
        )],
        says: Says::Warning("FN319"),
        names: &["chain input", "tcp sport 20 accept"],
        ..LISTS
    },
    Fault {
        name: "too-wide/nft",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 21 accept\n tcp dport >= 1024 accept
             meta l4proto { icmp, icmpv6 } accept",
        )],
        says: Says::Warning("FN314"),
        names: &["chain input", "accept"],
        ..LISTS
    },
    Fault {
        name: "too-wide/iptables-nft",
        firewall: &[Ip(
            BackEnd::Nft,
            filter!(INPUT "DROP"
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                "-p tcp -m tcp --dport 21 -j ACCEPT"
                "-p tcp -m tcp --dport 49152:65535 -j ACCEPT"),
        )],
        says: Says::Warning("FN314"),
        names: &["INPUT", "--dport 49152:65535 -j ACCEPT"],
        ..LISTS
    },
    Fault {
        name: "related-too-wide/nft",
        profile: "name: lab\nserver: { software: proftpd }\npassive: { ports: 50000-50100 }\n\
                  control: { port: 21, tls: optional }\nhelper: always\n",
        firewall: &[
            Nft("table inet helper {
                ct helper ftp {
                    type \"ftp\" protocol tcp
                }
                chain prerouting {
                    type filter hook prerouting priority -150;
                    tcp dport 21 ct helper set \"ftp\"
                }
            }\n"),
            Input(
                "ct state established,related accept\n tcp dport { 21, 50000-50100 } accept
                 meta l4proto { icmp, icmpv6 } accept",
            ),
        ],
        says: Says::Warning("FN306"),
        names: &["chain input", "ct state established,related accept"],
        ..LISTS
    },
];

const TOLD: &str = "ct state established,related accept\n tcp dport { 21, 50000-50100 } accept";

const ICMP: &[Fault] = &[
    Fault {
        name: "pmtu/nft/related-not-accepted",
        firewall: &[Input(
            "ct state established accept\n tcp dport { 21, 50000-50100 } accept",
        )],
        says: Says::Warning("FN323"),
        names: &["chain input", "policy drop"],
        play: Play::EPSV.from(Seat::Far),
        ends: Hangs(Control),
        meanwhile: &[Play::EPSV],
        cure: Cure::Repaired(&[Input(TOLD)]),
        ..SERVER
    },
    Fault {
        name: "pmtu/iptables-legacy/icmp-dropped",
        firewall: &[Ip(
            Legacy,
            filter!(INPUT "ACCEPT"
                "-p icmp -m icmp --icmp-type 8 -j ACCEPT"
                "-p icmp -j DROP"),
        )],
        says: Says::Warning("FN323"),
        names: &["INPUT", "-p icmp -j DROP"],
        play: Play::EPSV.from(Seat::Far),
        ends: Hangs(Control),
        meanwhile: &[Play::EPSV],
        cure: Cure::Repaired(&[]),
        ..SERVER
    },
];
