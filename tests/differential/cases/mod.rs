//! What the kernel does, by hand: each row a ruleset, a segment, and what becomes of it.

mod connections;
mod matches;
mod rejections;
mod translations;
mod undecided;
mod verdicts;

use std::fmt::Write as _;

use crate::lab::{Load, Refusal, Seen};
use crate::wire::Side;

/// A row.
pub(crate) struct Case {
    /// The kernel behaviour that it shows.
    pub(crate) name: &'static str,
    /// The rules.
    pub(crate) load: fn() -> Load,
    /// Where the SYN leaves from, its source, its destination.
    pub(crate) probe: (Side, &'static str, &'static str),
    /// What becomes of it.
    pub(crate) seen: fn() -> Seen,
}

/// A table of base chains: type, hook, priority and policy of each, and its rules.
fn table(family: &str, chains: &[(&str, &str)]) -> Load {
    let mut nft = format!("table {family} t {{\n");
    for (number, (base, rules)) in chains.iter().enumerate() {
        let _ = writeln!(nft, "chain c{number} {{\ntype {base};\n{rules}\n}}");
    }
    nft_text(&(nft + "}\n"))
}

/// The same with sets and further chains before.
fn table_with(family: &str, more: &str, chains: &[(&str, &str)]) -> Load {
    let load = table(family, chains);
    nft_text(&load.nft.replacen('\n', &format!("\n{more}\n"), 1))
}

fn nft_text(text: &str) -> Load {
    Load {
        nft: text.to_owned(),
        ..Load::default()
    }
}

/// A table of iptables-nft, IPv4: its name, policies and chains, rules.
fn iptables(table: &str, chains: &str, rules: &str) -> Load {
    Load {
        iptables_nft: [restore(table, chains, rules), String::new()],
        ..Load::default()
    }
}

/// The same of ip6tables.
fn ip6tables(table: &str, chains: &str, rules: &str) -> Load {
    Load {
        iptables_nft: [String::new(), restore(table, chains, rules)],
        ..Load::default()
    }
}

/// The same of iptables-legacy.
fn legacy(table: &str, chains: &str, rules: &str) -> Load {
    Load {
        iptables_legacy: [restore(table, chains, rules), String::new()],
        ..Load::default()
    }
}

fn restore(table: &str, chains: &str, rules: &str) -> String {
    format!("*{table}\n{chains}\n{rules}\nCOMMIT\n")
}

fn arrives(side: Side, source: &str, destination: &str) -> Seen {
    Seen::Arrived {
        side,
        source: source.parse().expect("a source"),
        destination: destination.parse().expect("a destination"),
    }
}

fn icmp(kind: u8, code: u8) -> Seen {
    Seen::Refused(Refusal::Icmp {
        v6: kind == 1,
        kind,
        code,
    })
}

const CLIENT: &str = "10.77.1.2:40000";
const CLIENT6: &str = "[2001:db8:1::2]:40000";
const ROUTER: &str = "10.77.1.1:40000";
const ROUTER6: &str = "[2001:db8:1::1]:40000";

/// Built-in chains of `filter` that accept, those of `nat`, of `mangle`, of `raw`.
const FILTER: &str = ":INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT";
const NAT: &str = ":PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT";

const INPUT: &str = "filter hook input priority 0";
const FORWARD: &str = "filter hook forward priority 0";
const FORWARD_DROP: &str = "filter hook forward priority 0; policy drop";
const PREROUTING: &str = "filter hook prerouting priority -150";
const DNAT: &str = "nat hook prerouting priority -100";
const SNAT: &str = "nat hook postrouting priority 100";
const OUTPUT_DNAT: &str = "nat hook output priority -100";

/// Rows of which the evaluation must say that it cannot tell.
pub(crate) fn undecided() -> impl Iterator<Item = &'static Case> {
    undecided::CASES.iter()
}

/// Rows on which the evaluation must agree with the kernel.
pub(crate) fn cases() -> impl Iterator<Item = &'static Case> {
    [
        verdicts::CASES,
        rejections::CASES,
        connections::CASES,
        matches::CASES,
        translations::CASES,
    ]
    .into_iter()
    .flatten()
}
