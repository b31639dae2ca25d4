//! What `apply` and `remove` load with `iptables-restore --noflush`: a step that changes
//! ours and names nothing else, and the ruleset as it is afterwards.
//!
//! A merged text ([`super::onto`]) would undo whatever came between its save and its
//! load; a step cannot. Its insertions go by number, so a rule that came in the meantime
//! can move ours by one: the caller reads back and compares with [`Step::after`], and
//! asks for another step where that differs.
//!
//! Whatever changes a table by iptables-legacy, be it one `-A`, sets the counters of its
//! policies to 0; those of rules stay.

use crate::model::net::Family;
use crate::plan::Plan;
use crate::ruleset::save::{Save, SavedRule, Table};

use super::super::iptables::{Line, lines};
use super::difference::difference;
use super::join::joined;
use super::merge::{Merge, put_guests};
use super::{NoPlace, Onto, TABLES, by_chain, is_ours, is_rule_of_ours, outside};

/// A change of one family's tables of one back end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Whose tables.
    pub family: Family,
    /// For `iptables-restore --noflush`. Each table is changed at once, but one after the
    /// other: where one is refused, those before it stay changed ([`back`] undoes them).
    pub text: String,
    /// The ruleset as it is afterwards, to be compared by [`Save::difference`].
    pub after: Save,
    /// Sentences for the administrator.
    pub warnings: Vec<String>,
}

/// All of the plan's rules in chains of ours, in the tables `raw`, `nat` and `filter`,
/// with the jumps to them where [`super::onto`] has them. What profiles that the plan
/// does not have left installed stays. `None`: it is as it should be.
///
/// # Errors
/// [`NoPlace`], as [`super::onto`].
pub fn own(
    save: &Save,
    plan: &Plan,
    family: Family,
    known: Onto<'_>,
) -> Result<Option<Step>, NoPlace> {
    let ours: Vec<Line> = plan.rules().flat_map(|r| lines(r, family)).collect();
    let named = names(plan);
    let outside = |profile: &str| outside(plan, profile, known.outside);
    let mut after = save.clone();
    let mut warnings = Vec::new();
    for name in table_names(save, &TABLES) {
        let wanted: Vec<&Line> = ours.iter().filter(|l| l.table == name).collect();
        let there = save.table(&name);
        let has_ours = there.is_some_and(has_ours);
        if wanted.is_empty() && !has_ours {
            continue;
        }
        let empty = Table {
            name,
            ..Table::default()
        };
        let table = there.unwrap_or(&empty);
        let is_staying_guest = |rule: &SavedRule| {
            let of = rule.profile().filter(|p| !p.is_empty());
            !is_ours(&rule.chain) && of.is_some_and(|p| !named.contains(&p))
        };
        let (staying, placeable) = apart(table, &is_staying_guest);
        let merged =
            Merge::new(&placeable, family, &named, &wanted).place(&outside, known.routes)?;
        put(&mut after, joined(&staying, &merged.table()));
        warnings.extend(merged.warnings);
    }
    Ok(step(save, after, family, warnings))
}

/// Guests alone: accepts in the chains of `filter` that drop what the plan needs, and
/// nothing anywhere else; what chains of ours hold for the plan's profiles goes. For a
/// host on which the rest of the plan is in our own table of `nf_tables`. `None`: it is
/// as it should be.
///
/// # Errors
/// [`NoPlace`], as [`super::onto`].
pub fn guests(
    save: &Save,
    plan: &Plan,
    family: Family,
    known: Onto<'_>,
) -> Result<Option<Step>, NoPlace> {
    let ours: Vec<Line> = plan.rules().flat_map(|r| lines(r, family)).collect();
    let named = names(plan);
    let outside = |profile: &str| outside(plan, profile, known.outside);
    let mut after = without(save, Some(&named));
    let mut warnings = Vec::new();
    for staying in after.tables.iter_mut().filter(|t| t.name == "filter") {
        let wanted: Vec<&Line> = ours.iter().filter(|l| l.table == staying.name).collect();
        let (_, mut bare) = apart(staying, &is_rule_of_ours);
        warnings.extend(put_guests(
            &mut bare,
            family,
            &wanted,
            &outside,
            known.routes,
        )?);
        *staying = joined(staying, &bare);
    }
    Ok(step(save, after, family, warnings))
}

/// Takes out what is ours: all of it, or what serves the profiles of these names. `None`:
/// nothing of that is there.
#[must_use]
pub fn removal(save: &Save, names: Option<&[&str]>, family: Family) -> Option<Step> {
    step(save, without(save, names), family, Vec::new())
}

/// Puts ours back to what it was in `before`, in the ruleset as it is `now`. Where rules
/// of others came or went, ours stand before the same rule as they did, as far as it is
/// there. `None`: ours is as it was.
#[must_use]
pub fn back(now: &Save, before: &Save, family: Family) -> Option<Step> {
    let mut after = without(now, None);
    for old in before.tables.iter().filter(|t| has_ours(t)) {
        let mut table = after.table(&old.name).cloned().unwrap_or_else(|| Table {
            name: old.name.clone(),
            ..Table::default()
        });
        put_back(&mut table, old);
        put(&mut after, table);
    }
    step(now, after, family, Vec::new())
}

/// The tables that hold something of ours, as they are.
#[must_use]
pub fn tables_with_ours(save: &Save) -> Save {
    let tables = save.tables.iter().filter(|table| has_ours(table));
    Save {
        tables: tables.cloned().collect(),
    }
}

impl Step {
    /// The same step from `save` on stub chains: every rule that is not ours is one
    /// without conditions and without a target, so that it can be tried where what those
    /// rules name is not there. Gives the ruleset before and after it.
    #[must_use]
    pub fn on_stubs(&self, save: &Save) -> (Save, Save) {
        (stubs(save), stubs(&self.after))
    }
}

fn stubs(save: &Save) -> Save {
    let mut save = save.clone();
    for table in &mut save.tables {
        for rule in table.rules.iter_mut().filter(|r| !is_rule_of_ours(r)) {
            rule.words.clear();
            rule.line = format!("-A {}", rule.chain);
        }
    }
    save
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.profiles.iter().map(|p| p.name.as_str()).collect()
}

fn has_ours(table: &Table) -> bool {
    table.chains.iter().any(|c| is_ours(&c.name)) || table.rules.iter().any(is_rule_of_ours)
}

/// `first`, then what else was saved.
fn table_names(save: &Save, first: &[&str]) -> Vec<String> {
    let saved = save.tables.iter().map(|t| t.name.as_str());
    let others = saved.filter(|name| !first.contains(name));
    let all = first.iter().copied().chain(others);
    all.map(str::to_owned).collect()
}

fn put(save: &mut Save, table: Table) {
    match save.tables.iter_mut().find(|t| t.name == table.name) {
        Some(there) => *there = table,
        None => save.tables.push(table),
    }
}

fn step(save: &Save, after: Save, family: Family, warnings: Vec<String>) -> Option<Step> {
    let text: String = table_names(&after, &TABLES)
        .iter()
        .filter_map(|name| {
            let empty = Table::default();
            difference(save.table(name).unwrap_or(&empty), after.table(name)?)
        })
        .collect();
    (!text.is_empty()).then_some(Step {
        family,
        text,
        after,
        warnings,
    })
}

/// Twice the rules of others: with those of ours that stay as they are, and with the rest
/// of ours. What is placed anew is placed as if the former were not there: it must not
/// lean on them, since each profile can go without the others.
fn apart(table: &Table, stays: &dyn Fn(&SavedRule) -> bool) -> (Table, Table) {
    let (mut staying, mut rest) = (table.clone(), table.clone());
    staying.chains.retain(|chain| !is_ours(&chain.name));
    staying
        .rules
        .retain(|rule| !is_rule_of_ours(rule) || stays(rule));
    rest.rules.retain(|rule| !stays(rule));
    (staying, rest)
}

/// The ruleset without ours; with names, without what serves those profiles, and the
/// chains of ours that hold nothing then.
fn without(save: &Save, names: Option<&[&str]>) -> Save {
    let mut save = save.clone();
    for table in &mut save.tables {
        let goes = |rule: &SavedRule| match names {
            None => is_rule_of_ours(rule),
            Some(names) => rule.profile().is_some_and(|p| names.contains(&p)),
        };
        table.rules.retain(|rule| !goes(rule));
        let empty: Vec<String> = table
            .chains
            .iter()
            .map(|chain| chain.name.clone())
            .filter(|name| is_ours(name) && table.rules_of(name).next().is_none())
            .collect();
        table.chains.retain(|chain| !empty.contains(&chain.name));
        table.rules.retain(|rule| {
            let leads_nowhere = |to: &str| empty.iter().any(|name| name == to);
            !rule.target().is_some_and(leads_nowhere)
        });
    }
    save
}

/// Puts into a table that has none of ours what `old` has of it.
fn put_back(table: &mut Table, old: &Table) {
    for chain in &old.chains {
        if is_ours(&chain.name) || table.chain(&chain.name).is_none() && chain.policy.is_some() {
            table.chains.push(chain.clone());
        }
    }
    let (mut there, mut was) = (by_chain(table), by_chain(old));
    let mut rules = Vec::with_capacity(table.rules.len());
    for chain in &table.chains {
        let there = there.remove(chain.name.as_str()).unwrap_or_default();
        let was = was.remove(chain.name.as_str()).unwrap_or_default();
        rules.extend(with_ours_of(there, &was).into_iter().cloned());
    }
    table.rules = rules;
}

/// A chain's rules, with ours of those that it had before the rules that they came
/// before.
fn with_ours_of<'a>(there: Vec<&'a SavedRule>, was: &[&'a SavedRule]) -> Vec<&'a SavedRule> {
    let others = was.iter().filter(|rule| !is_rule_of_ours(rule));
    let unchanged = there.iter().map(|r| &r.words).eq(others.map(|r| &r.words));
    if unchanged {
        return was.to_vec();
    }
    let mut rules = there;
    // From behind: the rule that one of ours came before may be ours too.
    for (index, rule) in was.iter().enumerate().rev() {
        if is_rule_of_ours(rule) {
            let mut next = was[index + 1..].iter();
            let at = next.find_map(|next| rules.iter().position(|r| r.words == next.words));
            rules.insert(at.unwrap_or(rules.len()), *rule);
        }
    }
    rules
}
