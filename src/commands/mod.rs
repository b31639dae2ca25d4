//! One file per verb: read, call the core, print.

mod answer;
mod apply;
mod change;
mod check;
mod completions;
mod confirm;
mod emit;
mod explain;
mod history;
mod installation;
mod installed;
mod plan;
mod probe;
mod profiles;
mod rehearse;
mod remove;
mod rollback;
mod saved;
mod schema;
mod scratch_probe;
mod snapshot;
mod status;
mod sweep;
mod told;
mod unfinished;
mod watchdog;
mod window;

use std::ffi::OsString;

use clap::Parser as _;

use crate::apply::record::Backend;
use crate::cli::{self, Cli, Command, Output, StateDirectory, When};
use crate::output::{self, Failure, one_line};
use crate::sys::terminal::{Color, write_stderr, write_stdout};

/// Runs the program with these arguments, the program's name first, and gives its
/// exit status: 0 done, 1 problems found, 2 bad usage or invalid profile, 3 could
/// not look or act, 4 failed and undone, 5 failed and left something.
#[must_use]
pub fn run(arguments: &[OsString]) -> u8 {
    match Cli::try_parse_from(arguments) {
        Ok(cli) => perform(&cli),
        Err(error) => misused(&reworded(arguments).unwrap_or(error), arguments),
    }
}

fn perform(cli: &Cli) -> u8 {
    let color = color(cli.color);
    let text = |verb: &str| text_only(cli, verb);
    remind(&cli.command, color);
    let done = match &cli.command {
        Command::Check(asked) => check::run(asked, cli.output, color),
        Command::Plan(profiles) => plan::run(profiles, cli.output, color).map(|()| 0),
        Command::Rehearse(asked) => rehearse::run(asked, cli.output, color),
        Command::Probe(asked) => probe::run(asked, cli.output, color),
        Command::Answer(asked) => text("answer")
            .and_then(|()| answer::run(asked, color))
            .map(|()| 0),
        Command::Apply(asked) => apply::run(asked, cli.output, color).map(|()| 0),
        Command::Remove(asked) => remove::run(asked, cli.output, color).map(|()| 0),
        Command::Status(asked) => status::run(asked, cli.output, color),
        Command::Confirm(state) => text("confirm")
            .and_then(|()| confirm::run(state, color))
            .map(|()| 0),
        Command::Rollback(state) => text("rollback")
            .and_then(|()| rollback::run(state, color))
            .map(|()| 0),
        Command::Watchdog(asked) => text("watchdog")
            .and_then(|()| watchdog::run(asked))
            .map(|()| 0),
        Command::Emit(emit) => text("emit")
            .and_then(|()| emit::run(emit, color))
            .map(|()| 0),
        Command::Explain { asked } => text("explain")
            .and_then(|()| explain::run(asked, color))
            .map(|()| 0),
        Command::Snapshot { directory, state } => text("snapshot")
            .and_then(|()| snapshot::run(directory, state, color))
            .map(|()| 0),
        Command::Rehearsal { within } => text("rehearsal")
            .and_then(|()| rehearse::within(*within))
            .map(|()| 0),
        Command::ScratchProbe => text("scratch-probe")
            .and_then(|()| scratch_probe::run())
            .map(|()| 0),
        Command::Schema => text("schema").and_then(|()| schema::run()).map(|()| 0),
        Command::Completions { shell } => text("completions")
            .and_then(|()| completions::run(*shell))
            .map(|()| 0),
    };
    match done {
        Ok(status) => status,
        Err(error) => {
            let failure = failure(error);
            report(&failure, cli, color);
            failure.status
        }
    }
}

/// The verbs that show what the host needs say what it needs most. Those that deal with it
/// themselves need no reminder.
fn remind(command: &Command, color: Color) {
    let usual = StateDirectory::default();
    let state = match command {
        Command::Check(asked) if asked.snapshot.is_none() => &asked.state,
        Command::Snapshot { state, .. } => state,
        Command::Plan(_) | Command::Emit(_) | Command::Rehearse(_) | Command::Explain { .. } => {
            &usual
        }
        Command::Check(_)
        | Command::Probe(_)
        | Command::Answer(_)
        | Command::Apply(_)
        | Command::Confirm(_)
        | Command::Rollback(_)
        | Command::Remove(_)
        | Command::Status(_)
        | Command::Schema
        | Command::Completions { .. }
        | Command::Watchdog(_)
        | Command::Rehearsal { .. }
        | Command::ScratchProbe => return,
    };
    history::remind(state, color);
}

/// An error that no verb gave a status to means that the host did not play along:
/// status 3, with the whole chain of causes.
fn failure(error: anyhow::Error) -> Failure {
    error
        .downcast()
        .unwrap_or_else(|error| Failure::cannot(format!("{error:#}")))
}

/// `emit` keeps its standard output for rules, whatever happens.
fn report(failure: &Failure, cli: &Cli, color: Color) {
    match (cli.output, &cli.command) {
        (Output::Human, _) => write_stderr(&output::human::failure(failure), color),
        (Output::Json, Command::Emit(_)) => write_stderr(&output::json::failure(failure), color),
        (Output::Json, _) => drop(write_stdout(&output::json::failure(failure), color)),
    }
}

fn text_only(cli: &Cli, verb: &str) -> anyhow::Result<()> {
    match cli.output {
        Output::Human => Ok(()),
        Output::Json => Err(Failure::usage(format!(
            "`ftpnat {verb}` has no JSON output: leave out --output json"
        ))
        .into()),
    }
}

/// Help and version are answers, the rest is misuse; clap words all of them.
fn misused(error: &clap::Error, arguments: &[OsString]) -> u8 {
    let text = error.render().ansi().to_string();
    if !error.use_stderr() {
        return u8::from(write_stdout(&text, Color::Auto).is_err()) * 3;
    }
    if wants_json(arguments) {
        let message = error.render().to_string();
        let message = message.trim().trim_start_matches("error: ").to_owned();
        let object = output::json::failure(&Failure::usage(message));
        if arguments.iter().any(|a| a == "emit") {
            write_stderr(&object, Color::Never);
        } else {
            drop(write_stdout(&object, Color::Never));
        }
    } else {
        write_stderr(&text, Color::Auto);
    }
    2
}

/// clap quotes arguments as they are: the same error about arguments that a terminal
/// can be shown.
fn reworded(arguments: &[OsString]) -> Option<clap::Error> {
    let shown = arguments.iter().map(|a| one_line(&a.to_string_lossy()));
    Cli::try_parse_from(shown).err()
}

/// Whether JSON was asked for in arguments that could not be understood.
fn wants_json(arguments: &[OsString]) -> bool {
    let asks = |pair: &[OsString]| pair[0] == "--output" && pair[1] == "json";
    arguments.windows(2).any(asks) || arguments.iter().any(|a| a == "--output=json")
}

fn color(when: When) -> Color {
    match when {
        When::Auto => Color::Auto,
        When::Always => Color::Always,
        When::Never => Color::Never,
    }
}

/// The back end that is asked for; `None`: what fits.
fn named_back_end(asked: cli::BackEnd) -> Option<Backend> {
    match asked {
        cli::BackEnd::Auto => None,
        cli::BackEnd::Nft => Some(Backend::Nft),
        cli::BackEnd::IptablesNft => Some(Backend::IptablesNft),
        cli::BackEnd::IptablesLegacy => Some(Backend::IptablesLegacy),
    }
}
