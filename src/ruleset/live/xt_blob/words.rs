//! Words as `iptables-save` prints them.

use std::fmt::{Display, Write};

use crate::ruleset::live::xt_names::quoted;

/// Options, with a space between them.
#[derive(Debug, Default)]
pub(super) struct Words(String);

impl Words {
    /// Adds an option or a value.
    pub(super) fn add(&mut self, word: impl Display) -> &mut Self {
        let space = if self.0.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{space}{word}");
        self
    }

    /// Adds it where it holds.
    pub(super) fn add_if(&mut self, holds: bool, word: impl Display) -> &mut Self {
        if holds {
            self.add(word);
        }
        self
    }

    /// Adds text, in quotes where it needs them.
    pub(super) fn quote(&mut self, text: &str) -> &mut Self {
        self.add(quoted(text))
    }

    /// The whole.
    pub(super) fn done(&mut self) -> String {
        std::mem::take(&mut self.0)
    }
}

/// A rate from the time between two packets, in units of which `second` make a second:
/// `3/hour` (`print_rate` of `extensions/libxt_limit.c` and `libxt_hashlimit.c`), and the
/// seconds of its unit.
pub(in crate::ruleset::live) fn rate(period: u64, second: u64) -> Option<(String, u64)> {
    let units = [("day", 86400), ("hour", 3600), ("min", 60), ("sec", 1)];
    (period != 0).then_some(())?;
    let mut chosen = units[0];
    for unit in &units[1..] {
        let whole = unit.1 * second;
        if period > whole || whole / period < whole % period {
            break;
        }
        chosen = *unit;
    }
    let (name, seconds) = chosen;
    Some((format!("{}/{name}", seconds * second / period), seconds))
}
