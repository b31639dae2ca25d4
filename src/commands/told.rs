//! Prints what `apply`, `remove` and `status` come to.

use std::io;

use crate::cli::Output;
use crate::facts::installed::Installed;
use crate::output::Failure;
use crate::output::apply::{self, Told};
use crate::sys::terminal::{Color, write_stderr, write_stdout};

use super::change::{Done, End};
use super::history::Open;
use super::installation::Installation;

/// What `apply` did.
pub(super) fn apply(
    names: &[String],
    done: &Done,
    format: Output,
    color: Color,
) -> Result<(), Failure> {
    let words = match done.end {
        End::Nothing => "nothing to do: the rules are there, as the profile wants them",
        End::Shown => "this would change; nothing was changed",
        End::Declined => "nothing was changed",
        End::Made if done.is_confirmed => "installed, and confirmed: it stays",
        End::Made if done.is_noted => {
            "installed, and the rules were read back; who may still be kept out is noted above"
        }
        End::Made => "installed; the rules were read back, and let the profile's clients in",
    };
    tell(names, done, words, format, color)
}

/// What changed, where it is to be confirmed now and was not shown before.
pub(super) fn before_confirmation(done: &Done, format: Output, color: Color) {
    if !done.is_shown && format == Output::Human {
        write_stderr(&apply::difference(&done.differing, &done.system), color);
    }
}

/// What `remove` did.
pub(super) fn remove(
    names: &[String],
    done: &Done,
    format: Output,
    color: Color,
) -> Result<(), Failure> {
    let words = match done.end {
        End::Nothing => "nothing to do: no rule is there",
        End::Shown => "this would change; nothing was changed",
        End::Declined => "nothing was changed",
        End::Made => "removed",
    };
    tell(names, done, words, format, color)
}

/// Who cannot be told that it is done must not take it for undone.
fn tell(
    names: &[String],
    done: &Done,
    words: &str,
    format: Output,
    color: Color,
) -> Result<(), Failure> {
    let text = match format {
        Output::Human => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let shown = match done.end {
                End::Nothing | End::Declined => String::new(),
                End::Made if done.is_shown || done.is_confirmed => String::new(),
                End::Shown | End::Made => apply::difference(&done.differing, &done.system),
            };
            shown + &apply::verdict(&names, words)
        }
        Output::Json => {
            let profiles: Vec<Told> = names
                .iter()
                .map(|name| Told {
                    name,
                    back_end: done.back_end.name(),
                    changed: done.end != End::Declined && concerns(done, name),
                    pending: None,
                    drift: Vec::new(),
                })
                .collect();
            apply::json("ftpnat.apply/1", &profiles)
        }
    };
    write_stdout(&text, color).map_err(|error| {
        let is = if done.end == End::Made {
            "the change is made, and only its report is missing"
        } else {
            "nothing was changed"
        };
        Failure::cannot(format!("cannot write to standard output: {error}")).help(is)
    })
}

/// Whether a line of the profile itself changes.
pub(super) fn has_line_of(done: &Done, name: &str) -> bool {
    let mut lines = done.differing.iter().flat_map(|d| &d.lines);
    lines.any(|(_, line)| line.profile == name)
}

/// Whether a line of the profile, or one that serves all, changes.
fn concerns(done: &Done, name: &str) -> bool {
    let lines = done.differing.iter().flat_map(|d| &d.lines);
    let mut profiles = lines.map(|(_, line)| line.profile.as_str());
    profiles.any(|profile| profile.is_empty() || profile == name)
}

/// What `status` found.
pub(super) fn status(
    installation: &Installation,
    installed: &Installed,
    strangers: &[String],
    open: &Open,
    format: Output,
    color: Color,
) -> io::Result<()> {
    let back_end = installation.back_end().map_or("unknown", |b| b.name());
    let told: Vec<Told> = installed
        .profiles
        .iter()
        .map(|name| Told {
            name,
            back_end,
            changed: false,
            pending: open.pending(name),
            drift: installed.drift_of(name).unwrap_or_default(),
        })
        .collect();
    let text = match format {
        Output::Json => apply::json("ftpnat.status/1", &told),
        Output::Human => {
            let mut text = open.words();
            text.extend(told.iter().map(apply::status));
            if told.is_empty() && strangers.is_empty() {
                text.push_str(&apply::verdict(&[], "nothing is installed here"));
            }
            for name in strangers {
                text.push_str(&apply::verdict(
                    &[name],
                    "there are rules of this profile, and no record of it: apply it again, or \
                     `ftpnat remove` it",
                ));
            }
            text
        }
    };
    write_stdout(&text, color)
}
