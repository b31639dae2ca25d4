//! Why rules could not be put into the kernel, and what to do about it.

use crate::apply::difference::words;
use crate::apply::guests::NoPlace;
use crate::apply::install::Error;
use crate::apply::intent::{NoPlaceInOwned, Program, Refusal};
use crate::model::filter::{Hook, Match, Rule};
use crate::model::net::Family;
use crate::render::{native, restore};
use crate::ruleset::live::table::{Maker, TableFamily};
use crate::ruleset::live::{Ruleset, print};

use super::Failure;
use super::apply::blocked;

/// A failure in words. `others`: the ruleset that was read, without ours.
#[must_use]
pub fn failure(error: &Error, others: &Ruleset) -> Failure {
    match error {
        Error::Refused(refusal) => refused(refusal, others),
        Error::Blocked(found, after) => {
            let words: Vec<String> = found.iter().map(|b| blocked(b, after)).collect();
            Failure::cannot(format!(
                "with these rules in place something would still stop what is needed:\n  {}",
                words.join("\n  ")
            ))
            .help(
                "ftpnat puts no rule where that one stands: change it, or take it out, and \
                 apply again; nothing was changed",
            )
        }
        Error::Save(program, error) => Failure::cannot(format!(
            "cannot read the rules of {}: {error}",
            name(*program)
        ))
        .help("the rules that are needed have to go into those tables; nothing was changed"),
        Error::Stale => Failure::undone(
            "the ruleset changed each time between its reading and the writing of ours",
        )
        .help("another program changes it without pause: stop that one, and apply again"),
        Error::Privilege(words) => Failure::cannot(words).help("run as root"),
        Error::Feature(words) => Failure::cannot(words).help(
            "the kernel lacks what this rule needs; `ftpnat check` says which helper or \
             module is missing; nothing was changed",
        ),
        Error::Nft(words) => Failure::undone(words),
        Error::Trial(program, error) => Failure::cannot(format!(
            "{} does not take these rules, tried in a namespace of its own: {error}",
            name(*program)
        ))
        .help("nothing was changed"),
        Error::Load(program, error) => Failure::undone(format!(
            "{} did not load the rules: {error}",
            name(*program)
        )),
        Error::NotAsWritten(_) => Failure::undone(
            "the kernel holds other rules than were written: another program changes them \
             at the same time",
        ),
    }
}

fn refused(refusal: &Refusal, others: &Ruleset) -> Failure {
    match refusal {
        Refusal::NoPlace(no_place) => native_place(no_place, others),
        Refusal::NoPlaceInIptables(program, no_place) => in_iptables(*program, no_place),
        Refusal::Owned(owned) => of_others(owned, others),
    }
}

fn native_place(no_place: &NoPlace, others: &Ruleset) -> Failure {
    let (place, rules) = in_words(no_place.base, std::slice::from_ref(&no_place.rule), others);
    Failure::cannot(format!(
        "cannot place the rule {} in {place}: {}",
        no_place.rule.name, no_place.why
    ))
    .help(format!(
        "this is needed there; put it where it is right, behind your bans:\n{rules}"
    ))
}

/// A chain in words, and rules for it as commands of nft.
fn in_words(base: (usize, usize), rules: &[Rule], others: &Ruleset) -> (String, String) {
    let Some(table) = others.tables.get(base.0) else {
        return ("a chain".to_owned(), String::new());
    };
    let Some(chain) = table.chains.get(base.1) else {
        return (print::table(table), String::new());
    };
    let guests = rules.iter().flat_map(|r| native::guests(r, table.family));
    let lines: Vec<String> = guests
        .map(|guest| {
            format!(
                "  nft insert rule {} {} {} position HANDLE {}",
                table.family.name(),
                table.name,
                chain.name,
                words(&guest, &chain.name, table)
            )
        })
        .collect();
    (print::place(table, chain), lines.join("\n"))
}

/// An iptables program, by name.
#[must_use]
pub fn name(program: Program) -> &'static str {
    match (program.maker, program.family) {
        (Maker::IptablesLegacy, Family::Ipv4) => "iptables-legacy",
        (Maker::IptablesLegacy, Family::Ipv6) => "ip6tables-legacy",
        (_, Family::Ipv4) => "iptables-nft",
        (_, Family::Ipv6) => "ip6tables-nft",
    }
}

fn in_iptables(program: Program, no_place: &restore::NoPlace) -> Failure {
    let program = name(program);
    let needed: Vec<String> = no_place
        .needed
        .iter()
        .map(|body| format!("  {program} -I {} N {body}", no_place.chain))
        .collect();
    Failure::cannot(format!("{program}: {no_place}: {}", no_place.why)).help(format!(
        "these rules are needed; put each where it is right, behind your bans:\n{}",
        needed.join("\n")
    ))
}

fn of_others(owned: &NoPlaceInOwned, others: &Ruleset) -> Failure {
    let (place, rules) = in_words(owned.base, &owned.rules, others);
    let is_firewalld = others
        .tables
        .get(owned.base.0)
        .is_some_and(|t| t.name == "firewalld" && t.family == TableFamily::Inet);
    if is_firewalld {
        return Failure::cannot(
            "firewalld drops what is needed, and rules that others put into its table are \
             gone at its next reload",
        )
        .help(format!(
            "let firewalld open it, then apply again:\n{}",
            firewall_cmd(&owned.rules).join("\n")
        ));
    }
    Failure::cannot(format!(
        "{place} drops what is needed, and its table belongs to the program that made it: \
         the kernel lets nobody else change it"
    ))
    .help(format!("have that program put in:\n{rules}"))
}

/// Commands by which firewalld opens what rules accept: on this host by rich rules of the
/// default zone, on the way through it by a policy of ours.
fn firewall_cmd(rules: &[Rule]) -> Vec<String> {
    let mut commands = Vec::new();
    let is_forward = |r: &&Rule| r.chain.hook == Hook::Forward;
    if rules.iter().any(|r| is_forward(&r)) {
        commands.push("  firewall-cmd --permanent --new-policy=ftpnat".to_owned());
        commands.push(
            "  firewall-cmd --permanent --policy=ftpnat --add-ingress-zone=ANY \
             --add-egress-zone=ANY"
                .to_owned(),
        );
    }
    for rule in rules {
        let policy = if is_forward(&rule) {
            " --policy=ftpnat"
        } else {
            ""
        };
        for rich in rich_rules(rule) {
            commands.push(format!(
                "  firewall-cmd --permanent{policy} --add-rich-rule='{rich}'"
            ));
        }
    }
    commands.push("  firewall-cmd --reload".to_owned());
    commands
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
        let mut ports = Vec::new();
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
                Match::TcpDestinationPort(ranges) => ports.clone_from(ranges),
                _ => {}
            }
        }
        for head in heads {
            texts.extend(
                ports
                    .iter()
                    .map(|range| format!("{head} port port=\"{range}\" protocol=\"tcp\" accept")),
            );
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
