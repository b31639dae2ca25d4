//! What rules of nft do.

use super::Draw;
use super::nft::{Place, Scope};

impl Draw {
    /// One rule.
    pub(super) fn nft_rule(&mut self, scope: &Scope) -> String {
        let v6 = match scope.family {
            "ip" => false,
            "ip6" => true,
            _ => self.dice.percent(40),
        };
        let mut parts = Vec::new();
        for _ in 0..self.dice.count(0, 2) {
            parts.push(self.nft_match(scope, v6));
        }
        if self.rule_is_unforeseen() {
            parts.push(self.nft_unforeseen(scope));
        }
        if self.dice.percent(20) {
            let counter = self.dice.one(&["counter", "counter", "counter name seen"]);
            parts.push(counter.to_owned());
        }
        if self.dice.percent(2) {
            // Alone: nft refuses a rule that wants two protocols.
            return self
                .dice
                .one(&[
                    "udp dport 53 accept",
                    "meta l4proto { tcp, udp } drop",
                    "meta l4proto udp drop",
                ])
                .to_owned();
        }
        parts.push(self.statement(scope, v6));
        if self.dice.percent(5) {
            parts.push("comment \"why\"".to_owned());
        }
        parts.join(" ")
    }

    fn statement(&mut self, scope: &Scope, v6: bool) -> String {
        match scope.place {
            Place::Dnat if self.dice.percent(65) => return self.dnat(scope, v6),
            Place::Snat if self.dice.percent(65) => return self.snat(scope, v6),
            Place::Raw if self.dice.percent(30) => return "notrack".to_owned(),
            Place::Mangle if self.dice.percent(30) => return self.mark(scope),
            Place::Filter if self.dice.percent(14) => return self.reject(scope, v6),
            _ => {}
        }
        let dropping = match scope.place {
            Place::Filter => 24,
            _ => 8,
        };
        let chance = self.dice.next() % 100;
        let suffix = if v6 { 6 } else { 4 };
        let ip = if v6 { "ip6" } else { "ip" };
        match chance {
            _ if chance < dropping => "drop".to_owned(),
            24..=49 => "accept".to_owned(),
            50..=67 if !scope.chains.is_empty() => {
                let index = self.dice.next() % u64::try_from(scope.chains.len()).expect("few");
                let chain = &scope.chains[usize::try_from(index).expect("few")];
                match self.dice.next() % 6 {
                    0..=2 => format!("jump {chain}"),
                    3 => format!("goto {chain}"),
                    4 => format!(
                        "tcp dport vmap {{ {} : jump {chain}, 50000-50010 : accept }}",
                        self.dice.one(&["21", "80"])
                    ),
                    _ => format!(
                        "{ip} saddr . tcp dport vmap {{ {} . {} : goto {chain}, {} . 0-65535 : return }}",
                        self.net(v6),
                        self.port(),
                        self.any_host(v6)
                    ),
                }
            }
            68..=73 => "return".to_owned(),
            74..=79 => format!(
                "{ip} {} vmap @fates{suffix}",
                self.dice.one(&["saddr", "daddr"])
            ),
            80..=83 => format!(
                "tcp dport vmap {{ {} : accept, {} : drop }}",
                self.dice.one(&["21", "990", "1-80"]),
                self.dice.one(&["2121", "50000-51000"])
            ),
            7 | 8 if scope.place != Place::Ingress => {
                "ct state vmap { established : accept, related : accept, invalid : drop }"
                    .to_owned()
            }
            13 if scope.place != Place::Ingress => self
                .dice
                .one(&[
                    "ct state related ct helper \"ftp\" accept",
                    "ct state related tcp dport != 50000-51000 drop",
                    "ct state established,related accept",
                    "ct status expected accept",
                ])
                .to_owned(),
            9 => format!(
                "meta iifname . tcp dport vmap {{ \"cli\" . {} : accept, \"srv\" . 21 : drop }}",
                self.port()
            ),
            10 => format!(
                "tcp dport vmap {{ {} : return, * : continue }}",
                self.port()
            ),
            11 => format!(
                "tcp sport vmap {{ {} : drop, {} : accept }}",
                self.dice.one(&["1024-19999", "1-1023"]),
                self.dice.one(&["20000-45000", "50000-65535"])
            ),
            84 | 85 => format!("add @learnt{suffix} {{ {ip} saddr }}"),
            86 => format!("update @learnt{suffix} {{ {ip} daddr timeout 30m }} accept"),
            12 if scope.place != Place::Ingress => {
                "ct helper set tcp dport map { 21 : \"ftp\", 2121 : \"ftp\" }".to_owned()
            }
            87 if scope.place != Place::Ingress => "tcp dport 21 ct helper set \"ftp\"".to_owned(),
            88 => "continue".to_owned(),
            89 => self
                .dice
                .one(&["log group 7", "meta priority set 1:1", "meta nftrace set 1"])
                .to_owned(),
            90 => format!("{ip} saddr {} drop", self.any_host(v6)),
            _ => self.mark(scope),
        }
    }

    fn mark(&mut self, scope: &Scope) -> String {
        self.dice
            .one(&[
                "meta mark set 1",
                "meta mark set 2",
                "meta mark set meta mark | 0x4",
                "meta mark set meta mark & 0xfffffffe",
                "meta mark set meta mark ^ 0x3",
                "meta mark set tcp dport map @marks",
                "meta mark set tcp dport map { 21 : 1, 50000-50010 : 6 }",
                "ct mark set 1",
                "ct mark set meta mark",
                "meta mark set ct mark",
                "ct mark set ct mark | 0x2",
            ])
            .replace(
                "ct ",
                if scope.place == Place::Ingress {
                    "meta "
                } else {
                    "ct "
                },
            )
    }

    fn reject(&mut self, scope: &Scope, v6: bool) -> String {
        if self.dice.percent(40) {
            return "meta l4proto tcp reject with tcp reset".to_owned();
        }
        if scope.family == "inet" && self.dice.chance() {
            let code = self.dice.one(&[
                "port-unreachable",
                "admin-prohibited",
                "no-route",
                "host-unreachable",
            ]);
            return format!("reject with icmpx type {code}");
        }
        if v6 {
            let code = self.dice.one(&[
                "no-route",
                "admin-prohibited",
                "addr-unreachable",
                "port-unreachable",
                "policy-fail",
                "reject-route",
            ]);
            format!("reject with icmpv6 type {code}")
        } else {
            let code = self.dice.one(&[
                "net-unreachable",
                "host-unreachable",
                "prot-unreachable",
                "port-unreachable",
                "net-prohibited",
                "host-prohibited",
                "admin-prohibited",
            ]);
            format!("reject with icmp type {code}")
        }
    }

    /// `dnat ip` in inet, `dnat` elsewhere.
    fn family_word(scope: &Scope, v6: bool) -> &'static str {
        match (scope.family, v6) {
            ("inet", false) => "ip ",
            ("inet", true) => "ip6 ",
            _ => "",
        }
    }

    fn dnat(&mut self, scope: &Scope, v6: bool) -> String {
        let word = Self::family_word(scope, v6);
        let suffix = if v6 { 6 } else { 4 };
        let host = self.any_host(v6);
        let bracketed = if v6 {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let port = self.port();
        let ip = if v6 { "ip6" } else { "ip" };
        match self.dice.next() % 15 {
            12 => {
                let (from, to) = if v6 {
                    ("2001:db8:1::/126", "2001:db8:2::8/126")
                } else {
                    ("10.77.1.0/29", "10.77.2.8/29")
                };
                format!("dnat {ip} prefix to {ip} daddr map {{ {from} : {to} }}")
            }
            13 => format!(
                "dnat {ip} addr . port to tcp dport map {{ {port} : {host} . 2121, 50001-50004 : {host} . 21 }}"
            ),
            14 => format!(
                "dnat {ip} addr . port to {ip} saddr . tcp dport map {{ {} . {port} : {host} . 80 }}",
                self.any_host(v6)
            ),
            0..=2 => format!("dnat {word}to {host}"),
            3..=5 => format!("meta l4proto tcp dnat {word}to {bracketed}:{port}"),
            6 => format!(
                "tcp dport {} dnat {word}to {bracketed}:{}",
                self.port_range(),
                self.dice.one(&["50000-50010", "21-22"])
            ),
            7 => format!("dnat {word}to {}", self.targets(v6)),
            8 => format!("dnat {word}to tcp dport map @servers{suffix}"),
            9 => format!(
                "dnat {word}to tcp dport map {{ {} : {host}, 50000-50010 : {} }}",
                self.dice.one(&["21", "80"]),
                self.any_host(v6)
            ),
            10 => format!("meta l4proto tcp redirect to :{port}"),
            _ => self
                .dice
                .one(&["redirect", "meta l4proto tcp dnat PORTS"])
                .replace(
                    "dnat PORTS",
                    &format!("dnat {word}to {bracketed}:{port} persistent"),
                ),
        }
    }

    fn snat(&mut self, scope: &Scope, v6: bool) -> String {
        let word = Self::family_word(scope, v6);
        let host = self.any_host(v6);
        let bracketed = if v6 {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let ip = if v6 { "ip6" } else { "ip" };
        match self.dice.next() % 10 {
            8 => {
                let (from, to) = if v6 {
                    ("2001:db8:1::/125", "2001:db8:2::40/125")
                } else {
                    ("10.77.1.0/29", "10.77.2.64/29")
                };
                format!("snat {ip} prefix to {ip} saddr map {{ {from} : {to} }}")
            }
            9 => format!(
                "snat {word}to {ip} saddr map {{ {} : {host} }}",
                self.net(v6)
            ),
            0..=2 => format!("snat {word}to {host}"),
            3 => format!(
                "meta l4proto tcp snat {word}to {bracketed}:{}",
                self.dice.one(&["30000-30100", "1024-65535"])
            ),
            4 => format!("snat {word}to {}", self.targets(v6)),
            5 => format!("meta l4proto tcp snat {word}to {bracketed}:30000-31000 random"),
            6 if scope.hook != "input" => self
                .dice
                .one(&[
                    "masquerade",
                    "masquerade random",
                    "masquerade fully-random,persistent",
                    "meta l4proto tcp masquerade to :30000-30200",
                ])
                .to_owned(),
            _ if scope.hook == "input" => format!("snat {word}to {host} persistent"),
            _ => "masquerade".to_owned(),
        }
    }
}
