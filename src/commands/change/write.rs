//! Writes what was decided, reads it back, and takes it back where that does not agree.

use crate::apply::before::before;
use crate::apply::journal::{Journal, Stage, Verb};
use crate::apply::perform::{load_modules, set_sysctls, unload_modules};
use crate::apply::record::Record;
use crate::apply::self_check::Calls;
use crate::apply::sight::{Error, Sight};
use crate::apply::system::ModuleStep;
use crate::apply::{install, undo};
use crate::commands::history::{self, Note};
use crate::commands::installation::{self, Installation};
use crate::output::{Failure, human, refusal};
use crate::profile::Profile;
use crate::ruleset::made::{Made, made};
use crate::sys::kmod::{self, Kmod as _};
use crate::sys::state::Locked;
use crate::sys::terminal::{Color, write_stderr};
use crate::sys::watchdog::Armed;
use crate::sys::{clock, wake};

use super::scheme::Scheme;
use super::{Open, Wanted};

/// Why a change was not made.
pub(super) enum Failed {
    /// The ruleset changed since it was read; nothing was written.
    Stale,
    /// Another reason; what was written is taken back, as far as that went.
    For(Failure),
}

impl Failed {
    fn of(error: &Error, scheme: &Scheme) -> Self {
        match error {
            Error::Stale => Self::Stale,
            error => Self::For(refusal::failure(error, &scheme.sight.ruleset)),
        }
    }
}

/// A change that is to be made, and where it is made.
#[derive(Clone, Copy)]
pub(super) struct Making<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) installed: &'a Installation,
    pub(super) locked: &'a Locked,
    /// How long it waits to be confirmed, in seconds.
    pub(super) window: Option<u64>,
    pub(super) color: Color,
}

impl Scheme {
    /// Has the kernel and the iptables programs try the rules, before they are shown. Where
    /// modules come first their helpers are not there yet.
    pub(super) fn try_out(&self, color: Color) -> Result<(), Failed> {
        let is_load = |step: &ModuleStep| matches!(step, ModuleStep::Load { .. });
        if self.system.modules.iter().any(is_load) {
            return Ok(());
        }
        let notes = install::try_out(&self.intent, self.sight.generation)
            .map_err(|error| Failed::of(&error, self))?;
        for note in notes {
            write_stderr(&human::warning(&note), color);
        }
        Ok(())
    }

    /// Makes the change: the journal first, then modules, rules and sysctls, in the order in
    /// which each finds what it needs. What a signal would cut short is done to its end.
    pub(super) fn carry_out(&self, making: Making) -> Result<Option<Open>, Failed> {
        let calls = making
            .window
            .map(|_| Calls::before(&making.wanted.profiles, &self.sight.facts));
        wake::be_deaf();
        let made = self.begin(making).and_then(|(journal, armed)| {
            self.make(making, &journal, calls.as_ref())
                .and_then(|()| finish(making, journal.clone()))
                .map_err(|failed| undone(failed, &journal, making.locked))
                .map(|journal| armed.map(|armed| Open { journal, armed }))
        });
        if made.is_err() {
            wake::hear_again();
        }
        made
    }

    /// Writes down what is there, and starts who puts it back.
    fn begin(&self, making: Making) -> Result<(Journal, Option<Armed>), Failed> {
        let mut before =
            before(&self.sight, &self.intent).map_err(|error| Failed::of(&error, self))?;
        before.record.clone_from(&making.installed.record);
        before.sysctls.clone_from(&self.system.sysctls);
        before.modules = self.missing_modules();
        let wanted = making.wanted;
        let names = wanted.texts.iter().map(|text| text.name.clone());
        let mut journal = Journal {
            id: history::new_id(),
            verb: if wanted.is_removal() {
                Verb::Remove
            } else {
                Verb::Apply
            },
            epoch: making.installed.epoch.clone(),
            pid: std::process::id(),
            since: clock::now(),
            profiles: if wanted.is_removal() {
                wanted.leaving.clone()
            } else {
                names.collect()
            },
            watch: None,
            stage: Stage::Begun,
            before,
        };
        let mut armed = None;
        if let Some(seconds) = making.window {
            let (process, watch, warning) =
                history::arm(making.locked, &journal.id, seconds).map_err(Failed::For)?;
            if let Some(warning) = warning {
                write_stderr(&human::warning(&warning), making.color);
            }
            armed = Some(process);
            journal.watch = Some(watch);
        }
        history::write(making.locked, &journal).map_err(Failed::For)?;
        Ok((journal, armed))
    }

    fn missing_modules(&self) -> Vec<String> {
        let loaded = kmod::Host.loaded().unwrap_or_default();
        let names = self.system.modules.iter().filter_map(|step| match step {
            ModuleStep::Load { name, .. } => Some(name.clone()),
            ModuleStep::Unload { .. } => None,
        });
        names.filter(|name| !loaded.contains(name)).collect()
    }

    fn make(&self, making: Making, journal: &Journal, calls: Option<&Calls>) -> Result<(), Unmade> {
        let Making {
            wanted,
            installed,
            locked,
            color,
            ..
        } = making;
        locked
            .lend_to_children(true)
            .map_err(|e| Unmade::before(installation::unkept(&e)))?;
        let modules = load_modules(&self.system.modules, &kmod::Host).map_err(|e| {
            let words = format!("{e}: {}", e.source);
            Unmade::before(Failure::cannot(words).help("nothing was changed"))
        })?;
        let record = self.record(wanted, installed, &modules.loaded);
        installation::write(locked, record.as_ref()).map_err(Unmade::before)?;
        let again = || {
            let now = Sight::of_host(&self.sight.facts.snapshot, true);
            let intent = now.intend(&self.plan, &self.leaving, self.back_end)?;
            Ok((intent, now.generation))
        };
        let notes = install::carry_out(&self.intent, self.sight.generation, again)
            .map_err(|failed| Unmade::of(&failed, self))?;
        for note in notes {
            write_stderr(&human::warning(&note), color);
        }
        set_sysctls(&self.system.sysctls).map_err(|error| {
            Unmade::begun(Failure::undone(format!("{error}: {}", error.source)))
        })?;
        let now = Sight::of_host(&self.sight.facts.snapshot, true);
        let judged: &[Profile] = if wanted.is_removal() {
            &[]
        } else {
            &wanted.profiles
        };
        install::verify(&self.intent, judged, &now)
            .map_err(|error| Unmade::begun(refusal::failure(&error, &self.sight.ruleset)))?;
        if let Some(calls) = calls {
            calls.after().map_err(|error| {
                Unmade::begun(Failure::undone(format!("{error}: {}", error.source)))
            })?;
        }
        self.tidy(record, journal, &now, locked)
            .map_err(Unmade::begun)?;
        let unloaded = unload_modules(&self.system.modules, &kmod::Host);
        for note in modules.notes.iter().chain(&unloaded.notes) {
            write_stderr(&human::warning(&note.to_string()), color);
        }
        Ok(())
    }

    /// Tables that iptables-nft made for our rules go with the last of these; until then it
    /// is recorded that they were made so.
    fn tidy(
        &self,
        record: Option<Record>,
        journal: &Journal,
        now: &Sight,
        locked: &Locked,
    ) -> Result<(), Failure> {
        let before = journal.before.record.iter();
        let recorded = before.flat_map(|r| &r.iptables_tables);
        let mut all: Vec<Made> = recorded.filter_map(|words| Made::parse(words)).collect();
        for made in made(&self.sight.ruleset, &now.ruleset) {
            if !all.contains(&made) {
                all.push(made);
            }
        }
        let left = undo::tidy(all, &self.sight.facts.snapshot)
            .map_err(|e| refusal::failure(&e, &now.ruleset))?;
        let words: Vec<String> = left.iter().map(Made::words).collect();
        match record {
            Some(mut record) if record.iptables_tables != words => {
                record.iptables_tables = words;
                installation::write(locked, Some(&record))
            }
            _ => Ok(()),
        }
    }

    fn record(
        &self,
        wanted: &Wanted,
        installed: &Installation,
        loaded: &[String],
    ) -> Option<Record> {
        let changed = self.system.recorded(loaded);
        let is_trace = !changed.sysctls.is_empty() || !changed.modules.is_empty();
        (!wanted.texts.is_empty() || is_trace).then(|| Record {
            backend: self.back_end,
            epoch: installed.epoch.clone(),
            profiles: wanted.texts.clone(),
            changed,
            iptables_tables: installed
                .record
                .as_ref()
                .map(|record| record.iptables_tables.clone())
                .unwrap_or_default(),
        })
    }

    /// The rules are there already: what is recorded may still be an older text of the same.
    pub(super) fn remember(
        &self,
        wanted: &Wanted,
        installed: &Installation,
        locked: &Locked,
    ) -> Result<(), Failure> {
        let record = self.record(wanted, installed, &[]);
        if record == installed.record {
            return Ok(());
        }
        installation::write(locked, record.as_ref())
    }
}

/// How far the change is: it stays, or waits to be confirmed. After a removal there is
/// nothing to take back.
fn finish(making: Making, mut journal: Journal) -> Result<Journal, Unmade> {
    let written = match making.window {
        None if journal.verb == Verb::Remove => history::clear(making.locked),
        None => history::keep(making.locked, &journal),
        Some(seconds) => {
            let until = clock::since_boot().as_millis();
            let until = u64::try_from(until).unwrap_or(u64::MAX);
            journal.stage = Stage::Waiting {
                until: until.saturating_add(seconds.saturating_mul(1000)),
            };
            history::write(making.locked, &journal)
        }
    };
    written.map(|()| journal).map_err(Unmade::begun)
}

/// A change that was not made as a whole.
struct Unmade {
    /// Why; `None`: the ruleset changed meanwhile, and it may be tried again.
    failure: Option<Failure>,
    /// Whether some of it may be in force.
    is_begun: bool,
}

impl Unmade {
    fn before(failure: Failure) -> Self {
        Self {
            failure: Some(failure),
            is_begun: false,
        }
    }

    fn begun(failure: Failure) -> Self {
        Self {
            failure: Some(failure),
            is_begun: true,
        }
    }

    fn of(failed: &install::Failed, scheme: &Scheme) -> Self {
        let failure = match failed.error {
            Error::Stale => None,
            _ => Some(refusal::failure(&failed.error, &scheme.sight.ruleset)),
        };
        Self {
            failure,
            is_begun: failed.is_begun,
        }
    }
}

/// Takes back what was begun, and says how that ended.
fn undone(unmade: Unmade, journal: &Journal, locked: &Locked) -> Failed {
    let why = unmade
        .failure
        .as_ref()
        .map_or("the ruleset changed", |f| &f.message);
    let left = match history::take_back(locked, journal, why, Note::Dropped) {
        Ok(undone) => undone.left,
        Err(failure) => vec![failure.message],
    };
    let is_undone = left.is_empty();
    match (unmade.failure, unmade.is_begun) {
        (None, _) if is_undone => Failed::Stale,
        (Some(failure), false) if is_undone => Failed::For(failure),
        (Some(failure), true) if is_undone => Failed::For(
            Failure {
                status: 4,
                ..failure
            }
            .help("ftpnat's rules are as they were before"),
        ),
        (failure, _) => {
            let first = failure.map_or_else(|| "the ruleset changed".to_owned(), |f| f.message);
            Failed::For(
                Failure::left(format!(
                    "{first}; and it could not be undone: {}",
                    left.join("; ")
                ))
                .help(
                    "`ftpnat status` shows what is there; `ftpnat rollback` tries again, and \
                     `ftpnat remove` takes everything of ftpnat's out",
                ),
            )
        }
    }
}
