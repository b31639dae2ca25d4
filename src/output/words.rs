//! Words on lines of 80 columns, and their colours.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use textwrap::{Options, WordSplitter, fill};

use crate::check::{Finding, Remedy, Severity};
use crate::model::ftp::Tls;
use crate::profile::{Nat, Profile};

use super::cure::{PasteKind, pastes};
use super::terminal::{harmless, one_line};

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

/// Findings as a verdict counts them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    pub(super) errors: usize,
    pub(super) warnings: usize,
}

impl Count {
    pub(super) fn of(findings: &[Finding]) -> Self {
        let of = |severity| findings.iter().filter(|f| f.severity == severity).count();
        Self {
            errors: of(Severity::Error),
            warnings: of(Severity::Warning),
        }
    }

    pub(super) fn faults(self) -> String {
        match self.errors {
            0 => "no fault that breaks transfers".to_owned(),
            1 => "1 fault that breaks transfers".to_owned(),
            many => format!("{many} faults that break transfers"),
        }
    }

    /// What follows the verdict's words, if there are any.
    pub(super) fn and_warnings(self) -> String {
        match self.warnings {
            0 => String::new(),
            1 => ", 1 warning".to_owned(),
            many => format!(", {many} warnings"),
        }
    }
}

/// Where the rest of a finding is.
pub(super) fn says_more(finding: &Finding) -> String {
    let more = format!("`ftpnat explain {}` says more of it", finding.id);
    dimmed(&wrapped("  ", &more))
}

/// How much of a finding is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// What is wrong and its cure.
    Cure,
    /// What it was seen in and the reason, too.
    Evidence,
}

pub(super) fn finding(finding: &Finding, shown: Shown) -> String {
    let (style, word) = match finding.severity {
        Severity::Error => (BAD, "error"),
        Severity::Warning => (CAREFUL, "warning"),
        Severity::Note => (BOLD, "note"),
    };
    let mut text = format!(
        "\n{style}{word}{style:#}: {} {}\n",
        finding.id,
        finding.id.name()
    );
    text.push_str(&wrapped("  ", &one_line(&finding.summary)));
    if shown == Shown::Evidence {
        text.push_str(&evidence(finding));
        text.push_str(&hanging("  because ", "    ", finding.id.cause()));
    }
    for (number, remedy) in finding.remedy.iter().enumerate() {
        // By hand, or by ftpnat: one of the two is enough.
        let is_other_way = number > 0 && matches!(remedy, Remedy::Apply(_));
        text.push_str(&cure(remedy, if is_other_way { "or" } else { "cure" }));
    }
    text
}

/// A way to cure it as one block: its commands, then what no command does.
fn cure(remedy: &Remedy, head: &str) -> String {
    let pastes = pastes(remedy);
    let is_mixed = pastes.iter().any(|p| p.kind == PasteKind::Command)
        && pastes.iter().any(|p| p.kind == PasteKind::Config);
    let mut text = String::new();
    let mut under: Option<&Option<String>> = None;
    for paste in &pastes {
        if under != Some(&paste.file) {
            let file = paste.file.as_ref();
            let file = file.map(|f| format!(", in {}", one_line(f)));
            let _ = writeln!(text, "  {head}{}:", file.unwrap_or_default());
            under = Some(&paste.file);
        }
        // Words among commands, for those who paste the whole block.
        let indent = if is_mixed && paste.kind == PasteKind::Config && paste.file.is_none() {
            "    # "
        } else {
            "    "
        };
        for line in paste.text.lines() {
            let line = harmless(line);
            // What is copied is copied whole, however long.
            let is_copied =
                paste.kind == PasteKind::Command || paste.file.is_some() || line.starts_with(' ');
            if is_copied {
                let _ = writeln!(text, "{indent}{line}");
            } else {
                text.push_str(&wrapped(indent, &line));
            }
        }
    }
    text
}

fn evidence(finding: &Finding) -> String {
    finding.evidence.iter().fold(String::new(), |all, seen| {
        let words = format!("{}: {}", one_line(&seen.source), one_line(&seen.text));
        all + &hanging("  seen: ", "    ", &words)
    })
}

/// What a profile describes, below its name.
pub(super) fn described(profile: &Profile) -> String {
    let ports: Vec<String> = profile
        .control
        .iter()
        .map(|c| format!("{} ({})", c.port, tls(c.tls)))
        .collect();
    let words = format!(
        "{}; control port {}; passive ports {}",
        place(profile),
        ports.join(", "),
        profile.passive.ports
    );
    wrapped("  ", &words)
}

fn place(profile: &Profile) -> String {
    let software = profile.server.software;
    match &profile.nat {
        Nat::None => format!("{software} on this host, no NAT"),
        Nat::Upstream { .. } => format!("{software} on this host, NAT in front of it"),
        Nat::Dnat { .. } => {
            let inside: Vec<String> = profile
                .server
                .addresses
                .iter()
                .map(ToString::to_string)
                .collect();
            format!(
                "{software} on {}, this host is the gateway",
                inside.join(" and ")
            )
        }
        Nat::Masquerade { .. } => "this host is the gateway of FTP clients".to_owned(),
    }
}

fn tls(tls: Tls) -> &'static str {
    match tls {
        Tls::None => "no TLS",
        Tls::Optional => "TLS optional",
        Tls::Required => "TLS required",
        Tls::Implicit => "implicit TLS",
    }
}
