//! What `apply` and `remove` change, what `status` finds, and why a change cannot be made.

use std::fmt::Write as _;

use serde::Serialize;

use crate::apply::difference::{Change, Difference};
use crate::apply::system::{ModuleStep, SystemChange};
use crate::facts::installed::{Drift, State};
use crate::model::check::INSTALLED_RULES_DRIFTED;
use crate::plan::flows::Purpose;
use crate::plan::reach::{Blocked, Stopped};
use crate::ruleset::eval::Place;
use crate::ruleset::live::Ruleset;

use super::place::at_place;
use super::terminal::one_line;
use super::words::{BAD, BOLD, CAREFUL, GOOD, dimmed, hanging, wrapped};

/// A profile, as `apply`, `remove` and `status` tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'a> {
    /// Its name.
    pub name: &'a str,
    /// What its rules are put into.
    pub back_end: &'a str,
    /// Whether something of it changed, or would.
    pub changed: bool,
    /// How long it waits to be confirmed, in seconds.
    pub pending: Option<u64>,
    /// What is not as it was installed.
    pub drift: Vec<&'a Drift>,
}

#[derive(Serialize)]
struct ApplyV1<'a> {
    format: &'static str,
    profiles: Vec<ProfileV1<'a>>,
}

#[derive(Serialize)]
struct ProfileV1<'a> {
    name: &'a str,
    backend: &'a str,
    changed: bool,
    pending_confirm: Option<u64>,
    drift: Vec<DriftV1<'a>>,
}

#[derive(Serialize)]
struct DriftV1<'a> {
    rule: &'a str,
    state: State,
    text: &'a str,
}

/// `ftpnat.apply/1` or `ftpnat.status/1`, one line.
#[must_use]
pub fn json(format: &'static str, profiles: &[Told]) -> String {
    super::json::line(&ApplyV1 {
        format,
        profiles: profiles
            .iter()
            .map(|told| ProfileV1 {
                name: told.name,
                backend: told.back_end,
                changed: told.changed,
                pending_confirm: told.pending,
                drift: told
                    .drift
                    .iter()
                    .map(|drift| DriftV1 {
                        rule: &drift.rule,
                        state: drift.state,
                        text: &drift.text,
                    })
                    .collect(),
            })
            .collect(),
    })
}

/// The rules that come and go, place by place, and the kernel's settings.
#[must_use]
pub fn difference(differing: &[Difference], system: &SystemChange) -> String {
    let mut text = String::new();
    for difference in differing {
        let _ = writeln!(text, "{BOLD}{}{BOLD:#}", one_line(&difference.place));
        for (change, line) in &difference.lines {
            let (style, sign) = match change {
                Change::Added => (GOOD, '+'),
                Change::Removed => (BAD, '-'),
                Change::Moved => (CAREFUL, '~'),
            };
            let words = hanging(&format!("  {sign} "), "      ", &one_line(&line.text));
            for line in words.lines() {
                let _ = writeln!(text, "{style}{line}{style:#}");
            }
            if let Some(before) = line.before.as_ref().filter(|_| *change != Change::Removed) {
                let before = format!("before: {}", one_line(before));
                text.push_str(&dimmed(&wrapped("      # ", &before)));
            }
        }
    }
    text.push_str(&settings(system));
    text
}

fn settings(system: &SystemChange) -> String {
    let mut text = String::new();
    if system.modules.is_empty() && system.sysctls.is_empty() {
        return text;
    }
    let _ = writeln!(text, "{BOLD}kernel{BOLD:#}");
    for module in &system.modules {
        let (line, why) = match module {
            ModuleStep::Load { name, why, .. } => (format!("  + modprobe {name}"), why),
            ModuleStep::Unload { name, why } => (format!("  - rmmod {name}"), why),
        };
        let _ = writeln!(text, "{GOOD}{line}{GOOD:#}");
        text.push_str(&dimmed(&wrapped("      # ", why)));
    }
    for sysctl in &system.sysctls {
        let _ = writeln!(
            text,
            "{GOOD}  + sysctl {} = {}{GOOD:#}",
            sysctl.key,
            value(&sysctl.to)
        );
        for setting in &sysctl.then {
            let _ = writeln!(
                text,
                "{GOOD}  + sysctl {} = {}{GOOD:#}",
                setting.key,
                value(&setting.value)
            );
        }
        let why = format!("was {}; {}", value(&sysctl.from), sysctl.why);
        text.push_str(&dimmed(&wrapped("      # ", &why)));
    }
    text
}

fn value(value: &str) -> &str {
    if value.is_empty() { "empty" } else { value }
}

/// Profiles that are named in one sentence.
const MOST_NAMES: usize = 8;

/// One sentence about several profiles.
#[must_use]
pub fn verdict(names: &[&str], words: &str) -> String {
    let names = match names {
        [] => "ftpnat".to_owned(),
        [first, .., last] if names.len() > MOST_NAMES => {
            format!("{} profiles, {first} to {last}", names.len())
        }
        few => few.join(", "),
    };
    hanging(
        &format!("{BOLD}{}{BOLD:#}: ", one_line(&names)),
        "  ",
        words,
    )
}

/// The drift of one profile.
#[must_use]
pub fn status(told: &Told) -> String {
    let (style, words) = match told.drift.len() {
        0 => (GOOD, "installed, and as it was installed".to_owned()),
        1 => (CAREFUL, "1 rule is not as it was installed".to_owned()),
        many => (
            CAREFUL,
            format!("{many} rules are not as they were installed"),
        ),
    };
    let mut text = format!(
        "{BOLD}{}{BOLD:#} ({}): {style}{words}{style:#}\n",
        told.name, told.back_end
    );
    if !told.drift.is_empty() {
        let id = INSTALLED_RULES_DRIFTED;
        let _ = writeln!(text, "{CAREFUL}warning{CAREFUL:#}: {id} {}", id.name());
    }
    for drift in &told.drift {
        let state = match drift.state {
            State::Missing => "missing",
            State::Changed => "changed",
            State::Moved => "moved",
            State::Shadowed => "a drop comes before it",
        };
        let _ = if drift.rule.is_empty() {
            writeln!(text, "  a rule that is not ftpnat's stands among its own")
        } else {
            writeln!(text, "  {}: {state}", drift.rule)
        };
        text.push_str(&hanging(
            "    ",
            "      ",
            &format!("{}: {}", one_line(&drift.place), one_line(&drift.text)),
        ));
    }
    let is_shadowed = |drift: &&&Drift| drift.state == State::Shadowed;
    match told.drift.iter().filter(is_shadowed).count() {
        0 if told.drift.is_empty() => {}
        0 => text.push_str("  cure: `ftpnat apply` with this profile puts ours back\n"),
        _ => text.push_str(
            "  cure: `ftpnat apply` with this profile puts ours before that drop, or says\n    \
             why it cannot\n",
        ),
    }
    text
}

/// What stops connections in general, and where: a clause.
#[must_use]
pub fn blocked(blocked: &Blocked, ruleset: &Ruleset) -> String {
    let who = who(blocked);
    match blocked.by {
        Stopped::General(at) | Stopped::Will(at) => {
            let words = format!("{who}: dropped by {}", at_place(ruleset, at));
            match blocked.untracked {
                Some(by) => format!(
                    "{words}; no rule that tests `ct state` matches, for they are kept untracked \
                     by {}",
                    at_place(ruleset, by)
                ),
                None => words,
            }
        }
        Stopped::Astray(Some(by)) => format!(
            "{who}: led elsewhere than to the server by {}",
            at_place(ruleset, by)
        ),
        Stopped::Astray(None) => match blocked.untracked {
            Some(by) => format!(
                "{who}: not translated to the server, for they are kept untracked by {}",
                at_place(ruleset, by)
            ),
            None => format!("{who}: not translated to the server"),
        },
        Stopped::Kernel => format!("{who}: dropped by the kernel itself, as without a route"),
        Stopped::Elsewhere(at) => {
            format!("{who}: handed to a program by {}", at_place(ruleset, at))
        }
        Stopped::Unknown(doubt) => format!("{who}: cannot be told, because {}", doubt.why),
    }
}

fn who(blocked: &Blocked) -> String {
    let what = match blocked.purpose {
        Purpose::Control => "control connections",
        Purpose::PassiveData => "passive data connections",
        Purpose::ActiveData => "active data connections",
    };
    let word = if blocked.ports.count() == 1 {
        "port"
    } else {
        "ports"
    };
    format!(
        "{}, {what} from {}, {word} {}",
        blocked.profile, blocked.from, blocked.ports
    )
}

/// From how many on the rules of one chain are told together.
const EACH: usize = 4;

/// What is to be known of connections that some rule stops, or may: each rule once, and
/// many of one chain together.
#[must_use]
pub fn remarks(found: &[Blocked], ruleset: &Ruleset) -> Vec<String> {
    let mut wills: Vec<Place> = Vec::new();
    for blocked in found {
        if let Stopped::Will(at) = blocked.by
            && !wills.contains(&at)
        {
            wills.push(at);
        }
    }
    let mut remarks: Vec<String> = Vec::new();
    for blocked in found {
        let words = match blocked.by {
            Stopped::General(_) | Stopped::Astray(_) => self::blocked(blocked, ruleset),
            Stopped::Will(at) => {
                let chain = |at: &Place| (at.table, at.chain);
                let mut of_chain = wills.iter().filter(|will| chain(will) == chain(&at));
                match (of_chain.clone().count(), of_chain.next()) {
                    (EACH.., Some(&first)) => format!(
                        "{} and more rules of that chain keep some clients out, and still do",
                        at_place(ruleset, first)
                    ),
                    _ => format!(
                        "{} keeps some clients out, and still does",
                        at_place(ruleset, at)
                    ),
                }
            }
            Stopped::Elsewhere(at) => format!(
                "{} hands connections to a program, which decides about them",
                at_place(ruleset, at)
            ),
            Stopped::Kernel => format!(
                "{}: the kernel itself drops them, as where it has no route",
                who(blocked)
            ),
            Stopped::Unknown(doubt) => {
                let at = doubt.at.map(|at| format!(" ({})", at_place(ruleset, at)));
                format!(
                    "cannot tell whether all get through, because {}{}",
                    doubt.why,
                    at.unwrap_or_default()
                )
            }
        };
        if !remarks.contains(&words) {
            remarks.push(words);
        }
    }
    remarks
}
