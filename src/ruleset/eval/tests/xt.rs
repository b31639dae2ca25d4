//! Matches and targets of iptables.

use super::*;
use crate::ruleset::live::xt::{
    ConnmarkOp, Conntrack, Header, Match, MultiportSide, Net, Sign, Target,
};

fn legacy(hook: Hook, priority: i32, policy: Policy, rules: Vec<Rule>) -> Ruleset {
    let mut all = table(
        TableFamily::Ip,
        "filter",
        vec![base(hook, priority, policy, rules)],
    );
    all.maker = Maker::IptablesLegacy;
    ruleset(vec![all])
}

fn matched(matches: Vec<Match>, target: Target) -> Rule {
    let mut expressions: Vec<Expression> = matches.into_iter().map(Expression::Match).collect();
    expressions.push(Expression::Target(target));
    rule(&[expressions])
}

fn accepts(found: Match, packet: &Packet) -> Option<bool> {
    let rules = legacy(
        Hook::Input,
        0,
        Policy::Drop,
        vec![matched(vec![found], Target::Verdict(Verdict::Accept))],
    );
    match outcome(&rules, packet) {
        Outcome::Accept => Some(true),
        Outcome::Drop { .. } => Some(false),
        _ => None,
    }
}

fn sign<T>(value: T) -> Sign<T> {
    Sign {
        negated: false,
        value,
    }
}

fn not<T>(value: T) -> Sign<T> {
    Sign {
        negated: true,
        value,
    }
}

#[test]
fn headers_with_and_without_signs() {
    let packet = to_gateway(21);
    let net = |text: &str| Net::Prefix(text.parse().expect("a network"));
    let header = Header::default;
    for (found, expected) in [
        (
            Header {
                source: Some(sign(net("198.51.100.0/24"))),
                ..header()
            },
            true,
        ),
        (
            Header {
                source: Some(not(net("198.51.100.0/24"))),
                ..header()
            },
            false,
        ),
        (
            Header {
                input: Some(sign("eth+".to_owned())),
                protocol: Some(sign(6)),
                ..header()
            },
            true,
        ),
        (
            Header {
                input: Some(not("eth0".to_owned())),
                ..header()
            },
            false,
        ),
        (
            Header {
                output: Some(not("eth0".to_owned())),
                ..header()
            },
            true,
        ),
        (
            Header {
                fragment: Some(sign(())),
                ..header()
            },
            false,
        ),
        (
            Header {
                destination: Some(sign(Net::Mask(ip("203.0.0.10"), ip("255.0.0.255")))),
                ..header()
            },
            true,
        ),
    ] {
        assert_eq!(
            accepts(Match::Header(Box::new(found.clone())), &packet),
            Some(expected),
            "{found:?}"
        );
    }
    let mut anywhere = packet;
    anywhere.input = None;
    let eth0 = Header {
        input: Some(sign("eth0".to_owned())),
        ..header()
    };
    assert_eq!(accepts(Match::Header(Box::new(eth0)), &anywhere), None);
}

#[test]
fn either_side_of_multiport_opens_to_a_source_port() {
    let either = |side| Match::Multiport {
        side,
        ranges: vec![(21, 21), (40000, 40001)],
        negated: false,
    };
    assert_eq!(
        accepts(either(MultiportSide::Either), &to_gateway(99)),
        Some(true)
    );
    assert_eq!(
        accepts(either(MultiportSide::Destination), &to_gateway(99)),
        Some(false)
    );
    assert_eq!(
        accepts(either(MultiportSide::Source), &to_gateway(99)),
        Some(true)
    );
}

#[test]
fn conntrack_asks_state_and_tuples() {
    let new = Conntrack {
        states: Some(sign(8)),
        ..Conntrack::default()
    };
    assert_eq!(
        accepts(Match::Conntrack(Box::new(new.clone())), &to_gateway(21)),
        Some(true)
    );
    let port = |last| Conntrack {
        original_destination_port: Some(sign((20, last))),
        ..new.clone()
    };
    assert_eq!(
        accepts(Match::Conntrack(Box::new(port(21))), &to_gateway(21)),
        Some(true)
    );
    assert_eq!(
        accepts(Match::Conntrack(Box::new(port(20))), &to_gateway(21)),
        Some(false)
    );
    let established =
        to_gateway(21).later(Direction::Original, Translations::default(), Path::Arrives);
    let confirmed = Conntrack {
        status: Some(sign(8)),
        ..Conntrack::default()
    };
    let found = Match::Conntrack(Box::new(confirmed));
    assert_eq!(accepts(found.clone(), &established), Some(true));
    assert_eq!(accepts(found, &to_gateway(21)), Some(false));
}

#[test]
fn address_types_are_those_of_the_host() {
    let asked = |mask, limit_in| Match::Addrtype {
        source: None,
        destination: Some(sign(mask)),
        limit_in,
        limit_out: false,
    };
    let local = 1 << 2;
    assert_eq!(accepts(asked(local, false), &to_gateway(21)), Some(true));
    assert_eq!(accepts(asked(local, true), &to_gateway(21)), Some(true));
    let mut inside = to_gateway(21);
    inside.flow.destination.0 = ip("10.77.0.1");
    assert_eq!(accepts(asked(local, true), &inside), Some(false));
    assert_eq!(accepts(asked(1 << 1, false), &to_gateway(21)), Some(false));
}

#[test]
fn rejections_say_how() {
    for (with, kind) in [
        (3, Rejection::Icmp { kind: 3, code: 3 }),
        (7, Rejection::Reset),
        (8, Rejection::Icmp { kind: 3, code: 13 }),
    ] {
        let rules = legacy(
            Hook::Input,
            0,
            Policy::Accept,
            vec![matched(Vec::new(), Target::Reject { v6: false, with })],
        );
        assert_eq!(
            outcome(&rules, &to_gateway(21)),
            Outcome::Reject {
                by: place(0, 0, Some(0)),
                kind
            }
        );
    }
}

#[test]
fn marks_go_between_packet_and_connection() {
    let rules = legacy(
        Hook::Input,
        0,
        Policy::Drop,
        vec![
            matched(
                Vec::new(),
                Target::Mark {
                    value: 0x12,
                    mask: 0xff,
                },
            ),
            matched(
                Vec::new(),
                Target::Connmark {
                    op: ConnmarkOp::Save,
                    value: 0,
                    ct_mask: 0xf0,
                    packet_mask: 0xf0,
                },
            ),
            matched(
                vec![Match::Connmark {
                    value: 0x10,
                    mask: 0xff,
                    negated: false,
                }],
                Target::Verdict(Verdict::Accept),
            ),
        ],
    );
    assert_eq!(outcome(&rules, &to_gateway(21)), Outcome::Accept);
}

#[test]
fn a_template_gives_its_helper_to_the_connection() {
    let rules = legacy(
        Hook::Prerouting,
        -300,
        Policy::Accept,
        vec![matched(
            Vec::new(),
            Target::Ct {
                notrack: false,
                helper: Some("ftp".to_owned()),
                zone: 0,
                words: String::new(),
            },
        )],
    );
    let facts = gateway();
    let told = Prepared::new(&rules, &facts).evaluate(&to_gateway(21));
    let helper = told.helper.known().and_then(Option::as_ref);
    assert_eq!(helper.map(|h| h.helper.as_str()), Some("ftp"));
    assert_eq!(told.state, Some(State::New));
}

#[test]
fn unknown_matches_are_undecided_only_where_they_matter() {
    let ipset = Match::Set {
        name: "blocked".to_owned(),
        sides: Vec::new(),
        negated: false,
    };
    assert_eq!(accepts(ipset.clone(), &to_gateway(21)), None);
    let rules = legacy(
        Hook::Input,
        0,
        Policy::Drop,
        vec![matched(vec![ipset], Target::Verdict(Verdict::Drop))],
    );
    assert_eq!(outcome(&rules, &to_gateway(21)), dropped(0, 0, None));
}
