//! Makes the change that `apply` and `remove` are: looks, plans, shows, asks, writes, reads
//! back, and undoes where that does not agree.

use crate::apply::difference::{Difference, difference, listing};
use crate::apply::install::{self, Error, Sight};
use crate::apply::intent::{Intent, strangers};
use crate::apply::judge::Blocked;
use crate::apply::ours::without_ours;
use crate::apply::perform::{self, load_modules, set_sysctls, unload_modules};
use crate::apply::record::{Backend, InstalledProfile, Record};
use crate::apply::system::{self, SystemChange};
use crate::output::{self, Failure, human, refusal};
use crate::plan;
use crate::profile::Profile;
use crate::ruleset::made::{Made, made};
use crate::sys::kmod;
use crate::sys::state::Locked;
use crate::sys::terminal::{Color, ask, write_stderr};

use super::installation::{self, Installation};
use super::snapshot;

/// How often a ruleset that changes meanwhile is read and planned on again.
const ATTEMPTS: u32 = 16;

/// What is to be installed afterwards.
pub(super) struct Wanted {
    /// All profiles, those that were installed before among them.
    pub(super) profiles: Vec<Profile>,
    /// Their texts, as they are recorded.
    pub(super) texts: Vec<InstalledProfile>,
    /// The names of those that go.
    pub(super) leaving: Vec<String>,
    /// What rules are put into; `None`: what fits.
    pub(super) back_end: Option<Backend>,
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Only show.
    Show,
    /// Show and ask first.
    Ask,
    /// Do it.
    Do,
}

/// What came of it.
pub(super) struct Done {
    /// What differs of the rules.
    pub(super) differing: Vec<Difference>,
    /// What differs of the kernel's settings.
    pub(super) system: SystemChange,
    /// What rules are put into.
    pub(super) back_end: Backend,
    /// Whether it was done.
    pub(super) end: End,
}

/// How a change ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// There was nothing to do.
    Nothing,
    /// It was shown only.
    Shown,
    /// It was asked about, and declined.
    Declined,
    /// It is done.
    Made,
}

/// All that is known before anything is written.
struct Scheme {
    sight: Sight,
    back_end: Backend,
    intent: Intent,
    system: SystemChange,
    differing: Vec<Difference>,
    notes: Vec<Blocked>,
}

/// Makes the change; nothing is changed where it fails, or everything is undone.
pub(super) fn make(
    wanted: &Wanted,
    installed: &Installation,
    locked: &Locked,
    manner: Manner,
    color: Color,
) -> anyhow::Result<Done> {
    let mut asked: Option<Vec<Difference>> = None;
    for _ in 0..ATTEMPTS {
        let scheme = Scheme::of(wanted, installed)?;
        if let Some(end) = scheme.ends_here(manner) {
            if end == End::Nothing {
                remember(wanted, installed, locked, &scheme)?;
            } else {
                scheme.warn(color);
            }
            return Ok(scheme.done(end));
        }
        // What was agreed to is what is done: after a foreign change it is asked again
        // where that makes a difference.
        if manner == Manner::Ask && asked.as_ref() != Some(&scheme.differing) {
            scheme.warn(color);
            if !agreed(&scheme, color)? {
                return Ok(scheme.done(End::Declined));
            }
            asked = Some(scheme.differing.clone());
        } else if manner == Manner::Do {
            scheme.warn(color);
        }
        match scheme.carry_out(wanted, installed, locked, color) {
            Ok(()) => return Ok(scheme.done(End::Made)),
            Err(Failed::Stale) => {}
            Err(Failed::For(failure)) => return Err(failure.into()),
        }
    }
    Err(refusal::failure(&Error::Stale, &crate::ruleset::live::Ruleset::default()).into())
}

enum Failed {
    Stale,
    For(Failure),
}

impl Scheme {
    fn of(wanted: &Wanted, installed: &Installation) -> Result<Self, Failure> {
        let known = snapshot::take_without_probes();
        let sight = Sight::of_host(&known, true);
        refuse_unread(&sight)?;
        let back_end =
            wanted
                .back_end
                .or(installed.back_end())
                .unwrap_or(if sight.generation.is_some() {
                    Backend::Nft
                } else {
                    Backend::IptablesLegacy
                });
        if back_end == Backend::Nft && sight.generation.is_none() {
            return Err(Failure::cannot("this kernel has no nf_tables")
                .help("use --backend iptables-legacy; nothing was changed"));
        }
        refuse_strangers(&sight, wanted)?;
        let plan = plan::plan(&wanted.profiles, &sight.facts);
        let leaving = leaving(wanted, &sight);
        let failed = |error: Error| refusal::failure(&error, &without_ours(&sight.ruleset));
        let intent = sight.intend(&plan, &leaving, back_end).map_err(failed)?;
        let notes = sight.judge(&wanted.profiles, &intent).map_err(failed)?;
        let system = system::change(
            &system::Wanted {
                profiles: &wanted.profiles,
                plan: &plan,
                modules_elsewhere: &installed.modules_elsewhere,
            },
            &sight.facts,
            &installed.changed(),
        );
        if let Some(obstacle) = system.obstacles.first() {
            return Err(Failure::cannot(obstacle.clone()).help("nothing was changed"));
        }
        let differing = difference(&listing(&sight.ruleset), &listing(&intent.after));
        Ok(Self {
            sight,
            back_end,
            intent,
            system,
            differing,
            notes,
        })
    }

    fn ends_here(&self, manner: Manner) -> Option<End> {
        let is_nothing = self.intent.is_empty() && self.system.is_empty();
        match manner {
            _ if is_nothing => Some(End::Nothing),
            Manner::Show => Some(End::Shown),
            Manner::Ask | Manner::Do => None,
        }
    }

    fn done(self, end: End) -> Done {
        Done {
            differing: self.differing,
            system: self.system,
            back_end: self.back_end,
            end,
        }
    }

    fn warn(&self, color: Color) {
        let warnings = self.intent.warnings.iter().chain(&self.system.warnings);
        for warning in warnings {
            write_stderr(&human::warning(warning), color);
        }
        for remark in output::apply::remarks(&self.notes, &self.intent.after) {
            write_stderr(&human::note(&remark), color);
        }
    }

    /// Modules, rules, sysctls, in the order in which each finds what it needs. What comes
    /// is recorded before it comes.
    fn carry_out(
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
        match install::carry_out(&self.intent, self.sight.generation) {
            Ok(notes) => {
                for note in notes {
                    write_stderr(&human::warning(&note), color);
                }
            }
            Err(Error::Stale) => {
                undo.nothing_written();
                return Err(Failed::Stale);
            }
            Err(error) => {
                let failure = refusal::failure(&error, &self.sight.ruleset);
                return Err(Failed::For(match error {
                    Error::Load(..) => undo.rules(failure),
                    _ => {
                        undo.nothing_written();
                        failure
                    }
                }));
            }
        }
        if let Err(error) = set_sysctls(&self.system.sysctls) {
            let left: Vec<String> = error.left.iter().map(ToString::to_string).collect();
            let failure = Failure::undone(format!("{error}: {}", error.source));
            let failure = undo.rules(failure);
            return Err(Failed::For(if left.is_empty() {
                failure
            } else {
                Failure::left(format!("{}; {}", failure.message, left.join("; ")))
            }));
        }
        let now = Sight::of_host(&self.sight.facts.snapshot, true);
        if let Err(error) = install::verify(&self.intent, &wanted.profiles, &now) {
            let failure = refusal::failure(&error, &self.sight.ruleset);
            let _ = perform::take_back(&self.system.sysctls);
            return Err(Failed::For(undo.rules(Failure {
                status: 4,
                ..failure
            })));
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
}

/// The rules are there already: what is recorded may still be an older text of the same.
fn remember(
    wanted: &Wanted,
    installed: &Installation,
    locked: &Locked,
    scheme: &Scheme,
) -> Result<(), Failure> {
    let record = scheme.record(wanted, installed, &[]);
    if record == installed.record {
        return Ok(());
    }
    installation::write(locked, record.as_ref())
}

/// Takes back what was begun.
struct Undo<'a> {
    scheme: &'a Scheme,
    installed: &'a Installation,
    locked: &'a Locked,
    loaded: &'a [String],
}

impl Undo<'_> {
    /// No rule was written: the record and the modules go back.
    fn nothing_written(&self) {
        let _ = installation::write(self.locked, self.installed.record.as_ref());
        let _ = perform::unload_again(self.loaded, &kmod::Host);
    }

    /// Puts ours back to what it was; others' rules are left as they are.
    fn rules(&self, failure: Failure) -> Failure {
        let sight = &self.scheme.sight;
        match install::put_back(&sight.ruleset, &self.scheme.intent, &sight.facts.snapshot) {
            Ok(()) => {
                self.nothing_written();
                failure.help("ftpnat's rules are as they were before")
            }
            Err(error) => {
                let again = refusal::failure(&error, &sight.ruleset);
                Failure::left(format!(
                    "{}; and it could not be undone: {}",
                    failure.message, again.message
                ))
                .help(
                    "`ftpnat status` shows what is there; `ftpnat remove` takes everything of \
                     ftpnat's out",
                )
            }
        }
    }
}

fn refuse_unread(sight: &Sight) -> Result<(), Failure> {
    match sight.ruleset.unread.first() {
        None => Ok(()),
        Some(unread) => Err(Failure::cannot(format!(
            "cannot read the rules that are in force ({}): {}",
            unread.what, unread.why
        ))
        .help("run as root, in the network namespace of the server; nothing was changed")),
    }
}

/// Rules of profiles that nobody knows: to replace our table whole would take them away.
fn refuse_strangers(sight: &Sight, wanted: &Wanted) -> Result<(), Failure> {
    if wanted.profiles.is_empty() {
        return Ok(());
    }
    let mut unknown = strangers(&sight.ruleset, &wanted.profiles);
    unknown.retain(|name| !wanted.leaving.contains(name));
    let Some(first) = unknown.first() else {
        return Ok(());
    };
    Err(Failure::cannot(format!(
        "there are rules of the profile {first}, and no record of it in the state directory"
    ))
    .help(format!(
        "give its profile too (--profile), or take its rules out first: ftpnat remove {first}"
    )))
}

/// The profiles whose rules go: with none left, those that only rules are left of too.
fn leaving(wanted: &Wanted, sight: &Sight) -> Vec<String> {
    let mut leaving = wanted.leaving.clone();
    if wanted.profiles.is_empty() {
        let seen = crate::apply::ours::profiles(&sight.ruleset);
        leaving.extend(
            seen.into_iter()
                .filter(|name| !wanted.leaving.contains(name)),
        );
    }
    leaving
}

fn agreed(scheme: &Scheme, color: Color) -> anyhow::Result<bool> {
    write_stderr(
        &output::apply::difference(&scheme.differing, &scheme.system),
        color,
    );
    let answer = ask("Change this? [y/N] ", color)?;
    Ok(answer.is_some_and(|a| ["y", "Y", "yes"].contains(&a.as_str())))
}
