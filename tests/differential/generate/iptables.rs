//! Tables for `iptables-restore`, of either back end.

use std::fmt::Write as _;

use super::Draw;

/// A table, its chains, and whether its policies may drop.
const TABLES: &[(&str, &[&str], bool)] = &[
    ("raw", &["PREROUTING", "OUTPUT"], false),
    (
        "mangle",
        &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
        false,
    ),
    (
        "nat",
        &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
        false,
    ),
    ("filter", &["INPUT", "FORWARD", "OUTPUT"], true),
];

/// Where a rule stands.
struct At {
    table: &'static str,
    chain: String,
    /// User chains that it may jump to.
    chains: Vec<String>,
    v6: bool,
}

impl Draw {
    /// Some of the four tables.
    pub(super) fn iptables(&mut self, v6: bool) -> String {
        let mut text = String::new();
        for (table, bases, may_drop) in TABLES {
            let wanted = match *table {
                "filter" => 90,
                "nat" => 55,
                _ => 30,
            };
            if self.dice.percent(wanted) {
                text += &self.iptables_table(table, bases, *may_drop, v6);
            }
        }
        if text.is_empty() {
            text += "*filter\n:INPUT DROP\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n";
        }
        text
    }

    fn iptables_table(
        &mut self,
        table: &'static str,
        bases: &[&str],
        may_drop: bool,
        v6: bool,
    ) -> String {
        let mut head = format!("*{table}\n");
        let mut rules = String::new();
        for base in bases {
            let policy = if may_drop && self.dice.percent(30) {
                "DROP"
            } else {
                "ACCEPT"
            };
            let _ = writeln!(head, ":{base} {policy}");
        }
        for base in bases {
            let mut chains: Vec<String> = Vec::new();
            if self.dice.percent(60) {
                for inner in 0..self.dice.count(1, 2) {
                    let chain = format!("U-{base}-{inner}");
                    let _ = writeln!(head, ":{chain} -");
                    let at = At {
                        table,
                        chain: chain.clone(),
                        chains: chains.clone(),
                        v6,
                    };
                    for _ in 0..self.dice.count(1, 3) {
                        rules += &self.iptables_rule(&at);
                    }
                    chains.push(chain);
                }
            }
            let at = At {
                table,
                chain: (*base).to_owned(),
                chains,
                v6,
            };
            for _ in 0..self.dice.count(0, 5) {
                rules += &self.iptables_rule(&at);
            }
        }
        format!("{head}{rules}COMMIT\n")
    }

    fn iptables_rule(&mut self, at: &At) -> String {
        let mut rule = format!("-A {}", at.chain);
        if self.dice.percent(35) {
            let side = self.dice.one(&["-s", "-d"]);
            let what = if !at.v6 && self.dice.percent(5) {
                "10.77.0.2/255.255.0.255"
            } else if self.dice.chance() {
                self.any_host(at.v6)
            } else {
                self.net(at.v6)
            };
            let _ = write!(rule, " {}{side} {what}", self.not());
        }
        if self.dice.percent(20) {
            rule += &self.iptables_interface(&at.chain);
        }
        let target = self.target(at);
        let tcp = target.contains("--to-ports")
            || target.contains("tcp-reset")
            || target.contains("--helper")
            || target.contains("TCPMSS")
            || target.contains(" --to-destination") && at.table == "nat"
            || target.contains(" --to-source")
            || self.dice.percent(60);
        if tcp {
            rule += " -p tcp";
            if self.dice.percent(80) {
                rule += &self.iptables_ports();
            }
        } else if self.dice.percent(10) {
            rule += self.dice.one(&[" -p udp", " ! -p udp", " ! -p tcp"]);
        }
        for _ in 0..self.dice.count(0, 2) {
            if self.dice.percent(60) {
                rule += &self.iptables_match(at);
            }
        }
        if self.rule_is_unforeseen() {
            rule += self.dice.one(&[
                " -m limit --limit 3/sec --limit-burst 2",
                " -m hashlimit --hashlimit-upto 2/sec --hashlimit-mode srcip --hashlimit-name h",
                " -m recent --name r --set",
                " -m recent --name r --update --seconds 60 --hitcount 3",
                " -m statistic --mode random --probability 0.5",
                " -m statistic --mode nth --every 2 --packet 0",
                " -m connlimit --connlimit-above 2",
                " -m length --length 0:50",
                " -m string --string xyz --algo bm",
            ]);
        }
        rule + &target + "\n"
    }

    fn not(&mut self) -> &'static str {
        if self.dice.percent(20) { "! " } else { "" }
    }

    fn iptables_interface(&mut self, chain: &str) -> String {
        let input = match chain.trim_start_matches("U-").split('-').next() {
            Some("PREROUTING" | "INPUT") => true,
            Some("OUTPUT" | "POSTROUTING") => false,
            _ => self.dice.chance(),
        };
        let name = self.dice.one(&["cli", "srv", "c+", "s+", "eth0"]);
        format!(" {}{} {name}", self.not(), if input { "-i" } else { "-o" })
    }

    fn iptables_ports(&mut self) -> String {
        let not = self.not();
        match self.dice.next() % 8 {
            0..=2 => format!(" -m tcp {not}--dport {}", self.port()),
            3 => format!(
                " -m tcp {not}--dport {}",
                self.port_range().replace('-', ":")
            ),
            4 => format!(
                " -m tcp {not}--sport {}",
                self.port_range().replace('-', ":")
            ),
            5 => format!(
                " -m multiport {not}{} {},50000:50010,{}",
                self.dice
                    .one(&["--dports", "--dports", "--sports", "--ports"]),
                self.dice.one(&["21", "80,443"]),
                self.dice.one(&["2121", "20000:29999"]),
            ),
            6 => format!(
                " -m tcp {}",
                self.dice.one(&[
                    "--syn",
                    "! --syn",
                    "--tcp-flags FIN,SYN FIN,SYN",
                    "--tcp-flags ACK ACK"
                ])
            ),
            _ => format!(" -m tcp --dport {} --sport 1024:65535", self.port()),
        }
    }

    fn iptables_match(&mut self, at: &At) -> String {
        let not = self.not();
        match self.dice.next() % 19 {
            16 => format!(" -m conntrack {not}--ctreplsrc {}", self.any_host(at.v6)),
            17 => format!(
                " -m conntrack {not}--ctrepldst {} --ctstate NEW",
                self.net(at.v6)
            ),
            18 => self
                .dice
                .one(&[
                    " -m helper --helper ftp",
                    " -m conntrack --ctstate RELATED -m helper --helper ftp",
                    " -m conntrack --ctstatus EXPECTED",
                    " -m conntrack --ctorigsrcport 1024:30000",
                    " -m conntrack --ctreplsrcport 21",
                    " -m conntrack --ctstate NEW --ctorigdstport 21",
                ])
                .to_owned(),
            0..=3 => format!(
                " -m conntrack {not}--ctstate {}",
                self.dice.one(&[
                    "NEW",
                    "RELATED,ESTABLISHED",
                    "INVALID",
                    "DNAT",
                    "SNAT",
                    "NEW,UNTRACKED",
                    "UNTRACKED"
                ])
            ),
            4 => format!(
                " -m state {not}--state {}",
                self.dice.one(&["NEW", "RELATED,ESTABLISHED", "INVALID"])
            ),
            5 => format!(" -m conntrack {not}--ctorigdst {}", self.any_host(at.v6)),
            6 => format!(" -m conntrack {not}--ctorigsrc {}", self.net(at.v6)),
            7 => format!(" -m conntrack {not}--ctorigdstport {}", self.port()),
            8 => format!(
                " -m conntrack {}",
                self.dice.one(&[
                    "--ctdir ORIGINAL",
                    "--ctdir REPLY",
                    "--ctstatus NONE",
                    "--ctproto tcp",
                    "! --ctstatus CONFIRMED",
                    "--ctstatus ASSURED,SEEN_REPLY"
                ])
            ),
            9 | 10 => format!(
                " -m addrtype {not}{}",
                self.dice.one(&[
                    "--dst-type LOCAL",
                    "--src-type LOCAL",
                    "--dst-type UNICAST",
                    "--src-type UNICAST,LOCAL"
                ])
            ),
            11 => format!(
                " -m iprange {not}{} {}",
                self.dice.one(&["--src-range", "--dst-range"]),
                self.range(at.v6)
            ),
            12 | 13 => format!(
                " -m mark {not}--mark {}",
                self.dice.one(&["0x1", "0x2/0x2", "0x0", "0x4/0x6"])
            ),
            14 => format!(
                " -m connmark {not}--mark {}",
                self.dice.one(&["0x1", "0x0", "0x2/0x3"])
            ),
            _ => self
                .dice
                .one(&[
                    " -m pkttype --pkt-type unicast",
                    " -m pkttype ! --pkt-type broadcast",
                    " -m comment --comment \"why not\"",
                ])
                .to_owned(),
        }
    }

    fn target(&mut self, at: &At) -> String {
        let base = at
            .chain
            .trim_start_matches("U-")
            .split('-')
            .next()
            .unwrap_or_default();
        let chance = self.dice.next() % 100;
        if chance < 18 && !at.chains.is_empty() {
            let index = self.dice.next() % u64::try_from(at.chains.len()).expect("few");
            let chain = &at.chains[usize::try_from(index).expect("few")];
            return format!(" {} {chain}", self.dice.one(&["-j", "-j", "-g"]));
        }
        let own = match (at.table, base) {
            ("raw", _) => self
                .dice
                .one(&[
                    " -j CT --notrack",
                    " -j NOTRACK",
                    " -j CT --helper ftp",
                    " -j DROP",
                ])
                .to_owned(),
            ("mangle", _) => self
                .dice
                .one(&[
                    " -j MARK --set-mark 0x1",
                    " -j MARK --set-xmark 0x2/0x3",
                    " -j MARK --or-mark 0x4",
                    " -j MARK --and-mark 0xfe",
                    " -j CONNMARK --set-mark 0x1",
                    " -j CONNMARK --save-mark",
                    " -j CONNMARK --restore-mark",
                    " -j CONNMARK --set-xmark 0x2/0x2",
                    " -j CONNMARK --save-mark --nfmask 0x3 --ctmask 0x6",
                    " -j CONNMARK --restore-mark --mask 0x5",
                    " -j MARK --xor-mark 0x3",
                    " -j DROP",
                ])
                .to_owned(),
            ("nat", "PREROUTING" | "OUTPUT") => self.iptables_dnat(at.v6),
            ("nat", _) => self.iptables_snat(at.v6, base),
            _ if chance.is_multiple_of(5) => {
                let kinds: &[&str] = if at.v6 {
                    &[
                        "icmp6-no-route",
                        "icmp6-adm-prohibited",
                        "icmp6-addr-unreachable",
                        "icmp6-port-unreachable",
                        "icmp6-policy-fail",
                        "icmp6-reject-route",
                        "tcp-reset",
                    ]
                } else {
                    &[
                        "icmp-net-unreachable",
                        "icmp-host-unreachable",
                        "icmp-port-unreachable",
                        "icmp-proto-unreachable",
                        "icmp-net-prohibited",
                        "icmp-host-prohibited",
                        "icmp-admin-prohibited",
                        "tcp-reset",
                    ]
                };
                format!(" -j REJECT --reject-with {}", self.dice.one(kinds))
            }
            _ => " -j DROP".to_owned(),
        };
        match chance {
            18..=64 => own,
            65..=84 => " -j ACCEPT".to_owned(),
            85..=93 => " -j RETURN".to_owned(),
            94..=96 => " -j NFLOG --nflog-group 7".to_owned(),
            _ => String::new(),
        }
    }

    fn iptables_dnat(&mut self, v6: bool) -> String {
        let host = self.any_host(v6);
        let bracketed = if v6 {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let port = self.port();
        match self.dice.next() % 9 {
            0 | 1 => format!(" -j DNAT --to-destination {host}"),
            2 | 3 => format!(" -j DNAT --to-destination {bracketed}:{port}"),
            4 => format!(" -j DNAT --to-destination {bracketed}:50000-50010"),
            5 => format!(" -j DNAT --to-destination {}", self.targets(v6)),
            6 => format!(" -j REDIRECT --to-ports {port}"),
            7 => format!(
                " -j NETMAP --to {}",
                if v6 {
                    "2001:db8:2::8/126"
                } else {
                    "10.77.2.8/29"
                }
            ),
            _ => format!(
                " -j DNAT --to-destination {bracketed}:40000-40100/{}",
                self.dice.one(&["50000", "21", "1"])
            ),
        }
    }

    fn iptables_snat(&mut self, v6: bool, base: &str) -> String {
        let host = self.any_host(v6);
        let bracketed = if v6 {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        match self.dice.next() % 7 {
            0 | 1 => format!(" -j SNAT --to-source {host}"),
            2 => format!(" -j SNAT --to-source {bracketed}:30000-30100"),
            3 => format!(" -j SNAT --to-source {}", self.targets(v6)),
            4 if base == "POSTROUTING" => " -j MASQUERADE --to-ports 30000-31000".to_owned(),
            5 if base == "POSTROUTING" => " -j MASQUERADE".to_owned(),
            _ => format!(" -j SNAT --to-source {host} --persistent"),
        }
    }
}
