//! Ours that stays and ours that is placed anew, in one table.

use std::iter::Peekable;
use std::slice::Iter;

use crate::ruleset::save::{SavedRule, Table};

use super::{by_chain, is_rule_of_ours};

/// Two tables with the same rules of others in one. What is ours between two of those is
/// ordered by profile, so that it does not matter which was placed first: all of it
/// accepts, or leads to where the rest does.
pub(super) fn joined(staying: &Table, placed: &Table) -> Table {
    let mut table = Table {
        name: staying.name.clone(),
        chains: staying.chains.clone(),
        rules: Vec::new(),
    };
    let new = placed.chains.iter();
    let new: Vec<_> = new.filter(|c| table.chain(&c.name).is_none()).collect();
    table.chains.extend(new.into_iter().cloned());
    let (mut stays, mut comes) = (by_chain(staying), by_chain(placed));
    for chain in &table.chains {
        let stays = stays.remove(chain.name.as_str()).unwrap_or_default();
        let comes = comes.remove(chain.name.as_str()).unwrap_or_default();
        let (mut stays, mut comes) = (stays.iter().peekable(), comes.iter().peekable());
        loop {
            let mut ours = next_ours(&mut stays);
            ours.extend(next_ours(&mut comes));
            ours.sort_by_key(|rule| rule.profile());
            table.rules.extend(ours.into_iter().cloned());
            match (stays.next(), comes.next()) {
                (None, None) => break,
                (Some(other), _) | (None, Some(other)) => table.rules.push((*other).clone()),
            }
        }
    }
    table
}

fn next_ours<'a>(rules: &mut Peekable<Iter<'_, &'a SavedRule>>) -> Vec<&'a SavedRule> {
    let next = || rules.next_if(|rule| is_rule_of_ours(rule)).copied();
    std::iter::from_fn(next).collect()
}
