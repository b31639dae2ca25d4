//! Which connections of a profile clients cannot make, and which rules are to blame.
//!
//! Every part of the traffic that does not get through is one [`Fault`]: it belongs to the
//! one check that names its cause. Parts that cannot be told are [`Open`].

mod cause;
mod exempt;
mod expected;
mod finding;
mod remedy;
mod source;

use std::net::IpAddr;

use crate::facts::Facts;
use crate::model::check::{self as id, CheckId};
use crate::model::net::{Family, PortRange};
use crate::plan::flows::{Part, Purpose};
use crate::plan::reach::{Reached, Stopped, ports};
use crate::plan::{From, translated};
use crate::profile::{Nat, Profile};
use crate::ruleset::eval::{Axis, Doubt, Outcome, Place, Prepared, Region, Span};
use crate::ruleset::live::print;
use crate::ruleset::live::table::Hook;

use super::super::cure::RuleAt;
use super::super::definition::{Firewall, Subject};
use super::super::{NotChecked, Severity};

pub(in crate::check) use finding::found;
pub(in crate::check) use remedy::own;

/// Connections that clients cannot make, or not as they should, for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The check that names the cause.
    pub id: CheckId,
    /// How much it hurts.
    pub severity: Severity,
    /// What the connections are for.
    pub purpose: Purpose,
    /// From where the client calls.
    pub from: From,
    /// Their family.
    pub family: Family,
    /// Where they go to, as who opens them sees it.
    pub called: IpAddr,
    /// Which of them.
    pub regions: Vec<Region>,
    /// The rules and policies that stop them, or lead them astray, in the order in which
    /// packets meet them; empty where there is none, as where no rule translates them.
    pub causes: Vec<Stop>,
    /// The rule that accepts them in vain: overruled later, or behind the drop; of what a
    /// helper expects, that which accepts them when they are sent again.
    pub in_vain: Option<Stop>,
}

/// A rule or policy on the way of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// It.
    pub at: Place,
    /// The hook where it is met.
    pub hook: Hook,
    /// The priority of the base chain that leads to it.
    pub priority: i32,
}

impl Stop {
    /// One that comes before all that drops.
    fn first(at: Place) -> Self {
        Self {
            at,
            hook: Hook::Ingress,
            priority: i32::MIN,
        }
    }

    /// By what packets meet first; of two chains that one base chain leads to, either.
    fn order(&self) -> (Hook, i32, usize) {
        (self.hook, self.priority, self.at.rule.unwrap_or(usize::MAX))
    }
}

impl Fault {
    /// The ports that its connections come to, in order.
    #[must_use]
    pub fn ports(&self) -> Vec<PortRange> {
        let all: Vec<PortRange> = self.regions.iter().map(ports).collect();
        crate::facts::ports::merged(&all)
    }

    fn is_like(&self, other: &Self) -> bool {
        let Self { regions, .. } = other;
        let alike = Self {
            regions: regions.clone(),
            ..self.clone()
        };
        alike == *other
    }
}

/// What is wrong with the traffic of a profile, and what cannot be told of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blame {
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// What cannot be told, and why.
    pub open: Vec<NotChecked>,
}

/// Blames rules for what does not get through.
#[must_use]
pub(in crate::check) fn blame(
    profile: &Profile,
    facts: &Facts,
    firewall: &Firewall,
    traffic: &[Reached],
) -> Blame {
    let mut blame = Blame::default();
    let expected = expected::expected(profile, &firewall.prepared, traffic);
    let needed = traffic
        .iter()
        .filter(|r| expected::must_be_new(profile, &r.connections, traffic));
    for reached in needed.chain(&expected) {
        let judge = cause::Judge {
            profile,
            facts,
            prepared: &firewall.prepared,
            wanted: &reached.connections,
        };
        for (part, stopped) in &reached.parts {
            if let Some(address) = judge.elsewhere(part) {
                let why = format!("{address}, which the profile names, is no address of this host");
                blame.ask(&judge, part, &why);
                continue;
            }
            match stopped {
                Some(Stopped::Unknown(doubt)) => blame.undecided(&judge, part, *doubt),
                Some(Stopped::Elsewhere(at)) => {
                    let rule = rule_words(&firewall.prepared, *at);
                    blame.ask(
                        &judge,
                        part,
                        &format!("{rule} hands them to another program"),
                    );
                }
                Some(Stopped::Kernel) => {
                    blame.ask(
                        &judge,
                        part,
                        "the kernel itself drops them, as without a route",
                    );
                }
                Some(Stopped::Will(at) | Stopped::General(at))
                    if judge.is_will(*at) && blame.shut_for_all(&judge, part, *at) => {}
                _ => blame.faults.extend(judge.faults(part, *stopped)),
            }
        }
    }
    blame.merge();
    blame.tell_apart_sources(profile);
    blame.join_ways();
    blame.spare_ipv6(profile);
    blame.drop_moot();
    blame
}

impl Blame {
    /// Something that is not known decides: where that is a rule that may drop some clients,
    /// it is the administrator's will, and no gap. A rule that may let some in is one, as
    /// those that it does not let in are dropped.
    fn undecided(&mut self, judge: &cause::Judge, part: &Part, doubt: Doubt) {
        if doubt
            .at
            .is_some_and(|at| self.shut_for_all(judge, part, at))
        {
            return;
        }
        let is_will = |at: &Place| judge.is_will(*at) && judge.only_drops(part, *at);
        if let Some(at) = doubt.at.filter(is_will) {
            self.faults
                .extend(judge.faults(part, Some(Stopped::Will(at))));
            return;
        }
        let rule = doubt
            .at
            .map(|at| format!(": {}", rule_words(judge.prepared, at)));
        let why = format!("{}{}", doubt.why, rule.unwrap_or_default());
        self.ask(judge, part, &why);
    }

    /// Blames what is there for all, where something that is not known does not matter for
    /// that.
    fn shut_for_all(&mut self, judge: &cause::Judge, part: &Part, doubtful: Place) -> bool {
        let Some(shut) = judge.shut_anyway(part, doubtful) else {
            return false;
        };
        let by = dropped_by(&shut.opening.outcome).filter(|by| !judge.is_will(*by));
        let stopped = by.map(Stopped::General);
        if stopped.is_some() {
            self.faults.extend(judge.faults(&shut, stopped));
        }
        stopped.is_some()
    }

    fn ask(&mut self, judge: &cause::Judge, part: &Part, why: &str) {
        let (id, severity) = judge.blocked();
        let what = finding::ports_words(judge.wanted.purpose, &[ports(&part.region)]);
        let reason = format!("cannot tell of {what}, because {why}");
        let known = self.open.iter().any(|o| o.id == id && o.reason == reason);
        if !known {
            self.open.push(NotChecked {
                id,
                severity,
                reason,
            });
        }
    }

    fn merge(&mut self) {
        let mut merged: Vec<Fault> = Vec::new();
        for fault in std::mem::take(&mut self.faults) {
            match merged.iter_mut().find(|m| m.is_like(&fault)) {
                Some(twin) => twin.regions.extend(fault.regions),
                None => merged.push(fault),
            }
        }
        self.faults = merged;
    }

    /// Where a rule accepts a part of a kind of connections in vain, what is dropped of the
    /// others, or by the same rule of the other family, is told with it: one finding names
    /// every cause on their way.
    fn join_ways(&mut self) {
        let vain: Vec<Fault> = self
            .faults
            .iter()
            .filter(|f| f.in_vain.is_some() && f.id != id::RELATED_NOT_ACCEPTED)
            .cloned()
            .collect();
        let is_plain = |f: &Fault| {
            [
                id::CONTROL_PORT_BLOCKED,
                id::PASSIVE_RANGE_BLOCKED,
                id::FORWARD_BLOCKED,
            ]
            .contains(&f.id)
                && f.severity == Severity::Error
        };
        for fault in self.faults.iter_mut().filter(|f| is_plain(f)) {
            let kind = |f: &&Fault| {
                (f.purpose, f.from, f.severity) == (fault.purpose, fault.from, fault.severity)
                    && (f.family == fault.family
                        || f.causes.iter().any(|stop| fault.causes.contains(stop)))
            };
            if let Some(told) = vain.iter().find(kind) {
                fault.id = told.id;
            }
        }
    }

    /// Many a server refuses a data connection from another address than that of the control
    /// connection, as where a rule translates the source of one of them alone. What breaks
    /// active mode is told with the rest.
    fn tell_apart_sources(&mut self, profile: &Profile) {
        let hidden = |f: &Fault| f.id == id::INBOUND_SNAT_HIDES_CLIENTS;
        let of = |purpose, family| {
            let mut faults = self.faults.iter().filter(|f| hidden(f));
            faults.any(|f| f.from == From::Outside && (f.purpose, f.family) == (purpose, family))
        };
        let breaks = |family| {
            let mut faults = self.faults.iter().filter(|f| hidden(f));
            let differs = of(Purpose::Control, family) != of(Purpose::PassiveData, family);
            differs && profile.server.software.rejects_other_peer()
                || faults.any(|f| f.family == family && f.severity == Severity::Error)
        };
        let broken = Family::BOTH.map(|family| (family, breaks(family)));
        for fault in self.faults.iter_mut().filter(|f| hidden(f)) {
            if broken.contains(&(fault.family, true)) {
                fault.severity = Severity::Error;
            }
        }
    }

    /// Where IPv4 is all right, what IPv6 lacks breaks some clients only.
    fn spare_ipv6(&mut self, profile: &Profile) {
        let serves_ipv4 = crate::plan::served_families(profile).contains(&Family::Ipv4);
        let breaks = |f: &Fault, family| f.severity == Severity::Error && f.family == family;
        if !serves_ipv4 || self.faults.iter().any(|f| breaks(f, Family::Ipv4)) {
            return;
        }
        for fault in &mut self.faults {
            if breaks(fault, Family::Ipv6) {
                fault.id = id::IPV6_DIFFERS_FROM_IPV4;
                fault.severity = Severity::Warning;
            }
        }
    }

    /// Inside clients lack no rule of their own where clients outside lack the same.
    fn drop_moot(&mut self) {
        let outside: Vec<(Family, Purpose)> = self
            .faults
            .iter()
            .filter(|f| f.severity == Severity::Error && f.from == From::Outside)
            .map(|f| (f.family, f.purpose))
            .collect();
        self.faults
            .retain(|f| f.from == From::Outside || !outside.contains(&(f.family, f.purpose)));
    }
}

/// Whether clients call an address that this host translates.
fn is_translated(profile: &Profile, family: Family) -> bool {
    matches!(profile.nat, Nat::Dnat { .. }) && translated(profile, family)
}

/// A rule, or the end of a chain, as one that is named before which another goes.
fn rule_at(subject: &Subject, at: Place) -> Option<RuleAt> {
    let ruleset = subject.firewall.ruleset;
    let rules = ruleset
        .tables
        .get(at.table)?
        .chains
        .get(at.chain)?
        .rules
        .len();
    RuleAt::of(ruleset, (at.table, at.chain), at.rule.unwrap_or(rules))
}

/// A rule or policy in one line.
fn rule_words(prepared: &Prepared, at: Place) -> String {
    let Some((table, chain)) = prepared.chain(at) else {
        return "a rule".to_owned();
    };
    match prepared.rule(at) {
        Some(rule) => format!(
            "{}: {}",
            print::place(table, chain),
            print::rule(rule, &chain.name, table)
        ),
        None => format!("the policy of {}", print::place(table, chain)),
    }
}

/// The sources of some regions, in order, those that touch as one.
fn sources(regions: &[Region]) -> Vec<Span> {
    let mut spans: Vec<Span> = regions.iter().map(|r| r.span(Axis::Source)).collect();
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last)
                if last
                    .last
                    .checked_add(1)
                    .is_none_or(|next| next >= span.first) =>
            {
                last.last = last.last.max(span.last);
            }
            _ => merged.push(span),
        }
    }
    merged
}

/// Whether an outcome is a drop or a rejection by a rule or policy: which.
fn dropped_by(outcome: &Outcome) -> Option<Place> {
    match outcome {
        Outcome::Drop { by } => *by,
        Outcome::Reject { by, .. } => Some(*by),
        Outcome::Accept | Outcome::Elsewhere { .. } | Outcome::Undecided(_) => None,
    }
}
