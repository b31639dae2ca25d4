//! Hosts whose ways are drawn.

use crate::Stage;

/// A host, and what a client of it meets.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) stage: Stage,
    pub(crate) yaml: &'static str,
    pub(crate) rules: &'static [Load],
    /// A passive port that the picture is of; `None`: nothing can be told of one.
    pub(crate) port: Option<u16>,
    pub(crate) is_ipv6: bool,
    /// Whether `apply` cures it.
    pub(crate) is_curable: bool,
}

/// How rules are loaded.
pub(crate) enum Load {
    /// By `nft -f`.
    Nft(&'static str),
    /// By `ipset restore`.
    Sets(&'static str),
    /// By one of the programs of iptables.
    Restore(&'static str, &'static str),
}

const OWN: &str = "name: lab\nserver: { address: 198.51.100.1 }\n\
                   passive: { ports: 50000-50100 }\n";

const GATEWAY: &str = "name: lab\nserver: { address: 10.77.0.21, software: proftpd }\n\
                       passive: { ports: 50000-50100, advertise: 198.51.100.1 }\n\
                       nat:\n  mode: dnat\n  external: { address: 198.51.100.1, interface: eth0 }\n";

const SIX: &str = "name: lab\nserver: { address: \"2001:db8:51::1\" }\n\
                   passive: { ports: 50000-50100 }\n";

const ACTIVE: &str = "name: lab\nserver: { address: 198.51.100.1 }\n\
                      control: [ { port: 21 }, { port: 990, tls: implicit } ]\n\
                      passive: { ports: 50000-50100 }\nactive: true\n";

const PLAIN: &str = "name: lab\nserver: { address: 10.77.0.21, software: proftpd }\n\
                     control: { port: 21, tls: none }\npassive: { ports: 50000-50100 }\n\
                     nat:\n  mode: dnat\n  external: { address: 198.51.100.1, interface: eth0 }\n";

const MASQUERADE: &str = "name: lab\npassive: { ports: 50000-50100 }\n\
                          nat:\n  mode: masquerade\n  external: { interface: eth0 }\n  \
                          internal: { networks: 10.77.0.0/24, interface: eth1 }\n";

const fn own(name: &'static str, rules: &'static [Load], port: Option<u16>) -> Case {
    Case {
        name,
        stage: Stage::Server,
        yaml: OWN,
        rules,
        port,
        is_ipv6: false,
        is_curable: true,
    }
}

/// The same where `apply` refuses: what stops them is where ftpnat puts no rule, or will.
const fn uncurable(case: Case) -> Case {
    Case {
        is_curable: false,
        ..case
    }
}

const fn gateway(name: &'static str, rules: &'static [Load], port: Option<u16>) -> Case {
    Case {
        stage: Stage::Gateway,
        yaml: GATEWAY,
        ..own(name, rules, port)
    }
}

pub(crate) const CASES: &[Case] = &[
    own("no-rules", &[], Some(50000)),
    own(
        "policy",
        &[Load::Restore(
            "iptables-nft-restore",
            "*filter\n:INPUT DROP\n:FORWARD DROP\n:OUTPUT ACCEPT\n\
             -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
             -A INPUT -i lo -j ACCEPT\n\
             -A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\nCOMMIT\n",
        )],
        Some(50000),
    ),
    own(
        "second-chain",
        &[
            Load::Nft(
                "table inet mine {
                    chain input {
                        type filter hook input priority -10; policy accept;
                        ct state established,related accept
                        tcp dport { 21, 50000-50100 } accept
                    }
                }",
            ),
            Load::Nft(
                "table inet filter {
                    chain input {
                        type filter hook input priority filter; policy accept;
                        ct state established,related accept
                        iif lo accept
                        tcp dport { 21, 22 } accept
                        counter log prefix \"dropped: \" drop
                    }
                }",
            ),
        ],
        Some(50000),
    ),
    own(
        "part-of-the-range",
        &[Load::Nft(
            "table inet filter {
                set banned { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 } }
                chain input {
                    type filter hook input priority filter; policy drop;
                    ct state established,related accept
                    ip saddr @banned drop
                    tcp dport 50040-50060 reject with tcp reset
                    tcp dport { 21, 50000-50100 } accept
                }
            }",
        )],
        Some(50040),
    ),
    own(
        "jumps",
        &[Load::Restore(
            "iptables-legacy-restore",
            "*raw\n:PREROUTING ACCEPT\n:OUTPUT ACCEPT\n\
             -A PREROUTING -p tcp --dport 9 -j NOTRACK\nCOMMIT\n\
             *filter\n:INPUT DROP\n:FORWARD DROP\n:OUTPUT ACCEPT\n:ufw-before-input -\n\
             :ufw-user-input -\n:ufw-reject-input -\n\
             -A INPUT -j ufw-before-input\n-A INPUT -j ufw-reject-input\n\
             -A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
             -A ufw-before-input -j ufw-user-input\n\
             -A ufw-user-input -p tcp -m tcp --dport 21 -m comment --comment \"dapp_FTP: the \
             control connection of our server, asked for by the office\" -j ACCEPT\n\
             -A ufw-reject-input -p tcp -m comment --comment \"everything else is refused \
             politely, so that nobody waits\" -j REJECT --reject-with icmp-admin-prohibited\n\
             COMMIT\n",
        )],
        Some(50000),
    ),
    uncurable(own(
        "ingress",
        &[Load::Nft(
            "table netdev early {
                chain in {
                    type filter hook ingress device eth0 priority -500; policy accept;
                    tcp dport 50000-51000 drop
                }
            }
            table inet filter {
                chain input {
                    type filter hook input priority filter; policy drop;
                    ct state established,related accept
                    tcp dport { 21, 50000-50100 } accept
                }
            }",
        )],
        Some(50000),
    )),
    uncurable(own(
        "untracked",
        &[Load::Nft(
            "table ip raw {
                chain prerouting {
                    type filter hook prerouting priority raw; policy accept;
                    tcp dport 50000-50100 notrack
                }
            }
            table inet filter {
                chain input {
                    type filter hook input priority filter; policy drop;
                    ct state established,related accept
                    tcp dport 21 accept
                    ct state new tcp dport 50000-50100 accept
                }
            }",
        )],
        Some(50000),
    )),
    own(
        "answer",
        &[Load::Nft(
            "table inet filter {
                chain input {
                    type filter hook input priority filter; policy drop;
                    ct state established,related accept
                    tcp dport { 21, 50000-50100 } accept
                }
                chain output {
                    type filter hook output priority filter; policy drop;
                    ct state established tcp sport 21 accept
                    oif lo accept
                }
            }",
        )],
        Some(50000),
    ),
    uncurable(own(
        "rate",
        &[Load::Nft(
            "table inet filter {
                chain input {
                    type filter hook input priority filter; policy drop;
                    ct state established,related accept
                    tcp dport 21 accept
                    tcp dport 50000-50100 limit rate 10/minute accept
                }
            }",
        )],
        None,
    )),
    own(
        "ipset",
        &[
            Load::Sets("create trusted hash:ip\nadd trusted 198.51.100.10\n"),
            Load::Restore(
                "iptables-nft-restore",
                "*filter\n:INPUT DROP\n:FORWARD DROP\n:OUTPUT ACCEPT\n:ftp -\n\
                 -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
                 -A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n\
                 -A INPUT -p tcp -m tcp --dport 1024:65535 -j ftp\n\
                 -A ftp -m set --match-set trusted src -j ACCEPT\nCOMMIT\n",
            ),
        ],
        None,
    ),
    Case {
        yaml: SIX,
        is_ipv6: true,
        ..own(
            "ipv6",
            &[
                Load::Restore(
                    "ip6tables-nft-restore",
                    "*mangle\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:FORWARD ACCEPT\n\
                     :OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n\
                     -A PREROUTING -p tcp -m tcp --dport 1 -j DROP\nCOMMIT\n\
                     *filter\n:INPUT DROP\n:FORWARD DROP\n:OUTPUT ACCEPT\n\
                     -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
                     -A INPUT -p ipv6-icmp -j ACCEPT\n\
                     -A INPUT -s 2001:db8::/32 -d 2001:db8:51::1/128 -p tcp -m tcp --dport 21 \
                     -j ACCEPT\nCOMMIT\n",
                ),
                Load::Nft("table ip only4 {\n chain i {\n type filter hook input priority 0; policy drop;\n }\n}"),
            ],
            Some(50000),
        )
    },
    Case {
        yaml: ACTIVE,
        ..own(
            "active",
            &[Load::Nft(
                "table inet filter {
                    chain input {
                        type filter hook input priority filter; policy drop;
                        ct state established,related accept
                        tcp dport { 21, 990, 50000-50100 } accept
                    }
                    chain output {
                        type filter hook output priority filter; policy drop;
                        ct state established,related accept
                    }
                }",
            )],
            Some(50000),
        )
    },
    gateway(
        "gateway",
        &[Load::Nft(
            "table ip nat {
                chain prerouting {
                    type nat hook prerouting priority dstnat; policy accept;
                    iifname eth0 ip daddr 198.51.100.1 tcp dport { 21, 50000-50100 } dnat to 10.77.0.21
                }
                chain output {
                    type nat hook output priority -100; policy accept;
                    ip daddr 198.51.100.1 tcp dport { 21, 50000-50100 } dnat to 10.77.0.21
                }
                chain postrouting {
                    type nat hook postrouting priority srcnat; policy accept;
                    oifname eth0 masquerade
                }
            }
            table inet filter {
                chain forward {
                    type filter hook forward priority filter; policy drop;
                    ct state established,related accept
                    ct status dnat accept
                }
            }",
        )],
        Some(50000),
    ),
    gateway(
        "gateway-forward",
        &[
            Load::Restore(
                "iptables-legacy-restore",
                "*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n\
                 -A PREROUTING -d 198.51.100.1/32 -i eth0 -p tcp -m multiport --dports \
                 21,50000:50100 -m comment --comment \"FTP to the server in the cellar\" -j DNAT \
                 --to-destination 10.77.0.21\nCOMMIT\n\
                 *filter\n:INPUT DROP\n:FORWARD DROP\n:OUTPUT ACCEPT\n\
                 -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
                 -A FORWARD -d 10.77.0.21/32 -p tcp -m tcp --dport 21 -j ACCEPT\nCOMMIT\n",
            ),
            Load::Nft(
                "table inet ours {
                    chain mangle {
                        type filter hook forward priority mangle; policy accept;
                        tcp flags syn tcp option maxseg size set rt mtu
                    }
                }",
            ),
        ],
        Some(50000),
    ),
    Case {
        yaml: PLAIN,
        ..gateway(
            "gateway-helper",
            &[Load::Nft(
                "table ip ftp {
                    ct helper plain { type \"ftp\" protocol tcp; }
                    chain prerouting {
                        type filter hook prerouting priority mangle; policy accept;
                        iifname eth0 tcp dport 21 ct helper set \"plain\"
                    }
                    chain dstnat {
                        type nat hook prerouting priority dstnat; policy accept;
                        iifname eth0 tcp dport 21 dnat to 10.77.0.21
                        iifname eth0 tcp dport 50000-50100 dnat to 10.77.0.21
                    }
                    chain forward {
                        type filter hook forward priority filter; policy drop;
                        ct state established,related accept
                        iifname eth0 ip daddr 10.77.0.21 tcp dport 21 accept
                    }
                }",
            )],
            Some(50000),
        )
    },
    gateway(
        "gateway-untranslated",
        &[Load::Restore(
            "iptables-nft-restore",
            "*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n\
             -A PREROUTING -i eth0 -p tcp -m tcp --dport 21 -j DNAT --to-destination \
             10.77.0.21\nCOMMIT\n",
        )],
        Some(50000),
    ),
    Case {
        stage: Stage::Gateway,
        yaml: MASQUERADE,
        ..own(
            "masquerade",
            &[Load::Nft(
                "table ip nat {
                    chain postrouting {
                        type nat hook postrouting priority srcnat; policy accept;
                        oifname eth0 masquerade
                    }
                }
                table inet filter {
                    chain forward {
                        type filter hook forward priority filter; policy drop;
                        ct state established,related accept
                        iifname eth1 tcp dport { 21, 80, 443 } accept
                    }
                }",
            )],
            None,
        )
    },
];
