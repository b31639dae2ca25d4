//! A whole text for `iptables-restore`: the rules that are there, to the letter,
//! with ours in their place.
//!
//! `iptables-restore` without `--noflush` replaces whole tables, so a bare fragment
//! wipes a host. This text holds everything the tables hold, and a `-F` for each
//! built-in chain: it loads to the same result with and without `--noflush`, once
//! or ten times (truth-table.md, "iptables-restore").

use std::collections::BTreeMap;
use std::fmt::Write as _;

use thiserror::Error;

use crate::model::filter::Demand;
use crate::model::net::Family;
use crate::plan::Plan;
use crate::ruleset::placement::{Placement, PlacementError, Position, place, will_between};
use crate::ruleset::save::{Chain, Save, SavedRule, Table};

use super::iptables::{CHAIN_PREFIX, JUMP_COMMENT, Line, lines};

/// The order in which new tables are written: as packets meet them.
const TABLES: [&str; 3] = ["raw", "nat", "filter"];
/// The order in which packets meet built-in chains.
const BUILT_IN: [&str; 5] = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];

/// A text and what to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restore {
    /// For `iptables-restore`.
    pub text: String,
    /// Sentences for the administrator.
    pub warnings: Vec<String>,
}

/// Why ours found no place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot place `{rule}` in the {chain} chain of this ruleset")]
pub struct NoPlace {
    /// The rule that must be accepted.
    pub rule: String,
    /// The built-in chain.
    pub chain: String,
    /// The reason.
    #[source]
    pub why: PlacementError,
    /// All rules that are needed in that chain, for `iptables -I`.
    pub needed: Vec<String>,
}

/// What is known beside the saved text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Onto<'a> {
    /// The interface by which clients in general come, where known.
    pub outside: Option<&'a str>,
    /// Write every table of the saved text, not only those that change.
    pub every_table: bool,
}

/// The saved ruleset with the plan's rules of one family in their place.
///
/// # Errors
/// [`NoPlace`] where a chain drops what is needed and no single place before that
/// drop is right.
pub fn onto(save: &Save, plan: &Plan, family: Family, known: Onto<'_>) -> Result<Restore, NoPlace> {
    let ours: Vec<Line> = plan.rules().flat_map(|r| lines(r, family)).collect();
    let named: Vec<&str> = plan.profiles.iter().map(|p| p.name.as_str()).collect();
    let mut restore = Restore {
        text: header(&named),
        warnings: Vec::new(),
    };
    let counted = save.is_counted() || save.tables.is_empty();
    let saved = save.tables.iter().map(|t| t.name.as_str());
    let new = TABLES.into_iter().filter(|name| save.table(name).is_none());
    for name in saved.chain(new) {
        let empty = Table {
            name: name.to_owned(),
            ..Table::default()
        };
        let table = save.table(name).unwrap_or(&empty);
        let wanted: Vec<&Line> = ours.iter().filter(|l| l.table == name).collect();
        let changes = !wanted.is_empty() || table.chains.iter().any(|c| is_ours(&c.name));
        if changes || (known.every_table && save.table(name).is_some()) {
            let merged = Merge::new(table, &named, &wanted).place(known.outside)?;
            merged.write(&mut restore.text, counted);
            restore.warnings.extend(merged.warnings);
        }
    }
    Ok(restore)
}

/// Nothing but ours: a fragment for `iptables-restore --noflush`, to be loaded once.
///
/// Accepts are appended, behind whatever bans stand there: blind, the head of a
/// chain is no place for them. Translations go first.
#[must_use]
pub fn alone(plan: &Plan, family: Family) -> String {
    let ours: Vec<Line> = plan.rules().flat_map(|r| lines(r, family)).collect();
    let named: Vec<&str> = plan.profiles.iter().map(|p| p.name.as_str()).collect();
    let mut text = header(&named);
    text.push_str(
        "# A fragment: load it ONCE, with `iptables-restore --noflush` (IPv6: ip6tables-restore).\n\
         # Loaded bare it REPLACES the tables below: every other rule in them is gone.\n\
         # Accepts are appended, so a DROP or REJECT that ends a chain comes before them;\n\
         # `--base live` puts them in their place.\n",
    );
    for table in TABLES {
        let lines: Vec<&Line> = ours.iter().filter(|l| l.table == table).collect();
        if lines.is_empty() {
            continue;
        }
        let chains: Vec<&str> = BUILT_IN
            .into_iter()
            .filter(|b| lines.iter().any(|l| l.built_in == *b))
            .collect();
        let _ = writeln!(text, "*{table}");
        for chain in &chains {
            let _ = writeln!(text, ":{CHAIN_PREFIX}{chain} - [0:0]");
        }
        for line in &lines {
            let _ = writeln!(text, "-A {CHAIN_PREFIX}{} {}", line.built_in, line.body);
        }
        for chain in chains {
            let verb = if table == "nat" {
                format!("-I {chain} 1")
            } else {
                format!("-A {chain}")
            };
            let _ = writeln!(text, "{verb} {}", jump_body(chain));
        }
        text.push_str("COMMIT\n");
    }
    text
}

fn header(names: &[&str]) -> String {
    format!(
        "# ftpnat {}: {}\n",
        env!("CARGO_PKG_VERSION"),
        names.join(", ")
    )
}

fn is_ours(chain: &str) -> bool {
    chain.starts_with(CHAIN_PREFIX)
}

fn jump_body(built_in: &str) -> String {
    format!("-m comment --comment \"{JUMP_COMMENT}\" -j {CHAIN_PREFIX}{built_in}")
}

/// A line in the table to come.
#[derive(Clone)]
struct Candidate {
    profile: String,
    built_in: String,
    body: String,
    demand: Demand,
}

/// One table: the administrator's part of it, and what of ours goes in.
struct Merge {
    table: Table,
    /// Lines of ours for each built-in chain, by profile.
    candidates: BTreeMap<String, Vec<Candidate>>,
    /// Chains of ours that were saved.
    old_chains: Vec<String>,
    /// Counters of lines of ours that were saved.
    counters: BTreeMap<String, String>,
}

impl Merge {
    /// Takes ours out of `saved`, but keeps the lines of profiles that are not named.
    fn new(saved: &Table, named: &[&str], wanted: &[&Line]) -> Self {
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
                .push(Candidate {
                    profile: line.profile.clone(),
                    built_in: line.built_in.to_owned(),
                    body: line.body.clone(),
                    demand: line.demand,
                });
        }
        for lines in candidates.values_mut() {
            lines.sort_by(|a, b| a.profile.cmp(&b.profile));
        }
        Self {
            table,
            candidates,
            old_chains,
            counters,
        }
    }

    fn place(mut self, outside: Option<&str>) -> Result<Merged, NoPlace> {
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
                _ => Placed::in_filter(&self.table, &candidates, outside)?,
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

/// Where the lines of one built-in chain go.
struct Placed {
    jump: Position,
    in_chain: Vec<String>,
    guests: Vec<(Position, String)>,
    warnings: Vec<String>,
}

impl Placed {
    fn all_at(candidates: &[Candidate], built_in: &str, index: usize) -> Self {
        Self {
            jump: Position {
                chain: built_in.to_owned(),
                index,
            },
            in_chain: candidates.iter().map(|c| c.body.clone()).collect(),
            guests: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Most lines have one place, where the jump to our chain goes. A line whose
    /// drop stands elsewhere, with a ban between, stands there by itself: in our
    /// chain it would let the banned in, or come too late.
    fn in_filter(
        table: &Table,
        candidates: &[Candidate],
        outside: Option<&str>,
    ) -> Result<Self, NoPlace> {
        let mut places: Vec<(&Candidate, SavedRule, Placement)> = Vec::new();
        for candidate in candidates {
            let line = format!("-A {} {}", candidate.built_in, candidate.body);
            let Some(rule) = SavedRule::parse(&line) else {
                continue;
            };
            let placement = place(table, &rule, outside).map_err(|why| NoPlace {
                rule: line.clone(),
                chain: candidate.built_in.clone(),
                why,
                needed: candidates
                    .iter()
                    .filter(|c| c.demand == Demand::Always)
                    .map(|c| c.body.clone())
                    .collect(),
            })?;
            if candidate.demand == Demand::Always || placement.dropped {
                places.push((candidate, rule, placement));
            }
        }
        let mut placed = Self {
            jump: Position {
                chain: String::new(),
                index: 0,
            },
            in_chain: Vec::new(),
            guests: Vec::new(),
            warnings: Vec::new(),
        };
        let Some((_, _, main)) = places.first().cloned() else {
            return Ok(placed);
        };
        placed.jump = main.position.clone();
        for (candidate, rule, placement) in places {
            let at = placement.position;
            let same = at == main.position
                || at > main.position && !will_between(table, &rule, &main.position, &at);
            if same {
                placed.in_chain.push(candidate.body.clone());
            } else {
                let line = format!("-A {} {}", at.chain, candidate.body);
                placed.guests.push((at, line));
            }
            for rule in placement.unsure {
                let warning =
                    format!("`{rule}` comes before ours; clients on that interface stay out");
                if !placed.warnings.contains(&warning) {
                    placed.warnings.push(warning);
                }
            }
        }
        Ok(placed)
    }
}

/// Puts lines into the table, each before the rule that is at its position now.
fn insert(table: &mut Table, mut insertions: Vec<(Position, String)>) {
    insertions.sort_by(|(a, _), (b, _)| b.cmp(a));
    // From behind, so that the places before stay true; of two at one place the
    // later sorted goes in first and ends up behind: both are accepts.
    for (position, line) in insertions {
        let Some(rule) = SavedRule::parse(&line) else {
            continue;
        };
        let of_chain: Vec<usize> = table
            .rules
            .iter()
            .enumerate()
            .filter(|(_, r)| r.chain == position.chain)
            .map(|(at, _)| at)
            .collect();
        let at = of_chain
            .get(position.index)
            .copied()
            .or(of_chain.last().map(|last| last + 1))
            .unwrap_or(table.rules.len());
        table.rules.insert(at, rule);
    }
}

/// A table to be written.
struct Merged {
    table: Table,
    chains: Vec<(String, Vec<String>)>,
    stale: Vec<String>,
    counters: BTreeMap<String, String>,
    warnings: Vec<String>,
}

impl Merged {
    fn write(&self, text: &mut String, counted: bool) {
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
