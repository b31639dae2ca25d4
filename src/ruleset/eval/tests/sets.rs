//! Sets, maps, verdict maps, concatenations.

use super::*;

fn with_set(set: Set, rules: Vec<Rule>) -> Ruleset {
    let mut all = input(Policy::Drop, rules);
    all.tables[0].sets.push(set);
    all
}

fn load_dport() -> Vec<Expression> {
    vec![payload(PayloadBase::Transport, 2, 2)]
}

#[test]
fn a_set_of_ports_and_ranges() {
    let rules = with_set(
        set(
            "ports",
            2,
            vec![
                one(&21u16.to_be_bytes()),
                range(&50000u16.to_be_bytes(), &51000u16.to_be_bytes()),
            ],
        ),
        vec![rule(&[load_dport(), vec![lookup("ports", None)], accept()])],
    );
    let facts = gateway();
    let prepared = Prepared::new(&rules, &facts);
    for (port, accepted, first, last) in [
        (21, true, 21, 21),
        (22, false, 22, 49999),
        (20, false, 0, 20),
        (50500, true, 50000, 51000),
        (51001, false, 51001, 65535),
    ] {
        let told = prepared.evaluate(&to_gateway(port));
        assert_eq!(told.outcome == Outcome::Accept, accepted, "{port}");
        let span = told.region.span(Axis::DestinationPort);
        assert_eq!((span.first, span.last), (first, last), "{port}");
    }
}

#[test]
fn a_verdict_map_with_a_catch_all() {
    let rules = with_set(
        set(
            "verdicts",
            2,
            vec![
                element(
                    Key::One(21u16.to_be_bytes().into()),
                    Some(Value::Verdict(Verdict::Jump("ftp".to_owned()))),
                ),
                element(
                    Key::One(22u16.to_be_bytes().into()),
                    Some(Value::Verdict(Verdict::Continue)),
                ),
                element(Key::CatchAll, Some(Value::Verdict(Verdict::Drop))),
            ],
        ),
        vec![
            rule(&[
                load_dport(),
                vec![lookup("verdicts", Some(LookupTo::Verdict))],
            ]),
            rule(&[accept()]),
        ],
    );
    let mut rules = rules;
    rules.tables[0].chains.push(chain(
        "ftp",
        vec![rule(&[saddr("198.51.100.0/24"), drop()])],
    ));
    assert_eq!(outcome(&rules, &to_gateway(21)), dropped(0, 1, Some(0)));
    assert_eq!(outcome(&rules, &to_gateway(22)), Outcome::Accept);
    assert_eq!(outcome(&rules, &to_gateway(23)), dropped(0, 0, Some(0)));
    let mut other = to_gateway(21);
    other.flow.source.0 = ip("192.0.2.1");
    assert_eq!(outcome(&rules, &other), Outcome::Accept);
}

#[test]
fn a_concatenation_of_ranges_is_compared_part_by_part() {
    let key = |address: [u8; 4], port: u16| {
        let mut key = address.to_vec();
        key.extend(port.to_be_bytes());
        key.extend([0, 0]);
        key
    };
    let mut pairs = set(
        "pairs",
        8,
        vec![range(
            &key([198, 51, 100, 0], 100),
            &key([198, 51, 100, 255], 200),
        )],
    );
    pairs.parts = vec![4, 2];
    let rules = with_set(
        pairs,
        vec![rule(&[
            vec![
                payload(PayloadBase::Network, 12, 4),
                Expression::Payload {
                    base: PayloadBase::Transport,
                    offset: 2,
                    length: 2,
                    to: Register(1),
                },
                lookup("pairs", None),
            ],
            accept(),
        ])],
    );
    let facts = gateway();
    let prepared = Prepared::new(&rules, &facts);
    let hit = prepared.evaluate(&to_gateway(150));
    assert_eq!(hit.outcome, Outcome::Accept);
    let span = hit.region.span(Axis::DestinationPort);
    assert_eq!((span.first, span.last), (100, 200));
    assert_eq!(
        hit.region.span(Axis::Source),
        Span {
            first: number(ip("198.51.100.0")),
            last: number(ip("198.51.100.255")),
        }
    );
    assert_eq!(
        prepared.evaluate(&to_gateway(99)).outcome,
        dropped(0, 0, None)
    );
    let mut other = to_gateway(150);
    other.flow.source.0 = ip("192.0.2.1");
    let miss = prepared.evaluate(&other);
    assert_eq!(miss.outcome, dropped(0, 0, None));
    let everywhere = prepared.partition(
        &to_gateway(0),
        &to_gateway(0)
            .flow
            .region()
            .with(Axis::DestinationPort, 0, 65535)
            .any_source(crate::model::net::Family::Ipv4),
        1000,
    );
    let accepted: Vec<_> = everywhere
        .iter()
        .filter(|piece| piece.evaluation.outcome == Outcome::Accept)
        .collect();
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0].region.span(Axis::DestinationPort), span);
}

#[test]
fn sets_that_were_not_read_and_elements_with_limits_are_undecided() {
    let mut unread = set("ports", 2, Vec::new());
    unread.unread = Some("too many".to_owned());
    let look = || vec![rule(&[load_dport(), vec![lookup("ports", None)], accept()])];
    assert!(matches!(
        outcome(&with_set(unread, look()), &to_gateway(21)),
        Outcome::Undecided(_)
    ));
    let mut limited = one(&21u16.to_be_bytes());
    limited.expressions = vec![Expression::Quota {
        over: false,
        bytes: 1,
        used: 0,
    }];
    let rules = with_set(set("ports", 2, vec![limited]), look());
    assert!(matches!(
        outcome(&rules, &to_gateway(21)),
        Outcome::Undecided(Doubt {
            at: Some(Place { rule: Some(0), .. }),
            expression: Some(1),
            ..
        })
    ));
    assert_eq!(outcome(&rules, &to_gateway(22)), dropped(0, 0, None));
}
