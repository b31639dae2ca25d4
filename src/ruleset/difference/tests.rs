//! What counts as a difference, and how it is said.

use super::differences;
use crate::ruleset::live::expression::{Expression, LookupTo, Nat, NatKind, Register, Verdict};
use crate::ruleset::live::table::{
    Base, Element, Hook, Key, Kind, Maker, Object, ObjectKind, Policy, SetFlags, TableFamily, Value,
};
use crate::ruleset::live::{Chain, Rule, Set, Table};

fn rule(comment: &str, expressions: Vec<Expression>) -> Rule {
    Rule {
        handle: 0,
        comment: Some(comment.to_owned()),
        expressions,
        line: String::new(),
    }
}

/// `meta mark NUMBER counter accept`
fn numbered(number: u8) -> Rule {
    let mark = Expression::Meta {
        key: 3,
        to: Register(0),
    };
    let equal = Expression::Cmp {
        from: Register(0),
        op: crate::ruleset::live::expression::CmpOp::Equal,
        data: u32::from(number).to_ne_bytes().into(),
    };
    let counter = Expression::Counter {
        packets: 0,
        bytes: 0,
    };
    let accept = Expression::Verdict(Verdict::Accept);
    rule(&format!("r{number}"), vec![mark, equal, counter, accept])
}

fn lookup(set: &str) -> Rule {
    let load = Expression::Payload {
        base: crate::ruleset::live::expression::PayloadBase::Network,
        offset: 16,
        length: 4,
        to: Register(0),
    };
    let lookup = Expression::Lookup {
        set: set.to_owned(),
        from: Register(0),
        to: Some(LookupTo::Register(Register(0))),
        negated: false,
    };
    let nat = Expression::Nat(Nat {
        kind: NatKind::Dnat,
        family: Some(2),
        address: Some((Register(0), None)),
        port: None,
        flags: 0,
    });
    rule("dnat", vec![load, lookup, nat])
}

fn set(name: &str, addresses: &[u8]) -> Set {
    let element = |last: &u8| Element {
        key: Key::One([192, 0, 2, *last].into()),
        value: Some(Value::Data([10, 77, 0, *last].into())),
        timeout: None,
        expires: None,
        comment: Some("c".to_owned()),
        expressions: Vec::new(),
    };
    Set {
        name: name.to_owned(),
        handle: 0,
        flags: SetFlags {
            map: true,
            anonymous: name.starts_with("__"),
            ..SetFlags::default()
        },
        key_type: 7,
        key_length: 4,
        parts: Vec::new(),
        data_type: Some(7),
        object_type: None,
        timeout: None,
        size: None,
        comment: None,
        expressions: Vec::new(),
        elements: addresses.iter().map(element).collect(),
        unread: None,
    }
}

fn table() -> Table {
    let mut rules: Vec<Rule> = (0..5).map(numbered).collect();
    rules.push(lookup("__map0"));
    Table {
        family: TableFamily::Ip,
        name: "ftpnat".to_owned(),
        handle: 0,
        maker: Maker::Nft,
        dormant: false,
        owned: false,
        comment: None,
        chains: vec![Chain {
            name: "pre".to_owned(),
            handle: 0,
            base: Some(Base {
                hook: Hook::Prerouting,
                priority: -110,
                kind: Kind::Nat,
                policy: Policy::Accept,
                devices: Vec::new(),
            }),
            comment: None,
            rules,
        }],
        sets: vec![set("m", &[1, 2, 3]), set("__map0", &[7, 8])],
        objects: vec![Object {
            name: "ftp".to_owned(),
            handle: 0,
            comment: None,
            what: ObjectKind::Helper {
                helper: "ftp".to_owned(),
                family: 1,
                protocol: 6,
            },
        }],
        flowtables: Vec::new(),
    }
}

/// What differs where the table that was read is this.
fn said(edit: impl FnOnce(&mut Table)) -> Vec<String> {
    let mut read = table();
    edit(&mut read);
    let found = differences(&table(), &read);
    found.iter().map(ToString::to_string).collect()
}

fn rules(table: &mut Table) -> &mut Vec<Rule> {
    &mut table.chains[0].rules
}

#[test]
fn what_the_kernel_makes_of_a_table_is_no_difference() {
    let found = said(|t| {
        t.handle = 5;
        t.sets[0].handle = 3;
        t.sets[0].elements.reverse();
        t.sets[1].elements.reverse();
        t.sets[1].name = "__map4".to_owned();
        t.sets[1].size = Some(2);
        if let Expression::Lookup { set, .. } = &mut rules(t)[5].expressions[1] {
            *set = "__map4".to_owned();
        }
        if let Expression::Nat(nat) = &mut rules(t)[5].expressions[2] {
            nat.flags = 1;
        }
        for rule in rules(t) {
            rule.handle = 9;
            if let Some(Expression::Counter { packets, .. }) = rule.expressions.get_mut(2) {
                *packets = 7;
            }
        }
        t.sets.reverse();
    });
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn rules_are_missing_unexpected_changed_or_out_of_order() {
    assert_eq!(
        said(|t| drop(rules(t).remove(2))),
        [
            "missing in chain pre: meta mark 0x00000002 counter packets 0 bytes 0 accept comment \"r2\""
        ]
    );
    assert_eq!(
        said(|t| rules(t).insert(2, numbered(9))),
        [
            "unexpected in chain pre: meta mark 0x00000009 counter packets 0 bytes 0 accept comment \"r9\""
        ]
    );
    assert_eq!(
        said(|t| rules(t)[2].expressions[3] = Expression::Verdict(Verdict::Drop)),
        [
            "changed in chain pre: meta mark 0x00000002 counter packets 0 bytes 0 accept comment \"r2\"; \
          it is: meta mark 0x00000002 counter packets 0 bytes 0 drop comment \"r2\""
        ]
    );
    assert_eq!(
        said(|t| {
            let first = rules(t).remove(0);
            rules(t).insert(3, first);
        }),
        [
            "out of order in chain pre: meta mark 0x00000000 counter packets 0 bytes 0 accept comment \"r0\""
        ]
    );
}

/// One of two rules that are the same is gone: that is one difference, not two.
#[test]
fn the_same_rule_twice_is_two_rules() {
    let mut planned = table();
    rules(&mut planned).insert(0, numbered(4));
    assert_eq!(differences(&planned, &table()).len(), 1);
    assert_eq!(differences(&table(), &planned).len(), 1);
}

#[test]
fn what_is_in_an_anonymous_set_is_part_of_the_rule() {
    assert_eq!(
        said(|t| drop(t.sets[1].elements.pop())),
        [
            "changed in chain pre: dnat to ip daddr map { 192.0.2.7 comment \"c\" : 10.77.0.7, \
          192.0.2.8 comment \"c\" : 10.77.0.8 } comment \"dnat\"; it is: dnat to ip daddr map \
          { 192.0.2.7 comment \"c\" : 10.77.0.7 } comment \"dnat\""
        ]
    );
}

#[test]
fn elements_are_named() {
    assert_eq!(
        said(|t| {
            t.sets[0].elements.remove(0);
            t.sets[0].elements[0].value = Some(Value::Data([10, 77, 0, 9].into()));
            let more = set("m", &[40]).elements;
            t.sets[0].elements.extend(more);
        }),
        [
            "missing in set m: 192.0.2.1 comment \"c\" : 10.77.0.1",
            "changed in set m: 192.0.2.2 comment \"c\" : 10.77.0.2; it is: \
             192.0.2.2 comment \"c\" : 10.77.0.9",
            "unexpected in set m: 192.0.2.40 comment \"c\" : 10.77.0.40",
        ]
    );
    assert_eq!(
        said(|t| t.sets[0].unread = Some("it was cut off".to_owned())),
        ["changed in set m: the elements of m; it is: it was cut off"]
    );
}

#[test]
fn the_rest_is_named() {
    assert_eq!(said(|t| t.dormant = true), ["changed: table ftpnat"]);
    assert_eq!(said(|t| t.objects.clear()), ["missing: object ftp"]);
    assert_eq!(said(|t| drop(t.sets.remove(0))), ["missing: map m"]);
    assert_eq!(said(|t| t.sets.push(set("x", &[]))), ["unexpected: map x"]);
    assert_eq!(
        said(|t| t.sets[0].flags.interval = true),
        ["changed: map m"]
    );
    assert_eq!(
        said(|t| {
            let base = t.chains[0].base.as_mut();
            base.expect("a base chain").priority = -100;
        }),
        ["changed: chain pre"]
    );
}
