//! What the checks found, in words: the verdict first, then each finding, then what
//! could not be seen and how to see it.

use std::fmt::Write as _;

use crate::check::{CHECKS, Check, NotChecked, Report, Section, Severity, sections};
use crate::facts::helper::{Availability, Stage};
use crate::facts::{Facts, host};
use crate::model::check::CheckId;
use crate::profile::Profile;

use super::seen::Seen;
use super::terminal::one_line;
use super::words::{
    self, BAD, BOLD, CAREFUL, Count, GOOD, Shown, described, hanging, heading, wrapped,
};

/// The report on one profile.
#[must_use]
pub fn report(profile: &Profile, report: &Report, seen: Seen) -> String {
    let mut text = verdict(profile, report);
    text.push_str(&seen.assumed(profile));
    for finding in &report.findings {
        text.push_str(&words::finding(finding, Shown::Evidence));
    }
    match seen {
        Seen::Host(facts) => {
            text.push_str(&not_checked(report, facts));
            text.push_str(&this_host(facts));
        }
        Seen::Text(..) => text.push_str(&not_told(report)),
    }
    if let Some(first) = report.findings.first() {
        text.push_str(&words::says_more(first));
    }
    text
}

/// The page of a check.
#[must_use]
pub fn page(check: &Check) -> String {
    let severity = match check.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let mut text = format!(
        "{BOLD}{} {}{BOLD:#} ({severity})\n",
        check.id,
        check.id.name()
    );
    for Section { head, paragraphs } in sections(check.page) {
        if !head.is_empty() {
            let _ = writeln!(text, "\n{BOLD}{head}{BOLD:#}");
        }
        for (index, paragraph) in paragraphs.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            text.push_str(&wrapped("  ", &paragraph.replace('`', "")));
        }
    }
    text
}

fn verdict(profile: &Profile, report: &Report) -> String {
    let count = Count::of(&report.findings);
    let open = report.not_checked.len();
    let (style, mut words) = match (count.errors, report.status()) {
        (1.., _) => (BAD, count.faults()),
        (_, 3) => (
            CAREFUL,
            format!("no fault found, but {} not made", checks(open)),
        ),
        _ if count.warnings > 0 => (CAREFUL, count.faults()),
        _ => (GOOD, "healthy, as far as was looked".to_owned()),
    };
    words += &count.and_warnings();
    if count.errors > 0 && open > 0 {
        let _ = write!(words, ", {} not made", checks(open));
    }
    format!(
        "{BOLD}{}{BOLD:#}: {style}{words}{style:#}\n{}",
        profile.name,
        described(profile)
    )
}

fn checks(count: usize) -> String {
    if count == 1 {
        "1 check".to_owned()
    } else {
        format!("{count} checks")
    }
}

/// Reasons, each with the checks that were not made for it.
fn reasons(report: &Report) -> Vec<(&str, Vec<&NotChecked>)> {
    let mut reasons: Vec<(&str, Vec<&NotChecked>)> = Vec::new();
    for open in &report.not_checked {
        match reasons
            .iter_mut()
            .find(|(reason, _)| *reason == open.reason)
        {
            Some((_, same)) => same.push(open),
            None => reasons.push((&open.reason, vec![open])),
        }
    }
    reasons
}

/// What a saved ruleset leaves open: many checks for few reasons, so without their names.
fn not_told(report: &Report) -> String {
    if report.not_checked.is_empty() {
        return String::new();
    }
    let mut text = heading("Not checked", "so nothing is said of it");
    for (reason, open) in reasons(report) {
        let ids: Vec<CheckId> = open.iter().map(|open| open.id).collect();
        let words = format!("{}: {}", runs(&ids), one_line(reason));
        text.push_str(&hanging("  ", "    ", &words));
    }
    text.push_str(&hanging(
        "  to see more: ",
        "    ",
        "`ftpnat check` on the host itself; `ftpnat snapshot` there saves what it looks at",
    ));
    text
}

/// `FN105, FN207 to FN210`: those that follow one another among all checks as a run.
fn runs(ids: &[CheckId]) -> String {
    let at = |id: &CheckId| CHECKS.iter().position(|check| check.id == *id);
    let kind = |id: &CheckId| id.to_string().get(..3).map(str::to_owned);
    let follows = |one: &CheckId, next: &CheckId| {
        kind(one) == kind(next) && at(next) == at(one).map(|at| at + 1)
    };
    let words = ids.chunk_by(follows).map(|run| match run {
        [first, _, .., last] => format!("{first} to {last}"),
        few => few
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// One paragraph a reason.
fn not_checked(report: &Report, facts: &Facts) -> String {
    let mut text = heading("Not checked", "so nothing is said of it");
    for (reason, open) in reasons(report) {
        let same = open
            .iter()
            .map(|open| format!("{} {}", open.id, open.id.name()));
        text.push_str(&hanging("  ", "  ", &same.collect::<Vec<_>>().join(", ")));
        text.push_str(&hanging("    ", "    ", &one_line(reason)));
    }
    if !report.not_checked.is_empty() {
        for hint in hints(facts) {
            text.push_str(&hanging("  to see more: ", "    ", hint));
        }
    }
    text.push_str(&hanging("  ", "  ", UNJUDGED));
    text
}

/// What no check here answers yet, and what does.
const UNJUDGED: &str = "what the server is set to: this version does not read its configuration; \
                        `ftpnat plan` says what it needs";

/// What would show more.
fn hints(facts: &Facts) -> Vec<&'static str> {
    let mut hints: Vec<&str> = lacking(facts).into_iter().collect();
    if host::container(&facts.snapshot).is_some_and(|c| c.contains("container")) {
        hints.push("run it on the container's host, where modules and their settings are");
    }
    hints
}

/// What who looked lacks, to see everything.
pub(super) fn lacking(facts: &Facts) -> Option<&'static str> {
    let privileges = facts.privileges()?;
    if privileges.uid != 0 {
        Some("run it as root")
    } else if !privileges.net_admin() || !privileges.sees_processes() {
        Some("root lacks CAP_NET_ADMIN or CAP_SYS_PTRACE here")
    } else {
        None
    }
}

fn this_host(facts: &Facts) -> String {
    let mut parts = Vec::new();
    let release = facts.snapshot.text("/proc/sys/kernel/osrelease");
    parts.extend(release.map(|r| format!("Linux {}", one_line(r.trim()))));
    parts.extend(distribution(facts));
    parts.extend(host::container(&facts.snapshot));
    parts.push(format!(
        "nf_conntrack_ftp {}",
        stage(facts.conntrack_ftp.as_ref())
    ));
    parts.push(format!("nf_nat_ftp {}", stage(facts.nat_ftp.as_ref())));
    parts.extend(by_itself(facts));
    parts.extend(host::firewalls(&facts.snapshot));
    let mut text = heading("This host", "as it was seen");
    text.push_str(&wrapped("  ", &parts.join("; ")));
    text
}

/// `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"` (os-release(5)).
fn distribution(facts: &Facts) -> Option<String> {
    let text = facts.snapshot.text("/etc/os-release")?;
    let name = text.lines().find_map(|l| l.strip_prefix("PRETTY_NAME="))?;
    Some(one_line(name.trim_matches(['"', '\''])))
}

/// Whether helpers are assigned without a rule: Linux 6.0 took the sysctl away.
fn by_itself(facts: &Facts) -> Option<String> {
    let sysctl = "/proc/sys/net/netfilter/nf_conntrack_helper";
    let value = facts.snapshot.text(sysctl)?.trim();
    let words = match value {
        "0" => "helpers only by rules",
        _ => "helpers assigned without rules",
    };
    Some(format!("{words} (nf_conntrack_helper={})", one_line(value)))
}

fn stage(known: Option<&Availability>) -> &'static str {
    match known.map(|a| &a.stage) {
        None => "not known",
        Some(Stage::Works) => "works",
        Some(Stage::Loaded) => "loaded",
        Some(Stage::BuiltIn) => "built in",
        Some(Stage::Loadable) => "not loaded, can be",
        Some(Stage::Blacklisted) => "not loaded, blacklisted",
        Some(Stage::Replaced) => "kept out by modprobe.d",
        Some(Stage::Sealed) => "not loaded, and no module can be",
        Some(Stage::Absent) => "missing",
    }
}
