//! Puts ours back to what it was before a change, whatever part of that was carried out, and
//! as often as need be.

use crate::facts::snapshot::Snapshot;
use crate::render::restore::step;
use crate::ruleset::live::Ruleset;
use crate::ruleset::live::table::Maker;
use crate::ruleset::made::{Made, made, unmake};
use crate::ruleset::save::Save;
use crate::sys::kmod::Kmod;
use crate::sys::{in_full, iptables, nft, sysctls};

use super::install::ATTEMPTS;
use super::intent::{self, Program};
use super::journal::Before;
use super::ours::is_own_table;
use super::perform::{self, set_one};
use super::removal::programs;
use super::sight::{Error, Sight, programs_of};
use super::system;

/// What an undo came to.
#[derive(Debug, Default)]
pub struct Undone {
    /// Sentences for the administrator.
    pub notes: Vec<String>,
    /// What could not be put back, a sentence each; empty where all is as it was.
    pub left: Vec<String>,
}

/// Puts back rules, sysctls and modules to what they were; of what others changed meanwhile
/// nothing. Does what it can, and says what it could not. `is_same_epoch`: whether the
/// kernel's settings are still those that the change found.
#[must_use]
pub fn undo(before: &Before, is_same_epoch: bool, known: &Snapshot, kmod: &impl Kmod) -> Undone {
    let mut undone = Undone::default();
    if let Err(error) = rules(before, known) {
        undone.left.push(match error {
            Error::Stale => "another program changes the ruleset without pause".to_owned(),
            error => error.to_string(),
        });
        // What rules need stays with them.
        return undone;
    }
    if is_same_epoch {
        let (steps, left) = system::back(&before.sysctls, |key| sysctls::read(key).ok());
        undone.notes.extend(left);
        let failed = steps.iter().filter_map(|step| set_one(step).err());
        undone.left.extend(failed.map(|error| in_full(&error)));
        let unloaded = perform::unload_again(&before.modules, kmod);
        undone
            .notes
            .extend(unloaded.notes.iter().map(ToString::to_string));
    }
    undone
}

/// Puts our rules back. What lets connections in comes before what did so instead goes: a
/// table of our own in `nf_tables` before chains of iptables, or behind them.
fn rules(before: &Before, known: &Snapshot) -> Result<(), Error> {
    let was = before.ruleset();
    if was.tables.iter().any(is_own_table) {
        native(&was, known)?;
        programs_back(before, known)?;
    } else {
        programs_back(before, known)?;
        native(&was, known)?;
    }
    let now = Sight::of_host(known, true);
    let made = made(&was, &now.ruleset);
    let all_made = if before.nft.is_some() {
        made
    } else {
        Vec::new()
    };
    tidy(all_made, known).map(drop)
}

fn programs_back(before: &Before, known: &Snapshot) -> Result<(), Error> {
    let mut all = programs(&Sight::of_host(known, true).ruleset);
    let had = before.saves.iter().map(|(program, _)| *program);
    all.extend(had);
    all.sort_unstable();
    all.dedup();
    let none = Save::default();
    for program in all {
        let failed = |e: iptables::Error| Error::Load(program, in_full(&e));
        let was = before.saves.iter().find(|(of, _)| *of == program);
        let was = was.map_or(&none, |(_, save)| save);
        let iptables = programs_of(program).map_err(failed)?;
        let now = iptables.save(None).map_err(failed)?;
        if let Some(step) = step::back(&now, was, program.family) {
            iptables.load(&step.text).map_err(failed)?;
        }
    }
    Ok(())
}

fn native(was: &Ruleset, known: &Snapshot) -> Result<(), Error> {
    for _ in 0..ATTEMPTS {
        let now = Sight::of_host(known, true);
        let operations = intent::put_back(&now.ruleset, was);
        if operations.is_empty() {
            return Ok(());
        }
        match nft::commit(&operations, now.generation.unwrap_or_default()) {
            Err(nft::Error::Stale) => {}
            committed => return committed.map_err(|e| Error::of_nft(&e)),
        }
    }
    Err(Error::Stale)
}

/// Takes away what iptables-nft made for our rules and nobody uses any more. `made`: what
/// is known to have been made so; gives what of it is still there.
///
/// # Errors
/// As [`super::install::carry_out`].
pub fn tidy(made: Vec<Made>, known: &Snapshot) -> Result<Vec<Made>, Error> {
    if made.is_empty() {
        return Ok(made);
    }
    for _ in 0..ATTEMPTS {
        let now = Sight::of_host(known, true);
        let unmaking = unmake(&now.ruleset, &made);
        for (family, text) in &unmaking.chains {
            let program = Program {
                maker: Maker::IptablesNft,
                family: *family,
            };
            // iptables-nft before 1.8.8 deletes no built-in chain: an empty one stays.
            let _ = programs_of(program).and_then(|iptables| iptables.load(text));
        }
        let now = Sight::of_host(known, true);
        if unmaking.tables.is_empty() {
            return Ok(made.into_iter().filter(|m| m.is_in(&now.ruleset)).collect());
        }
        match nft::commit(&unmaking.tables, now.generation.unwrap_or_default()) {
            Ok(()) | Err(nft::Error::Stale) => {}
            Err(error) => return Err(Error::of_nft(&error)),
        }
    }
    Err(Error::Stale)
}
