//! From one state of a table to another that differs in ours alone, as a text for
//! `iptables-restore --noflush`.
//!
//! What is the administrator's is not named: no policy, no rule of theirs, so that none
//! is lost that came in the meantime. Chains come before the rules that lead to them.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::ruleset::save::{SavedRule, Table};

use super::{by_chain, is_ours, is_rule_of_ours};

/// What makes `before` into `after`; `None` where nothing is to be done. The rules that
/// are not ours must be the same in both.
pub(super) fn difference(before: &Table, after: &Table) -> Option<String> {
    let mut declared = String::new();
    let mut filled = String::new();
    let mut taken = String::new();
    let mut put = String::new();
    let mut dropped = String::new();
    let (mut were, mut come) = (by_chain(before), by_chain(after));
    for chain in after.chains.iter().filter(|c| is_ours(&c.name)) {
        let wanted = come.remove(chain.name.as_str()).unwrap_or_default();
        let is = were.remove(chain.name.as_str()).unwrap_or_default();
        let is_there = before.chain(&chain.name).is_some();
        if is_there && same(&is, &wanted) {
            continue;
        }
        if let Some(rules) = superfluous(&is, &wanted).filter(|_| is_there) {
            // The others keep their counters.
            deletions(&mut taken, rules);
        } else {
            let _ = writeln!(declared, ":{} - [0:0]", chain.name);
            for rule in wanted {
                let _ = writeln!(filled, "{}", rule.line);
            }
        }
    }
    for chain in before.chains.iter().filter(|c| is_ours(&c.name)) {
        if after.chain(&chain.name).is_none() {
            // Only an empty chain can be deleted; a declaration empties it.
            let _ = writeln!(declared, ":{} - [0:0]", chain.name);
            let _ = writeln!(dropped, "-X {}", chain.name);
        }
    }
    for chain in after.chains.iter().filter(|c| !is_ours(&c.name)) {
        let is = were.remove(chain.name.as_str()).unwrap_or_default();
        let wanted = come.remove(chain.name.as_str()).unwrap_or_default();
        let moves = Moves::of(&is, &wanted);
        deletions(&mut taken, moves.deleted);
        for (index, rule) in moves.inserted {
            let body = body(rule);
            let _ = writeln!(put, "-I {} {} {body}", chain.name, index + 1);
        }
    }
    let lines = [declared, filled, taken, put, dropped].concat();
    (!lines.is_empty()).then(|| format!("*{}\n{lines}COMMIT\n", after.name))
}

fn deletions(text: &mut String, rules: Vec<&SavedRule>) {
    for rule in rules {
        let _ = writeln!(text, "-D {} {}", rule.chain, body(rule));
    }
}

/// A rule's line without verb and chain.
fn body(rule: &SavedRule) -> &str {
    let rest = rule.line.strip_prefix("-A ").unwrap_or(&rule.line);
    let rest = rest.strip_prefix(rule.chain.as_str()).unwrap_or(rest);
    rest.trim_start()
}

fn same(a: &[&SavedRule], b: &[&SavedRule]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.words == b.words)
}

/// The rules of a chain of ours that are to go, where nothing else is to be done.
fn superfluous<'a>(is: &[&'a SavedRule], wanted: &[&SavedRule]) -> Option<Vec<&'a SavedRule>> {
    let kept = kept(is, wanted);
    let all_there = kept.iter().filter(|k| **k).count() == wanted.len();
    let gone: Vec<&SavedRule> = rules(is, &kept, false).collect();
    let texts = texts(&gone);
    // `-D` takes the first of two that are alike, which may be the one to be kept.
    let unmistakable = !rules(is, &kept, true).any(|r| texts.contains(r.words.as_slice()));
    (all_there && unmistakable).then_some(gone)
}

/// Which of `is` can stay, of those that are wanted in that order.
fn kept(is: &[&SavedRule], wanted: &[&SavedRule]) -> Vec<bool> {
    let mut next = wanted.iter().peekable();
    is.iter()
        .map(|rule| next.next_if(|w| w.words == rule.words).is_some())
        .collect()
}

fn rules<'a>(
    all: &[&'a SavedRule],
    marks: &[bool],
    marked: bool,
) -> impl Iterator<Item = &'a SavedRule> {
    all.iter()
        .zip(marks)
        .filter(move |(_, mark)| **mark == marked)
        .map(|(rule, _)| *rule)
}

fn texts<'a>(rules: &[&'a SavedRule]) -> HashSet<&'a [String]> {
    rules.iter().map(|rule| rule.words.as_slice()).collect()
}

/// What changes in a chain that is not ours.
struct Moves<'a> {
    /// To be deleted by their text.
    deleted: Vec<&'a SavedRule>,
    /// To be inserted, in this order, each at its place in the chain to come, counted
    /// from 0.
    inserted: Vec<(usize, &'a SavedRule)>,
}

impl<'a> Moves<'a> {
    /// A rule of ours stays where it stands between the same rules of others.
    fn of(before: &[&'a SavedRule], after: &[&'a SavedRule]) -> Self {
        let (before_gaps, after_gaps) = (gaps(before), gaps(after));
        let mut staying = vec![false; after.len()];
        let mut deleted: Vec<&SavedRule> = Vec::new();
        for (number, (is, _)) in before_gaps.iter().enumerate() {
            let (wanted, start) = after_gaps.get(number).cloned().unwrap_or_default();
            let kept = kept(is, &wanted);
            deleted.extend(rules(is, &kept, false));
            let count = kept.iter().filter(|k| **k).count();
            for mark in &mut staying[start..start + count] {
                *mark = true;
            }
        }
        // `-D` takes the first of two that are alike: both go, and are put anew.
        let gone = texts(&deleted);
        for (rule, stays) in after.iter().zip(&mut staying) {
            if *stays && gone.contains(rule.words.as_slice()) {
                *stays = false;
                deleted.push(rule);
            }
        }
        let inserted = after
            .iter()
            .enumerate()
            .filter(|(index, rule)| !staying[*index] && is_rule_of_ours(rule))
            .map(|(index, rule)| (index, *rule))
            .collect();
        Self { deleted, inserted }
    }
}

/// Our rules before each rule of others, and after the last, with the place of the
/// first.
fn gaps<'a>(rules: &[&'a SavedRule]) -> Vec<(Vec<&'a SavedRule>, usize)> {
    let mut gaps = vec![(Vec::new(), 0)];
    for (index, rule) in rules.iter().enumerate() {
        if is_rule_of_ours(rule) {
            if let Some((gap, _)) = gaps.last_mut() {
                gap.push(*rule);
            }
        } else {
            gaps.push((Vec::new(), index + 1));
        }
    }
    gaps
}
