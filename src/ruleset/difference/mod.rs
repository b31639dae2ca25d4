//! What differs between a table as planned and as read back.

mod order;
mod same;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use super::live::print;
use super::live::table::{Chain, Element, Key, Rule, Set, Table};
use same::Sides;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Of what.
    pub of: Of,
    /// It, in the words of nft: as planned, or as read where nothing of it was planned.
    pub text: String,
    /// How it differs.
    pub how: How,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// The table itself: its flags, its comment.
    Table,
    /// A chain: whether it is there, where it is registered, its policy, its comment.
    Chain,
    /// A rule of the chain of that name.
    Rule(String),
    /// A set or a map: whether it is there, its types, its flags, its comment.
    Set,
    /// An element of the set of that name.
    Element(String),
    /// A stateful object.
    Object,
    /// A flowtable.
    Flowtable,
}

/// How something differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It is planned and not there.
    Missing,
    /// It is there and not planned.
    Unexpected,
    /// It is there as this, in the words of nft where they differ.
    Changed(String),
    /// It is there as planned, but stands before or behind other rules than planned.
    OutOfOrder,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match &self.how {
            How::Missing => "missing",
            How::Unexpected => "unexpected",
            How::Changed(_) => "changed",
            How::OutOfOrder => "out of order",
        };
        match &self.of {
            Of::Rule(owner) => write!(f, "{how} in chain {owner}: {}", self.text)?,
            Of::Element(owner) => write!(f, "{how} in set {owner}: {}", self.text)?,
            Of::Table | Of::Chain | Of::Set | Of::Object | Of::Flowtable => {
                write!(f, "{how}: {}", self.text)?;
            }
        }
        match &self.how {
            How::Changed(read) if *read != self.text => write!(f, "; it is: {read}"),
            _ => Ok(()),
        }
    }
}

/// What differs between a table as planned and as read back. Handles, the values of
/// counters, what is left of quotas and times, the names and sizes of anonymous sets and
/// the order of elements are no difference; nor is the order of chains, sets and objects.
#[must_use]
pub fn differences(planned: &Table, read: &Table) -> Vec<Difference> {
    let sides = Sides::new(planned, read);
    let mut found = Found(Vec::new());
    let of_table = |table: &Table| (table.dormant, table.owned, table.comment.clone());
    if of_table(planned) != of_table(read) {
        let text = format!("table {}", planned.name);
        found.add(Of::Table, text.clone(), How::Changed(text));
    }
    found.things(
        &Of::Object,
        [&planned.objects, &read.objects].map(|objects| objects.iter().collect()),
        |object| ("object", &object.name),
        |a, b| a.comment == b.comment && same::object(&a.what, &b.what),
    );
    found.things(
        &Of::Flowtable,
        [&planned.flowtables, &read.flowtables].map(|tables| tables.iter().collect()),
        |flowtable| ("flowtable", &flowtable.name),
        |a, b| (a.priority, &a.devices, a.flags) == (b.priority, &b.devices, b.flags),
    );
    let pairs = found.things(
        &Of::Set,
        [named_sets(planned), named_sets(read)],
        |set| (if set.flags.map { "map" } else { "set" }, &set.name),
        |a, b| same::declaration(a, b) && a.size == b.size,
    );
    for (planned, read) in pairs {
        found.elements(planned, read);
    }
    let pairs = found.things(
        &Of::Chain,
        [&planned.chains, &read.chains].map(|chains| chains.iter().collect()),
        |chain| ("chain", &chain.name),
        |a, b| (&a.base, &a.comment) == (&b.base, &b.comment),
    );
    for (planned, read) in pairs {
        found.rules(&sides, planned, read);
    }
    found.0
}

fn named_sets(table: &Table) -> Vec<&Set> {
    let sets = table.sets.iter();
    sets.filter(|set| !set.flags.anonymous).collect()
}

struct Found(Vec<Difference>);

impl Found {
    fn add(&mut self, of: Of, text: String, how: How) {
        self.0.push(Difference { of, text, how });
    }

    /// Compares things that have names, planned ones and read ones; gives those that are
    /// there on both sides.
    fn things<'a, T>(
        &mut self,
        of: &Of,
        [planned, read]: [Vec<&'a T>; 2],
        name: impl Fn(&T) -> (&str, &str),
        is_same: impl Fn(&T, &T) -> bool,
    ) -> Vec<(&'a T, &'a T)> {
        let text = |thing: &T| {
            let (kind, name) = name(thing);
            format!("{kind} {name}")
        };
        let mut left: BTreeMap<&str, &T> = read.iter().map(|t| (name(t).1, *t)).collect();
        let mut pairs = Vec::new();
        for thing in &planned {
            let Some(other) = left.remove(name(thing).1) else {
                self.add(of.clone(), text(thing), How::Missing);
                continue;
            };
            if !is_same(thing, other) {
                self.add(of.clone(), text(thing), How::Changed(text(other)));
            }
            pairs.push((*thing, other));
        }
        for thing in left.into_values() {
            self.add(of.clone(), text(thing), How::Unexpected);
        }
        pairs
    }

    fn elements(&mut self, planned: &Set, read: &Set) {
        let of = || Of::Element(planned.name.clone());
        let mut left: BTreeMap<Key, &Element> = read
            .elements
            .iter()
            .map(|element| (same::key(&element.key), element))
            .collect();
        for element in &planned.elements {
            let text = || print::element(element, planned);
            match left.remove(&same::key(&element.key)) {
                None => self.add(of(), text(), How::Missing),
                Some(other) if !same::element(element, other) => {
                    self.add(of(), text(), How::Changed(print::element(other, read)));
                }
                Some(_) => {}
            }
        }
        for element in left.into_values() {
            self.add(of(), print::element(element, read), How::Unexpected);
        }
        if let (None, Some(why)) = (&planned.unread, &read.unread) {
            let text = format!("the elements of {}", planned.name);
            self.add(of(), text, How::Changed(why.clone()));
        }
    }

    fn rules(&mut self, sides: &Sides, planned: &Chain, read: &Chain) {
        let of = || Of::Rule(planned.name.clone());
        let text = |rule: &Rule| print::rule(rule, &planned.name, sides.planned);
        let read_text = |rule: &Rule| print::rule(rule, &read.name, sides.read);
        let paired = order::paired(&planned.rules, &read.rules, |a, b| sides.same_rule(a, b));
        for rule in paired.out_of_order {
            self.add(of(), text(rule), How::OutOfOrder);
        }
        let mut left = paired.unexpected;
        for rule in paired.missing {
            // Of the same tag: it was changed.
            let changed = left
                .iter()
                .position(|other| rule.comment.is_some() && other.comment == rule.comment);
            let how = match changed {
                Some(at) => How::Changed(read_text(left.remove(at))),
                None => How::Missing,
            };
            self.add(of(), text(rule), how);
        }
        for rule in left {
            self.add(of(), read_text(rule), How::Unexpected);
        }
    }
}
