//! `ftpnat rollback`: as it was before the last apply.

use crate::apply::journal::Stage;
use crate::cli::StateDirectory;
use crate::output::{self, human};
use crate::sys::terminal::{Color, write_stderr, write_stdout};
use crate::sys::wake;

use super::history::{self, Note};
use super::installation;

/// Takes back the last change, or ends one that was cut short. What could not be taken back
/// is a failure.
pub(super) fn run(asked: &StateDirectory, color: Color) -> anyhow::Result<()> {
    let sub_state = installation::sub_state(asked)?;
    let words = installation::under_lock_to_undo(&sub_state, |locked| {
        let Some(journal) = history::read(&sub_state)? else {
            return Ok("nothing to undo: no apply is remembered here\n".to_owned());
        };
        if let Stage::Undone { .. } = journal.stage {
            history::clear(locked)?;
            return Ok(output::history::is_taken_back(&journal));
        }
        wake::be_deaf();
        let undone = history::take_back(locked, &journal, "by `ftpnat rollback`", Note::Dropped)?;
        for note in &undone.notes {
            write_stderr(&human::warning(note), color);
        }
        match history::left(&undone) {
            Some(failure) => Err(failure.into()),
            None => Ok(output::history::taken_back(&journal)),
        }
    })?;
    write_stdout(&words, color)?;
    Ok(())
}
