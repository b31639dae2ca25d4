//! What one rule does with the packets of a flow, and how much of them it meets.

use std::collections::{BTreeMap, BTreeSet};

use crate::ruleset::eval::{Axis, Does, Doubt, Part, Place, Prepared};
use crate::ruleset::live::Table;

use super::about::{About, about};
use super::flow::Flow;
use super::leads::by_named_map;

/// How much of a flow meets the conditions of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// Every packet.
    All,
    /// Packets to some ports.
    Some,
    /// Packets of some clients, by a test that is the administrator's will; or it cannot
    /// be told.
    Will,
    /// Packets by one interface or to one address, and it is not known whether clients in
    /// general come that way.
    Unknown,
}

/// A thing that a rule does with some of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arm {
    pub(super) fit: Fit,
    pub(super) does: Does,
    /// Every client that the accept is for is met, though by a test of the source.
    pub(super) is_whole: bool,
}

/// What the rule at `place` does with the packets of a flow, but for nothing.
/// `may_drop`: it or a chain it leads to may drop, so that what named sets hold now is
/// not what counts.
pub(super) fn arms(
    prepared: &Prepared<'_>,
    table: &Table,
    place: Place,
    flow: &Flow,
    may_drop: bool,
) -> Vec<Arm> {
    let parts = prepared.alone(place, &flow.packets, may_drop);
    let rule = prepared.rule(place);
    let categories = |doubts: &[Doubt]| -> Option<Fit> {
        let subjects = doubts
            .iter()
            .flat_map(|doubt| match (rule, doubt.expression) {
                (Some(rule), Some(number)) => about(table, rule, number, flow.seen()),
                _ => vec![About::Clients],
            });
        subjects.map(fit_of).max()
    };
    let all: BTreeSet<Does> = parts.iter().flat_map(|part| part.does.clone()).collect();
    let by_map = rule.and_then(|rule| by_named_map(table, rule).map(|found| (rule, found)));
    let mut arms = Vec::new();
    for does in all.into_iter().filter(|does| *does != Does::Nothing) {
        let mut fit = share(&parts, does, &categories);
        if does == Does::Drop && by_map.is_some() {
            // An element of a named map is somebody's will, as one of a set is.
            fit = fit.max(Fit::Will);
        }
        arms.push(Arm {
            fit,
            does,
            is_whole: false,
        });
    }
    if arms.iter().any(|arm| arm.fit >= Fit::Will) {
        let wanted: BTreeSet<Does> = arms.iter().map(|arm| arm.does).collect();
        let theirs = of_sources(prepared, place, flow, may_drop, &wanted);
        arms.retain(|arm| theirs.contains_key(&arm.does));
        for arm in &mut arms {
            arm.is_whole = !flow.is_for_everyone && theirs.get(&arm.does) == Some(&true);
        }
    }
    if let Some((rule, (number, set))) = by_map {
        let of_clients = about(table, rule, number, flow.seen()).contains(&About::Clients);
        if arms.is_empty() && set.elements.is_empty() && of_clients {
            arms.push(Arm {
                fit: Fit::Will,
                does: Does::Elsewhere,
                is_whole: false,
            });
        }
    }
    arms
}

/// What the rule does with packets of the flow's own clients: of each thing, whether with
/// all of them; of those that may be anyone, only until all of `wanted` is found.
fn of_sources(
    prepared: &Prepared<'_>,
    place: Place,
    flow: &Flow,
    may_drop: bool,
    wanted: &BTreeSet<Does>,
) -> BTreeMap<Does, bool> {
    let mut found: BTreeMap<Does, (usize, bool)> = BTreeMap::new();
    for source in &flow.sources {
        let mut packets = flow.packets.clone();
        packets.source = Some(*source);
        let parts = prepared.alone(place, &packets, may_drop);
        let all: BTreeSet<Does> = parts.iter().flat_map(|part| part.does.clone()).collect();
        for does in all {
            let certain = parts.iter().all(|part| part.does == [does]);
            let known = found.entry(does).or_insert((0, true));
            known.0 += 1;
            known.1 &= certain;
        }
        if flow.is_for_everyone && wanted.iter().all(|does| found.contains_key(does)) {
            break;
        }
    }
    let count = flow.sources.len();
    let whole = |(seen, certain): (usize, bool)| certain && seen == count;
    found
        .into_iter()
        .map(|(does, of)| (does, whole(of)))
        .collect()
}

/// How much of the flow a rule does this with.
fn share(parts: &[Part], does: Does, categories: &dyn Fn(&[Doubt]) -> Option<Fit>) -> Fit {
    let mut fit = Fit::All;
    for part in parts.iter().filter(|part| part.does.contains(&does)) {
        if part.does != [does] {
            fit = fit.max(categories(&part.doubts).unwrap_or(Fit::Will));
        }
    }
    if parts.iter().any(|part| !part.does.contains(&does)) {
        let split = Axis::ALL.into_iter().filter(|&axis| {
            let mut spans = parts.iter().map(|part| part.region.span(axis));
            let first = spans.next();
            spans.any(|span| Some(span) != first)
        });
        for axis in split {
            fit = fit.max(match axis {
                Axis::DestinationPort => Fit::Some,
                Axis::Destination => Fit::Unknown,
                Axis::Source | Axis::SourcePort => Fit::Will,
            });
        }
    }
    fit
}

fn fit_of(about: About) -> Fit {
    match about {
        About::Input | About::Destination => Fit::Unknown,
        About::Packet | About::Clients => Fit::Will,
    }
}
