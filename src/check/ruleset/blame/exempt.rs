//! Accepts for chains that no rule of the plan is written for: they exempt the profile's
//! connections from a rule of others, directly before it.

use crate::check::cure::{Guest, RuleChange};
use crate::check::definition::Subject;
use crate::model::check as id;
use crate::model::filter::{Chain, CtState, Demand, Match, Rule, Statement};
use crate::model::net::PortRange;
use crate::plan::flows::Purpose;
use crate::profile::Nat;
use crate::ruleset::eval::Place;
use crate::ruleset::live::expression::Expression;
use crate::ruleset::live::table::{Hook, TableFamily};
use crate::ruleset::live::xt::Target;

use super::{Fault, Stop, rule_at};

/// From drops at other hooks than input, forward and output, as in iptables' `raw`.
pub(super) fn from_drops(subject: &Subject, faults: &[&Fault]) -> Vec<RuleChange> {
    from_stops(subject, faults, |stop| odd_hook(subject, stop).is_some())
}

/// From every drop: where no place in its chain is one for an accept of the plan.
pub(super) fn from_all_drops(subject: &Subject, faults: &[&Fault]) -> Vec<RuleChange> {
    from_stops(subject, faults, |stop| stop != Stop::first(stop.at))
}

fn from_stops(
    subject: &Subject,
    faults: &[&Fault],
    is_meant: impl Fn(Stop) -> bool,
) -> Vec<RuleChange> {
    let mut changes = Vec::new();
    for fault in faults {
        for stop in fault.causes.iter().filter(|stop| is_meant(**stop)) {
            for way in ways(subject, fault, stop.hook) {
                let rule = accept(subject, fault, stop.hook, *way);
                add(subject, &mut changes, stop.at, rule);
            }
        }
    }
    changes
}

/// Which packets of a fault meet a hook. Of what follows the first packet a gateway sees
/// both directions everywhere, the server's own host one.
fn ways(subject: &Subject, fault: &Fault, hook: Hook) -> &'static [Way] {
    if fault.id != id::ESTABLISHED_NOT_ACCEPTED {
        return &[Way::To];
    }
    if !matches!(subject.profile.nat, Nat::None | Nat::Upstream { .. }) {
        return &[Way::To, Way::Back];
    }
    let comes_in = matches!(hook, Hook::Ingress | Hook::Prerouting | Hook::Input);
    if comes_in == (fault.purpose == Purpose::ActiveData) {
        &[Way::Back]
    } else {
        &[Way::To]
    }
}

/// The hook where a packet met a drop, where that is none of input, forward and output,
/// which the accepts of the plan are for.
pub(super) fn odd_hook(subject: &Subject, stop: Stop) -> Option<Hook> {
    let drops = stop != Stop::first(stop.at);
    let usual = matches!(stop.hook, Hook::Input | Hook::Forward | Hook::Output);
    let tables = &subject.firewall.ruleset.tables;
    let is_ip = tables.get(stop.at.table).is_some_and(|table| {
        !matches!(
            table.family,
            TableFamily::Arp | TableFamily::Bridge | TableFamily::Netdev
        )
    });
    (drops && !(usual && is_ip)).then_some(stop.hook)
}

/// From going untracked: in every chain that says so, before the first rule that does, for
/// both directions. The answers meet another chain than the packets that open.
pub(super) fn from_notrack(subject: &Subject, faults: &[&Fault]) -> Vec<RuleChange> {
    let mut changes = Vec::new();
    let tables = subject.firewall.ruleset.tables.iter().enumerate();
    for (table, number) in tables.map(|(number, table)| (table, number)) {
        for (chain_number, chain) in table.chains.iter().enumerate() {
            let Some(rule) = chain
                .rules
                .iter()
                .position(|r| says_notrack(&r.expressions))
            else {
                continue;
            };
            let at = Place {
                table: number,
                chain: chain_number,
                rule: Some(rule),
            };
            let hook = chain
                .base
                .as_ref()
                .map_or(Hook::Prerouting, |base| base.hook);
            let sees = |fault: &&&Fault| match table.family {
                TableFamily::Ip => fault.family == crate::model::net::Family::Ipv4,
                TableFamily::Ip6 => fault.family == crate::model::net::Family::Ipv6,
                _ => true,
            };
            for fault in faults.iter().filter(sees) {
                for way in [Way::To, Way::Back] {
                    add(subject, &mut changes, at, accept(subject, fault, hook, way));
                }
            }
        }
    }
    changes
}

fn says_notrack(expressions: &[Expression]) -> bool {
    expressions.iter().any(|expression| {
        matches!(
            expression,
            Expression::Notrack | Expression::Target(Target::Ct { notrack: true, .. })
        )
    })
}

/// From a translation of the source, in the chain that translates.
pub(super) fn from_source_nat(subject: &Subject, faults: &[&Fault]) -> Vec<RuleChange> {
    let mut changes = Vec::new();
    for fault in faults {
        for stop in &fault.causes {
            let rule = accept(subject, fault, Hook::Postrouting, Way::To);
            add(subject, &mut changes, stop.at, rule);
        }
    }
    changes
}

fn add(subject: &Subject, changes: &mut Vec<RuleChange>, before: Place, rule: Rule) {
    let Some(before) = rule_at(subject, before) else {
        return;
    };
    let change = RuleChange::Guest(Box::new(Guest { rule, before }));
    if !changes.contains(&change) {
        changes.push(change);
    }
}

/// Which packets of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Those of who opens it.
    To,
    /// The answers.
    Back,
}

/// An accept of a fault's ports as they are at a hook: before routing with the address
/// that clients call, behind it with the server's.
fn accept(subject: &Subject, fault: &Fault, hook: Hook, way: Way) -> Rule {
    let profile = subject.profile;
    let server = profile.server_address(fault.family).unwrap_or(fault.called);
    let is_early = matches!(hook, Hook::Prerouting | Hook::Ingress);
    let called = if is_early && way == Way::To {
        fault.called
    } else {
        server
    };
    let clients = profile.clients_of(fault.family);
    let clients = Some(clients).filter(|all| all.iter().all(|net| net.prefix_len() > 0));
    let to_client = (fault.purpose == Purpose::ActiveData) == (way == Way::To);
    let ports = match fault.purpose {
        Purpose::Control => fault.ports(),
        Purpose::PassiveData => vec![profile.passive.ports],
        Purpose::ActiveData => vec![PortRange::UNPRIVILEGED],
    };
    let mut matches = Vec::new();
    if to_client {
        matches.push(Match::Source(vec![called.into()]));
        matches.extend(clients.map(Match::Destination));
    } else {
        matches.extend(clients.map(Match::Source));
        matches.push(Match::Destination(vec![called.into()]));
    }
    matches.push(match way {
        Way::To => Match::TcpDestinationPort(ports),
        Way::Back => Match::TcpSourcePort(ports),
    });
    let is_expected = fault.id == id::RELATED_NOT_ACCEPTED;
    if is_expected {
        let states = vec![CtState::Related, CtState::Established];
        matches.extend([Match::CtState(states), Match::CtHelperFtp]);
    }
    let name = match (fault.purpose, way) {
        (Purpose::PassiveData, _) if is_expected => "related",
        (Purpose::ActiveData, _) if is_expected => "active-related",
        (Purpose::Control, Way::To) => "control",
        (Purpose::Control, Way::Back) => "control-replies",
        (Purpose::PassiveData, Way::To) => "passive-range",
        (Purpose::PassiveData, Way::Back) => "passive-replies",
        (Purpose::ActiveData, Way::To) => "active-data",
        (Purpose::ActiveData, Way::Back) => "active-replies",
    };
    Rule {
        profile: profile.name.clone(),
        name,
        why: "no rule of the plan is written for this chain".to_owned(),
        chain: Chain::FILTER_INPUT,
        families: vec![fault.family],
        matches,
        statement: Statement::Accept,
        demand: Demand::Always,
    }
}
