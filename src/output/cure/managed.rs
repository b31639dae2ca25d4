//! Changes in chains that another program has to itself: in its words where it has a way
//! in, else what to do there.

use super::rules::{Edit, Said};
use super::{iptables, nft};
use crate::check::{Guest, RuleAt};
use crate::model::filter::{CtState, Hook, Match, Rule};
use crate::output::managers::{firewall_cmd, ufw};
use crate::output::terminal::one_line;
use crate::ruleset::live::table::Maker;
use crate::ruleset::owner::Manager;

/// Whether an accept is somebody's to let in. Who only leads packets to the place, as ufw
/// does in `INPUT`, is asked for what it has words for.
pub(super) fn lets_in(guest: &Guest) -> bool {
    let at = &guest.before;
    at.manager.is_some() || at.way_in == Some(Manager::Ufw) && is_for_ufw(&guest.rule)
}

/// What each is to be told of the accepts that are its to let in.
pub(super) fn let_in(guests: &[&Guest]) -> Vec<Said> {
    let of = |manager: Manager| {
        let theirs = move |guest: &&&Guest| {
            lets_in(guest) && guest.before.manager.or(guest.before.way_in) == Some(manager)
        };
        guests.iter().filter(theirs).copied()
    };
    let mut said = by_firewalld(&of(Manager::Firewalld).collect::<Vec<_>>());
    said.extend(by_ufw(&of(Manager::Ufw).collect::<Vec<_>>()));
    said.extend(of(Manager::Docker).map(in_docker));
    said.extend(of(Manager::Kubernetes).map(in_kubernetes));
    said.extend(of(Manager::Owner).map(by_owner));
    said
}

/// All of it together: firewalld is told once, and loads once.
fn by_firewalld(guests: &[&Guest]) -> Vec<Said> {
    let rules = each_once(
        guests
            .iter()
            .map(|guest| &guest.rule)
            .filter(|rule| opens(rule)),
    );
    if !rules.is_empty() {
        let rules: Vec<Rule> = rules.into_iter().cloned().collect();
        let commands = firewall_cmd(&rules);
        return commands.into_iter().map(Said::Command).collect();
    }
    let advice = guests.iter().map(|guest| {
        Said::advice(format!(
            "firewalld loads its tables anew, and has no words of its own for this, which is \
             needed in {}:\n{}",
            place(&guest.before),
            indented(&wanted(guest))
        ))
    });
    advice.collect()
}

fn by_ufw(guests: &[&Guest]) -> Vec<Said> {
    let mut said: Vec<Said> = Vec::new();
    let mut commands: Vec<String> = Vec::new();
    for guest in guests {
        let chain = guest.before.chain.chain.as_str();
        let is_before_a_rule = guest.before.handle.is_some();
        let bare = chain.trim_start_matches("ufw6-").trim_start_matches("ufw-");
        if bare.starts_with("before") && is_before_a_rule || !is_for_ufw(&guest.rule) {
            said.push(in_file_of_ufw(guest, bare));
        } else if bare.starts_with("user") && is_before_a_rule {
            said.push(before_a_rule_of_ufw(guest));
        } else {
            for line in ufw(&guest.rule, "") {
                if !commands.contains(&line) {
                    commands.push(line);
                }
            }
        }
    }
    let commands = commands.into_iter().map(Said::Command);
    commands.chain(said).collect()
}

/// Its numbers count rules of both families, what is forwarded among them: they are not
/// those of a chain.
fn before_a_rule_of_ufw(guest: &Guest) -> Said {
    let lines = ["insert N ", ""].map(|place| indented(&ufw(&guest.rule, place)));
    Said::advice(format!(
        "a rule of ufw's own drops it; N is that rule's number in `ufw status numbered`:\n{}\n\
         or, where that rule has the very same ports:\n{}",
        lines[0], lines[1]
    ))
}

/// Lines of its own files that come before its rules (`ufw-framework(8)`).
fn in_file_of_ufw(guest: &Guest, chain: &str) -> Said {
    let which = if chain.starts_with("after") {
        "after"
    } else {
        "before"
    };
    let six = if guest.before.chain.chain.starts_with("ufw6-") {
        "6"
    } else {
        ""
    };
    let lines = wanted(guest);
    let chain = &guest.before.chain.chain;
    let lines: Vec<String> = lines
        .iter()
        .map(|body| format!("-A {chain} {body}"))
        .collect();
    Said::Config {
        file: Some(format!("/etc/ufw/{which}{six}.rules")),
        text: format!(
            "# before the line that drops it; then `ufw reload`\n{}",
            lines.join("\n")
        ),
    }
}

/// A chain of Docker's on a host without `DOCKER-USER`: see [`Guest::new`].
fn in_docker(guest: &Guest) -> Said {
    let ports: Vec<String> = ports(&guest.rule)
        .iter()
        .map(|ports| format!("-p {ports}:{ports}"))
        .collect();
    Said::advice(format!(
        "Docker writes {} anew whenever it likes: have it open the ports, by publishing them \
         (`docker run {} …`, `ports:` in a Compose file)",
        place(&guest.before),
        ports.join(" ")
    ))
}

fn in_kubernetes(guest: &Guest) -> Said {
    Said::advice(format!(
        "{} is written anew by Kubernetes (kube-proxy, or the network plugin), and what \
         others put there does not last: have the cluster let it in (a Service, hostPort, a \
         NetworkPolicy or the plugin's own policy). It is this that has to pass:\n{}",
        place(&guest.before),
        indented(&wanted(guest))
    ))
}

fn by_owner(guest: &Guest) -> Said {
    let before = match guest.before.handle {
        Some(handle) => format!("before the rule with handle {handle}"),
        None => "at its end".to_owned(),
    };
    Said::advice(format!(
        "{} belongs to the program that made its table: the kernel lets nobody else change \
         it. Have that program put in, {before}:\n{}",
        place(&guest.before),
        indented(&wanted(guest))
    ))
}

/// What is to be done about a rule that a manager made.
pub(super) fn edit(at: &RuleAt, edit: Edit) -> Option<Said> {
    let who = match at.manager? {
        Manager::Firewalld => {
            "firewalld made this rule and makes it anew: look for it in `firewall-cmd \
             --list-all-zones`, `firewall-cmd --list-all-policies` and `firewall-cmd --direct \
             --get-all-rules`"
        }
        Manager::Ufw => {
            "ufw made this rule and makes it anew: look for it in `ufw status numbered` (then \
             `ufw delete N`), or in the files of /etc/ufw (then `ufw reload`)"
        }
        Manager::Docker => {
            "Docker made this rule and makes it anew: it follows from the ports that containers \
             publish and from their networks"
        }
        Manager::Kubernetes => {
            "Kubernetes made this rule (kube-proxy, or the network plugin) and makes it anew: \
             it follows from the cluster's Services and policies"
        }
        Manager::Owner => {
            "only the program that made this table can change it: the kernel lets nobody else"
        }
    };
    let what = match edit {
        Edit::Delete => "there it has to go",
        Edit::Replace(_) => "there it has to change",
    };
    let number = at.index + 1;
    Some(Said::advice(format!(
        "{who}; {what} (rule {number} of {})",
        place(at)
    )))
}

/// Whether a rule opens connections: replies and errors about them pass a manager's
/// firewall by themselves.
fn opens(rule: &Rule) -> bool {
    rule.matches.iter().all(|condition| match condition {
        Match::CtState(states) => states.contains(&CtState::New),
        Match::Icmp | Match::CtReply | Match::CtHelperFtp => false,
        _ => true,
    })
}

/// Whether ufw has words for all that a rule asks.
fn is_for_ufw(rule: &Rule) -> bool {
    let is_known = |condition: &Match| {
        matches!(
            condition,
            Match::InputInterface(_)
                | Match::OutputInterface(_)
                | Match::Source(_)
                | Match::Destination(_)
                | Match::TcpDestinationPort(_)
                | Match::CtState(_)
        )
    };
    opens(rule)
        && matches!(rule.chain.hook, Hook::Input | Hook::Forward)
        && rule.matches.iter().all(is_known)
        && !ports(rule).is_empty()
}

/// The destination ports of a rule.
fn ports(rule: &Rule) -> Vec<String> {
    let of = |condition: &Match| match condition {
        Match::TcpDestinationPort(ranges) => ranges.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    rule.matches.iter().flat_map(of).collect()
}

/// An accept in the words of the program whose table it is for.
fn wanted(guest: &Guest) -> Vec<String> {
    let at = &guest.before;
    match iptables::family(&at.chain).filter(|_| at.maker != Maker::Nft) {
        Some(family) => iptables::bodies(&guest.rule, family),
        None => nft::guest_words(&guest.rule, &at.chain),
    }
}

/// A chain by its names.
fn place(at: &RuleAt) -> String {
    let (table, chain) = (&at.chain.table, &at.chain.chain);
    one_line(&match at.maker {
        Maker::Nft => format!("chain {chain} of table {} {table}", at.chain.family.name()),
        Maker::IptablesNft | Maker::IptablesLegacy => format!("chain {chain}"),
    })
}

/// Lines to be copied, as such.
fn indented(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

fn each_once<'a>(rules: impl Iterator<Item = &'a Rule>) -> Vec<&'a Rule> {
    let mut once = Vec::new();
    for rule in rules {
        if !once.contains(&rule) {
            once.push(rule);
        }
    }
    once
}
