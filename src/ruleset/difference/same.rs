//! What counts as the same.

use std::collections::HashMap;

use crate::ruleset::live::expression::{Expression, Nat, ObjectRef};
use crate::ruleset::live::table::{Element, Key, ObjectKind, Rule, Set, Table};

/// Both tables, with their sets by name.
pub(super) struct Sides<'a> {
    pub(super) planned: &'a Table,
    pub(super) read: &'a Table,
    planned_sets: HashMap<&'a str, &'a Set>,
    read_sets: HashMap<&'a str, &'a Set>,
}

impl<'a> Sides<'a> {
    pub(super) fn new(planned: &'a Table, read: &'a Table) -> Self {
        Self {
            planned,
            read,
            planned_sets: by_name(planned),
            read_sets: by_name(read),
        }
    }

    /// Whether a planned rule is the same as one that was read.
    pub(super) fn same_rule(&self, planned: &Rule, read: &Rule) -> bool {
        planned.comment == read.comment
            && all(&planned.expressions, &read.expressions, |a, b| {
                expression(a, b, |a, b| self.same_set(a, b))
            })
    }

    /// Whether two names are of the same set, or of anonymous ones with the same in them.
    fn same_set(&self, planned: &str, read: &str) -> bool {
        match (self.planned_sets.get(planned), self.read_sets.get(read)) {
            (Some(planned), Some(read)) if planned.flags.anonymous && read.flags.anonymous => {
                declaration(planned, read) && contents(planned, read)
            }
            _ => planned == read,
        }
    }
}

fn by_name(table: &Table) -> HashMap<&str, &Set> {
    table.sets.iter().map(|set| (&*set.name, set)).collect()
}

fn all<T>(planned: &[T], read: &[T], is_same: impl Fn(&T, &T) -> bool) -> bool {
    planned.len() == read.len() && planned.iter().zip(read).all(|(a, b)| is_same(a, b))
}

/// What an anonymous set holds; in order on both sides, where it came from the kernel.
fn contents(planned: &Set, read: &Set) -> bool {
    let sorted = |set| {
        let set: &Set = set;
        let mut elements: Vec<(Key, &Element)> =
            set.elements.iter().map(|e| (key(&e.key), e)).collect();
        elements.sort_by(|a, b| a.0.cmp(&b.0));
        elements
    };
    planned.unread == read.unread
        && all(&sorted(planned), &sorted(read), |a, b| {
            a.0 == b.0 && element(a.1, b.1)
        })
}

/// A set without its name, its size and its elements.
pub(super) fn declaration(planned: &Set, read: &Set) -> bool {
    let of = |set: &Set| {
        (
            set.flags,
            set.key_type,
            set.key_length,
            set.data_type,
            set.object_type,
            set.timeout,
        )
    };
    of(planned) == of(read)
        && (&planned.parts, &planned.comment) == (&read.parts, &read.comment)
        && all(&planned.expressions, &read.expressions, carried)
}

/// A range of one key is that key.
pub(super) fn key(key: &Key) -> Key {
    match key {
        Key::Range(first, last) if first == last => Key::One(first.clone()),
        key => key.clone(),
    }
}

/// Elements of the same key.
pub(super) fn element(planned: &Element, read: &Element) -> bool {
    (&planned.value, planned.timeout, &planned.comment)
        == (&read.value, read.timeout, &read.comment)
        && all(&planned.expressions, &read.expressions, carried)
}

/// What an element carries refers to no set.
fn carried(planned: &Expression, read: &Expression) -> bool {
    expression(planned, read, |a, b| a == b)
}

fn expression(
    planned: &Expression,
    read: &Expression,
    same_set: impl Fn(&str, &str) -> bool,
) -> bool {
    match (planned, read) {
        (Expression::Counter { .. }, Expression::Counter { .. }) => true,
        (
            Expression::Quota { over, bytes, .. },
            Expression::Quota {
                over: o, bytes: b, ..
            },
        ) => (over, bytes) == (o, b),
        (Expression::Nat(planned), Expression::Nat(read)) => nat(planned) == nat(read),
        (
            Expression::Lookup {
                set,
                from,
                to,
                negated,
            },
            Expression::Lookup {
                set: s,
                from: f,
                to: t,
                negated: n,
            },
        ) => (from, to, negated) == (f, t, n) && same_set(set, s),
        (
            Expression::Object {
                which: ObjectRef::Map { set, key },
                ..
            },
            Expression::Object {
                which: ObjectRef::Map { set: s, key: k },
                ..
            },
        ) => key == k && same_set(set, s),
        (planned, read) => planned == read,
    }
}

/// The kernel says in the flags that there is an address and a port (`NF_NAT_RANGE_MAP_IPS`
/// 1, `NF_NAT_RANGE_PROTO_SPECIFIED` 2); the rest of a translation says it as well.
fn nat(nat: &Nat) -> Nat {
    Nat {
        flags: nat.flags & !3,
        ..nat.clone()
    }
}

/// What an object is, but for what it has counted.
pub(super) fn object(planned: &ObjectKind, read: &ObjectKind) -> bool {
    match (planned, read) {
        (
            ObjectKind::Quota { over, bytes, .. },
            ObjectKind::Quota {
                over: o, bytes: b, ..
            },
        ) => (over, bytes) == (o, b),
        (planned, read) => planned == read,
    }
}
