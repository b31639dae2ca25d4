//! The exact words of each form.

mod managed;

use super::{Paste, PasteKind, pastes};
use crate::check::{Guest, Own, Remedy, Replacement, RuleAt, RuleChange};
use crate::facts::Facts;
use crate::model::filter::Rule;
use crate::model::net::Family;
use crate::plan::plan;
use crate::profile::parse;
use crate::ruleset::change::ChainAt;
use crate::ruleset::live::expression::{Expression, Verdict};
use crate::ruleset::live::table::{Maker, TableFamily};
use crate::ruleset::live::xt::{Match, Target};
use crate::ruleset::live::{self};

const OWN: &str = "name: x
control: { port: 21, tls: required }
passive: { ports: 50000-50010 }
clients: [ 192.0.2.0/24, 198.51.100.0/24 ]
";
const GATEWAY: &str = "name: x
server: { address: 10.77.0.21 }
control: { port: 21, tls: optional }
passive: { ports: 50000-50010 }
nat: { mode: dnat, external: { address: 203.0.113.10, interface: eth0 } }
";

fn rule(profile: &str, name: &str) -> Rule {
    let profile = parse("a.yaml", profile.as_bytes()).expect("a profile");
    let plan = plan(&[profile], &Facts::default());
    let mut rules = plan.rules();
    rules.find(|r| r.name == name).cloned().expect("the rule")
}

/// Before the rule with that number, whose handle is ten times that.
fn at(maker: Maker, family: TableFamily, table: &str, chain: &str, index: usize) -> RuleAt {
    RuleAt {
        chain: ChainAt {
            family,
            table: table.to_owned(),
            chain: chain.to_owned(),
        },
        maker,
        manager: None,
        way_in: None,
        index,
        handle: Some(10 * index as u64),
    }
}

fn input(index: usize) -> RuleAt {
    at(
        Maker::IptablesNft,
        TableFamily::Ip,
        "filter",
        "INPUT",
        index,
    )
}

fn native(index: usize) -> RuleAt {
    at(Maker::Nft, TableFamily::Inet, "filter", "input", index)
}

/// The chain's end.
fn end(at: RuleAt) -> RuleAt {
    RuleAt { handle: None, ..at }
}

fn guest(rule: Rule, before: RuleAt) -> RuleChange {
    RuleChange::Guest(Box::new(Guest { rule, before }))
}

fn own(name: &str, maker: Maker, inet_nat: bool, led_there: &[Family]) -> RuleChange {
    RuleChange::Own(Box::new(Own {
        rule: rule(GATEWAY, name),
        maker,
        inet_nat,
        led_there: led_there.to_vec(),
    }))
}

fn replace(at: RuleAt, expressions: Vec<Expression>, comment: Option<&str>) -> RuleChange {
    let to = Replacement {
        rule: live::Rule {
            handle: 7,
            comment: comment.map(str::to_owned),
            expressions,
            line: "-A INPUT -j ACCEPT".to_owned(),
        },
        sets: Vec::new(),
    };
    RuleChange::Replace(at, Box::new(to))
}

fn said(changes: &[RuleChange]) -> Vec<Paste> {
    pastes(&Remedy::Rules(changes.to_vec()))
}

fn commands(changes: &[RuleChange]) -> String {
    match &said(changes)[..] {
        [paste] if paste.kind == PasteKind::Command => paste.text.clone(),
        other => panic!("{other:#?}"),
    }
}

fn advice(changes: &[RuleChange]) -> String {
    match &said(changes)[..] {
        [paste] if paste.kind == PasteKind::Config => paste.text.clone(),
        other => panic!("{other:#?}"),
    }
}

#[test]
fn an_accept_in_a_native_chain() {
    let range = || rule(OWN, "passive-range");
    let words = |source: &str| {
        format!(
            "ip saddr {source} tcp dport 50000-50010 ct state established,new counter accept \
             comment \"ftpnat:x:passive-range\"'"
        )
    };
    assert_eq!(
        commands(&[guest(range(), native(4))]),
        format!(
            "nft 'insert rule inet filter input position 40 {}\n\
             nft 'insert rule inet filter input position 40 {}",
            words("192.0.2.0/24"),
            words("198.51.100.0/24")
        )
    );
    let changes = [guest(range(), end(native(4)))];
    assert!(commands(&changes).starts_with("nft 'add rule inet filter input ip saddr 192.0.2.0"));
}

#[test]
fn an_accept_below_the_families() {
    let mut range = rule(
        "name: x\npassive: { ports: 50000-50010 }\n",
        "passive-range",
    );
    range
        .matches
        .retain(|m| !matches!(m, crate::model::filter::Match::CtState(_)));
    range.families = vec![Family::Ipv6];
    let place = at(Maker::Nft, TableFamily::Netdev, "t", "c", 1);
    assert_eq!(
        commands(&[guest(range, place)]),
        "nft 'insert rule netdev t c position 10 meta protocol ip6 tcp dport 50000-50010 \
         counter accept comment \"ftpnat:x:passive-range\"'"
    );
}

#[test]
fn a_chain_that_nft_cannot_be_told_of() {
    let place = at(Maker::Nft, TableFamily::Inet, "t", "fwd", 1);
    let text = advice(&[guest(rule(OWN, "control"), place.clone())]);
    assert_eq!(
        text.lines().next(),
        Some(
            "nft reads no chain of the name `inet t fwd`: have the program that made it put \
             in, before its rule with handle 10:"
        )
    );
    assert_eq!(
        advice(&[RuleChange::Delete(place)]),
        "nft reads no chain of the name `inet t fwd`: have the program that made it take out \
         its rule with handle 10"
    );
}

#[test]
fn a_chain_of_iptables_is_changed_from_its_end_on() {
    let ours = |source: &str, ports: &str, name: &str| {
        format!(
            "-s {source} -p tcp -m tcp --dport {ports} -m conntrack --ctstate NEW,ESTABLISHED \
             -m comment --comment ftpnat:x:{name} -j ACCEPT"
        )
    };
    let changes = [
        RuleChange::Delete(input(1)),
        guest(rule(OWN, "control"), input(3)),
        guest(rule(OWN, "passive-range"), end(input(5))),
        RuleChange::Delete(input(3)),
    ];
    assert_eq!(
        commands(&changes).lines().collect::<Vec<_>>(),
        [
            format!(
                "iptables-nft -A INPUT {}",
                ours("192.0.2.0/24", "50000:50010", "passive-range")
            ),
            format!(
                "iptables-nft -A INPUT {}",
                ours("198.51.100.0/24", "50000:50010", "passive-range")
            ),
            "iptables-nft -D INPUT 4".to_owned(),
            format!(
                "iptables-nft -I INPUT 4 {}",
                ours("192.0.2.0/24", "21", "control")
            ),
            format!(
                "iptables-nft -I INPUT 5 {}",
                ours("198.51.100.0/24", "21", "control")
            ),
            "iptables-nft -D INPUT 2".to_owned(),
        ]
    );
}

#[test]
fn the_program_is_that_of_the_table() {
    let delete = |maker, family, table| {
        commands(&[RuleChange::Delete(at(
            maker,
            family,
            table,
            "PREROUTING",
            0,
        ))])
    };
    assert_eq!(
        delete(Maker::IptablesLegacy, TableFamily::Ip, "raw"),
        "iptables-legacy -w -t raw -D PREROUTING 1"
    );
    assert_eq!(
        delete(Maker::IptablesLegacy, TableFamily::Ip6, "nat"),
        "ip6tables-legacy -w -t nat -D PREROUTING 1"
    );
    assert_eq!(
        delete(Maker::IptablesNft, TableFamily::Ip6, "mangle"),
        "ip6tables-nft -t mangle -D PREROUTING 1"
    );
    assert_eq!(
        delete(Maker::Nft, TableFamily::Ip6, "nat"),
        "nft 'delete rule ip6 nat PREROUTING handle 0'"
    );
}

#[test]
fn names_for_a_shell() {
    let delete = |chain: &str| {
        let place = at(Maker::IptablesNft, TableFamily::Ip, "filter", chain, 0);
        said(&[RuleChange::Delete(place)])
    };
    let quoted = delete("it's$(x)");
    assert_eq!(quoted[0].text, r"iptables-nft -D 'it'\''s$(x)' 1");
    for chain in ["a b", "-x", "a\nb", "a\u{1b}b", ""] {
        assert_eq!(delete(chain)[0].kind, PasteKind::Config, "{chain}");
        assert!(!delete(chain)[0].text.contains('\u{1b}'));
    }
}

#[test]
fn a_rule_becomes_another() {
    let accept = || Expression::Verdict(Verdict::Accept);
    assert_eq!(
        commands(&[replace(native(2), vec![accept()], Some("it's $(x)"))]),
        r#"nft 'replace rule inet filter input handle 20 accept comment "it'\''s $(x)"'"#
    );
    assert_eq!(
        advice(&[replace(native(2), vec![accept()], Some("a \"b\""))]),
        "nft has no words for all of the rule with handle 20 of inet filter input; where it \
         is made, it has to become:\n  accept comment \"a \"b\"\""
    );
    let target = || Expression::Target(Target::Verdict(Verdict::Accept));
    let comment = Expression::Match(Match::Comment("it's \"q\" \\".to_owned()));
    assert_eq!(
        commands(&[replace(input(2), vec![comment, target()], None)]),
        r#"iptables-nft -R INPUT 3 -m comment --comment 'it'\''s "q" \' -j ACCEPT"#
    );
    // Of an ipset there is its number only.
    let set = Expression::Match(Match::Set {
        name: "3".to_owned(),
        sides: Vec::new(),
        negated: false,
    });
    let text = advice(&[replace(input(2), vec![set, target()], None)]);
    assert!(
        text.starts_with("what rule 3 of INPUT asks is not known in full"),
        "{text}"
    );
}

#[test]
fn rules_of_our_own_in_nft() {
    let changes = [
        own("dnat-control", Maker::Nft, true, &[]),
        own("helper", Maker::Nft, true, &[]),
    ];
    assert_eq!(
        commands(&changes).lines().collect::<Vec<_>>(),
        [
            "nft 'add table inet ftpnat'",
            "nft 'add ct helper inet ftpnat ftp { type \"ftp\" protocol tcp; }'",
            "nft 'add chain inet ftpnat helper_prerouting { type filter hook prerouting \
             priority -150; policy accept; }'",
            "nft 'add rule inet ftpnat helper_prerouting iifname \"eth0\" ip daddr 203.0.113.10 \
             tcp dport 21 ct helper set \"ftp\" comment \"ftpnat:x:helper\"'",
            "nft 'add chain inet ftpnat nat_prerouting { type nat hook prerouting priority \
             -110; policy accept; }'",
            "nft 'add rule inet ftpnat nat_prerouting iifname \"eth0\" ip daddr 203.0.113.10 \
             tcp dport 21 dnat ip to 10.77.0.21 comment \"ftpnat:x:dnat-control\"'",
        ]
    );
    // Linux before 5.2.
    let text = commands(&[own("dnat-control", Maker::Nft, false, &[])]);
    assert!(text.starts_with("nft 'add table ip ftpnat'\n"), "{text}");
}

#[test]
fn rules_of_our_own_in_iptables() {
    let maker = Maker::IptablesLegacy;
    let rule = "iptables-legacy -w -t nat -A FTPNAT-PREROUTING -d 203.0.113.10/32 -i eth0 -p \
                tcp -m tcp --dport 21 -m comment --comment ftpnat:x:dnat-control -j DNAT \
                --to-destination 10.77.0.21";
    assert_eq!(
        commands(&[own("dnat-control", maker, true, &[])])
            .lines()
            .collect::<Vec<_>>(),
        [
            "iptables-legacy -w -t nat -N FTPNAT-PREROUTING",
            "iptables-legacy -w -t nat -I PREROUTING -m comment --comment ftpnat::jump -j \
             FTPNAT-PREROUTING",
            rule,
        ]
    );
    let there = own("dnat-control", maker, true, &[Family::Ipv4]);
    assert_eq!(commands(&[there]), rule);
    // Numbers come before the jump that moves them; the helper goes behind what is in `raw`.
    let place = at(maker, TableFamily::Ip, "nat", "PREROUTING", 0);
    let both = commands(&[own("helper", maker, true, &[]), RuleChange::Delete(place)]);
    let lines: Vec<&str> = both.lines().collect();
    assert_eq!(lines[0], "iptables-legacy -w -t nat -D PREROUTING 1");
    assert!(lines[2].starts_with("iptables-legacy -w -t raw -A PREROUTING -m comment"));
}
