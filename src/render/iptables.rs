//! Rules in the words of iptables(8), as `iptables-save` prints them, so that a
//! loaded rule reads back to the letter.

use ipnet::IpNet;

use crate::model::filter::{CtState, Demand, Match, Rule, Statement};
use crate::model::net::{Family, PortRange};

/// The comment of the rule that leads from a built-in chain to ours. A profile's
/// name is never empty, so it is not mistaken for a rule of one.
pub const JUMP_COMMENT: &str = "ftpnat::jump";

/// A rule for one table, before it is decided in which chain it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The profile that it serves.
    pub profile: String,
    /// The table.
    pub table: &'static str,
    /// The built-in chain whose packets it is for.
    pub built_in: &'static str,
    /// What follows the chain's name, from the first condition to the target.
    pub body: String,
    /// When it is needed.
    pub demand: Demand,
    /// Whether nothing works without it ([`Rule::is_required`]).
    pub required: bool,
}

/// A rule for one family: one line a source, destination, interface and port
/// range, because every iptables and every reader knows those; none where the rule
/// is not for that family.
#[must_use]
pub fn lines(rule: &Rule, family: Family) -> Vec<Line> {
    if !rule.families.contains(&family) {
        return Vec::new();
    }
    let line = |body: String| Line {
        profile: rule.profile.clone(),
        table: rule.chain.iptables_table(),
        built_in: rule.chain.hook.built_in(),
        body,
        demand: rule.demand,
        required: rule.is_required(),
    };
    let comment = format!("-m comment --comment \"{}\"", rule.comment());
    let target = target(&rule.statement);
    let protocol = protocol(rule, family);
    let mut lines = Vec::new();
    for conditions in alternatives(rule) {
        let body = |except: &str, target: &str| {
            let Conditions {
                source,
                destination,
                interfaces,
                rest,
            } = &conditions;
            let destination = if except.is_empty() {
                destination
            } else {
                except
            };
            [
                source,
                destination,
                interfaces,
                protocol,
                rest,
                &comment,
                target,
            ]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
        };
        match &not_destinations(rule)[..] {
            [] => lines.push(line(body("", &target))),
            [one] if conditions.destination.is_empty() => {
                lines.push(line(body(&format!("! -d {}", net(one)), &target)));
            }
            // iptables takes one destination a rule: the others leave before it.
            many => {
                lines.extend(
                    many.iter()
                        .map(|n| line(body(&format!("-d {}", net(n)), "-j RETURN"))),
                );
                lines.push(line(body("", &target)));
            }
        }
    }
    lines
}

/// The conditions of one line, in the order in which `iptables-save` prints them.
#[derive(Clone, Default)]
struct Conditions {
    source: String,
    destination: String,
    interfaces: String,
    rest: String,
}

fn alternatives(rule: &Rule) -> Vec<Conditions> {
    let mut all = vec![Conditions::default()];
    for condition in &rule.matches {
        let mut next = Vec::new();
        for so_far in &all {
            next.extend(spellings(condition).into_iter().map(|(place, text)| {
                let mut conditions = so_far.clone();
                let field = match place {
                    Place::Source => &mut conditions.source,
                    Place::Destination => &mut conditions.destination,
                    Place::Interface => &mut conditions.interfaces,
                    Place::Rest => &mut conditions.rest,
                };
                if !field.is_empty() && !text.is_empty() {
                    field.push(' ');
                }
                field.push_str(&text);
                conditions
            }));
        }
        all = next;
    }
    all
}

enum Place {
    Source,
    Destination,
    Interface,
    Rest,
}

/// The ways to write a condition; more than one where iptables needs a line each.
fn spellings(condition: &Match) -> Vec<(Place, String)> {
    let rest = |text: String| vec![(Place::Rest, text)];
    match condition {
        Match::InputInterface(names) => names
            .iter()
            .map(|n| (Place::Interface, format!("-i {n}")))
            .collect(),
        Match::OutputInterface(names) => names
            .iter()
            .map(|n| (Place::Interface, format!("-o {n}")))
            .collect(),
        Match::Source(networks) => networks
            .iter()
            .map(|n| (Place::Source, format!("-s {}", net(n))))
            .collect(),
        Match::Destination(networks) => networks
            .iter()
            .map(|n| (Place::Destination, format!("-d {}", net(n))))
            .collect(),
        // The first by `lines`, which may need rules of their own for it, the
        // second by `protocol`.
        Match::NotDestination(_) | Match::Icmp => rest(String::new()),
        Match::DestinationIsLocal => rest("-m addrtype --dst-type LOCAL".to_owned()),
        Match::TcpDestinationPort(ranges) => ranges
            .iter()
            .map(|r| (Place::Rest, format!("-m tcp --dport {}", ports(*r))))
            .collect(),
        Match::TcpSourcePort(ranges) => ranges
            .iter()
            .map(|r| (Place::Rest, format!("-m tcp --sport {}", ports(*r))))
            .collect(),
        Match::CtState(states) => {
            let states: Vec<&str> = states.iter().map(|s| state(*s)).collect();
            rest(format!("-m conntrack --ctstate {}", states.join(",")))
        }
        // The planner has it behind a state: one conntrack match with two options.
        Match::CtReply => rest("--ctdir REPLY".to_owned()),
        Match::CtDnat => rest("-m conntrack --ctstate DNAT".to_owned()),
        Match::CtHelperFtp => rest("-m helper --helper ftp".to_owned()),
    }
}

/// What every line of the rule says of the protocol; `-p` comes before any match.
fn protocol(rule: &Rule, family: Family) -> &'static str {
    let has = |wanted: fn(&Match) -> bool| rule.matches.iter().any(wanted);
    if has(|m| matches!(m, Match::TcpDestinationPort(_) | Match::TcpSourcePort(_))) {
        "-p tcp"
    } else if has(|m| matches!(m, Match::Icmp)) {
        match family {
            Family::Ipv4 => "-p icmp",
            Family::Ipv6 => "-p ipv6-icmp",
        }
    } else {
        ""
    }
}

fn not_destinations(rule: &Rule) -> Vec<IpNet> {
    rule.matches
        .iter()
        .find_map(|m| match m {
            Match::NotDestination(networks) => Some(networks.clone()),
            _ => None,
        })
        .unwrap_or_default()
}

fn target(statement: &Statement) -> String {
    match statement {
        Statement::Accept => "-j ACCEPT".to_owned(),
        Statement::AssignHelper => "-j CT --helper ftp".to_owned(),
        Statement::Dnat {
            to,
            port: Some(port),
        } => {
            format!(
                "-j DNAT --to-destination {}",
                std::net::SocketAddr::new(*to, *port)
            )
        }
        Statement::Dnat { to, port: None } => format!("-j DNAT --to-destination {to}"),
        Statement::Snat { to } => format!("-j SNAT --to-source {to}"),
        Statement::Masquerade => "-j MASQUERADE".to_owned(),
    }
}

fn state(state: CtState) -> &'static str {
    match state {
        CtState::New => "NEW",
        CtState::Established => "ESTABLISHED",
        CtState::Related => "RELATED",
    }
}

fn net(net: &IpNet) -> String {
    net.to_string()
}

fn ports(range: PortRange) -> String {
    if range.count() == 1 {
        range.first().to_string()
    } else {
        format!("{}:{}", range.first(), range.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::filter::Chain;

    fn snat(matches: Vec<Match>) -> Vec<String> {
        let rule = Rule {
            profile: "x".to_owned(),
            name: "active-snat",
            why: String::new(),
            chain: Chain::NAT_POSTROUTING,
            families: vec![Family::Ipv4],
            matches,
            statement: Statement::Masquerade,
            demand: Demand::Always,
        };
        let comment = " -m comment --comment \"ftpnat:x:active-snat\"";
        lines(&rule, Family::Ipv4)
            .into_iter()
            .map(|l| l.body.replace(comment, ""))
            .collect()
    }

    fn nets(nets: &[&str]) -> Vec<IpNet> {
        nets.iter().map(|n| n.parse().expect("a network")).collect()
    }

    #[test]
    fn one_exception_is_a_negation() {
        let rules = snat(vec![Match::NotDestination(nets(&["10.77.0.0/24"]))]);
        assert_eq!(rules, ["! -d 10.77.0.0/24 -j MASQUERADE"]);
    }

    #[test]
    fn exceptions_do_not_widen_the_destination() {
        let rules = snat(vec![
            Match::Destination(nets(&["198.51.100.0/24"])),
            Match::NotDestination(nets(&["198.51.100.128/25", "10.77.0.0/24"])),
        ]);
        assert_eq!(
            rules,
            [
                "-d 198.51.100.128/25 -j RETURN",
                "-d 10.77.0.0/24 -j RETURN",
                "-d 198.51.100.0/24 -j MASQUERADE"
            ]
        );
    }
}
