//! Looks at the host, and decides there what a plan needs.

use thiserror::Error;

use crate::facts::Facts;
use crate::facts::snapshot::Snapshot;
use crate::plan::Plan;
use crate::profile::Profile;
use crate::ruleset::eval::{HostFacts, Prepared};
use crate::ruleset::live::Ruleset;
use crate::ruleset::live::table::Maker;
use crate::ruleset::save::Save;
use crate::sys::iptables::{self, Iptables};
use crate::sys::{host, in_full, nft, ruleset};

use super::difference::Block;
use super::intent::{Host, Intent, Program, Refusal, needs};
use super::record::Backend;
use super::removal;
use crate::plan::reach::{Blocked, Stopped, blocked};
use crate::ruleset::owner::is_owned;

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
    pub(super) fn of_nft(error: &nft::Error) -> Self {
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
        Self {
            generation,
            ..Self::with_rules(known, ruleset)
        }
    }

    /// The same where its ruleset was read already, to be looked at only: nothing can be
    /// written by it.
    #[must_use]
    pub fn with_rules(known: &Snapshot, ruleset: Ruleset) -> Self {
        let facts = Facts::of(known.clone());
        Self {
            host: HostFacts::of(&facts),
            outside: host::default_interface(),
            facts,
            ruleset,
            generation: None,
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

    /// What to do for a plan; see [`needs`]. Where profiles leave, and one that stays cannot
    /// be placed any more, its rules stay as they are.
    ///
    /// # Errors
    /// [`Error::Refused`] and [`Error::Save`].
    pub fn intend(
        &self,
        plan: &Plan,
        leaving: &[String],
        back_end: Backend,
    ) -> Result<Intent, Error> {
        match self.place(plan, leaving, back_end) {
            Err(Error::Refused(_)) if !leaving.is_empty() => {
                let saves = saves(&removal::programs(&self.ruleset))?;
                let host = self.as_host();
                Ok(removal::removal(plan, leaving, back_end, host, &saves))
            }
            placed => placed,
        }
    }

    fn place(&self, plan: &Plan, leaving: &[String], to: Backend) -> Result<Intent, Error> {
        let refused = |refusal| Error::Refused(Box::new(refusal));
        let needs = needs(plan, leaving, to, self.as_host()).map_err(refused)?;
        let saves = saves(needs.programs())?;
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

pub(super) fn judge(
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

pub(super) fn saves(programs: &[Program]) -> Result<Vec<(Program, Save)>, Error> {
    let programs = programs.iter();
    let save = |&program: &Program| {
        let save = programs_of(program).and_then(|iptables| iptables.save(None));
        save.map(|save| (program, save))
            .map_err(|e| Error::Save(program, in_full(&e)))
    };
    programs.map(save).collect()
}

pub(super) fn programs_of(program: Program) -> Result<Iptables, iptables::Error> {
    let back_end = match program.maker {
        Maker::IptablesLegacy => iptables::BackEnd::Legacy,
        Maker::Nft | Maker::IptablesNft => iptables::BackEnd::Nft,
    };
    Iptables::find(back_end, program.family)
}
