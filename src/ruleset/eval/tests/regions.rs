//! The box around an evaluation: whatever flow of it is taken, the same holds.

use super::*;
use crate::ruleset::live::xt::{Match, MultiportSide};

/// Numbers that look random and are the same in each run (Knuth's MMIX generator).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 24
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn port(&mut self) -> u16 {
        u16::try_from(40000 + self.below(40)).expect("small")
    }

    fn octet(&mut self) -> u8 {
        u8::try_from(self.below(8)).expect("small")
    }
}

fn source(numbers: &mut Numbers) -> [u8; 4] {
    [198, 51, 100, numbers.octet()]
}

/// A test of an address or a port, in one of the ways that rules have.
fn test(numbers: &mut Numbers) -> Vec<Expression> {
    let op = match numbers.below(6) {
        0 | 1 => CmpOp::Equal,
        2 => CmpOp::NotEqual,
        3 => CmpOp::Less,
        4 => CmpOp::GreaterOrEqual,
        _ => CmpOp::Greater,
    };
    let side = if numbers.below(3) == 0 { 0 } else { 2 };
    let (one, two) = (numbers.port(), numbers.port());
    let (low, high) = (one.min(two), one.max(two));
    match numbers.below(9) {
        0 => vec![
            payload(PayloadBase::Transport, side, 2),
            cmp(op, &one.to_be_bytes()),
        ],
        1 => vec![
            payload(PayloadBase::Transport, side, 2),
            Expression::Range {
                from: R,
                negated: numbers.below(2) == 0,
                first: low.to_be_bytes().into(),
                last: high.to_be_bytes().into(),
            },
        ],
        2 => vec![
            payload(PayloadBase::Transport, 0, 4),
            cmp(op, &[one.to_be_bytes(), two.to_be_bytes()].concat()),
        ],
        3 => saddr(&format!(
            "198.51.100.{}/{}",
            numbers.octet(),
            29 + numbers.below(4)
        )),
        4 => vec![
            payload(PayloadBase::Network, 12, 3),
            cmp(op, &[198, 51, 100]),
        ],
        5 => vec![
            payload(PayloadBase::Network, 15, 1),
            cmp(op, &[numbers.octet()]),
        ],
        6 => vec![
            payload(PayloadBase::Transport, 2, 2),
            Expression::Bitwise {
                from: R,
                to: R,
                length: 2,
                op: BitwiseOp::MaskXor {
                    mask: [[0xff, 0xfc], [0, 0x0d], [0xff, 0xff]]
                        [usize::try_from(numbers.below(3)).expect("small")]
                    .into(),
                    xor: [0, u8::from(numbers.below(4) == 0)].into(),
                },
            },
            cmp(op, &low.to_be_bytes()),
        ],
        7 => vec![Expression::Match(Match::Multiport {
            side: [
                MultiportSide::Either,
                MultiportSide::Source,
                MultiportSide::Destination,
            ][usize::try_from(numbers.below(3)).expect("small")],
            ranges: vec![(low, high), (one, one)],
            negated: numbers.below(3) == 0,
        })],
        _ => vec![
            payload(PayloadBase::Network, 12, 4),
            Expression::Payload {
                base: PayloadBase::Transport,
                offset: 2,
                length: 2,
                to: Register(1),
            },
            lookup(
                if numbers.below(2) == 0 {
                    "exact"
                } else {
                    "ranges"
                },
                None,
            ),
        ],
    }
}

fn key(address: [u8; 4], port: u16) -> Vec<u8> {
    let mut key = address.to_vec();
    key.extend(port.to_be_bytes());
    key.extend([0, 0]);
    key
}

fn random_rules(numbers: &mut Numbers) -> Ruleset {
    let mut rules = Vec::new();
    for _ in 0..=numbers.below(6) {
        let mut parts = vec![test(numbers)];
        if numbers.below(2) == 0 {
            parts.push(test(numbers));
        }
        parts.push(match numbers.below(4) {
            0 => accept(),
            1 => set_mark(u32::try_from(numbers.below(4)).expect("small")),
            2 => jump("other"),
            _ => drop(),
        });
        rules.push(rule(&parts));
    }
    let mut all = input(Policy::Drop, rules);
    let other = rule(&[test(numbers), accept()]);
    all.tables[0].chains.push(chain("other", vec![other]));
    let exact = (0..4).map(|_| one(&key(source(numbers), numbers.port())));
    let mut elements: Vec<Element> = exact.collect();
    elements.sort_by(|a, b| a.key.cmp(&b.key));
    elements.dedup_by(|a, b| a.key == b.key);
    all.tables[0].sets.push(set("exact", 8, elements));
    let ranges = (0..2u8)
        .map(|at| {
            let from = 40000 + u16::from(numbers.octet());
            range(
                &key([198, 51, 100, at * 4], from),
                &key([198, 51, 100, at * 4 + 2], from + 5),
            )
        })
        .collect();
    let mut ranges = set("ranges", 8, ranges);
    ranges.parts = vec![4, 2];
    all.tables[0].sets.push(ranges);
    all
}

fn flow(numbers: &mut Numbers) -> Packet {
    let flow = super::super::Flow::tcp(
        (IpAddr::from(source(numbers)), numbers.port()),
        (ip("203.0.113.10"), numbers.port()),
    );
    Packet::arriving(flow, Some("eth0"))
}

#[test]
fn every_flow_of_a_region_takes_the_same_way() {
    let facts = gateway();
    let mut numbers = Numbers(4);
    for round in 0..400 {
        let rules = random_rules(&mut numbers);
        let prepared = Prepared::new(&rules, &facts);
        for _ in 0..20 {
            let here = flow(&mut numbers);
            let told = prepared.evaluate(&here);
            assert!(told.region.covers(&here.flow.region()), "round {round}");
            for _ in 0..10 {
                let there = flow(&mut numbers);
                if !told.region.covers(&there.flow.region()) {
                    continue;
                }
                let other = prepared.evaluate(&there);
                assert_eq!(
                    (&told.outcome, &told.mark, &told.trail),
                    (&other.outcome, &other.mark, &other.trail),
                    "round {round}: {here:?} {there:?} {:?}\n{rules:?}",
                    told.region
                );
            }
        }
    }
}

#[test]
fn a_port_loaded_over_an_address_leaves_nothing_of_it() {
    let rules = ruleset(vec![table(
        TableFamily::Ip6,
        "t",
        vec![base(
            Hook::Input,
            0,
            Policy::Accept,
            vec![
                rule(&[
                    vec![payload(PayloadBase::Network, 8, 16)],
                    vec![cmp(CmpOp::Equal, &[1; 16])],
                    drop(),
                ]),
                rule(&[dport(40010), drop()]),
            ],
        )],
    )]);
    let facts = HostFacts {
        addresses: Some(vec![OwnAddress {
            interface: "eth0".to_owned(),
            net: "2001:db8::1/64".parse().expect("an address"),
        }]),
        ..HostFacts::default()
    };
    let prepared = Prepared::new(&rules, &facts);
    let flow = Flow::tcp((ip("2001:db8::2"), 1024), (ip("2001:db8::1"), 40000));
    let told = prepared.evaluate(&Packet::arriving(flow, Some("eth0")));
    assert_eq!(told.outcome, Outcome::Accept);
    let ports = told.region.span(Axis::DestinationPort);
    assert_eq!((ports.first, ports.last), (0, 40009));
}

#[test]
fn a_partition_covers_the_region_once_and_says_what_each_flow_comes_to() {
    let facts = gateway();
    let mut numbers = Numbers(5);
    for round in 0..150 {
        let rules = random_rules(&mut numbers);
        let prepared = Prepared::new(&rules, &facts);
        let packet = flow(&mut numbers);
        let region = packet
            .flow
            .region()
            .with(Axis::DestinationPort, 39990, 40050)
            .with(
                Axis::Source,
                number(ip("198.51.100.0")),
                number(ip("198.51.100.15")),
            );
        let pieces = prepared.partition(&packet, &region, 10_000);
        let size = |region: &Region| {
            region
                .spans
                .iter()
                .fold(1u128, |size, span| size * (span.last - span.first + 1))
        };
        let whole: u128 = pieces.iter().map(|piece| size(&piece.region)).sum();
        assert_eq!(whole, size(&region), "round {round}");
        for _ in 0..30 {
            let mut there = flow(&mut numbers);
            there.flow.source.1 = packet.flow.source.1;
            let point = there.flow.region();
            let holding: Vec<&Piece> = pieces
                .iter()
                .filter(|piece| piece.region.covers(&point))
                .collect();
            assert_eq!(holding.len(), 1, "round {round}");
            assert_eq!(
                holding[0].evaluation.outcome,
                prepared.evaluate(&there).outcome,
                "round {round}"
            );
        }
    }
}

#[test]
fn beyond_the_cap_flows_are_undecided() {
    let rules = input(
        Policy::Drop,
        (0..50)
            .map(|at| rule(&[dport(1000 + at * 2), accept()]))
            .collect(),
    );
    let facts = gateway();
    let region = to_gateway(0)
        .flow
        .region()
        .with(Axis::DestinationPort, 0, 65535);
    let all = Prepared::new(&rules, &facts).partition(&to_gateway(0), &region, 10);
    assert!(
        all.iter()
            .any(|piece| matches!(piece.evaluation.outcome, Outcome::Undecided(_)))
    );
    let all = Prepared::new(&rules, &facts).partition(&to_gateway(0), &region, 1000);
    assert_eq!(all.len(), 101);
}
