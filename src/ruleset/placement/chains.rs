//! The rules of a table by chain, and which chains drop.

use std::collections::HashMap;

use crate::ruleset::save::{SavedRule, Table};

use super::Position;

/// The rules of a table, chain by chain.
#[derive(Debug)]
pub struct Chains<'a> {
    rules: HashMap<&'a str, Vec<&'a SavedRule>>,
    policies: HashMap<&'a str, Option<&'a str>>,
}

impl<'a> Chains<'a> {
    /// Sorts the rules of `table` by chain.
    #[must_use]
    pub fn of(table: &'a Table) -> Self {
        let mut rules: HashMap<&str, Vec<&SavedRule>> = HashMap::new();
        for rule in &table.rules {
            rules.entry(&rule.chain).or_default().push(rule);
        }
        let policies = table
            .chains
            .iter()
            .map(|c| (c.name.as_str(), c.policy.as_deref()))
            .collect();
        Self { rules, policies }
    }

    /// Whether the base chain's policy is DROP.
    pub(super) fn policy_drops(&self, chain: &str) -> bool {
        self.policies.get(chain) == Some(&Some("DROP"))
    }

    pub(super) fn rules_of(&self, chain: &str) -> &[&'a SavedRule] {
        self.rules.get(chain).map_or(&[], Vec::as_slice)
    }

    pub(super) fn is_chain(&self, name: &str) -> bool {
        self.policies.contains_key(name)
    }

    pub(super) fn end_of(&self, chain: &str) -> Position {
        Position {
            chain: chain.to_owned(),
            index: self.rules_of(chain).len(),
        }
    }

    pub(super) fn jumps_to(&self, target: &str) -> usize {
        self.rules
            .values()
            .flatten()
            .filter(|r| r.target() == Some(target))
            .count()
    }
}

/// Which chains may drop; each is looked at once.
#[derive(Default)]
pub(super) struct Drops(HashMap<String, bool>);

impl Drops {
    /// Whether some packet may be dropped by this rule or in a chain it leads to.
    pub(super) fn may_drop(&mut self, chains: &Chains, rule: &SavedRule, depth: usize) -> bool {
        match rule.target() {
            Some("DROP" | "REJECT" | "NFQUEUE" | "QUEUE") => true,
            Some(target) if depth > 0 && chains.is_chain(target) => {
                if let Some(known) = self.0.get(target) {
                    return *known;
                }
                let rules = chains.rules_of(target).to_vec();
                let drops = rules.iter().any(|r| self.may_drop(chains, r, depth - 1));
                self.0.insert(target.to_owned(), drops);
                drops
            }
            _ => false,
        }
    }
}
