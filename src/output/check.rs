//! What the checks found, in words: the verdict first, then each finding, then what
//! could not be seen and how to see it.

use std::fmt::Write as _;

use crate::check::{Check, NotChecked, Report, Section, Severity, sections};
use crate::facts::helper::{Availability, Stage};
use crate::facts::{Facts, host};
use crate::profile::Profile;

use super::terminal::one_line;
use super::words::{
    self, BAD, BOLD, CAREFUL, GOOD, Shown, described, dimmed, hanging, heading, wrapped,
};

/// The report on one profile.
#[must_use]
pub fn report(profile: &Profile, report: &Report, facts: &Facts) -> String {
    let mut text = verdict(profile, report);
    for finding in &report.findings {
        text.push_str(&words::finding(finding, Shown::Evidence));
    }
    text.push_str(&not_checked(report, facts));
    text.push_str(&this_host(facts));
    if let Some(first) = report.findings.first() {
        let more = format!("`ftpnat explain {}` says more of it", first.id);
        text.push_str(&dimmed(&wrapped("  ", &more)));
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
    let of = |severity| {
        report
            .findings
            .iter()
            .filter(|f| f.severity == severity)
            .count()
    };
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let open = report.not_checked.len();
    let (style, mut words) = match (errors, report.status()) {
        (1, _) => (BAD, "1 fault that breaks transfers".to_owned()),
        (2.., _) => (BAD, format!("{errors} faults that break transfers")),
        (_, 3) => (
            CAREFUL,
            format!("no fault found, but {} not made", checks(open)),
        ),
        _ if warnings > 0 => (CAREFUL, "no fault that breaks transfers".to_owned()),
        _ => (GOOD, "healthy, as far as was looked".to_owned()),
    };
    match warnings {
        0 => {}
        1 => words += ", 1 warning",
        n => drop(write!(words, ", {n} warnings")),
    }
    if errors > 0 && open > 0 {
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

/// One paragraph a reason.
fn not_checked(report: &Report, facts: &Facts) -> String {
    let mut text = heading("Not checked", "so nothing is said of it");
    let mut reasons: Vec<&str> = Vec::new();
    for open in &report.not_checked {
        if !reasons.contains(&open.reason.as_str()) {
            reasons.push(&open.reason);
        }
    }
    for reason in reasons {
        let same: Vec<String> = report
            .not_checked
            .iter()
            .filter(|open| open.reason == reason)
            .map(|open: &NotChecked| format!("{} {}", open.id, open.id.name()))
            .collect();
        text.push_str(&hanging("  ", "  ", &same.join(", ")));
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
