//! What became of all pairs.

#![allow(clippy::print_stderr, reason = "the totals are printed")]

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::pair::Pair;

/// How a pair ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    /// No error, and the client lists.
    HealthyLists,
    /// An error, and it does not.
    FaultFails,
    /// No error, and it does not: missed.
    Missed,
    /// An error, and it lists: a false alarm.
    FalseAlarm,
    /// No error, and `check` says what it cannot tell.
    NotTold,
}

impl End {
    const ALL: [(Self, &'static str); 5] = [
        (Self::HealthyLists, "healthy"),
        (Self::FaultFails, "faulty"),
        (Self::Missed, "missed"),
        (Self::FalseAlarm, "false"),
        (Self::NotTold, "untold"),
    ];

    /// By what was said and what was seen.
    pub(crate) fn of(says_error: bool, tells_all: bool, lists: bool) -> Self {
        match (says_error, lists) {
            (true, false) => Self::FaultFails,
            (true, true) => Self::FalseAlarm,
            (false, _) if !tells_all => Self::NotTold,
            (false, true) => Self::HealthyLists,
            (false, false) => Self::Missed,
        }
    }

    /// Whether it is as it must be.
    pub(crate) fn is_right(self) -> bool {
        !matches!(self, Self::Missed | Self::FalseAlarm)
    }
}

/// How many pairs of a kind ended so.
type Ends = BTreeMap<(&'static str, String), BTreeMap<End, usize>>;

static ENDS: Mutex<Ends> = Mutex::new(BTreeMap::new());
static SESSIONS: Mutex<usize> = Mutex::new(0);

/// Counts a pair.
pub(crate) fn count(pair: &Pair, sessions: usize, end: End) {
    let mut ends = ENDS.lock().expect("the counts");
    let mut add = |what, of: &str| {
        let counts = ends.entry((what, of.to_owned())).or_default();
        *counts.entry(end).or_default() += 1;
    };
    add("", "all");
    add("mode", pair.mode.word());
    add("rules of", pair.way.word());
    for fault in &pair.faults {
        add("with", fault);
    }
    if pair.faults.is_empty() {
        add("with", "nothing done");
    }
    *SESSIONS.lock().expect("the count") += sessions;
}

/// Prints them, both directions; gives how many are wrong, and how many are not told.
pub(crate) fn print() -> (usize, usize) {
    let ends = ENDS.lock().expect("the counts");
    let Some(all) = ends.get(&("", "all".to_owned())) else {
        return (0, 0);
    };
    let of = |end| all.get(&end).copied().unwrap_or_default();
    let pairs: usize = all.values().sum();
    let sessions = SESSIONS.lock().expect("the count");
    eprintln!("\n{pairs} pairs of a profile and a ruleset, {sessions} sessions");
    eprintln!(
        "check has no error: in {} the client lists, in {} it does not",
        of(End::HealthyLists),
        of(End::Missed)
    );
    eprintln!(
        "check has an error: in {} the client does not list, in {} it does",
        of(End::FaultFails),
        of(End::FalseAlarm)
    );
    eprintln!("check cannot tell of {}", of(End::NotTold));
    let row = |name: &str, columns: Vec<String>| {
        let columns: Vec<String> = columns.iter().map(|c| format!("{c:>8}")).collect();
        eprintln!("{name:46}{}", columns.concat());
    };
    let heads = End::ALL.iter().map(|(_, head)| (*head).to_owned());
    row("", heads.collect());
    for ((what, name), counts) in ends.iter().filter(|((what, _), _)| !what.is_empty()) {
        let number = |(end, _): &(End, &str)| counts.get(end).copied().unwrap_or_default();
        let numbers = End::ALL.iter().map(|end| number(end).to_string());
        row(&format!("{what} {name}"), numbers.collect());
    }
    (of(End::Missed) + of(End::FalseAlarm), of(End::NotTold))
}
