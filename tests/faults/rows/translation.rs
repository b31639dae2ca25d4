//! A gateway that does not translate, or not to the server.

use super::gateway::{DNAT, DNAT_OF_IPTABLES};
use super::{ANNOUNCING, GATEWAY, PLAIN_PASV, Rows, Serves, announcing};
use crate::fault::Ends::{Hangs, Lists, Refused, Rejected};
use crate::fault::Rules::{Forward, Ip, Nft};
use crate::fault::{Applied, Cure, Fault, Play, Says, Seat};
use crate::support::BackEnd::{self, Legacy};
use crate::support::outcome::Stage::{Control, Data};

pub(super) const ROWS: Rows = &[MISSING, TAKEN, SHIFTED, SOURCES];

const MISSING: &[Fault] = &[
    Fault {
        name: "dnat/nothing",
        firewall: &[Forward("ct state established,related accept")],
        says: Says::Error("FN308", &["FN310"]),
        tells: &["21", "50000-50100"],
        ends: Refused(Control),
        ..GATEWAY
    },
    Fault {
        name: "dnat/nothing-and-open",
        firewall: &[],
        says: Says::Error("FN308", &[]),
        tells: &["21", "50000-50100"],
        ends: Refused(Control),
        ..GATEWAY
    },
    Fault {
        name: "dnat/nft/only-21",
        firewall: &[Nft("table ip nat { chain prerouting {
            type nat hook prerouting priority dstnat;
            iifname eth0 tcp dport 21 dnat to 10.77.0.21
        }; }\n")],
        says: Says::Error("FN308", &[]),
        tells: &["50000-50100"],
        ends: Refused(Data),
        ..GATEWAY
    },
    Fault {
        name: "dnat/iptables-nft/only-the-range",
        firewall: &[Ip(
            BackEnd::Nft,
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
             :POSTROUTING ACCEPT [0:0]\n\
             -A PREROUTING -i eth0 -p tcp -m tcp --dport 50000:50100 -j DNAT --to-destination 10.77.0.21\n\
             COMMIT\n",
        )],
        says: Says::Error("FN308", &[]),
        tells: &["21"],
        ends: Refused(Control),
        ..GATEWAY
    },
    Fault {
        name: "dnat/iptables-legacy/a-part",
        firewall: &[Ip(
            Legacy,
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
             :POSTROUTING ACCEPT [0:0]\n\
             -A PREROUTING -i eth0 -p tcp -m multiport --dports 21,50000:50039,50061:50100 \
             -j DNAT --to-destination 10.77.0.21\n\
             COMMIT\n",
        )],
        serves: announcing(50040, 50060),
        says: Says::Error("FN308", &[]),
        tells: &["50040-50060"],
        ends: Refused(Data),
        ..GATEWAY
    },
    Fault {
        name: "dnat/nft/of-another-interface",
        firewall: &[Nft("table ip nat { chain prerouting {
            type nat hook prerouting priority dstnat;
            iifname ppp0 tcp dport { 21, 50000-50100 } dnat to 10.77.0.21
        }; }\n")],
        says: Says::Error("FN308", &[]),
        tells: &["21", "50000-50100"],
        ends: Refused(Control),
        ..GATEWAY
    },
    Fault {
        name: "dnat/nft/not-for-itself",
        firewall: &[Nft("table ip nat { chain prerouting {
            type nat hook prerouting priority dstnat;
            iifname eth0 tcp dport { 21, 50000-50100 } dnat to 10.77.0.21
        }; }\n")],
        says: Says::Note("FN308"),
        tells: &["21"],
        play: Play::EPSV.from(Seat::Itself),
        ends: Refused(Control),
        meanwhile: &[Play::PASV],
        cure: Cure::Repaired(&[DNAT]),
        ..GATEWAY
    },
    Fault {
        name: "dnat/iptables-legacy/not-for-itself",
        firewall: &[Ip(
            Legacy,
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
             :POSTROUTING ACCEPT [0:0]\n\
             -A PREROUTING -d 198.51.100.1/32 -p tcp -m multiport --dports 21,50000:50100 \
             -j DNAT --to-destination 10.77.0.21\n\
             COMMIT\n",
        )],
        says: Says::Note("FN308"),
        tells: &["21"],
        play: Play::EPSV.from(Seat::Itself),
        ends: Refused(Control),
        meanwhile: &[Play::PASV],
        cure: Cure::Repaired(&[Ip(Legacy, DNAT_OF_IPTABLES)]),
        ..GATEWAY
    },
];

const TAKEN: &[Fault] = &[
    Fault {
        name: "dnat/nft/another-host-first",
        firewall: &[Nft("table ip nat {
            chain prerouting {
                type nat hook prerouting priority dstnat;
                ip daddr 198.51.100.1 tcp dport 1-65535 dnat to 10.77.0.50
                ip daddr 198.51.100.1 tcp dport { 21, 50000-50100 } dnat to 10.77.0.21
            }
        }\n")],
        says: Says::Error("FN322", &[]),
        names: &["chain prerouting", "tcp dport 1-65535 dnat to 10.77.0.50"],
        tells: &["21", "50000-50100"],
        ends: Refused(Control),
        ..GATEWAY
    },
    Fault {
        name: "dnat/iptables-nft/another-host-takes-a-part",
        firewall: &[Ip(
            BackEnd::Nft,
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
             :POSTROUTING ACCEPT [0:0]\n\
             -A PREROUTING -i eth0 -p tcp -m tcp --dport 50040:50060 -j DNAT --to-destination 10.77.0.50\n\
             -A PREROUTING -i eth0 -p tcp -m multiport --dports 21,50000:50100 -j DNAT --to-destination 10.77.0.21\n\
             COMMIT\n",
        )],
        serves: announcing(50040, 50060),
        says: Says::Error("FN322", &[]),
        names: &[
            "PREROUTING",
            "--dport 50040:50060 -j DNAT --to-destination 10.77.0.50",
        ],
        tells: &["50040-50060"],
        ends: Refused(Data),
        ..GATEWAY
    },
    Fault {
        name: "dnat/mixed/legacy-before-nft",
        firewall: &[
            Ip(
                Legacy,
                "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
                 :POSTROUTING ACCEPT [0:0]\n\
                 -A PREROUTING -i eth0 -p tcp -m tcp --dport 50000:50100 -j REDIRECT\n\
                 COMMIT\n",
            ),
            Nft("table ip later {
                chain prerouting {
                    type nat hook prerouting priority -90;
                    ip daddr 198.51.100.1 tcp dport { 21, 50000-50100 } dnat to 10.77.0.21
                }
                chain output {
                    type nat hook output priority -90;
                    ip daddr 198.51.100.1 tcp dport { 21, 50000-50100 } dnat to 10.77.0.21
                }
            }\n"),
        ],
        says: Says::Error("FN322", &[]),
        names: &["PREROUTING", "-j REDIRECT"],
        tells: &["50000-50100"],
        ends: Refused(Data),
        ..GATEWAY
    },
];

const SHIFTED: &[Fault] = &[
    Fault {
        name: "dnat/iptables-legacy/shifted",
        firewall: &[Ip(
            Legacy,
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
             :POSTROUTING ACCEPT [0:0]\n\
             -A PREROUTING -i eth0 -p tcp -m tcp --dport 21 -j DNAT --to-destination 10.77.0.21\n\
             -A PREROUTING -i eth0 -p tcp -m tcp --dport 50000:50100 -j DNAT --to-destination 10.77.0.21:40000-40010\n\
             COMMIT\n",
        )],
        says: Says::Error("FN309", &[]),
        names: &["PREROUTING", "--to-destination 10.77.0.21:40000-40010"],
        tells: &["50000-50100"],
        ends: Refused(Data),
        ..GATEWAY
    },
    Fault {
        name: "dnat/nft/all-to-one-port",
        firewall: &[Nft("table ip nat { chain prerouting {
            type nat hook prerouting priority dstnat;
            iifname eth0 tcp dport 21 dnat to 10.77.0.21
            iifname eth0 tcp dport 50000-50100 dnat to 10.77.0.21:51000
        }; }\n")],
        says: Says::Error("FN309", &[]),
        names: &["chain prerouting", "dnat to 10.77.0.21:51000"],
        tells: &["50000-50100"],
        ends: Refused(Data),
        ..GATEWAY
    },
    Fault {
        name: "dnat/iptables-nft/control-to-another-port",
        firewall: &[Ip(
            BackEnd::Nft,
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
             :POSTROUTING ACCEPT [0:0]\n\
             -A PREROUTING -i eth0 -p tcp -m tcp --dport 21 -j DNAT --to-destination 10.77.0.21:2121\n\
             -A PREROUTING -i eth0 -p tcp -m tcp --dport 50000:50100 -j DNAT --to-destination 10.77.0.21\n\
             COMMIT\n",
        )],
        says: Says::Error("FN309", &[]),
        names: &["PREROUTING", "--to-destination 10.77.0.21:2121"],
        tells: &["21"],
        ends: Refused(Control),
        ..GATEWAY
    },
];

/// vsftpd takes data connections from the control connection's peer alone.
const VSFTPD: Serves = Serves {
    needs_users: true,
    ..ANNOUNCING
};
const BY_VSFTPD: Fault = Fault {
    profile: "name: lab\nserver: { address: 10.77.0.21, software: vsftpd }\n\
              passive: { ports: 50000-50100, advertise: 198.51.100.1 }\n\
              nat: { mode: dnat, external: { address: 198.51.100.1, interface: eth0 } }\n",
    serves: VSFTPD,
    ..GATEWAY
};
const HAIRPIN: Fault = Fault {
    profile: "name: lab\nserver: { address: 10.77.0.21, software: proftpd }\n\
              passive: { ports: 50000-50100, advertise: 198.51.100.1 }\n\
              nat:\n  mode: dnat\n  external: { address: 198.51.100.1, interface: eth0 }\n  \
              internal: { interface: eth1, networks: 10.77.0.0/24 }\n  hairpin: true\n",
    play: Play::PASV.from(Seat::Inside),
    meanwhile: &[Play::PASV],
    ..GATEWAY
};

const SOURCES: &[Fault] = &[
    Fault {
        name: "snat/nft/control-alone",
        firewall: &[
            DNAT,
            Nft("table ip nat { chain postrouting {
                type nat hook postrouting priority srcnat;
                tcp dport 21 masquerade
            }; }\n"),
        ],
        says: Says::Error("FN312", &[]),
        names: &["chain postrouting", "tcp dport 21 masquerade"],
        // TLS on the data connection finds nobody.
        ends: Rejected("35"),
        cure: Cure::Repaired(&[DNAT]),
        applied: Applied::NotTried,
        ..BY_VSFTPD
    },
    Fault {
        name: "snat/iptables-legacy/data-alone",
        firewall: &[
            Ip(Legacy, DNAT_OF_IPTABLES),
            Ip(
                Legacy,
                "*nat\n-A POSTROUTING -p tcp -m tcp --dport 50000:50100 -j SNAT --to-source 10.77.0.1\n\
                 COMMIT\n",
            ),
        ],
        says: Says::Error("FN312", &[]),
        names: &["POSTROUTING", "-j SNAT --to-source 10.77.0.1"],
        tells: &["50000-50100"],
        play: PLAIN_PASV,
        ends: Rejected("425"),
        cure: Cure::Repaired(&[Ip(Legacy, DNAT_OF_IPTABLES)]),
        applied: Applied::NotTried,
        ..BY_VSFTPD
    },
    // Both connections have the same other source: the listing arrives, and no log or
    // ban of the server knows who called.
    Fault {
        name: "snat/nft/everything",
        firewall: &[
            DNAT,
            Nft("table ip nat { chain postrouting {
                type nat hook postrouting priority srcnat;
                masquerade
            }; }\n"),
        ],
        says: Says::Warning("FN312"),
        names: &["chain postrouting", "masquerade"],
        ends: Lists,
        cure: Cure::Repaired(&[DNAT]),
        applied: Applied::NotTried,
        ..BY_VSFTPD
    },
    Fault {
        name: "hairpin/nft/missing",
        firewall: &[DNAT],
        says: Says::Warning("FN311"),
        ends: Hangs(Control),
        ..HAIRPIN
    },
    Fault {
        name: "hairpin/iptables-legacy/missing",
        firewall: &[Ip(Legacy, DNAT_OF_IPTABLES)],
        says: Says::Warning("FN311"),
        ends: Hangs(Control),
        ..HAIRPIN
    },
    Fault {
        name: "hairpin/nft/only-from-outside",
        firewall: &[Nft("table ip nat {
            chain prerouting {
                type nat hook prerouting priority dstnat;
                iifname eth0 ip daddr 198.51.100.1 tcp dport { 21, 50000-50100 } dnat to 10.77.0.21
            }
            chain output {
                type nat hook output priority -100;
                ip daddr 198.51.100.1 tcp dport { 21, 50000-50100 } dnat to 10.77.0.21
            }
        }\n")],
        says: Says::Warning("FN311"),
        ends: Refused(Control),
        ..HAIRPIN
    },
];
