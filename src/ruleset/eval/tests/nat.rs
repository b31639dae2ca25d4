//! Translations, and what rules see before and after them.

use super::*;
use crate::ruleset::live::expression::{Nat, NatKind};

fn immediate(register: u8, data: &[u8]) -> Expression {
    Expression::Immediate {
        to: Register(register),
        data: data.into(),
    }
}

fn dnat(address: [u8; 4], port: Option<(u16, u16)>) -> Vec<Expression> {
    let mut expressions = vec![immediate(0, &address)];
    if let Some((first, last)) = port {
        expressions.push(immediate(1, &first.to_be_bytes()));
        expressions.push(immediate(2, &last.to_be_bytes()));
    }
    expressions.push(Expression::Nat(Nat {
        kind: NatKind::Dnat,
        family: Some(2),
        address: Some((Register(0), None)),
        port: port.map(|_| (Register(1), Some(Register(2)))),
        flags: 0,
    }));
    expressions
}

fn masquerade() -> Vec<Expression> {
    vec![Expression::Nat(Nat {
        kind: NatKind::Masquerade,
        family: Some(2),
        address: None,
        port: None,
        flags: 0,
    })]
}

pub(super) fn daddr(address: [u8; 4]) -> Vec<Expression> {
    vec![
        payload(PayloadBase::Network, 16, 4),
        cmp(CmpOp::Equal, &address),
    ]
}

/// A gateway that forwards ports to 10.77.0.21, and drops what it does not forward.
pub(super) fn forwarding(ports: Option<(u16, u16)>) -> Ruleset {
    ruleset(vec![
        table(
            TableFamily::Ip,
            "nat",
            vec![
                nat_chain(
                    Hook::Prerouting,
                    -110,
                    vec![rule(&[
                        daddr([203, 0, 113, 10]),
                        dports(40000, 40010),
                        dnat([10, 77, 0, 21], ports),
                    ])],
                ),
                nat_chain(Hook::Postrouting, 90, vec![rule(&[masquerade()])]),
            ],
        ),
        table(
            TableFamily::Inet,
            "filter",
            vec![
                base(
                    Hook::Forward,
                    0,
                    Policy::Drop,
                    vec![
                        rule(&[daddr([203, 0, 113, 10]), accept()]),
                        rule(&[daddr([10, 77, 0, 21]), dport(40005), accept()]),
                    ],
                ),
                base(Hook::Input, 0, Policy::Drop, Vec::new()),
            ],
        ),
    ])
}

#[test]
fn filters_see_the_translated_destination() {
    let rules = forwarding(None);
    let facts = gateway();
    let prepared = Prepared::new(&rules, &facts);
    let told = prepared.evaluate(&to_gateway(40005));
    assert_eq!(told.outcome, Outcome::Accept);
    assert_eq!(told.to, Some(Where::Out(Some("eth1".to_owned()))));
    let nat = told.nat.known().expect("known");
    assert_eq!(nat.destination_by, Some(place(0, 0, Some(0))));
    assert_eq!(
        nat.translations.destination,
        Translation {
            address: Address::Within(ip("10.77.0.21"), ip("10.77.0.21")),
            port: Port::Same,
        }
    );
    assert_eq!(
        nat.translations.source.address,
        Address::Within(ip("10.77.0.1"), ip("10.77.0.1"))
    );
    assert_eq!(
        prepared.evaluate(&to_gateway(40006)).outcome,
        dropped(1, 0, None)
    );
    assert_eq!(
        prepared.evaluate(&to_gateway(21)).outcome,
        dropped(1, 1, None)
    );
}

#[test]
fn replies_are_translated_back() {
    let rules = forwarding(None);
    let facts = gateway();
    let prepared = Prepared::new(&rules, &facts);
    let first = to_gateway(40005);
    let nat = *prepared.evaluate(&first).nat.known().expect("known");
    let mut reply = first.later(Direction::Reply, nat.translations, Path::Arrives);
    reply.input = Some("eth1".to_owned());
    // The reply goes on to the client, which no rule of forward accepts.
    let told = prepared.evaluate(&reply);
    assert_eq!(told.outcome, dropped(1, 0, None));
    assert_eq!(told.to, Some(Where::Out(Some("eth0".to_owned()))));
    let later = first.later(Direction::Original, nat.translations, Path::Arrives);
    assert_eq!(prepared.evaluate(&later).outcome, Outcome::Accept);
}

#[test]
fn the_first_nat_chain_that_maps_wins_and_an_accept_ends_only_its_own() {
    let to = |last| dnat([10, 77, 0, last], None);
    let rules = ruleset(vec![
        table(
            TableFamily::Ip,
            "one",
            vec![nat_chain(
                Hook::Prerouting,
                -120,
                vec![
                    rule(&[dport(21), accept()]),
                    rule(&[dport(22), to(1)]),
                    rule(&[dport(23), drop()]),
                    rule(&[dport(24), to(22)]),
                ],
            )],
        ),
        table(
            TableFamily::Inet,
            "two",
            vec![nat_chain(Hook::Prerouting, 300, vec![rule(&[to(21)])])],
        ),
    ]);
    let facts = gateway();
    let prepared = Prepared::new(&rules, &facts);
    let by = |port| {
        let told = prepared.evaluate(&to_gateway(port));
        (told.nat.known().and_then(|nat| nat.destination_by), told)
    };
    assert_eq!(by(21).0, Some(place(1, 0, Some(0))));
    assert_eq!(by(22).0, Some(place(0, 0, Some(1))));
    assert_eq!(by(23).1.outcome, dropped(0, 0, Some(2)));
    assert_eq!(by(24).0, Some(place(0, 0, Some(3))));
    assert_eq!(by(25).0, Some(place(1, 0, Some(0))));
    let later = to_gateway(22).later(Direction::Original, Translations::default(), Path::Arrives);
    let told = prepared.evaluate(&later);
    assert_eq!(told.nat.known().and_then(|nat| nat.destination_by), None);
}

#[test]
fn the_original_destination_stays_known_after_dnat() {
    let original = vec![
        Expression::Ct {
            key: 9,
            direction: Some(0),
            to: R,
        },
        cmp(CmpOp::Equal, &[203, 0, 113, 10]),
    ];
    let mut rules = forwarding(None);
    rules.tables[1].chains[0].rules = vec![rule(&[original, accept()])];
    assert_eq!(outcome(&rules, &to_gateway(40001)), Outcome::Accept);
    let mut other = to_gateway(40001);
    other.flow.destination.0 = ip("10.77.0.21");
    assert_eq!(outcome(&rules, &other), dropped(1, 0, None));
}

#[test]
fn helpers_are_assigned_to_connections_that_are_tracked() {
    use crate::ruleset::live::expression::ObjectRef;
    use crate::ruleset::live::table::{Object, ObjectKind};
    let assign = || {
        rule(&[
            dport(21),
            vec![Expression::Object {
                kind: 3,
                which: ObjectRef::Name("ftp".to_owned()),
            }],
        ])
    };
    let facts = gateway();
    for (priority, given) in [(-300, false), (-150, true), (0, true)] {
        let mut all = table(
            TableFamily::Inet,
            "t",
            vec![base(
                Hook::Prerouting,
                priority,
                Policy::Accept,
                vec![assign()],
            )],
        );
        all.objects.push(Object {
            name: "ftp".to_owned(),
            handle: 1,
            comment: None,
            what: ObjectKind::Helper {
                helper: "ftp".to_owned(),
                family: 1,
                protocol: 6,
            },
        });
        let rules = ruleset(vec![all]);
        let told = Prepared::new(&rules, &facts).evaluate(&to_gateway(21));
        let helper = told.helper.known().and_then(Option::as_ref);
        assert_eq!(helper.is_some(), given, "{priority}");
        assert!(helper.is_none_or(|h| h.helper == "ftp" && h.priority == priority));
    }
}

#[test]
fn a_connection_that_a_helper_expected_is_translated_before_any_chain() {
    let rules = forwarding(None);
    let facts = gateway();
    let prepared = Prepared::new(&rules, &facts);
    let to_server = Translations {
        source: Translation::default(),
        destination: Translation {
            address: Address::Within(ip("10.77.0.21"), ip("10.77.0.21")),
            port: Port::Same,
        },
    };
    let mut data = to_gateway(40005);
    data.state = State::Related;
    data.master_helper = Some("ftp".to_owned());
    data.settled = Some(to_server);
    let told = prepared.evaluate(&data);
    assert_eq!(told.outcome, Outcome::Accept);
    assert_eq!(told.nat.known().and_then(|nat| nat.destination_by), None);
    // Without nf_nat_ftp the chains are asked.
    data.settled = None;
    let told = prepared.evaluate(&data);
    assert_eq!(
        told.nat.known().and_then(|nat| nat.destination_by),
        Some(place(0, 0, Some(0)))
    );
}
