//! Where `emit iptables` puts ours among the rules that are there: behind every
//! ban, before the drop that meets everyone. Pure text; the kernel's own verdict on
//! such placements is played in `tests/emit_lab.rs`.

use std::fmt::Write as _;

use ftpnat::facts::Facts;
use ftpnat::model::net::Family;
use ftpnat::plan::{Plan, plan};
use ftpnat::profile::parse;
use ftpnat::render::restore::{NoPlace, Onto, Restore, onto, step};
use ftpnat::ruleset::eval::Route;
use ftpnat::ruleset::save::Save;

const OWN: &str = "name: x\npassive: { ports: 50000-51000 }\n";
const GATEWAY: &str = "
name: x
server: { address: 10.77.0.21 }
passive: { ports: 50000-51000, advertise: 198.51.100.1 }
nat: { mode: dnat, external: { address: 198.51.100.1, interface: eth0 } }
";

fn planned(profile: &str) -> Plan {
    let profile = parse("x.yaml", profile.as_bytes()).expect("a profile");
    plan(&[profile], &Facts::default())
}

fn emit(profile: &str, base: &str, outside: Option<&str>) -> Result<Restore, NoPlace> {
    let save = Save::parse(base).expect("a save");
    let plan = planned(profile);
    onto(
        &save,
        &plan,
        Family::Ipv4,
        Onto {
            outside,
            every_table: false,
            routes: &[],
        },
    )
}

/// The rules of `filter` to come, short: ours by the last word of their comment.
fn filter(profile: &str, rules: &str) -> Vec<String> {
    filter_seen_from(profile, rules, None)
}

fn filter_seen_from(profile: &str, rules: &str, outside: Option<&str>) -> Vec<String> {
    let base = format!("*filter\n{}\nCOMMIT\n", rules.trim());
    let text = emit(profile, &base, outside).expect("a place").text;
    let filter = text
        .split("*filter")
        .nth(1)
        .expect("filter")
        .split("COMMIT")
        .next()
        .expect("its end");
    filter
        .lines()
        .filter_map(|line| line.trim_start_matches("[0:0] ").strip_prefix("-A "))
        .filter(|line| !line.starts_with("FTPNAT-"))
        .map(|line| match line.split("--comment \"ftpnat:").nth(1) {
            Some(ours) => format!(
                "{} <{}>",
                line.split(' ').next().expect("a chain"),
                ours.split('"')
                    .next()
                    .expect("a comment")
                    .rsplit(':')
                    .next()
                    .expect("a name")
            ),
            None => line.to_owned(),
        })
        .collect()
}

#[test]
fn before_the_policy_and_behind_the_bans() {
    let rules = filter(
        OWN,
        ":INPUT DROP [0:0]\n-A INPUT -s 192.0.2.7/32 -j DROP\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
    );
    assert_eq!(
        rules,
        [
            "INPUT -s 192.0.2.7/32 -j DROP",
            "INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
            "INPUT <jump>"
        ]
    );
}

#[test]
fn before_the_reject_that_ends_the_chain_and_its_log() {
    let rules = filter(
        OWN,
        ":INPUT ACCEPT [0:0]\n-A INPUT -i lo -j ACCEPT\n-A INPUT -m limit --limit 5/min -j LOG --log-prefix \"IN: \"\n-A INPUT -j REJECT --reject-with icmp-host-prohibited",
    );
    assert_eq!(rules[1], "INPUT <jump>");
    assert!(rules[2].contains("LOG"));
    assert!(rules[3].contains("REJECT"));
}

#[test]
fn behind_sets_rates_and_other_tests_of_some_clients() {
    for ban in [
        "-m set --match-set banned src -j DROP",
        "-m recent --update --seconds 60 --name f --rsource -j DROP",
        "-p tcp -m connlimit --connlimit-above 20 -j REJECT --reject-with tcp-reset",
        "-m mark --mark 0x1 -j DROP",
        "-m time --timestart 22:00:00 --timestop 06:00:00 -j DROP",
        "-p tcp -m tcp --dport 21 -m hashlimit --hashlimit-above 5/min --hashlimit-name f -j DROP",
        "-m conntrack --ctstate INVALID -j DROP",
        "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m conntrack --ctstate NEW -j DROP",
        "-p udp -j DROP",
        "-m addrtype --dst-type BROADCAST -j DROP",
        "-p tcp -m tcp --dport 3306 -j DROP",
    ] {
        let rules = filter(
            OWN,
            &format!(":INPUT ACCEPT [0:0]\n-A INPUT {ban}\n-A INPUT -j DROP"),
        );
        assert_eq!(rules[1], "INPUT <jump>", "{ban}");
    }
}

#[test]
fn a_chain_of_bans_below_is_passed_through() {
    let rules = filter(
        OWN,
        ":INPUT DROP [0:0]\n:f2b-proftpd - [0:0]\n-A INPUT -p tcp -m multiport --dports 21,990 -j f2b-proftpd\n-A INPUT -i lo -j ACCEPT\n-A f2b-proftpd -s 192.0.2.7/32 -j REJECT --reject-with icmp-port-unreachable\n-A f2b-proftpd -j RETURN",
    );
    assert_eq!(rules[2], "INPUT <jump>");
}

#[test]
fn a_chain_that_logs_and_drops_is_one_drop() {
    let rules = filter(
        OWN,
        ":INPUT ACCEPT [0:0]\n:LOGDROP - [0:0]\n-A INPUT -s 192.0.2.7/32 -j LOGDROP\n-A INPUT -j LOGDROP\n-A LOGDROP -j LOG\n-A LOGDROP -j DROP",
    );
    assert_eq!(
        rules[..3],
        [
            "INPUT -s 192.0.2.7/32 -j LOGDROP",
            "INPUT <jump>",
            "INPUT -j LOGDROP"
        ]
    );
}

#[test]
fn inside_the_only_chain_that_bans_and_then_drops() {
    let rules = filter(
        OWN,
        ":INPUT ACCEPT [0:0]\n:mine - [0:0]\n-A INPUT -j mine\n-A mine -s 192.0.2.7/32 -j DROP\n-A mine -j DROP",
    );
    assert_eq!(
        rules,
        [
            "INPUT -j mine",
            "mine -s 192.0.2.7/32 -j DROP",
            "mine <jump>",
            "mine -j DROP"
        ]
    );
}

#[test]
fn a_goto_does_not_come_back() {
    let rules = filter(
        OWN,
        ":INPUT DROP [0:0]\n:mine - [0:0]\n-A INPUT -g mine\n-A INPUT -j DROP\n-A mine -p tcp -m tcp --dport 22 -j ACCEPT",
    );
    // The policy drops at the end of `mine`; INPUT's second rule is never met. A ban may
    // come to stand in `mine`: an accept before the goto would pass it.
    assert_eq!(rules[3], "mine <jump>");
}

#[test]
fn before_a_return_to_the_policy() {
    let rules = filter(
        OWN,
        ":INPUT DROP [0:0]\n-A INPUT -s 192.0.2.7/32 -j DROP\n-A INPUT -j RETURN\n-A INPUT -j ACCEPT",
    );
    assert_eq!(rules[1], "INPUT <jump>");
}

#[test]
fn each_rule_stands_before_its_own_drop() {
    let rules = filter(
        OWN,
        ":INPUT DROP [0:0]\n-A INPUT -p icmp -j DROP\n-A INPUT -s 192.0.2.7/32 -p tcp -j DROP\n-A INPUT -p tcp -m tcp --dport 21 -j DROP",
    );
    assert_eq!(
        rules,
        [
            "INPUT <related-icmp>",
            "INPUT -p icmp -j DROP",
            "INPUT -s 192.0.2.7/32 -p tcp -j DROP",
            "INPUT <jump>",
            "INPUT -p tcp -m tcp --dport 21 -j DROP",
        ]
    );
}

/// Where bans and the general drop cannot both be had, nothing is placed.
#[test]
fn no_place_lets_the_banned_in_or_lifts_a_limit() {
    let ban = "-A INPUT -s 192.0.2.7/32 -j DROP";
    let cases = [
        // A ban behind the drop of the very ports, or of a part of them.
        format!(":INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 21 -j DROP\n{ban}"),
        format!(":INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 50000:50099 -j DROP\n{ban}"),
        // A chain that a part of the range goes through, with a ban before its drop:
        // inside, the accept would miss the rest of the range.
        ":INPUT DROP [0:0]\n:mine - [0:0]\n-A INPUT -p tcp -m tcp --dport 21:50500 -j mine\n-A mine -s 192.0.2.7/32 -j DROP\n-A mine -j DROP".to_owned(),
        ":INPUT DROP [0:0]\n-A INPUT -p tcp -m conntrack --ctstate NEW -m limit --limit 60/sec -j ACCEPT\n-A INPUT -m conntrack --ctstate NEW -j DROP".to_owned(),
        // One state is done with before the ban, the other behind it.
        ":INPUT DROP [0:0]\n-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN\n-A INPUT -s 192.0.2.0/24 -p tcp -j DROP".to_owned(),
        ":INPUT ACCEPT [0:0]\n-A INPUT -m conntrack --ctstate NEW -j DROP\n-A INPUT -s 192.0.2.0/24 -p tcp -m conntrack --ctstate ESTABLISHED -j DROP".to_owned(),
    ];
    for rules in cases {
        let placed = emit(OWN, &format!("*filter\n{rules}\nCOMMIT\n"), None);
        assert!(placed.is_err(), "{rules}\n{}", placed.expect("text").text);
    }
}

/// The usual guard against floods: what is over the rate is dropped in its chain, and an
/// accept behind it does not lift that; in the base chain it would.
#[test]
fn what_returns_at_a_rate_is_accepted_behind_the_guard() {
    let ban = "-A INPUT -s 192.0.2.7/32 -j DROP";
    let syn = "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN";
    let flood = "-A flood -m limit --limit 12/sec -j RETURN\n-A flood -j DROP";
    for jump in ["-j", "-g"] {
        let rules = format!(":INPUT DROP [0:0]\n:flood - [0:0]\n{syn} -j outer\n{ban}\n{flood}");
        let rules = rules.replace(
            "-j outer",
            &format!("-j outer\n:outer - [0:0]\n-A outer {jump} flood"),
        );
        let rules = filter(OWN, &rules);
        assert_eq!(rules[2], "INPUT <jump>", "{rules:?}");
    }
    let to_policy = format!(":INPUT DROP [0:0]\n:flood - [0:0]\n{syn} -g flood\n{flood}");
    let error = emit(OWN, &format!("*filter\n{to_policy}\nCOMMIT\n"), None).expect_err("a rate");
    assert!(error.why.to_string().contains("12/sec"), "{}", error.why);
}

/// A ban is a ban also where the profile serves nobody else.
#[test]
fn clients_of_the_profile_can_be_banned() {
    let own = format!("{OWN}clients: [ 192.0.2.7, 192.0.2.8 ]\n");
    let rules = filter(
        &own,
        ":INPUT DROP [0:0]\n:f2b - [0:0]\n-A INPUT -p tcp -m multiport --dports 21,50000:51000 -j f2b\n-A INPUT -s 192.0.2.0/24 -j DROP\n-A f2b -s 192.0.2.7/32 -j REJECT --reject-with icmp-port-unreachable",
    );
    assert_eq!(rules[2], "INPUT <jump>");
    let text = "*filter\n:INPUT DROP [0:0]\n-A INPUT -s 192.0.2.0/24 -j DROP\nCOMMIT\n";
    let warned = emit(&own, text, None).expect("a place").warnings;
    assert_eq!(warned.len(), 1, "{warned:?}");
}

#[test]
fn what_may_lead_clients_away_is_said() {
    for rules in [
        ":INPUT DROP [0:0]\n:wan - [0:0]\n-A INPUT -i ppp0 -g wan\n-A wan -p tcp -m tcp --dport 22 -j ACCEPT",
        ":INPUT DROP [0:0]\n-A INPUT -i ppp0 -j RETURN",
        ":INPUT DROP [0:0]\n-A INPUT -d 203.0.113.99/32 -j DROP\n-A INPUT -s 192.0.2.7/32 -j DROP",
    ] {
        let placed = emit(OWN, &format!("*filter\n{rules}\nCOMMIT\n"), None).expect("a place");
        assert_eq!(placed.warnings.len(), 1, "{rules}: {:?}", placed.warnings);
    }
}

/// The prefix is ours for the names of built-in chains alone.
#[test]
fn chains_of_others_are_left_alone() {
    let rules = filter(
        OWN,
        ":INPUT DROP [0:0]\n:FTPNAT-BLOCK - [0:0]\n-A INPUT -j FTPNAT-BLOCK\n-A FTPNAT-BLOCK -s 192.0.2.7/32 -j DROP",
    );
    assert_eq!(rules[0], "INPUT -j FTPNAT-BLOCK");
    assert_eq!(rules[1], "INPUT <jump>");
}

/// Many chains that lead to many: each is looked at once.
#[test]
fn a_web_of_chains_is_walked_in_no_time() {
    let mut text = "*filter\n:INPUT DROP [0:0]\n".to_owned();
    for chain in 0..14 {
        let _ = writeln!(text, ":c{chain} - [0:0]");
    }
    text += "-A INPUT -j c0\n";
    for chain in 0..13 {
        for source in 0..8 {
            let _ = writeln!(text, "-A c{chain} -s 192.0.2.{source}/32 -j c{}", chain + 1);
            let _ = writeln!(text, "-A c{chain} -j c{}", chain + 1);
        }
    }
    assert!(emit(OWN, &(text + "COMMIT\n"), None).is_ok());
}

#[test]
fn replies_are_accepted_only_where_they_are_dropped() {
    let open = filter(OWN, ":INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]");
    assert_eq!(open, ["INPUT <jump>"]);
    let stateful = filter(
        OWN,
        ":INPUT DROP [0:0]\n:OUTPUT DROP [0:0]\n-A OUTPUT -m state --state ESTABLISHED -j ACCEPT",
    );
    assert_eq!(stateful.len(), 2, "{stateful:?}");
    let closed = filter(OWN, ":INPUT DROP [0:0]\n:OUTPUT DROP [0:0]");
    assert_eq!(closed, ["INPUT <jump>", "OUTPUT <jump>"]);
}

#[test]
fn the_interface_of_clients_decides_where_it_is_known() {
    let forward = ":FORWARD DROP [0:0]\n-A FORWARD -i eth0 -j DROP\n-A FORWARD -i eth9 -j DROP";
    // This profile says that its clients come in on eth0.
    assert_eq!(
        filter_seen_from(GATEWAY, forward, Some("eth9"))[0],
        "FORWARD <jump>"
    );
    // This one does not; the host's default route may.
    let input = ":INPUT DROP [0:0]\n-A INPUT -i eth0 -j DROP\n-A INPUT -i eth9 -j DROP";
    assert_eq!(
        filter_seen_from(OWN, input, Some("eth0"))[0],
        "INPUT <jump>"
    );
    assert_eq!(
        filter_seen_from(OWN, input, Some("eth9"))[1],
        "INPUT <jump>"
    );
    let unknown = emit(OWN, &format!("*filter\n{input}\nCOMMIT\n"), None).expect("a place");
    assert_eq!(unknown.warnings.len(), 2, "{:?}", unknown.warnings);
}

#[test]
fn a_limit_is_not_lifted_and_a_shared_chain_not_opened() {
    let limited = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 21 -m limit --limit 5/min -j ACCEPT\nCOMMIT\n";
    let error = emit(OWN, limited, None).expect_err("a limit");
    assert!(
        error.why.to_string().contains("limited rate"),
        "{}",
        error.why
    );
    assert!(
        error
            .needed
            .iter()
            .any(|l| l.contains("--dport 50000:51000"))
    );
    // The same where guests alone are placed.
    let save = Save::parse(limited).expect("a save");
    let error = step::guests(&save, &planned(OWN), Family::Ipv4, Onto::default());
    let needed = error.expect_err("a limit").needed;
    assert!(
        needed.iter().any(|l| l.contains("--dport 50000:51000")),
        "{needed:?}"
    );
    let shared = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:mine - [0:0]\n-A INPUT -j mine\n-A FORWARD -j mine\n-A mine -s 192.0.2.7/32 -j DROP\n-A mine -j DROP\nCOMMIT\n";
    let error = emit(OWN, shared, None).expect_err("a shared chain");
    assert!(error.why.to_string().contains("mine"), "{}", error.why);
}

/// Docker drops what goes out by its bridges, behind an administrator who lets nothing in
/// by eth0: whether that is a ban, the way to the server tells.
#[test]
fn a_drop_of_what_leaves_elsewhere_is_no_ban() {
    let base = "*filter\n:FORWARD DROP [0:0]\n:user - [0:0]\n:docker - [0:0]\n-A FORWARD -j user\n-A FORWARD -j docker\n-A user -s 192.0.2.7/32 -j DROP\n-A user -i eth0 -j DROP\n-A docker ! -i docker0 -o docker0 -j DROP\nCOMMIT\n";
    let save = Save::parse(base).expect("a save");
    let guests = |routes: &[Route]| {
        let known = Onto {
            outside: Some("eth0"),
            routes,
            ..Onto::default()
        };
        step::guests(&save, &planned(GATEWAY), Family::Ipv4, known)
    };
    let to = |net: &str, interface: &str| Route {
        to: net.parse().expect("a network"),
        interface: Some(interface.to_owned()),
    };
    let ways = [to("0.0.0.0/0", "docker0"), to("10.77.0.0/16", "eth1")];
    let step = guests(&ways).expect("a place").expect("a step");
    assert!(
        step.text.contains("-I user 2 -d 10.77.0.21/32"),
        "{}",
        step.text
    );
    // Two ways, and none is known to be taken.
    let two = [to("10.77.0.0/16", "eth1"), to("10.77.0.0/16", "docker0")];
    assert!(guests(&two).is_err());
    assert!(guests(&[]).is_err());
}

#[test]
fn what_the_text_holds_comes_through_and_a_second_time_changes_nothing() {
    let base = "*nat\n:PREROUTING ACCEPT [1:2]\n:DOCKER - [0:0]\n[3:4] -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\nCOMMIT\n*filter\n:INPUT DROP [5:6]\n:odd - [0:0]\n[7:8] -A INPUT -m comment --comment \"a \\\"b\\\" ; flush ruleset\" -j odd\nCOMMIT\n";
    let once = emit(GATEWAY, base, None).expect("a place").text;
    for line in base
        .lines()
        .filter(|l| l.starts_with(':') || l.starts_with('['))
    {
        assert!(once.lines().any(|l| l == line), "{line}");
    }
    let again = emit(GATEWAY, &once.replace("-F ", "# -F "), None)
        .expect("a place")
        .text;
    assert_eq!(once, again);
}

#[test]
fn rules_of_other_profiles_stay_and_old_ones_of_this_go() {
    let base = "*filter\n:INPUT DROP [0:0]\n:FTPNAT-INPUT - [0:0]\n:FTPNAT-OUTPUT - [0:0]\n-A INPUT -m comment --comment \"ftpnat::jump\" -j FTPNAT-INPUT\n-A FTPNAT-INPUT -p tcp -m tcp --dport 2121 -m comment --comment \"ftpnat:other:control\" -j ACCEPT\n-A FTPNAT-INPUT -p tcp -m tcp --dport 2222 -m comment --comment \"ftpnat:x:control\" -j ACCEPT\n-A FTPNAT-OUTPUT -p tcp -m comment --comment \"ftpnat:x:gone\" -j ACCEPT\nCOMMIT\n";
    let text = emit(OWN, base, None).expect("a place").text;
    assert!(text.contains("ftpnat:other:control"));
    assert!(!text.contains("2222") && !text.contains("gone"));
    assert!(text.contains(":FTPNAT-OUTPUT - [0:0]\n") && text.contains("-X FTPNAT-OUTPUT\n"));
    assert_eq!(text.matches("ftpnat::jump").count(), 1);
}
