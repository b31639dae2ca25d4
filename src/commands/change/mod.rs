//! Makes the change that `apply` and `remove` are: looks, plans, shows, asks, writes, reads
//! back, and undoes where that does not agree.

mod scheme;
mod write;

use crate::apply::difference::Difference;
use crate::apply::journal::Journal;
use crate::apply::record::{Backend, InstalledProfile};
use crate::apply::sight::Error;
use crate::apply::system::SystemChange;
use crate::output::{self, refusal};
use crate::profile::Profile;
use crate::ruleset::live::Ruleset;
use crate::sys::state::Locked;
use crate::sys::terminal::{Color, ask, is_yes, write_stderr};
use crate::sys::watchdog::Armed;

use super::installation::Installation;

use scheme::Scheme;
use write::{Failed, Making};

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

impl Wanted {
    /// Whether profiles go, and none comes.
    pub(super) fn is_removal(&self) -> bool {
        !self.leaving.is_empty()
    }
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

/// A change that is in force, and is taken back unless it is confirmed.
pub(super) struct Open {
    /// Its journal.
    pub(super) journal: Journal,
    /// Who takes it back.
    pub(super) armed: Armed,
}

/// What came of it.
pub(super) struct Done {
    /// What differs of the rules.
    pub(super) differing: Vec<Difference>,
    /// What differs of the kernel's settings.
    pub(super) system: SystemChange,
    /// What rules are put into.
    pub(super) back_end: Backend,
    /// Whether something was said of connections that may not get through.
    pub(super) is_noted: bool,
    /// Whether it was done.
    pub(super) end: End,
    /// Whether what differs was shown, to ask about it.
    pub(super) is_shown: bool,
    /// What is to be confirmed.
    pub(super) open: Option<Open>,
    /// Whether it was confirmed.
    pub(super) is_confirmed: bool,
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

/// Makes the change; nothing is changed where it fails, or everything is undone. `window`:
/// how many seconds it waits to be confirmed.
pub(super) fn make(
    wanted: &Wanted,
    installed: &Installation,
    locked: &Locked,
    (manner, window): (Manner, Option<u64>),
    color: Color,
) -> anyhow::Result<Done> {
    let mut asked: Option<Vec<Difference>> = None;
    for _ in 0..ATTEMPTS {
        let scheme = Scheme::of(wanted, installed)?;
        if manner != Manner::Do {
            match scheme.try_out(color) {
                Ok(()) => {}
                Err(Failed::Stale) => continue,
                Err(Failed::For(failure)) => return Err(failure.into()),
            }
        }
        if let Some(end) = scheme.ends_here(manner) {
            if end == End::Nothing {
                scheme.remember(wanted, installed, locked)?;
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
        let making = Making {
            wanted,
            installed,
            locked,
            window,
            color,
        };
        match scheme.carry_out(making) {
            Ok(open) => {
                return Ok(Done {
                    is_shown: asked.is_some(),
                    open,
                    ..scheme.done(End::Made)
                });
            }
            Err(Failed::Stale) => {}
            Err(Failed::For(failure)) => return Err(failure.into()),
        }
    }
    Err(refusal::failure(&Error::Stale, &Ruleset::default()).into())
}

fn agreed(scheme: &Scheme, color: Color) -> anyhow::Result<bool> {
    write_stderr(
        &output::apply::difference(&scheme.differing, &scheme.system),
        color,
    );
    let answer = ask("Change this? [y/N] ", color)?;
    Ok(answer.is_some_and(|answer| is_yes(&answer)))
}
