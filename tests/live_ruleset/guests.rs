//! Where an accept goes in native chains, as nft loads them: at the line `# here`.

use ftpnat::facts::Facts;
use ftpnat::model::filter::Rule;
use ftpnat::model::net::Family;
use ftpnat::plan::plan;
use ftpnat::profile::parse;
use ftpnat::ruleset::eval::{HostFacts, Place, Prepared};
use ftpnat::ruleset::live::{Expression, Rule as LiveRule};
use ftpnat::ruleset::placement::{Placement, PlacementError, Wanted, base_chains, is_will, place};
use libtest_mimic::Trial;

use crate::held::Held;

const OWN: &str = "name: x\npassive: { ports: 50000-51000 }\n";

/// What is looked at: the accept of the passive range, for clients by an interface where
/// one is given.
struct Case {
    name: &'static str,
    outside: Option<&'static str>,
    /// The table's body: `# here` stands where the accept must go. Instead of it, at the
    /// end: `# open`, where nothing drops; `# accepted`; `# limited`, `# shared`,
    /// `# behind`: there is no place.
    table: &'static str,
}

pub(crate) fn trials() -> Vec<Trial> {
    let trials = CASES.iter().map(|case| {
        Trial::test(format!("guests::{}", case.name), move || {
            play(case);
            Ok(())
        })
    });
    trials.collect()
}

const fn case(name: &'static str, table: &'static str) -> Case {
    Case {
        name,
        outside: None,
        table,
    }
}

const CASES: &[Case] = &[
    case(
        "policy",
        "chain i { type filter hook input priority 0; policy drop;
            ip saddr 192.0.2.7 drop
            tcp dport 22 accept
            # here
        }",
    ),
    case(
        "final-drop",
        "chain i { type filter hook input priority 0;
            iif lo accept
            ip saddr 192.0.2.7 drop
            # here
            drop
        }",
    ),
    case(
        "final-reject-and-its-log",
        "chain i { type filter hook input priority 0;
            ct state { established, related } accept
            ct state invalid drop
            # here
            limit rate 5/minute log prefix \"in: \"
            reject with icmpx admin-prohibited
        }",
    ),
    case(
        "all-but-by-lo",
        "chain i { type filter hook input priority 0;
            ip saddr 192.0.2.7 drop
            # here
            iif != lo drop
        }",
    ),
    case(
        "open",
        "chain i { type filter hook input priority 0;
            ip saddr 192.0.2.7 drop
        } # open",
    ),
    case(
        "accepted",
        "chain i { type filter hook input priority 0; policy drop;
            tcp dport { 21, 49152-65535 } accept
        } # accepted",
    ),
    case(
        "a-named-set-that-is-empty-now",
        "set banned { type ipv4_addr; }
        chain i { type filter hook input priority 0; policy drop;
            ip saddr @banned drop
            # here
        }",
    ),
    case(
        "a-ban-behind",
        "set banned { type ipv4_addr; }
        chain i { type filter hook input priority 0;
            tcp dport >= 1024 drop
            ip saddr @banned drop
        } # behind",
    ),
    case(
        "wills",
        "set ports { type inet_service; }
        set hosts { type ipv4_addr; }
        set rates { type ipv4_addr; flags dynamic; timeout 1m; }
        chain i { type filter hook input priority 0;
            limit rate over 10/second drop
            ct count over 20 reject
            meta mark 0x1 drop
            ct mark 0x1 drop
            tcp dport @ports drop
            ip daddr @hosts drop
            tcp sport 1-1023 drop
            add @rates { ip saddr limit rate over 3/second } drop
            quota over 1 mbytes drop
            numgen random mod 10 0 drop
            meta hour 22:00-23:00 drop
            ip ttl 1 drop
            ether saddr 02:00:00:00:00:01 drop
            ip saddr != 192.0.2.0/24 drop
            ip saddr . tcp dport { 192.0.2.7 . 50000-51000 } drop
            # here
            drop
        }",
    ),
    case(
        "what-does-not-meet-it",
        "chain i { type filter hook input priority 0;
            # here
            tcp dport 50000-51000 drop
            tcp dport { 21, 22, 3306 } drop
            udp dport 50000 drop
            ct state invalid drop
            iif lo drop
            iif lo ip saddr 192.0.2.7 drop
            ip saddr 127.0.0.0/8 drop
            fib daddr type { broadcast, multicast } drop
            meta pkttype broadcast drop
            tcp flags & (fin | syn | rst | ack) != syn ct state new drop
            ip daddr 224.0.0.0/4 drop
        }",
    ),
    case(
        "all-but-some-ports",
        "chain i { type filter hook input priority 0;
            ip saddr 192.0.2.7 drop
            # here
            tcp dport != { 22, 80 } drop
        }",
    ),
    case(
        "a-part-of-the-range",
        "chain i { type filter hook input priority 0;
            ip saddr 192.0.2.7 drop
            # here
            tcp dport 50000-50099 drop
        }",
    ),
    case(
        "a-part-of-the-range-and-a-ban-behind",
        "chain i { type filter hook input priority 0;
            tcp dport 50000-50099 drop
            ip saddr 192.0.2.7 drop
        } # behind",
    ),
    case(
        "halves-by-a-map",
        "chain i { type filter hook input priority 0;
            ip saddr 192.0.2.7 drop
            # here
            tcp dport vmap { 0-50499 : drop, 50500-65535 : jump r }
        }
        chain r {
            log
            reject
        }",
    ),
    case(
        "a-map-that-accepts",
        "chain i { type filter hook input priority 0; policy drop;
            tcp dport vmap { 22 : drop, 40000-60000 : accept }
        } # accepted",
    ),
    case(
        "a-named-map-of-ports",
        "map ports { type inet_service : verdict; flags interval; elements = { 50000-51000 : drop }; }
        chain i { type filter hook input priority 0; policy drop;
            tcp dport vmap @ports
            # here
        }",
    ),
    case(
        "a-named-map-that-leads-to-a-chain",
        "map ports { type inet_service : verdict; flags interval; elements = { 50000-51000 : jump c }; }
        chain c {
            ip saddr 192.0.2.7 drop
            # here
            drop
        }
        chain i { type filter hook input priority 0;
            tcp dport vmap @ports
        }",
    ),
    case(
        "an-empty-map-of-sources",
        "map bans { type ipv4_addr : verdict; }
        chain i { type filter hook input priority 0;
            tcp dport 1000-2000 drop
            ip saddr vmap @bans
            # here
            drop
        }",
    ),
    Case {
        name: "by-interface",
        outside: Some("eth0"),
        table: "chain i { type filter hook input priority 0; policy drop;
            iifname vmap { lo : accept, eth0 : jump wan, eth1 : jump lan }
        }
        chain lan {
            drop
        }
        chain wan {
            ip saddr 192.0.2.7 drop
            # here
            reject
        }",
    },
    Case {
        name: "by-interface-without-bans",
        outside: Some("eth0"),
        table: "chain lan {
            drop
        }
        chain wan {
            tcp dport 22 accept
            # here
            reject
        }
        chain i { type filter hook input priority 0; policy drop;
            iifname vmap { lo : accept, eth0 : goto wan, eth1 : jump lan }
        }",
    },
    case(
        "a-ban-by-a-jump",
        "chain refuse {
            log
            drop
        }
        chain i { type filter hook input priority 0;
            ip saddr 192.0.2.7 jump refuse
            # here
            jump refuse
        }",
    ),
    case(
        "a-goto-does-not-come-back",
        "chain c {
            ip saddr 192.0.2.7 drop
            tcp dport 22 accept
            # here
        }
        chain i { type filter hook input priority 0; policy drop;
            goto c
            drop
        }",
    ),
    case(
        "before-a-return",
        "chain i { type filter hook input priority 0; policy drop;
            ip saddr 192.0.2.7 drop
            # here
            tcp dport > 1023 return
            accept
        }",
    ),
    case(
        "two-gotos-to-one-zone",
        "chain zone {
            jump deny
            tcp dport 22 accept
            # here
            reject
        }
        chain deny {
            ip saddr 192.0.2.7 drop
        }
        chain zones {
            iifname eth0 goto zone
            goto zone
        }
        chain i { type filter hook input priority 0;
            jump zones
            drop
        }",
    ),
    case(
        "a-zone-of-the-banned",
        "chain zone {
            ip saddr 192.0.2.7 drop
            reject
        }
        chain zones {
            ip saddr 203.0.113.0/24 goto zone
            goto zone
        }
        chain i { type filter hook input priority 0;
            jump zones
        } # shared",
    ),
    case(
        "of-two-hooks",
        "chain c {
            ip saddr 192.0.2.7 drop
            drop
        }
        chain f { type filter hook forward priority 0;
            jump c
        }
        chain i { type filter hook input priority 0;
            jump c
        } # shared",
    ),
    case(
        "accepted-at-a-rate",
        "chain i { type filter hook input priority 0; policy drop;
            ct state new limit rate 10/second accept
        } # limited",
    ),
    case(
        "returned-at-a-rate",
        "chain flood {
            limit rate 25/second return
            drop
        }
        chain i { type filter hook input priority 0; policy drop;
            tcp flags & (fin | syn | rst | ack) == syn jump flood
            ip saddr 192.0.2.7 drop
            # here
        }",
    ),
    case(
        "translated",
        "chain i { type filter hook input priority 0; policy drop;
            ct status dnat accept
            # here
        }",
    ),
];

fn play(case: &Case) {
    let held = Held::new();
    held.load("nft", &format!("table inet t {{\n{}\n}}\n", case.table));
    let ruleset = held.understood();
    let facts = HostFacts::default();
    let prepared = Prepared::new(&ruleset, &facts);
    let rule = passive_range();
    let base = base_chains(&ruleset, rule.chain.hook, Family::Ipv4);
    let [base] = base[..] else {
        panic!("one base chain: {base:?}");
    };
    let wanted = Wanted::of_rule(&rule, Family::Ipv4, case.outside);
    let placed = place(&prepared, base, &wanted);
    let table = &ruleset.tables[base.0];
    match (wanted_at(case.table), placed) {
        (Some((chain, index)), Ok(found)) => {
            assert!(found.dropped, "{found:?}");
            let at = found.position;
            let there = (table.chains[at.chain].name.as_str(), at.index);
            assert_eq!(there, (chain, index), "{found:?}");
            wills_are_told(&prepared, case, &found);
        }
        (None, result) => assert_eq!(in_a_word(&result), last_word(case.table), "{result:?}"),
        (wanted, result) => panic!("{wanted:?}: {result:?}"),
    }
}

/// The rules of `wills` that the accept stands behind are the administrator's will, as
/// their words alone tell too; what it stands before is not.
fn wills_are_told(prepared: &Prepared<'_>, case: &Case, found: &Placement) {
    let at = found.position;
    let place = |index: usize| Place {
        table: at.table,
        chain: at.chain,
        rule: Some(index),
    };
    if case.name == "wills" {
        // What a set of ports holds may change, so the accept stands behind its drop; but what
        // is in it now is dropped for everyone.
        let of_ports = |index: usize| {
            let (_, chain) = prepared.chain(place(index)).expect("the chain");
            let mut expressions = chain.rules[index].expressions.iter();
            expressions
                .any(|e| matches!(e, Expression::Lookup { set, .. } if set.as_str() == "ports"))
        };
        for index in 0..at.index {
            let is_will = is_will(prepared, place(index));
            assert_eq!(is_will, !of_ports(index), "rule {index}");
        }
    }
    let logs = |rule: &LiveRule| {
        let mut expressions = rule.expressions.iter();
        expressions.any(|e| matches!(e, Expression::Log { .. }))
    };
    let (_, chain) = prepared.chain(place(at.index)).expect("the chain");
    let mut behind = chain.rules.iter().enumerate().skip(at.index);
    if let Some((index, _)) = behind.find(|(_, rule)| !logs(rule)) {
        assert!(!is_will(prepared, place(index)), "{found:?}");
    }
}

/// The chain and the place in it that `# here` marks.
fn wanted_at(table: &str) -> Option<(&str, usize)> {
    let mut chain = "";
    let mut index = 0;
    for line in table.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("chain ") {
            chain = rest.split(' ').next()?;
            index = 0;
        } else if line == "# here" {
            return Some((chain, index));
        } else if !line.is_empty() && line != "}" {
            index += 1;
        }
    }
    None
}

fn last_word(table: &str) -> &str {
    table.rsplit("# ").next().expect("a word").trim()
}

fn in_a_word(result: &Result<Placement, PlacementError>) -> &'static str {
    match result {
        Ok(found) if found.dropped => "dropped",
        Ok(found) if found.accepted => "accepted",
        Ok(_) => "open",
        Err(PlacementError::SharedChain { .. }) => "shared",
        Err(PlacementError::Limited { .. }) => "limited",
        Err(PlacementError::BanBehind { .. }) => "behind",
    }
}

fn passive_range() -> Rule {
    let profile = parse("x.yaml", OWN.as_bytes()).expect("a profile");
    let plan = plan(&[profile], &Facts::default());
    let mut rules = plan.rules();
    let rule = rules.find(|rule| rule.name == "passive-range");
    rule.expect("the range").clone()
}
