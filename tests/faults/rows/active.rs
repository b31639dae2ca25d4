//! Data connections that the server opens.

use ftpnat::model::ftp::ClientMode::Port;

use super::gateway::{DNAT, DNAT_OF_IPTABLES};
use super::{GATEWAY, Rows, SERVER, filter};
use crate::fault::Ends::Hangs;
use crate::fault::Rules::{self, Forward, Ip, Nft};
use crate::fault::{Fault, Play, Says};
use crate::support::BackEnd::{self, Legacy};
use crate::support::outcome::Stage::Data;

pub(super) const ROWS: Rows = &[OF_A_SERVER, BEHIND_A_GATEWAY];

const PLAIN_PORT: Play = Play::PLAIN.by(Port);

const ACTIVE: Fault = Fault {
    profile: "name: lab\nserver: { software: proftpd }\npassive: { ports: 50000-50100 }\n\
              active: true\n",
    play: PLAIN_PORT,
    meanwhile: &[Play::EPSV],
    ..SERVER
};

const OF_A_SERVER: &[Fault] = &[
    Fault {
        name: "active/nft/output-drops",
        firewall: &[Nft("table inet theirs { chain output {
            type filter hook output priority 0; policy drop;
            oif lo accept
            meta l4proto { icmp, icmpv6 } accept
            ct state established,related accept
            udp dport 53 accept
        }; }\n")],
        says: Says::Error("FN318", &[]),
        names: &["chain output", "policy drop"],
        ends: Hangs(Data),
        ..ACTIVE
    },
    Fault {
        name: "active/iptables-nft/output-drops-under-tls",
        firewall: &[Ip(
            BackEnd::Nft,
            filter!(OUTPUT "DROP"
                "-o lo -j ACCEPT"
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
        )],
        says: Says::Error("FN318", &[]),
        names: &["OUTPUT"],
        play: Play::EPSV.by(Port),
        ends: Hangs(Data),
        ..ACTIVE
    },
    Fault {
        name: "active/iptables-legacy/output-lets-20-out",
        // ProFTPD's data connections leave from any port.
        firewall: &[Ip(
            Legacy,
            filter!(OUTPUT "DROP"
                "-o lo -j ACCEPT"
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                "-p tcp -m tcp --sport 20 -j ACCEPT"),
        )],
        says: Says::Error("FN318", &[]),
        names: &["OUTPUT"],
        ends: Hangs(Data),
        ..ACTIVE
    },
    Fault {
        name: "active/nft/answers-dropped",
        firewall: &[Nft("table inet theirs { chain input {
            type filter hook input priority 0; policy drop;
            iif lo accept
            meta l4proto { icmp, icmpv6 } accept
            tcp dport { 21, 50000-50100 } accept
        }; }\n")],
        says: Says::Error("FN303", &["FN318"]),
        names: &["chain input", "policy drop"],
        ends: Hangs(Data),
        ..ACTIVE
    },
];

const ACTIVE_GATEWAY: Fault = Fault {
    profile: "name: lab\nserver: { address: 10.77.0.21, software: proftpd }\n\
              passive: { ports: 50000-50100, advertise: 198.51.100.1 }\nactive: true\n\
              helper: never\n\
              nat: { mode: dnat, external: { address: 198.51.100.1, interface: eth0 } }\n",
    play: PLAIN_PORT,
    meanwhile: &[Play::PASV],
    ..GATEWAY
};

const SNAT: Rules = Nft("table ip nat { chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr 10.77.0.21 oifname eth0 snat to 198.51.100.1
}; }\n");

const BEHIND_A_GATEWAY: &[Fault] = &[
    Fault {
        name: "active/gateway/nft/forward-drops",
        firewall: &[
            DNAT,
            SNAT,
            Forward("ct state established,related accept\n ct status dnat accept"),
        ],
        says: Says::Error("FN318", &[]),
        names: &["chain forward", "policy drop"],
        ends: Hangs(Data),
        ..ACTIVE_GATEWAY
    },
    Fault {
        name: "active/gateway/nft/no-snat",
        firewall: &[DNAT],
        says: Says::Error("FN321", &[]),
        ends: Hangs(Data),
        ..ACTIVE_GATEWAY
    },
    Fault {
        name: "active/gateway/iptables-nft/no-snat",
        firewall: &[Ip(BackEnd::Nft, DNAT_OF_IPTABLES)],
        says: Says::Error("FN321", &[]),
        ends: Hangs(Data),
        ..ACTIVE_GATEWAY
    },
];
