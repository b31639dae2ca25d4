//! Carries an intent out: reads the host, writes to the kernel, reads back.

use thiserror::Error;

use crate::facts::Facts;
use crate::facts::snapshot::Snapshot;
use crate::plan::Plan;
use crate::profile::Profile;
use crate::render::restore::step;
use crate::ruleset::eval::{HostFacts, Prepared};
use crate::ruleset::live::Ruleset;
use crate::ruleset::live::table::Maker;
use crate::ruleset::made::{Made, made, unmake};
use crate::ruleset::save::Save;
use crate::sys::iptables::{self, Iptables, Trial, Tried};
use crate::sys::{host, nft, ruleset};

use super::difference::{Block, listing};
use super::intent::{Host, Intent, Loading, Needs, Program, Refusal, needs};
use super::judge::{Blocked, Stopped, blocked};
use super::managers::is_owned;
use super::record::Backend;

/// The host as it was seen at one moment.
pub struct Sight {
    /// What is known of it besides its rules.
    pub facts: Facts,
    /// The same, as packets meet it.
    pub host: HostFacts,
    /// Its rules.
    pub ruleset: Ruleset,
    /// The generation of `nf_tables` that was read; `None` where there is none.
    pub generation: Option<u32>,
    /// The interface of its way to everyone.
    pub outside: Option<String>,
}

/// Why rules are not in the kernel.
#[derive(Debug, Error)]
pub enum Error {
    /// A chain drops what is needed, and there is no place before that.
    #[error("no place for a rule that is needed")]
    Refused(Box<Refusal>),
    /// With the rules in their place something would still stop what is needed.
    #[error("something would still stop what is needed")]
    Blocked(Vec<Blocked>, Box<Ruleset>),
    /// An iptables program did not say what it holds.
    #[error("cannot read the rules of iptables: {1}")]
    Save(Program, String),
    /// The ruleset changed since it was read; nothing was written.
    #[error("the ruleset changed since it was read")]
    Stale,
    /// This process may not write to `nf_tables`; nothing was written.
    #[error("{0}")]
    Privilege(String),
    /// The kernel lacks what a rule needs; nothing was written.
    #[error("{0}")]
    Feature(String),
    /// `nf_tables` refused something else, or did not answer.
    #[error("{0}")]
    Nft(String),
    /// An iptables program does not take what it would be given; it was only tried.
    #[error("{1}")]
    Trial(Program, String),
    /// An iptables program did not load what it was given.
    #[error("{1}")]
    Load(Program, String),
    /// What was read back is not what was written.
    #[error("the kernel holds other rules than were written")]
    NotAsWritten(Vec<Block>),
}

impl Error {
    fn of_nft(error: &nft::Error) -> Self {
        let words = format!("cannot write to nf_tables: {error}");
        match error {
            nft::Error::Stale => Self::Stale,
            nft::Error::Refused(refused) if refused.lacks_privilege() => Self::Privilege(words),
            nft::Error::Refused(refused) if refused.lacks_feature() => Self::Feature(words),
            _ => Self::Nft(words),
        }
    }
}

impl Sight {
    /// Looks at this host. `known`: its sources but for its ruleset.
    #[must_use]
    pub fn of_host(known: &Snapshot, may_load: bool) -> Self {
        let (ruleset, generation) = ruleset::read_with_generation(known, may_load);
        let facts = Facts::of(known.clone());
        Self {
            host: HostFacts::of(&facts),
            outside: host::default_interface(),
            facts,
            ruleset,
            generation,
        }
    }

    fn as_host(&self) -> Host<'_> {
        Host {
            ruleset: &self.ruleset,
            host: &self.host,
            facts: &self.facts,
            outside: self.outside.as_deref(),
        }
    }

    /// What to do for a plan; see [`needs`].
    ///
    /// # Errors
    /// [`Error::Refused`] and [`Error::Save`].
    pub fn intend(
        &self,
        plan: &Plan,
        leaving: &[String],
        back_end: Backend,
    ) -> Result<Intent, Error> {
        let refused = |refusal| Error::Refused(Box::new(refusal));
        let needs = needs(plan, leaving, back_end, self.as_host()).map_err(refused)?;
        let saves = saves(&needs)?;
        needs.intend(&saves).map_err(refused)
    }

    /// What to do for our own table alone, where guests have no place; see [`needs`].
    #[must_use]
    pub fn intend_own_table(&self, plan: &Plan, back_end: Backend) -> Intent {
        super::intent::own_table(plan, back_end, self.as_host())
    }

    /// What would still stop connections of these profiles once `intent` is carried out:
    /// what drops in general is an error, the rest may be said.
    ///
    /// # Errors
    /// [`Error::Blocked`]; [`Error::Refused`] where a table of another program's own does it.
    pub fn judge(&self, profiles: &[Profile], intent: &Intent) -> Result<Vec<Blocked>, Error> {
        let in_owned = |blocked: &Blocked, after: &Ruleset| match blocked.by {
            Stopped::General(at) => after.tables.get(at.table).is_some_and(is_owned),
            _ => false,
        };
        let judged = judge(profiles, &self.facts, &self.host, &intent.after);
        judged.map_err(|error| match (error, &intent.owned) {
            (Error::Blocked(found, after), Some(owned))
                if found.iter().any(|blocked| in_owned(blocked, &after)) =>
            {
                Error::Refused(Box::new(Refusal::Owned(Box::new(owned.clone()))))
            }
            (error, _) => error,
        })
    }

    /// The same of the rules as they are.
    ///
    /// # Errors
    /// [`Error::Blocked`].
    pub fn judge_as_it_is(&self, profiles: &[Profile]) -> Result<Vec<Blocked>, Error> {
        judge(profiles, &self.facts, &self.host, &self.ruleset)
    }
}

fn judge(
    profiles: &[Profile],
    facts: &Facts,
    host: &HostFacts,
    after: &Ruleset,
) -> Result<Vec<Blocked>, Error> {
    let found = blocked(profiles, facts, &Prepared::new(after, host));
    let is_general = |blocked: &Blocked| blocked.by.is_general();
    let (general, others): (Vec<Blocked>, Vec<Blocked>) = found.into_iter().partition(is_general);
    if general.is_empty() {
        Ok(others)
    } else {
        Err(Error::Blocked(general, Box::new(after.clone())))
    }
}

fn saves(needs: &Needs) -> Result<Vec<(Program, Save)>, Error> {
    let programs = needs.programs().iter();
    let save = |&program: &Program| {
        let save = programs_of(program).and_then(|iptables| iptables.save(None));
        save.map(|save| (program, save))
            .map_err(|e| Error::Save(program, in_full(&e)))
    };
    programs.map(save).collect()
}

fn programs_of(program: Program) -> Result<Iptables, iptables::Error> {
    let back_end = match program.maker {
        Maker::IptablesLegacy => iptables::BackEnd::Legacy,
        Maker::Nft | Maker::IptablesNft => iptables::BackEnd::Nft,
    };
    Iptables::find(back_end, program.family)
}

/// An error with its causes.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words = format!("{words}: {cause}");
        next = cause.source();
    }
    words
}

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
    let differing = super::difference::difference(&read, &written);
    let is_other = |d: &super::difference::Difference| {
        d.lines
            .iter()
            .any(|(change, _)| *change != super::difference::Change::Moved)
    };
    if differing.iter().any(is_other) {
        return Err(Error::NotAsWritten(read));
    }
    judge(profiles, &now.facts, &now.host, &now.ruleset).map(drop)
}

/// Takes away what iptables-nft made for our rules and nobody uses any more. `made`: what
/// is known to have been made so; gives what of it is still there.
///
/// # Errors
/// As [`carry_out`].
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

/// How often a ruleset that changes meanwhile is read and put back again.
const ATTEMPTS: u32 = 16;

/// Puts ours back to what it was before `intent`, whatever part of it was carried out;
/// what others changed meanwhile stays.
///
/// # Errors
/// As [`carry_out`].
pub fn put_back(before: &Ruleset, intent: &Intent, known: &Snapshot) -> Result<(), Error> {
    for loading in &intent.steps {
        let program = loading.program;
        let failed = |e: iptables::Error| Error::Load(program, in_full(&e));
        let iptables = programs_of(program).map_err(failed)?;
        let now = iptables.save(None).map_err(failed)?;
        if let Some(step) = step::back(&now, &loading.before, program.family) {
            iptables.load(&step.text).map_err(failed)?;
        }
    }
    for _ in 0..ATTEMPTS {
        let now = Sight::of_host(known, true);
        let operations = super::intent::put_back(&now.ruleset, before);
        if operations.is_empty() {
            return tidy(made(before, &now.ruleset), known).map(drop);
        }
        match nft::commit(&operations, now.generation.unwrap_or_default()) {
            Err(nft::Error::Stale) => {}
            committed => return committed.map_err(|e| Error::of_nft(&e)),
        }
    }
    Err(Error::Stale)
}
