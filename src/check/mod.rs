//! Checks: each finds one cause and says how to cure it.

mod definition;
mod examine;
mod host;
mod page;
mod profile;
mod registry;
mod ruleset;

use serde::Serialize;

use crate::model::check::CheckId;

pub use definition::{Check, Firewall, Judge, Subject, Verdict};
pub use examine::{NotChecked, Report, examine, profile_findings};
pub use page::{Section, sections};
pub use registry::{CHECKS, by_name};

/// How much a finding hurts. Orders the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Breaks transfers for clients in general.
    Error,
    /// Breaks some clients, or is unsafe.
    Warning,
    /// Worth knowing.
    Note,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which check.
    pub id: CheckId,
    /// How much it hurts here.
    pub severity: Severity,
    /// One sentence with this profile's own numbers and names.
    pub summary: String,
    /// What it was seen in.
    pub evidence: Vec<Evidence>,
    /// What to do.
    pub remedy: Vec<Remedy>,
}

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Where it stands.
    pub source: String,
    /// What stands there.
    pub text: String,
}

/// A line to paste.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// A command for a shell, or lines for a file.
    pub kind: RemedyKind,
    /// The file, for lines.
    pub file: Option<String>,
    /// What to paste.
    pub text: String,
}

/// What kind of remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemedyKind {
    /// A command for a shell.
    Command,
    /// Lines for a file.
    Config,
}
