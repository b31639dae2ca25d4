//! Bytes made by hand, for what a kernel of the lab does not have or no longer writes.

mod hostile;

use super::{Dump, decode};
use crate::ruleset::live::expression::{
    BitwiseOp, Expression, Nat, NatKind, ObjectRef, Register, Verdict,
};
use crate::ruleset::live::table::{Key, Maker, Table};

/// An attribute.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).expect("a short value");
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn number(kind: u16, value: u32) -> Vec<u8> {
    attribute(kind, &value.to_be_bytes())
}

fn text(kind: u16, value: &str) -> Vec<u8> {
    attribute(kind, format!("{value}\0").as_bytes())
}

fn nested(kind: u16, parts: &[Vec<u8>]) -> Vec<u8> {
    attribute(kind, &parts.concat())
}

/// A message of `nf_tables` of family ip.
fn message(kind: u16, parts: &[Vec<u8>]) -> Vec<u8> {
    framed(
        10 << 8 | kind,
        &[&[2, 0, 0, 0][..], &parts.concat()].concat(),
    )
}

fn framed(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 16).expect("a short body");
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend([0; 10]);
    bytes.extend(body);
    bytes
}

fn dumped(messages: &[Vec<u8>]) -> Vec<u8> {
    [messages.concat(), framed(3, &[0; 4])].concat()
}

/// A table `t` with a chain `c` of one rule of these expressions.
fn one_rule(expressions: &[Vec<u8>]) -> Dump {
    Dump {
        tables: dumped(&[message(0, &[text(1, "t")])]),
        chains: dumped(&[message(3, &[text(1, "t"), text(3, "c")])]),
        rules: dumped(&[message(
            6,
            &[text(1, "t"), text(2, "c"), nested(4, expressions)],
        )]),
        ..Dump::default()
    }
}

/// An item of a list of expressions.
fn expression(name: &str, parts: &[Vec<u8>]) -> Vec<u8> {
    nested(1, &[text(1, name), nested(2, parts)])
}

fn read(name: &str, parts: &[Vec<u8>]) -> Expression {
    let ruleset = decode(&one_rule(&[expression(name, parts)]));
    assert_eq!(ruleset.unread, []);
    ruleset.tables[0].chains[0].rules[0].expressions[0].clone()
}

/// The elements of a set of ranges of ports, whose ends and starts these are.
fn elements(bounds: &[(u16, bool)]) -> Vec<Key> {
    let items: Vec<Vec<u8>> = bounds
        .iter()
        .map(|(port, is_end)| {
            let key = nested(1, &[attribute(1, &port.to_be_bytes())]);
            nested(1, &[key, number(3, u32::from(*is_end))])
        })
        .collect();
    let names = [text(1, "t"), text(2, "s")];
    let set = [number(3, 4), number(4, 13), number(5, 2)];
    let dump = Dump {
        tables: dumped(&[message(0, &[text(1, "t")])]),
        sets: dumped(&[message(9, &[&names[..], &set].concat())]),
        elements: dumped(&[message(12, &[&names[..], &[nested(3, &items)]].concat())]),
        ..Dump::default()
    };
    let ruleset = decode(&dump);
    let set = &ruleset.tables[0].sets[0];
    assert_eq!(set.unread, None);
    set.elements.iter().map(|e| e.key.clone()).collect()
}

fn one(port: u16) -> Key {
    Key::One(port.to_be_bytes().into())
}

fn range(first: u16, last: u16) -> Key {
    Key::Range(first.to_be_bytes().into(), last.to_be_bytes().into())
}

#[test]
fn expressions_that_the_lab_lacks() {
    assert_eq!(
        read(
            "queue",
            &[
                attribute(1, &[0, 3]),
                attribute(2, &[0, 2]),
                attribute(3, &[0, 1])
            ]
        ),
        Expression::Queue {
            first: 3,
            total: 2,
            flags: 1,
            from: None
        }
    );
    assert_eq!(
        read("queue", &[number(4, 1), attribute(3, &[0, 0])]),
        Expression::Queue {
            first: 0,
            total: 1,
            flags: 0,
            from: Some(Register(0))
        }
    );
    assert_eq!(
        read("flow_offload", &[text(1, "f")]),
        Expression::FlowOffload("f".to_owned())
    );
    assert_eq!(read("last", &[]), Expression::Last);
    assert_eq!(
        read("tunnel", &[number(1, 1), number(2, 9), number(3, 0)]),
        Expression::Unforeseen {
            name: "tunnel".to_owned(),
            to: Register(1)
        }
    );
}

#[test]
fn old_and_new_registers_and_bitwise() {
    let word = |kind, bytes: [u8; 4]| nested(kind, &[attribute(1, &bytes)]);
    let parts =
        |more: &[Vec<u8>]| [&[number(1, 4), number(2, 23), number(3, 4)][..], more].concat();
    let bitwise = |op| Expression::Bitwise {
        from: Register(12),
        to: Register(15),
        length: 4,
        op,
    };
    assert_eq!(
        read("bitwise", &parts(&[word(4, [1; 4]), word(5, [2; 4])])),
        bitwise(BitwiseOp::MaskXor {
            mask: [1; 4].into(),
            xor: [2; 4].into()
        })
    );
    assert_eq!(
        read("bitwise", &parts(&[number(6, 4), number(8, 9)])),
        bitwise(BitwiseOp::Registers {
            op: 4,
            other: Register(1)
        })
    );
    assert_eq!(
        read("bitwise", &parts(&[number(6, 4), word(7, [0x0f; 4])])),
        bitwise(BitwiseOp::MaskXor {
            mask: [0xf0; 4].into(),
            xor: [0x0f; 4].into()
        })
    );
}

#[test]
fn what_is_not_understood_is_opaque() {
    let opaque = |name: &str| Expression::Opaque {
        name: name.to_owned(),
    };
    assert_eq!(read("inner", &[number(1, 1)]), opaque("inner"));
    // An operator of a later kernel.
    let data = nested(3, &[attribute(1, &[1])]);
    let cmp = |more: &[Vec<u8>]| read("cmp", &[&[number(1, 1), data.clone()], more].concat());
    assert_eq!(cmp(&[number(2, 6)]), opaque("cmp"));
    // An attribute of a later kernel, which may change what the others mean.
    assert_eq!(cmp(&[number(2, 0), number(4, 0)]), opaque("cmp"));
    assert_eq!(read("meta", &[number(2, 3), number(1, 7)]), opaque("meta"));
    let verdict = nested(2, &[nested(2, &[number(1, 7)])]);
    assert_eq!(
        read("immediate", &[number(1, 0), verdict]),
        opaque("immediate")
    );
}

#[test]
fn values_in_maps_of_objects_and_the_same_register_twice() {
    assert_eq!(
        read("objref", &[number(3, 1), text(4, "m")]),
        Expression::Object {
            kind: 0,
            which: ObjectRef::Map {
                set: "m".to_owned(),
                key: Register(0)
            }
        }
    );
    assert_eq!(
        read("redir", &[number(1, 1), number(2, 1), number(3, 2)]),
        Expression::Nat(Nat {
            kind: NatKind::Redirect,
            family: None,
            address: None,
            port: Some((Register(0), None)),
            flags: 2
        })
    );
    let goto = nested(2, &[nested(2, &[number(1, u32::MAX - 3), text(2, "c")])]);
    assert_eq!(
        read("immediate", &[number(1, 0), goto]),
        Expression::Verdict(Verdict::Goto("c".to_owned()))
    );
}

#[test]
fn ranges_of_a_set_are_joined_in_any_order() {
    assert_eq!(
        elements(&[(0, true), (5, false), (8, true), (60000, false)]),
        [range(5, 7), range(60000, 65535)]
    );
    assert_eq!(
        elements(&[(8, true), (5, false), (7, true), (7, false)]),
        [range(5, 6), one(7)]
    );
    // Two starts: the second ends the first, as the kernel finds the nearest below.
    assert_eq!(
        elements(&[(5, false), (10, false), (20, true)]),
        [range(5, 9), range(10, 19)]
    );
    assert_eq!(elements(&[(65535, false)]), [one(65535)]);
}

#[test]
fn a_dump_that_is_cut_off_is_said() {
    let mut dump = one_rule(&[expression("notrack", &[])]);
    dump.rules.truncate(dump.rules.len() - 20);
    let ruleset = decode(&dump);
    assert_eq!(ruleset.unread[0].what, "nf_tables: rules");
    let mut dump = one_rule(&[]);
    dump.chains = Vec::new();
    let ruleset = decode(&dump);
    assert_eq!(
        ruleset.unread[0].what,
        "nf_tables: a rule of chain c of table t"
    );
}

#[test]
fn a_set_whose_elements_were_not_dumped_is_not_an_empty_one() {
    let names = [text(1, "t"), text(2, "s"), number(5, 2)];
    let dump = Dump {
        tables: dumped(&[message(0, &[text(1, "t")])]),
        sets: dumped(&[message(9, &names)]),
        ..Dump::default()
    };
    let ruleset = decode(&dump);
    assert!(ruleset.tables[0].sets[0].unread.is_some());
}

#[test]
fn a_flowtable_and_its_devices() {
    let devices = nested(3, &[text(1, "eth0"), attribute(2, b"wlan")]);
    let hook = nested(3, &[number(1, 0), number(2, u32::MAX), devices]);
    let dump = Dump {
        tables: dumped(&[message(0, &[text(1, "t")])]),
        flowtables: dumped(&[message(
            22,
            &[text(1, "t"), text(2, "f"), hook, number(7, 2)],
        )]),
        ..Dump::default()
    };
    let table = &decode(&dump).tables[0];
    let flowtable = &table.flowtables[0];
    assert_eq!(flowtable.devices, ["eth0", "wlan*"]);
    assert_eq!((flowtable.priority, flowtable.flags), (-1, 2));
}

#[test]
fn a_table_is_of_iptables_by_its_chains_and_counters() {
    let table = |chain: &str, expressions: &[Vec<u8>]| -> Table {
        let base = nested(4, &[number(1, 1), number(2, 0)]);
        let dump = Dump {
            tables: dumped(&[message(0, &[text(1, "filter")])]),
            chains: dumped(&[message(
                3,
                &[text(1, "filter"), text(3, chain), base, text(7, "filter")],
            )]),
            rules: dumped(&[message(
                6,
                &[text(1, "filter"), text(2, chain), nested(4, expressions)],
            )]),
            ..Dump::default()
        };
        decode(&dump).tables.remove(0)
    };
    let zero = attribute(1, &[0; 8]);
    let counter = expression("counter", &[zero, attribute(2, &[0; 8])]);
    assert_eq!(
        table("INPUT", std::slice::from_ref(&counter)).maker,
        Maker::IptablesNft
    );
    assert_eq!(table("INPUT", &[]).maker, Maker::Nft);
    assert_eq!(table("input", &[counter]).maker, Maker::Nft);
}
