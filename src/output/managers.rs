//! What programs that manage a host's firewall are to be told, as commands to paste.

use crate::apply::managers::Fleeting;
use crate::model::filter::{Hook, Match, Rule};
use crate::model::net::{Family, PortRange};

/// Commands by which firewalld opens what rules accept: on this host by rich rules of the
/// default zone, on the way through it by a policy of ours. They may be given again.
pub(super) fn firewall_cmd(rules: &[Rule]) -> Vec<String> {
    let mut commands = Vec::new();
    if rules.iter().any(is_forward) {
        // It takes one zone at a time, and a policy only once.
        commands.extend([
            "firewall-cmd --permanent --info-policy=ftpnat || firewall-cmd --permanent \
             --new-policy=ftpnat"
                .to_owned(),
            "firewall-cmd --permanent --policy=ftpnat --add-ingress-zone=ANY".to_owned(),
            "firewall-cmd --permanent --policy=ftpnat --add-egress-zone=ANY".to_owned(),
        ]);
    }
    for rule in rules {
        let policy = if is_forward(rule) {
            " --policy=ftpnat"
        } else {
            ""
        };
        for rich in rich_rules(rule) {
            commands.push(format!(
                "firewall-cmd --permanent{policy} --add-rich-rule='{rich}'"
            ));
        }
    }
    commands.push("firewall-cmd --reload".to_owned());
    commands
}

fn is_forward(rule: &Rule) -> bool {
    rule.chain.hook == Hook::Forward
}

/// firewalld.richlanguage(5): one source, one destination and one range a rule.
fn rich_rules(rule: &Rule) -> Vec<String> {
    let mut texts = Vec::new();
    for family in &rule.families {
        let word = match family {
            Family::Ipv4 => "ipv4",
            Family::Ipv6 => "ipv6",
        };
        let mut heads = vec![format!("rule family=\"{word}\"")];
        let mut elements = vec!["protocol value=\"tcp\"".to_owned()];
        for condition in &rule.matches {
            match condition {
                Match::Source(networks) => {
                    heads = each(&heads, networks, |net| format!("source address=\"{net}\""));
                }
                Match::Destination(networks) => {
                    heads = each(&heads, networks, |net| {
                        format!("destination address=\"{net}\"")
                    });
                }
                Match::TcpDestinationPort(ranges) => {
                    let words = ranges
                        .iter()
                        .map(|range| format!("port port=\"{range}\" protocol=\"tcp\""));
                    elements = words.collect();
                }
                _ => {}
            }
        }
        for head in heads {
            texts.extend(elements.iter().map(|e| format!("{head} {e} accept")));
        }
    }
    texts
}

fn each<T>(heads: &[String], values: &[T], word: impl Fn(&T) -> String) -> Vec<String> {
    let of_head = |head: &String| {
        let words = values.iter().map(&word);
        words.map(|w| format!("{head} {w}")).collect::<Vec<_>>()
    };
    heads.iter().flat_map(of_head).collect()
}

/// What is to be said of guests that ufw takes out.
#[must_use]
pub fn undone_by_ufw(fleeting: &Fleeting) -> String {
    // Where there is a rule of the very same ports, ufw inserts none, but turns it around
    // where the same is asked for without a place.
    let rules = &fleeting.rules;
    let lines = ["insert N ", ""].map(|place| {
        let lines: Vec<String> = rules.iter().flat_map(|rule| ufw(rule, place)).collect();
        lines.join("\n  ")
    });
    format!(
        "ufw empties {} when it reloads, and ftpnat's rules there are gone then. Let ufw open \
         it before its rule that drops (N: that rule's number in `ufw status numbered`), and \
         apply again:\n  {}",
        fleeting.chains.join(", "),
        lines.join("\n  ")
    )
}

/// ufw(8): one source, one destination and one interface a rule; without addresses it is
/// for both families.
pub(super) fn ufw(rule: &Rule, place: &str) -> Vec<String> {
    let any = || vec!["any".to_owned()];
    let (mut from, mut to, mut ports) = (any(), any(), String::new());
    let route = if is_forward(rule) { "route " } else { "" };
    let mut heads = vec![format!("ufw {route}{place}allow")];
    for condition in &rule.matches {
        match condition {
            Match::InputInterface(names) => {
                heads = each(&heads, names, |name| format!("in on {name}"));
            }
            Match::OutputInterface(names) => {
                heads = each(&heads, names, |name| format!("out on {name}"));
            }
            Match::Source(networks) => from = networks.iter().map(ToString::to_string).collect(),
            Match::Destination(networks) => to = networks.iter().map(ToString::to_string).collect(),
            Match::TcpDestinationPort(ranges) => {
                let words: Vec<String> = ranges.iter().map(|r| with_colon(*r)).collect();
                ports = format!(" port {}", words.join(","));
            }
            _ => {}
        }
    }
    heads = each(&heads, &from, |from| format!("proto tcp from {from}"));
    let lines = each(&heads, &to, |to| format!("to {to}"));
    lines.iter().map(|line| format!("{line}{ports}")).collect()
}

/// `50000:51000`, as iptables and ufw write it.
fn with_colon(range: PortRange) -> String {
    if range.first() == range.last() {
        range.first().to_string()
    } else {
        format!("{}:{}", range.first(), range.last())
    }
}
