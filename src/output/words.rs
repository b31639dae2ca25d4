//! Words on lines of 80 columns, and their colours.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use textwrap::{Options, WordSplitter, fill};

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const CAREFUL: Style = AnsiColor::Yellow.on_default().bold();

/// The columns that text is wrapped to.
pub(super) const WIDTH: usize = 80;

pub(super) fn heading(title: &str, note: &str) -> String {
    format!("\n{BOLD}{title}{BOLD:#} {DIM}({note}){DIM:#}\n")
}

pub(super) fn dimmed(text: &str) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        let _ = writeln!(all, "{DIM}{line}{DIM:#}");
        all
    })
}

/// Wraps words behind a first-line prefix, later lines below the first word. A `#`
/// prefix is repeated.
pub(super) fn wrapped(prefix: &str, words: &str) -> String {
    let blank = " ".repeat(prefix.chars().count());
    let indent = if prefix.contains('#') { prefix } else { &blank };
    hanging(prefix, indent, words)
}

/// Wraps words behind a first-line prefix, later lines behind another.
pub(super) fn hanging(prefix: &str, indent: &str, words: &str) -> String {
    let options = Options::new(WIDTH)
        .initial_indent(prefix)
        .subsequent_indent(indent)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation);
    fill(words, options) + "\n"
}

pub(super) fn trim_lines(text: &str) -> String {
    text.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}
