//! IPv4 and IPv6 that differ.

use super::gateway::DNAT;
use super::{GATEWAY, Rows, SERVER, filter};
use crate::fault::Ends::Hangs;
use crate::fault::Rules::{Input, Ip, Ip6, Nft};
use crate::fault::{Fault, Play, Says};
use crate::support::BackEnd::{self, Legacy};
use crate::support::outcome::Stage::{Control, Data};
use crate::support::scene::{PUBLIC6, SERVER6};

pub(super) const ROWS: Rows = &[ON_A_SERVER, ON_A_GATEWAY];

const SIX: Play = Play::EPSV.to(PUBLIC6);

const OPEN: &str = filter!(INPUT "DROP"
    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    "-p tcp -m multiport --dports 21,50000:50100 -j ACCEPT");
const ONLY_21: &str = filter!(INPUT "DROP"
    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    "-p tcp -m tcp --dport 21 -j ACCEPT");
const OPEN6: &str = filter!(INPUT "DROP"
    "-p ipv6-icmp -j ACCEPT"
    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    "-p tcp -m multiport --dports 21,50000:50100 -j ACCEPT");
const ONLY_21_6: &str = filter!(INPUT "DROP"
    "-p ipv6-icmp -j ACCEPT"
    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    "-p tcp -m tcp --dport 21 -j ACCEPT");

const ON_A_SERVER: &[Fault] = &[
    Fault {
        name: "ipv6/nft/range-shut",
        firewall: &[Input(
            "ct state established,related accept\n meta l4proto { icmp, icmpv6 } accept
             tcp dport 21 accept\n meta nfproto ipv4 tcp dport 50000-50100 accept",
        )],
        says: Says::Warning("FN315"),
        names: &["chain input", "policy drop"],
        tells: &["50000-50100"],
        play: SIX,
        ends: Hangs(Data),
        meanwhile: &[Play::EPSV],
        ..SERVER
    },
    Fault {
        name: "ipv6/iptables-nft/range-shut",
        firewall: &[Ip(BackEnd::Nft, OPEN), Ip6(BackEnd::Nft, ONLY_21_6)],
        says: Says::Warning("FN315"),
        names: &["INPUT"],
        tells: &["50000-50100"],
        play: SIX,
        ends: Hangs(Data),
        meanwhile: &[Play::EPSV],
        ..SERVER
    },
    Fault {
        name: "ipv6/iptables-legacy/range-shut",
        firewall: &[Ip(Legacy, OPEN), Ip6(Legacy, ONLY_21_6)],
        says: Says::Warning("FN315"),
        names: &["INPUT"],
        tells: &["50000-50100"],
        play: SIX,
        ends: Hangs(Data),
        meanwhile: &[Play::EPSV],
        ..SERVER
    },
    Fault {
        name: "ipv6/iptables-legacy/all-shut",
        firewall: &[Ip6(
            Legacy,
            filter!(INPUT "DROP" "-p ipv6-icmp -j ACCEPT"
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
        )],
        says: Says::Warning("FN315"),
        names: &["INPUT"],
        tells: &["21"],
        play: SIX,
        ends: Hangs(Control),
        meanwhile: &[Play::EPSV],
        ..SERVER
    },
    Fault {
        name: "ipv4-alone/iptables-nft/range-shut",
        firewall: &[Ip(BackEnd::Nft, ONLY_21), Ip6(BackEnd::Nft, OPEN6)],
        says: Says::Error("FN302", &[]),
        names: &["INPUT"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        meanwhile: &[SIX],
        ..SERVER
    },
    Fault {
        name: "ipv6/nft/both-shut",
        firewall: &[Input(
            "ct state established,related accept\n meta l4proto { icmp, icmpv6 } accept
             tcp dport 21 accept",
        )],
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50000-50100"],
        play: SIX,
        ends: Hangs(Data),
        ..SERVER
    },
    Fault {
        name: "ipv6/nft/dropped-in-a-table-of-its-own",
        firewall: &[Nft("table ip6 theirs { chain input {
            type filter hook input priority 0;
            tcp dport 50000-50100 drop
        }; }\n")],
        says: Says::Warning("FN315"),
        names: &[
            "table ip6 theirs, chain input",
            "tcp dport 50000-50100 drop",
        ],
        tells: &["50000-50100"],
        play: SIX,
        ends: Hangs(Data),
        meanwhile: &[Play::EPSV],
        ..SERVER
    },
];

/// IPv4 translated, IPv6 routed.
const DUAL: Fault = Fault {
    profile: "name: lab\n\
              server: { address: [ 10.77.0.21, \"2001:db8:77::21\" ], software: proftpd }\n\
              passive: { ports: 50000-50100, advertise: 198.51.100.1 }\n\
              nat: { mode: dnat, external: { address: 198.51.100.1, interface: eth0 } }\n",
    play: Play::EPSV.to(SERVER6),
    meanwhile: &[Play::PASV],
    ..GATEWAY
};

const ON_A_GATEWAY: &[Fault] = &[
    Fault {
        name: "ipv6/gateway/nft/routed-is-dropped",
        firewall: &[
            DNAT,
            Nft("table inet theirs { chain forward {
                type filter hook forward priority 0; policy drop;
                ct state established,related accept
                meta l4proto { icmp, icmpv6 } accept
                ip daddr 10.77.0.21 tcp dport { 21, 50000-50100 } accept
                ip6 daddr 2001:db8:77::21 tcp dport 21 accept
            }; }\n"),
        ],
        says: Says::Warning("FN315"),
        names: &["chain forward", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..DUAL
    },
    Fault {
        name: "ipv6/gateway/nft/translated-is-dropped",
        firewall: &[
            DNAT,
            Nft("table inet theirs { chain forward {
                type filter hook forward priority 0; policy drop;
                ct state established,related accept
                meta l4proto { icmp, icmpv6 } accept
                ip daddr 10.77.0.21 tcp dport 21 accept
                ip6 daddr 2001:db8:77::21 tcp dport { 21, 50000-50100 } accept
            }; }\n"),
        ],
        says: Says::Error("FN310", &[]),
        names: &["chain forward", "policy drop"],
        tells: &["50000-50100"],
        play: Play::PASV,
        ends: Hangs(Data),
        meanwhile: &[Play::EPSV.to(SERVER6)],
        ..DUAL
    },
];
