//! One table: what was saved of it, without ours, and ours put in anew.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use crate::model::filter::{CHAIN_PREFIX, Demand};
use crate::model::net::Family;
use crate::ruleset::eval::Route;
use crate::ruleset::save::{Chain, SavedRule, Table};

use super::super::iptables::Line;
use super::placed::{Candidate, Placed, Position};
use super::{BUILT_IN, NoPlace, is_ours, jump_body};

/// One table: the administrator's part of it, and what of ours goes in.
pub(super) struct Merge {
    table: Table,
    family: Family,
    /// Lines of ours for each built-in chain, by profile.
    candidates: BTreeMap<String, Vec<Candidate>>,
    /// Chains of ours that were saved.
    old_chains: Vec<String>,
    /// Counters of lines of ours that were saved.
    counters: BTreeMap<String, String>,
}

impl Merge {
    /// Takes ours out of `saved`, but keeps the lines of profiles that are not named.
    pub(super) fn new(saved: &Table, family: Family, named: &[&str], wanted: &[&Line]) -> Self {
        let mut table = saved.clone();
        let mut candidates: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
        let mut counters = BTreeMap::new();
        table.rules.retain(|rule| {
            let profile = rule.profile();
            let leads_to_ours = rule.target().is_some_and(is_ours);
            let replaced = profile.is_some_and(|p| named.contains(&p));
            if is_ours(&rule.chain) || leads_to_ours || replaced {
                counters.extend(rule.counters.clone().map(|c| (rule.line.clone(), c)));
            }
            match (is_ours(&rule.chain), profile) {
                (true, Some(other)) if !replaced && !other.is_empty() => {
                    let built_in = rule.chain[CHAIN_PREFIX.len()..].to_owned();
                    let body = rule
                        .line
                        .splitn(3, ' ')
                        .nth(2)
                        .unwrap_or_default()
                        .to_owned();
                    candidates
                        .entry(built_in.clone())
                        .or_default()
                        .push(Candidate {
                            profile: other.to_owned(),
                            built_in,
                            body,
                            demand: Demand::Always,
                            planned: Demand::Always,
                            required: true,
                        });
                    false
                }
                (true, _) => false,
                (false, _) => !leads_to_ours && !replaced,
            }
        });
        let old_chains = table
            .chains
            .iter()
            .map(|c| c.name.clone())
            .filter(|n| is_ours(n))
            .collect();
        table.chains.retain(|c| !is_ours(&c.name));
        for line in wanted {
            candidates
                .entry(line.built_in.to_owned())
                .or_default()
                .push(Candidate::from(*line));
        }
        for lines in candidates.values_mut() {
            lines.sort_by(|a, b| a.profile.cmp(&b.profile));
        }
        Self {
            table,
            family,
            candidates,
            old_chains,
            counters,
        }
    }

    /// Finds the place of every line; `outside` gives the interface by which the
    /// clients of a profile come, where it is known.
    pub(super) fn place<'a>(
        mut self,
        outside: &impl Fn(&str) -> Option<&'a str>,
        routes: &[Route],
    ) -> Result<Merged, NoPlace> {
        let mut insertions: Vec<(Position, String)> = Vec::new();
        let mut chains: Vec<(String, Vec<String>)> = Vec::new();
        let mut warnings = Vec::new();
        for built_in in BUILT_IN {
            let Some(candidates) = self.candidates.remove(built_in) else {
                continue;
            };
            self.declare(built_in);
            let placed = match self.table.name.as_str() {
                // The first rule that translates wins.
                "nat" => Placed::all_at(&candidates, built_in, 0),
                // Behind the administrator's NOTRACK and zones.
                "raw" => {
                    let end = self.table.rules_of(built_in).count();
                    Placed::all_at(&candidates, built_in, end)
                }
                _ => Placed::in_filter(&self.table, self.family, &candidates, outside, routes)?,
            };
            warnings.extend(placed.warnings);
            insertions.extend(placed.guests);
            if !placed.in_chain.is_empty() {
                let name = format!("{CHAIN_PREFIX}{built_in}");
                let jump = format!("-A {} {}", placed.jump.chain, jump_body(built_in));
                insertions.push((placed.jump, jump));
                chains.push((
                    name.clone(),
                    placed
                        .in_chain
                        .iter()
                        .map(|body| format!("-A {name} {body}"))
                        .collect(),
                ));
            }
        }
        let stale = self
            .old_chains
            .iter()
            .filter(|old| !chains.iter().any(|(name, _)| name == *old))
            .cloned()
            .collect();
        insert(&mut self.table, insertions);
        Ok(Merged {
            table: self.table,
            chains,
            stale,
            counters: self.counters,
            warnings,
        })
    }

    /// iptables-nft saves only the built-in chains that exist.
    fn declare(&mut self, built_in: &str) {
        if self.table.chain(built_in).is_none() {
            self.table.chains.push(Chain {
                name: built_in.to_owned(),
                policy: Some("ACCEPT".to_owned()),
                line: format!(":{built_in} ACCEPT [0:0]"),
            });
        }
    }
}

/// Puts guests for `wanted` into a table that has none of theirs, in the chains that
/// drop what is needed. Gives sentences for the administrator.
pub(super) fn put_guests<'a>(
    table: &mut Table,
    family: Family,
    wanted: &[&Line],
    outside: &impl Fn(&str) -> Option<&'a str>,
    routes: &[Route],
) -> Result<Vec<String>, NoPlace> {
    let mut insertions: Vec<(Position, String)> = Vec::new();
    let mut warnings = Vec::new();
    for built_in in BUILT_IN {
        let candidates: Vec<Candidate> = wanted
            .iter()
            .filter(|line| line.built_in == built_in)
            .map(|line| Candidate {
                // Where nothing drops, our own table accepts, or nothing has to.
                demand: Demand::WhereDropped,
                ..Candidate::from(*line)
            })
            .collect();
        let placed = Placed::in_filter(table, family, &candidates, outside, routes)?;
        let at = placed.jump;
        insertions.extend(placed.in_chain.into_iter().map(|body| {
            let line = format!("-A {} {body}", at.chain);
            (at.clone(), line)
        }));
        insertions.extend(placed.guests);
        warnings.extend(placed.warnings);
    }
    insert(table, insertions);
    Ok(warnings)
}

impl From<&Line> for Candidate {
    fn from(line: &Line) -> Self {
        Self {
            profile: line.profile.clone(),
            built_in: line.built_in.to_owned(),
            body: line.body.clone(),
            demand: line.demand,
            planned: line.demand,
            required: line.required,
        }
    }
}

/// Puts lines into the table, each before the rule that is at its position now; those at
/// one position by their text. Afterwards the rules stand chain by chain, as they are
/// saved; the order within a chain is what counts.
fn insert(table: &mut Table, mut insertions: Vec<(Position, String)>) {
    insertions.sort();
    let mut coming: HashMap<String, Vec<(usize, SavedRule)>> = HashMap::new();
    for (position, line) in insertions {
        let Position { chain, index } = position;
        let rule = SavedRule::parse(&line).map(|rule| (index, rule));
        coming.entry(chain).or_default().extend(rule);
    }
    let mut there: HashMap<String, Vec<SavedRule>> = HashMap::new();
    for rule in table.rules.drain(..) {
        there.entry(rule.chain.clone()).or_default().push(rule);
    }
    for chain in &table.chains {
        let coming = coming.remove(&chain.name).unwrap_or_default();
        let mut coming = coming.into_iter().peekable();
        for (at, rule) in there.remove(&chain.name).into_iter().flatten().enumerate() {
            while let Some((_, new)) = coming.next_if(|(index, _)| *index <= at) {
                table.rules.push(new);
            }
            table.rules.push(rule);
        }
        table.rules.extend(coming.map(|(_, new)| new));
    }
}

/// A table to be written.
pub(super) struct Merged {
    table: Table,
    chains: Vec<(String, Vec<String>)>,
    stale: Vec<String>,
    counters: BTreeMap<String, String>,
    /// Sentences for the administrator.
    pub(super) warnings: Vec<String>,
}

impl Merged {
    /// The table as it is when it is loaded.
    pub(super) fn table(&self) -> Table {
        let mut table = self.table.clone();
        for (name, lines) in &self.chains {
            table.chains.push(Chain {
                name: name.clone(),
                policy: None,
                line: format!(":{name} - [0:0]"),
            });
            let rules = lines.iter().filter_map(|line| {
                let counters = self.counters.get(line).cloned();
                SavedRule::parse(line).map(|rule| SavedRule { counters, ..rule })
            });
            table.rules.extend(rules);
        }
        table
    }

    pub(super) fn write(&self, text: &mut String, counted: bool) {
        let _ = writeln!(text, "*{}", self.table.name);
        for chain in &self.table.chains {
            let _ = writeln!(text, "{}", chain.line);
        }
        for chain in self.chains.iter().map(|(name, _)| name).chain(&self.stale) {
            let _ = writeln!(text, ":{chain} - [0:0]");
        }
        for chain in self.table.chains.iter().filter(|c| c.policy.is_some()) {
            let _ = writeln!(text, "-F {}", chain.name);
        }
        for rule in &self.table.rules {
            self.write_rule(text, &rule.line, rule.counters.as_deref(), counted);
        }
        for line in self.chains.iter().flat_map(|(_, lines)| lines) {
            self.write_rule(text, line, None, counted);
        }
        for chain in &self.stale {
            let _ = writeln!(text, "-X {chain}");
        }
        text.push_str("COMMIT\n");
    }

    fn write_rule(&self, text: &mut String, line: &str, saved: Option<&str>, counted: bool) {
        let counters = saved.or(self.counters.get(line).map(String::as_str));
        match counters {
            Some(counters) => {
                let _ = writeln!(text, "{counters} {line}");
            }
            // Our own line in a counted text; a line saved without stays without.
            None if counted => {
                let _ = writeln!(text, "[0:0] {line}");
            }
            None => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
}
