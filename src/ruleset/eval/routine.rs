//! A chain made ready: its rules as steps, with names resolved.

use std::sync::OnceLock;

use super::super::live::expression::{Expression, LookupTo, ObjectRef, Verdict};
use super::super::live::table::{ObjectKind, Policy, TableFamily};
use super::super::live::xt::{Match, Target};
use super::super::live::{Chain, Rule, Table};
use super::names::{Names, Next};
use super::outcome::Place;
use super::quick::Quick;

/// A chain.
pub(super) struct Routine<'r> {
    pub(super) table: usize,
    pub(super) chain: usize,
    pub(super) family: TableFamily,
    pub(super) policy: Policy,
    pub(super) source: &'r Chain,
    /// Made when a packet first comes here: of thousands of chains it meets a few.
    pub(super) rules: OnceLock<Vec<Steps<'r>>>,
}

impl Routine<'_> {
    pub(super) fn place(&self, rule: Option<usize>) -> Place {
        Place {
            table: self.table,
            chain: self.chain,
            rule,
        }
    }
}

/// A rule.
pub(super) struct Steps<'r> {
    /// What it does, each with the number of its expression.
    pub(super) steps: Vec<(usize, Step<'r>)>,
}

/// An expression with its names resolved.
pub(super) enum Step<'r> {
    /// Several expressions that are one common test.
    Quick(Quick<'r>),
    /// As it stands.
    Plain(&'r Expression),
    /// A match of iptables.
    Match(&'r Match),
    /// A target of iptables.
    Target(&'r Target),
    /// A verdict.
    Verdict(Next),
    /// A lookup.
    Lookup {
        set: usize,
        from: u8,
        to: Option<LookupTo>,
        negated: bool,
    },
    /// An element that is added, refreshed or deleted.
    Dynset {
        set: usize,
        op: u32,
        negated: bool,
        carried: &'r [Expression],
    },
    /// An object.
    Object(ObjectStep<'r>),
}

/// An object that a rule uses.
pub(super) enum ObjectStep<'r> {
    /// This one.
    One(&'r ObjectKind),
    /// By a map.
    Map { set: usize, from: u8 },
    /// One that is not in the dump.
    Missing,
}

/// A rule's steps, without those that change nothing that any rule asks.
pub(super) fn steps<'r>(rule: &'r Rule, table: &'r Table, names: &Names<'r>) -> Steps<'r> {
    let mut steps: Vec<(usize, Step<'r>)> = Vec::with_capacity(rule.expressions.len());
    let mut number = 0;
    while let Some(rest @ [expression, ..]) = rule.expressions.get(number..) {
        if let Some(quick) = Quick::at_head(rest) {
            let count = quick.plain.len();
            steps.push((number, Step::Quick(quick)));
            number += count;
            continue;
        }
        if let Some(step) = step(expression, table, names) {
            steps.push((number, step));
        }
        number += 1;
    }
    // What only tests, or only loads, need not be looked at after the last that acts.
    while steps.last().is_some_and(|(_, step)| only_tests(step)) {
        steps.pop();
    }
    steps.shrink_to_fit();
    Steps { steps }
}

fn step<'r>(expression: &'r Expression, table: &'r Table, names: &Names<'r>) -> Option<Step<'r>> {
    Some(match expression {
        Expression::Counter { .. }
        | Expression::Last
        | Expression::Log { .. }
        | Expression::FlowOffload(_)
        | Expression::Match(Match::Comment(_))
        | Expression::Target(
            Target::Verdict(Verdict::Continue)
            | Target::Log { .. }
            | Target::Tcpmss { .. }
            | Target::Set { .. }
            | Target::Passes { .. },
        ) => return None,
        Expression::Match(found) => Step::Match(found),
        Expression::Target(Target::Verdict(verdict)) | Expression::Verdict(verdict) => {
            Step::Verdict(names.next(verdict))
        }
        Expression::Dynset {
            set,
            op,
            negated,
            expressions,
            ..
        } => match names.sets.get(set.as_str()) {
            Some(&set) => Step::Dynset {
                set,
                op: *op,
                negated: *negated,
                carried: expressions,
            },
            None => Step::Plain(expression),
        },
        Expression::Target(target) => Step::Target(target),
        Expression::Lookup {
            set,
            from,
            to,
            negated,
        } => match names.sets.get(set.as_str()) {
            Some(&set) => Step::Lookup {
                set,
                from: from.0,
                to: *to,
                negated: *negated,
            },
            None => Step::Plain(expression),
        },
        Expression::Object { which, .. } => Step::Object(match which {
            ObjectRef::Name(name) => table
                .objects
                .iter()
                .find(|object| object.name == *name)
                .map_or(ObjectStep::Missing, |object| ObjectStep::One(&object.what)),
            ObjectRef::Map { set, key } => {
                names
                    .sets
                    .get(set.as_str())
                    .map_or(ObjectStep::Missing, |&set| ObjectStep::Map {
                        set,
                        from: key.0,
                    })
            }
        }),
        other => Step::Plain(other),
    })
}

/// Whether a step changes nothing but registers.
fn only_tests(step: &Step<'_>) -> bool {
    match step {
        Step::Quick(_)
        | Step::Match(_)
        | Step::Lookup {
            to: None | Some(LookupTo::Register(_)),
            ..
        } => true,
        Step::Plain(expression) => matches!(
            expression,
            Expression::Payload { .. }
                | Expression::Meta { .. }
                | Expression::Ct { .. }
                | Expression::Cmp { .. }
                | Expression::Range { .. }
                | Expression::Bitwise { .. }
                | Expression::Byteorder { .. }
                | Expression::Immediate { .. }
                | Expression::Fib { .. }
                | Expression::Limit(_)
                | Expression::Quota { .. }
                | Expression::Connlimit { .. }
                | Expression::Unforeseen { .. }
                | Expression::Exthdr { to: Some(_), .. }
                | Expression::Rt { .. }
        ),
        _ => false,
    }
}
