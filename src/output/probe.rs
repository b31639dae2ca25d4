//! What a probe saw of a server: the verdict, the steps, what is wrong.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;

use crate::check::Finding;
use crate::probe::seen::{Account, Line, Outcome, Sitting, Step, Try};

use super::json::FindingV1;
use super::terminal::one_line;
use super::words::{self, BAD, BOLD, CAREFUL, Count, DIM, GOOD, Shown, dimmed, hanging};

/// `ftpnat.probe/1`.
#[derive(Serialize)]
pub(super) struct ProbeV1<'a> {
    pub(super) format: &'static str,
    pub(super) target: &'a str,
    pub(super) steps: Vec<StepV1<'a>>,
    pub(super) findings: Vec<FindingV1<'a>>,
}

#[derive(Serialize)]
pub(super) struct StepV1<'a> {
    pub(super) step: &'static str,
    pub(super) outcome: &'static str,
    pub(super) ms: u64,
    pub(super) detail: Cow<'a, str>,
    /// Of which session it is, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<String>,
}

/// `ftpnat.probe/1`, one line.
#[must_use]
pub fn json(target: &str, account: &Account, findings: &[Finding]) -> String {
    let steps = account.steps.iter().map(|step| StepV1 {
        step: step.step,
        outcome: match step.outcome {
            Outcome::Ok => "ok",
            Outcome::Failed => "failed",
            Outcome::Skipped => "skipped",
        },
        ms: step.ms,
        detail: Cow::Borrowed(&step.detail),
        session: account.sittings.get(step.sitting).map(session),
    });
    super::json::line(&ProbeV1 {
        format: "ftpnat.probe/1",
        target,
        steps: steps.collect(),
        findings: findings.iter().map(super::json::finding).collect(),
    })
}

/// The same for people; `verbose`: with what client and server said.
#[must_use]
pub fn human(target: &str, account: &Account, findings: &[Finding], verbose: bool) -> String {
    let mut text = verdict(target, account, findings);
    let mut before = None;
    for step in &account.steps {
        if before != Some(step.sitting) {
            let head = account.sittings.get(step.sitting).map(session);
            let _ = writeln!(text, "\n{BOLD}{}{BOLD:#}", head.unwrap_or_default());
            before = Some(step.sitting);
        }
        text.push_str(&line(step));
        if verbose {
            text.push_str(&dialogue(step));
        }
    }
    for finding in findings {
        text.push_str(&words::finding(finding, Shown::Evidence));
    }
    if let Some(first) = findings.first() {
        text.push('\n');
        text.push_str(&words::says_more(first));
    }
    text
}

fn verdict(target: &str, account: &Account, findings: &[Finding]) -> String {
    let count = Count::of(findings);
    let works = account
        .sittings
        .iter()
        .any(|sitting| sitting.tries.iter().any(Try::works));
    let faults = count.faults();
    let (style, told) = match (count.errors, works) {
        (0, true) => (GOOD, "listings arrive".to_owned()),
        (0, false) => (CAREFUL, format!("not told: {}", stopped(account))),
        (1, _) => (BAD, format!("{faults}, {}", first(findings))),
        _ => (BAD, format!("{faults}, first {}", first(findings))),
    };
    format!(
        "{BOLD}{}{BOLD:#}: {style}{told}{}{style:#}\n",
        one_line(target),
        count.and_warnings()
    )
}

/// What is to be cured first.
fn first(findings: &[Finding]) -> String {
    findings.first().map_or(String::new(), |finding| {
        format!("{} {}", finding.id, finding.id.name())
    })
}

/// Where a probe stopped that found no fault.
fn stopped(account: &Account) -> String {
    let mut steps = account.steps.iter().rev();
    let last = steps.find(|step| step.outcome != Outcome::Ok);
    last.map_or("nothing was tried".to_owned(), |step| {
        format!("it stops at {}", step.step)
    })
}

fn session(sitting: &Sitting) -> String {
    let beside = if sitting.is_compared {
        ", to compare"
    } else {
        ""
    };
    format!("{}, {}{beside}", sitting.called, sitting.encryption)
}

fn line(step: &Step) -> String {
    let (style, mark) = match step.outcome {
        Outcome::Ok => (GOOD, "ok    "),
        Outcome::Failed => (BAD, "FAILED"),
        Outcome::Skipped => (DIM, "-     "),
    };
    let time = if step.ms == 0 && step.outcome == Outcome::Skipped {
        String::new()
    } else {
        format!("{} ms", step.ms)
    };
    let head = format!("  {mark} {:<15} {time:>8}  ", step.step);
    let indent = " ".repeat(head.chars().count());
    let words = hanging(&head, &indent, &one_line(&step.detail));
    let plain = format!("  {mark}");
    words.replacen(&plain, &format!("  {style}{mark}{style:#}"), 1)
}

fn dialogue(step: &Step) -> String {
    let lines = step.dialogue.iter().map(|line| match line {
        Line::Said(said) => hanging("         > ", "           ", &one_line(said)),
        Line::Heard(heard) => hanging("         < ", "           ", &one_line(heard)),
    });
    dimmed(&lines.collect::<String>())
}
