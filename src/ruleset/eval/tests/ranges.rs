//! Translations into ranges of addresses and ports.

use super::nat::{daddr, forwarding};
use super::*;

#[test]
fn a_port_range_keeps_a_port_that_is_in_it_and_else_takes_one_of_it() {
    let facts = gateway();
    let rules = forwarding(Some((40005, 40010)));
    let prepared = Prepared::new(&rules, &facts);
    let told = prepared.evaluate(&to_gateway(40005));
    let nat = told.nat.known().expect("known");
    assert_eq!(nat.translations.destination.port, Port::Same);
    assert_eq!(told.outcome, Outcome::Accept);
    let told = prepared.evaluate(&to_gateway(40002));
    assert!(matches!(told.outcome, Outcome::Undecided(_)));
    let mut any = rules;
    any.tables[1].chains[0].rules.push(rule(&[accept()]));
    let told = Prepared::new(&any, &facts).evaluate(&to_gateway(40002));
    assert_eq!(told.outcome, Outcome::Accept);
    let nat = told.nat.known().expect("known");
    assert_eq!(
        nat.translations.destination.port,
        Port::Within(40005, 40010)
    );
}

#[test]
fn a_shifted_range_moves_all_its_ports_alike() {
    let target = live_xt::Target::Nat(live_xt::Nat {
        kind: live_xt::NatKind::Dnat,
        addresses: Some((ip("10.77.0.21"), ip("10.77.0.21"))),
        ports: Some((50000, 50099)),
        base: Some(40000),
        random: false,
        fully_random: false,
        persistent: false,
    });
    let rules = ruleset(vec![
        table(
            TableFamily::Ip,
            "nat",
            vec![nat_chain(
                Hook::Prerouting,
                -100,
                vec![rule(&[vec![Expression::Target(target)]])],
            )],
        ),
        table(
            TableFamily::Ip,
            "filter",
            vec![base(
                Hook::Forward,
                0,
                Policy::Drop,
                vec![rule(&[dports(50010, 50019), accept()])],
            )],
        ),
    ]);
    let facts = gateway();
    let prepared = Prepared::new(&rules, &facts);
    let told = prepared.evaluate(&to_gateway(40015));
    assert_eq!(told.outcome, Outcome::Accept);
    let span = told.region.span(Axis::DestinationPort);
    assert_eq!((span.first, span.last), (40010, 40019));
    let nat = told.nat.known().expect("known");
    assert_eq!(nat.translations.destination.port, Port::Moved(10000));
    let region = to_gateway(0)
        .flow
        .region()
        .with(Axis::DestinationPort, 40000, 40199);
    let accepted: Vec<_> = prepared
        .partition(&to_gateway(0), &region, 100)
        .into_iter()
        .filter(|piece| piece.evaluation.outcome == Outcome::Accept)
        .map(|piece| piece.region.span(Axis::DestinationPort))
        .collect();
    assert_eq!(
        accepted,
        [
            Span {
                first: 40010,
                last: 40019
            },
            Span {
                first: 40110,
                last: 40119
            }
        ]
    );
}

#[test]
fn a_network_is_mapped_to_another_address_by_address() {
    let netmap = live_xt::Target::Nat(live_xt::Nat {
        kind: live_xt::NatKind::Netmap,
        addresses: Some((ip("10.77.0.0"), ip("10.77.0.255"))),
        ports: None,
        base: None,
        random: false,
        fully_random: false,
        persistent: false,
    });
    let rules = ruleset(vec![
        table(
            TableFamily::Ip,
            "nat",
            vec![nat_chain(
                Hook::Prerouting,
                -100,
                vec![rule(&[vec![Expression::Target(netmap)]])],
            )],
        ),
        table(
            TableFamily::Inet,
            "filter",
            vec![base(
                Hook::Forward,
                0,
                Policy::Drop,
                vec![rule(&[daddr([10, 77, 0, 21]), accept()])],
            )],
        ),
    ]);
    let facts = gateway();
    let prepared = Prepared::new(&rules, &facts);
    let mut packet = to_gateway(21);
    packet.flow.destination.0 = ip("192.0.2.21");
    let told = prepared.evaluate(&packet);
    assert_eq!(told.outcome, Outcome::Accept);
    assert_eq!(
        told.region.span(Axis::Destination),
        Span::one(number(ip("192.0.2.21")))
    );
    packet.flow.destination.0 = ip("192.0.2.22");
    let told = prepared.evaluate(&packet);
    assert_eq!(told.outcome, dropped(1, 0, None));
    // 10.77.0.255 is a broadcast address here: that one does not go on.
    let span = told.region.span(Axis::Destination);
    assert_eq!(
        (span.first, span.last),
        (number(ip("192.0.2.22")), number(ip("192.0.2.254")))
    );
}

#[test]
fn a_source_that_is_in_the_range_already_stays() {
    let snat = live_xt::Target::Nat(live_xt::Nat {
        kind: live_xt::NatKind::Snat,
        addresses: Some((ip("203.0.113.10"), ip("203.0.113.19"))),
        ports: None,
        base: None,
        random: false,
        fully_random: false,
        persistent: false,
    });
    let rules = ruleset(vec![table(
        TableFamily::Ip,
        "nat",
        vec![nat_chain(
            Hook::Postrouting,
            100,
            vec![rule(&[vec![Expression::Target(snat)]])],
        )],
    )]);
    let facts = gateway();
    let prepared = Prepared::new(&rules, &facts);
    for (source, expected) in [
        ("203.0.113.12", Address::Same),
        (
            "10.77.0.21",
            Address::Within(ip("203.0.113.10"), ip("203.0.113.19")),
        ),
    ] {
        let flow = super::super::Flow::tcp((ip(source), 40000), (ip("198.51.100.7"), 20));
        let told = prepared.evaluate(&Packet::arriving(flow, Some("eth1")));
        let nat = told.nat.known().expect("known");
        assert_eq!(nat.translations.source.address, expected);
    }
}
