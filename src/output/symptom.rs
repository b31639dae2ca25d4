//! What an error message comes from, for people.

use std::fmt::Write as _;

use crate::check::symptom::{Likeness, Symptom};

use super::words::{BOLD, CAREFUL, dimmed, hanging, wrapped};

/// How many symptoms are told in full; of the others their text.
const IN_FULL: usize = 2;

/// The symptoms that a text is like, the likest first; at least one.
#[must_use]
pub fn explanation(found: &[Likeness]) -> String {
    // What is nearly as like may be it as well.
    let best = found.first().map_or(0.0, |first| first.score);
    let is_near = |one: &&Likeness| one.score > best - 0.1;
    let near = found.iter().take(IN_FULL).filter(is_near).count();
    let (first, others) = found.split_at(near.max(1).min(found.len()));
    let told: Vec<String> = first.iter().map(symptom).collect();
    let mut text = told.join("\n");
    if !others.is_empty() {
        let _ = writeln!(text, "\n{BOLD}It may also be{BOLD:#}");
        for other in others {
            text.push_str(&hanging("  ", "    ", other.symptom.texts[other.text]));
        }
        text.push_str(&dimmed(&wrapped(
            "  ",
            "`ftpnat explain` with one of them says more",
        )));
    }
    text
}

fn symptom(likeness: &Likeness) -> String {
    let symptom: &Symptom = likeness.symptom;
    let mut text = String::new();
    for line in textwrap::wrap(symptom.texts[likeness.text], super::words::WIDTH) {
        let _ = writeln!(text, "{BOLD}{line}{BOLD:#}");
    }
    if !symptom.is_network {
        let _ = writeln!(text, "  {CAREFUL}It is no firewall and no NAT.{CAREFUL:#}");
    }
    text.push_str(&part("Cause", symptom.causes));
    text.push_str(&part("Cure", symptom.cure));
    let _ = writeln!(text, "\n{BOLD}Run next{BOLD:#}");
    for command in symptom.next {
        let _ = writeln!(text, "  {command}");
    }
    if !symptom.checks.is_empty() {
        let _ = writeln!(text, "\n{BOLD}Checks that find it{BOLD:#}");
        for id in symptom.checks {
            let _ = writeln!(text, "  ftpnat explain {id}  # {}", id.name());
        }
    }
    text.push('\n');
    text.push_str(&dimmed(&hanging("  seen in: ", "    ", symptom.source)));
    text
}

fn part(head: &str, parts: &[&str]) -> String {
    let mut text = format!("\n{BOLD}{head}{BOLD:#}\n");
    let mark = if parts.len() > 1 { "  - " } else { "  " };
    for words in parts {
        text.push_str(&wrapped(mark, words));
    }
    text
}
