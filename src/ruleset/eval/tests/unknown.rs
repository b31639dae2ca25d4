//! What is not known.

use super::*;
use crate::ruleset::live::expression::Limit;

fn limit() -> Vec<Expression> {
    vec![Expression::Limit(Limit {
        rate: 1,
        unit: 1,
        burst: 5,
        bytes: false,
        over: false,
    })]
}

#[test]
fn a_test_that_is_not_known_matters_only_where_ends_differ() {
    let rules = input(
        Policy::Drop,
        vec![
            rule(&[
                limit(),
                vec![Expression::Counter {
                    packets: 0,
                    bytes: 0,
                }],
            ]),
            rule(&[limit(), set_mark(7)]),
            rule(&[dport(21), limit(), accept()]),
            rule(&[dport(22), limit(), drop()]),
        ],
    );
    assert_eq!(
        outcome(&rules, &to_gateway(21)),
        Outcome::Undecided(Doubt {
            at: Some(place(0, 0, Some(2))),
            expression: Some(4),
            why: "a rate",
        })
    );
    let facts = gateway();
    let told = Prepared::new(&rules, &facts).evaluate(&to_gateway(22));
    assert_eq!(told.outcome, dropped(0, 0, None));
    assert_eq!(told.mark, None);
}

#[test]
fn bits_that_are_not_known_matter_only_where_they_are_compared() {
    let fragments = |mask: u16| {
        vec![
            payload(PayloadBase::Network, 6, 2),
            Expression::Bitwise {
                from: R,
                to: R,
                length: 2,
                op: BitwiseOp::MaskXor {
                    mask: mask.to_be_bytes().into(),
                    xor: [0; 2].into(),
                },
            },
            cmp(CmpOp::NotEqual, &[0; 2]),
        ]
    };
    let rules = |mask| input(Policy::Accept, vec![rule(&[fragments(mask), drop()])]);
    assert_eq!(outcome(&rules(0x1fff), &to_gateway(21)), Outcome::Accept);
    assert!(matches!(
        outcome(&rules(0x4000), &to_gateway(21)),
        Outcome::Undecided(_)
    ));
    let status = |bit: u32| input(Policy::Accept, vec![rule(&[ct_bits(2, bit), drop()])]);
    assert_eq!(outcome(&status(0x20), &to_gateway(21)), Outcome::Accept);
    assert!(matches!(
        outcome(&status(0x100), &to_gateway(21)),
        Outcome::Undecided(_)
    ));
}

#[test]
fn an_unknown_expression_ends_what_can_be_said_only_for_those_that_reach_it() {
    let rules = input(
        Policy::Drop,
        vec![
            rule(&[dport(21), accept()]),
            rule(&[
                dport(22),
                vec![Expression::Opaque {
                    name: "osf".to_owned(),
                }],
                accept(),
            ]),
        ],
    );
    assert_eq!(outcome(&rules, &to_gateway(21)), Outcome::Accept);
    assert!(matches!(
        outcome(&rules, &to_gateway(22)),
        Outcome::Undecided(Doubt {
            expression: Some(4),
            ..
        })
    ));
    assert_eq!(outcome(&rules, &to_gateway(23)), dropped(0, 0, None));
}

#[test]
fn too_many_unknown_answers_are_undecided() {
    let mut all = vec![rule(&[limit(), set_mark(7)]); 10];
    all.push(rule(&[accept()]));
    assert!(matches!(
        outcome(&input(Policy::Drop, all), &to_gateway(21)),
        Outcome::Undecided(_)
    ));
}

#[test]
fn a_part_of_the_firewall_that_was_not_read_decides_nothing() {
    let mut rules = input(Policy::Drop, Vec::new());
    rules.unread.push(crate::ruleset::live::Unread {
        what: "iptables-legacy table nat".to_owned(),
        why: "no permission".to_owned(),
    });
    assert!(matches!(
        outcome(&rules, &to_gateway(21)),
        Outcome::Undecided(Doubt { at: None, .. })
    ));
}

#[test]
fn owners_are_asked_of_packets_of_this_host_only() {
    let uid = vec![
        Expression::Meta { key: 10, to: R },
        cmp(CmpOp::NotEqual, &1000u32.to_ne_bytes()),
    ];
    let rules = input(Policy::Accept, vec![rule(&[uid, drop()])]);
    assert_eq!(outcome(&rules, &to_gateway(21)), Outcome::Accept);
}

#[test]
fn a_set_that_the_packets_own_rule_changed_is_undecided() {
    let add = |op| Expression::Dynset {
        set: "seen".to_owned(),
        op,
        key: R,
        value: None,
        timeout: None,
        negated: false,
        expressions: Vec::new(),
    };
    let load = || payload(PayloadBase::Network, 12, 4);
    let rules = |first: Vec<Rule>| {
        let mut all = input(
            Policy::Drop,
            [
                first,
                vec![rule(&[vec![load(), lookup("seen", None)], accept()])],
            ]
            .concat(),
        );
        all.tables[0].sets.push(set("seen", 4, Vec::new()));
        all
    };
    assert_eq!(
        outcome(&rules(Vec::new()), &to_gateway(21)),
        dropped(0, 0, None)
    );
    let added = rules(vec![rule(&[vec![load(), add(0)]])]);
    assert!(matches!(
        outcome(&added, &to_gateway(21)),
        Outcome::Undecided(_)
    ));
}

#[test]
fn a_transparent_proxy_may_listen_or_not() {
    let tproxy = Expression::Tproxy {
        family: 2,
        address: None,
        port: Some(R),
    };
    let rules = input(Policy::Drop, vec![rule(&[dport(21), vec![tproxy]])]);
    assert!(matches!(
        outcome(&rules, &to_gateway(21)),
        Outcome::Undecided(_)
    ));
    assert_eq!(outcome(&rules, &to_gateway(22)), dropped(0, 0, None));
}

/// `fib saddr . mark . iif oif missing drop`, as firewalld has it for IPv6: where routes are
/// known none of their rules asks for a mark.
#[test]
fn a_mark_does_not_hide_the_routes() {
    let question = vec![
        Expression::Fib {
            result: 1,
            flags: 0b10_1101,
            to: R,
        },
        cmp(CmpOp::Equal, &[0; 4]),
        Expression::Verdict(Verdict::Drop),
    ];
    let rules = ruleset(vec![table(
        TableFamily::Inet,
        "firewalld",
        vec![base(
            Hook::Prerouting,
            -140,
            Policy::Accept,
            vec![rule(&[question])],
        )],
    )]);
    let by = |interface: &str| {
        let flow = super::super::Flow::tcp((ip("2001:db8::7"), 40000), (ip("2001:db8::10"), 21));
        Packet::arriving(flow, Some(interface))
    };
    assert_eq!(outcome(&rules, &by("eth0")), Outcome::Accept);
    assert_eq!(outcome(&rules, &by("eth1")), dropped(0, 0, Some(0)));
    let facts = HostFacts {
        routes: None,
        ..gateway()
    };
    let told = Prepared::new(&rules, &facts).evaluate(&by("eth0"));
    assert!(matches!(told.outcome, Outcome::Undecided(_)));
}
