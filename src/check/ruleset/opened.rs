//! By which rule packets get through that are dropped where it does not match.

use crate::model::net::PortRange;
use crate::plan::From;
use crate::plan::flows::Purpose;
use crate::plan::reach::Reached;
use crate::ruleset::eval::{
    Axis, Doubt, Evaluation, Outcome, Packet, Piece, Place, Prepared, Region, Span,
};

use super::Subject;

/// A port that clients may connect from, outside of a passive range.
const ORDINARY: [u16; 2] = [40_000, 30_000];

/// Rules that are left out of account, before the rest is undecided.
const IGNORED: usize = 8;

/// The firewall as clients in general meet it: without the rules of which nobody can foresee
/// whether they match, such as bans in a set that is not read.
pub(super) struct InGeneral<'s, 'r> {
    prepared: &'s Prepared<'r>,
    ignored: Vec<Place>,
}

impl<'s, 'r> InGeneral<'s, 'r> {
    /// For packets like this one, to whatever port.
    pub(super) fn of(prepared: &'s Prepared<'r>, packet: &Packet) -> Self {
        let mut all = Self {
            prepared,
            ignored: Vec::new(),
        };
        for packet in [packet, &to_port(packet, 1)] {
            while let Outcome::Undecided(Doubt { at: Some(at), .. }) = all.evaluate(packet).outcome
            {
                if all.ignored.len() == IGNORED || all.ignored.contains(&at) {
                    break;
                }
                all.ignored.push(at);
            }
        }
        all
    }

    /// What becomes of a packet.
    pub(super) fn evaluate(&self, packet: &Packet) -> Evaluation {
        self.prepared.evaluate_without(packet, &self.ignored)
    }

    /// What becomes of packets of a region.
    pub(super) fn partition(&self, packet: &Packet, region: &Region, most: usize) -> Vec<Piece> {
        let ignored = &self.ignored;
        self.prepared
            .partition_without(packet, region, most, ignored)
    }

    /// Whether it gets through.
    pub(super) fn lets_in(&self, packet: &Packet) -> bool {
        self.evaluate(packet).outcome == Outcome::Accept
    }
}

/// The rule that lets `open` through where `shut` is dropped: in the base chain that drops
/// it; where only one of the two gets to that, the rule that translates the other.
pub(super) fn opened_by(open: &Evaluation, shut: &Evaluation) -> Option<Place> {
    let end = shut.trail.iter().rev().find(|met| !met.passed)?;
    let mut met = open.trail.iter();
    let same = met.find(|met| (met.by.table, met.base) == (end.by.table, end.base));
    match same {
        Some(met) => met.by.rule.map(|_| met.by),
        None => open.nat.known()?.destination_by,
    }
}

/// Whether a rule or a policy keeps it out.
pub(super) fn is_shut(evaluation: &Evaluation) -> bool {
    matches!(
        evaluation.outcome,
        Outcome::Drop { by: Some(_) } | Outcome::Reject { .. }
    )
}

/// Whether two packets ended by the same rules.
pub(super) fn went_alike(one: &Evaluation, other: &Evaluation) -> bool {
    let ends = |e: &Evaluation| e.trail.iter().map(|met| met.by).collect::<Vec<_>>();
    one.outcome == other.outcome && ends(one) == ends(other)
}

/// Packets that open data connections by PASV from outside, one of each kind: of those that
/// get through where some do, from a port that clients in general have.
pub(super) fn passive(subject: &Subject) -> Vec<Packet> {
    let of = |reached: &Reached| {
        let connections = &reached.connections;
        if (connections.purpose, connections.from) != (Purpose::PassiveData, From::Outside) {
            return None;
        }
        let open = reached.parts.iter().find(|(_, stopped)| stopped.is_none());
        let (part, _) = open.or(reached.parts.first())?;
        let mut packet = connections.opening.clone();
        packet.flow = packet.flow.at(&part.region);
        packet.flow.source.1 = ordinary_port(subject.profile.passive.ports);
        Some(packet)
    };
    subject.traffic.iter().filter_map(of).collect()
}

/// A source port that has no meaning.
pub(super) fn ordinary_port(range: PortRange) -> u16 {
    let mut ports = ORDINARY.into_iter();
    ports.find(|port| !range.contains(*port)).unwrap_or(2000)
}

/// The same packet to another port.
pub(super) fn to_port(packet: &Packet, port: u16) -> Packet {
    let mut packet = packet.clone();
    packet.flow.destination.1 = port;
    packet
}

/// The ports of a span on the axis of destination ports.
pub(super) fn ports_of(span: Span) -> (u16, u16) {
    let port = |value: u128| u16::try_from(value).unwrap_or(u16::MAX);
    (port(span.first), port(span.last))
}

/// The ports that an evaluation holds for.
pub(super) fn destination_ports(evaluation: &Evaluation) -> (u16, u16) {
    ports_of(evaluation.region.span(Axis::DestinationPort))
}

/// `21` and `1024-49999`.
pub(super) fn port_words((first, last): (u16, u16)) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    }
}

/// Several of them, those that touch as one.
pub(super) fn all_port_words(spans: &[(u16, u16)]) -> String {
    let mut spans = spans.to_vec();
    spans.sort_unstable();
    let mut joined: Vec<(u16, u16)> = Vec::new();
    for (first, last) in spans {
        match joined.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    let words: Vec<String> = joined.into_iter().map(port_words).collect();
    words.join(", ")
}

/// What is left of spans of ports without another.
pub(super) fn without(spans: &[(u16, u16)], other: (u16, u16)) -> Vec<(u16, u16)> {
    let span = |(first, last): (u16, u16)| Span {
        first: first.into(),
        last: last.into(),
    };
    let left = spans
        .iter()
        .flat_map(|ports| span(*ports).without(span(other)));
    left.map(ports_of).collect()
}
