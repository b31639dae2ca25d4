//! Rules that no kernel gave: printed, whatever they are. That rules of a kernel are printed
//! as their own tools print them is tested in `tests/live_ruleset/`.

use std::net::Ipv4Addr;

use proptest::collection::vec;
use proptest::prelude::*;

use super::rule;
use crate::ruleset::live::Set;
use crate::ruleset::live::expression::{
    BitwiseOp, CmpOp, Expression, LookupTo, Nat, NatKind, PayloadBase, Register, Verdict,
};
use crate::ruleset::live::table::{Element, Key, Maker, Rule, SetFlags, Table, TableFamily, Value};

fn table(family: TableFamily, maker: Maker, sets: Vec<Set>) -> Table {
    Table {
        family,
        name: "t".to_owned(),
        handle: 1,
        maker,
        dormant: false,
        owned: false,
        comment: None,
        chains: Vec::new(),
        sets,
        objects: Vec::new(),
        flowtables: Vec::new(),
    }
}

fn of(expressions: Vec<Expression>) -> Rule {
    Rule {
        handle: 1,
        comment: None,
        expressions,
        line: String::new(),
    }
}

fn payload(base: PayloadBase, offset: u32, length: u32) -> Expression {
    let to = Register(0);
    Expression::Payload {
        base,
        offset,
        length,
        to,
    }
}

fn cmp(data: &[u8]) -> Expression {
    Expression::Cmp {
        from: Register(0),
        op: CmpOp::Equal,
        data: data.into(),
    }
}

fn l4proto(protocol: u8) -> [Expression; 2] {
    let to = Register(0);
    [Expression::Meta { key: 16, to }, cmp(&[protocol])]
}

#[test]
fn a_port_implies_its_protocol_until_a_statement_stands_between() {
    let inet = table(TableFamily::Inet, Maker::Nft, Vec::new());
    let port = [payload(PayloadBase::Transport, 2, 2), cmp(&[0, 21])];
    let accept = Expression::Verdict(Verdict::Accept);
    let mut expressions = l4proto(6).to_vec();
    expressions.extend(port.clone());
    expressions.push(accept.clone());
    assert_eq!(rule(&of(expressions), "c", &inet), "tcp dport 21 accept");
    let mut expressions = l4proto(6).to_vec();
    expressions.push(Expression::Notrack);
    expressions.extend(port);
    expressions.push(accept);
    assert_eq!(
        rule(&of(expressions), "c", &inet),
        "meta l4proto tcp notrack tcp dport 21 accept"
    );
}

#[test]
fn neighbours_that_were_loaded_together_are_printed_apart() {
    let ip = table(TableFamily::Ip, Maker::Nft, Vec::new());
    let source = Ipv4Addr::new(192, 0, 2, 1).octets();
    let destination = Ipv4Addr::new(192, 0, 2, 2).octets();
    let both = [source, destination].concat();
    let expressions = vec![payload(PayloadBase::Network, 12, 8), cmp(&both)];
    assert_eq!(
        rule(&of(expressions), "c", &ip),
        "ip saddr 192.0.2.1 ip daddr 192.0.2.2"
    );
}

#[test]
fn a_rule_that_nft_put_into_a_table_of_iptables_is_in_the_words_of_nft() {
    let filter = table(TableFamily::Ip, Maker::IptablesNft, Vec::new());
    let to = Register(0);
    let lookup = Expression::Lookup {
        set: "s".to_owned(),
        from: to,
        to: None,
        negated: false,
    };
    let load = Expression::Meta { key: 6, to };
    let native = of(vec![load.clone(), lookup]);
    assert_eq!(rule(&native, "INPUT", &filter), "iifname @s");
    let saved = of(vec![
        load,
        cmp(b"eth0\0"),
        Expression::Verdict(Verdict::Drop),
    ]);
    assert_eq!(rule(&saved, "INPUT", &filter), "-A INPUT -i eth0 -j DROP");
}

fn register() -> impl Strategy<Value = Register> {
    (0_u8..18).prop_map(Register)
}

fn bytes() -> impl Strategy<Value = Box<[u8]>> {
    vec(any::<u8>(), 0..20).prop_map(Vec::into_boxed_slice)
}

fn base() -> impl Strategy<Value = PayloadBase> {
    prop_oneof![
        Just(PayloadBase::Link),
        Just(PayloadBase::Network),
        Just(PayloadBase::Transport),
        Just(PayloadBase::Inner),
    ]
}

fn operator() -> impl Strategy<Value = CmpOp> {
    prop_oneof![
        Just(CmpOp::Equal),
        Just(CmpOp::NotEqual),
        Just(CmpOp::LessOrEqual),
        Just(CmpOp::GreaterOrEqual),
    ]
}

/// Numbers as rules have them, and others.
fn small() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..40, any::<u32>()]
}

fn expression() -> impl Strategy<Value = Expression> {
    let lookup_to = prop_oneof![
        Just(None),
        Just(Some(LookupTo::Verdict)),
        register().prop_map(|to| Some(LookupTo::Register(to))),
    ];
    let pair = || proptest::option::of((register(), proptest::option::of(register())));
    prop_oneof![
        (base(), small(), small(), register()).prop_map(|(base, offset, length, to)| {
            Expression::Payload {
                base,
                offset,
                length,
                to,
            }
        }),
        (base(), small(), small(), register()).prop_map(|(base, offset, length, from)| {
            Expression::PayloadSet {
                base,
                offset,
                length,
                from,
            }
        }),
        (0_u32..40, register()).prop_map(|(key, to)| Expression::Meta { key, to }),
        (0_u32..40, register()).prop_map(|(key, from)| Expression::MetaSet { key, from }),
        (0_u32..30, proptest::option::of(0_u8..3), register())
            .prop_map(|(key, direction, to)| Expression::Ct { key, direction, to }),
        (small(), small(), register()).prop_map(|(result, flags, to)| Expression::Fib {
            result,
            flags,
            to
        }),
        (register(), operator(), bytes()).prop_map(|(from, op, data)| Expression::Cmp {
            from,
            op,
            data
        }),
        (register(), any::<bool>(), bytes(), bytes()).prop_map(|(from, negated, first, last)| {
            Expression::Range {
                from,
                negated,
                first,
                last,
            }
        }),
        (register(), register(), small(), bytes(), bytes()).prop_map(
            |(from, to, length, mask, xor)| Expression::Bitwise {
                from,
                to,
                length,
                op: BitwiseOp::MaskXor { mask, xor },
            }
        ),
        (register(), register(), small()).prop_map(|(from, to, length)| Expression::Byteorder {
            from,
            to,
            length,
            size: 2,
        }),
        (register(), bytes()).prop_map(|(to, data)| Expression::Immediate { to, data }),
        (register(), lookup_to, any::<bool>()).prop_map(|(from, to, negated)| {
            Expression::Lookup {
                set: "s".to_owned(),
                from,
                to,
                negated,
            }
        }),
        (pair(), pair(), small()).prop_map(|(address, port, flags)| {
            Expression::Nat(Nat {
                kind: NatKind::Dnat,
                family: Some(flags % 12),
                address,
                port,
                flags,
            })
        }),
        (0_u32..4, any::<u8>()).prop_map(|(kind, code)| Expression::Reject { kind, code }),
        (any::<u16>(), any::<u16>(), any::<u16>()).prop_map(|(first, total, flags)| {
            Expression::Queue {
                first,
                total,
                flags,
                from: None,
            }
        }),
    ]
}

fn set() -> impl Strategy<Value = Set> {
    let key = prop_oneof![
        bytes().prop_map(Key::One),
        (bytes(), bytes()).prop_map(|(first, last)| Key::Range(first, last)),
        Just(Key::CatchAll),
    ];
    let value = proptest::option::of(bytes().prop_map(Value::Data));
    let element = (key, value).prop_map(|(key, value)| Element {
        key,
        value,
        timeout: None,
        expires: None,
        comment: None,
        expressions: Vec::new(),
    });
    (vec(element, 0..5), any::<u32>(), small(), any::<bool>()).prop_map(
        |(elements, kind, length, interval)| Set {
            name: "s".to_owned(),
            handle: 1,
            flags: SetFlags {
                anonymous: true,
                interval,
                ..SetFlags::default()
            },
            key_type: kind,
            key_length: length,
            parts: Vec::new(),
            data_type: Some(kind),
            object_type: None,
            timeout: None,
            size: None,
            comment: None,
            expressions: Vec::new(),
            elements,
            unread: None,
        },
    )
}

proptest! {
    #[test]
    fn any_rule_is_printed(expressions in vec(expression(), 0..30), set in set()) {
        let any = of(expressions);
        for family in [TableFamily::Ip, TableFamily::Ip6, TableFamily::Inet, TableFamily::Bridge] {
            for maker in [Maker::Nft, Maker::IptablesNft] {
                let table = table(family, maker, vec![set.clone()]);
                let printed = rule(&any, "c", &table);
                prop_assert!(printed.len() < 1 << 20);
            }
        }
    }
}
