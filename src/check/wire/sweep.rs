//! What a sweep of the passive range shows.

use crate::check::{Evidence, Finding, Remedy, Severity};
use crate::model::check::PART_OF_RANGE_BLOCKED;
use crate::probe::seen::seconds;
use crate::probe::sweep::ask::calls::runner::PATIENCE;
use crate::probe::sweep::{Outcome, Swept, ports};
use crate::profile::Profile;

/// FN424, where ports do not get through.
#[must_use]
pub fn part_of_range_blocked(profile: &Profile, swept: &[Swept]) -> Option<Finding> {
    let closed: Vec<&Swept> = swept.iter().filter(|s| !s.closed().is_empty()).collect();
    if closed.is_empty() {
        return None;
    }
    let each: Vec<String> = closed
        .iter()
        .map(|s| format!("{} of {} ports", s.tried() - s.open(), s.tried()))
        .zip(closed.iter().map(|s| s.address))
        .map(|(count, address)| format!("{count} at {address}"))
        .collect();
    Some(Finding {
        id: PART_OF_RANGE_BLOCKED,
        severity: Severity::Error,
        summary: format!(
            "{} do not get through, though something listens there: listings hang or fail when \
             the server picks one of them",
            each.join(" and ")
        ),
        evidence: closed.into_iter().flat_map(evidence).collect(),
        remedy: vec![remedy(profile)],
    })
}

fn evidence(swept: &Swept) -> Vec<Evidence> {
    let words = |(outcome, ports): (Outcome, Vec<u16>)| Evidence {
        source: swept.address.to_string(),
        text: words(&outcome, &ports),
    };
    swept.closed().into_iter().map(words).collect()
}

/// Ports and what became of them, such as `50500-50521: no answer in 1.5 s`.
fn words(outcome: &Outcome, closed: &[u16]) -> String {
    let ranges = ports::words(closed).replace(',', ", ");
    format!("{ranges}: {}", became(outcome))
}

/// What became of a call, in words.
#[must_use]
pub fn became(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Open => "answered".to_owned(),
        Outcome::Silent => format!("no answer in {}", seconds(PATIENCE)),
        Outcome::Refused => "refused".to_owned(),
        Outcome::Rejected { by, error } => match by {
            Some(by) => format!("rejected by ICMP from {by} ({error})"),
            None => format!("rejected ({error})"),
        },
        Outcome::Stranger => "something else answers than `ftpnat answer`".to_owned(),
        Outcome::Shifted(by) => format!("arrives at the port {}", shift(*by)),
    }
}

fn shift(by: i32) -> String {
    if by < 0 {
        format!("{} lower", by.unsigned_abs())
    } else {
        format!("{by} higher")
    }
}

fn remedy(profile: &Profile) -> Remedy {
    Remedy::Config {
        file: None,
        text: format!(
            "let {} in, the whole range, to the same ports of the server, in every firewall, DNAT \
             rule and cloud group on the way: `ftpnat plan --profile P` says what each must let \
             in, and `ftpnat check --profile P` on a host names the rule that does not",
            profile.passive.ports
        ),
    }
}
