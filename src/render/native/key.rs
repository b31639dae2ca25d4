//! By what a set for several rules is keyed: the cheapest structure that the kernel has
//! for it. A hash of addresses, or of addresses with ports, is looked up in one step; a
//! tree of ranges and concatenations with ranges (`nft_set_pipapo.c`) take more.

use std::collections::HashMap;

use super::shared::{Shared, Written};
use super::slot::{Side, Slots, address_at, ports_at, slots};
use super::values::joined_ports;
use crate::model::filter::{Rule, Statement};
use crate::model::net::PortRange;

/// Most rules that are made of alike ones by the ports that several of them have in
/// common: each is a hash, but one more rule for every packet.
const MOST_HASHES: usize = 3;

/// The rules that a group of alike ones becomes, each with the place of the first that it
/// is made of. `members`: their places in the chain, two at least.
pub(super) fn forms<'a>(
    rules: &[&'a Rule],
    members: &[usize],
    side: Side,
) -> Vec<(usize, Written<'a>)> {
    let slots = rules
        .get(members[0])
        .map_or(Slots::default(), |rule| slots(rule, side));
    let group = Group { rules, slots };
    if group.each_port(members) {
        return vec![group.shared(members, group.of_each_port(members))];
    }
    let mut forms = Vec::new();
    let mut rest: Vec<usize> = Vec::new();
    let mut hashes = 0;
    for class in group.by_ports(members) {
        if slots.address.is_some() && class.len() > 1 && hashes < MOST_HASHES {
            hashes += 1;
            forms.push(group.shared(&class, slots.address_only()));
        } else {
            rest.extend(class);
        }
    }
    rest.sort_unstable();
    if !rest.is_empty() {
        let keyed = if group.one_address(&rest) {
            slots.ports_only()
        } else {
            slots
        };
        forms.push(group.shared(&rest, keyed));
    }
    forms
}

struct Group<'a, 'b> {
    rules: &'b [&'a Rule],
    slots: Slots,
}

impl<'a> Group<'a, '_> {
    fn shared(&self, members: &[usize], keyed: Slots) -> (usize, Written<'a>) {
        let of: Vec<&Rule> = members.iter().map(|at| self.rules[*at]).collect();
        let written = match of[..] {
            [one] => Written::Alone(one),
            _ => Written::Shared(Shared::new(of, keyed)),
        };
        (members[0], written)
    }

    fn ports(&self, member: usize) -> Vec<PortRange> {
        ports_at(self.rules[member], self.slots.ports).map_or(Vec::new(), joined_ports)
    }

    fn each_port(&self, members: &[usize]) -> bool {
        members.iter().all(|at| {
            let ports = ports_at(self.rules[*at], self.slots.ports);
            ports.is_none_or(|ranges| ranges.iter().all(|range| range.count() == 1))
        })
    }

    /// All have single ports, or none: a hash by what differs.
    fn of_each_port(&self, members: &[usize]) -> Slots {
        let first = members[0];
        let same_ports = members
            .iter()
            .all(|at| self.ports(*at) == self.ports(first));
        let shifts = |at: &usize| {
            let statement = &self.rules[*at].statement;
            matches!(statement, Statement::Dnat { port: Some(_), .. })
        };
        let alike = members.iter().all(|at| shifts(at) == shifts(&first));
        if self.slots.address.is_some() && same_ports && alike {
            self.slots.address_only()
        } else if self.one_address(members) {
            self.slots.ports_only()
        } else {
            self.slots
        }
    }

    fn one_address(&self, members: &[usize]) -> bool {
        let address = |at: usize| address_at(self.rules[at], self.slots.address);
        members.iter().all(|at| address(*at) == address(members[0]))
    }

    /// Those with the same ports together, the largest class first.
    fn by_ports(&self, members: &[usize]) -> Vec<Vec<usize>> {
        let mut classes: Vec<Vec<usize>> = Vec::new();
        let mut known: HashMap<Vec<PortRange>, usize> = HashMap::new();
        for at in members {
            let class = *known.entry(self.ports(*at)).or_insert(classes.len());
            match classes.get_mut(class) {
                Some(class) => class.push(*at),
                None => classes.push(vec![*at]),
            }
        }
        classes.sort_by_key(|class| std::cmp::Reverse(class.len()));
        classes
    }
}
