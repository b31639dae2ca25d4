//! The rules of ours that are loaded, each with a way to take it out.

use crate::support::BackEnd;
use crate::support::netns::Namespace;
use crate::support::rules::{nft, restore, save};

/// What the rules stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Our own table, and guests in a native table that drops.
    Native,
    /// Our chains beside those that drop.
    Iptables(BackEnd),
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [
        Self::Native,
        Self::Iptables(BackEnd::Nft),
        Self::Iptables(BackEnd::Legacy),
    ];

    /// For `--backend`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Native => "nft",
            Self::Iptables(BackEnd::Nft) => "iptables-nft",
            Self::Iptables(BackEnd::Legacy) => "iptables-legacy",
        }
    }

    /// Which iptables the host has.
    pub(crate) fn beside(self) -> BackEnd {
        match self {
            Self::Native => BackEnd::Nft,
            Self::Iptables(back_end) => back_end,
        }
    }

    /// A host that drops everything, stateless: what the profile needs must be ours.
    /// IPv6 cannot do without neighbour discovery.
    pub(crate) fn drop_all(self, host: &Namespace) {
        match self {
            Self::Native => nft(host, STRICT),
            Self::Iptables(back_end) => {
                let neighbours = ["solicitation", "advertisement"].map(|kind| {
                    let found =
                        format!("-p ipv6-icmp -m icmp6 --icmpv6-type neighbour-{kind} -j ACCEPT");
                    format!("-A INPUT {found}\n-A OUTPUT {found}\n")
                });
                for (iptables, more) in [("iptables", ""), ("ip6tables", &*neighbours.concat())] {
                    let text = STRICT_IPTABLES.replace("COMMIT", &format!("{more}COMMIT"));
                    restore(host, &back_end.program(iptables, "restore"), &[], &text);
                }
            }
        }
    }

    /// The rules of ours, in the order in which they are listed.
    pub(crate) fn rules(self, host: &Namespace) -> Vec<Loaded> {
        match self {
            Self::Native => {
                let listing = host.run("nft -a list ruleset");
                let mut rules = native(&listing);
                rules.extend(elements(&listing));
                rules
            }
            Self::Iptables(back_end) => ["iptables", "ip6tables"]
                .into_iter()
                .flat_map(|iptables| {
                    let text = save(host, &back_end.program(iptables, "save"), &[]);
                    of_iptables(iptables, back_end, &text)
                })
                .collect(),
        }
    }

    /// All rules of the host, to be loaded again.
    pub(crate) fn saved(self, host: &Namespace) -> Saved {
        match self {
            Self::Native => Saved(vec![(
                "nft".into(),
                format!("flush ruleset\n{}", host.run("nft list ruleset")),
            )]),
            Self::Iptables(back_end) => Saved(
                ["iptables", "ip6tables"]
                    .into_iter()
                    .map(|iptables| {
                        let text = save(host, &back_end.program(iptables, "save"), &[]);
                        (back_end.program(iptables, "restore"), text)
                    })
                    .collect(),
            ),
        }
    }
}

/// A host's rules as text, by the program that loads them.
pub(crate) struct Saved(Vec<(String, String)>);

impl Saved {
    /// Everything as it was.
    pub(crate) fn load(&self, host: &Namespace) {
        for (program, text) in &self.0 {
            if program == "nft" {
                nft(host, text);
            } else {
                restore(host, program, &[], text);
            }
        }
    }

    /// As it was listed.
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// The rules, whatever they counted.
    pub(crate) fn plain(&self) -> String {
        uncounted(&self.text())
    }
}

/// The words of rules without what they counted.
fn uncounted(text: &str) -> String {
    let mut plain = String::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if matches!(word, "packets" | "bytes") {
            words.next();
        } else if !word.starts_with('[') {
            plain += word;
            plain.push(' ');
        }
    }
    plain
}

/// A loaded rule of ours.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// The profile that it is of; empty: it serves several.
    pub(crate) profile: String,
    /// The rule's name in the plan.
    pub(crate) name: String,
    /// Its program, table and chain.
    pub(crate) chain: String,
    /// The same of the chain of ours that it jumps to.
    pub(crate) leads_to: Option<String>,
    /// As it is listed.
    pub(crate) text: String,
    /// It accepts where nothing drops: it is there for its counter.
    pub(crate) counts_only: bool,
    /// Packets it saw.
    pub(crate) packets: u64,
    /// The command line that takes it out.
    pub(crate) deletion: String,
}

const STRICT: &str = "table inet strict {
    chain input {
        type filter hook input priority 0; policy drop;
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    }
    chain forward {
        type filter hook forward priority 0; policy drop;
    }
    chain output {
        type filter hook output priority 0; policy drop;
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    }
}
";

const STRICT_IPTABLES: &str = "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
COMMIT
";

/// Of `nft -a list ruleset`: its `ftpnat:PROFILE:RULE` comments, with table, chain and handle.
fn native(listing: &str) -> Vec<Loaded> {
    let (mut table, mut chain) = ("", "");
    let mut rules = Vec::new();
    for line in listing.lines().map(str::trim) {
        let before_brace = || line.split(" {").next().unwrap_or_default();
        if line.starts_with("table ") {
            table = before_brace().trim_start_matches("table ");
        } else if line.starts_with("chain ") {
            chain = before_brace().trim_start_matches("chain ");
        }
        let Some((rule, handle)) = line.split_once(" # handle ") else {
            continue;
        };
        let Some((profile, name)) = rule_name(rule) else {
            continue;
        };
        let packets = rule.split("counter packets ").nth(1);
        let packets = packets.and_then(|rest| rest.split(' ').next()?.parse().ok());
        rules.push(Loaded {
            profile,
            name,
            chain: format!("{table} {chain}"),
            leads_to: None,
            text: format!("{table} {chain}: {rule}"),
            counts_only: table == "inet ftpnat" && chain.starts_with("filter_"),
            packets: packets.unwrap_or(0),
            deletion: format!("nft delete rule {table} {chain} handle {handle}"),
        });
    }
    rules
}

/// Of `iptables-save`: our rules by their comments.
fn of_iptables(iptables: &str, back_end: BackEnd, saved: &str) -> Vec<Loaded> {
    let mut table = "";
    let mut rules = Vec::new();
    for line in saved.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name;
        }
        let Some(rule) = line.strip_prefix("-A ") else {
            continue;
        };
        let Some((profile, name)) = rule_name(rule) else {
            continue;
        };
        let chain = |chain: &str| format!("{iptables} {table} {chain}");
        let target = rule.split_once("-j FTPNAT-");
        rules.push(Loaded {
            profile,
            name,
            chain: chain(rule.split(' ').next().unwrap_or_default()),
            leads_to: target.map(|(_, rest)| chain(&format!("FTPNAT-{rest}"))),
            text: format!("{iptables} {table}: {rule}"),
            counts_only: false,
            packets: 0,
            deletion: format!(
                "{}-{} -w -t {table} -D {}",
                iptables,
                back_end.word(),
                rule.replace('"', "")
            ),
        });
    }
    rules
}

/// The elements of our maps, of `nft -a list ruleset`: each does what a rule did.
fn elements(listing: &str) -> Vec<Loaded> {
    let mut found = Vec::new();
    for map in listing.split("\tmap ").skip(1) {
        let name = map.split(' ').next().unwrap_or_default();
        let text = map.split("\n\t}").next().unwrap_or_default();
        let Some((_, text)) = text.split_once("elements = { ") else {
            continue;
        };
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(" comment \"") {
            let key = before.rsplit(',').next().unwrap_or(before).trim();
            if let Some((profile, rule)) = rule_name(after) {
                found.push(Loaded {
                    profile,
                    name: rule,
                    chain: format!("map {name}"),
                    leads_to: None,
                    text: format!("map {name}: {key}"),
                    counts_only: false,
                    packets: 0,
                    deletion: format!("nft 'delete element inet ftpnat {name} {{ {key} }}'"),
                });
            }
            rest = after;
        }
    }
    found
}

/// The profile and the rule of `ftpnat:PROFILE:RULE`.
fn rule_name(rule: &str) -> Option<(String, String)> {
    let comment = rule.split("ftpnat:").nth(1)?;
    let (profile, name) = comment.split_once(':')?;
    Some((
        profile.to_owned(),
        name.split(['"', ' ']).next()?.to_owned(),
    ))
}

impl Loaded {
    /// Whether another rule does the same in the same chain, for another profile.
    pub(crate) fn is_twin_of(&self, other: &Self) -> bool {
        let plain = |rule: &Self| {
            let tag = format!("ftpnat:{}:", rule.profile);
            uncounted(&rule.text.replace(&tag, "ftpnat:"))
        };
        self.profile != other.profile && plain(self) == plain(other)
    }
}
