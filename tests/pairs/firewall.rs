//! Rules as administrators write them, in the words of nft and of both iptables.

use std::fmt::Write as _;

use ftpnat::model::net::Family;

use crate::support::BackEnd;

/// Which sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Any,
    /// The network of the first client that plays.
    Near,
    /// That of the second.
    Far,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    Accept,
    Drop,
    /// By RST: on a veth pair ICMP comes back while connect(2) has its socket, and is not
    /// obeyed then (`tcp_v4_err`).
    Reject,
    Return,
    /// To the chain of FTP.
    Jump,
    Notrack,
    /// Assigns the ftp helper.
    Help,
    /// To the server's address, the port as it is, or moved by so much to this range.
    Dnat(Option<(u16, u16)>),
    /// To an address where nobody is.
    DnatAway,
    Masquerade,
}

/// A rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) from: Source,
    /// To the FTP server's address, as it is at that hook.
    pub(crate) to: Option<&'static str>,
    pub(crate) input: Option<&'static str>,
    pub(crate) output: Option<&'static str>,
    /// TCP ports; none: any packet.
    pub(crate) ports: Vec<(u16, u16)>,
    /// The source port, not the destination's.
    pub(crate) by_source_port: bool,
    pub(crate) states: &'static [&'static str],
    pub(crate) icmp: bool,
    pub(crate) does: Does,
}

impl Rule {
    pub(crate) fn of(does: Does) -> Self {
        Self {
            from: Source::Any,
            to: None,
            input: None,
            output: None,
            ports: Vec::new(),
            by_source_port: false,
            states: &[],
            icmp: false,
            does,
        }
    }

    pub(crate) fn tcp(does: Does, ports: &[(u16, u16)]) -> Self {
        Self {
            ports: ports.to_vec(),
            ..Self::of(does)
        }
    }

    pub(crate) fn in_states(self, states: &'static [&'static str]) -> Self {
        Self { states, ..self }
    }

    pub(crate) fn from(self, from: Source) -> Self {
        Self { from, ..self }
    }
}

/// Where a chain hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hook {
    Raw,
    Helper,
    Dnat,
    Input,
    Forward,
    Output,
    Snat,
    /// Of a second table, before or behind the first.
    Second(&'static str, i32),
    /// The chain of FTP, which rules jump to.
    Own,
}

/// A chain.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) hook: Hook,
    pub(crate) drops: bool,
    pub(crate) rules: Vec<Rule>,
}

/// The networks that [`Source`] means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Networks {
    pub(crate) near: [&'static str; 2],
    pub(crate) far: [&'static str; 2],
}

impl Networks {
    fn of(self, source: Source, family: Family) -> Option<&'static str> {
        let index = usize::from(family == Family::Ipv6);
        match source {
            Source::Any => None,
            Source::Near => Some(self.near[index]),
            Source::Far => Some(self.far[index]),
        }
    }
}

/// The text for `nft -f`.
pub(crate) fn nft(chains: &[Chain], networks: Networks) -> String {
    let mut tables: [(&str, String); 3] = [
        ("inet theirs", String::new()),
        ("ip theirnat", String::new()),
        ("inet second", String::new()),
    ];
    let helps = |r: &Rule| r.does == Does::Help;
    if chains.iter().flat_map(|c| &c.rules).any(helps) {
        tables[0].1 += "ct helper ftp { type \"ftp\" protocol tcp; }\n";
    }
    // What is jumped to must be there.
    let own = chains.iter().filter(|c| c.hook == Hook::Own);
    let others = chains.iter().filter(|c| c.hook != Hook::Own);
    for chain in own.chain(others) {
        let (table, base) = match chain.hook {
            Hook::Raw => (0, "type filter hook prerouting priority raw"),
            Hook::Helper => (0, "type filter hook prerouting priority filter"),
            Hook::Dnat => (1, "type nat hook prerouting priority dstnat"),
            Hook::Input => (0, "type filter hook input priority filter"),
            Hook::Forward => (0, "type filter hook forward priority filter"),
            Hook::Output => (0, "type filter hook output priority filter"),
            Hook::Snat => (1, "type nat hook postrouting priority srcnat"),
            Hook::Second(..) => (2, ""),
            Hook::Own => (0, ""),
        };
        let text = &mut tables[table].1;
        let _ = writeln!(text, "chain {} {{", nft_name(chain.hook));
        let policy = if chain.drops { "drop" } else { "accept" };
        if let Hook::Second(hook, priority) = chain.hook {
            let _ = writeln!(
                text,
                "type filter hook {hook} priority {priority}; policy {policy};"
            );
        } else if !base.is_empty() {
            let _ = writeln!(text, "{base}; policy {policy};");
        }
        let families: &[Family] = if table == 1 {
            &[Family::Ipv4]
        } else {
            &Family::BOTH
        };
        for rule in &chain.rules {
            for line in nft_rules(rule, families, networks) {
                let _ = writeln!(text, "    {line}");
            }
        }
        text.push_str("}\n");
    }
    let of = |(name, text): &(&str, String)| {
        if text.is_empty() {
            String::new()
        } else {
            format!("table {name} {{\n{text}}}\n")
        }
    };
    tables.iter().map(of).collect()
}

fn nft_name(hook: Hook) -> &'static str {
    match hook {
        Hook::Raw => "raw",
        Hook::Helper => "help",
        Hook::Dnat => "pre",
        Hook::Input => "in",
        Hook::Forward => "through",
        Hook::Output => "out",
        Hook::Snat => "post",
        Hook::Second(..) => "second",
        Hook::Own => "ftp",
    }
}

/// A rule, for each family by itself where it names addresses.
fn nft_rules(rule: &Rule, families: &[Family], networks: Networks) -> Vec<String> {
    let names_addresses = rule.from != Source::Any || rule.to.is_some();
    let one = [Family::Ipv4];
    let families = if names_addresses { families } else { &one };
    let of = |family: &Family| {
        let ip = if *family == Family::Ipv4 { "ip" } else { "ip6" };
        let mut words = Vec::new();
        words.extend(rule.input.map(|i| format!("iifname \"{i}\"")));
        words.extend(rule.output.map(|i| format!("oifname \"{i}\"")));
        words.extend(
            networks
                .of(rule.from, *family)
                .map(|n| format!("{ip} saddr {n}")),
        );
        if let Some(to) = rule.to {
            if to.contains(':') != (*family == Family::Ipv6) {
                return None;
            }
            words.push(format!("{ip} daddr {to}"));
        }
        if rule.icmp {
            words.push("meta l4proto { icmp, ipv6-icmp }".to_owned());
        }
        if !rule.ports.is_empty() {
            let side = if rule.by_source_port {
                "sport"
            } else {
                "dport"
            };
            let ports: Vec<String> = rule.ports.iter().map(|p| span(*p, '-')).collect();
            let ports = ports.join(", ");
            words.push(match rule.ports.len() {
                1 => format!("tcp {side} {ports}"),
                _ => format!("tcp {side} {{ {ports} }}"),
            });
        }
        if !rule.states.is_empty() {
            words.push(format!("ct state {}", rule.states.join(",")));
        }
        words.push(match rule.does {
            Does::Accept => "counter accept".to_owned(),
            Does::Drop => "drop".to_owned(),
            Does::Reject => "meta l4proto tcp reject with tcp reset".to_owned(),
            Does::Return => "return".to_owned(),
            Does::Jump => "jump ftp".to_owned(),
            Does::Notrack => "notrack".to_owned(),
            Does::Help => "ct helper set \"ftp\"".to_owned(),
            Does::Dnat(None) => "dnat to 10.77.0.21".to_owned(),
            Does::Dnat(Some(ports)) => format!("dnat to 10.77.0.21:{}", span(ports, '-')),
            Does::DnatAway => "dnat to 10.77.0.99".to_owned(),
            Does::Masquerade => "masquerade".to_owned(),
        });
        Some(words.join(" "))
    };
    families.iter().filter_map(of).collect()
}

fn span((first, last): (u16, u16), between: char) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}{between}{last}")
    }
}

/// The text for `iptables-restore`, or that for `ip6tables-restore`.
pub(crate) fn iptables(chains: &[Chain], networks: Networks, family: Family) -> String {
    let mut text = String::new();
    for table in ["raw", "nat", "filter"] {
        let here: Vec<&Chain> = chains.iter().filter(|c| place(c.hook).0 == table).collect();
        if here.is_empty() || table == "nat" && family == Family::Ipv6 {
            continue;
        }
        let _ = writeln!(text, "*{table}");
        let mut named: Vec<(&str, bool)> = Vec::new();
        for chain in &here {
            let name = place(chain.hook).1;
            if !named.iter().any(|(n, _)| *n == name) {
                named.push((name, chain.drops));
            }
        }
        for (name, drops) in named {
            let policy = match (name, drops) {
                ("FTP", _) => "-",
                (_, true) => "DROP",
                (_, false) => "ACCEPT",
            };
            let _ = writeln!(text, ":{name} {policy} [0:0]");
        }
        for chain in here {
            for rule in &chain.rules {
                if let Some(line) = iptables_rules(rule, networks, family) {
                    let _ = writeln!(text, "-A {} {line}", place(chain.hook).1);
                }
            }
        }
        text.push_str("COMMIT\n");
    }
    text
}

fn place(hook: Hook) -> (&'static str, &'static str) {
    match hook {
        Hook::Raw | Hook::Helper => ("raw", "PREROUTING"),
        Hook::Dnat => ("nat", "PREROUTING"),
        Hook::Snat => ("nat", "POSTROUTING"),
        Hook::Input => ("filter", "INPUT"),
        Hook::Forward => ("filter", "FORWARD"),
        Hook::Output => ("filter", "OUTPUT"),
        Hook::Own => ("filter", "FTP"),
        Hook::Second(..) => ("none", ""),
    }
}

/// A rule: none where it is of the other family.
fn iptables_rules(rule: &Rule, networks: Networks, family: Family) -> Option<String> {
    let is_six = family == Family::Ipv6;
    let mut words = Vec::new();
    words.extend(rule.input.map(|i| format!("-i {i}")));
    words.extend(rule.output.map(|i| format!("-o {i}")));
    words.extend(networks.of(rule.from, family).map(|n| format!("-s {n}")));
    if let Some(to) = rule.to {
        if to.contains(':') != is_six {
            return None;
        }
        words.push(format!("-d {to}"));
    }
    if rule.icmp {
        words.push(if is_six { "-p ipv6-icmp" } else { "-p icmp" }.to_owned());
    }
    let side = if rule.by_source_port {
        "sport"
    } else {
        "dport"
    };
    match rule.ports[..] {
        [] if rule.does == Does::Reject => words.push("-p tcp".to_owned()),
        [] => {}
        [ports] => words.push(format!("-p tcp -m tcp --{side} {}", span(ports, ':'))),
        _ => {
            let ports: Vec<String> = rule.ports.iter().map(|p| span(*p, ':')).collect();
            words.push(format!("-p tcp -m multiport --{side}s {}", ports.join(",")));
        }
    }
    if !rule.states.is_empty() {
        let states = rule.states.join(",").to_uppercase();
        words.push(format!("-m conntrack --ctstate {states}"));
    }
    words.push(match rule.does {
        Does::Accept => "-j ACCEPT".to_owned(),
        Does::Drop => "-j DROP".to_owned(),
        Does::Reject => "-j REJECT --reject-with tcp-reset".to_owned(),
        Does::Return => "-j RETURN".to_owned(),
        Does::Jump => "-j FTP".to_owned(),
        Does::Notrack => "-j CT --notrack".to_owned(),
        Does::Help => "-j CT --helper ftp".to_owned(),
        Does::Dnat(None) => "-j DNAT --to-destination 10.77.0.21".to_owned(),
        Does::Dnat(Some(ports)) => {
            format!("-j DNAT --to-destination 10.77.0.21:{}", span(ports, '-'))
        }
        Does::DnatAway => "-j DNAT --to-destination 10.77.0.99".to_owned(),
        Does::Masquerade => "-j MASQUERADE".to_owned(),
    });
    Some(words.join(" "))
}

/// Which program holds the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Nft,
    Iptables(BackEnd),
    /// iptables' and, beside them, nft's second table.
    Both(BackEnd),
}

impl Way {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::Iptables(BackEnd::Nft) => "iptables-nft",
            Self::Iptables(BackEnd::Legacy) => "iptables-legacy",
            Self::Both(BackEnd::Nft) => "iptables-nft beside nft",
            Self::Both(BackEnd::Legacy) => "iptables-legacy beside nft",
        }
    }

    pub(crate) fn back_end(self) -> BackEnd {
        match self {
            Self::Nft => BackEnd::Nft,
            Self::Iptables(back_end) | Self::Both(back_end) => back_end,
        }
    }
}
