//! How the rules that are there differ from those that were installed.

use crate::facts::installed::{Drift, State};
use crate::plan::flows::Purpose;
use crate::plan::reach::Blocked;

use super::difference::{Change, Difference, Line};

/// The drift. `differing`: from what is there to what should be; `blocked`: what the rules
/// that are there stop; `name`: how a place in them is named, and its words.
#[must_use]
pub fn drift(
    differing: &[Difference],
    blocked: &[Blocked],
    name: impl Fn(crate::ruleset::eval::Place) -> (String, String),
) -> Vec<Drift> {
    let general = |b: &&Blocked| b.by.is_general();
    let mut found = Vec::new();
    for difference in differing {
        for (change, line) in &difference.lines {
            let state = match change {
                Change::Added if has_twin(difference, line) => State::Changed,
                Change::Added => State::Missing,
                Change::Removed if replaces(difference, line) => continue,
                Change::Removed => State::Changed,
                Change::Moved if is_blocked(blocked, line) => State::Shadowed,
                Change::Moved => State::Moved,
            };
            found.push(Drift {
                profile: line.profile.clone(),
                rule: line.rule.clone(),
                state,
                text: line.text.clone(),
                place: difference.place.clone(),
            });
        }
    }
    // Nothing of ours differs, and still something stops it: it stands elsewhere.
    for blocked in blocked.iter().filter(general) {
        let rule = rule_of(blocked.purpose);
        let told = found
            .iter()
            .any(|drift: &Drift| drift.profile == blocked.profile && drift.rule == rule);
        let Some(at) = blocked.by.general_rule() else {
            continue;
        };
        if !told {
            let (place, text) = name(at);
            found.push(Drift {
                profile: blocked.profile.clone(),
                rule: rule.to_owned(),
                state: State::Shadowed,
                text,
                place,
            });
        }
    }
    found
}

/// The rule that lets these connections in.
fn rule_of(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Control => "control",
        Purpose::PassiveData => "passive-range",
        Purpose::ActiveData => "active-data",
    }
}

fn is_blocked(blocked: &[Blocked], line: &Line) -> bool {
    blocked
        .iter()
        .any(|b| b.by.is_general() && b.profile == line.profile)
}

/// Another line of the same rule stands there in its place.
fn has_twin(difference: &Difference, line: &Line) -> bool {
    has_other(difference, line, Change::Removed)
}

/// A line that goes because another of the same rule comes.
fn replaces(difference: &Difference, line: &Line) -> bool {
    has_other(difference, line, Change::Added)
}

fn has_other(difference: &Difference, line: &Line, change: Change) -> bool {
    difference
        .lines
        .iter()
        .any(|(c, l)| *c == change && (&l.profile, &l.rule) == (&line.profile, &line.rule))
}
