//! Writes what was decided, reads it back, and takes it back where that does not agree.

use crate::apply::install;
use crate::apply::perform::{self, load_modules, set_sysctls, unload_modules};
use crate::apply::record::Record;
use crate::apply::sight::{Error, Sight};
use crate::apply::system::ModuleStep;
use crate::commands::installation::{self, Installation};
use crate::output::{Failure, human, refusal};
use crate::profile::Profile;
use crate::ruleset::made::{Made, made};
use crate::sys::kmod;
use crate::sys::state::Locked;
use crate::sys::sysctls::SysctlError;
use crate::sys::terminal::{Color, write_stderr};

use super::Wanted;
use super::scheme::Scheme;

/// Why a change was not made.
pub(super) enum Failed {
    /// The ruleset changed since it was read; nothing was written.
    Stale,
    /// Another reason; what was written is taken back, as far as that went.
    For(Failure),
}

impl Scheme {
    /// Has the kernel and the iptables programs try the rules, before they are shown. Where
    /// modules come first their helpers are not there yet.
    pub(super) fn try_out(&self, color: Color) -> Result<(), Failed> {
        let is_load = |step: &ModuleStep| matches!(step, ModuleStep::Load { .. });
        if self.system.modules.iter().any(is_load) {
            return Ok(());
        }
        match install::try_out(&self.intent, self.sight.generation) {
            Ok(notes) => {
                for note in notes {
                    write_stderr(&human::warning(&note), color);
                }
                Ok(())
            }
            Err(Error::Stale) => Err(Failed::Stale),
            Err(error) => Err(Failed::For(refusal::failure(&error, &self.sight.ruleset))),
        }
    }

    /// Modules, rules, sysctls, in the order in which each finds what it needs. What comes
    /// is recorded before it comes.
    pub(super) fn carry_out(
        &self,
        wanted: &Wanted,
        installed: &Installation,
        locked: &Locked,
        color: Color,
    ) -> Result<(), Failed> {
        let modules = load_modules(&self.system.modules, &kmod::Host).map_err(|e| {
            let _ = perform::unload_again(&e.loaded, &kmod::Host);
            Failed::For(Failure::cannot(format!("{e}: {}", e.source)).help("nothing was changed"))
        })?;
        let record = self.record(wanted, installed, &modules.loaded);
        installation::write(locked, record.as_ref()).map_err(Failed::For)?;
        let undo = Undo {
            scheme: self,
            installed,
            locked,
            loaded: &modules.loaded,
        };
        let again = || {
            let now = Sight::of_host(&self.sight.facts.snapshot, true);
            let intent = now.intend(&self.plan, &self.leaving, self.back_end)?;
            Ok((intent, now.generation))
        };
        match install::carry_out(&self.intent, self.sight.generation, again) {
            Ok(notes) => {
                for note in notes {
                    write_stderr(&human::warning(&note), color);
                }
            }
            Err(failed) => return Err(undo.of(&failed)),
        }
        if let Err(error) = set_sysctls(&self.system.sysctls) {
            let failure = Failure::undone(format!("{error}: {}", error.source));
            return Err(Failed::For(undo.rules_and(failure, &error.left)));
        }
        let now = Sight::of_host(&self.sight.facts.snapshot, true);
        let judged: &[Profile] = if wanted.is_removal() {
            &[]
        } else {
            &wanted.profiles
        };
        if let Err(error) = install::verify(&self.intent, judged, &now) {
            let failure = refusal::failure(&error, &self.sight.ruleset);
            let left = perform::take_back(&self.system.sysctls);
            return Err(Failed::For(undo.rules_and(failure, &left)));
        }
        self.tidy(record, installed, &now, locked)
            .map_err(Failed::For)?;
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
        installed: &Installation,
        now: &Sight,
        locked: &Locked,
    ) -> Result<(), Failure> {
        let recorded = installed.record.iter().flat_map(|r| &r.iptables_tables);
        let mut all: Vec<Made> = recorded.filter_map(|words| Made::parse(words)).collect();
        for made in made(&self.sight.ruleset, &now.ruleset) {
            if !all.contains(&made) {
                all.push(made);
            }
        }
        let left = install::tidy(all, &self.sight.facts.snapshot)
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
            boot: installed.boot.clone(),
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

/// Takes back what was begun.
struct Undo<'a> {
    scheme: &'a Scheme,
    installed: &'a Installation,
    locked: &'a Locked,
    loaded: &'a [String],
}

impl Undo<'_> {
    /// A change that was not carried out, as far as it was begun.
    fn of(&self, failed: &install::Failed) -> Failed {
        let failure = || refusal::failure(&failed.error, &self.scheme.sight.ruleset);
        match (&failed.error, failed.is_begun) {
            (Error::Stale, true) => match self.put_back() {
                Ok(()) => Failed::Stale,
                Err(error) => Failed::For(self.left(&failure(), &error)),
            },
            (_, true) => Failed::For(self.rules(failure())),
            (Error::Stale, false) => {
                self.nothing_written();
                Failed::Stale
            }
            (_, false) => {
                self.nothing_written();
                Failed::For(failure())
            }
        }
    }

    /// No rule was written: the record and the modules go back.
    fn nothing_written(&self) {
        let _ = installation::write(self.locked, self.installed.record.as_ref());
        let _ = perform::unload_again(self.loaded, &kmod::Host);
    }

    /// Puts ours back to what it was, after sysctls that may be left.
    fn rules_and(&self, failure: Failure, left: &[SysctlError]) -> Failure {
        let failure = self.rules(failure);
        if left.is_empty() {
            return failure;
        }
        let left: Vec<String> = left.iter().map(ToString::to_string).collect();
        Failure::left(format!("{}; {}", failure.message, left.join("; ")))
            .help("set these sysctls by hand; ftpnat's rules are as they were before")
    }

    /// Puts ours back to what it was; others' rules are left as they are.
    fn rules(&self, failure: Failure) -> Failure {
        match self.put_back() {
            Ok(()) => Failure {
                status: 4,
                ..failure
            }
            .help("ftpnat's rules are as they were before"),
            Err(error) => self.left(&failure, &error),
        }
    }

    fn put_back(&self) -> Result<(), Error> {
        let sight = &self.scheme.sight;
        install::put_back(&sight.ruleset, &self.scheme.intent, &sight.facts.snapshot)?;
        self.nothing_written();
        Ok(())
    }

    /// Neither done nor undone.
    fn left(&self, failure: &Failure, error: &Error) -> Failure {
        let again = refusal::failure(error, &self.scheme.sight.ruleset);
        Failure::left(format!(
            "{}; and it could not be undone: {}",
            failure.message, again.message
        ))
        .help(
            "`ftpnat status` shows what is there; `ftpnat remove` takes everything of ftpnat's \
             out",
        )
    }
}
