//! The journal of the last change: read, written, and taken back.

use std::ffi::OsStr;
use std::time::Duration;

use crate::apply::journal::{self, Journal, Stage, Watch};
use crate::apply::undo::{Undone, undo};
use crate::output::{Failure, one_line};
use crate::sys::collect::{self, About};
use crate::sys::state::{Locked, SubState};
use crate::sys::watchdog::{self, Armed, Identity};
use crate::sys::{clock, kmod, systemd};

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
    let path = sub_state.folder().join(journal::FILE);
    let shown = one_line(&path.display().to_string());
    let bytes = sub_state.read(journal::FILE).map_err(|e| unkept(&e))?;
    let parsed = bytes.map(|bytes| Journal::parse(&bytes)).transpose();
    let journal = parsed.map_err(|e| {
        Failure::cannot(format!(
            "cannot use {shown}, which says how the last change is taken back: {e}"
        ))
        .help(
            "move that file away; `ftpnat remove` then takes everything of ftpnat's out, which \
             it finds by its comments",
        )
    })?;
    Ok(journal.filter(|j| sub_state.is_of_host() || j.epoch == sub_state.epoch()))
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
/// be written, the rules go back all the same, and that is said of the rest.
pub(super) fn take_back(locked: &Locked, journal: &Journal, why: &str, note: Note) -> Undone {
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
            Note::Kept => write(locked, &now),
            Note::Dropped => clear(locked),
        });
        undone.left.extend(written.err().map(|e| e.message));
    }
    if undone.left.is_empty() {
        disarm(journal);
    }
    undone
}

/// What could not be taken back, as a failure.
pub(super) fn left(undone: &Undone) -> Option<Failure> {
    if undone.left.is_empty() {
        return None;
    }
    let failure = Failure::left(format!("it could not be undone: {}", undone.left.join("; ")));
    Some(failure.help(
        "`ftpnat rollback` tries again; `ftpnat remove` takes everything of ftpnat's out",
    ))
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
    let timer = journal.watch.as_ref().and_then(|watch| watch.timer.as_ref());
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
