//! Whether what ftpnat installed is as it was.

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Evidence, Finding, Remedy, Severity};
use crate::facts::Fact;
use crate::facts::installed::{Drift, State};
use crate::model::check::INSTALLED_RULES_DRIFTED as ID;

check! {
    /// Rules that ftpnat installed are not there as they were.
    ///
    /// ## What happens
    /// It worked once, and works no more: another program loaded its ruleset anew and took ours
    /// out with it, somebody changed a rule of ours, or a new rule drops what comes before ours
    /// is reached.
    ///
    /// ## How it is judged
    /// As `ftpnat status` does, by the profile of that name that is installed: it is planned anew
    /// for this host as it is, and compared with what the kernel holds, rule by rule. `missing`:
    /// it is gone. `changed`: it is another, or a rule that is not ours stands in our table.
    /// `moved`: it stands elsewhere, and still does its work. `shadowed`: it is there, and a drop
    /// comes before it; packets are sent through the ruleset to know that. What is installed
    /// stands in the state directory (`--state-dir`); a snapshot keeps what was found.
    ///
    /// ## Cure
    /// `ftpnat apply` with the same profile puts ours back in place. Where it says that a drop
    /// leaves no place, that rule must go, or change. A manager of the firewall (firewalld, ufw)
    /// that loads its rules anew needs the ports opened by its own means.
    INSTALLED_RULES_DRIFTED, Warning, moot by &[], Judge::Host {
        applies: |_| true,
        needs: &[Fact::Installed],
        find: drifted,
    }
}

fn drifted(subject: &Subject) -> Verdict {
    let Subject { profile, facts, .. } = *subject;
    let installed = facts.installed.as_ref();
    let drift = installed.and_then(|i| i.drift_of(&profile.name));
    let drift = drift.unwrap_or_default();
    if drift.is_empty() {
        return Verdict::Fine;
    }
    let summary = match drift.len() {
        1 => "1 rule is not as it was installed".to_owned(),
        many => format!("{many} rules are not as they were installed"),
    };
    Verdict::Found(Finding {
        id: ID,
        severity: Severity::Warning,
        summary,
        evidence: drift.iter().map(|drift| seen(drift)).collect(),
        remedy: vec![Remedy::Apply(profile.file.clone())],
    })
}

fn seen(drift: &Drift) -> Evidence {
    let state = match drift.state {
        State::Missing => "missing",
        State::Changed => "changed",
        State::Moved => "moved",
        State::Shadowed => "a drop comes before it",
    };
    let rule = if drift.rule.is_empty() {
        "a rule that is not ftpnat's"
    } else {
        &drift.rule
    };
    Evidence {
        source: drift.place.clone(),
        text: format!("{rule}, {state}: {}", drift.text),
    }
}
