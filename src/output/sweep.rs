//! What a sweep of the passive range came to, and what is said while it is waited for.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use crate::check::{Finding, became};
use crate::probe::sweep::token::Token;
use crate::probe::sweep::{Swept, ports};
use crate::profile::Profile;

use super::probe::{ProbeV1, StepV1};
use super::terminal::shell_word;
use super::words::{self, BAD, BOLD, CAREFUL, GOOD, Shown, wrapped};

/// A sweep that has ended.
#[derive(Clone, Copy)]
pub struct Sweep<'a> {
    /// The server, as it was named.
    pub host: &'a str,
    /// Its profile.
    pub profile: &'a Profile,
    /// The ports at each address.
    pub swept: &'a [Swept],
    /// How long it took.
    pub took: Duration,
}

/// `ftpnat.probe/1`, one line: a step an address.
#[must_use]
pub fn json(sweep: &Sweep, found: Option<&Finding>) -> String {
    let step = |swept: &Swept| StepV1 {
        step: "sweep",
        outcome: if is_open(swept) { "ok" } else { "failed" },
        ms: u64::try_from(sweep.took.as_millis()).unwrap_or(u64::MAX),
        detail: format!("{}: {}", swept.address, verdict(sweep.profile, swept)).into(),
        session: None,
    };
    super::json::line(&ProbeV1 {
        format: "ftpnat.probe/1",
        target: sweep.host,
        steps: sweep.swept.iter().map(step).collect(),
        findings: found.into_iter().map(super::json::finding).collect(),
    })
}

/// The same for people: the verdict first.
#[must_use]
pub fn human(sweep: &Sweep, found: Option<&Finding>) -> String {
    let mut text = String::new();
    for swept in sweep.swept {
        let style = match (is_open(swept), swept.busy().is_empty()) {
            (true, true) => GOOD,
            (true, false) => CAREFUL,
            (false, _) => BAD,
        };
        let words = verdict(sweep.profile, swept);
        let _ = writeln!(
            text,
            "{BOLD}{}{BOLD:#}: {style}{words}{style:#}",
            swept.address
        );
    }
    let busy = sweep.swept.first().map_or_else(Vec::new, Swept::busy);
    if !busy.is_empty() {
        let ports = ports::words(&busy).replace(',', ", ");
        let words = format!(
            "not tried: {ports}: `ftpnat answer` could not hold them, something else has them"
        );
        text.push_str(&wrapped("  ", &words));
    }
    if let Some(finding) = found {
        text.push_str(&words::finding(finding, Shown::Evidence));
        text.push_str(&words::says_more(finding));
    }
    text
}

/// `range 50000-51000: 1001 ports tried, 979 get through`.
fn verdict(profile: &Profile, swept: &Swept) -> String {
    let (range, tried) = (profile.passive.ports, swept.tried());
    let ports = if tried == 1 { "port" } else { "ports" };
    let through = match (swept.open(), tried) {
        (open, tried) if open == tried => "all get through".to_owned(),
        (1, _) => "1 gets through".to_owned(),
        (open, _) => format!("{open} get through"),
    };
    format!("range {range}: {tried} {ports} tried, {through}")
}

fn is_open(swept: &Swept) -> bool {
    swept.open() == swept.tried()
}

/// Why none of the first ports answered, at each address.
#[must_use]
pub fn reasons(swept: &[Swept]) -> String {
    let of = |swept: &Swept| {
        let closed = swept.closed();
        let each: Vec<String> = closed
            .iter()
            .map(|(outcome, ports)| match ports.len() {
                1 => became(outcome),
                count => format!("{} ({count} ports)", became(outcome)),
            })
            .collect();
        each.join(", ")
    };
    match swept {
        [one] => of(one),
        many => {
            let each = many.iter().map(|s| format!("{}: {}", s.address, of(s)));
            each.collect::<Vec<_>>().join("; ")
        }
    }
}

/// What to run at the client.
#[must_use]
pub fn waiting(profile: &Profile, token: &Token) -> String {
    let file = if profile.file == "<stdin>" {
        "P".to_owned()
    } else {
        shell_word(&profile.file)
    };
    let range = profile.passive.ports;
    let few = ports::at_once(range);
    let held = if few == 1 {
        "one port".to_owned()
    } else {
        format!("at most {few} ports")
    };
    format!(
        "{}  ftpnat probe --sweep --token {token} HOST --profile {file}\n",
        wrapped(
            "ftpnat: ",
            &format!(
                "holds {held} of {range} at once, until they are swept. At the client, with the \
                 same profile, and HOST as clients call this server:"
            )
        )
    )
}

/// That it has ended well.
#[must_use]
pub fn answered(profile: &Profile, client: IpAddr) -> String {
    let range = profile.passive.ports;
    format!("ftpnat: {range} is swept from {client}; nothing listens any more\n")
}
