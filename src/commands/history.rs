//! The journal of the last change: read, written, and taken back.

use std::ffi::OsStr;
use std::time::Duration;

use crate::apply::journal::{self, Journal, Stage, Watch};
use crate::apply::record::RecordError;
use crate::apply::undo::{Undone, undo};
use crate::cli::StateDirectory;
use crate::output::history::Now;
use crate::output::{self, Failure, one_line};
use crate::sys::collect::{self, About};
use crate::sys::state::{Locked, SubState};
use crate::sys::terminal::{Color, write_stderr};
use crate::sys::watchdog::{self, Armed, Identity};
use crate::sys::{clock, kmod, process, systemd};

use super::installation::{self, unkept};

/// How long systemd's timer waits beyond the watchdog.
const BEYOND: u64 = 30;

/// What remains of a journal whose change was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Note {
    /// What happened and why, for who comes later.
    Kept,
    /// Nothing: who asked is told.
    Dropped,
}

/// Reads the journal; of a network namespace that is gone there is none.
pub(super) fn read(sub_state: &SubState) -> Result<Option<Journal>, Failure> {
    parsed(sub_state)?.map_err(|error| unusable(sub_state, &error))
}

/// The same where one that is damaged is as good as none, with a word on that: what cannot be
/// taken back can still be taken out. A newer ftpnat's is not passed over.
pub(super) fn read_even_damaged(
    sub_state: &SubState,
) -> Result<(Option<Journal>, Option<String>), Failure> {
    match parsed(sub_state)? {
        Ok(journal) => Ok((journal, None)),
        Err(error @ RecordError::Newer(_)) => Err(unusable(sub_state, &error)),
        Err(error) => Ok((None, Some(unusable(sub_state, &error).message))),
    }
}

fn parsed(sub_state: &SubState) -> Result<Result<Option<Journal>, RecordError>, Failure> {
    let bytes = sub_state.read(journal::FILE).map_err(|e| unkept(&e))?;
    let parsed = bytes.map(|bytes| Journal::parse(&bytes)).transpose();
    let is_of_it = |j: &Journal| sub_state.is_of_host() || j.epoch == sub_state.epoch();
    Ok(parsed.map(|journal| journal.filter(is_of_it)))
}

fn unusable(sub_state: &SubState, error: &RecordError) -> Failure {
    let path = sub_state.folder().join(journal::FILE);
    let shown = one_line(&path.display().to_string());
    Failure::cannot(format!(
        "cannot use {shown}, which says how the last change is taken back: {error}"
    ))
    .help(match error {
        RecordError::Newer(_) => "nothing was changed",
        _ => {
            "`ftpnat remove` takes everything of ftpnat's out, which it finds by its comments, \
             and that file with it"
        }
    })
}

/// Writes it.
pub(super) fn write(locked: &Locked, journal: &Journal) -> Result<(), Failure> {
    let bytes = journal
        .to_json()
        .map_err(|e| Failure::cannot(format!("cannot write down what is about to change: {e}")))?;
    locked.write(journal::FILE, &bytes).map_err(|e| unkept(&e))
}

/// Takes it away.
pub(super) fn clear(locked: &Locked) -> Result<(), Failure> {
    locked.remove(journal::FILE).map_err(|e| unkept(&e))
}

/// Says that a change stays.
pub(super) fn keep(locked: &Locked, journal: &Journal) -> Result<(), Failure> {
    let kept = Journal {
        stage: Stage::Kept,
        ..journal.clone()
    };
    write(locked, &kept)?;
    disarm(journal);
    Ok(())
}

/// Takes a change back, whatever came of it. It needs no room on the disk: where nothing can
/// be written, the rules go back all the same, and that is said of the rest. A failure where
/// nothing was tried.
pub(super) fn take_back(
    locked: &Locked,
    journal: &Journal,
    why: &str,
    note: Note,
) -> Result<Undone, Failure> {
    if !process::may_change_rules() {
        return Err(Failure::cannot(
            "undoing changes rules, which this user may not (CAP_NET_ADMIN)",
        )
        .help("run as root; nothing was changed"));
    }
    let mut now = journal.clone();
    now.stage = Stage::Undoing {
        why: why.to_owned(),
    };
    let _ = write(locked, &now);
    let _ = locked.lend_to_children(true);
    let known = collect::snapshot(About::Change { helper: false });
    let is_same_epoch = journal.epoch == locked.state().epoch();
    let mut undone = undo(&journal.before, is_same_epoch, &known, &kmod::Host);
    if undone.left.is_empty() {
        now.stage = Stage::Undone {
            why: why.to_owned(),
            at: clock::now(),
        };
        let record = journal.before.record.as_ref();
        let written = installation::write(locked, record).and_then(|()| match note {
            // Without room for it there is no note.
            Note::Kept => write(locked, &now).or_else(|_| clear(locked)),
            Note::Dropped => clear(locked),
        });
        undone.left.extend(written.err().map(|e| e.message));
    }
    if undone.left.is_empty() {
        disarm(journal);
    }
    Ok(undone)
}

/// What the last change left to be done, as it is at this moment.
pub(super) struct Open {
    /// The change.
    pub(super) journal: Option<Journal>,
    /// How it is with it.
    pub(super) now: Now,
}

impl Open {
    /// Looks.
    pub(super) fn of(sub_state: &SubState) -> Result<Self, Failure> {
        let journal = read(sub_state)?;
        let stage = journal.as_ref().map(|journal| &journal.stage);
        let left = match stage {
            Some(Stage::Waiting { until }) => left_of(*until),
            _ => None,
        };
        let watch = journal.as_ref().and_then(|journal| journal.watch.as_ref());
        let now = Now {
            left,
            is_watched: watch.is_some_and(is_watched),
            is_made_still: journal.as_ref().is_some_and(|j| process::is_ours(j.pid)),
            is_at_work: sub_state.holder().is_some(),
        };
        Ok(Self { journal, now })
    }

    /// Whether it is not as it should be: a change that was cut short, or whose undo is
    /// overdue, or that nobody watches over.
    pub(super) fn is_wrong(&self) -> bool {
        match self.journal.as_ref().map(|journal| &journal.stage) {
            Some(Stage::Begun | Stage::Undoing { .. }) => !self.now.is_at_work,
            Some(Stage::Waiting { .. }) => self.now.left.is_none() || !self.now.is_watched,
            Some(Stage::Kept | Stage::Undone { .. }) | None => false,
        }
    }

    /// What `status` says of it.
    pub(super) fn words(&self) -> String {
        let words = |journal| output::history::status(journal, self.now);
        self.journal.as_ref().map(words).unwrap_or_default()
    }

    /// How long a change of this profile waits to be confirmed, in seconds; 0 where its undo
    /// is overdue.
    pub(super) fn pending(&self, profile: &str) -> Option<u64> {
        let journal = self.journal.as_ref()?;
        let is_of_it = journal.profiles.iter().any(|name| name == profile);
        let is_waiting = matches!(journal.stage, Stage::Waiting { .. });
        let left = self.now.left.map_or(0, |left| left.as_secs().max(1));
        (is_waiting && is_of_it).then_some(left)
    }
}

/// Says on standard error where an undo is overdue or was cut short, whatever else is asked
/// for: what cannot be looked at says nothing.
pub(super) fn remind(state: &StateDirectory, color: Color) {
    let open = installation::sub_state(state).and_then(|sub_state| Open::of(&sub_state));
    let Ok(Open {
        journal: Some(journal),
        now: Now {
            left,
            is_at_work: false,
            ..
        },
    }) = open
    else {
        return;
    };
    if let Some(words) = output::history::reminder(&journal, left) {
        write_stderr(&words, color);
    }
}

/// What could not be taken back, as a failure.
pub(super) fn left(undone: &Undone) -> Option<Failure> {
    if undone.left.is_empty() {
        return None;
    }
    let failure = Failure::left(format!(
        "it could not be undone: {}",
        undone.left.join("; ")
    ));
    Some(
        failure.help(
            "`ftpnat rollback` tries again; `ftpnat remove` takes everything of ftpnat's out",
        ),
    )
}

/// Starts who takes a change back where nobody confirms it, before it is made: a process,
/// and systemd's timer where there is one. Gives what is to be said besides.
pub(super) fn arm(
    locked: &Locked,
    id: &str,
    seconds: u64,
) -> Result<(Armed, Watch, Option<String>), Failure> {
    // Who outlives this process must not hold its lock.
    locked.lend_to_children(false).map_err(|e| unkept(&e))?;
    let sub_state = locked.state();
    let root = std::path::absolute(sub_state.root()).unwrap_or_else(|_| sub_state.root().into());
    let arguments = ["watchdog", "--id", id, "--state-dir"].map(OsStr::new);
    let mut arguments = arguments.to_vec();
    arguments.push(root.as_os_str());
    let armed = watchdog::arm(&arguments).map_err(|error| {
        Failure::cannot(format!(
            "cannot start the process that would undo the change: {error}"
        ))
        .help("nothing was changed")
    })?;
    let mut warning = None;
    let mut timer = None;
    if sub_state.is_of_host()
        && systemd::is_running()
        && let Some(root) = root.to_str()
    {
        let unit = format!("ftpnat-undo-{id}");
        let arguments = ["watchdog", "--at-once", "--id", id, "--state-dir", root];
        match systemd::arm(&unit, seconds.saturating_add(BEYOND), &arguments) {
            Ok(()) => timer = Some(unit),
            Err(why) => {
                warning = Some(format!(
                    "systemd has no timer for the undo, so it hangs on one process: {why}"
                ));
            }
        }
    }
    let watch = Watch {
        seconds,
        pid: armed.process.pid,
        started: armed.process.started,
        timer,
    };
    Ok((armed, watch, warning))
}

fn disarm(journal: &Journal) {
    let timer = journal
        .watch
        .as_ref()
        .and_then(|watch| watch.timer.as_ref());
    if let Some(unit) = timer {
        systemd::disarm(unit);
    }
}

/// What no other change has.
pub(super) fn new_id() -> String {
    let (pid, nanos) = (std::process::id(), clock::since_boot().as_nanos());
    format!("{nanos:x}-{pid:x}")
}

/// How long until an unconfirmed change is taken back; `None`: that is overdue.
pub(super) fn left_of(until: u64) -> Option<Duration> {
    Duration::from_millis(until)
        .checked_sub(clock::since_boot())
        .filter(|left| !left.is_zero())
}

/// Whether the process runs that takes it back.
pub(super) fn is_watched(watch: &Watch) -> bool {
    let Watch { pid, started, .. } = *watch;
    Identity { pid, started }.is_alive()
}
