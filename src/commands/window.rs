//! The time in which a change is in force and is undone unless it is confirmed.

use std::time::Duration;

use crate::apply::journal::{Journal, Stage};
use crate::output::{self, Failure, human};
use crate::sys::state::SubState;
use crate::sys::terminal::{Color, Typed, is_yes, typed, write_stderr};
use crate::sys::wake::{Waker, Woken};
use crate::sys::{terminal, wake};

use super::change::Open;
use super::history::{self, Note};
use super::installation::unkept;

/// Between two looks at the journal.
const PAUSE: Duration = Duration::from_millis(200);
/// How long the watchdog may take beyond its time, before this program undoes the change.
const GRACE: Duration = Duration::from_secs(5);
/// How long whoever holds the lock is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Why it was undone, where a person wanted that.
const DECLINED: &str = "it was declined";

/// Waits until the change is confirmed, here (`is_asked`: a person is at the terminal) or by
/// `ftpnat confirm`. Undone, it is a failure of status 4.
pub(super) fn hold(
    open: Open,
    sub_state: &SubState,
    is_asked: bool,
    color: Color,
) -> Result<(), Failure> {
    let Open { journal, armed } = open;
    write_stderr(&output::history::window(&journal), color);
    let waker = Waker::new(&[]).map_err(|error| {
        Failure::cannot(format!("cannot wait for signals: {error}"))
            .help("`ftpnat confirm` keeps the change, `ftpnat rollback` undoes it")
    });
    let window = Window {
        journal: &journal,
        sub_state,
        color,
    };
    let held = waker.and_then(|waker| window.wait(&waker, is_asked));
    drop(armed);
    held
}

struct Window<'a> {
    journal: &'a Journal,
    sub_state: &'a SubState,
    color: Color,
}

impl Window<'_> {
    fn wait(&self, waker: &Waker, is_asked: bool) -> Result<(), Failure> {
        let mut is_listening = is_asked;
        let mut is_warned = false;
        let Stage::Waiting { until } = self.journal.stage else {
            return Ok(());
        };
        self.ask(is_listening);
        loop {
            if let Some(ended) = self.ended()? {
                terminal::end_line(is_listening, self.color);
                return ended;
            }
            if history::left_of(until.saturating_add(millis(GRACE))).is_none() {
                return self.undo("nobody confirmed it, and its watchdog is gone");
            }
            is_warned = self.warned(is_warned);
            let input = is_listening.then(terminal::stdin);
            match waker.wait(input.as_ref().map(terminal::fd), PAUSE) {
                Woken::By(signal) if wake::is_to_end(signal) => {
                    terminal::end_line(is_listening, self.color);
                    return self.undo("it was interrupted");
                }
                // The terminal is gone: who logs in anew may still confirm.
                Woken::By(signal) if wake::is_hangup(signal) => is_listening = false,
                Woken::By(_) | Woken::Timeout => {}
                Woken::Readable => match typed() {
                    Typed::Line(line) if is_yes(&line) => return self.keep(),
                    Typed::Line(line) if ["n", "N", "no"].contains(&line.as_str()) => {
                        return self.undo(DECLINED);
                    }
                    Typed::Line(_) => self.ask(true),
                    Typed::End => is_listening = false,
                },
            }
        }
    }

    fn ask(&self, is_asked: bool) {
        if is_asked {
            write_stderr("Keep it? [y/n] ", self.color);
        }
    }

    /// How others ended it; `None`: they did not.
    fn ended(&self) -> Result<Option<Result<(), Failure>>, Failure> {
        let now = history::read(self.sub_state)?;
        let now = now.filter(|journal| journal.id == self.journal.id);
        Ok(match now.as_ref().map(|journal| &journal.stage) {
            Some(Stage::Waiting { .. } | Stage::Undoing { .. } | Stage::Begun) => None,
            Some(Stage::Kept) => Some(Ok(())),
            Some(Stage::Undone { why, .. }) => Some(Err(undone(why))),
            None => Some(Err(undone("by `ftpnat rollback` or `ftpnat remove`"))),
        })
    }

    /// Says once that nobody but this process undoes it.
    fn warned(&self, is_warned: bool) -> bool {
        let watch = self.journal.watch.as_ref();
        if is_warned || watch.is_none_or(history::is_watched) {
            return is_warned;
        }
        let words = "the process that would undo the change is gone: as long as this one runs \
                     it does that itself";
        write_stderr(&human::warning(words), self.color);
        true
    }

    fn keep(&self) -> Result<(), Failure> {
        let locked = self
            .sub_state
            .lock_within(PATIENCE)
            .map_err(|e| unkept(&e))?;
        match self.ended()? {
            Some(ended) => ended,
            None => history::keep(&locked, self.journal),
        }
    }

    fn undo(&self, why: &str) -> Result<(), Failure> {
        let locked = self
            .sub_state
            .lock_within(PATIENCE)
            .map_err(|e| unkept(&e))?;
        if let Some(ended) = self.ended()? {
            return ended;
        }
        let taken = history::take_back(&locked, self.journal, why, Note::Dropped)?;
        for note in &taken.notes {
            write_stderr(&human::warning(note), self.color);
        }
        if matches!(self.sub_state.read(crate::apply::record::FILE), Ok(None)) {
            locked.leave_no_trace();
        }
        Err(history::left(&taken).unwrap_or_else(|| undone(why)))
    }
}

fn undone(why: &str) -> Failure {
    Failure::undone(format!("the change was undone: {why}"))
        .help("ftpnat's rules are as they were before")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
