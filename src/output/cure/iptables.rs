//! Changes of the tables of iptables, as commands of the program that they belong to.

use std::collections::BTreeMap;

use crate::apply::intent::Program;
use crate::check::{Guest, Own, RuleAt};
use crate::model::filter::Rule;
use crate::model::net::Family;
use crate::output::terminal::{is_plain, one_line, shell_word};
use crate::render::iptables::lines;
use crate::render::restore::jump_body;
use crate::ruleset::change::ChainAt;
use crate::ruleset::live::table::{Maker, Table, TableFamily};
use crate::ruleset::live::xt::{Match, Target};
use crate::ruleset::live::{self, print};
use crate::ruleset::save::SavedRule;

use super::rules::{Edit, Said};

/// What is to be done before or with one rule of a chain.
#[derive(Default)]
struct Step<'a> {
    at: Option<&'a RuleAt>,
    edit: Option<Edit<'a>>,
    guests: Vec<&'a Rule>,
}

/// Guests and changes of rules that are there. A number counts from the head of the chain,
/// so that a chain is changed from its end on.
pub(super) fn numbered(guests: &[&Guest], edits: &[(&RuleAt, Edit)]) -> Vec<Said> {
    let mut chains: Vec<(Maker, &ChainAt)> = Vec::new();
    let places = guests.iter().map(|guest| &guest.before);
    for at in places.chain(edits.iter().map(|(at, _)| *at)) {
        if !chains.contains(&(at.maker, &at.chain)) {
            chains.push((at.maker, &at.chain));
        }
    }
    let of_chain = |chain: (Maker, &ChainAt)| {
        let is_there = |at: &RuleAt| (at.maker, &at.chain) == chain;
        let mut steps: BTreeMap<usize, Step> = BTreeMap::new();
        for guest in guests.iter().filter(|guest| is_there(&guest.before)) {
            let step = steps.entry(guest.before.index).or_default();
            step.at = Some(&guest.before);
            step.guests.push(&guest.rule);
        }
        for (at, edit) in edits.iter().filter(|(at, _)| is_there(at)) {
            let step = steps.entry(at.index).or_default();
            step.at = Some(at);
            step.edit = Some(*edit);
        }
        steps
            .into_values()
            .rev()
            .flat_map(|step| said(&step))
            .collect::<Vec<_>>()
    };
    chains.into_iter().flat_map(of_chain).collect()
}

fn said(step: &Step) -> Vec<Said> {
    let Some((at, program)) = step.at.and_then(|at| Some((at, program(at)?))) else {
        return Vec::new();
    };
    let guests = step.guests.iter();
    let bodies: Vec<String> = guests
        .flat_map(|rule| bodies(rule, program.family))
        .collect();
    if !is_sayable(&at.chain.chain) {
        let advice = unsayable(at, program, step.edit, &bodies);
        return vec![Said::advice(advice)];
    }
    let chain = shell_word(&at.chain.chain);
    let start = begin(program, &at.chain.table);
    let number = at.index + 1;
    let mut said = Vec::new();
    match step.edit {
        None => {}
        Some(Edit::Delete) => said.push(Said::Command(format!("{start} -D {chain} {number}"))),
        Some(Edit::Replace(to)) => said.push(match words(&to.rule, at) {
            Ok(words) => Said::Command(format!("{start} -R {chain} {number} {words}")),
            Err(line) => Said::advice(format!(
                "what rule {number} of {chain} asks is not known in full; where it is made, it \
                 has to become:\n{}",
                one_line(&line)
            )),
        }),
    }
    let commands = bodies
        .iter()
        .enumerate()
        .map(|(count, body)| match at.handle {
            Some(_) => format!("{start} -I {chain} {} {body}", number + count),
            None => format!("{start} -A {chain} {body}"),
        });
    said.extend(commands.map(Said::Command));
    said
}

/// Rules in chains of our own, with the rule that leads there where there is none yet: at
/// the head where the first rule that translates wins, else behind the administrator's, as
/// [`crate::render::restore`] has it.
pub(super) fn own(own: &[&Own]) -> Vec<Said> {
    let mut led: Vec<(Maker, Family, String)> = Vec::new();
    let mut commands = Vec::new();
    for own in own {
        for &family in &own.rule.families {
            let program = Program {
                maker: own.maker,
                family,
            };
            let start = begin(program, own.rule.chain.iptables_table());
            let chain = own.rule.chain.iptables_chain();
            let here = (own.maker, family, format!("{start} {chain}"));
            if !own.led_there.contains(&family) && !led.contains(&here) {
                let built_in = own.rule.chain.hook.built_in();
                let verb = match own.rule.chain.iptables_table() {
                    "nat" => "-I",
                    _ => "-A",
                };
                commands.push(format!("{start} -N {chain}"));
                let jump = in_shell(&jump_body(built_in));
                commands.push(format!("{start} {verb} {built_in} {jump}"));
                led.push(here);
            }
            let bodies = bodies(&own.rule, family);
            commands.extend(
                bodies
                    .iter()
                    .map(|body| format!("{start} -A {chain} {body}")),
            );
        }
    }
    commands.into_iter().map(Said::Command).collect()
}

/// The rule of the plan as it follows the name of a chain, as many times as iptables needs.
pub(super) fn bodies(rule: &Rule, family: Family) -> Vec<String> {
    let lines = lines(rule, family);
    lines.iter().map(|line| in_shell(&line.body)).collect()
}

/// The program of a place; `None` where it is in no table of iptables.
fn program(at: &RuleAt) -> Option<Program> {
    Some(Program {
        maker: at.maker,
        family: family(&at.chain)?,
    })
}

pub(super) fn family(at: &ChainAt) -> Option<Family> {
    match at.family {
        TableFamily::Ip => Some(Family::Ipv4),
        TableFamily::Ip6 => Some(Family::Ipv6),
        _ => None,
    }
}

/// A command's beginning. Programs of iptables-legacy that come together must wait for
/// each other; those of iptables-nft cannot meet.
fn begin(program: Program, table: &str) -> String {
    let wait = match program.maker {
        Maker::IptablesLegacy => " -w",
        Maker::IptablesNft | Maker::Nft => "",
    };
    let table = match table {
        "filter" => String::new(),
        table => format!(" -t {}", shell_word(table)),
    };
    format!("{}{wait}{table}", program.name())
}

/// What follows a chain's name in a saved line, for a shell.
fn in_shell(body: &str) -> String {
    SavedRule::parse(&format!("-A X {body}")).map_or_else(String::new, |rule| quoted(&rule.words))
}

fn quoted(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
    words.join(" ")
}

/// A rule for a shell; its line where that cannot be had.
fn words(rule: &live::Rule, at: &RuleAt) -> Result<String, String> {
    let table = Table::new(at.chain.family, at.chain.table.clone(), at.maker);
    let line = print::rule(rule, "X", &table);
    let is_known =
        is_plain(&line) && print::fold(rule, at.chain.family).is_some_and(|f| is_told(&f));
    let words = SavedRule::parse(&line).filter(|_| is_known);
    words.map(|rule| quoted(&rule.words)).ok_or(line)
}

/// Whether all of a rule was understood, or was read in words: of what is not understood,
/// netlink has bytes only, and of an ipset a number only.
fn is_told(folded: &print::Folded) -> bool {
    let is_number = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
    let in_words = |m: &Match| match m {
        Match::Opaque { revision, .. } => revision.is_none(),
        Match::Set { name, .. } => !is_number(name),
        _ => true,
    };
    folded.matches.iter().all(in_words)
        && !matches!(
            &folded.target,
            Target::Opaque {
                revision: Some(_),
                ..
            }
        )
}

/// Whether iptables takes the name of a chain on its command line (`parse_chain` of
/// `iptables/xshared.c`).
fn is_sayable(chain: &str) -> bool {
    !chain.is_empty()
        && !chain.starts_with(['-', '!'])
        && is_plain(chain)
        && !chain.contains(char::is_whitespace)
}

fn unsayable(at: &RuleAt, program: Program, edit: Option<Edit>, bodies: &[String]) -> String {
    let number = at.index + 1;
    let chain = one_line(&at.chain.chain);
    let mut lines = vec![format!(
        "{} takes no chain of the name `{chain}`: by the program that made it",
        program.name()
    )];
    match edit {
        None => {}
        Some(Edit::Delete) => lines.push(format!("take out rule {number}")),
        Some(Edit::Replace(to)) => {
            let (Ok(words) | Err(words)) = words(&to.rule, at);
            lines.push(format!("change rule {number} to {}", one_line(&words)));
        }
    }
    let place = match at.handle {
        Some(_) => format!("before rule {number}"),
        None => "at its end".to_owned(),
    };
    lines.extend(bodies.iter().map(|body| format!("{place} put {body}")));
    lines.join("\n")
}
