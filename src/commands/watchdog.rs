//! `ftpnat watchdog`: undoes an unconfirmed change when its time is over.

use std::time::Duration;

use crate::apply::journal::{Journal, Stage};
use crate::cli;
use crate::sys::clock;
use crate::sys::state::SubState;
use crate::sys::watchdog::{Event, Watch};

use super::history::{self, Note};
use super::installation;

/// Between two looks at the journal.
const PAUSE: Duration = Duration::from_secs(1);
/// How often an undo that failed is tried again.
const ATTEMPTS: u32 = 30;
/// How long whoever holds the lock is waited for.
const PATIENCE: Duration = Duration::from_secs(600);

/// Waits for the end of the change: confirmed, undone by others, or undone by this.
pub(super) fn run(asked: &cli::Watchdog) -> anyhow::Result<()> {
    let sub_state = installation::sub_state(&asked.state)?;
    if asked.at_once {
        let why = "nobody confirmed it, and the process that would have undone it was gone";
        undo(&sub_state, &asked.id, None, why);
        return Ok(());
    }
    let mut watch = Watch::begin()?;
    let mut seen: Option<Journal> = None;
    let mut is_orphan = false;
    let mut pause = PAUSE;
    loop {
        let event = watch.wait(pause);
        is_orphan |= event == Event::Orphaned;
        match history::read(&sub_state) {
            // Not written yet, or ended.
            Ok(None) if seen.is_none() && !is_orphan => {}
            Ok(None) => return Ok(()),
            Ok(Some(journal)) if journal.id != asked.id => {
                if seen.is_some() || is_orphan {
                    return Ok(());
                }
            }
            Ok(Some(journal)) => seen = Some(journal),
            // What cannot be read now was read before.
            Err(_) => {}
        }
        let Some(journal) = &seen else { continue };
        let asked_to = event == Event::AskedToEnd;
        match due(journal, is_orphan, asked_to) {
            Due::Never => return Ok(()),
            Due::In(left) => pause = left.min(PAUSE),
            Due::Now(why) => {
                undo(&sub_state, &asked.id, Some(journal), &why);
                return Ok(());
            }
        }
    }
}

enum Due {
    Never,
    In(Duration),
    Now(String),
}

fn due(journal: &Journal, is_orphan: bool, is_asked_to_end: bool) -> Due {
    match journal.stage {
        Stage::Kept | Stage::Undone { .. } => Due::Never,
        Stage::Begun | Stage::Undoing { .. } if is_orphan => {
            Due::Now("it was cut short".to_owned())
        }
        // Its maker is at work on it.
        Stage::Begun | Stage::Undoing { .. } => Due::In(PAUSE),
        Stage::Waiting { until } => match history::left_of(until) {
            Some(_) if is_asked_to_end => {
                Due::Now("the process that watched over it was ended".to_owned())
            }
            Some(left) => Due::In(left),
            None => {
                let seconds = journal.watch.as_ref().map_or(0, |watch| watch.seconds);
                Due::Now(format!("nobody confirmed it within {seconds} s"))
            }
        },
    }
}

/// Undoes the change of this id, unless it is confirmed meanwhile, and as often as it takes.
/// `seen`: it, in case that it cannot be read any more.
fn undo(sub_state: &SubState, id: &str, seen: Option<&Journal>, why: &str) {
    for _ in 0..ATTEMPTS {
        if let Ok(locked) = sub_state.lock_to_undo(PATIENCE) {
            let journal = match history::read(sub_state) {
                Ok(found) => found.filter(|journal| journal.id == id && journal.is_open()),
                Err(_) => seen.cloned(),
            };
            let Some(journal) = journal else { return };
            let undone = history::take_back(&locked, &journal, why, Note::Kept);
            if undone.is_ok_and(|undone| undone.left.is_empty()) {
                return;
            }
        }
        clock::sleep(PAUSE);
    }
}
