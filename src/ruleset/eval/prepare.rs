//! A ruleset made ready for many evaluations: names resolved, sets indexed, base chains
//! in order.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::model::net::Family;

use super::super::live::expression::{Expression, LookupTo, ObjectRef, Verdict};
use super::super::live::table::{Hook, Kind, ObjectKind, Policy, TableFamily};
use super::super::live::xt::{Match, Target};
use super::super::live::{Chain, Rule, Ruleset, Table};
use super::facts::{HostFacts, Route};
use super::hooks::Hooks;
use super::needs::tracks;
use super::outcome::Place;
use super::quick::Quick;
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

/// A chain.
pub(super) struct Routine<'r> {
    pub(super) table: usize,
    pub(super) chain: usize,
    pub(super) family: TableFamily,
    pub(super) policy: Policy,
    pub(super) source: &'r Chain,
    /// Made when a packet first comes here: of thousands of chains it meets a few.
    rules: OnceLock<Vec<Steps<'r>>>,
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

/// A verdict with its chain resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Accept,
    Drop,
    Queue,
    Continue,
    Return,
    Jump(usize),
    Goto(usize),
    /// A verdict, or a chain, that is not known.
    Unknown,
}

/// The names of one table.
pub(super) struct Names<'r> {
    chains: HashMap<&'r str, usize>,
    sets: HashMap<&'r str, usize>,
}

impl Names<'_> {
    /// A verdict with its chain resolved.
    pub(super) fn next(&self, verdict: &Verdict) -> Next {
        let chain = |name: &String| self.chains.get(name.as_str()).copied();
        match verdict {
            Verdict::Accept => Next::Accept,
            Verdict::Drop => Next::Drop,
            Verdict::Queue => Next::Queue,
            Verdict::Continue => Next::Continue,
            Verdict::Return => Next::Return,
            Verdict::Jump(name) => chain(name).map_or(Next::Unknown, Next::Jump),
            Verdict::Goto(name) => chain(name).map_or(Next::Unknown, Next::Goto),
            Verdict::Other(_) => Next::Unknown,
        }
    }
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

/// A rule's steps, without those that change nothing that any rule asks.
fn steps<'r>(rule: &'r Rule, table: &'r Table, names: &Names<'r>) -> Steps<'r> {
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

/// Whether a table's chains see IPv4 or IPv6 packets at a hook of theirs.
pub(super) fn sees(table: &Table, family: Family, hook: Hook) -> bool {
    match (table.family, family) {
        (TableFamily::Inet, _)
        | (TableFamily::Ip, Family::Ipv4)
        | (TableFamily::Ip6, Family::Ipv6) => true,
        (TableFamily::Netdev, _) => matches!(hook, Hook::Ingress | Hook::Egress),
        _ => false,
    }
}

/// Whether a base chain is one of NAT, which the kernel calls by its own hook.
pub(super) fn is_nat(kind: &Kind) -> bool {
    *kind == Kind::Nat
}
