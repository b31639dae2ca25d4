//! Carries an intent out: writes to the kernel, and reads back.

use crate::profile::Profile;
use crate::sys::iptables::{self, Trial, Tried};
use crate::sys::{in_full, nft};

use super::difference::{Change, Difference, difference, listing};
use super::intent::{Intent, Loading};
use super::sight::{Error, Sight, judge, programs_of};

/// A change that was not carried out as a whole.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub error: Error,
    /// Whether some of it may be written.
    pub is_begun: bool,
}

impl Failed {
    fn before(error: Error) -> Self {
        Self {
            error,
            is_begun: false,
        }
    }

    fn begun(error: Error) -> Self {
        Self {
            error,
            is_begun: true,
        }
    }
}

/// Has the kernel and the iptables programs try everything where it changes nothing; gives
/// what is to be said of that.
///
/// # Errors
/// [`Error::Stale`], [`Error::Privilege`], [`Error::Feature`], [`Error::Nft`] and
/// [`Error::Trial`].
pub fn try_out(intent: &Intent, generation: Option<u32>) -> Result<Vec<String>, Error> {
    nft::try_out(&intent.operations, generation.unwrap_or_default())
        .map_err(|e| Error::of_nft(&e))?;
    try_steps(intent)
}

/// Carries an intent out, what iptables is to load being tried before; gives what is to be
/// said of the trial. `again`: the same intent for the host as it is now, with its
/// generation.
///
/// The batch of `nf_tables` is its own trial: refused, it changes nothing. It is tried by
/// itself only where something else changes before it. (An aborted batch waits for all
/// readers of the old rules, `synchronize_rcu` in `nf_tables_abort`: that takes longer
/// than all the rest of an `apply`.)
///
/// # Errors
/// As [`try_out`], and [`Error::Load`]. Where several steps are to be done, those before
/// the one that failed are.
pub fn carry_out(
    intent: &Intent,
    generation: Option<u32>,
    again: impl Fn() -> Result<(Intent, Option<u32>), Error>,
) -> Result<Vec<String>, Failed> {
    if intent.iptables_first && !intent.steps.is_empty() {
        let notes = try_out(intent, generation).map_err(Failed::before)?;
        load(intent).map_err(Failed::begun)?;
        commit_after_load(intent, again).map_err(Failed::begun)?;
        return Ok(notes);
    }
    let notes = try_steps(intent).map_err(Failed::before)?;
    commit(intent, generation).map_err(Failed::before)?;
    load(intent).map_err(Failed::begun)?;
    Ok(notes)
}

fn try_steps(intent: &Intent) -> Result<Vec<String>, Error> {
    let mut notes = Vec::new();
    for loading in &intent.steps {
        let tried = try_step(loading).map_err(|e| Error::Trial(loading.program, in_full(&e)));
        notes.extend(tried?);
    }
    Ok(notes)
}

/// What iptables-nft loads makes another generation of the ruleset: the batch behind it
/// goes onto that one, if it is still what the host needs.
fn commit_after_load(
    intent: &Intent,
    again: impl Fn() -> Result<(Intent, Option<u32>), Error>,
) -> Result<(), Error> {
    if intent.operations.is_empty() {
        return Ok(());
    }
    for _ in 0..ATTEMPTS {
        let (now, generation) = again()?;
        if !now.steps.is_empty() || now.operations != intent.operations {
            return Err(Error::Stale);
        }
        match commit(&now, generation) {
            Err(Error::Stale) => {}
            committed => return committed,
        }
    }
    Err(Error::Stale)
}

/// How a step was tried, where that is worth a sentence.
fn try_step(loading: &Loading) -> Result<Option<String>, iptables::Error> {
    let stubs = loading.step.on_stubs(&loading.before);
    let tried = programs_of(loading.program)?.try_step(&Trial {
        text: &loading.step.text,
        all: (&loading.before, &loading.step.after),
        stubs: (&stubs.0, &stubs.1),
    })?;
    Ok(match tried {
        Tried::OnAll | Tried::WithEmptySets(_) => None,
        Tried::OnStubs { why } => Some(format!(
            "the rules were tried among stand-ins for yours, since those do not load in a \
             namespace of their own: {why}"
        )),
        Tried::Not { why } => Some(format!("the rules were not tried before: {why}")),
    })
}

fn commit(intent: &Intent, generation: Option<u32>) -> Result<(), Error> {
    nft::commit(&intent.operations, generation.unwrap_or_default()).map_err(|e| Error::of_nft(&e))
}

fn load(intent: &Intent) -> Result<(), Error> {
    for Loading { program, step, .. } in &intent.steps {
        programs_of(*program)
            .and_then(|iptables| iptables.load(&step.text))
            .map_err(|e| Error::Load(*program, in_full(&e)))?;
    }
    Ok(())
}

/// Reads back what was written, compares, and evaluates.
///
/// # Errors
/// [`Error::NotAsWritten`] and [`Error::Blocked`].
pub fn verify(intent: &Intent, profiles: &[Profile], now: &Sight) -> Result<(), Error> {
    let (written, read) = (listing(&intent.after), listing(&now.ruleset));
    let differing = difference(&read, &written);
    let is_other = |d: &Difference| d.lines.iter().any(|(change, _)| *change != Change::Moved);
    if differing.iter().any(is_other) {
        return Err(Error::NotAsWritten(read));
    }
    judge(profiles, &now.facts, &now.host, &now.ruleset).map(drop)
}

/// How often a ruleset that changes meanwhile is read and written to again.
pub(super) const ATTEMPTS: u32 = 16;
