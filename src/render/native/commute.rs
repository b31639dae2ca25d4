//! Where the order of rules does not matter. Of translations the first that meets a packet
//! counts, so a rule may only be moved over those that do the same with every packet that
//! both meet.

use std::cmp::Ordering;

use super::slot::{Side, address_at, ports_at, slots};
use super::values;
use crate::model::filter::{Match, Rule};
use crate::model::net::{Family, InterfaceName, PortRange};

/// More rules than this that share ports of one address are not compared one by one.
const MOST_COMPARED: usize = 16;

/// For each rule of a chain the number of the stretch within which order does not matter;
/// `None` for one that must stay where it is, as the bound of two stretches.
pub(super) fn segments(rules: &[&Rule]) -> Vec<Option<usize>> {
    if rules
        .windows(2)
        .all(|two| two[0].statement == two[1].statement)
    {
        return vec![Some(0); rules.len()];
    }
    let claims: Vec<Claim> = rules.iter().map(|rule| Claim::of(rule)).collect();
    let mut stays = vec![false; rules.len()];
    within_kinds(rules, &claims, &mut stays);
    between_kinds(rules, &claims, &mut stays);
    let mut segment = 0;
    stays
        .into_iter()
        .map(|stays| {
            segment += usize::from(stays);
            (!stays).then_some(segment)
        })
        .collect()
}

/// What a rule is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Destination,
    Source,
    Anywhere,
}

const KINDS: [Kind; 3] = [Kind::Destination, Kind::Source, Kind::Anywhere];

/// The packets that a rule may meet, and perhaps more.
struct Claim {
    kind: Kind,
    address: u128,
    ports: Vec<PortRange>,
}

impl Claim {
    fn of(rule: &Rule) -> Self {
        let all = PortRange::new(0, u16::MAX);
        let ports = ports_at(rule, slots(rule, Side::Destination).ports);
        let address = |side| address_at(rule, slots(rule, side).address);
        let (kind, address) = match (address(Side::Destination), address(Side::Source)) {
            (Some(to), _) => (Kind::Destination, values::number(to)),
            (None, Some(from)) => (Kind::Source, values::number(from)),
            (None, None) => (Kind::Anywhere, 0),
        };
        Self {
            kind,
            address,
            ports: ports.map_or_else(|| all.into_iter().collect(), values::joined_ports),
        }
    }
}

/// Rules of one kind and one address that share ports, and do not do the same.
fn within_kinds(rules: &[&Rule], claims: &[Claim], stays: &mut [bool]) {
    let mut spans: Vec<(Kind, u128, PortRange, usize)> = Vec::new();
    for (at, claim) in claims.iter().enumerate() {
        spans.extend(
            claim
                .ports
                .iter()
                .map(|r| (claim.kind, claim.address, *r, at)),
        );
    }
    spans.sort_unstable();
    let mut rest = &spans[..];
    while let Some(((kind, address, first, _), _)) = rest.split_first() {
        let mut last = first.last();
        let more = rest.iter().take_while(|(k, a, range, _)| {
            let meets = (k, a) == (kind, address) && range.first() <= last;
            last = last.max(range.last());
            meets
        });
        let length = more.count().max(1);
        let (cluster, others) = rest.split_at(length);
        rest = others;
        apart(rules, cluster, stays);
    }
}

fn apart(rules: &[&Rule], cluster: &[(Kind, u128, PortRange, usize)], stays: &mut [bool]) {
    let statement = |at: usize| &rules[at].statement;
    if cluster
        .windows(2)
        .all(|two| statement(two[0].3) == statement(two[1].3))
    {
        return;
    }
    let many = cluster.len() > MOST_COMPARED;
    for (number, (.., range, a)) in cluster.iter().enumerate() {
        if many {
            stays[*a] = true;
            continue;
        }
        for (.., other, b) in &cluster[..number] {
            let differ = statement(*a) != statement(*b);
            if differ && range.overlaps(*other) && !are_disjoint(rules[*a], rules[*b]) {
                stays[*a] = true;
                stays[*b] = true;
            }
        }
    }
}

/// No packet can be of both: another family, or other interfaces.
fn are_disjoint(a: &Rule, b: &Rule) -> bool {
    let interfaces = |rule: &Rule, input: bool| -> Vec<InterfaceName> {
        let named = rule.matches.iter().filter_map(|condition| match condition {
            Match::InputInterface(names) if input => Some(names.clone()),
            Match::OutputInterface(names) if !input => Some(names.clone()),
            _ => None,
        });
        named.flatten().collect()
    };
    let other_ways = |input: bool| {
        let (a, b) = (interfaces(a, input), interfaces(b, input));
        !a.is_empty() && !b.is_empty() && !a.iter().any(|name| b.contains(name))
    };
    !a.families.iter().any(|family| b.families.contains(family))
        || other_ways(true)
        || other_ways(false)
}

/// Rules known by a destination beside such as are known by a source, and the like: where
/// they are not told apart as a whole, those of the smaller number stay.
fn between_kinds(rules: &[&Rule], claims: &[Claim], stays: &mut [bool]) {
    for family in Family::BOTH {
        for (number, first) in KINDS.iter().enumerate() {
            for second in &KINDS[number + 1..] {
                let of = |kind: &Kind, stays: &[bool]| -> Vec<usize> {
                    let is = |at: &usize| {
                        claims[*at].kind == *kind
                            && rules[*at].families.contains(&family)
                            && !stays[*at]
                    };
                    (0..rules.len()).filter(is).collect()
                };
                let (first, second) = (of(first, stays), of(second, stays));
                if are_apart(rules, claims, &first, &second) {
                    continue;
                }
                let fewer = match first.len().cmp(&second.len()) {
                    Ordering::Less => first,
                    Ordering::Equal | Ordering::Greater => second,
                };
                for at in fewer {
                    stays[at] = true;
                }
            }
        }
    }
}

fn are_apart(rules: &[&Rule], claims: &[Claim], first: &[usize], second: &[usize]) -> bool {
    let (Some(a), Some(_)) = (first.first(), second.first()) else {
        return true;
    };
    let mut all = first.iter().chain(second);
    if all.all(|at| rules[*at].statement == rules[*a].statement) {
        return true;
    }
    let ports = |of: &[usize]| {
        let ranges: Vec<PortRange> = of.iter().flat_map(|at| claims[*at].ports.clone()).collect();
        values::joined_ports(&ranges)
    };
    let (ours, theirs) = (ports(first), ports(second));
    // Both ordered: each is compared with those that begin before its end.
    let meets = |range: &PortRange| {
        let next = theirs.partition_point(|other| other.last() < range.first());
        theirs.get(next).is_some_and(|other| range.overlaps(*other))
    };
    !ours.iter().any(meets) || excluded(rules, first, second)
}

/// No rule of `second` is for a destination of one of `first`.
fn excluded(rules: &[&Rule], first: &[usize], second: &[usize]) -> bool {
    let mut exceptions: Vec<&[ipnet::IpNet]> = Vec::new();
    for at in second {
        let except = rules[*at]
            .matches
            .iter()
            .find_map(|condition| match condition {
                Match::NotDestination(networks) => Some(&networks[..]),
                _ => None,
            });
        match except {
            None => return false,
            Some(networks) if exceptions.contains(&networks) => {}
            Some(networks) => exceptions.push(networks),
        }
        if exceptions.len() > MOST_COMPARED {
            return false;
        }
    }
    first.iter().all(|at| {
        let to = address_at(rules[*at], slots(rules[*at], Side::Destination).address);
        let within = |networks: &&[ipnet::IpNet]| {
            to.is_some_and(|to| networks.iter().any(|network| network.contains(&to)))
        };
        exceptions.iter().all(within)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::filter::{Chain, Demand, Statement};
    use ipnet::IpNet;

    fn dnat(to: &str, matches: Vec<Match>) -> Rule {
        Rule {
            profile: "a".to_owned(),
            name: "dnat",
            why: String::new(),
            chain: Chain::NAT_PREROUTING,
            families: vec![Family::Ipv4],
            matches,
            statement: Statement::Dnat {
                to: to.parse().expect("an address"),
                port: None,
            },
            demand: Demand::Always,
        }
    }

    fn at(address: &str) -> Match {
        let address: std::net::IpAddr = address.parse().expect("an address");
        Match::Destination(vec![IpNet::from(address)])
    }

    fn ports(first: u16, last: u16) -> Match {
        Match::TcpDestinationPort(vec![PortRange::new(first, last).expect("in order")])
    }

    fn by(name: &str) -> Match {
        Match::InputInterface(vec![InterfaceName::new(name).expect("a name")])
    }

    fn of(rules: &[Rule]) -> Vec<Option<usize>> {
        segments(&rules.iter().collect::<Vec<_>>())
    }

    #[test]
    fn translations_of_the_same_packets_stay_and_bound_the_others() {
        let other = || dnat("10.77.0.29", vec![at("198.51.100.9"), ports(1, 2)]);
        let first = dnat("10.77.0.21", vec![at("198.51.100.1"), ports(10, 20)]);
        let meets = dnat("10.77.0.22", vec![at("198.51.100.1"), ports(20, 30)]);
        let found = of(&[other(), first.clone(), other(), meets, other()]);
        assert_eq!(found, [Some(0), None, Some(1), None, Some(2)]);
        let beside = dnat("10.77.0.22", vec![at("198.51.100.1"), ports(21, 30)]);
        assert_eq!(of(&[first.clone(), beside]), [Some(0), Some(0)]);
        let same = dnat("10.77.0.21", vec![at("198.51.100.1"), ports(15, 30)]);
        assert_eq!(of(&[first, same, other()]), [Some(0); 3]);
    }

    #[test]
    fn interfaces_tell_packets_apart() {
        let to = |server, name| {
            let ports = ports(10, 20);
            dnat(server, vec![by(name), at("198.51.100.1"), ports])
        };
        let rules = [to("10.77.0.21", "eth0"), to("10.77.0.22", "ppp0")];
        assert_eq!(of(&rules), [Some(0), Some(0)]);
        let rules = [to("10.77.0.21", "eth0"), to("10.77.0.22", "eth0")];
        assert_eq!(of(&rules), [None, None]);
    }

    #[test]
    fn a_dynamic_address_may_be_any() {
        let anywhere = |first| {
            let ports = ports(first, first + 9);
            dnat("10.77.0.21", vec![Match::DestinationIsLocal, ports])
        };
        let there = |server, first| dnat(server, vec![at("198.51.100.1"), ports(first, first)]);
        let rules = [
            there("10.77.0.22", 5),
            anywhere(10),
            there("10.77.0.23", 15),
        ];
        assert_eq!(of(&rules), [Some(0), None, Some(1)]);
        let rules = [
            there("10.77.0.22", 5),
            anywhere(10),
            there("10.77.0.23", 25),
        ];
        assert_eq!(of(&rules), [Some(0); 3]);
    }

    #[test]
    fn many_on_one_address_take_no_long() {
        let server = |n: u16| format!("10.77.{}.{}", n / 250, n % 250);
        let rule = |n: u16| dnat(&server(n), vec![at("198.51.100.1"), ports(n, n + 1)]);
        let found = of(&(1..10_000).map(rule).collect::<Vec<_>>());
        assert!(found.iter().all(Option::is_none));
        let rule = |n: u16| dnat(&server(n), vec![at("198.51.100.1"), ports(n, n)]);
        let found = of(&(1..10_000).map(rule).collect::<Vec<_>>());
        assert!(found.iter().all(|segment| *segment == Some(0)));
    }
}
