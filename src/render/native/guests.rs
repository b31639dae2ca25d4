//! Guests: accepts that stand in a chain of another's table, before what drops there.

use super::assemble;
use crate::model::filter::{Match, Rule};
use crate::model::net::Family;
use crate::ruleset::live;
use crate::ruleset::live::table::TableFamily;

/// The rules of `nf_tables` that do what a planned rule does, for a chain of a table of
/// this family: one for each of its ports, networks and interfaces, so that none needs a
/// set in a table that is not ours. None at all where the table does not see its packets.
///
/// In a table of family `inet` a rule tests the packets' family where it needs to.
#[must_use]
pub fn guests(rule: &Rule, family: TableFamily) -> Vec<live::Rule> {
    let seen = |of: &Family| match family {
        TableFamily::Ip => *of == Family::Ipv4,
        TableFamily::Ip6 => *of == Family::Ipv6,
        TableFamily::Inet => true,
        TableFamily::Arp | TableFamily::Bridge | TableFamily::Netdev => false,
    };
    let families: Vec<Family> = rule.families.iter().copied().filter(seen).collect();
    if families.is_empty() {
        return Vec::new();
    }
    let mut singles = vec![Rule {
        families,
        matches: Vec::new(),
        ..rule.clone()
    }];
    for condition in &rule.matches {
        singles = singles.iter().flat_map(|r| with(r, condition)).collect();
    }
    // No set is left to need: every condition has one value.
    let mut sets = Vec::new();
    singles
        .iter()
        .map(|single| assemble::rule(single, family, &mut sets))
        .collect()
}

/// The rule with one more condition, in as many rules as that has values.
fn with(rule: &Rule, condition: &Match) -> Vec<Rule> {
    let of = |families: &[Family], conditions: Vec<Match>| Rule {
        families: families.to_vec(),
        matches: [&rule.matches[..], &conditions].concat(),
        ..rule.clone()
    };
    let one = |condition| of(&rule.families, vec![condition]);
    match condition {
        Match::InputInterface(names) => each(names, |name| one(Match::InputInterface(vec![name]))),
        Match::OutputInterface(names) => {
            each(names, |name| one(Match::OutputInterface(vec![name])))
        }
        Match::Source(networks) => each(networks, |net| one(Match::Source(vec![net]))),
        Match::Destination(networks) => each(networks, |net| one(Match::Destination(vec![net]))),
        Match::TcpDestinationPort(ranges) => {
            each(ranges, |range| one(Match::TcpDestinationPort(vec![range])))
        }
        Match::TcpSourcePort(ranges) => {
            each(ranges, |range| one(Match::TcpSourcePort(vec![range])))
        }
        Match::Icmp => each(&rule.families, |family| of(&[family], vec![Match::Icmp])),
        // None of them: all of these conditions together.
        Match::NotDestination(networks) => {
            let conditions = each(networks, |net| Match::NotDestination(vec![net]));
            vec![of(&rule.families, conditions)]
        }
        Match::DestinationIsLocal
        | Match::CtState(_)
        | Match::CtReply
        | Match::CtDnat
        | Match::CtHelperFtp => vec![one(condition.clone())],
    }
}

fn each<T: Clone, R>(values: &[T], make: impl FnMut(T) -> R) -> Vec<R> {
    values.iter().cloned().map(make).collect()
}
