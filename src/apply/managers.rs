//! Where a rule of ours would not last, or would not last in its place, because another
//! program manages the firewall: [`crate::ruleset::owner`] knows whose a chain is.

use crate::model::filter::{Demand, Rule};
use crate::plan::Plan;
use crate::plan::placed::Dropped;
use crate::ruleset::live::Ruleset;
use crate::ruleset::live::table::Maker;
use crate::ruleset::owner::{Manager, is_firewalld, is_owned, manager};

use super::ours::tag;

/// Guests that would stand in a table of another program's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPlaceInOwned {
    /// The table and chain, by numbers.
    pub base: (usize, usize),
    /// The rules that are needed there.
    pub rules: Vec<Rule>,
}

/// Takes apart what a table of another program's own drops. What of that is needed is
/// known where the whole way of the packets is, as firewalld lets through what this host
/// translates; but a step for an iptables program would put guests into its tables.
///
/// # Errors
/// Where those are of iptables.
pub(super) fn owned<'a>(
    dropped: Vec<Dropped<'a>>,
    others: &Ruleset,
) -> Result<(Vec<Dropped<'a>>, Option<NoPlaceInOwned>), Box<NoPlaceInOwned>> {
    let table = |d: &Dropped| others.tables.get(d.base.0);
    let (in_owned, rest): (Vec<_>, Vec<_>) = dropped
        .into_iter()
        .partition(|d| table(d).is_some_and(is_owned));
    let of_firewalld = |d: &Dropped| table(d).is_some_and(is_firewalld);
    let needed = || in_owned.iter().filter(|d| d.rule.demand == Demand::Always);
    let Some(first) = needed().next() else {
        return Ok((rest, None));
    };
    // All of firewalld's tables are told about together.
    let is_alike = |d: &&Dropped| d.base == first.base || of_firewalld(first) && of_firewalld(d);
    let mut rules = Vec::new();
    for dropped in needed().filter(is_alike) {
        if !rules.contains(dropped.rule) {
            rules.push(dropped.rule.clone());
        }
    }
    let owned = NoPlaceInOwned {
        base: first.base,
        rules,
    };
    if table(first).is_some_and(|t| t.maker == Maker::Nft) {
        Ok((rest, Some(owned)))
    } else {
        Err(Box::new(owned))
    }
}

/// Guests that ufw takes out when it starts anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleeting {
    /// The chains of ufw's that they stand in.
    pub chains: Vec<String>,
    /// What they are there for.
    pub rules: Vec<Rule>,
}

/// The guests in chains of ufw's; `None`: there is none.
pub(super) fn fleeting(plan: &Plan, after: &Ruleset) -> Option<Fleeting> {
    let mut found = Fleeting {
        chains: Vec::new(),
        rules: Vec::new(),
    };
    let tables = after.tables.iter().filter(|t| t.maker != Maker::Nft);
    for (table, chain) in tables.flat_map(|t| t.chains.iter().map(move |c| (t, c))) {
        let is_ufw = manager(table, chain) == Some(Manager::Ufw);
        let comments = chain.rules.iter().filter_map(|r| r.comment.as_deref());
        for (profile, name) in comments.filter(|_| is_ufw).filter_map(tag) {
            if !found.chains.contains(&chain.name) {
                found.chains.push(chain.name.clone());
            }
            let meant = |r: &&Rule| r.profile == profile && r.name == name;
            for rule in plan.rules().filter(meant) {
                if !found.rules.contains(rule) {
                    found.rules.push(rule.clone());
                }
            }
        }
    }
    (!found.chains.is_empty()).then_some(found)
}
