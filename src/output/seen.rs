//! What findings were seen on: a host, or a text of which the host is assumed.

use crate::check::{Remedy, Report};
use crate::facts::Facts;
use crate::plan::assumed::{Assumed, By, Known};
use crate::plan::needs_of_helper;
use crate::profile::{Nat, Profile};

use super::cure::{Paste, PasteKind, pastes};
use super::words::hanging;

/// What a report is about.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    /// This host, or one that was saved.
    Host(&'a Facts),
    /// A saved ruleset of this name, on a host that had to be assumed.
    Text(&'a Assumed, &'a str),
}

impl Seen<'_> {
    /// What is known of the host.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        match self {
            Self::Host(facts) => facts,
            Self::Text(host, _) => &host.facts,
        }
    }

    /// The report in words that fit: of a text it is not known which back end its host has,
    /// so that cures are for its plain `iptables`.
    #[must_use]
    pub fn fitting(self, mut report: Report) -> Report {
        if let Self::Text(..) = self {
            for finding in &mut report.findings {
                let remedies = std::mem::take(&mut finding.remedy);
                finding.remedy = remedies.into_iter().flat_map(plain).collect();
            }
        }
        report
    }

    /// What the answers rest on that nobody looked at.
    pub(super) fn assumed(self, profile: &Profile) -> String {
        let Self::Text(host, name) = self else {
            return String::new();
        };
        let called: Vec<String> = host.called.iter().map(known).collect();
        let called = called.join(" and ");
        let outer = known(&host.outer);
        let mut words = vec![match (&profile.nat, &host.inner) {
            (Nat::Masquerade { .. }, Some(inner)) => {
                format!(
                    "clients come in by {} and leave by {outer} as {called}",
                    known(inner)
                )
            }
            _ if called.is_empty() => format!("clients come in by {outer}"),
            _ => format!("clients come in by {outer} to {called}"),
        }];
        if let (Nat::Dnat { .. }, Some(inner)) = (&profile.nat, &host.inner) {
            words.push(format!("the server is behind {}", known(inner)));
        }
        if !needs_of_helper(profile).is_empty() {
            words.push("the kernel assigns no helper without a rule".to_owned());
        }
        words.push(format!("no rules are in force but those in {name}"));
        hanging("  assumed: ", "    ", &words.join("; "))
    }
}

/// The same by the program that every host with such rules has.
fn plain(remedy: Remedy) -> Vec<Remedy> {
    let Remedy::Rules(_) = &remedy else {
        return vec![remedy];
    };
    let mut said: Vec<Remedy> = Vec::new();
    for Paste { kind, file, text } in pastes(&remedy) {
        match (kind, said.last_mut()) {
            // Several remedies would be one or another.
            (PasteKind::Command, Some(Remedy::Command(all))) => {
                all.push('\n');
                *all += &by_iptables(&text);
            }
            (PasteKind::Command, _) => said.push(Remedy::Command(by_iptables(&text))),
            (PasteKind::Config, _) => said.push(Remedy::Config { file, text }),
        }
    }
    said
}

fn by_iptables(command: &str) -> String {
    command.replace("tables-nft ", "tables ")
}

fn known<T: ToString>(known: &Known<T>) -> String {
    let value = known.value.to_string();
    match known.by {
        By::Profile => value,
        By::Rules => format!("{value} (so the rules)"),
        By::Nobody => format!("{value} (made up)"),
    }
}
