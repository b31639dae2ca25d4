//! What an error message comes from, for people.

use std::fmt::Write as _;

use crate::check::symptom::{Likeness, Symptom};

use super::words::{BOLD, CAREFUL, DIM, dimmed, hanging, wrapped};

/// How many symptoms are told in full; of the others their text.
const IN_FULL: usize = 2;
/// What is less like by so little may be it as well.
const NEAR: f64 = 0.1;
/// Scores that differ by less are the same.
const SAME: f64 = 1e-9;

/// The symptoms that a text is like, the likest first; at least one.
#[must_use]
pub fn explanation(found: &[Likeness]) -> String {
    let best = found.first().map_or(0.0, |first| first.score);
    let within = |margin: f64| found.iter().filter(|one| one.score > best - margin).count();
    if within(SAME) > IN_FULL {
        // Which of them is told in full would be a guess.
        return list("It may be any of these", found);
    }
    let (first, others) = found.split_at(within(NEAR).min(IN_FULL));
    let told: Vec<String> = first.iter().map(symptom).collect();
    let mut text = told.join(&format!("\n{DIM}-- or --{DIM:#}\n\n"));
    if !others.is_empty() {
        text.push('\n');
        text.push_str(&list("It may also be", others));
    }
    text
}

/// What is printed, and the likeliest cause below it.
fn list(head: &str, found: &[Likeness]) -> String {
    let mut text = format!("{BOLD}{head}{BOLD:#}\n");
    for one in found {
        text.push_str(&hanging("  ", "    ", one.symptom.texts[one.text]));
        if let Some(cause) = one.symptom.causes.first() {
            text.push_str(&dimmed(&hanging("      ", "      ", cause)));
        }
    }
    text + "\n"
        + &dimmed(&wrapped(
            "  ",
            "`ftpnat explain` with one of them says more",
        ))
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
