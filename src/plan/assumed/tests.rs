//! What is assumed of a host by its profile and its rules.

use super::*;
use crate::profile;

fn profile(more: &str) -> Profile {
    let text = format!("name: x\npassive: {{ ports: 50000-50100 }}\n{more}");
    profile::parse("x.yaml", text.as_bytes()).expect("valid")
}

fn of(profile: &Profile, rules: &str) -> Assumed {
    let text = format!(
        "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:POSTROUTING - [0:0]\n{rules}\nCOMMIT\n"
    );
    assumed(profile, &Posted::parse(&text).expect("whole"))
}

fn outer(rules: &str) -> (String, By) {
    let outer = of(&profile(""), rules).outer;
    (outer.value, outer.by)
}

#[test]
fn the_interface_that_rules_name() {
    let by_rules = |name: &str| (name.to_owned(), By::Rules);
    let made_up = |name: &str| (name.to_owned(), By::Nobody);
    for (rules, expected) in [
        ("", made_up("eth0")),
        ("-A INPUT -i lo -j ACCEPT", made_up("eth0")),
        ("-A INPUT ! -i eth7 -p tcp -j ACCEPT", made_up("eth0")),
        (
            "-A INPUT -i ens3 -p tcp --dport 22 -j ACCEPT",
            by_rules("ens3"),
        ),
        (
            "-A INPUT -i ppp+ -p tcp --dport 22 -j ACCEPT",
            by_rules("ppp0"),
        ),
        // Who trusts an interface as a whole does not mean the outside.
        ("-A INPUT -i eth0 -j ACCEPT", made_up("eth1")),
        (
            "-A INPUT -i eth0 -s 10.77.0.0/16 -j ACCEPT",
            made_up("eth1"),
        ),
        (
            "-A INPUT -i eth0 -s 203.0.113.7/32 -j ACCEPT",
            by_rules("eth0"),
        ),
        ("-A INPUT -i docker0 -p udp -j ACCEPT", made_up("eth0")),
        // Several: that of FTP, that of masquerading.
        (
            "-A INPUT -i a0 -p udp -j ACCEPT\n-A INPUT -i b0 -p tcp --dport 50000:50100 -j ACCEPT",
            by_rules("b0"),
        ),
        (
            "-A INPUT -i a0 -p udp -j ACCEPT\n-A INPUT -i b0 -p udp -j DROP\n\
             -A POSTROUTING -o a0 -j MASQUERADE",
            by_rules("a0"),
        ),
        (
            "-A INPUT -i a0 -p udp -j ACCEPT\n-A INPUT -i b0 -p udp -j DROP",
            made_up("eth0"),
        ),
    ] {
        assert_eq!(outer(rules), expected, "{rules}");
    }
}

#[test]
fn the_address_of_the_profile_of_the_rules_or_made_up() {
    let called = |more: &str, rules: &str| {
        let known = of(&profile(more), rules).called;
        let text = known.iter().map(|k| format!("{} {:?}", k.value, k.by));
        text.collect::<Vec<_>>().join(", ")
    };
    let rule = "-A INPUT -d 198.51.100.7/32 -p tcp -m multiport --dports 22,21 -j ACCEPT";
    assert_eq!(called("", rule), "198.51.100.7 Rules");
    assert_eq!(called("", ""), "203.0.113.10 Nobody");
    assert_eq!(
        called("server: { address: 192.0.2.9 }", rule),
        "192.0.2.9 Profile"
    );
    let net = rule.replace("/32", "/24");
    assert_eq!(called("", &net), "203.0.113.10 Nobody");
    let six = rule.replace("198.51.100.7/32", "2001:db8::7/128");
    assert_eq!(called("", &six), "2001:db8::7 Rules");
}

const GATEWAY: &str = "server: { address: 10.77.0.21 }\n";

#[test]
fn a_gateway_has_a_way_to_its_server() {
    let nat = "nat: { mode: dnat, external: { address: 198.51.100.1, interface: wan } }\n";
    let rules = "-A FORWARD -d 10.77.0.21/32 -o lan -p tcp --dport 21 -j ACCEPT\n\
                 -A FORWARD -i dmz -o wan -p udp -j ACCEPT";
    let known = of(&profile(&format!("{GATEWAY}{nat}")), rules);
    let inner = known.inner.expect("a gateway");
    assert_eq!((inner.value.as_str(), inner.by), ("lan", By::Rules));
    let routes = known.host.routes.expect("known");
    let way = |to: &str| {
        let is_it = |r: &&Route| r.to.to_string() == to;
        routes
            .iter()
            .find(is_it)
            .and_then(|r| r.interface.as_deref())
    };
    assert_eq!(
        (way("0.0.0.0/0"), way("10.77.0.21/32")),
        (Some("wan"), Some("lan"))
    );
    // Nothing is held for a family that the text is not of.
    assert_eq!(
        (way("::/0"), known.facts.unseen),
        (None, vec![Family::Ipv6])
    );
}

/// The only other interface; and one that is not the outer where there is none.
#[test]
fn the_inside_of_a_gateway() {
    let nat = "nat: { mode: dnat, external: { address: 198.51.100.1 } }\n";
    let inner = |rules: &str| {
        let known = of(&profile(&format!("{GATEWAY}{nat}")), rules);
        let inner = known.inner.expect("a gateway");
        (known.outer.value, inner.value, inner.by)
    };
    let two = "-A FORWARD -i enp2s0 -o enp1s0 -j ACCEPT\n-A POSTROUTING -o enp1s0 -j MASQUERADE";
    assert_eq!(inner(two), ("enp1s0".into(), "enp2s0".into(), By::Rules));
    // A bridge of guests is one where it is all that there is.
    let bridge = "-A FORWARD -i wan -o br-lan -p tcp --dport 21 -j ACCEPT";
    assert_eq!(inner(bridge), ("wan".into(), "br-lan".into(), By::Rules));
    assert_eq!(inner(""), ("eth0".into(), "eth1".into(), By::Nobody));
    let trusted = "-A INPUT -i eth0 -j ACCEPT";
    assert_eq!(inner(trusted), ("eth1".into(), "eth0".into(), By::Rules));
}

#[test]
fn nothing_is_known_of_the_host() {
    let known = of(&profile(""), "");
    assert_eq!(known.facts.snapshot.why_blind(), Some(BLIND));
    assert_eq!(
        known.facts.gap(crate::facts::Fact::Listeners).as_deref(),
        Some(BLIND)
    );
}
