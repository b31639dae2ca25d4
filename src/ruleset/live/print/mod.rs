//! Rules as the tools of the host print them: in the words of `nft list ruleset` and of
//! `iptables-save`.
//!
//! Evidence in these words can be searched for in the output of those programs. It differs
//! from that where names are the host's, as those of interfaces that a rule has by their
//! number; in dates, which are in UTC; in the order of intervals in an anonymous set of
//! concatenations; and in what the model does not keep, such as the name of an ipset or
//! the options of `numgen`. `tests/live_ruleset/agreement.rs` lists what was met.

mod iptables;
mod nft;
#[cfg(test)]
mod tests;

use super::table::{Chain, Element, Maker, Rule, Set, Table, TableFamily};

pub use iptables::{Folded, fold};
pub use nft::Words;

/// A rule of the chain of that name: of a table of iptables as `iptables-save` prints it,
/// from `-A` on, of others as `nft list ruleset` does. A rule that iptables does not write,
/// in a table of iptables, is printed as nft prints it.
#[must_use]
pub fn rule(rule: &Rule, chain: &str, table: &Table) -> String {
    match table.maker {
        Maker::IptablesNft | Maker::IptablesLegacy => {
            let line = iptables::rule(rule, chain, table.family);
            line.unwrap_or_else(|| nft::rule(rule, table))
        }
        Maker::Nft => nft::rule(rule, table),
    }
}

/// A table, by the program that lists it and its name: `table inet filter`,
/// `iptables-nft filter`.
#[must_use]
pub fn table(table: &Table) -> String {
    let program = match (table.maker, table.family) {
        (Maker::IptablesLegacy, TableFamily::Ip6) => "ip6tables-legacy".to_owned(),
        (Maker::IptablesLegacy, _) => "iptables-legacy".to_owned(),
        (Maker::IptablesNft, TableFamily::Ip6) => "ip6tables-nft".to_owned(),
        (Maker::IptablesNft, _) => "iptables-nft".to_owned(),
        (Maker::Nft, family) => format!("table {}", family.name()),
    };
    format!("{program} {}", table.name)
}

/// A chain of a table, in the same words: `table inet filter, chain input`.
#[must_use]
pub fn place(table: &Table, chain: &Chain) -> String {
    format!("{}, chain {}", self::table(table), chain.name)
}

/// An element of a named set or map as `nft list ruleset` prints it.
#[must_use]
pub fn element(element: &Element, set: &Set) -> String {
    nft::element(element, set)
}
