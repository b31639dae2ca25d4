//! Which rules of a plan a host lacks: what they do, nothing there does yet.

use ipnet::IpNet;

use crate::facts::Facts;
use crate::model::filter::{self, Demand, Match, Purpose, Rule, Statement};
use crate::model::net::{InterfaceName, PortRange};
use crate::profile::Profile;
use crate::ruleset::eval::{Address, Path, Prepared, Route, Told, Where};
use crate::ruleset::live::table::{Hook, Kind, Object, ObjectKind};
use crate::ruleset::live::{Ruleset, Table};

use super::ProfilePlan;
use super::flows::Part;
use super::helper::is_automatic;
use super::placed::dropped;
use super::reach::{Reached, Stopped, ports, reach};

/// The kernel's name of the helper.
const FTP: &str = "ftp";

/// A firewall in force, and the same without its filters.
#[derive(Clone, Copy)]
pub struct InForce<'a, 'r> {
    /// The host.
    pub facts: &'a Facts,
    /// Its rules, made ready.
    pub prepared: &'a Prepared<'r>,
    /// What [`unfiltered`] makes of them.
    pub unfiltered: &'a Prepared<'r>,
    /// Its routes.
    pub routes: &'a [Route],
}

/// The rules of a plan that the firewall in force lacks, in the plan's order. An accept is
/// missing where a chain drops what it is for; a translation and the helper where packets
/// that the filters let through would not get it. `outside`: the interface by which clients
/// come, where it is known.
#[must_use]
pub fn missing<'a>(
    profile: &Profile,
    plan: &'a ProfilePlan,
    firewall: InForce,
    outside: Option<&str>,
) -> Vec<&'a Rule> {
    let InForce {
        facts,
        prepared,
        unfiltered,
        routes,
    } = firewall;
    let by = |_: &str| outside;
    let accepts = dropped(plan.rules.iter(), prepared.ruleset(), prepared, &by, routes);
    let is_dropped = |rule: &Rule| {
        accepts.iter().any(|drop| {
            let no_place = rule.demand == Demand::Always && rule.is_required();
            std::ptr::eq(drop.rule, rule) && (drop.placed.is_ok() || no_place)
        })
    };
    // A chain may accept them by what no accept of ours tests, as that they were translated.
    let now = reach(profile, facts, prepared);
    let is_through = |rule: &Rule| {
        let parts = now
            .iter()
            .flat_map(|r| r.parts.iter().map(move |(part, by)| (r, part, by)));
        let mut concerned = parts
            .filter(|(r, part, _)| is_for(rule, r, part))
            .peekable();
        // Errors about connections, and connections that the helper expects, are others.
        let is_other = |of: &Match| matches!(of, Match::Icmp | Match::CtHelperFtp);
        !rule.matches.iter().any(is_other)
            && concerned.peek().is_some()
            && concerned.all(|(_, _, by)| !by.is_some_and(Stopped::is_general))
    };
    let is_filter = |rule: &Rule| rule.chain.purpose == Purpose::Filter;
    let traffic = if plan.rules.iter().all(is_filter) {
        Vec::new()
    } else {
        reach(profile, facts, unfiltered)
    };
    let lacks = |rule: &&Rule| match rule.chain.purpose {
        Purpose::Filter => is_dropped(rule) && !is_through(rule),
        Purpose::Nat | Purpose::Helper => is_lacked(rule, &traffic, facts),
    };
    plan.rules.iter().filter(lacks).collect()
}

/// A ruleset without the filters that end packets before they are translated.
#[must_use]
pub fn unfiltered(ruleset: &Ruleset) -> Ruleset {
    let mut open = ruleset.clone();
    let assigns = |table: &Table| {
        let is_helper = |object: &Object| matches!(object.what, ObjectKind::Helper { .. });
        table.objects.iter().any(is_helper)
    };
    // A chain that assigns the helper may stand among the filters.
    for table in open.tables.iter_mut().filter(|table| !assigns(table)) {
        for chain in &mut table.chains {
            let filters = chain.base.as_ref().is_some_and(|base| {
                let hooks = [Hook::Input, Hook::Forward, Hook::Output];
                base.kind == Kind::Filter && base.priority >= 0 && hooks.contains(&base.hook)
            });
            if filters {
                chain.base = None;
            }
        }
    }
    open
}

/// Whether connections that a rule is for do not get what it does.
fn is_lacked(rule: &Rule, traffic: &[Reached], facts: &Facts) -> bool {
    traffic.iter().any(|reached| {
        let automatic = is_automatic(facts, reached.connections.control_port);
        reached.parts.iter().any(|(part, by)| {
            is_for(rule, reached, part)
                && match rule.statement {
                    Statement::Accept => false,
                    Statement::Dnat { .. } => matches!(by, Some(Stopped::Astray(_))),
                    Statement::Snat { .. } | Statement::Masquerade => part
                        .opening
                        .nat
                        .known()
                        .is_some_and(|nat| nat.source_by.is_none()),
                    Statement::AssignHelper => match &part.opening.helper {
                        Told::Known(Some(assigned)) => assigned.helper != FTP,
                        Told::Known(None) => !automatic,
                        Told::Undecided(_) => false,
                    },
                }
        })
    })
}

/// Whether a rule is for a part of some connections, or for the replies to them, as far as
/// its conditions tell.
fn is_for(rule: &Rule, reached: &Reached, part: &Part) -> bool {
    let connections = &reached.connections;
    let opening = &connections.opening;
    let flow = opening.flow.at(&part.region);
    let nat = part.opening.nat.known();
    let arrives = opening.path == Path::Arrives;
    let is_local = part.opening.to == Some(Where::Local);
    let is_out = matches!(part.opening.to, Some(Where::Out(_)));
    let is_reply = rule.matches.contains(&Match::CtReply);
    let comes_by = match rule.chain.hook {
        filter::Hook::Prerouting => arrives,
        filter::Hook::Input if is_reply => !arrives,
        filter::Hook::Output if is_reply => is_local,
        filter::Hook::Input => is_local,
        filter::Hook::Output => !arrives,
        filter::Hook::Forward => arrives && is_out,
        filter::Hook::Postrouting => is_out,
    };
    let translated = nat.map_or(Address::Unknown, |nat| nat.translations.destination.address);
    let server = match (rule.chain.purpose, rule.chain.hook, translated) {
        (Purpose::Nat | Purpose::Helper, filter::Hook::Prerouting | filter::Hook::Output, _) => {
            flow.destination.0
        }
        (_, _, Address::Within(first, _)) => first,
        (_, _, _) => flow.destination.0,
    };
    let output = match &part.opening.to {
        Some(Where::Out(name)) => name.as_deref(),
        Some(Where::Local) | None => None,
    };
    let ends = [(flow.source.0, opening.input.as_deref()), (server, output)];
    let [from, to] = if is_reply { [ends[1], ends[0]] } else { ends };
    let within = |nets: &[IpNet], address| nets.iter().any(|net| net.contains(&address));
    let is_one_of = |names: &[InterfaceName], name: Option<&str>| {
        name.is_none_or(|name| names.iter().any(|n| n.as_str() == name))
    };
    let called = ports(&part.region);
    let own = connections.control_port;
    let holds = |condition: &Match| match condition {
        Match::InputInterface(names) => is_one_of(names, from.1),
        Match::OutputInterface(names) => is_one_of(names, to.1),
        Match::Source(nets) => within(nets, from.0),
        Match::Destination(nets) => within(nets, to.0),
        Match::NotDestination(nets) => !within(nets, to.0),
        Match::TcpSourcePort(_) if !is_reply => true,
        Match::TcpDestinationPort(_) if is_reply => true,
        Match::TcpDestinationPort(ranges) | Match::TcpSourcePort(ranges) => {
            let is_own = |range: &PortRange| own.is_some_and(|p| range.contains(p));
            let mut ranges = ranges.iter();
            ranges.any(|range| range.overlaps(called) || is_own(range))
        }
        Match::CtDnat => nat.is_some_and(|nat| nat.destination_by.is_some()),
        Match::DestinationIsLocal
        | Match::Icmp
        | Match::CtState(_)
        | Match::CtReply
        | Match::CtHelperFtp => true,
    };
    comes_by && rule.families.contains(&flow.family()) && rule.matches.iter().all(holds)
}
