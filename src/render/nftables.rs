//! A plan in the words of nft(8).

use std::fmt::Write as _;

use ipnet::IpNet;

use crate::model::filter::{Chain, CtState, Demand, Hook, Match, Purpose, Rule, Statement};
use crate::model::net::{Family, InterfaceName, PortRange};
use crate::plan::Plan;

/// The whole of our own table as a file for `nft -f`: replaced at once, loaded
/// twice to the same result, nothing else touched.
///
/// Replies that another table might drop are left out: an accept here cannot
/// overrule it.
#[must_use]
pub fn own_table(plan: &Plan) -> String {
    let names: Vec<&str> = plan.profiles.iter().map(|p| p.name.as_str()).collect();
    let mut text = format!(
        "# ftpnat {}: {}\n\
         # Load with `nft -f`: replaces our own tables, changes no other; loads twice.\n\
         # An accept in one table does not overrule a drop in another.\n",
        env!("CARGO_PKG_VERSION"),
        names.join(", ")
    );
    for table in tables(plan) {
        // Add, delete, add: replaces a table whether or not it is there.
        let _ = write!(
            text,
            "\ntable {table} ftpnat\ndelete table {table} ftpnat\n"
        );
        text.push_str(&table_block(plan, table));
    }
    text
}

/// Kernels before 5.2 have NAT chains in `ip` and `ip6` tables only.
fn tables(plan: &Plan) -> Vec<&'static str> {
    if plan.inet_nat {
        vec!["inet"]
    } else {
        vec!["inet", "ip", "ip6"]
    }
}

fn stands_in(plan: &Plan, rule: &Rule, table: &str) -> bool {
    let is_nat = rule.chain.purpose == Purpose::Nat;
    match table {
        "inet" => plan.inet_nat || !is_nat,
        "ip" => is_nat && rule.families.contains(&Family::Ipv4),
        _ => is_nat && rule.families.contains(&Family::Ipv6),
    }
}

fn table_block(plan: &Plan, table: &str) -> String {
    let rules: Vec<&Rule> = plan
        .rules()
        .filter(|r| r.demand == Demand::Always && stands_in(plan, r, table))
        .collect();
    let mut blocks = Vec::new();
    if rules.iter().any(|r| r.statement == Statement::AssignHelper) {
        blocks.push("\tct helper ftp {\n\t\ttype \"ftp\" protocol tcp\n\t}\n".to_owned());
    }
    let mut chains: Vec<Chain> = rules.iter().map(|r| r.chain).collect();
    chains.sort_unstable();
    chains.dedup();
    for chain in chains {
        let mut block = format!("\tchain {} {{\n\t\t{}\n", chain_name(chain), base(chain));
        for rule in rules.iter().filter(|r| r.chain == chain) {
            let words = words(rule, table == "inet");
            let _ = writeln!(block, "\t\t{words} comment \"{}\"", rule.comment());
        }
        blocks.push(block + "\t}\n");
    }
    format!("table {table} ftpnat {{\n{}}}\n", blocks.join("\n"))
}

/// The name of a chain of ours.
#[must_use]
pub fn chain_name(chain: Chain) -> String {
    let purpose = match chain.purpose {
        Purpose::Helper => "helper",
        Purpose::Nat => "nat",
        Purpose::Filter => "filter",
    };
    format!("{purpose}_{}", chain.hook)
}

fn base(chain: Chain) -> String {
    // Numbers, not names: nft 0.9.0 has no names for priorities.
    let (kind, priority) = match (chain.purpose, chain.hook) {
        // After conntrack (-200), before DNAT (-100): see `Purpose::Helper`.
        (Purpose::Helper, _) => ("filter", -150),
        // Before other nat chains: the first that maps wins, and at equal
        // priority that is the newest, which we are not after their reload.
        (Purpose::Nat, Hook::Postrouting) => ("nat", 90),
        (Purpose::Nat, _) => ("nat", -110),
        (Purpose::Filter, _) => ("filter", 0),
    };
    format!(
        "type {kind} hook {} priority {priority}; policy accept;",
        chain.hook
    )
}

/// A rule without its comment, as nft(8) lists it in a table of family `inet`.
#[must_use]
pub fn rule_text(rule: &Rule) -> String {
    words(rule, true)
}

/// In a table of one family a translation does not name it: nft from before `inet`
/// had NAT does not know that word.
fn words(rule: &Rule, names_family: bool) -> String {
    let to = |verb: &str, to: &str| {
        if names_family {
            format!("{verb} {} to {to}", ip_word(rule.families[0]))
        } else {
            format!("{verb} to {to}")
        }
    };
    let mut words: Vec<String> = Vec::new();
    if let ([family], false) = (&rule.families[..], tells_its_family(rule)) {
        words.push(format!("meta nfproto {}", nfproto(*family)));
    }
    words.extend(rule.matches.iter().map(|m| match_text(m, &rule.families)));
    match &rule.statement {
        Statement::Accept => words.push("counter accept".to_owned()),
        Statement::AssignHelper => words.push("ct helper set \"ftp\"".to_owned()),
        Statement::Dnat {
            to: address,
            port: Some(port),
        } => {
            let target = std::net::SocketAddr::new(*address, *port);
            words.push(to("dnat", &target.to_string()));
        }
        Statement::Dnat {
            to: address,
            port: None,
        } => words.push(to("dnat", &address.to_string())),
        Statement::Snat { to: address } => words.push(to("snat", &address.to_string())),
        Statement::Masquerade => words.push("masquerade".to_owned()),
    }
    words.join(" ")
}

fn tells_its_family(rule: &Rule) -> bool {
    rule.matches.iter().any(|m| {
        matches!(
            m,
            Match::Source(_) | Match::Destination(_) | Match::NotDestination(_) | Match::Icmp
        )
    })
}

fn match_text(condition: &Match, families: &[Family]) -> String {
    match condition {
        Match::InputInterface(names) => format!("iifname {}", interfaces(names)),
        Match::OutputInterface(names) => format!("oifname {}", interfaces(names)),
        Match::Source(networks) => format!("{} saddr {}", net_word(networks), addresses(networks)),
        Match::Destination(networks) => {
            format!("{} daddr {}", net_word(networks), addresses(networks))
        }
        Match::NotDestination(networks) => {
            format!("{} daddr != {}", net_word(networks), addresses(networks))
        }
        Match::DestinationIsLocal => "fib daddr type local".to_owned(),
        Match::TcpDestinationPort(ranges) => format!("tcp dport {}", ports(ranges)),
        Match::TcpSourcePort(ranges) => format!("tcp sport {}", ports(ranges)),
        Match::Icmp => match families {
            [Family::Ipv4] => "meta l4proto icmp".to_owned(),
            [Family::Ipv6] => "meta l4proto ipv6-icmp".to_owned(),
            _ => "meta l4proto { icmp, ipv6-icmp }".to_owned(),
        },
        Match::CtState(states) => {
            // In the order in which nft lists them.
            let listed = [CtState::Established, CtState::Related, CtState::New];
            let names: Vec<&str> = listed
                .into_iter()
                .filter(|s| states.contains(s))
                .map(state)
                .collect();
            format!("ct state {}", names.join(","))
        }
        Match::CtReply => "ct direction reply".to_owned(),
        Match::CtDnat => "ct status dnat".to_owned(),
        Match::CtHelperFtp => "ct helper \"ftp\"".to_owned(),
    }
}

fn nfproto(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4",
        Family::Ipv6 => "ipv6",
    }
}

fn ip_word(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ip",
        Family::Ipv6 => "ip6",
    }
}

fn net_word(networks: &[IpNet]) -> &'static str {
    networks
        .first()
        .map_or("ip", |n| ip_word(Family::of_net(n)))
}

fn state(state: CtState) -> &'static str {
    match state {
        CtState::New => "new",
        CtState::Established => "established",
        CtState::Related => "related",
    }
}

fn interfaces(names: &[InterfaceName]) -> String {
    set(&names.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>())
}

fn addresses(networks: &[IpNet]) -> String {
    let word = |n: &IpNet| {
        if n.prefix_len() == n.max_prefix_len() {
            n.addr().to_string()
        } else {
            n.to_string()
        }
    };
    set(&networks.iter().map(word).collect::<Vec<_>>())
}

fn ports(ranges: &[PortRange]) -> String {
    let mut ranges = ranges.to_vec();
    ranges.sort_unstable();
    set(&ranges.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn set(elements: &[String]) -> String {
    match elements {
        [one] => one.clone(),
        many => format!("{{ {} }}", many.join(", ")),
    }
}
