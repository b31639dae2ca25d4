//! Why rules could not be put into the kernel, and what to do about it.

use crate::apply::difference::words;
use crate::apply::guests::NoPlace;
use crate::apply::intent::{Program, Refusal};
use crate::apply::lockout::LockedOut;
use crate::apply::managers::NoPlaceInOwned;
use crate::apply::sight::Error;
use crate::model::filter::Rule;
use crate::render::{native, restore};
use crate::ruleset::live::{Ruleset, Table, print};
use crate::ruleset::netlink::KEPT_CHANGING;
use crate::ruleset::owner::is_firewalld;

use super::apply::blocked;
use super::managers::firewall_cmd;
use super::place::at_place;
use super::{Failure, one_line};

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
            program.name()
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
            program.name()
        ))
        .help("nothing was changed"),
        Error::Load(program, error) => Failure::undone(format!(
            "{} did not load the rules: {error}",
            program.name()
        )),
        Error::NotAsWritten(_) => Failure::undone(
            "the kernel holds other rules than were written: another program changes them \
             at the same time",
        ),
    }
}

/// A change that would lock out who administers the host. `after`: the rules with it.
#[must_use]
pub fn locked_out(lost: &LockedOut, after: &Ruleset) -> Failure {
    let who = match lost.client {
        Some(client) => format!("SSH from {client}"),
        None => "SSH".to_owned(),
    };
    let by = lost.by.map(|at| at_place(after, at));
    let port = lost.server.port();
    let becomes = match (lost.is_led_away, by) {
        (true, Some(by)) => format!("would be led elsewhere by {by}"),
        (true, None) => "would be led elsewhere".to_owned(),
        (false, Some(by)) => format!("would be dropped by {by}"),
        (false, None) => "would not be let in for certain".to_owned(),
    };
    Failure::cannot(format!(
        "this could lock you out: {who} to {} is let in now, and {becomes}",
        lost.server
    ))
    .help(if lost.is_led_away {
        format!(
            "take port {port} out of the profile's ports, or let SSH listen on another one \
             first; nothing was changed"
        )
    } else {
        format!("let SSH in to port {port} by a rule of your own first; nothing was changed")
    })
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
        no_place.rule.name,
        one_line(&no_place.why.to_string())
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
            // A name may hold anything, a line's end among it: these lines are pasted.
            one_line(&format!(
                "  nft insert rule {} {} {} position HANDLE {}",
                table.family.name(),
                table.name,
                chain.name,
                words(&guest, &chain.name, table)
            ))
        })
        .collect();
    (one_line(&print::place(table, chain)), lines.join("\n"))
}

/// A table of our name that is somebody else's.
#[must_use]
pub fn table_of_others(table: &Table) -> Failure {
    Failure::cannot(format!(
        "{} is there, and nothing in it is ftpnat's: ftpnat keeps its own rules in a table of \
         that name",
        one_line(&print::table(table))
    ))
    .help("rename that table, or take it out if nobody needs it; nothing was changed")
}

/// That a part of the rules could not be read; `None`: all was.
#[must_use]
pub fn unread(ruleset: &Ruleset) -> Option<Failure> {
    let unread = ruleset.unread.first()?;
    if unread.why == KEPT_CHANGING {
        return Some(
            Failure::cannot(format!("cannot read {}: {}", unread.what, unread.why)).help(
                "another program changes it without pause: stop that one, and try again; \
                 nothing was changed",
            ),
        );
    }
    let help = if unread.what.starts_with("iptables-legacy") {
        "run as root, where iptables is installed with its legacy programs; nothing was changed"
    } else {
        "run as root, in the network namespace of the server; nothing was changed"
    };
    Some(
        Failure::cannot(format!(
            "cannot read the rules that are in force ({}): {}",
            unread.what, unread.why
        ))
        .help(help),
    )
}

fn in_iptables(program: Program, no_place: &restore::NoPlace) -> Failure {
    let program = program.name();
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
    if others.tables.get(owned.base.0).is_some_and(is_firewalld) {
        return Failure::cannot(
            "firewalld drops what is needed, and rules that others put into its table are \
             gone at its next reload",
        )
        .help(format!(
            "let firewalld open it, then apply again:\n  {}",
            firewall_cmd(&owned.rules).join("\n  ")
        ));
    }
    Failure::cannot(format!(
        "{place} drops what is needed, and its table belongs to the program that made it: \
         the kernel lets nobody else change it"
    ))
    .help(format!("have that program put in:\n{rules}"))
}
