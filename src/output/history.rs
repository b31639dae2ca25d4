//! What became of the last change, and what is to be done about it.

use std::time::Duration;

use crate::apply::journal::{Journal, Stage, Verb};
use crate::model::time::{time_of_day, utc};

use super::words::{BAD, BOLD, CAREFUL, hanging};

/// What happened to a change, as a clause.
#[must_use]
pub fn happened(journal: &Journal) -> String {
    let change = change(journal);
    let since = utc(journal.since);
    match &journal.stage {
        Stage::Begun => format!("{change} was cut short ({since}, pid {})", journal.pid),
        Stage::Waiting { .. } => format!("{change} waits to be confirmed (since {since})"),
        Stage::Kept => format!("{change} is in force (since {since})"),
        Stage::Undoing { .. } => format!("the undo of {change} was cut short"),
        Stage::Undone { why, at } => format!("{change} was undone at {}: {why}", utc(*at)),
    }
}

/// A change that waits to be confirmed, and when it is undone; `None`: that is overdue.
#[must_use]
pub fn waiting(journal: &Journal, left: Option<Duration>) -> String {
    let change = change(journal);
    match left {
        Some(left) => format!(
            "{change} waits to be confirmed, and is undone in {} s",
            left.as_secs().max(1)
        ),
        None => format!(
            "the undo of {change} is overdue: nobody confirmed it within {} s, and it is still \
             in force",
            seconds(journal)
        ),
    }
}

/// That a change was taken back.
#[must_use]
pub fn taken_back(journal: &Journal) -> String {
    let change = change(journal);
    hanging(
        "",
        "  ",
        &format!("undone: {change}. What is ftpnat's is as it was before that."),
    )
}

/// That there is nothing to take back any more.
#[must_use]
pub fn is_taken_back(journal: &Journal) -> String {
    hanging("", "  ", &happened(journal))
}

/// What is said when the time begins in which a change may be confirmed.
#[must_use]
pub fn window(journal: &Journal) -> String {
    let seconds = seconds(journal);
    let mut text = format!(
        "{BOLD}{}: in force, and undone in {seconds} s unless it is confirmed.{BOLD:#}\n",
        journal.profiles.join(", ")
    );
    text.push_str(&hanging(
        "  ",
        "  ",
        "Log in anew now, from another terminal: that shows that this host still lets you in. \
         Try the FTP client too. Then run `ftpnat confirm` there.",
    ));
    text
}

/// How it is with a change at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Of one that waits to be confirmed: how long it still does. `None`: that is overdue.
    pub left: Option<Duration>,
    /// Whether the process lives that undoes it.
    pub is_watched: bool,
    /// Whether the one lives that made it: it does that too.
    pub is_made_still: bool,
    /// Whether somebody works on it.
    pub is_at_work: bool,
}

/// What `status` says of a change that is open or was undone, with what ends it; nothing of
/// one that is in force.
#[must_use]
pub fn status(journal: &Journal, now: Now) -> String {
    let Now {
        left,
        is_watched,
        is_made_still,
        is_at_work,
    } = now;
    let error = |words: &str, help: &str| {
        let first = format!("{BAD}error{BAD:#}: ");
        hanging(&first, "  ", words) + &hanging("  ", "  ", help)
    };
    let warning = |words: &str, help: &str| {
        let first = format!("{CAREFUL}warning{CAREFUL:#}: ");
        hanging(&first, "  ", words) + &hanging("  ", "  ", help)
    };
    let timer = journal.watch.as_ref().and_then(|w| w.timer.as_deref());
    let ends = "`ftpnat rollback` undoes it; `ftpnat confirm` keeps it";
    match &journal.stage {
        Stage::Begun | Stage::Undoing { .. } if is_at_work => {
            format!("{} is at work (pid {})\n", change(journal), journal.pid)
        }
        Stage::Begun if journal.verb == Verb::Remove => error(
            &happened(journal),
            "`ftpnat remove` finishes it; `ftpnat rollback` takes it back",
        ),
        Stage::Begun => error(
            &happened(journal),
            "`ftpnat rollback` takes out what came of it; `ftpnat apply` does that too, and \
             applies again",
        ),
        Stage::Undoing { .. } => error(&happened(journal), "`ftpnat rollback` finishes it"),
        Stage::Waiting { .. } if left.is_none() => {
            let words = waiting(journal, None);
            match timer {
                Some(unit) if !is_watched => warning(
                    &words,
                    &format!("{ends}; systemd's {unit}.timer undoes it soon"),
                ),
                _ => error(&words, ends),
            }
        }
        Stage::Waiting { .. } if !is_watched => {
            let gone = "the process that watches over it is gone";
            match (is_made_still, timer) {
                (true, _) => warning(
                    &format!(
                        "{}: {gone}, and its apply (pid {}) does that instead",
                        waiting(journal, left),
                        journal.pid
                    ),
                    ends,
                ),
                (false, Some(unit)) => warning(
                    &format!(
                        "{} or somewhat later: {gone}, and systemd's {unit}.timer does that \
                         instead",
                        waiting(journal, left)
                    ),
                    ends,
                ),
                (false, None) => error(
                    &format!("{}, and nobody undoes it: {gone}", happened(journal)),
                    ends,
                ),
            }
        }
        Stage::Waiting { .. } => warning(&waiting(journal, left), "`ftpnat confirm` keeps it"),
        Stage::Kept => String::new(),
        Stage::Undone { .. } => hanging("", "  ", &happened(journal)),
    }
}

/// What another verb says where an undo is overdue or was cut short; nothing else.
#[must_use]
pub fn reminder(journal: &Journal, left: Option<Duration>) -> Option<String> {
    let words = match journal.stage {
        Stage::Begun | Stage::Undoing { .. } => happened(journal),
        Stage::Waiting { .. } if left.is_none() => waiting(journal, None),
        Stage::Waiting { .. } | Stage::Kept | Stage::Undone { .. } => return None,
    };
    Some(hanging(
        &format!("ftpnat: {CAREFUL}warning{CAREFUL:#}: "),
        "  ",
        &format!("{words}; `ftpnat rollback` undoes it"),
    ))
}

fn change(journal: &Journal) -> String {
    let names = match journal.profiles.as_slice() {
        [] => "everything".to_owned(),
        names => names.join(", "),
    };
    let verb = match journal.verb {
        Verb::Apply => "apply",
        Verb::Remove => "removal",
    };
    format!("the {verb} of {names} at {}", time_of_day(journal.since))
}

fn seconds(journal: &Journal) -> u64 {
    journal.watch.as_ref().map_or(0, |watch| watch.seconds)
}
