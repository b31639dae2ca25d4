//! Checks: each finds one cause and says how to cure it.

mod cure;
mod definition;
mod examine;
mod host;
mod page;
mod profile;
mod registry;
mod ruleset;
pub mod symptom;
mod wire;

use serde::Serialize;

use crate::model::check::CheckId;

pub use cure::{Guest, Own, Replacement, RuleAt, RuleChange};
pub use definition::{Check, Firewall, Judge, Subject, Verdict};
pub use examine::{NotChecked, Report, examine, profile_findings};
pub use page::{Section, sections};
pub use registry::{CHECKS, by_name};
pub use wire::judge;
pub use wire::{became, part_of_range_blocked};

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

/// A way to cure what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// A command for a shell.
    Command(String),
    /// Lines for a file.
    Config {
        /// The file; `None`: no file of this host, or none that is known.
        file: Option<String>,
        /// The lines.
        text: String,
    },
    /// Changes of the rules in force, all of them together.
    Rules(Vec<RuleChange>),
    /// `ftpnat apply` with the profile in this file.
    Apply(String),
}
