//! Placement on rulesets written by hand, of what a kernel may lack; native chains as nft
//! loads them are placed in `tests/live_ruleset/guests.rs`.

use super::*;
use crate::model::filter::{Chain as ModelChain, CtState, Demand, Match, Rule as ModelRule};
use crate::model::net::PortRange;
use crate::ruleset::eval::HostFacts;
use crate::ruleset::live::expression::{CmpOp, Expression, PayloadBase, Register, Verdict};
use crate::ruleset::live::table::{Base, Maker, Policy};
use crate::ruleset::live::{Chain, Rule, Table, saved};
use crate::ruleset::save::Save;

const R: Register = Register(0);

fn accept(chain: ModelChain, matches: Vec<Match>) -> ModelRule {
    ModelRule {
        profile: "x".to_owned(),
        name: "control",
        why: String::new(),
        chain,
        families: vec![Family::Ipv4, Family::Ipv6],
        matches,
        statement: filter::Statement::Accept,
        demand: Demand::Always,
    }
}

fn to_port(port: u16) -> ModelRule {
    accept(
        ModelChain::FILTER_INPUT,
        vec![
            Match::TcpDestinationPort(vec![PortRange::one(port)]),
            Match::CtState(vec![CtState::New, CtState::Established]),
        ],
    )
}

fn rule(expressions: Vec<Expression>) -> Rule {
    Rule {
        handle: 1,
        comment: None,
        expressions,
        line: String::new(),
    }
}

fn verdict(verdict: Verdict) -> Expression {
    Expression::Verdict(verdict)
}

/// `tcp dport PORT`
fn dport(port: u16) -> [Expression; 4] {
    let cmp = |data: &[u8]| Expression::Cmp {
        from: R,
        op: CmpOp::Equal,
        data: data.into(),
    };
    [
        Expression::Meta { key: 16, to: R },
        cmp(&[6]),
        Expression::Payload {
            base: PayloadBase::Transport,
            offset: 2,
            length: 2,
            to: R,
        },
        cmp(&port.to_be_bytes()),
    ]
}

fn base(name: &str, hook: Hook, policy: Policy, rules: Vec<Rule>) -> Chain {
    Chain {
        name: name.to_owned(),
        handle: 1,
        base: Some(Base {
            hook,
            priority: 0,
            kind: Kind::Filter,
            policy,
            devices: Vec::new(),
        }),
        comment: None,
        rules,
    }
}

fn table(family: TableFamily, name: &str, chains: Vec<Chain>) -> Table {
    Table {
        family,
        name: name.to_owned(),
        handle: 1,
        maker: Maker::Nft,
        dormant: false,
        owned: false,
        comment: None,
        chains,
        sets: Vec::new(),
        objects: Vec::new(),
        flowtables: Vec::new(),
    }
}

fn input(policy: Policy, rules: Vec<Rule>) -> Ruleset {
    let chain = base("input", Hook::Input, policy, rules);
    Ruleset {
        tables: vec![table(TableFamily::Inet, "filter", vec![chain])],
        unread: Vec::new(),
    }
}

fn placed(ruleset: &Ruleset, rule: &ModelRule) -> Result<Placement, PlacementError> {
    let facts = HostFacts::default();
    let prepared = Prepared::new(ruleset, &facts);
    let base = base_chains(ruleset, rule.chain.hook, Family::Ipv4);
    place(
        &prepared,
        *base.first().expect("a base chain"),
        &Wanted::of_rule(rule, Family::Ipv4, None),
    )
}

fn queue() -> Rule {
    rule(vec![Expression::Queue {
        first: 0,
        total: 1,
        flags: 0,
        from: None,
    }])
}

fn read(text: &str) -> Ruleset {
    let save = Save::parse(&format!("*filter\n{text}\nCOMMIT\n")).expect("a save");
    saved::read(&save, Family::Ipv4, Maker::IptablesNft)
}

#[test]
fn a_queue_is_not_passed_by() {
    let drop = rule(vec![verdict(Verdict::Drop)]);
    let ruleset = input(Policy::Accept, vec![queue(), drop.clone()]);
    assert_eq!(
        placed(&ruleset, &to_port(21)).map(|p| p.position.index),
        Ok(1)
    );
    let behind = input(
        Policy::Drop,
        vec![
            rule([&dport(21)[..], &[verdict(Verdict::Drop)]].concat()),
            queue(),
        ],
    );
    assert_eq!(
        placed(&behind, &to_port(21)),
        Err(PlacementError::BanBehind {
            drop: "tcp dport 21 drop".to_owned(),
            ban: "queue to 0".to_owned(),
        })
    );
    let of_iptables = read(
        ":INPUT DROP [0:0]\n-A INPUT -p tcp -j NFQUEUE --queue-num 1 --queue-bypass\n\
         -A INPUT -j DROP",
    );
    assert_eq!(
        placed(&of_iptables, &to_port(21)).map(|p| p.position.index),
        Ok(1)
    );
}

#[test]
fn what_is_not_understood_is_somebody_s_will() {
    let opaque = Expression::Opaque {
        name: "inner".to_owned(),
    };
    let rules = vec![
        rule(vec![opaque, verdict(Verdict::Drop)]),
        rule(vec![verdict(Verdict::Drop)]),
    ];
    let ruleset = input(Policy::Accept, rules);
    let found = placed(&ruleset, &to_port(21)).expect("a place");
    assert_eq!(found.position.index, 1);
    let facts = HostFacts::default();
    let prepared = Prepared::new(&ruleset, &facts);
    let at = |rule| eval::Place {
        table: 0,
        chain: 0,
        rule,
    };
    let wills = [Some(0), Some(1), None].map(|rule| is_will(&prepared, at(rule)));
    assert_eq!(wills, [true, false, false]);
}

#[test]
fn a_jump_by_will_makes_the_drop_below_a_will() {
    let ruleset = read(
        ":INPUT DROP [0:0]\n:bad - [0:0]\n:log - [0:0]\n-A INPUT -s 192.0.2.7/32 -j bad\n\
         -A INPUT -j log\n-A bad -j DROP\n-A log -j DROP",
    );
    let facts = HostFacts::default();
    let prepared = Prepared::new(&ruleset, &facts);
    let at = |chain| eval::Place {
        table: 0,
        chain,
        rule: Some(0),
    };
    assert_eq!([1, 2].map(|c| is_will(&prepared, at(c))), [true, false]);
}

#[test]
fn what_drops_what_is_over_a_rate_is_a_will() {
    let ruleset = read(
        ":INPUT DROP [0:0]\n:flood - [0:0]\n-A INPUT -j flood\n\
         -A flood -m limit --limit 12/sec -j RETURN\n-A flood -j DROP",
    );
    let facts = HostFacts::default();
    let prepared = Prepared::new(&ruleset, &facts);
    let at = |rule| eval::Place {
        table: 0,
        chain: 1,
        rule: Some(rule),
    };
    assert!(is_will(&prepared, at(1)));
}

#[test]
fn replies_stand_where_established_is_dropped() {
    let replies = accept(
        ModelChain::FILTER_OUTPUT,
        vec![
            Match::TcpSourcePort(vec![PortRange::one(21)]),
            Match::CtState(vec![CtState::Established]),
            Match::CtReply,
        ],
    );
    for (rules, dropped, accepted) in [
        (
            "-A OUTPUT -m conntrack --ctstate NEW -j ACCEPT",
            true,
            false,
        ),
        (
            "-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT",
            false,
            true,
        ),
        (
            "-A OUTPUT -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j ACCEPT",
            false,
            true,
        ),
        ("-A OUTPUT -p tcp -m tcp --sport 21 -j ACCEPT", false, true),
        ("-A OUTPUT -p tcp -m tcp --sport 22 -j ACCEPT", true, false),
    ] {
        let ruleset = read(&format!(":OUTPUT DROP [0:0]\n{rules}"));
        let found = placed(&ruleset, &replies).expect("a place");
        assert_eq!(
            (found.dropped, found.accepted),
            (dropped, accepted),
            "{rules}"
        );
    }
}

#[test]
fn a_part_of_the_networks_of_a_profile_is_a_part() {
    let mut rule = to_port(21);
    let nets = ["192.0.2.0/25", "198.51.100.0/24"];
    let nets = nets.map(|net| net.parse().expect("a network"));
    rule.matches.insert(0, Match::Source(nets.to_vec()));
    let ruleset = read(
        ":INPUT DROP [0:0]\n-A INPUT -s 203.0.113.0/24 -j DROP\n-A INPUT -s 192.0.2.0/24 -j DROP",
    );
    let found = placed(&ruleset, &rule).expect("a place");
    assert_eq!((found.position.index, found.unsure), (2, Vec::new()));
    let all = read(
        ":INPUT DROP [0:0]\n-A INPUT -p tcp -m iprange --src-range 192.0.2.0-198.51.100.255 -j DROP",
    );
    let found = placed(&all, &rule).expect("a place");
    assert_eq!((found.position.index, found.unsure.len()), (1, 1));
}

#[test]
fn base_chains_are_those_that_see_the_packets() {
    let chain = |hook| base("c", hook, Policy::Accept, Vec::new());
    let mut nat = chain(Hook::Input);
    nat.base.as_mut().expect("a base").kind = Kind::Nat;
    let mut dormant = table(TableFamily::Inet, "asleep", vec![chain(Hook::Input)]);
    dormant.dormant = true;
    let ruleset = Ruleset {
        tables: vec![
            table(TableFamily::Ip, "a", vec![nat, chain(Hook::Input)]),
            table(TableFamily::Ip6, "b", vec![chain(Hook::Input)]),
            table(TableFamily::Bridge, "c", vec![chain(Hook::Input)]),
            dormant,
            table(TableFamily::Inet, "ftpnat", vec![chain(Hook::Input)]),
            table(
                TableFamily::Inet,
                "d",
                vec![chain(Hook::Forward), chain(Hook::Input)],
            ),
        ],
        unread: Vec::new(),
    };
    let at = |family| base_chains(&ruleset, filter::Hook::Input, family);
    assert_eq!(at(Family::Ipv4), [(0, 1), (5, 1)]);
    assert_eq!(at(Family::Ipv6), [(1, 0), (5, 1)]);
}
