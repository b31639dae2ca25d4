//! Text as iptables-save prints it, by hand, and text of an attacker.

use proptest::prelude::*;

use super::read;
use crate::model::net::Family;
use crate::ruleset::live::expression::{Expression, Verdict};
use crate::ruleset::live::table::{Hook, Maker, Policy};
use crate::ruleset::live::xt::{Header, Match, Sign, Target};
use crate::ruleset::save::Save;

const SAVE: &str = "\
*filter
:INPUT DROP [3:180]
:FORWARD ACCEPT [0:0]
:other - [0:0]
[5:300] -A INPUT ! -i lo -p tcp -m comment --comment \"a -j b\" -m tcp --dport 21 -g other
-A INPUT -j other
-A INPUT -m geoip --source-country AB -j ACCEPT
-A INPUT -m tcp --dport ftp -j FANCY --x 1
-A other -p vines
COMMIT
";

fn rules(chain: usize) -> Vec<Vec<Expression>> {
    let save = Save::parse(SAVE).expect("a save");
    let ruleset = read(&save, Family::Ipv4, Maker::IptablesLegacy);
    assert_eq!(ruleset.unread, []);
    let rules = &ruleset.tables[0].chains[chain].rules;
    rules.iter().map(|r| r.expressions.clone()).collect()
}

#[test]
fn built_in_chains_have_their_hook_and_policy() {
    let save = Save::parse(SAVE).expect("a save");
    let table = &read(&save, Family::Ipv4, Maker::IptablesLegacy).tables[0];
    let base = table.chains[0].base.as_ref().expect("a base chain");
    assert_eq!(
        (base.hook, base.priority, base.policy),
        (Hook::Input, 0, Policy::Drop)
    );
    assert_eq!(table.chains[2].base, None);
    let rule = &table.chains[0].rules[0];
    assert_eq!((rule.handle, rule.comment.as_deref()), (1, Some("a -j b")));
    assert!(rule.line.starts_with("-A INPUT ! -i lo"));
}

#[test]
fn a_rule_is_header_matches_counter_target() {
    let rule = &rules(0)[0];
    assert_eq!(
        rule[0],
        Expression::Match(Match::Header(Box::new(Header {
            input: Some(Sign {
                negated: true,
                value: "lo".to_owned()
            }),
            protocol: Some(Sign {
                negated: false,
                value: 6
            }),
            ..Header::default()
        })))
    );
    assert!(matches!(&rule[1], Expression::Match(Match::Comment(_))));
    assert!(
        matches!(&rule[2], Expression::Match(Match::Tcp { destination, .. })
            if destination.value == (21, 21))
    );
    assert_eq!(
        rule[3],
        Expression::Counter {
            packets: 5,
            bytes: 300
        }
    );
    assert_eq!(
        rule[4],
        Expression::Target(Target::Verdict(Verdict::Goto("other".to_owned())))
    );
    assert_eq!(
        rules(0)[1],
        [Expression::Target(Target::Verdict(Verdict::Jump(
            "other".to_owned()
        )))]
    );
}

#[test]
fn what_is_not_understood_keeps_its_words() {
    let opaque = |name: &str, words: &str| {
        Expression::Match(Match::Opaque {
            name: name.to_owned(),
            revision: None,
            words: words.to_owned(),
        })
    };
    assert_eq!(rules(0)[2][0], opaque("geoip", "--source-country AB"));
    assert_eq!(rules(0)[3][0], opaque("tcp", "--dport ftp"));
    assert_eq!(
        rules(0)[3][1],
        Expression::Target(Target::Opaque {
            name: "FANCY".to_owned(),
            revision: None,
            words: "--x 1".to_owned()
        })
    );
    assert_eq!(rules(2)[0][0], opaque("header", "-p vines"));
}

#[test]
fn a_chain_that_iptables_does_not_have_is_said() {
    let text = "*filter\n:SIDEWAYS ACCEPT [0:0]\n-A SIDEWAYS -j DROP\nCOMMIT\n";
    let save = Save::parse(text).expect("a save");
    let ruleset = read(&save, Family::Ipv4, Maker::IptablesLegacy);
    assert_eq!(ruleset.unread.len(), 2);
}

/// Words of rules, most of them in places where they do not belong.
fn word() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 32] = [
        "!",
        "-m",
        "-j",
        "-g",
        "-s",
        "-p",
        "-f",
        "tcp",
        "--dport",
        "21:",
        ":",
        "a-b",
        "DNAT",
        "--to-destination",
        "[::1]:",
        "--set-xmark",
        "0x/0x",
        "multiport",
        "--dports",
        ",,",
        "conntrack",
        "--ctstate",
        "--comment",
        "iprange",
        "--src-range",
        "NETMAP",
        "--to",
        "NFQUEUE",
        "--queue-balance",
        "9:1",
        "\"",
        "é",
    ];
    prop_oneof![
        proptest::sample::select(&KNOWN[..]).prop_map(str::to_owned),
        "[ -~]{0,8}",
    ]
}

proptest! {
    #[test]
    fn hostile_words_do_not_panic(words in proptest::collection::vec(word(), 0..14), v6 in any::<bool>()) {
        let text = format!("*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT {}\nCOMMIT\n", words.join(" "));
        let family = if v6 { Family::Ipv6 } else { Family::Ipv4 };
        if let Ok(save) = Save::parse(&text) {
            let _ = read(&save, family, Maker::IptablesNft);
        }
    }
}
