//! What a check is, and how it judges.

use crate::facts::{Fact, Facts};
use crate::model::check::CheckId;
use crate::plan::ProfilePlan;
use crate::plan::reach::Reached;
use crate::profile::Profile;
use crate::ruleset::eval::{HostFacts, Prepared};
use crate::ruleset::live::Ruleset;
use crate::ruleset::posted::Posted;

use super::ruleset::Blame;
use super::{Finding, Severity};

/// A check: finds one cause.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Its number and name.
    pub id: CheckId,
    /// How much its finding hurts as a rule; a finding may hurt less.
    pub severity: Severity,
    /// What `ftpnat explain` prints: its doc comment, in paragraphs with `##` heads.
    pub page: &'static str,
    /// Checks whose finding explains this one's as well.
    pub moot_by: &'static [CheckId],
    /// How it judges.
    pub judge: Judge,
}

/// How a check comes to its finding.
#[derive(Debug, Clone, Copy)]
pub enum Judge {
    /// From the profile and its plan alone.
    Profile(fn(&Profile, &ProfilePlan) -> Option<Finding>),
    /// From the profile and this host.
    Host {
        /// Whether the profile asks the question at all.
        applies: fn(&Subject) -> bool,
        /// What must be known for an answer.
        needs: &'static [Fact],
        /// The answer.
        find: fn(&Subject) -> Verdict,
    },
    /// By what becomes of the profile's connections in the live ruleset.
    Blame {
        /// Whether the profile asks the question at all.
        applies: fn(&Subject) -> bool,
        /// What `plan` says before, of the profile's predictions.
        foreseen: fn(&Profile, &ProfilePlan) -> Option<Finding>,
    },
    /// From a session that was held from the client's seat (`ftpnat probe`); predictions may
    /// name it.
    Wire,
}

/// What a check judges.
#[derive(Clone, Copy)]
pub struct Subject<'a, 'r> {
    /// The profile.
    pub profile: &'a Profile,
    /// Its plan.
    pub plan: &'a ProfilePlan,
    /// The host.
    pub facts: &'a Facts,
    /// The firewall that is in force there.
    pub firewall: &'a Firewall<'r>,
    /// What becomes there of every connection that the profile needs, worked out once for
    /// all checks.
    pub traffic: &'a [Reached],
    /// What of that does not get through, and which rules are to blame.
    pub blame: &'a Blame,
}

/// The firewall that is in force on a host.
pub struct Firewall<'a> {
    /// As it was read.
    pub ruleset: &'a Ruleset,
    /// The host that it is in force on.
    pub host: &'a HostFacts,
    /// Made ready for packets.
    pub prepared: Prepared<'a>,
    /// The text that it was read from, and the text's name, where it is not in force here.
    pub text: Option<(&'a Posted, &'a str)>,
}

impl<'a> Firewall<'a> {
    /// A ruleset on the host that `host` describes.
    #[must_use]
    pub fn new(ruleset: &'a Ruleset, host: &'a HostFacts) -> Self {
        Self {
            ruleset,
            host,
            prepared: Prepared::new(ruleset, host),
            text: None,
        }
    }

    /// The ruleset that a text of this name holds.
    #[must_use]
    pub fn of_text(ruleset: &'a Ruleset, host: &'a HostFacts, text: (&'a Posted, &'a str)) -> Self {
        Self {
            text: Some(text),
            ..Self::new(ruleset, host)
        }
    }

    /// What it is, as evidence has it that stands at no place of it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.map_or("live ruleset", |(_, name)| name)
    }
}

/// A check's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong here.
    Fine,
    /// This is wrong.
    Found(Finding),
    /// This is wrong, and of the rest it could not be told: why.
    Partly(Finding, String),
    /// It could not be told: why.
    Unknown(String),
}

impl From<Option<Finding>> for Verdict {
    fn from(found: Option<Finding>) -> Self {
        found.map_or(Self::Fine, Self::Found)
    }
}

/// Makes a check of the name of its id, with its doc comment as its page.
macro_rules! check {
    ($(#[doc = $page:literal])+ $name:ident, $severity:ident, moot by $moot:expr, $judge:expr) => {
        $(#[doc = $page])+
        pub(in $crate::check) const $name: $crate::check::Check = $crate::check::Check {
            id: $crate::model::check::$name,
            severity: $crate::check::Severity::$severity,
            page: concat!($($page, "\n"),+),
            moot_by: $moot,
            judge: $judge,
        };
    };
}
pub(super) use check;
