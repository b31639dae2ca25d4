//! What of a ruleset is ours: recognised by names and comments, without any record.

use std::collections::BTreeSet;

use crate::render::restore;
use crate::ruleset::live::table::{Maker, Policy, TableFamily};
use crate::ruleset::live::{Chain, Rule, Ruleset, Table};
use crate::ruleset::owner::leads_to;

/// The name of our own tables of `nf_tables`.
const TABLE: &str = "ftpnat";

/// Whether a table of `nf_tables` is one of our own.
#[must_use]
pub fn is_own_table(table: &Table) -> bool {
    let families = [TableFamily::Inet, TableFamily::Ip, TableFamily::Ip6];
    table.name == TABLE && table.is_in_nf_tables() && families.contains(&table.family)
}

/// A table of the name of our own that holds something, and nothing of ours.
#[must_use]
pub fn of_others(ruleset: &Ruleset) -> Option<&Table> {
    ruleset.tables.iter().find(|table| {
        let rules = || table.chains.iter().flat_map(|chain| &chain.rules);
        let elements = || table.sets.iter().flat_map(|set| &set.elements);
        let is_ours = |comment: &Option<String>| comment.as_deref().and_then(tag).is_some();
        let drops = |chain: &Chain| {
            let base = chain.base.as_ref();
            base.is_some_and(|base| base.policy == Policy::Drop)
        };
        is_own_table(table)
            && (table.chains.iter().any(drops)
                || rules().next().is_some()
                || elements().next().is_some())
            && !rules().any(is_tagged)
            && !elements().any(|element| is_ours(&element.comment))
    })
}

/// A comment of ours, `ftpnat:PROFILE:RULE`, taken apart; the profile is empty where the
/// rule serves all of them.
#[must_use]
pub fn tag(comment: &str) -> Option<(&str, &str)> {
    comment.strip_prefix("ftpnat:")?.split_once(':')
}

/// Whether a rule is ours, by its comment.
#[must_use]
pub fn is_tagged(rule: &Rule) -> bool {
    rule.comment.as_deref().and_then(tag).is_some()
}

/// The ruleset as it would be without us.
#[must_use]
pub fn without_ours(ruleset: &Ruleset) -> Ruleset {
    let mut others = ruleset.clone();
    others.tables.retain(|table| !is_own_table(table));
    for table in &mut others.tables {
        // A native chain of that name is somebody else's, and so is what leads there.
        let of_iptables = table.maker != Maker::Nft;
        if of_iptables {
            table.chains.retain(|chain| !is_named_ours(chain));
        }
        for chain in &mut table.chains {
            chain
                .rules
                .retain(|rule| !(is_tagged(rule) || of_iptables && leads_to_ours(rule)));
        }
    }
    others
}

/// Whether anything of ours stands in a table that is not ours.
#[must_use]
pub fn has_ours(table: &Table) -> bool {
    let chains = &table.chains;
    !is_own_table(table)
        && chains
            .iter()
            .any(|c| is_own_chain(table, c) || c.rules.iter().any(is_tagged))
}

/// The names of the profiles that rules of ours are of.
#[must_use]
pub fn profiles(ruleset: &Ruleset) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for table in &ruleset.tables {
        let rules = table.chains.iter().flat_map(|chain| &chain.rules);
        let elements = table
            .sets
            .iter()
            .filter(|_| is_own_table(table))
            .flat_map(|set| &set.elements);
        let comments = rules
            .map(|rule| &rule.comment)
            .chain(elements.map(|element| &element.comment));
        for (profile, _) in comments.filter_map(|comment| tag(comment.as_deref()?)) {
            if !profile.is_empty() {
                names.insert(profile.to_owned());
            }
        }
    }
    names
}

/// Whether a chain of a table of iptables is one of our own.
#[must_use]
pub fn is_own_chain(table: &Table, chain: &Chain) -> bool {
    table.maker != Maker::Nft && is_named_ours(chain)
}

fn is_named_ours(chain: &Chain) -> bool {
    restore::is_ours(&chain.name)
}

fn leads_to_ours(rule: &Rule) -> bool {
    leads_to(rule).is_some_and(|chain| restore::is_ours(chain))
}
