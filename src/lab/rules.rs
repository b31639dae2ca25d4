//! Rulesets of machines in the lab: firewalls as they are found before ftpnat comes, and the
//! box in front that translates one address to one.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::filter::{Chain, CtState, Demand, Match, Rule, Statement};
use crate::model::net::{Family, InterfaceName, PortRange};
use crate::profile::{Nat, Profile};
use crate::render::native::tables_for;
use crate::ruleset::change::Operation;
use crate::ruleset::live::table::{Kind, Policy};

use super::scene::{OneToOne, Scene};

/// What the firewall under test has before the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firewall {
    /// As most have it: what is established and the control ports are let in, the rest is
    /// dropped. A gateway forwards, and translates the control ports.
    Usual,
    /// Everything is dropped but what comes from this host itself, in every direction. (What
    /// it sends to an address of its own that is translated counts as leaving by `lo`.)
    Closed,
    /// Nothing at all.
    Open,
}

impl Firewall {
    /// Whether a gateway forwards already.
    #[must_use]
    pub fn forwards(self) -> bool {
        self != Self::Closed
    }

    /// The tables that make it.
    #[must_use]
    pub fn operations(self, profile: &Profile, scene: &Scene) -> Vec<Operation> {
        let mut rules = Vec::new();
        match self {
            Self::Open => return Vec::new(),
            Self::Closed => {
                rules.push(accept(Chain::FILTER_INPUT, vec![interface("lo")]));
                rules.push(nothing(Chain::FILTER_OUTPUT));
                // Neighbours are found by ICMP there.
                for chain in [Chain::FILTER_INPUT, Chain::FILTER_OUTPUT] {
                    rules.push(of(Family::Ipv6, accept(chain, vec![Match::Icmp])));
                }
                rules.push(nothing(Chain::FILTER_FORWARD));
            }
            Self::Usual => {
                let known = Match::CtState(vec![CtState::Established, CtState::Related]);
                rules.push(accept(Chain::FILTER_INPUT, vec![interface("lo")]));
                rules.push(accept(Chain::FILTER_INPUT, vec![known.clone()]));
                rules.push(accept(Chain::FILTER_INPUT, vec![Match::Icmp]));
                rules.push(accept(Chain::FILTER_FORWARD, vec![known]));
                rules.extend(control(profile, scene));
            }
        }
        tables("firewall", &rules, Policy::Drop)
    }
}

/// What lets control connections in.
fn control(profile: &Profile, scene: &Scene) -> Vec<Rule> {
    let ports: Vec<PortRange> = profile
        .control
        .iter()
        .map(|c| PortRange::one(c.port))
        .collect();
    let to_ports = Match::TcpDestinationPort(ports);
    match &profile.nat {
        Nat::None | Nat::Upstream { .. } => vec![accept(Chain::FILTER_INPUT, vec![to_ports])],
        // Clients get out, for all that they do.
        Nat::Masquerade { .. } => {
            let leaves = Match::OutputInterface(name(&scene.outside));
            let mut rules = vec![accept(Chain::FILTER_FORWARD, vec![leaves.clone()])];
            rules.push(of(
                Family::Ipv4,
                rule(Chain::NAT_POSTROUTING, vec![leaves], Statement::Masquerade),
            ));
            rules
        }
        Nat::Dnat { .. } => {
            let mut rules = vec![accept(Chain::FILTER_FORWARD, vec![to_ports])];
            for seat in &scene.seats {
                let Some(server) = profile.server_address(seat.family) else {
                    continue;
                };
                if seat.host == scene.firewall || seat.called == server {
                    continue;
                }
                for control in &profile.control {
                    rules.push(dnat(
                        seat.called,
                        Some(seat.port.unwrap_or(control.port)),
                        (server, seat.port.map(|_| control.port)),
                        &scene.outside,
                    ));
                }
            }
            let mut distinct: Vec<Rule> = Vec::new();
            for rule in rules {
                if !distinct.contains(&rule) {
                    distinct.push(rule);
                }
            }
            distinct
        }
    }
}

/// The box in front: the whole of an address to one behind it, from outside.
#[must_use]
pub fn translator(outside: &str, pairs: &[OneToOne]) -> Vec<Operation> {
    let mut rules = Vec::new();
    for pair in pairs {
        if let Some((port, inner)) = pair.port {
            rules.push(dnat(
                pair.external,
                Some(port),
                (pair.internal, Some(inner)),
                outside,
            ));
        }
        rules.push(dnat(pair.external, None, (pair.internal, None), outside));
        rules.push(of(
            Family::of(pair.internal),
            rule(
                Chain::NAT_POSTROUTING,
                vec![
                    Match::OutputInterface(name(outside)),
                    Match::Source(vec![IpNet::from(pair.internal)]),
                ],
                Statement::Snat { to: pair.external },
            ),
        ));
    }
    tables("upstream", &rules, Policy::Accept)
}

/// The families that a firewall has nothing to say about are dropped as well.
fn tables(table: &str, rules: &[Rule], policy: Policy) -> Vec<Operation> {
    let rules: Vec<&Rule> = rules.iter().collect();
    tables_for(&rules, true)
        .into_iter()
        .map(|mut made| {
            table.clone_into(&mut made.name);
            for chain in &mut made.chains {
                for rule in &mut chain.rules {
                    rule.comment = None;
                }
                let Some(base) = &mut chain.base else {
                    continue;
                };
                match base.kind {
                    Kind::Filter => base.policy = policy,
                    // Where others have theirs (`NF_IP_PRI_NAT_DST`, `NF_IP_PRI_NAT_SRC`).
                    _ if base.priority < 0 => base.priority = -100,
                    _ => base.priority = 100,
                }
            }
            Operation::ReplaceTable(made)
        })
        .collect()
}

fn dnat(
    called: IpAddr,
    port: Option<u16>,
    (to, inner): (IpAddr, Option<u16>),
    outside: &str,
) -> Rule {
    let mut matches = vec![
        interface(outside),
        Match::Destination(vec![IpNet::from(called)]),
    ];
    let every = PortRange::new(1, u16::MAX);
    let ports = port.map(PortRange::one).or(every);
    matches.extend(ports.map(|ports| Match::TcpDestinationPort(vec![ports])));
    of(
        Family::of(called),
        rule(
            Chain::NAT_PREROUTING,
            matches,
            Statement::Dnat { to, port: inner },
        ),
    )
}

fn rule(chain: Chain, matches: Vec<Match>, statement: Statement) -> Rule {
    Rule {
        profile: "lab".to_owned(),
        name: "before",
        why: String::new(),
        chain,
        families: Family::BOTH.to_vec(),
        matches,
        statement,
        demand: Demand::Always,
    }
}

fn accept(chain: Chain, matches: Vec<Match>) -> Rule {
    rule(chain, matches, Statement::Accept)
}

/// A rule that no packet meets, for its chain's sake.
fn nothing(chain: Chain) -> Rule {
    let none = vec![PortRange::one(0)];
    let ports = [
        Match::TcpDestinationPort(none.clone()),
        Match::TcpSourcePort(none),
    ];
    accept(chain, ports.to_vec())
}

fn of(family: Family, rule: Rule) -> Rule {
    Rule {
        families: vec![family],
        ..rule
    }
}

fn interface(of: &str) -> Match {
    Match::InputInterface(name(of))
}

fn name(of: &str) -> Vec<InterfaceName> {
    InterfaceName::new(of).into_iter().collect()
}
