//! What an iptables-nft program made of tables and base chains to put our rules in, and
//! how it is taken away again.
//!
//! iptables-nft makes a table and a base chain with the first rule for it, and leaves
//! both when the last rule goes. `iptables-save` cannot tell: it prints every built-in
//! chain of a table, made or not. Tables of iptables-legacy stay once they are in force:
//! nothing but unloading its modules takes them away.

use std::fmt::Write as _;

use super::change::Operation;
use super::live::table::{Chain, Policy, TableFamily};
use super::live::{Ruleset, Table};
use crate::model::net::Family;

/// The tables that iptables-nft has.
const TABLES: [&str; 5] = ["raw", "mangle", "nat", "filter", "security"];

/// A table, or a base chain in a table that was there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Made {
    /// Whose.
    pub family: Family,
    /// The table's name.
    pub table: String,
    /// The base chain's name; `None`: the whole table was made.
    pub chain: Option<String>,
}

impl Made {
    /// What is written down of it: `ip raw`, or `ip filter INPUT` for a chain.
    #[must_use]
    pub fn words(&self) -> String {
        let family = match self.family {
            Family::Ipv4 => "ip",
            Family::Ipv6 => "ip6",
        };
        let chain = self.chain.as_ref().map(|name| format!(" {name}"));
        format!("{family} {}{}", self.table, chain.unwrap_or_default())
    }

    /// Reads [`Made::words`]; `None` where it is not about a table of iptables.
    #[must_use]
    pub fn parse(words: &str) -> Option<Self> {
        let mut words = words.split(' ');
        let family = match words.next()? {
            "ip" => Family::Ipv4,
            "ip6" => Family::Ipv6,
            _ => return None,
        };
        let table = words.next().filter(|name| TABLES.contains(name))?;
        let chain = words.next();
        let is_built_in = chain.is_none_or(|chain| super::native::built_in(table, chain).is_some());
        (is_built_in && words.next().is_none()).then(|| Self {
            family,
            table: table.to_owned(),
            chain: chain.map(str::to_owned),
        })
    }

    /// Whether it is there.
    #[must_use]
    pub fn is_in(&self, ruleset: &Ruleset) -> bool {
        let table = find(ruleset, self.family, &self.table);
        table.is_some_and(|table| {
            let is_there = |name: &String| table.chains.iter().any(|c| c.name == *name);
            self.chain.as_ref().is_none_or(is_there)
        })
    }
}

/// How it is taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unmaking {
    /// Tables to be deleted, by netlink.
    pub tables: Vec<Operation>,
    /// For `iptables-nft-restore --noflush` of the family: base chains to be deleted,
    /// which 1.8.8 and newer can.
    pub chains: Vec<(Family, String)>,
}

/// The tables and base chains of iptables-nft that `after` has and `before` has not, and
/// that are not of ours: to be read from the kernel before and after a step.
#[must_use]
pub fn made(before: &Ruleset, after: &Ruleset) -> Vec<Made> {
    let mut made = Vec::new();
    for (family, table) in iptables_tables(after) {
        let made_one = |chain: Option<&str>| Made {
            family,
            table: table.name.clone(),
            chain: chain.map(str::to_owned),
        };
        match find(before, family, &table.name) {
            None => made.push(made_one(None)),
            Some(was) => {
                let is_new = |c: &&Chain| {
                    c.base.is_some() && !was.chains.iter().any(|old| old.name == c.name)
                };
                let chains = table.chains.iter().filter(is_new);
                made.extend(chains.map(|c| made_one(Some(&c.name))));
            }
        }
    }
    made
}

/// How what was made is taken out of the ruleset as it is now, as far as nobody uses it:
/// tables that hold nothing but base chains, and base chains without rules, whose policy
/// is to accept.
#[must_use]
pub fn unmake(now: &Ruleset, made: &[Made]) -> Unmaking {
    let mut unmaking = Unmaking::default();
    for made in made {
        let Some(table) = find(now, made.family, &made.table) else {
            continue;
        };
        match &made.chain {
            None if is_unused(table) => unmaking.tables.push(Operation::DeleteTable {
                family: table.family,
                name: table.name.clone(),
            }),
            None => {}
            Some(name) => {
                let chain = table.chains.iter().find(|c| c.name == *name);
                if chain.is_some_and(does_nothing) {
                    let mut text = String::new();
                    let _ = writeln!(text, "*{}\n-X {name}\nCOMMIT", table.name);
                    unmaking.chains.push((made.family, text));
                }
            }
        }
    }
    unmaking
}

fn iptables_tables(ruleset: &Ruleset) -> impl Iterator<Item = (Family, &Table)> {
    ruleset.tables.iter().filter_map(|table| {
        let family = match table.family {
            TableFamily::Ip => Family::Ipv4,
            TableFamily::Ip6 => Family::Ipv6,
            TableFamily::Inet | TableFamily::Arp | TableFamily::Bridge | TableFamily::Netdev => {
                return None;
            }
        };
        let is_one = table.is_in_nf_tables() && TABLES.contains(&table.name.as_str());
        is_one.then_some((family, table))
    })
}

fn find<'a>(ruleset: &'a Ruleset, family: Family, name: &str) -> Option<&'a Table> {
    iptables_tables(ruleset)
        .find(|(of, table)| *of == family && table.name == name)
        .map(|(_, table)| table)
}

fn is_unused(table: &Table) -> bool {
    table.chains.iter().all(does_nothing)
        && table.sets.is_empty()
        && table.objects.is_empty()
        && table.flowtables.is_empty()
}

fn does_nothing(chain: &Chain) -> bool {
    let accepts = |base: &super::live::table::Base| base.policy == Policy::Accept;
    chain.rules.is_empty() && chain.base.as_ref().is_some_and(accepts)
}
