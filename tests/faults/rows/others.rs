//! Servers behind somebody else's translation, and gateways of FTP clients.

use ftpnat::model::ftp::ClientMode::Port;

use super::{CLIENTS, Rows, SERVER, Serves, filter, within};
use crate::fault::Ends::{Hangs, Refused, Unreachable};
use crate::fault::Rules::{self, Forward, Input, Ip, Nft};
use crate::fault::{Fault, Play, Says, Scene};
use crate::stage::FRONT;
use crate::support::BackEnd::{self, Legacy};
use crate::support::outcome::Stage::{Control, Data};
use crate::support::scene::CLIENT;

pub(super) const ROWS: Rows = &[BEHIND, MASQUERADED, EXPECTED];

const UPSTREAM: Fault = Fault {
    scene: Scene::Upstream,
    profile: "name: lab\nserver: { address: 10.77.0.21, software: proftpd }\n\
              passive: { ports: 50000-50100, advertise: 203.0.113.10 }\n\
              nat: { mode: upstream, external: { address: 203.0.113.10 } }\n",
    serves: Serves {
        announces: true,
        ..super::PROFTPD
    },
    play: Play::PASV.to(FRONT),
    ..SERVER
};

const BEHIND: &[Fault] = &[
    Fault {
        name: "upstream/nft/only-21",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 21 accept",
        )],
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..UPSTREAM
    },
    Fault {
        name: "upstream/nft/accept-of-the-outside-address",
        firewall: &[Input(
            "ct state established,related accept\n tcp dport 21 accept
             ip daddr 203.0.113.10 tcp dport 50000-50100 accept",
        )],
        says: Says::Error("FN302", &[]),
        names: &["chain input", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..UPSTREAM
    },
    Fault {
        name: "upstream/iptables-nft/accept-of-inside-clients",
        firewall: &[Ip(
            BackEnd::Nft,
            filter!(INPUT "DROP"
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                "-p tcp -m tcp --dport 21 -j ACCEPT"
                "-s 10.77.0.0/24 -p tcp -m tcp --dport 50000:50100 -j ACCEPT"),
        )],
        says: Says::Error("FN302", &[]),
        names: &["INPUT"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..UPSTREAM
    },
    Fault {
        name: "upstream/iptables-legacy/hole-by-a-reject",
        firewall: &[Ip(
            Legacy,
            filter!(INPUT "DROP"
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                "-p tcp -m tcp --dport 21 -j ACCEPT"
                "-p tcp -m tcp --dport 50040:50060 -j REJECT --reject-with icmp-host-prohibited"
                "-p tcp -m tcp --dport 50000:50100 -j ACCEPT"),
        )],
        serves: Serves {
            announces: true,
            ..within(50040, 50060)
        },
        says: Says::Error("FN307", &[]),
        names: &["INPUT", "--dport 50040:50060 -j REJECT"],
        tells: &["50040-50060"],
        ends: Unreachable(Data),
        ..UPSTREAM
    },
    Fault {
        name: "upstream/nft/established-missing",
        firewall: &[Input("ct state new tcp dport { 21, 50000-50100 } accept")],
        says: Says::Error("FN303", &[]),
        names: &["chain input", "policy drop"],
        ends: Hangs(Control),
        ..UPSTREAM
    },
];

const MASQUERADE: Rules = Nft("table ip nat { chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr 10.77.0.0/24 oifname eth0 masquerade
}; }\n");
const MASQUERADE_OF_IPTABLES: &str = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n\
    :OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n\
    -A POSTROUTING -s 10.77.0.0/24 -o eth0 -j MASQUERADE\nCOMMIT\n";

const MASQUERADED: &[Fault] = &[
    Fault {
        name: "masquerade/nft/forwards-only-21",
        firewall: &[
            MASQUERADE,
            Forward("ct state established,related accept\n tcp dport { 21, 80, 443 } accept"),
        ],
        says: Says::Error("FN310", &[]),
        names: &["chain forward", "policy drop"],
        ends: Hangs(Data),
        ..CLIENTS
    },
    Fault {
        name: "masquerade/iptables-legacy/forwards-no-ftp",
        firewall: &[
            Ip(Legacy, MASQUERADE_OF_IPTABLES),
            Ip(
                Legacy,
                filter!(FORWARD "DROP"
                    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                    "-i eth1 -o eth0 -p tcp -m multiport --dports 80,443 -j ACCEPT"),
            ),
        ],
        says: Says::Error("FN310", &[]),
        names: &["FORWARD"],
        tells: &["21"],
        ends: Hangs(Control),
        ..CLIENTS
    },
    Fault {
        name: "masquerade/iptables-nft/answers-dropped",
        firewall: &[
            Ip(BackEnd::Nft, MASQUERADE_OF_IPTABLES),
            Ip(
                BackEnd::Nft,
                filter!(FORWARD "DROP" "-i eth1 -o eth0 -j ACCEPT"),
            ),
        ],
        says: Says::Error("FN303", &[]),
        names: &["FORWARD"],
        ends: Hangs(Control),
        ..CLIENTS
    },
];

/// Plain active clients, which the helper serves.
const ACTIVE: Fault = Fault {
    profile: "name: lab\ncontrol: { port: 21, tls: none }\nactive: true\n\
              nat:\n  mode: masquerade\n  external: { interface: eth0 }\n  \
              internal: { interface: eth1, networks: 10.77.0.0/24 }\n",
    serves: super::PLAIN,
    play: Play::PLAIN.to(CLIENT).by(Port),
    ..CLIENTS
};

const EXPECTED: &[Fault] = &[
    Fault {
        name: "masquerade/nft/related-not-accepted",
        firewall: &[
            MASQUERADE,
            Nft("table ip helper {
                ct helper ftp {
                    type \"ftp\" protocol tcp
                }
                chain prerouting {
                    type filter hook prerouting priority -150;
                    iifname eth1 tcp dport 21 ct helper set \"ftp\"
                }
                chain output {
                    type filter hook output priority -150;
                    tcp dport 21 ct helper set \"ftp\"
                }
            }\n"),
            Forward("ct state established accept\n iifname eth1 oifname eth0 accept"),
        ],
        says: Says::Error("FN304", &[]),
        names: &["chain forward", "policy drop"],
        // The second SYN is expected no more, and comes to the gateway itself.
        ends: Refused(Data),
        meanwhile: &[Play::PLAIN.to(CLIENT)],
        ..ACTIVE
    },
    Fault {
        name: "masquerade/iptables-nft/related-not-accepted",
        firewall: &[
            Ip(BackEnd::Nft, MASQUERADE_OF_IPTABLES),
            Ip(
                BackEnd::Nft,
                "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
                 -A PREROUTING -i eth1 -p tcp -m tcp --dport 21 -j CT --helper ftp\n\
                 -A OUTPUT -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n",
            ),
            Ip(
                BackEnd::Nft,
                filter!(FORWARD "DROP"
                    "-m conntrack --ctstate ESTABLISHED -j ACCEPT"
                    "-i eth1 -o eth0 -j ACCEPT"),
            ),
        ],
        says: Says::Error("FN304", &[]),
        names: &["FORWARD"],
        // The second SYN is expected no more, and comes to the gateway itself.
        ends: Refused(Data),
        meanwhile: &[Play::PLAIN.to(CLIENT)],
        ..ACTIVE
    },
];
