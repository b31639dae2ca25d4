//! `ftpnat confirm`: what was changed stays.

use crate::apply::journal::Stage;
use crate::cli::StateDirectory;
use crate::output::{self, Failure};
use crate::sys::terminal::{Color, write_stdout};

use super::{history, installation};

/// Keeps the change that waits for it. One that is undone already is a failure.
pub(super) fn run(asked: &StateDirectory, color: Color) -> anyhow::Result<()> {
    let sub_state = installation::sub_state(asked)?;
    let words = installation::under_lock(&sub_state, |locked| {
        let Some(journal) = history::read(&sub_state)? else {
            return Ok("nothing waits to be confirmed".to_owned());
        };
        match &journal.stage {
            Stage::Waiting { .. } => {
                history::keep(locked, &journal)?;
                Ok(format!("{}: kept", journal.profiles.join(", ")))
            }
            Stage::Kept => Ok("nothing waits to be confirmed".to_owned()),
            Stage::Undone { .. } => {
                let words = output::history::happened(&journal);
                Err(Failure::undone(words)
                    .help("apply it again, and confirm it in time")
                    .into())
            }
            Stage::Begun | Stage::Undoing { .. } => {
                let words = output::history::happened(&journal);
                Err(Failure::cannot(words)
                    .help("`ftpnat rollback` ends the matter; then apply again")
                    .into())
            }
        }
    })?;
    write_stdout(&format!("{words}\n"), color)?;
    Ok(())
}
