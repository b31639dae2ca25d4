//! Whether a drop is about some clients, told from its words alone.

use std::collections::HashMap;

use crate::model::net::Family;
use crate::ruleset::eval::{Place, Prepared};
use crate::ruleset::live::expression::{Expression, Verdict};
use crate::ruleset::live::table::TableFamily;
use crate::ruleset::live::{Rule, Table};

use super::DEPTH;
use super::about::{About, Seen, about};
use super::leads::{Leads, by_named_map, has_rate, verdicts};

/// Whether the drop at a place is the administrator's will about some clients: it, or
/// every way that leads to its chain, tests who they are, how many, how often or when, or
/// looks into a named set; or a rule before it returns at a rate, so that it drops what is
/// over that. A policy is about everyone.
#[must_use]
pub fn is_will(prepared: &Prepared<'_>, place: Place) -> bool {
    let Some((table, _)) = prepared.chain(place) else {
        return false;
    };
    let families = match table.family {
        TableFamily::Ip6 => &[Family::Ipv6][..],
        TableFamily::Ip => &[Family::Ipv4],
        _ => &[Family::Ipv4, Family::Ipv6],
    };
    let seen = families.iter().map(|&family| Seen {
        family,
        is_to_client: false,
    });
    is_about_some(prepared, place, &seen.collect::<Vec<_>>())
}

/// The same of a drop of what goes to clients in one family: there the destination is the
/// client, and the source is the server.
#[must_use]
pub fn is_will_to_clients(prepared: &Prepared<'_>, place: Place, family: Family) -> bool {
    let seen = Seen {
        family,
        is_to_client: true,
    };
    is_about_some(prepared, place, &[seen])
}

/// `seen`: the packets, as each of which the rule has to be about some clients.
fn is_about_some(prepared: &Prepared<'_>, place: Place, seen: &[Seen]) -> bool {
    let (Some((table, chain)), Some(rule)) = (prepared.chain(place), prepared.rule(place)) else {
        return false;
    };
    if by_named_map(table, rule).is_some() || tests_clients(table, rule, seen) {
        return true;
    }
    let before = chain.rules.iter().take(place.rule.unwrap_or(0));
    if chain.base.is_none()
        && before
            .into_iter()
            .any(|rule| returns_at_a_rate(table, rule))
    {
        return true;
    }
    let leads = Leads::new(table);
    let mut known = HashMap::new();
    chain.base.is_none() && only_by_will((table, seen), &leads, place.chain, &mut known, DEPTH)
}

fn returns_at_a_rate(table: &Table, rule: &Rule) -> bool {
    let returns = |verdict: &Verdict| *verdict == Verdict::Return;
    has_rate(table, rule) && verdicts(table, rule).any(returns)
}

/// Whether every rule that leads to a chain is about some clients, or in a chain to which
/// only such rules lead.
fn only_by_will(
    (table, seen): (&Table, &[Seen]),
    leads: &Leads<'_>,
    chain: usize,
    known: &mut HashMap<usize, bool>,
    depth: usize,
) -> bool {
    if let Some(known) = known.get(&chain) {
        return *known;
    }
    let callers = leads.callers(chain);
    let by_will = depth > 0
        && !callers.is_empty()
        && callers.into_iter().all(|(of, rule)| {
            let chain = table.chains.get(of);
            let rule = chain.and_then(|chain| chain.rules.get(rule));
            rule.is_some_and(|rule| tests_clients(table, rule, seen))
                || chain.is_some_and(|chain| chain.base.is_none())
                    && only_by_will((table, seen), leads, of, known, depth - 1)
        });
    known.insert(chain, by_will);
    by_will
}

/// Whether a condition of the rule is about some clients.
fn tests_clients(table: &Table, rule: &Rule, seen: &[Seen]) -> bool {
    let by_clients = |number: usize| {
        let mut seen = seen.iter();
        seen.all(|&seen| about(table, rule, number, seen).contains(&About::Clients))
    };
    let mut tests = rule.expressions.iter().enumerate();
    tests.any(|(number, expression)| is_test(expression) && by_clients(number))
}

/// Whether an expression may end the rule.
fn is_test(expression: &Expression) -> bool {
    matches!(
        expression,
        Expression::Cmp { .. }
            | Expression::Range { .. }
            | Expression::Lookup { .. }
            | Expression::Dynset { .. }
            | Expression::Limit(_)
            | Expression::Quota { .. }
            | Expression::Connlimit { .. }
            | Expression::Object { .. }
            | Expression::Opaque { .. }
            | Expression::Match(_)
    )
}
