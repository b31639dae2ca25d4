//! All that is decided before anything is written.

use crate::apply::difference::{Difference, difference, listing};
use crate::apply::intent::{Intent, strangers};
use crate::apply::lockout::Access;
use crate::apply::ours;
use crate::apply::record::Backend;
use crate::apply::sight::{Error, Sight};
use crate::apply::system::{self, SystemChange};
use crate::commands::installation::Installation;
use crate::facts::Facts;
use crate::facts::snapshot::Snapshot;
use crate::output::{self, Failure, human, refusal};
use crate::plan::flows::connections;
use crate::plan::reach::Blocked;
use crate::plan::{self, Plan};
use crate::profile::Profile;
use crate::ruleset::eval::Prepared;
use crate::sys::administrator;
use crate::sys::collect::{self, About};
use crate::sys::terminal::{Color, write_stderr};

use super::{Done, End, Manner, Wanted};

/// All that is known before anything is written.
pub(super) struct Scheme {
    pub(super) sight: Sight,
    pub(super) back_end: Backend,
    pub(super) plan: Plan,
    pub(super) leaving: Vec<String>,
    pub(super) intent: Intent,
    pub(super) system: SystemChange,
    pub(super) differing: Vec<Difference>,
    pub(super) notes: Vec<Blocked>,
    /// Profiles of which nothing could be judged.
    pub(super) unjudged: Vec<String>,
}

impl Scheme {
    pub(super) fn of(wanted: &Wanted, installed: &Installation) -> Result<Self, Failure> {
        let sight = Sight::of_host(&known(wanted, installed), true);
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
        refuse_others(&sight, installed)?;
        refuse_strangers(&sight, wanted)?;
        let plan = plan::plan(&wanted.profiles, &sight.facts);
        let leaving = leaving(wanted, &sight);
        let failed = |error: Error| refusal::failure(&error, &ours::without_ours(&sight.ruleset));
        let intent = sight.intend(&plan, &leaving, back_end).map_err(failed)?;
        let notes = match sight.judge(&wanted.profiles, &intent) {
            // What others drop of profiles that stay is no reason to keep the rest.
            Err(Error::Blocked(found, _)) if wanted.is_removal() => found,
            judged => judged.map_err(failed)?,
        };
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
        refuse_lockout(&sight, &intent)?;
        let differing = difference(&listing(&sight.ruleset), &listing(&intent.after));
        let unjudged = unjudged(&wanted.profiles, &sight.facts);
        Ok(Self {
            sight,
            back_end,
            plan,
            leaving,
            intent,
            system,
            differing,
            notes,
            unjudged,
        })
    }

    pub(super) fn ends_here(&self, manner: Manner) -> Option<End> {
        let is_nothing = self.intent.is_empty() && self.system.is_empty();
        match manner {
            _ if is_nothing => Some(End::Nothing),
            Manner::Show => Some(End::Shown),
            Manner::Ask | Manner::Do => None,
        }
    }

    pub(super) fn done(self, end: End) -> Done {
        Done {
            differing: self.differing,
            system: self.system,
            back_end: self.back_end,
            is_noted: !self.notes.is_empty() || !self.unjudged.is_empty(),
            end,
            is_shown: false,
            open: None,
            is_confirmed: false,
        }
    }

    pub(super) fn warn(&self, color: Color) {
        let warnings = self.intent.warnings.iter().chain(&self.system.warnings);
        for warning in warnings {
            write_stderr(&human::warning(warning), color);
        }
        if let Some(fleeting) = &self.intent.fleeting {
            let words = output::managers::undone_by_ufw(fleeting);
            write_stderr(&human::warning(&words), color);
        }
        for remark in output::apply::remarks(&self.notes, &self.intent.after) {
            write_stderr(&human::note(&remark), color);
        }
        for name in &self.unjudged {
            let words = format!(
                "{name}: this host has no address that its clients would call, so whether they \
                 get through was not judged"
            );
            write_stderr(&human::note(&words), color);
        }
    }
}

/// The profiles of which no connection can be made up on this host.
fn unjudged(profiles: &[Profile], facts: &Facts) -> Vec<String> {
    let is_unjudged = |profile: &&Profile| connections(profile, facts).is_empty();
    let unjudged = profiles.iter().filter(is_unjudged);
    unjudged.map(|profile| profile.name.clone()).collect()
}

/// The host's sources; what the kernel has of helpers only where one is needed, or was.
fn known(wanted: &Wanted, installed: &Installation) -> Snapshot {
    let plan = plan::plan(&wanted.profiles, &Facts::default());
    let is_needed = plan.profiles.iter().any(|p| !p.modules.is_empty());
    collect::snapshot(About::Change {
        helper: is_needed || !installed.changed().modules.is_empty(),
    })
}

fn refuse_unread(sight: &Sight) -> Result<(), Failure> {
    match refusal::unread(&sight.ruleset) {
        None => Ok(()),
        Some(failure) => Err(failure),
    }
}

/// A table of our name with nothing of ours in it is somebody else's: it would be replaced,
/// or deleted, as a whole.
fn refuse_others(sight: &Sight, installed: &Installation) -> Result<(), Failure> {
    if installed.record.is_some() {
        return Ok(());
    }
    match ours::of_others(&sight.ruleset) {
        Some(table) => Err(refusal::table_of_others(table)),
        None => Ok(()),
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

/// Whoever administers the host must be able to go on doing so.
fn refuse_lockout(sight: &Sight, intent: &Intent) -> Result<(), Failure> {
    if intent.is_empty() {
        return Ok(());
    }
    let seen = administrator::look();
    let sockets = seen.sockets.each_ref().map(String::as_str);
    let access = Access::of(seen.connection.as_deref(), sockets, &seen.listeners);
    let before = Prepared::new(&sight.ruleset, &sight.host);
    let after = Prepared::new(&intent.after, &sight.host);
    match access.lost(&sight.facts, &before, &after) {
        None => Ok(()),
        Some(lost) => Err(refusal::locked_out(&lost, &intent.after)),
    }
}

/// The profiles whose rules go: with none left, those that only rules are left of too.
fn leaving(wanted: &Wanted, sight: &Sight) -> Vec<String> {
    let mut leaving = wanted.leaving.clone();
    if wanted.profiles.is_empty() {
        let seen = ours::profiles(&sight.ruleset);
        leaving.extend(
            seen.into_iter()
                .filter(|name| !wanted.leaving.contains(name)),
        );
    }
    leaving
}
