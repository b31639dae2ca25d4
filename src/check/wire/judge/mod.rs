//! From what a session saw to findings: the cause first, one cause one finding.

mod control;
mod data;
mod naming;
mod opening;
mod tls;
mod transfer;

use std::net::IpAddr;

use crate::check::{Evidence, Finding, Remedy, Severity};
use crate::model::check::{self as id, CheckId};
use crate::model::ftp::Software;
use crate::plan::ServerSetting;
use crate::probe::reply::Reply;
use crate::probe::seen::{Account, Sitting};
use crate::profile::Profile;

/// What is wrong with what was seen: worst first, and of the same severity in the order of the
/// session. `profile`: what the server is meant to be.
#[must_use]
pub fn judge(account: &Account, profile: Option<&Profile>) -> Vec<Finding> {
    let mut all: Vec<Finding> = Vec::new();
    for (place, sitting) in account.sittings.iter().enumerate() {
        let bench = Bench {
            account,
            place,
            sitting,
            profile,
        };
        for found in bench.findings() {
            join(&mut all, found);
        }
    }
    drop_moot(&mut all);
    all.sort_by_key(|finding| finding.severity);
    all
}

/// The same cause in two sessions is one: what it was seen in is put together.
fn join(all: &mut Vec<Finding>, found: Finding) {
    match all.iter_mut().find(|finding| finding.id == found.id) {
        Some(same) => {
            same.severity = same.severity.min(found.severity);
            for evidence in found.evidence {
                if !same.evidence.contains(&evidence) {
                    same.evidence.push(evidence);
                }
            }
        }
        None => all.push(found),
    }
}

/// Findings that others explain.
fn drop_moot(all: &mut Vec<Finding>) {
    // A server that uses other ports than those that are open is blocked at some of them.
    const BY_OTHER_PORTS: [CheckId; 4] = [
        id::DATA_SILENT,
        id::DATA_REFUSED,
        id::DATA_REJECTED_BY_ICMP,
        id::PART_OF_RANGE_BLOCKED,
    ];
    let uses_other_ports = |finding: &Finding| finding.id == id::DATA_PORT_OUTSIDE_RANGE;
    if all.iter().any(uses_other_ports) {
        all.retain(|finding| !BY_OTHER_PORTS.contains(&finding.id));
    }
}

/// One session on its way to findings.
struct Bench<'a> {
    account: &'a Account,
    place: usize,
    sitting: &'a Sitting,
    profile: Option<&'a Profile>,
}

impl Bench<'_> {
    fn findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        // A plain session beside one under TLS may be refused in every way.
        if !self.sitting.is_compared {
            found.extend(self.control());
            found.extend(self.tls());
        }
        found.extend(self.data());
        found
    }

    /// What a step showed, with where and when.
    fn step(&self, name: &str) -> Vec<Evidence> {
        let steps = self.account.steps.iter();
        let mine = steps.filter(|step| step.sitting == self.place && step.step == name);
        mine.map(|step| Evidence {
            source: format!("{}, {}", self.session(), step.step),
            text: format!("{} (after {} ms)", step.detail, step.ms),
        })
        .collect()
    }

    /// Which session it is, for people.
    fn session(&self) -> String {
        format!(
            "{} session with {}",
            self.sitting.encryption, self.sitting.called
        )
    }

    fn seen(&self, text: impl Into<String>) -> Evidence {
        Evidence {
            source: self.session(),
            text: text.into(),
        }
    }

    /// The server program: as the profile says where it names one, or as it greets.
    fn software(&self) -> Software {
        let told = self.profile.map(|profile| profile.server.software);
        if let Some(told) = told.filter(|told| *told != Software::Other) {
            return told;
        }
        let greeting = match &self.sitting.greeting {
            Some(Ok(reply)) => all_of(reply),
            _ => return Software::Other,
        };
        let known = [
            ("proftpd", Software::Proftpd),
            ("vsftpd", Software::Vsftpd),
            ("pure-ftpd", Software::PureFtpd),
            ("filezilla", Software::Filezilla),
        ];
        let found = known.into_iter().find(|(name, _)| greeting.contains(name));
        found.map_or(Software::Other, |(_, software)| software)
    }

    /// What to do on a box with a firewall, and what finds the rule there.
    fn on_the_firewall(&self, words: &str) -> Vec<Remedy> {
        let profile = self.profile.map_or("P", |profile| &profile.file);
        vec![in_words(&format!(
            "{words}. On a Linux host `ftpnat check --profile {profile}` names the rule"
        ))]
    }
}

fn error(id: CheckId, summary: String, evidence: Vec<Evidence>, remedy: Vec<Remedy>) -> Finding {
    Finding {
        id,
        severity: Severity::Error,
        summary,
        evidence,
        remedy,
    }
}

fn in_words(text: &str) -> Remedy {
    Remedy::Config {
        file: None,
        text: text.to_owned(),
    }
}

fn setting(setting: ServerSetting) -> Remedy {
    Remedy::Config {
        file: setting.file.map(str::to_owned),
        text: setting.text,
    }
}

/// The box that sent ICMP, as far as it is known.
fn who(by: Option<IpAddr>) -> String {
    by.map_or("a box on the way".to_owned(), |by| by.to_string())
}

/// The lines of a reply as one, to look for words in.
fn all_of(reply: &Reply) -> String {
    reply.lines.join(" ").to_ascii_lowercase()
}
