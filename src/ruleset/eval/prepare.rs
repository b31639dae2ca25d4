//! A ruleset made ready for many evaluations: names resolved, sets indexed, base chains
//! in order.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::model::net::Family;

use super::super::live::table::Policy;
use super::super::live::{Chain, Rule, Ruleset, Table};
use super::facts::{HostFacts, Route};
use super::hooks::Hooks;
use super::names::Names;
use super::needs::tracks;
use super::outcome::Place;
use super::routine::{Routine, Steps, steps};
use super::sets::Members;

/// A ruleset and a host, ready to be asked.
pub struct Prepared<'r> {
    pub(super) ruleset: &'r Ruleset,
    pub(super) facts: &'r HostFacts,
    /// Its routes, the narrowest first.
    pub(super) routes: Option<Vec<&'r Route>>,
    pub(super) chains: Vec<Routine<'r>>,
    pub(super) members: Vec<Members<'r>>,
    /// Of each table.
    names: Vec<Names<'r>>,
    pub(super) ipv4: Hooks,
    pub(super) ipv6: Hooks,
    /// What could not be read of the ruleset.
    pub(super) unread: bool,
    /// Connections of this family are tracked for sure.
    pub(super) tracks_ipv4: bool,
    pub(super) tracks_ipv6: bool,
}

impl<'r> Prepared<'r> {
    /// Makes a ruleset ready, on a host of which so much is known.
    #[must_use]
    pub fn new(ruleset: &'r Ruleset, facts: &'r HostFacts) -> Self {
        let mut chains = Vec::new();
        let mut members = Vec::new();
        let mut all_names = Vec::with_capacity(ruleset.tables.len());
        let (mut chain_base, mut set_base) = (0, 0);
        for (number, table) in ruleset.tables.iter().enumerate() {
            let names = Names {
                chains: numbered(table.chains.iter().map(|c| c.name.as_str()), chain_base),
                sets: numbered(table.sets.iter().map(|s| s.name.as_str()), set_base),
            };
            chain_base += table.chains.len();
            set_base += table.sets.len();
            members.extend(
                table
                    .sets
                    .iter()
                    .map(|set| Members::new(set, table, &names)),
            );
            chains.extend(table.chains.iter().enumerate().map(|(at, chain)| {
                Routine {
                    table: number,
                    chain: at,
                    family: table.family,
                    policy: chain
                        .base
                        .as_ref()
                        .map_or(Policy::Accept, |base| base.policy),
                    source: chain,
                    rules: OnceLock::new(),
                }
            }));
            all_names.push(names);
        }
        Self {
            ipv4: Hooks::new(ruleset, &chains, Family::Ipv4),
            ipv6: Hooks::new(ruleset, &chains, Family::Ipv6),
            unread: !ruleset.unread.is_empty(),
            routes: facts.routes.as_ref().map(|routes| narrowest_first(routes)),
            tracks_ipv4: tracks(ruleset, Family::Ipv4),
            tracks_ipv6: tracks(ruleset, Family::Ipv6),
            ruleset,
            facts,
            chains,
            members,
            names: all_names,
        }
    }

    /// The rules of a chain.
    pub(super) fn rules<'a>(&self, routine: &'a Routine<'r>) -> &'a [Steps<'r>] {
        let rules = || {
            let table = self.ruleset.tables.get(routine.table)?;
            let names = self.names.get(routine.table)?;
            let rules = routine.source.rules.iter();
            Some(rules.map(|rule| steps(rule, table, names)).collect())
        };
        routine.rules.get_or_init(|| rules().unwrap_or_default())
    }

    /// The ruleset.
    #[must_use]
    pub fn ruleset(&self) -> &'r Ruleset {
        self.ruleset
    }

    /// The chain that a place is in.
    #[must_use]
    pub fn chain(&self, place: Place) -> Option<(&'r Table, &'r Chain)> {
        let table = self.ruleset.tables.get(place.table)?;
        Some((table, table.chains.get(place.chain)?))
    }

    /// The rule that a place is; `None` for a policy.
    #[must_use]
    pub fn rule(&self, place: Place) -> Option<&'r Rule> {
        self.chain(place)?.1.rules.get(place.rule?)
    }
}

fn narrowest_first(routes: &[Route]) -> Vec<&Route> {
    let mut order: Vec<&Route> = routes.iter().collect();
    order.sort_by_key(|route| std::cmp::Reverse(route.to.prefix_len()));
    order
}

fn numbered<'r>(names: impl Iterator<Item = &'r str>, base: usize) -> HashMap<&'r str, usize> {
    names
        .enumerate()
        .map(|(at, name)| (name, base + at))
        .collect()
}
