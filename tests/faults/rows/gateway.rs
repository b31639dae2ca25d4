//! A gateway that translates as it should, and does not let through.

use super::{GATEWAY, PLAIN, PLAIN_PASV, Rows, announcing, filter};
use crate::fault::Ends::{Hangs, Refused, Unreachable};
use crate::fault::Rules::{self, Forward, Ip, Nft};
use crate::fault::{Applied, Cure, Fault, Play, Says, Seat};
use crate::support::BackEnd::{self, Legacy};
use crate::support::outcome::Stage::{Control, Data};

pub(super) const ROWS: Rows = &[BY_NFT, BY_IPTABLES, ANSWERS, RELATED];

/// Everything that is needed, from outside and from the gateway itself.
pub(super) const DNAT: Rules = Nft("table ip nat {
    chain prerouting {
        type nat hook prerouting priority dstnat;
        ip daddr 198.51.100.1 tcp dport { 21, 50000-50100 } dnat to 10.77.0.21
    }
    chain output {
        type nat hook output priority -100;
        ip daddr 198.51.100.1 tcp dport { 21, 50000-50100 } dnat to 10.77.0.21
    }
}\n");

/// The same of iptables.
pub(super) const DNAT_OF_IPTABLES: &str = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
    :POSTROUTING ACCEPT [0:0]\n\
    -A PREROUTING -d 198.51.100.1/32 -p tcp -m tcp --dport 21 -j DNAT --to-destination 10.77.0.21\n\
    -A PREROUTING -d 198.51.100.1/32 -p tcp -m tcp --dport 50000:50100 -j DNAT --to-destination 10.77.0.21\n\
    -A OUTPUT -d 198.51.100.1/32 -p tcp -m multiport --dports 21,50000:50100 -j DNAT --to-destination 10.77.0.21\n\
    COMMIT\n";

const FROM_ITSELF: &[Play] = &[Play::EPSV.from(Seat::Itself)];

const BY_NFT: &[Fault] = &[
    Fault {
        name: "gateway/nft/forwards-nothing",
        firewall: &[DNAT, Forward("ct state established,related accept")],
        says: Says::Error("FN310", &[]),
        names: &["chain forward", "policy drop"],
        tells: &["21", "50000-50100"],
        ends: Hangs(Control),
        meanwhile: FROM_ITSELF,
        ..GATEWAY
    },
    Fault {
        name: "gateway/nft/forwards-only-21",
        firewall: &[
            DNAT,
            Forward(
                "ct state established,related accept
                 ip daddr 10.77.0.21 tcp dport 21 accept\n iifname eth1 accept",
            ),
        ],
        says: Says::Error("FN310", &[]),
        names: &["chain forward", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        meanwhile: FROM_ITSELF,
        ..GATEWAY
    },
    Fault {
        name: "gateway/nft/forwards-a-part",
        firewall: &[
            DNAT,
            Forward(
                "ct state established,related accept
                 ip daddr 10.77.0.21 tcp dport { 21, 50000-50039, 50061-50100 } accept",
            ),
        ],
        serves: announcing(50040, 50060),
        says: Says::Error("FN310", &[]),
        names: &["chain forward", "policy drop"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        ..GATEWAY
    },
    Fault {
        name: "gateway/nft/accept-of-the-outside-address",
        firewall: &[
            DNAT,
            Forward(
                "ct state established,related accept
                 ip daddr 198.51.100.1 tcp dport { 21, 50000-50100 } accept",
            ),
        ],
        says: Says::Error("FN310", &[]),
        names: &["chain forward", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Control),
        ..GATEWAY
    },
    Fault {
        name: "gateway/nft/hole-by-a-drop",
        firewall: &[
            DNAT,
            Forward(
                "ct state established,related accept\n tcp dport 50040-50060 drop
                 ct status dnat accept",
            ),
        ],
        serves: announcing(50040, 50060),
        says: Says::Error("FN307", &[]),
        names: &["chain forward", "tcp dport 50040-50060 drop"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        ..GATEWAY
    },
    Fault {
        name: "gateway/nft/accepted-in-an-earlier-table",
        firewall: &[
            DNAT,
            Nft("table inet earlier { chain forward {
                type filter hook forward priority -10;
                ct status dnat accept
            }; }\n"),
            Forward("ct state established,related accept\n tcp dport 21 accept"),
        ],
        says: Says::Error("FN305", &[]),
        names: &["table inet theirs, chain forward", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..GATEWAY
    },
    Fault {
        name: "gateway/nft/drop-before-translation",
        firewall: &[
            DNAT,
            Nft("table ip raw { chain prerouting {
                type filter hook prerouting priority raw;
                iifname eth0 tcp dport 50000-50100 drop
            }; }\n"),
        ],
        says: Says::Error("FN310", &[]),
        names: &["chain prerouting", "tcp dport 50000-50100 drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        meanwhile: FROM_ITSELF,
        cure: Cure::Repaired(&[DNAT]),
        applied: Applied::Refused,
        ..GATEWAY
    },
    Fault {
        name: "gateway/nft/notrack",
        firewall: &[
            DNAT,
            Nft("table ip raw { chain prerouting {
                type filter hook prerouting priority raw;
                iifname eth0 tcp dport 50000-50100 notrack
            }; }\n"),
        ],
        says: Says::Error("FN320", &[]),
        names: &["chain prerouting", "tcp dport 50000-50100 notrack"],
        tells: &["50000-50100"],
        // What is not tracked is not translated: the gateway itself answers.
        ends: Refused(Data),
        cure: Cure::Repaired(&[DNAT]),
        applied: Applied::Refused,
        ..GATEWAY
    },
];

const BY_IPTABLES: &[Fault] = &[
    Fault {
        name: "gateway/iptables-nft/forwards-only-21",
        firewall: &[
            Ip(BackEnd::Nft, DNAT_OF_IPTABLES),
            Ip(
                BackEnd::Nft,
                filter!(FORWARD "DROP"
                    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                    "-d 10.77.0.21/32 -p tcp -m tcp --dport 21 -j ACCEPT"
                    "-i eth1 -j ACCEPT"),
            ),
        ],
        says: Says::Error("FN310", &[]),
        names: &["FORWARD"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        meanwhile: FROM_ITSELF,
        ..GATEWAY
    },
    Fault {
        name: "gateway/iptables-legacy/forwards-nothing",
        firewall: &[
            Ip(Legacy, DNAT_OF_IPTABLES),
            Ip(
                Legacy,
                filter!(FORWARD "ACCEPT"
                    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                    "-i eth1 -o eth0 -j ACCEPT"
                    "-j REJECT --reject-with icmp-port-unreachable"),
            ),
        ],
        says: Says::Error("FN310", &[]),
        names: &["FORWARD", "-j REJECT"],
        tells: &["21", "50000-50100"],
        // TCP takes this ICMP for a refusal.
        ends: Refused(Control),
        meanwhile: FROM_ITSELF,
        ..GATEWAY
    },
    Fault {
        name: "gateway/iptables-legacy/accept-behind-reject",
        firewall: &[
            Ip(Legacy, DNAT_OF_IPTABLES),
            Ip(
                Legacy,
                filter!(FORWARD "ACCEPT"
                    "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
                    "-d 10.77.0.21/32 -p tcp -m tcp --dport 21 -j ACCEPT"
                    "-j REJECT --reject-with icmp-host-prohibited"
                    "-d 10.77.0.21/32 -p tcp -m tcp --dport 50000:50100 -j ACCEPT"),
            ),
        ],
        says: Says::Error("FN307", &[]),
        names: &["FORWARD", "-j REJECT --reject-with icmp-host-prohibited"],
        tells: &["50000-50100"],
        ends: Unreachable(Data),
        ..GATEWAY
    },
];

const ANSWERS: &[Fault] = &[
    Fault {
        name: "gateway/nft/established-missing",
        firewall: &[
            DNAT,
            Forward("ip daddr 10.77.0.21 ct state new tcp dport { 21, 50000-50100 } accept"),
        ],
        says: Says::Error("FN303", &[]),
        names: &["chain forward", "policy drop"],
        ends: Hangs(Control),
        ..GATEWAY
    },
    Fault {
        name: "gateway/nft/answers-dropped",
        firewall: &[
            DNAT,
            Nft("table inet theirs { chain forward {
                type filter hook forward priority 0;
                iifname eth1 tcp sport 50040-50060 drop
            }; }\n"),
        ],
        serves: announcing(50040, 50060),
        says: Says::Error("FN303", &[]),
        names: &["chain forward", "tcp sport 50040-50060 drop"],
        tells: &["50040-50060"],
        ends: Hangs(Data),
        // It is not known whether all answers come in there.
        applied: Applied::Refused,
        ..GATEWAY
    },
    Fault {
        name: "gateway/iptables-legacy/answers-dropped",
        firewall: &[
            Ip(Legacy, DNAT_OF_IPTABLES),
            Ip(
                Legacy,
                filter!(FORWARD "DROP"
                    "-i eth0 -d 10.77.0.21/32 -p tcp -m multiport --dports 21,50000:50100 -j ACCEPT"
                    "-i eth1 -p tcp -m tcp --sport 21 -j ACCEPT"),
            ),
        ],
        says: Says::Error("FN303", &[]),
        names: &["FORWARD"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..GATEWAY
    },
];

/// Plain FTP, whose PASV the helper reads and rewrites.
const HELPED: Fault = Fault {
    profile: "name: lab\nserver: { address: 10.77.0.21, software: proftpd }\n\
              control: { port: 21, tls: none }\npassive: { ports: 50000-50100 }\n\
              nat: { mode: dnat, external: { address: 198.51.100.1, interface: eth0 } }\n",
    serves: PLAIN,
    play: PLAIN_PASV,
    ..GATEWAY
};

const ASSIGNED: Rules = Nft("table ip helper {
    ct helper ftp {
        type \"ftp\" protocol tcp
    }
    chain prerouting {
        type filter hook prerouting priority -150;
        ip daddr 198.51.100.1 tcp dport 21 ct helper set \"ftp\"
    }
    chain output {
        type filter hook output priority -150;
        ip daddr 198.51.100.1 tcp dport 21 ct helper set \"ftp\"
    }
}\n");

const RELATED: &[Fault] = &[
    Fault {
        name: "gateway/nft/related-not-accepted",
        firewall: &[
            DNAT,
            ASSIGNED,
            Forward(
                "ct state established accept
                 ip daddr 10.77.0.21 tcp dport 21 accept
                 meta l4proto icmp ct state related accept",
            ),
        ],
        says: Says::Error("FN304", &["FN310"]),
        names: &["chain forward", "policy drop"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..HELPED
    },
    Fault {
        name: "gateway/iptables-legacy/related-not-accepted",
        firewall: &[
            Ip(Legacy, DNAT_OF_IPTABLES),
            Ip(
                Legacy,
                "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
                 -A PREROUTING -d 198.51.100.1/32 -p tcp -m tcp --dport 21 -j CT --helper ftp\n\
                 -A OUTPUT -d 198.51.100.1/32 -p tcp -m tcp --dport 21 -j CT --helper ftp\nCOMMIT\n",
            ),
            Ip(
                Legacy,
                filter!(FORWARD "DROP"
                    "-m conntrack --ctstate ESTABLISHED -j ACCEPT"
                    "-p icmp -j ACCEPT"
                    "-d 10.77.0.21/32 -p tcp -m tcp --dport 21 -j ACCEPT"),
            ),
        ],
        says: Says::Error("FN304", &["FN310"]),
        names: &["FORWARD"],
        tells: &["50000-50100"],
        ends: Hangs(Data),
        ..HELPED
    },
];
