//! Rules that let in more than FTP needs, or cut it: where the checks of that could cry
//! wolf, or miss it.

use ftpnat::check::{Finding, Remedy};
use ftpnat::facts::snapshot::Snapshot;
use ftpnat::output::cure::pastes;

use crate::cases::{LEGACY, filter};
use crate::host::{healthy, set};
use crate::{finding, report};

const OWN: &str = "name: t\nserver: { address: 203.0.113.10 }\n\
                   control: { port: 21, tls: required }\npassive: { ports: 50000-51000 }\n";
const PLAIN: &str = "name: t\nserver: { address: 203.0.113.10 }\npassive: { ports: 50000-51000 }\n";
const FOUR: &str = "name: t\nserver: { address: 203.0.113.10 }\ntransfers: 4\n\
                    control: { port: 21, tls: required }\npassive: { ports: 50000-51000 }\n";
const HIGH: &str = "name: t\nserver: { address: 203.0.113.10 }\n\
                    control: [ { port: 21, tls: required }, { port: 2121 } ]\n\
                    passive: { ports: 50000-51000 }\n";
const SOME: &str = "name: t\nserver: { address: 203.0.113.10 }\nclients: 198.51.100.0/24\n\
                    control: { port: 21, tls: required }\npassive: { ports: 50000-51000 }\n";

const ESTABLISHED: &str = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT";
const CONTROL: &str = "-p tcp -m tcp --dport 21 -j ACCEPT";
const RANGE: &str = "-p tcp -m tcp --dport 50000:51000 -j ACCEPT";
/// Nobody knows who is in it.
const BANNED: &str = "-m set --match-set f2b src -j DROP";

/// The finding of a check where these rules are at the input hook, and the policy drops.
fn found(id: &str, yaml: &str, rules: &[&str]) -> Option<Finding> {
    found_on(id, yaml, rules, |_| {})
}

fn found_on(
    id: &str,
    yaml: &str,
    rules: &[&str],
    change: impl Fn(&mut Snapshot),
) -> Option<Finding> {
    let mut host = healthy();
    filter(&mut host, rules, &[]);
    change(&mut host);
    let report = report(yaml, host);
    let open = report.not_checked.iter().find(|n| n.id.to_string() == id);
    assert_eq!(open, None, "{rules:?}");
    finding(&report, id).cloned()
}

#[track_caller]
fn fires(id: &str, yaml: &str, rules: &[&str]) -> Finding {
    found(id, yaml, rules).unwrap_or_else(|| panic!("{id} is silent at {rules:?}"))
}

#[track_caller]
fn silent(id: &str, yaml: &str, rules: &[&str]) {
    assert_eq!(found(id, yaml, rules), None, "{rules:?}");
}

/// What cannot be pasted is said.
#[track_caller]
fn is_advice(finding: &Finding) {
    let is_config = |remedy: &Remedy| matches!(remedy, Remedy::Config { .. });
    assert!(finding.remedy.iter().all(is_config), "{finding:#?}");
}

#[test]
fn bans_hide_nothing() {
    let wide = "-p tcp -m tcp --dport 50000:60000 -j ACCEPT";
    let howto = "-p tcp -m multiport --ports 50000:51000 -j ACCEPT";
    let limit = "-p tcp -m connlimit --connlimit-above 4 -j DROP";
    let kept = "-m conntrack --ctstate ESTABLISHED -j ACCEPT";
    fires("FN306", PLAIN, &[BANNED, ESTABLISHED, CONTROL, RANGE]);
    fires("FN314", OWN, &[BANNED, ESTABLISHED, CONTROL, wide]);
    fires("FN316", OWN, &[BANNED, ESTABLISHED, limit, CONTROL, RANGE]);
    fires("FN319", OWN, &[BANNED, ESTABLISHED, CONTROL, howto]);
    fires("FN323", OWN, &[BANNED, kept, CONTROL, RANGE]);
    for id in ["FN314", "FN316", "FN319", "FN323"] {
        silent(id, OWN, &[BANNED, ESTABLISHED, CONTROL, RANGE]);
    }
}

#[test]
fn related_is_no_fault_where_nothing_is_expected() {
    let rules = [ESTABLISHED, CONTROL, RANGE];
    fires("FN306", PLAIN, &rules);
    let unassigned = found_on("FN306", PLAIN, &rules, |host| {
        let text = host.text(LEGACY).unwrap_or_default().to_owned();
        set(
            host,
            LEGACY,
            text.replace("-j CT --helper ftp", "-j ACCEPT"),
        );
        let text = host.text("asked:ip6tables-legacy-save");
        let text = text.unwrap_or_default().to_owned();
        let text = text.replace("-j CT --helper ftp", "-j ACCEPT");
        set(host, "asked:ip6tables-legacy-save", text);
    });
    assert_eq!(unassigned, None);
    // All is open anyway.
    silent("FN306", PLAIN, &[ESTABLISHED, "-j ACCEPT"]);
}

/// What others need of RELATED stays: ICMP errors, and what other helpers expect.
#[test]
fn related_of_others_is_not_shut() {
    let rules = [ESTABLISHED, CONTROL, RANGE];
    let cured = fires("FN306", PLAIN, &rules).remedy;
    let mut told = cured.iter().flat_map(pastes);
    assert!(
        told.any(|paste| paste.text.contains("-I INPUT 1 -p icmp ")),
        "{cured:#?}"
    );
    let other = found_on("FN306", PLAIN, &rules, |host| {
        let text = host.text(LEGACY).unwrap_or_default().to_owned();
        let sip = "-A PREROUTING -p udp -m udp --dport 5060 -j CT --helper sip\n";
        set(
            host,
            LEGACY,
            text.replacen("-A PREROUTING", &format!("{sip}-A PREROUTING"), 1),
        );
    });
    is_advice(&other.expect("as before"));
}

/// The rule may not be made so narrow that something else is shut.
#[test]
fn a_wide_range_that_others_need_is_only_told() {
    let high = "-p tcp -m tcp --dport 1024:65535 -j ACCEPT";
    let wide = fires("FN314", OWN, &[ESTABLISHED, CONTROL, high]);
    assert!(wide.summary.contains("ports 1024-49999, 51001-65535"));
    assert!(matches!(wide.remedy[..], [Remedy::Rules(_)]));
    // Answers to this host's own clients come in by it.
    is_advice(&fires("FN314", OWN, &[CONTROL, high]));
    // So do clients of another control port.
    let control = fires("FN314", HIGH, &[ESTABLISHED, CONTROL, high]);
    assert!(control.summary.contains("ports 1024-2120, 2122-49999"));
    is_advice(&control);
}

#[test]
fn ranges_of_other_profiles_are_no_more_than_is_needed() {
    let other = "name: other\nserver: { address: 203.0.113.10 }\ncontrol: { port: 990 }\n\
                 passive: { ports: 51001-52000 }\n";
    let of = |last: u16, with: bool| {
        let both = format!("-p tcp -m tcp --dport 50000:{last} -j ACCEPT");
        found_on("FN314", OWN, &[ESTABLISHED, CONTROL, &both], |host| {
            if with {
                set(host, "/etc/ftpnat/profiles/other.yaml", other);
            }
        })
    };
    assert_eq!(of(52000, true), None);
    assert!(of(52000, false).is_some());
    let more = of(53000, true).expect("more than both");
    assert!(more.summary.contains("ports 52001-53000"), "{more:#?}");
    is_advice(&more);
}

#[test]
fn sources_that_are_no_clients() {
    let wide = fires("FN314", SOME, &[ESTABLISHED, CONTROL, RANGE]);
    assert!(
        wide.summary.contains("sources 1.0.0.0-198.51.99.255"),
        "{wide:#?}"
    );
    let exact = "-s 198.51.100.0/24 -p tcp -m tcp --dport 50000:51000 -j ACCEPT";
    silent("FN314", SOME, &[ESTABLISHED, CONTROL, exact]);
    // A network that is trusted with everything, and one more that is let in by its own rule.
    let trusted = "-s 192.0.2.0/24 -j ACCEPT";
    let beside = "-s 192.0.2.0/24 -p tcp -m tcp --dport 50000:51000 -j ACCEPT";
    silent("FN314", SOME, &[ESTABLISHED, trusted, CONTROL, exact]);
    silent("FN314", SOME, &[ESTABLISHED, CONTROL, exact, beside]);
}

#[test]
fn limits_that_are_high_enough() {
    let limit = |most: u16| format!("-p tcp -m connlimit --connlimit-above {most} -j DROP");
    let rules = |limit: &str| fires("FN316", FOUR, &[ESTABLISHED, limit, CONTROL, RANGE]);
    let low = rules(&limit(3));
    assert!(
        low.summary.contains("at most 3 connections at once"),
        "{low:#?}"
    );
    assert!(
        low.summary.contains("the profile has 4 transfers at once"),
        "{low:#?}"
    );
    silent("FN316", FOUR, &[ESTABLISHED, &limit(4), CONTROL, RANGE]);
    let all = limit(3).replace("-j DROP", "--connlimit-mask 0 -j DROP");
    let all = rules(&all);
    assert!(
        all.summary.contains("all clients together have at most 3"),
        "{all:#?}"
    );
    let recent = "-p tcp -m conntrack --ctstate NEW -m recent --update --seconds 60 \
                  --hitcount 10 --name ftp --rsource -j DROP";
    let recent = rules(recent);
    assert!(
        recent.summary.contains("10 in 60 seconds from one client"),
        "{recent:#?}"
    );
    // More than FTP ever opens.
    let flood = "-p tcp -m conntrack --ctstate NEW -m hashlimit --hashlimit-above 100/sec \
                 --hashlimit-mode srcip --hashlimit-name flood -j DROP";
    silent("FN316", OWN, &[ESTABLISHED, flood, CONTROL, RANGE]);
    // A list of the banned is no rate.
    let listed = "-m recent --rcheck --seconds 600 --name bad --rsource -j DROP";
    silent("FN316", FOUR, &[ESTABLISHED, listed, CONTROL, RANGE]);
    // What only logs, at a rate, drops nothing.
    let logs = "-m limit --limit 3/min -j LOG";
    silent("FN316", FOUR, &[ESTABLISHED, logs, CONTROL, RANGE]);
}

#[test]
fn source_ports_that_are_no_choice() {
    // All that clients have, to a port of its own; answers; a name server's.
    for rule in [
        "-p tcp -m tcp --sport 1024:65535 --dport 80 -j ACCEPT",
        "-p tcp -m tcp --sport 20 -m state --state ESTABLISHED -j ACCEPT",
        "-p tcp -m tcp --sport 53 -j ACCEPT",
        "-p udp -m udp --sport 20 -j ACCEPT",
        "-s 192.0.2.7/32 -p tcp -m tcp --sport 20 -j ACCEPT",
    ] {
        silent("FN319", OWN, &[ESTABLISHED, CONTROL, RANGE, rule]);
    }
    for rule in [
        "-p tcp -m tcp --sport 20 -j ACCEPT",
        "-p tcp -m tcp --sport 20 --dport 1024:65535 -j ACCEPT",
        "-p tcp -m multiport --sports 20,21 -j ACCEPT",
    ] {
        fires("FN319", OWN, &[ESTABLISHED, CONTROL, RANGE, rule]);
    }
    // Nothing is shut.
    let howto = "-p tcp -m multiport --ports 50000:51000 -j ACCEPT";
    silent("FN319", OWN, &[ESTABLISHED, howto, "-j ACCEPT"]);
}

#[test]
fn errors_that_come_at_a_rate_do_come() {
    let kept = "-m conntrack --ctstate ESTABLISHED -j ACCEPT";
    let rate = "-p icmp -m limit --limit 1/sec -j ACCEPT";
    silent("FN323", OWN, &[kept, rate, CONTROL, RANGE]);
    fires("FN323", OWN, &[kept, CONTROL, RANGE]);
    let ping = "-p icmp -m icmp --icmp-type 8 -j ACCEPT";
    fires("FN323", OWN, &[kept, ping, CONTROL, RANGE]);
    // Where clients are kept out, that is the first cause.
    silent("FN323", OWN, &[kept, CONTROL]);
    silent("FN323", OWN, &[kept, RANGE]);
}
