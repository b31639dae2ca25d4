//! A check's faults as its finding.

use std::fmt::Write as _;

use crate::check::definition::{Subject, Verdict};
use crate::check::{Evidence, Finding, NotChecked, Severity};
use crate::model::check::{self as id, CheckId};
use crate::model::net::{Family, PortRange};
use crate::plan::From;
use crate::plan::flows::{Connections, Purpose};
use crate::ruleset::eval::{Region, Span, address};

use super::super::{nat_chains, place};
use super::{Fault, Stop, remedy, sources};

/// Ranges that a sentence names before it counts the others.
const NAMED: usize = 4;

/// The answer of the check with this id.
pub(in crate::check) fn found(subject: &Subject, id: CheckId) -> Verdict {
    let faults: Vec<&Fault> = subject.blame.faults.iter().filter(|f| f.id == id).collect();
    let open: Vec<&NotChecked> = subject.blame.open.iter().filter(|o| o.id == id).collect();
    let why = || {
        let reasons: Vec<&str> = open.iter().map(|o| o.reason.as_str()).collect();
        reasons.join("; ")
    };
    // The worst speak; others of the same check are said once those are cured.
    let worst = faults.iter().map(|f| f.severity).min();
    let worst: Vec<&Fault> = faults
        .into_iter()
        .filter(|f| Some(f.severity) == worst)
        .collect();
    match (worst.is_empty(), open.is_empty()) {
        (true, true) => Verdict::Fine,
        (true, false) => Verdict::Unknown(why()),
        (false, true) => Verdict::Found(finding(subject, id, &worst)),
        (false, false) => Verdict::Partly(finding(subject, id, &worst), why()),
    }
}

fn finding(subject: &Subject, id: CheckId, faults: &[&Fault]) -> Finding {
    let severity = faults.iter().map(|f| f.severity).min();
    let severity = severity.unwrap_or(Severity::Error);
    Finding {
        id,
        severity,
        summary: summary(subject, id, severity, faults),
        evidence: evidence(subject, faults),
        remedy: remedy::remedy(subject, id, severity, faults),
    }
}

/// One sentence: which connections, from whom, and what becomes of them.
fn summary(subject: &Subject, check: CheckId, severity: Severity, faults: &[&Fault]) -> String {
    let what = connections(subject, faults);
    let fate = match check {
        id::ESTABLISHED_NOT_ACCEPTED => {
            "may be opened, but what follows the first packet is dropped"
        }
        id::RELATED_NOT_ACCEPTED if faults.iter().all(|f| f.in_vain.is_some()) => {
            "are RELATED, as a helper expects them, and dropped; sent again a second later, they \
             are NEW and get through"
        }
        id::RELATED_NOT_ACCEPTED => "are RELATED, as a helper expects them, and dropped",
        id::ACCEPT_OVERRULED_BY_LATER_DROP => {
            "are accepted in one base chain and dropped in a later one"
        }
        id::ACCEPT_AFTER_DROP if faults.iter().any(|f| f.in_vain.is_none()) => {
            "are dropped, some of them by a rule before the one that accepts them"
        }
        id::ACCEPT_AFTER_DROP => "are dropped by a rule before the one that accepts them",
        id::DNAT_MISSING => "are not led to the server: this gateway answers for itself",
        id::HAIRPIN_MISSING => "to the external address are not turned back to the server",
        id::DNAT_SHIFTS_PORTS => "are led to the server, but to other ports",
        id::DNAT_TAKEN_BY_ANOTHER_RULE => "are led to another host by a rule of others",
        id::INBOUND_SNAT_HIDES_CLIENTS => "reach the server with a source that is not the client's",
        id::TRAFFIC_UNTRACKED => {
            "are not tracked, and so not accepted, not translated or not seen by the helper"
        }
        id::SNAT_MISSING_FOR_ACTIVE => "leave with an address that the client did not call",
        _ if severity == Severity::Note => "are dropped for some clients, as somebody wanted it",
        _ => "are dropped",
    };
    format!("{what} {fate}")
}

/// `port 21 and ports 50000-51000 (passive data), from inside`.
fn connections(subject: &Subject, faults: &[&Fault]) -> String {
    let mut kinds: Vec<(Purpose, From)> = faults.iter().map(|f| (f.purpose, f.from)).collect();
    kinds.sort_unstable_by_key(|(purpose, from)| (*from as u8, *purpose));
    kinds.dedup();
    // Clients outside speak for all.
    if kinds.iter().any(|(_, from)| *from == From::Outside) {
        kinds.retain(|(_, from)| *from == From::Outside);
    }
    let words = kinds.iter().map(|&(purpose, from)| {
        let of_kind: Vec<&&Fault> = faults
            .iter()
            .filter(|f| (f.purpose, f.from) == (purpose, from))
            .collect();
        let ports: Vec<PortRange> = of_kind.iter().flat_map(|f| f.ports()).collect();
        let ports = crate::facts::ports::merged(&ports);
        format!(
            "{}{}{}{}",
            ports_words(purpose, &ports),
            family_words(faults, &of_kind),
            from_words(from),
            sources_words(subject, &of_kind),
        )
    });
    format!(
        "connections to {}",
        words.collect::<Vec<_>>().join(" and to ")
    )
}

/// What connections are for, with their ports.
pub(super) fn ports_words(purpose: Purpose, ports: &[PortRange]) -> String {
    let named: Vec<String> = ports.iter().take(NAMED).map(ToString::to_string).collect();
    let mut list = named.join(", ");
    if ports.len() > NAMED {
        let _ = write!(list, " and {} ranges more", ports.len() - NAMED);
    }
    let is_one = matches!(ports, [one] if one.first() == one.last());
    let noun = if is_one { "port" } else { "ports" };
    match purpose {
        Purpose::Control => format!("control {noun} {list}"),
        Purpose::PassiveData => format!("passive {noun} {list}"),
        Purpose::ActiveData => format!("clients' {noun} {list} (active data)"),
    }
}

/// Where only one family is meant and the other is served as well.
fn family_words(all: &[&Fault], these: &[&&Fault]) -> &'static str {
    let has = |family| these.iter().any(|f| f.family == family);
    match (has(Family::Ipv4), has(Family::Ipv6)) {
        (false, true) => " over IPv6",
        (true, false) if all.iter().any(|f| f.family == Family::Ipv6) => " over IPv4",
        _ => "",
    }
}

fn from_words(from: From) -> &'static str {
    match from {
        From::Outside => "",
        From::InsideExternal | From::InsideDirect => " from inside",
        From::Gateway => " from this gateway itself",
    }
}

/// Of which clients, where it is a single range of them and others have it better.
fn sources_words(subject: &Subject, faults: &[&&Fault]) -> String {
    let Some(first) = faults.first() else {
        return String::new();
    };
    if first.purpose == Purpose::ActiveData || first.from != From::Outside {
        return String::new();
    }
    let of_family = faults.iter().filter(|f| f.family == first.family);
    let theirs: Vec<Region> = of_family.flat_map(|f| f.regions.clone()).collect();
    let is_same = |c: &&Connections| {
        let family = c.opening.flow.family();
        (c.purpose, c.from, family) == (first.purpose, first.from, first.family)
    };
    let all = subject.traffic.iter().map(|r| &r.connections);
    let all: Vec<Region> = all
        .filter(is_same)
        .flat_map(|c| c.regions.clone())
        .collect();
    let theirs = sources(&theirs);
    match theirs[..] {
        [one] if theirs != sources(&all) => format!(" from {}", span(one, first.family)),
        _ => String::new(),
    }
}

fn span(span: Span, family: Family) -> String {
    let ends = (address(span.first, family), address(span.last, family));
    if span.first == span.last {
        ends.0.to_string()
    } else {
        format!("{}-{}", ends.0, ends.1)
    }
}

/// The rules, in the order in which packets meet them, each once.
fn evidence(subject: &Subject, faults: &[&Fault]) -> Vec<Evidence> {
    let mut all: Vec<Evidence> = Vec::new();
    let many = faults.len() > 1 || faults.iter().any(|f| f.causes.len() > 1);
    let stops = stops(faults);
    // A rule for each port of the range says no more than some of them.
    let in_vain = stops.iter().filter(|(_, is_vain)| *is_vain).count();
    let mut named = 0;
    for (stop, is_vain) in stops {
        let mut seen = place(subject, stop.at);
        if is_vain {
            named += 1;
            if named > NAMED {
                continue;
            }
            seen.source += match faults.first().map(|f| f.id) {
                Some(id::RELATED_NOT_ACCEPTED) => ", sent again",
                _ => ", in vain",
            };
            if named == NAMED && in_vain > NAMED {
                let _ = write!(seen.source, " like {} more", in_vain - NAMED);
            }
        } else if many {
            let ports: Vec<PortRange> = faults
                .iter()
                .filter(|f| f.causes.contains(&stop))
                .flat_map(|f| f.ports())
                .collect();
            let ports = crate::facts::ports::merged(&ports);
            let words: Vec<String> = ports.iter().take(NAMED).map(ToString::to_string).collect();
            let _ = write!(seen.source, ", for ports {}", words.join(", "));
        }
        if !all.contains(&seen) {
            all.push(seen);
        }
    }
    if all.is_empty() {
        all = nat_chains(subject, faults);
    }
    all
}

/// Every cause and every accept in vain, in the order in which packets meet them.
fn stops(faults: &[&Fault]) -> Vec<(Stop, bool)> {
    let mut all = Vec::new();
    for fault in faults {
        let causes = fault.causes.iter().map(|stop| (*stop, false));
        all.extend(causes.chain(fault.in_vain.map(|stop| (stop, true))));
    }
    let is_behind = [id::ACCEPT_AFTER_DROP, id::RELATED_NOT_ACCEPTED];
    let is_late = |is_vain| is_vain && faults.iter().any(|f| is_behind.contains(&f.id));
    all.sort_by_key(|(stop, is_vain)| {
        let (hook, priority, number) = stop.order();
        (hook, priority, is_late(*is_vain), number)
    });
    all.dedup();
    all
}
