//! What of ours differs between two rulesets, as lines that a person can read.

use crate::ruleset::live::table::{Base, Policy};
use crate::ruleset::live::{Chain, Rule, Ruleset, Table, print};

use super::guests;
use super::ours::{is_own_chain, is_own_table, is_tagged, tag};

/// A line of ours: a rule, or an element of a set or map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its words.
    pub text: String,
    /// The profile that it is of; empty where it serves all.
    pub profile: String,
    /// The name of the rule.
    pub rule: String,
    /// Of a rule in a chain of others: what comes next there.
    pub before: Option<String>,
}

/// The lines of ours in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The place, such as `table inet filter, chain input`.
    pub place: String,
    /// In their order.
    pub lines: Vec<Line>,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It comes.
    Added,
    /// It goes.
    Removed,
    /// It is there, and goes to another place in its chain.
    Moved,
}

/// What becomes of the lines of one place, those that stay left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The place.
    pub place: String,
    /// Each line with what becomes of it.
    pub lines: Vec<(Change, Line)>,
}

/// Everything of ours in a ruleset.
#[must_use]
pub fn listing(ruleset: &Ruleset) -> Vec<Block> {
    ruleset.tables.iter().flat_map(of_table).collect()
}

/// From the lines that are there to those that are to come.
#[must_use]
pub fn difference(from: &[Block], to: &[Block]) -> Vec<Difference> {
    let mut places: Vec<&str> = to.iter().map(|b| b.place.as_str()).collect();
    let gone = from.iter().map(|b| b.place.as_str());
    let gone: Vec<&str> = gone.filter(|place| !places.contains(place)).collect();
    places.extend(gone);
    let lines = |blocks: &[Block], place: &str| {
        let block = blocks.iter().find(|b| b.place == place);
        block.map_or_else(Vec::new, |b| b.lines.clone())
    };
    let differing = places.into_iter().map(|place| Difference {
        place: place.to_owned(),
        lines: of_lines(&lines(from, place), &lines(to, place)),
    });
    differing.filter(|d| !d.lines.is_empty()).collect()
}

fn of_lines(from: &[Line], to: &[Line]) -> Vec<(Change, Line)> {
    let mut left: Vec<&Line> = from.iter().collect();
    let mut changes = Vec::new();
    for line in to {
        let twin = left.iter().position(|l| l.text == line.text);
        match twin.map(|at| left.remove(at)) {
            None => changes.push((Change::Added, line.clone())),
            Some(twin) if twin.before != line.before => changes.push((Change::Moved, line.clone())),
            Some(_) => {}
        }
    }
    let removed = left.into_iter().map(|line| (Change::Removed, line.clone()));
    removed.chain(changes).collect()
}

fn of_table(table: &Table) -> Vec<Block> {
    let mut blocks = Vec::new();
    if is_own_table(table) {
        for set in table.sets.iter().filter(|set| !set.flags.anonymous) {
            let kind = if set.flags.map { "map" } else { "set" };
            let elements = print::Words::new(table).elements(set);
            let comments = set.elements.iter().map(|e| e.comment.as_deref());
            blocks.push(Block {
                place: format!("{}, {kind} {}", print::table(table), set.name),
                lines: elements
                    .into_iter()
                    .zip(comments)
                    .map(|(text, comment)| line(text, comment, None))
                    .collect(),
            });
        }
    }
    for chain in &table.chains {
        let lines = of_chain(chain, table);
        if !lines.is_empty() {
            blocks.push(Block {
                place: print::place(table, chain),
                lines,
            });
        }
    }
    blocks
}

fn of_chain(chain: &Chain, table: &Table) -> Vec<Line> {
    let own = is_own_table(table) || is_own_chain(table, chain);
    let is_ours = |rule: &Rule| own || is_tagged(rule);
    let rules = chain.rules.iter().enumerate();
    let ours = rules.filter(|(_, rule)| is_ours(rule));
    ours.map(|(number, rule)| {
        let next = chain.rules.iter().skip(number).find(|r| !is_ours(r));
        let before = chain.base.as_ref().filter(|_| !own).map(|base| match next {
            Some(next) => words(next, &chain.name, table),
            None => policy(base).to_owned(),
        });
        line(
            words(rule, &chain.name, table),
            rule.comment.as_deref(),
            before,
        )
    })
    .collect()
}

fn line(text: String, comment: Option<&str>, before: Option<String>) -> Line {
    let (profile, rule) = comment.and_then(tag).unwrap_or_default();
    Line {
        profile: profile.to_owned(),
        rule: rule.to_owned(),
        text,
        before,
    }
}

fn policy(base: &Base) -> &'static str {
    match base.policy {
        Policy::Accept => "policy accept",
        Policy::Drop => "policy drop",
    }
}

/// A rule in its tool's words, without what was counted.
#[must_use]
pub fn words(rule: &Rule, chain: &str, table: &Table) -> String {
    let mut rule = rule.clone();
    guests::uncount(&mut rule);
    let text = print::rule(&rule, chain, table);
    text.replace("counter packets 0 bytes 0", "counter")
}
