//! Where the rules of a table lead: to which chains, and whether to a drop.

use std::collections::HashMap;

use crate::ruleset::live::expression::{Expression, LookupTo, ObjectRef, Verdict};
use crate::ruleset::live::table::{ObjectKind, Value};
use crate::ruleset::live::xt::{Header, Match, Target};
use crate::ruleset::live::{Rule, Table};

use super::about::set;

/// Which chains of a table may drop; each is looked at once.
pub(super) struct Leads<'r> {
    table: &'r Table,
    numbers: HashMap<&'r str, usize>,
    drops: HashMap<usize, bool>,
}

/// Matches of iptables that count: what they let through they let through at a rate.
const RATES: [&str; 5] = ["limit", "hashlimit", "connlimit", "recent", "quota"];

impl<'r> Leads<'r> {
    pub(super) fn new(table: &'r Table) -> Self {
        let names = table.chains.iter().enumerate();
        Self {
            table,
            numbers: names.map(|(at, chain)| (chain.name.as_str(), at)).collect(),
            drops: HashMap::new(),
        }
    }

    /// The rules that lead to a chain: the numbers of their chains and their own.
    pub(super) fn callers(&self, target: usize) -> Vec<(usize, usize)> {
        let Some(name) = self.table.chains.get(target).map(|chain| &chain.name) else {
            return Vec::new();
        };
        let leads_there = |rule: &Rule| {
            verdicts(self.table, rule).any(
                |verdict| matches!(verdict, Verdict::Jump(to) | Verdict::Goto(to) if to == name),
            )
        };
        let chains = self.table.chains.iter().enumerate();
        chains
            .flat_map(|(chain, of)| {
                let rules = of.rules.iter().enumerate();
                rules
                    .filter(|(_, rule)| leads_there(rule))
                    .map(move |(rule, _)| (chain, rule))
            })
            .collect()
    }

    /// Whether some packet may be dropped by a rule, or in a chain it leads to.
    pub(super) fn rule_may_drop(&mut self, rule: &Rule, depth: usize) -> bool {
        if rule.expressions.iter().any(may_keep) {
            return true;
        }
        let table = self.table;
        verdicts(table, rule).any(|verdict| match verdict {
            Verdict::Drop | Verdict::Queue | Verdict::Other(_) => true,
            Verdict::Accept | Verdict::Continue | Verdict::Return => false,
            Verdict::Jump(to) | Verdict::Goto(to) => self
                .numbers
                .get(to.as_str())
                .copied()
                .is_none_or(|chain| self.may_drop(chain, depth)),
        })
    }

    /// Whether some packet may be dropped in a chain, or in one that it leads to.
    pub(super) fn may_drop(&mut self, chain: usize, depth: usize) -> bool {
        if let Some(known) = self.drops.get(&chain) {
            return *known;
        }
        if depth == 0 {
            return false;
        }
        let table = self.table;
        let rules = table.chains.get(chain).map_or(&[][..], |c| &c.rules);
        let drops = rules.iter().any(|rule| self.rule_may_drop(rule, depth - 1));
        self.drops.insert(chain, drops);
        drops
    }
}

/// Whether packets may come from one chain of a table to another, given by their numbers: by
/// rules that jump there, or as it is the same.
#[must_use]
pub fn leads_to(table: &Table, from: usize, to: usize) -> bool {
    let names = Leads::new(table).numbers;
    let mut seen = vec![from];
    let mut at = 0;
    while let Some(&chain) = seen.get(at) {
        at += 1;
        let rules = table.chains.get(chain).map_or(&[][..], |c| &c.rules);
        for verdict in rules.iter().flat_map(|rule| verdicts(table, rule)) {
            if let Verdict::Jump(name) | Verdict::Goto(name) = verdict
                && let Some(&next) = names.get(name.as_str())
                && !seen.contains(&next)
            {
                seen.push(next);
            }
        }
    }
    seen.contains(&to)
}

/// The verdicts that a rule may say, those of a map among them.
pub(super) fn verdicts<'r>(table: &'r Table, rule: &'r Rule) -> impl Iterator<Item = &'r Verdict> {
    rule.expressions.iter().flat_map(move |expression| {
        let (one, map) = match expression {
            Expression::Verdict(verdict) | Expression::Target(Target::Verdict(verdict)) => {
                (Some(verdict), None)
            }
            Expression::Lookup {
                set: name,
                to: Some(LookupTo::Verdict),
                ..
            } => (None, set(table, name)),
            _ => (None, None),
        };
        let elements = map.into_iter().flat_map(|set| &set.elements);
        one.into_iter()
            .chain(elements.filter_map(|element| match &element.value {
                Some(Value::Verdict(verdict)) => Some(verdict),
                _ => None,
            }))
    })
}

/// Whether an expression itself may keep a packet from going on.
fn may_keep(expression: &Expression) -> bool {
    match expression {
        Expression::Reject { .. }
        | Expression::Queue { .. }
        | Expression::Synproxy
        | Expression::Opaque { .. }
        | Expression::Tproxy { .. }
        | Expression::Target(
            Target::Reject { .. }
            | Target::Nfqueue { .. }
            | Target::Tproxy { .. }
            | Target::Opaque { .. },
        ) => true,
        Expression::Elsewhere { name } => name == "fwd",
        _ => false,
    }
}

/// Whether a rule looks up a verdict in a named map: who fills that decides.
pub(super) fn by_named_map<'t>(
    table: &'t Table,
    rule: &Rule,
) -> Option<(usize, &'t crate::ruleset::live::Set)> {
    let expressions = rule.expressions.iter().enumerate();
    expressions
        .filter_map(|(at, expression)| match expression {
            Expression::Lookup {
                set: name,
                to: Some(LookupTo::Verdict),
                ..
            } => set(table, name).map(|set| (at, set)),
            _ => None,
        })
        .find(|(_, set)| !set.flags.anonymous)
}

/// Whether a rule counts: what it lets through it lets through at a rate, or so many at
/// once.
#[must_use]
pub fn has_rate(table: &Table, rule: &Rule) -> bool {
    let mut expressions = rule.expressions.iter();
    expressions.any(|expression| match expression {
        Expression::Lookup { set: name, .. } => set(table, name).is_some_and(|set| {
            let elements = set.elements.iter().flat_map(|e| &e.expressions);
            set.expressions.iter().chain(elements).any(is_rate)
        }),
        Expression::Dynset { expressions, .. } => expressions.iter().any(is_rate),
        Expression::Object { which, .. } => match which {
            ObjectRef::Name(name) => table
                .objects
                .iter()
                .any(|o| o.name == *name && is_rate_object(&o.what)),
            ObjectRef::Map { .. } => table.objects.iter().any(|o| is_rate_object(&o.what)),
        },
        other => is_rate(other),
    })
}

fn is_rate_object(object: &ObjectKind) -> bool {
    matches!(object, ObjectKind::Limit(_) | ObjectKind::Quota { .. })
}

fn is_rate(expression: &Expression) -> bool {
    match expression {
        Expression::Limit(_) | Expression::Quota { .. } | Expression::Connlimit { .. } => true,
        Expression::Match(Match::Unforeseen { name, .. }) => RATES.contains(&name.as_str()),
        _ => false,
    }
}

/// Whether a rule logs whatever reaches it, at most at a rate.
pub(super) fn only_logs(rule: &Rule) -> bool {
    let logs = rule.expressions.iter().any(|expression| {
        matches!(
            expression,
            Expression::Log { .. } | Expression::Target(Target::Log { .. })
        )
    });
    let idle = |expression: &Expression| match expression {
        Expression::Log { .. }
        | Expression::Limit(_)
        | Expression::Counter { .. }
        | Expression::Last
        | Expression::Match(Match::Comment(_))
        | Expression::Verdict(Verdict::Continue)
        | Expression::Target(Target::Log { .. } | Target::Verdict(Verdict::Continue)) => true,
        Expression::Match(Match::Unforeseen { name, .. }) => name == "limit",
        Expression::Match(Match::Header(header)) => **header == Header::default(),
        _ => false,
    };
    logs && rule.expressions.iter().all(idle)
}
