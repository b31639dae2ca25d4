//! This host's other profiles.

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Finding, Severity};
use crate::model::check::PROFILES_OVERLAP as ID;
use crate::profile::{self, Profile};

use super::{command, seen};

check! {
    /// Another profile of this host claims the same ports.
    ///
    /// ## What happens
    /// Two profiles want the same control port, or overlapping passive ranges, on one address.
    /// Only one of them gets each packet; which one depends on the order of rules.
    ///
    /// ## How it is judged
    /// Against the profiles in /etc/ftpnat/profiles. Two profiles that are given together and
    /// overlap are refused before that. The profile's own older copy, of the same name, does not
    /// count.
    ///
    /// ## Cure
    /// Different ranges, different external control ports (`nat.external.port`), or one profile less.
    PROFILES_OVERLAP, Error, moot by &[], Judge::Host {
        applies: |_| true,
        needs: &[],
        find: overlap,
    }
}

fn overlap(subject: &Subject) -> Verdict {
    if let Some(why) = subject.facts.snapshot.why_blind() {
        return Verdict::Unknown(why.to_owned());
    }
    if let Some(why) = subject.facts.unreadable_profile() {
        return Verdict::Unknown(format!("cannot read {why}"));
    }
    let mut unread = None;
    for (path, text) in subject.facts.installed_profiles() {
        let other = match profile::parse(path, text.as_bytes()) {
            Ok(other) if other.name == subject.profile.name => continue,
            Ok(other) => other,
            Err(_) => {
                unread = unread.or(Some(path));
                continue;
            }
        };
        if let Some(finding) = conflict(subject.profile, other) {
            return Verdict::Found(finding);
        }
    }
    match unread {
        Some(path) => Verdict::Unknown(format!(
            "{path} is not a valid profile: `ftpnat plan --profile {path}` says why"
        )),
        None => Verdict::Fine,
    }
}

fn conflict(profile: &Profile, other: Profile) -> Option<Finding> {
    let path = other.file.clone();
    let both = [profile.clone(), other];
    let conflict = profile::conflicts(&both).into_iter().next()?;
    Some(Finding {
        id: ID,
        severity: Severity::Error,
        summary: conflict.to_string(),
        evidence: vec![seen(&path, format!("name: {}", both[1].name))],
        remedy: vec![command(format!("ftpnat plan --profile {path}"))],
    })
}
