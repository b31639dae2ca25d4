//! Base chains, verdicts, policies, orders.

use super::*;

const NEW: u32 = 8;
const ESTABLISHED: u32 = 2;
const UNTRACKED: u32 = 64;
const INVALID: u32 = 1;

#[test]
fn a_rule_ends_a_base_chain_and_a_policy_those_that_no_rule_ends() {
    let rules = input(Policy::Drop, vec![rule(&[dport(21), accept()])]);
    assert_eq!(outcome(&rules, &to_gateway(21)), Outcome::Accept);
    assert_eq!(outcome(&rules, &to_gateway(22)), dropped(0, 0, None));
}

#[test]
fn accept_ends_one_base_chain_and_drop_the_packet() {
    let rules = ruleset(vec![
        table(
            TableFamily::Ip,
            "one",
            vec![base(Hook::Input, 0, Policy::Drop, vec![rule(&[accept()])])],
        ),
        table(
            TableFamily::Inet,
            "two",
            vec![base(
                Hook::Input,
                10,
                Policy::Accept,
                vec![rule(&[dport(21), drop()])],
            )],
        ),
    ]);
    assert_eq!(outcome(&rules, &to_gateway(21)), dropped(1, 0, Some(0)));
    let facts = gateway();
    let told = Prepared::new(&rules, &facts).evaluate(&to_gateway(22));
    assert_eq!(told.outcome, Outcome::Accept);
    let met: Vec<_> = told.trail.iter().map(|met| (met.by, met.passed)).collect();
    assert_eq!(
        met,
        [(place(0, 0, Some(0)), true), (place(1, 0, None), true)]
    );
    assert_eq!(told.to, Some(Where::Local));
}

#[test]
fn dormant_tables_and_other_families_are_not_met() {
    let all = || vec![base(Hook::Input, 0, Policy::Drop, Vec::new())];
    let mut dormant = table(TableFamily::Inet, "asleep", all());
    dormant.dormant = true;
    let rules = ruleset(vec![
        dormant,
        table(TableFamily::Ip6, "six", all()),
        table(TableFamily::Bridge, "bridge", all()),
        table(TableFamily::Arp, "arp", all()),
    ]);
    assert_eq!(outcome(&rules, &to_gateway(21)), Outcome::Accept);
    let six = Packet::arriving(
        super::super::Flow::tcp((ip("2001:db8:1::7"), 40000), (ip("2001:db8::10"), 21)),
        Some("eth0"),
    );
    assert_eq!(outcome(&rules, &six), dropped(1, 0, None));
}

#[test]
fn jumps_come_back_and_gotos_do_not() {
    let with = |first: Vec<Expression>| {
        let mut rules = input(Policy::Accept, vec![rule(&[first]), rule(&[drop()])]);
        rules.tables[0].chains.push(chain(
            "other",
            vec![
                rule(&[dport(21), verdict(Verdict::Return)]),
                rule(&[dport(22), accept()]),
            ],
        ));
        rules
    };
    let jumping = with(jump("other"));
    assert_eq!(outcome(&jumping, &to_gateway(21)), dropped(0, 0, Some(1)));
    assert_eq!(outcome(&jumping, &to_gateway(22)), Outcome::Accept);
    assert_eq!(outcome(&jumping, &to_gateway(23)), dropped(0, 0, Some(1)));
    let going = with(goto("other"));
    assert_eq!(outcome(&going, &to_gateway(21)), Outcome::Accept);
    assert_eq!(outcome(&going, &to_gateway(23)), Outcome::Accept);
}

#[test]
fn a_goto_within_a_jump_comes_back_to_the_jump() {
    let mut rules = input(Policy::Accept, vec![rule(&[jump("a")]), rule(&[drop()])]);
    rules.tables[0]
        .chains
        .push(chain("a", vec![rule(&[goto("b")]), rule(&[accept()])]));
    rules.tables[0].chains.push(chain("b", Vec::new()));
    assert_eq!(outcome(&rules, &to_gateway(21)), dropped(0, 0, Some(1)));
}

/// iptables-legacy takes 31 chains within one another, and packets pass them.
#[test]
fn only_nf_tables_ends_at_the_sixteenth_jump() {
    let mut rules = input(Policy::Drop, vec![rule(&[jump("0")])]);
    for number in 0..30 {
        let onward = rule(&[jump(&(number + 1).to_string())]);
        rules.tables[0]
            .chains
            .push(chain(&number.to_string(), vec![onward]));
    }
    let last = chain("30", vec![rule(&[accept()])]);
    rules.tables[0].chains.push(last);
    assert_eq!(outcome(&rules, &to_gateway(21)), dropped(0, 16, Some(0)));
    rules.tables[0].maker = Maker::IptablesLegacy;
    assert_eq!(outcome(&rules, &to_gateway(21)), Outcome::Accept);
}

#[test]
fn chains_that_loop_end() {
    let mut rules = input(Policy::Accept, vec![rule(&[jump("a")])]);
    rules.tables[0]
        .chains
        .push(chain("a", vec![rule(&[jump("a")])]));
    assert!(matches!(
        outcome(&rules, &to_gateway(21)),
        Outcome::Drop { .. }
    ));
    let mut rules = input(Policy::Accept, vec![rule(&[goto("a")])]);
    rules.tables[0]
        .chains
        .push(chain("a", vec![rule(&[goto("a")])]));
    assert!(matches!(
        outcome(&rules, &to_gateway(21)),
        Outcome::Undecided(_)
    ));
}

#[test]
fn at_the_same_priority_the_newest_of_a_table_runs_first_and_tables_in_any_order() {
    let marks = |own: Vec<Rule>| vec![base(Hook::Input, 0, Policy::Accept, own)];
    let first = rule(&[mark(1), drop()]);
    let second = rule(&[set_mark(1)]);
    let rules = ruleset(vec![table(
        TableFamily::Inet,
        "one",
        [marks(vec![first.clone()]), marks(vec![second.clone()])].concat(),
    )]);
    assert_eq!(outcome(&rules, &to_gateway(21)), dropped(0, 0, Some(0)));
    let rules = ruleset(vec![
        table(TableFamily::Inet, "one", marks(vec![first])),
        table(TableFamily::Ip, "two", marks(vec![second])),
    ]);
    assert!(matches!(
        outcome(&rules, &to_gateway(21)),
        Outcome::Undecided(Doubt { at: None, .. })
    ));
}

#[test]
fn before_conntrack_nothing_is_known_of_a_connection() {
    let rules = |priority: i32, bits: u32| {
        ruleset(vec![table(
            TableFamily::Inet,
            "raw",
            vec![base(
                Hook::Prerouting,
                priority,
                Policy::Accept,
                vec![rule(&[ct_state(bits), drop()])],
            )],
        )])
    };
    assert_eq!(
        outcome(&rules(-300, INVALID), &to_gateway(21)),
        dropped(0, 0, Some(0))
    );
    assert_eq!(outcome(&rules(-300, NEW), &to_gateway(21)), Outcome::Accept);
    assert_eq!(
        outcome(&rules(-150, NEW), &to_gateway(21)),
        dropped(0, 0, Some(0))
    );
    assert!(matches!(
        outcome(&rules(-200, NEW), &to_gateway(21)),
        Outcome::Undecided(_)
    ));
    let later = to_gateway(21).later(Direction::Original, Translations::default(), Path::Arrives);
    assert_eq!(
        outcome(&rules(-150, ESTABLISHED), &later),
        dropped(0, 0, Some(0))
    );
}

#[test]
fn what_is_not_tracked_is_untracked() {
    let rules = ruleset(vec![table(
        TableFamily::Inet,
        "raw",
        vec![
            base(
                Hook::Prerouting,
                -300,
                Policy::Accept,
                vec![rule(&[dport(21), vec![Expression::Notrack]])],
            ),
            base(
                Hook::Input,
                0,
                Policy::Accept,
                vec![rule(&[ct_state(UNTRACKED), drop()])],
            ),
        ],
    )]);
    let facts = gateway();
    let prepared = Prepared::new(&rules, &facts);
    let told = prepared.evaluate(&to_gateway(21));
    assert_eq!(told.outcome, dropped(0, 1, Some(0)));
    assert_eq!(told.notrack, Told::Known(Some(place(0, 0, Some(0)))));
    assert_eq!(told.state, Some(State::Untracked));
    assert_eq!(prepared.evaluate(&to_gateway(22)).outcome, Outcome::Accept);
}

#[test]
fn ingress_chains_see_what_their_devices_receive() {
    let with = |device: &str| {
        let mut chain = base(Hook::Ingress, 0, Policy::Drop, Vec::new());
        if let Some(base) = &mut chain.base {
            base.devices = vec![device.to_owned()];
        }
        ruleset(vec![table(TableFamily::Netdev, "early", vec![chain])])
    };
    assert_eq!(outcome(&with("eth0"), &to_gateway(21)), dropped(0, 0, None));
    assert_eq!(outcome(&with("eth1"), &to_gateway(21)), Outcome::Accept);
}

#[test]
fn routes_tell_input_from_forward() {
    let rules = ruleset(vec![table(
        TableFamily::Inet,
        "filter",
        vec![
            base(Hook::Forward, 0, Policy::Drop, Vec::new()),
            base(Hook::Input, 0, Policy::Accept, Vec::new()),
        ],
    )]);
    assert_eq!(outcome(&rules, &to_gateway(21)), Outcome::Accept);
    let mut through = to_gateway(21);
    through.flow.destination.0 = ip("10.77.0.21");
    assert_eq!(outcome(&rules, &through), dropped(0, 0, None));
    let facts = HostFacts::default();
    let told = Prepared::new(&rules, &facts).evaluate(&through);
    assert!(matches!(told.outcome, Outcome::Undecided(_)));
}

#[test]
fn packets_of_this_host_meet_output_and_postrouting() {
    let rules = ruleset(vec![table(
        TableFamily::Inet,
        "filter",
        vec![
            base(Hook::Input, 0, Policy::Drop, Vec::new()),
            base(
                Hook::Output,
                0,
                Policy::Accept,
                vec![rule(&[iifname("eth0"), drop()])],
            ),
            base(
                Hook::Postrouting,
                0,
                Policy::Accept,
                vec![rule(&[dport(20), drop()])],
            ),
        ],
    )]);
    let leaving = |port| {
        Packet::leaving(super::super::Flow::tcp(
            (ip("203.0.113.10"), 40000),
            (ip("198.51.100.7"), port),
        ))
    };
    assert_eq!(outcome(&rules, &leaving(20)), dropped(0, 2, Some(0)));
    assert_eq!(outcome(&rules, &leaving(21)), Outcome::Accept);
    let mut loops = leaving(21);
    loops.path = Path::Loops;
    assert_eq!(outcome(&rules, &loops), dropped(0, 0, None));
}
