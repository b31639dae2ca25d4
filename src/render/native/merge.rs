//! Which rules of a chain become one: those that differ in an address, in ports and in
//! what they translate to, and whose order does not matter.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::commute;
use super::key;
use super::shared::Written;
use super::slot::{Side, slots};
use crate::model::filter::{Match, Rule, Statement};

/// The rules of a chain as they are written: each where the first that it is made of stood.
pub(super) fn merged<'a>(rules: &[&'a Rule]) -> Vec<Written<'a>> {
    let segments = commute::segments(rules);
    let mut written: Vec<(usize, Written)> = Vec::new();
    let mut rest: Vec<usize> = (0..rules.len()).collect();
    for side in [Side::Destination, Side::Source] {
        let (groups, single) = grouped(rules, &segments, &rest, side);
        for members in groups {
            written.extend(key::forms(rules, &members, side));
        }
        rest = single;
    }
    written.extend(rest.into_iter().map(|at| (at, Written::Alone(rules[at]))));
    written.sort_by_key(|(at, _)| *at);
    written.into_iter().map(|(_, written)| written).collect()
}

/// Those that are alike but for what a set can hold, and those that are like no other, by
/// their places in the chain.
fn grouped(
    rules: &[&Rule],
    segments: &[Option<usize>],
    among: &[usize],
    side: Side,
) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut known: HashMap<(usize, Rule), usize> = HashMap::new();
    let mut single = Vec::new();
    for &at in among {
        let Some(segment) = segments[at] else {
            single.push(at);
            continue;
        };
        let group = *known
            .entry((segment, blank(rules[at], side)))
            .or_insert(groups.len());
        match groups.get_mut(group) {
            Some(members) => members.push(at),
            None => groups.push(vec![at]),
        }
    }
    let (several, alone): (Vec<_>, Vec<_>) = groups.into_iter().partition(|g| g.len() > 1);
    single.extend(alone.into_iter().flatten());
    single.sort_unstable();
    (several, single)
}

/// The rule without what a set can hold.
fn blank(rule: &Rule, side: Side) -> Rule {
    let slots = slots(rule, side);
    let mut matches = rule.matches.clone();
    if let Some(Match::Destination(hosts) | Match::Source(hosts)) =
        slots.address.and_then(|at| matches.get_mut(at))
    {
        hosts.clear();
    }
    let mut each_port = false;
    if let Some(Match::TcpDestinationPort(ranges)) = slots.ports.and_then(|at| matches.get_mut(at))
    {
        each_port = ranges.iter().all(|range| range.count() == 1);
        ranges.clear();
    }
    let nowhere = |to: &IpAddr| match to {
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    Rule {
        profile: String::new(),
        name: rule.name,
        why: String::new(),
        chain: rule.chain,
        families: rule.families.clone(),
        matches,
        statement: match &rule.statement {
            // Beside each single port a map can hold the port that it becomes, also where
            // that is the same.
            Statement::Dnat { to, port } => Statement::Dnat {
                to: nowhere(to),
                port: (each_port || port.is_some()).then_some(u16::from(each_port)),
            },
            Statement::Snat { to } => Statement::Snat { to: nowhere(to) },
            other => other.clone(),
        },
        demand: rule.demand,
    }
}
