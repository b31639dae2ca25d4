//! Guests in chains of native tables: accepts of ours where another table drops what a
//! profile needs.

use crate::model::filter::{Demand, Rule};
use crate::model::net::Family;
use crate::plan::placed::Dropped;
use crate::render::native;
use crate::ruleset::change::{ChainAt, Operation};
use crate::ruleset::live::table::{Maker, TableFamily};
use crate::ruleset::live::{self, Ruleset};
use crate::ruleset::placement::PlacementError;

use super::ours::is_tagged;

/// Where guests stand, or must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guests {
    /// The number of the table.
    pub(super) table: usize,
    /// The number of the chain in it.
    pub(super) chain: usize,
    /// Each with the number of the foreign rule that it comes before, counted without ours.
    pub(super) rules: Vec<(usize, live::Rule)>,
}

/// A chain drops what a rule is for, and there is no place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPlace {
    /// The rule that cannot be placed.
    pub rule: Rule,
    /// The table and chain, by their numbers in the ruleset.
    pub base: (usize, usize),
    /// The family of the packets.
    pub family: Family,
    /// Why not.
    pub why: PlacementError,
}

/// The guests that native tables need.
///
/// # Errors
/// [`NoPlace`] for the first rule that has none.
pub(super) fn wanted(dropped: &[Dropped], others: &Ruleset) -> Result<Vec<Guests>, Box<NoPlace>> {
    let mut all: Vec<Guests> = Vec::new();
    for drop in dropped {
        let Some(table) = others.tables.get(drop.base.0) else {
            continue;
        };
        if table.maker != Maker::Nft {
            continue;
        }
        let placement = match &drop.placed {
            Ok(placement) => placement,
            // Whether replies get through is judged afterwards.
            Err(_) if drop.rule.demand == Demand::WhereDropped => continue,
            Err(_) if !drop.rule.is_required() => continue,
            Err(why) => {
                return Err(Box::new(NoPlace {
                    rule: drop.rule.clone(),
                    base: drop.base,
                    family: drop.family,
                    why: why.clone(),
                }));
            }
        };
        let at = &placement.position;
        for rule in native::guests(&narrowed(dropped, drop), table.family) {
            add(&mut all, (at.table, at.chain), (at.index, rule));
        }
    }
    for guests in &mut all {
        guests.rules.sort_by_key(|(index, _)| *index);
    }
    Ok(all)
}

/// The rule for the families that the same place is right for: in a table of both, one
/// guest serves both.
fn narrowed(dropped: &[Dropped], drop: &Dropped) -> Rule {
    let place = |d: &Dropped| d.placed.as_ref().ok().map(|p| p.position);
    let alike = dropped.iter().filter(|other| {
        std::ptr::eq(other.rule, drop.rule)
            && other.base == drop.base
            && place(other) == place(drop)
    });
    Rule {
        families: alike.map(|other| other.family).collect(),
        ..drop.rule.clone()
    }
}

/// Adds a guest, once.
fn add(all: &mut Vec<Guests>, (table, chain): (usize, usize), guest: (usize, live::Rule)) {
    let known = all
        .iter()
        .position(|g| (g.table, g.chain) == (table, chain));
    let at = known.unwrap_or_else(|| {
        all.push(Guests {
            table,
            chain,
            rules: Vec::new(),
        });
        all.len() - 1
    });
    if !all[at].rules.contains(&guest) {
        all[at].rules.push(guest);
    }
}

/// The steps from the guests that are there to those that are wanted. `wanted` counts in
/// `others`, the ruleset without ours.
pub(super) fn operations(ruleset: &Ruleset, others: &Ruleset, wanted: &[Guests]) -> Vec<Operation> {
    let mut operations = Vec::new();
    for table in ruleset.tables.iter().filter(|t| is_native(t)) {
        let other = others.tables.iter().position(|o| {
            o.maker == Maker::Nft && o.family == table.family && o.name == table.name
        });
        for (number, chain) in table.chains.iter().enumerate() {
            let place = other.map(|other| (other, number));
            let wanted = wanted.iter().find(|g| Some((g.table, g.chain)) == place);
            let wanted = wanted.map_or(&[][..], |guests| &guests.rules);
            let at = ChainAt {
                family: table.family,
                table: table.name.clone(),
                chain: chain.name.clone(),
            };
            operations.extend(of_chain(chain, &at, wanted));
        }
    }
    operations
}

/// The steps that bring the guests back that were there `before`, each before the same
/// rule as it was, as far as that is there.
pub(super) fn put_back(now: &Ruleset, before: &Ruleset) -> Vec<Operation> {
    let mut operations = Vec::new();
    for table in now.tables.iter().filter(|t| is_native(t)) {
        let was =
            |t: &&live::Table| is_native(t) && (t.family, &t.name) == (table.family, &table.name);
        let old = before.tables.iter().find(was);
        for chain in &table.chains {
            let old = old.and_then(|t| t.chains.iter().find(|c| c.name == chain.name));
            let wanted = old.map(|old| as_before(chain, old)).unwrap_or_default();
            let at = ChainAt {
                family: table.family,
                table: table.name.clone(),
                chain: chain.name.clone(),
            };
            operations.extend(of_chain(chain, &at, &wanted));
        }
    }
    operations
}

fn as_before(chain: &live::Chain, old: &live::Chain) -> Vec<(usize, live::Rule)> {
    let foreign: Vec<u64> = chain
        .rules
        .iter()
        .filter(|r| !is_tagged(r))
        .map(|r| r.handle)
        .collect();
    let place = |number: usize| {
        let mut behind = old.rules.iter().skip(number).filter(|r| !is_tagged(r));
        behind
            .find_map(|r| foreign.iter().position(|handle| *handle == r.handle))
            .unwrap_or(foreign.len())
    };
    let tagged = old.rules.iter().enumerate().filter(|(_, r)| is_tagged(r));
    tagged
        .map(|(number, rule)| (place(number), rule.clone()))
        .collect()
}

fn is_native(table: &live::Table) -> bool {
    let families = [TableFamily::Inet, TableFamily::Ip, TableFamily::Ip6];
    table.maker == Maker::Nft
        && families.contains(&table.family)
        && !super::ours::is_own_table(table)
}

fn of_chain(chain: &live::Chain, at: &ChainAt, wanted: &[(usize, live::Rule)]) -> Vec<Operation> {
    let foreign: Vec<&live::Rule> = chain.rules.iter().filter(|r| !is_tagged(r)).collect();
    let mut present = Vec::new();
    let mut before = 0;
    for rule in &chain.rules {
        if is_tagged(rule) {
            present.push((before, rule));
        } else {
            before += 1;
        }
    }
    let same = present.len() == wanted.len()
        && present
            .iter()
            .zip(wanted)
            .all(|((i, rule), (j, want))| i == j && is_like(rule, want));
    if same {
        return Vec::new();
    }
    let deletions = present.iter().map(|(_, rule)| Operation::DeleteRule {
        at: at.clone(),
        handle: rule.handle,
    });
    let insertions = wanted.iter().map(|(index, rule)| Operation::InsertRule {
        at: at.clone(),
        before: foreign.get(*index).map(|rule| rule.handle),
        rule: rule.clone(),
    });
    deletions.chain(insertions).collect()
}

/// The same but for the handle and what was counted.
fn is_like(one: &live::Rule, other: &live::Rule) -> bool {
    let plain = |rule: &live::Rule| {
        let mut rule = rule.clone();
        rule.handle = 0;
        uncount(&mut rule);
        rule
    };
    plain(one) == plain(other)
}

/// Forgets what a rule counted.
pub(super) fn uncount(rule: &mut live::Rule) {
    for expression in &mut rule.expressions {
        if let live::Expression::Counter { packets, bytes } = expression {
            (*packets, *bytes) = (0, 0);
        }
    }
}
