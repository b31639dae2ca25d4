//! Changes of the rules in force, as commands in an order in which each still means the
//! rule that it was meant for.

use crate::check::{Guest, Own, Replacement, RuleAt, RuleChange};
use crate::ruleset::live::table::Maker;

use super::{Paste, command, config, iptables, managed, nft};

/// What a change comes to.
pub(super) enum Said {
    /// A command for a shell.
    Command(String),
    /// What no command does.
    Config {
        /// The file, for lines.
        file: Option<String>,
        /// The lines, or what to do.
        text: String,
    },
}

impl Said {
    /// What somebody is to be told.
    pub(super) fn advice(text: String) -> Self {
        Self::Config { file: None, text }
    }
}

/// A change of a rule that is there.
#[derive(Clone, Copy)]
pub(super) enum Edit<'a> {
    Delete,
    Replace(&'a Replacement),
}

/// The changes by what they are, each in the order given.
struct Sorted<'a> {
    /// Accepts, each with the manager that lets it in.
    guests: Vec<&'a Guest>,
    edits: Vec<(&'a RuleAt, Edit<'a>)>,
    own: Vec<&'a Own>,
}

/// What these changes have to be pasted.
///
/// What lets in comes before what takes away. Handles of `nf_tables` stay; the numbers of
/// iptables move, so that a chain is changed from its end on, and our own jump goes to its
/// head last.
pub(super) fn pastes(changes: &[RuleChange]) -> Vec<Paste> {
    let Sorted { guests, edits, own } = sorted(changes);
    let mut said = managed::let_in(&guests);
    let (native, of_iptables): (Vec<&Guest>, Vec<&Guest>) = guests
        .into_iter()
        .filter(|guest| !managed::lets_in(guest))
        .partition(|guest| guest.before.maker == Maker::Nft);
    let (managed, edits): (Vec<_>, Vec<_>) =
        edits.into_iter().partition(|(at, _)| at.manager.is_some());
    let (native_edits, iptables_edits): (Vec<_>, Vec<_>) = edits
        .into_iter()
        .partition(|(at, _)| at.maker == Maker::Nft);
    let (native_own, own): (Vec<&Own>, Vec<&Own>) =
        own.into_iter().partition(|own| own.maker == Maker::Nft);

    said.extend(native.into_iter().flat_map(nft::guest));
    said.extend(nft::own(&native_own));
    said.extend(
        native_edits
            .into_iter()
            .map(|(at, edit)| nft::edit(at, edit)),
    );
    said.extend(iptables::numbered(&of_iptables, &iptables_edits));
    said.extend(iptables::own(&own));
    said.extend(
        managed
            .into_iter()
            .filter_map(|(at, edit)| managed::edit(at, edit)),
    );
    collected(said)
}

fn sorted(changes: &[RuleChange]) -> Sorted<'_> {
    let mut sorted = Sorted {
        guests: Vec::new(),
        edits: Vec::new(),
        own: Vec::new(),
    };
    for change in changes {
        match change {
            RuleChange::Guest(guest) => sorted.guests.push(guest),
            RuleChange::Own(own) => sorted.own.push(own),
            RuleChange::Delete(at) => sorted.edits.push((at, Edit::Delete)),
            RuleChange::Replace(at, to) => sorted.edits.push((at, Edit::Replace(to))),
        }
    }
    sorted
}

/// The commands as one text; what else there is to do behind it, each thing once.
fn collected(said: Vec<Said>) -> Vec<Paste> {
    let mut commands: Vec<String> = Vec::new();
    let mut pastes: Vec<Paste> = Vec::new();
    for said in said {
        match said {
            Said::Command(text) => commands.push(text),
            Said::Config { file, text } => {
                let paste = config(file, text);
                if !pastes.contains(&paste) {
                    pastes.push(paste);
                }
            }
        }
    }
    if !commands.is_empty() {
        pastes.insert(0, command(commands.join("\n")));
    }
    pastes
}
