//! The lines of a picture: a mark, then what happens there.

use std::fmt::Write as _;

use anstyle::Style;

use super::super::words::{BAD, CAREFUL, DIM, GOOD, hanging};

/// The column that a step's words begin in, behind the mark.
const COLUMN: usize = 19;
/// The column of a rule.
const RULE: usize = 6;

/// What stands left of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It goes on.
    On,
    /// It arrives.
    Through,
    /// It ends here.
    End,
    /// It cannot be told.
    Unknown,
}

/// The lines so far.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) text: String,
}

impl Sheet {
    /// Something that happens outside of a chain.
    pub(super) fn say(&mut self, mark: Mark, words: &str) {
        self.put(mark, "", 2, words);
    }

    /// What happens in a base chain. The hook is empty where the line above names it.
    pub(super) fn step(&mut self, mark: Mark, hook: &str, priority: i32, words: &str) {
        self.put(mark, &format!("{hook:<12}{priority:>5}  "), COLUMN, words);
    }

    /// More of the same step.
    pub(super) fn beside(&mut self, mark: Mark, words: &str) {
        let left = left(mark, COLUMN);
        self.lines(Style::new(), &hanging(&left, &left, words));
    }

    /// A rule of the step above.
    pub(super) fn rule(&mut self, mark: Mark, words: &str) {
        let next = left(mark, RULE + 2);
        self.lines(DIM, &hanging(&left(mark, RULE), &next, words));
    }

    /// A remark on what is above.
    pub(super) fn note(&mut self, words: &str) {
        self.text.push_str(&hanging("    ", "      ", words));
    }

    fn put(&mut self, mark: Mark, prefix: &str, indent: usize, words: &str) {
        let first = format!("  {} {prefix}", mark.sign());
        let lines = hanging(&first, &left(mark, indent), words);
        self.lines(mark.style(), &lines);
    }

    fn lines(&mut self, style: Style, text: &str) {
        for line in text.lines() {
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "{style}{}{style:#}", line.trim_end());
        }
    }
}

/// What stands left of a step's further lines.
fn left(mark: Mark, indent: usize) -> String {
    format!("  {} {}", mark.below(), " ".repeat(indent))
}

impl Mark {
    fn sign(self) -> char {
        match self {
            Self::On => '|',
            Self::Through => 'v',
            Self::End => 'X',
            Self::Unknown => '?',
        }
    }

    /// What stands left of a step's further lines.
    fn below(self) -> char {
        match self {
            Self::On => '|',
            Self::Through | Self::End | Self::Unknown => ' ',
        }
    }

    fn style(self) -> Style {
        match self {
            Self::On => Style::new(),
            Self::Through => GOOD,
            Self::End => BAD,
            Self::Unknown => CAREFUL,
        }
    }
}
