//! Asks every check about one profile on one host.

use crate::facts::{Fact, Facts};
use crate::model::check::{self as id, CheckId};
use crate::model::net::Family;
use crate::plan::reach::reach;
use crate::plan::{ProfilePlan, served_families};
use crate::profile::Profile;

use super::definition::{Check, Firewall, Judge, Subject, Verdict};
use super::registry::CHECKS;
use super::ruleset::{blame, found, unread};
use super::{Finding, Severity};

/// What the checks found, and what they could not look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Worst first; among the equally bad in the order of their numbers, which goes
    /// from cause to effect.
    pub findings: Vec<Finding>,
    /// Checks without an answer.
    pub not_checked: Vec<NotChecked>,
}

/// A check that could not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotChecked {
    /// Which.
    pub id: CheckId,
    /// How much its finding would hurt.
    pub severity: Severity,
    /// Why it has no answer.
    pub reason: String,
}

impl Report {
    /// The exit status that says it: 1 where an error was found; else 3 where a check
    /// for one could not be made; else 0.
    #[must_use]
    pub fn status(&self) -> u8 {
        let is_error = |severity| severity == Severity::Error;
        if self.findings.iter().any(|f| is_error(f.severity)) {
            1
        } else if self.not_checked.iter().any(|n| is_error(n.severity)) {
            3
        } else {
            0
        }
    }
}

/// Makes every check of a profile on a host. A finding that another one explains is
/// left out, and so is the question of it where it has no answer.
#[must_use]
pub fn examine(
    profile: &Profile,
    plan: &ProfilePlan,
    facts: &Facts,
    firewall: &Firewall,
) -> Report {
    let traffic = reach(profile, facts, &firewall.prepared);
    let blame = blame(profile, facts, firewall, &traffic);
    let subject = Subject {
        profile,
        plan,
        facts,
        firewall,
        traffic: &traffic,
        blame: &blame,
    };
    let answers: Vec<(&Check, Verdict)> = CHECKS
        .iter()
        .map(|check| (check, answer(check, &subject)))
        .collect();
    let found = |wanted: &CheckId| {
        answers.iter().any(|(check, verdict)| {
            check.id == *wanted && matches!(verdict, Verdict::Found(_) | Verdict::Partly(..))
        })
    };
    let mut report = Report::default();
    for (check, verdict) in &answers {
        if check.moot_by.iter().any(found) {
            continue;
        }
        match verdict {
            Verdict::Fine => {}
            Verdict::Found(finding) => report.findings.push(finding.clone()),
            Verdict::Partly(finding, reason) => {
                report.findings.push(finding.clone());
                report.not_checked.push(not_checked(check, reason));
            }
            Verdict::Unknown(reason) => report.not_checked.push(not_checked(check, reason)),
        }
    }
    // Who cannot log in does not come to the data connection; more clients have IPv4.
    let first = |finding: &Finding| {
        let faults = || blame.faults.iter().filter(|f| f.id == finding.id);
        let purpose = faults().map(|f| f.purpose).min();
        let is_ipv6_only = !faults().any(|f| f.family == Family::Ipv4);
        let is_behind = purpose.is_none() && finding.id > id::CONTROL_PORT_BLOCKED;
        (is_behind, purpose.is_some() && is_ipv6_only, purpose)
    };
    report.findings.sort_by_key(|f| (f.severity, first(f)));
    report
}

fn not_checked(check: &Check, reason: &str) -> NotChecked {
    NotChecked {
        id: check.id,
        severity: check.severity,
        reason: reason.to_owned(),
    }
}

fn answer(check: &Check, subject: &Subject) -> Verdict {
    match check.judge {
        Judge::Profile(find) => find(subject.profile, subject.plan).into(),
        Judge::Host { applies, .. } if !applies(subject) => Verdict::Fine,
        Judge::Host { needs, find, .. } => {
            let gap = needs.iter().find_map(|fact| subject.facts.gap(*fact));
            let verdict = gap.map_or_else(|| find(subject), Verdict::Unknown);
            as_far_as_seen(subject, verdict)
        }
        Judge::Blame { applies, .. } if !applies(subject) => Verdict::Fine,
        Judge::Blame { .. } => as_far_as_seen(subject, blamed(check, subject)),
        Judge::Wire => Verdict::Fine,
    }
}

fn blamed(check: &Check, subject: &Subject) -> Verdict {
    if let Some(why) = subject.facts.gap(Fact::Addresses) {
        return Verdict::Unknown(why);
    }
    if let Some(unread) = unread(subject) {
        return unread;
    }
    if subject.traffic.is_empty() {
        let why = unseen(subject);
        return Verdict::Unknown(why.unwrap_or("no address is known that clients call".to_owned()));
    }
    found(subject, check.id)
}

/// Fine in one family is not known of the other.
fn as_far_as_seen(subject: &Subject, verdict: Verdict) -> Verdict {
    match (verdict, unseen(subject)) {
        (Verdict::Fine, Some(why)) => Verdict::Unknown(why),
        (verdict, _) => verdict,
    }
}

/// Why nothing is known of a family that the profile serves; `None` where that is not so.
fn unseen(subject: &Subject) -> Option<String> {
    let served = served_families(subject.profile);
    let family = served.iter().find(|f| subject.facts.unseen.contains(f))?;
    let program = match family {
        Family::Ipv4 => "iptables-save",
        Family::Ipv6 => "ip6tables-save",
    };
    Some(format!(
        "the text holds no rules of {family}: `{program}` prints them"
    ))
}

/// What is wrong with a profile, or worth knowing, without any host: worst first.
#[must_use]
pub fn profile_findings(profile: &Profile, plan: &ProfilePlan) -> Vec<Finding> {
    let find = |check: &Check| match check.judge {
        Judge::Profile(find) | Judge::Blame { foreseen: find, .. } => find(profile, plan),
        Judge::Host { .. } | Judge::Wire => None,
    };
    let mut findings: Vec<Finding> = CHECKS.iter().filter_map(find).collect();
    findings.sort_by_key(|f| f.severity);
    findings
}
