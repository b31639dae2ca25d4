//! A whole text for `iptables-restore`: the rules that are there, to the letter,
//! with ours in their place.
//!
//! `iptables-restore` without `--noflush` replaces whole tables, so a bare fragment
//! wipes a host. This text holds everything the tables hold, and a `-F` for each
//! built-in chain: it loads to the same result with and without `--noflush`, once
//! or ten times (played in `tests/emit_lab.rs`).

mod difference;
mod join;
mod merge;
mod placed;
pub mod step;

use std::collections::HashMap;
use std::fmt::Write as _;

use thiserror::Error;

use crate::model::filter::CHAIN_PREFIX;
use crate::model::net::{Family, InterfaceName};
use crate::plan::Plan;
use crate::ruleset::eval::Route;
use crate::ruleset::placement::PlacementError;
use crate::ruleset::save::{Save, SavedRule, Table};

use merge::Merge;

use super::iptables::{JUMP_COMMENT, Line, lines};

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
    /// The interface by which clients in general come, where the profile names none
    /// and it is known.
    pub outside: Option<&'a str>,
    /// Write every table of the saved text, not only those that change.
    pub every_table: bool,
    /// The host's routes, as far as they are known: by which interface a server is reached.
    pub routes: &'a [Route],
}

/// The saved ruleset with the plan's rules of one family in their place.
///
/// # Errors
/// [`NoPlace`] where a chain drops what is needed and no single place before that
/// drop is right.
pub fn onto(save: &Save, plan: &Plan, family: Family, known: Onto<'_>) -> Result<Restore, NoPlace> {
    let ours: Vec<Line> = plan.rules().flat_map(|r| lines(r, family)).collect();
    let named: Vec<&str> = plan.profiles.iter().map(|p| p.name.as_str()).collect();
    let outside = |profile: &str| outside(plan, profile, known.outside);
    let mut restore = Restore {
        text: header(&named),
        warnings: Vec::new(),
    };
    let counted = save.is_counted() || save.tables.is_empty();
    let saved = save.tables.iter().map(|t| t.name.as_str());
    let changed = changed_tables(save, plan, family);
    let new = TABLES.into_iter().filter(|name| save.table(name).is_none());
    for name in saved.chain(new) {
        let empty = Table {
            name: name.to_owned(),
            ..Table::default()
        };
        let table = save.table(name).unwrap_or(&empty);
        let wanted: Vec<&Line> = ours.iter().filter(|l| l.table == name).collect();
        let is_missing = save.table(name).is_none();
        if known.every_table && is_missing && !wanted.is_empty() {
            restore.warnings.push(format!(
                "the saved text has no table {name}, so it is taken to be empty: what the host \
                 has in it is gone once this is loaded"
            ));
        }
        if changed.iter().any(|t| t == name) || known.every_table && !is_missing {
            let merged =
                Merge::new(table, family, &named, &wanted).place(&outside, known.routes)?;
            merged.write(&mut restore.text, counted);
            restore.warnings.extend(merged.warnings);
        }
    }
    Ok(restore)
}

/// The tables that the plan changes in a saved ruleset: those that get rules of
/// ours, and those that have chains or rules of ours now.
#[must_use]
pub fn changed_tables(save: &Save, plan: &Plan, family: Family) -> Vec<String> {
    let wanted = plan
        .rules()
        .flat_map(|r| lines(r, family))
        .map(|l| l.table.to_owned());
    let with_ours = save.tables.iter().filter(|t| {
        t.chains.iter().any(|c| is_ours(&c.name)) || t.rules.iter().any(is_rule_of_ours)
    });
    let mut tables: Vec<String> = wanted.chain(with_ours.map(|t| t.name.clone())).collect();
    tables.sort();
    tables.dedup();
    tables
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
    if ours.is_empty() {
        return text;
    }
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

/// The interface by which the clients of a profile come: as it says, else by the
/// host's way to everyone, where it serves everyone.
#[must_use]
pub fn outside<'a>(plan: &'a Plan, profile: &str, way_out: Option<&'a str>) -> Option<&'a str> {
    let profile = plan.profiles.iter().find(|p| p.name == profile)?;
    let named = profile.outside.as_ref().map(InterfaceName::as_str);
    named.or(way_out.filter(|_| profile.serves_everyone))
}

fn header(names: &[&str]) -> String {
    format!(
        "# ftpnat {}: {}\n",
        env!("CARGO_PKG_VERSION"),
        names.join(", ")
    )
}

/// Whether a chain of iptables is ours: the prefix and the name of a built-in chain.
#[must_use]
pub fn is_ours(chain: &str) -> bool {
    chain
        .strip_prefix(CHAIN_PREFIX)
        .is_some_and(|name| BUILT_IN.contains(&name))
}

/// Whether a rule is ours: in a chain of ours, or leading there, or by its comment.
fn is_rule_of_ours(rule: &SavedRule) -> bool {
    is_ours(&rule.chain) || rule.target().is_some_and(is_ours) || rule.profile().is_some()
}

/// A table's rules by chain.
fn by_chain(table: &Table) -> HashMap<&str, Vec<&SavedRule>> {
    let mut rules: HashMap<&str, Vec<&SavedRule>> = HashMap::new();
    for rule in &table.rules {
        rules.entry(&rule.chain).or_default().push(rule);
    }
    rules
}

/// What follows the name of the built-in chain in the rule that leads to ours.
#[must_use]
pub fn jump_body(built_in: &str) -> String {
    format!("-m comment --comment \"{JUMP_COMMENT}\" -j {CHAIN_PREFIX}{built_in}")
}
