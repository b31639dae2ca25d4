//! What parts the flows of a region, and what does not.

use super::*;

/// From one client, or from all of 198.51.100.0/24, to all ports.
fn region(sources: u32) -> Region {
    let first = number(ip("198.51.100.0"));
    let region = to_gateway(1).flow.region();
    let region = region.with(Axis::DestinationPort, 1, u16::MAX.into());
    region.with(Axis::Source, first, first + u128::from(sources) - 1)
}

fn packet() -> Packet {
    let mut packet = to_gateway(1);
    packet.flow.source.0 = ip("198.51.100.0");
    packet
}

/// Rules of other clients, each of which looks at a port before it looks at the client.
fn of_others() -> Ruleset {
    let of = |octet: u16| {
        let client = saddr(&format!("198.51.100.{octet}/32"));
        rule(&[dport(1000 + octet), client, accept()])
    };
    input(Policy::Drop, (1..=200).map(of).collect())
}

#[test]
fn a_rule_of_another_client_does_not_part_the_ports() {
    let (rules, facts) = (of_others(), gateway());
    let prepared = Prepared::new(&rules, &facts);
    let pieces = prepared.partition(&packet(), &region(1), 1000);
    assert_eq!(pieces.len(), 1);
    assert_eq!(pieces[0].region, region(1));
    assert_eq!(pieces[0].evaluation.outcome, dropped(0, 0, None));
}

#[test]
fn what_is_said_of_a_few_clients_does_not_part_clients_in_general() {
    let (rules, facts) = (of_others(), gateway());
    let prepared = Prepared::new(&rules, &facts);
    let wide = region(0x1_0000);
    assert!(prepared.partition(&packet(), &wide, 1000).len() > 200);
    let pieces = prepared.partition_in_general(&packet(), &wide, 1000, Axis::Source);
    assert_eq!(pieces.len(), 1);
    assert_eq!(pieces[0].evaluation.outcome, dropped(0, 0, None));
}

#[test]
fn a_client_that_is_met_is_told_apart_in_general_too() {
    let mut rules = of_others();
    let banned = rule(&[saddr("198.51.100.0/32"), drop()]);
    rules.tables[0].chains[0].rules = vec![banned, rule(&[accept()])];
    let facts = gateway();
    let prepared = Prepared::new(&rules, &facts);
    let pieces = prepared.partition_in_general(&packet(), &region(0x1_0000), 1000, Axis::Source);
    let outcomes: Vec<_> = pieces
        .iter()
        .map(|p| p.evaluation.outcome.clone())
        .collect();
    assert_eq!(outcomes, [dropped(0, 0, Some(0)), Outcome::Accept]);
    let span = pieces[0].region.span(Axis::Source);
    assert_eq!(
        (span.first, span.last),
        (number(ip("198.51.100.0")), span.first)
    );
}

#[test]
fn what_lies_beyond_the_pieces_asked_for_is_known_as_such() {
    let (rules, facts) = (of_others(), gateway());
    let prepared = Prepared::new(&rules, &facts);
    let pieces = prepared.partition(&packet(), &region(0x1_0000), 5);
    let is_beyond = |piece: &Piece| piece.evaluation.is_beyond();
    assert!(pieces.iter().any(&is_beyond));
    assert!(!pieces.iter().all(&is_beyond));
}
