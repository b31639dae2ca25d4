//! Several rules as one, with a set or a map that holds what they differ in.

use std::collections::HashSet;
use std::net::IpAddr;

use super::assemble::{self, Assembly, REGISTER, family_of};
use super::field::{Field, after};
use super::sets::empty_set;
use super::slot::{Slots, address_at, ports_at};
use super::values::{self, Kind, Kinds, joined_ports};
use crate::model::filter::{Match, Rule, Statement};
use crate::model::net::{Family, PortRange};
use crate::ruleset::live;
use crate::ruleset::live::expression::NatKind;
use crate::ruleset::live::table::{Key, Set, TableFamily};

/// A rule as it is written.
pub(super) enum Written<'a> {
    /// As it was planned.
    Alone(&'a Rule),
    /// Several as one.
    Shared(Shared<'a>),
}

/// Rules that are alike but for what stands in these slots and, of a translation, the
/// target. Where two of them meet the same packet, they do the same with it.
pub(super) struct Shared<'a> {
    /// Two at least.
    members: Vec<&'a Rule>,
    keyed: Slots,
    like: &'a Rule,
    /// Targets have a port.
    shifts: bool,
}

/// What an element is made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    address: Option<IpAddr>,
    ports: Option<PortRange>,
    /// The target's address, and its port where targets have one.
    value: Option<(IpAddr, Option<u16>)>,
    profile: String,
}

impl<'a> Shared<'a> {
    pub(super) fn new(members: Vec<&'a Rule>, keyed: Slots) -> Self {
        Self {
            like: members[0],
            shifts: members
                .iter()
                .any(|rule| matches!(rule.statement, Statement::Dnat { port: Some(_), .. })),
            members,
            keyed,
        }
    }

    /// The rule and its set, which has a name that was not taken; no set where one rule
    /// without it meets what all of them meet.
    pub(super) fn lowered(
        &self,
        family: TableFamily,
        taken: &mut HashSet<String>,
        anonymous: &mut Vec<Set>,
    ) -> (live::Rule, Option<Set>) {
        let comment = self.comment("");
        let entries = self.entries();
        if let [one] = &entries[..] {
            return (self.plain(one, family, anonymous), None);
        }
        let mut assembly = Assembly::new(self.like, family, anonymous);
        let set = self.set(&entries, taken);
        let fields = self.fields();
        let target = family_of(&self.like.statement);
        let mut open = target.is_none();
        for (place, condition) in self.like.matches.iter().enumerate() {
            if !self.keyed.holds(place) {
                assembly.condition(condition);
            } else if std::mem::take(&mut open) {
                assembly.lookup(&fields, &set.name, None);
            }
        }
        match target {
            None => assembly.statement(&self.like.statement),
            Some((kind, to)) => self.translate(&mut assembly, &fields, &set, kind, to),
        }
        (assembly.finish(comment), Some(set))
    }

    /// All of them meet the same address: one rule, for the ports of all.
    fn plain(&self, entry: &Entry, family: TableFamily, anonymous: &mut Vec<Set>) -> live::Rule {
        let mut rule = self.like.clone();
        rule.profile.clear();
        if let Some(Match::TcpDestinationPort(ranges)) =
            self.keyed.ports.and_then(|at| rule.matches.get_mut(at))
        {
            *ranges = entry.ports.into_iter().collect();
        }
        assemble::rule(&rule, family, anonymous)
    }

    fn comment(&self, profile: &str) -> String {
        Rule {
            profile: profile.to_owned(),
            ..self.like.clone()
        }
        .comment()
    }

    fn translate(
        &self,
        assembly: &mut Assembly,
        fields: &[Field],
        set: &Set,
        kind: NatKind,
        to: IpAddr,
    ) {
        let family = Family::of(to);
        assembly.lookup(fields, &set.name, Some(REGISTER));
        let port = self.shifts.then(|| after(REGISTER, Kind::of(family)));
        assembly.translate(kind, family, port);
    }

    fn fields(&self) -> Vec<Field> {
        let condition = |slot: Option<usize>| slot.and_then(|at| self.like.matches.get(at));
        let address = condition(self.keyed.address).and_then(|condition| match condition {
            Match::Source(hosts) => hosts.first().map(|h| Field::Source(Family::of_net(h))),
            Match::Destination(hosts) => {
                hosts.first().map(|h| Field::Destination(Family::of_net(h)))
            }
            _ => None,
        });
        let ports = self.keyed.ports.map(|_| Field::DestinationPort);
        address.into_iter().chain(ports).collect()
    }

    /// What the set holds, ordered; what several rules have in common is there once, and
    /// then it belongs to no single profile.
    fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.members.iter().flat_map(|r| self.of(r)).collect();
        entries.sort();
        let mut once: Vec<Entry> = Vec::new();
        for entry in entries {
            match once.last_mut() {
                Some(last) if last.address == entry.address && meet(last.ports, entry.ports) => {
                    last.ports = both(last.ports, entry.ports);
                    if last.profile != entry.profile {
                        last.profile.clear();
                    }
                }
                _ => once.push(entry),
            }
        }
        once
    }

    fn of(&self, rule: &Rule) -> Vec<Entry> {
        let entry = |ports: Option<PortRange>| Entry {
            address: address_at(rule, self.keyed.address),
            ports,
            value: family_of(&rule.statement).map(|(_, to)| {
                let own = ports.map(PortRange::first);
                let port = match rule.statement {
                    Statement::Dnat { port, .. } => port.or(own).filter(|_| self.shifts),
                    _ => None,
                };
                (to, port)
            }),
            profile: rule.profile.clone(),
        };
        match ports_at(rule, self.keyed.ports) {
            None => vec![entry(None)],
            Some(ranges) if ranges.iter().all(|range| range.count() == 1) => {
                ranges.iter().map(|range| entry(Some(*range))).collect()
            }
            Some(ranges) => {
                let joined = joined_ports(ranges);
                joined.into_iter().map(|r| entry(Some(r))).collect()
            }
        }
    }

    fn set(&self, entries: &[Entry], taken: &mut HashSet<String>) -> Set {
        let kinds = Kinds(self.fields().iter().map(|field| field.kind()).collect());
        let parts = kinds.parts();
        let mut set = empty_set(self.name(taken), &kinds);
        let is_range = |e: &Entry| e.ports.is_some_and(|range| range.count() > 1);
        set.flags.interval = entries.iter().any(is_range);
        if set.flags.interval && parts.len() > 1 {
            set.flags.concat = true;
            set.parts = parts;
        }
        if let Some((to, port)) = entries.first().and_then(|entry| entry.value) {
            let port = port.map(|_| Kind::Port);
            let value = std::iter::once(Kind::of(Family::of(to))).chain(port);
            set.flags.map = true;
            set.data_type = Some(Kinds(value.collect()).number());
        }
        set.elements = entries.iter().map(|e| self.element(e)).collect();
        set
    }

    fn element(&self, entry: &Entry) -> live::table::Element {
        let key = match entry.ports {
            None => Key::One(concatenation(entry.address, None)),
            Some(range) => values::key(
                concatenation(entry.address, Some(range.first())),
                concatenation(entry.address, Some(range.last())),
            ),
        };
        let value = entry.value.map(|(to, port)| concatenation(Some(to), port));
        let comment = self.comment(&entry.profile);
        values::element(key, value, Some(comment))
    }

    /// Such as `prerouting_dnat_control_ip`: names begin with a letter and have no hyphens.
    fn name(&self, taken: &mut HashSet<String>) -> String {
        let family = match self.like.families[..] {
            [Family::Ipv4] => "_ip",
            [Family::Ipv6] => "_ip6",
            _ => "",
        };
        let rule = self.like.name.replace('-', "_");
        let name = format!("{}_{rule}{family}", self.like.chain.hook);
        let numbered = (2..).map(|number: u32| format!("{name}_{number}"));
        let free = std::iter::once(name.clone())
            .chain(numbered)
            .find(|name| !taken.contains(name))
            .unwrap_or(name);
        taken.insert(free.clone());
        free
    }
}

/// Whether two ranges of one address share a port, or there are none.
fn meet(a: Option<PortRange>, b: Option<PortRange>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.overlaps(b),
        _ => true,
    }
}

fn both(a: Option<PortRange>, b: Option<PortRange>) -> Option<PortRange> {
    let (a, b) = (a?, b?);
    PortRange::new(a.first().min(b.first()), a.last().max(b.last()))
}

/// A key or a value; alone a port has two bytes, behind an address four.
fn concatenation(address: Option<IpAddr>, port: Option<u16>) -> Box<[u8]> {
    let address = address.map(values::address).unwrap_or_default();
    let mut bytes = address.into_vec();
    if let Some(port) = port {
        let is_part = !bytes.is_empty();
        bytes.extend(values::port(port));
        if is_part {
            bytes.extend([0, 0]);
        }
    }
    bytes.into()
}
