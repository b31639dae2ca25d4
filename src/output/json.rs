//! JSON, version 1: types of its own, frozen, so that the core may change.

use serde::Serialize;

use crate::check::{Evidence, Finding, Report, Severity};
use crate::model::check::CheckId;
use crate::model::filter::Rule;
use crate::plan::{Cell, ProfilePlan};
use crate::render::nftables;

use super::cure::{Paste, pastes};
use super::host::{Now, StandingV1};
use super::{Failure, Place};

#[derive(Serialize)]
struct PlanV1<'a> {
    format: &'static str,
    profile: &'a str,
    rules: Vec<RuleV1<'a>>,
    modules: &'a [&'static str],
    sysctls: Vec<SysctlV1<'a>>,
    server: Vec<ServerV1<'a>>,
    upstream: Vec<UpstreamV1<'a>>,
    predictions: &'a [Cell],
    host: Vec<StandingV1>,
    missing: Option<Vec<&'static str>>,
    findings: Vec<FindingV1<'a>>,
}

#[derive(Serialize)]
struct CheckV1<'a> {
    format: &'static str,
    profile: &'a str,
    findings: Vec<FindingV1<'a>>,
    not_checked: Vec<NotCheckedV1<'a>>,
}

#[derive(Serialize)]
struct NotCheckedV1<'a> {
    id: CheckId,
    reason: &'a str,
}

#[derive(Serialize)]
struct RuleV1<'a> {
    name: &'static str,
    hook: String,
    text: String,
    why: &'a str,
}

#[derive(Serialize)]
struct SysctlV1<'a> {
    key: &'static str,
    value: &'a str,
    why: &'static str,
}

#[derive(Serialize)]
struct ServerV1<'a> {
    file: Option<&'static str>,
    text: &'a str,
    why: &'static str,
}

#[derive(Serialize)]
struct UpstreamV1<'a> {
    ports: String,
    sources: &'a [String],
    to: Option<&'a str>,
    why: &'static str,
}

#[derive(Serialize)]
pub(super) struct FindingV1<'a> {
    id: CheckId,
    name: &'static str,
    severity: Severity,
    summary: &'a str,
    evidence: &'a [Evidence],
    remedy: Vec<Paste>,
}

#[derive(Serialize)]
struct ErrorV1<'a> {
    format: &'static str,
    status: u8,
    message: String,
    places: &'a [Place],
}

/// `ftpnat.plan/1`, one line.
#[must_use]
pub fn plan(plan: &ProfilePlan, findings: &[Finding], now: Now) -> String {
    line(&PlanV1 {
        format: "ftpnat.plan/1",
        profile: &plan.name,
        rules: plan.rules.iter().map(rule).collect(),
        modules: &plan.modules,
        sysctls: plan
            .sysctls
            .iter()
            .map(|s| SysctlV1 {
                key: s.key,
                value: &s.value,
                why: s.why,
            })
            .collect(),
        server: plan
            .server
            .iter()
            .map(|s| ServerV1 {
                file: s.file,
                text: &s.text,
                why: s.why,
            })
            .collect(),
        upstream: plan
            .upstream
            .iter()
            .map(|u| UpstreamV1 {
                ports: u.ports.to_string(),
                sources: &u.sources,
                to: u.to.as_deref(),
                why: u.why,
            })
            .collect(),
        predictions: &plan.predictions,
        host: now.standings_json(),
        missing: now.missing_json(),
        findings: findings.iter().map(finding).collect(),
    })
}

/// `ftpnat.check/1`, one line.
#[must_use]
pub fn check(profile: &str, report: &Report) -> String {
    let not_checked = report.not_checked.iter();
    line(&CheckV1 {
        format: "ftpnat.check/1",
        profile,
        findings: report.findings.iter().map(finding).collect(),
        not_checked: not_checked
            .map(|n| NotCheckedV1 {
                id: n.id,
                reason: &n.reason,
            })
            .collect(),
    })
}

/// `ftpnat.error/1`, one line.
#[must_use]
pub fn failure(failure: &Failure) -> String {
    let message = match &failure.help {
        Some(help) => format!("{}; {help}", failure.message),
        None => failure.message.clone(),
    };
    line(&ErrorV1 {
        format: "ftpnat.error/1",
        status: failure.status,
        message,
        places: &failure.places,
    })
}

fn rule(rule: &Rule) -> RuleV1<'_> {
    RuleV1 {
        name: rule.name,
        hook: rule.chain.hook.to_string(),
        text: nftables::rule_text(rule),
        why: &rule.why,
    }
}

pub(super) fn finding(finding: &Finding) -> FindingV1<'_> {
    FindingV1 {
        id: finding.id,
        name: finding.id.name(),
        severity: finding.severity,
        summary: &finding.summary,
        evidence: &finding.evidence,
        remedy: finding.remedy.iter().flat_map(pastes).collect(),
    }
}

pub(super) fn line(value: &impl Serialize) -> String {
    // These types hold strings, numbers and lists: nothing that JSON cannot.
    serde_json::to_string(value).unwrap_or_default() + "\n"
}
