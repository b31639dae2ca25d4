//! What an earlier change left open, before the next one.

use crate::apply::journal::{Journal, Stage};
use crate::output::{self, Failure, human};
use crate::sys::state::Locked;
use crate::sys::terminal::{Color, ask, can_ask, is_yes, write_stderr};
use crate::sys::wake;

use super::change::Manner;
use super::history::{self, Note};

/// Before an apply: what was cut short is undone; what waits to be confirmed is somebody's
/// affair, and a reason to refuse, but where its undo is overdue and a person wants it now.
pub(super) fn settle(locked: &Locked, manner: Manner, color: Color) -> Result<(), Failure> {
    let Some(journal) = open(locked)? else {
        return Ok(());
    };
    if let Stage::Waiting { until } = journal.stage {
        let words = output::history::waiting(&journal, history::left_of(until));
        let refused = Failure::cannot(words)
            .help("`ftpnat confirm` keeps it, `ftpnat rollback` undoes it; then apply again");
        let is_offered = history::left_of(until).is_none() && manner == Manner::Ask && can_ask();
        if !(is_offered && agreed(&refused, color)) {
            return Err(refused);
        }
    }
    take_back(locked, &journal, manner, color)
}

/// Before a removal: whatever was begun or waits is undone, as far as that is known.
pub(super) fn end(locked: &Locked, manner: Manner, color: Color) -> Result<(), Failure> {
    let (journal, damage) = history::read_even_damaged(locked.state())?;
    if let Some(words) = damage {
        write_stderr(&human::warning(&words), color);
    }
    match journal.filter(Journal::is_open) {
        Some(journal) => take_back(locked, &journal, manner, color),
        None => Ok(()),
    }
}

fn open(locked: &Locked) -> Result<Option<Journal>, Failure> {
    let journal = history::read(locked.state())?;
    Ok(journal.filter(Journal::is_open))
}

fn agreed(refused: &Failure, color: Color) -> bool {
    write_stderr(&human::warning(&refused.message), color);
    let answer = ask("Undo it now? [y/N] ", color).ok().flatten();
    answer.is_some_and(|answer| is_yes(&answer))
}

fn take_back(
    locked: &Locked,
    journal: &Journal,
    manner: Manner,
    color: Color,
) -> Result<(), Failure> {
    let words = output::history::happened(journal);
    if manner == Manner::Show {
        return Err(Failure::cannot(words).help("`ftpnat rollback` ends the matter"));
    }
    let first = format!("{words}: what came of it is undone first");
    write_stderr(&human::warning(&first), color);
    wake::be_deaf();
    let undone = history::take_back(locked, journal, "before another change", Note::Dropped);
    wake::hear_again();
    let undone = undone?;
    for note in &undone.notes {
        write_stderr(&human::warning(note), color);
    }
    history::left(&undone).map_or(Ok(()), Err)
}
