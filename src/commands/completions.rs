//! `ftpnat completions`: completions for a shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::sys::terminal::{Color, write_stdout};

/// Prints the completions.
pub(super) fn run(shell: Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "ftpnat", &mut script);
    write_stdout(&String::from_utf8(script)?, Color::Never)?;
    Ok(())
}
