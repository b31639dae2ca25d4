//! Accepts by the source port, which the client picks.

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Evidence, Finding, Remedy, RuleChange, Severity};
use crate::model::check::ACCEPT_MATCHES_SOURCE_PORT as ID;
use crate::model::net::{Family, InterfaceName, PortRange};
use crate::plan::From;
use crate::plan::flows::Purpose;
use crate::profile::{Nat, Profile};
use crate::ruleset::eval::{Axis, Flow, Outcome, Packet, Piece, Place};

use super::narrower::{self, Left};
use super::opened::{InGeneral, is_shut, opened_by, port_words, ports_of};
use super::{place, unread};

check! {
    /// A rule accepts by the source port, which the client picks.
    ///
    /// ## What happens
    /// Everything works, and every port behind the firewall is open to whoever connects from the
    /// right source port: databases, administration, all that was meant to be shut.
    ///
    /// ## Why
    /// `-m multiport --ports 50000:51000` matches the source *or* the destination port; a widely
    /// copied rule for passive FTP has it. `--sport 20` for active data does the same. Any program
    /// may bind that port before it connects.
    ///
    /// ## How it is judged
    /// NEW connections to every port, from every source port, are sent through the live ruleset.
    /// It is said where a rule lets them through from some source ports only, to ports that the
    /// profile does not need.
    ///
    /// ## Look
    /// `iptables-save | grep -e --ports -e --sport`; `nft list ruleset | grep sport`.
    ///
    /// ## Cure
    /// `--dports`, or no such rule: replies are ESTABLISHED, and active data that the helper
    /// expects is RELATED.
    ACCEPT_MATCHES_SOURCE_PORT, Warning, moot by &[], Judge::Host {
        applies: |_| true,
        needs: &[],
        find,
    }
}

/// Parts of one question.
const PIECES: usize = 256;
/// Ports of other services that are told apart by rules lie between; more than that is no
/// service.
const MANY: u16 = 1000;
/// Source ports that rules about FTP name besides its control ports: active data, implicit
/// TLS.
const OF_FTP: [u16; 3] = [20, 989, 990];

/// A rule that opens ports to who picks the source port.
struct Opened {
    by: Place,
    from: (u16, u16),
    to: (u16, u16),
    packet: Packet,
}

fn find(subject: &Subject) -> Verdict {
    let mut all: Vec<Opened> = Vec::new();
    for packet in strangers(subject) {
        for opened in opened(subject, &packet) {
            if all.iter().all(|other| other.by != opened.by) {
                all.push(opened);
            }
        }
    }
    let Some(first) = all.first() else {
        return unread(subject).unwrap_or(Verdict::Fine);
    };
    let evidence = all.iter().flat_map(|opened| {
        let (to, _) = opened.packet.flow.destination;
        let seen = Evidence {
            source: "sent through the live ruleset".to_owned(),
            text: format!(
                "NEW from source port {} to {to} port {} gets through; from other source ports \
                 it is dropped",
                port_words(opened.from),
                port_words(opened.to)
            ),
        };
        [place(subject, opened.by), seen]
    });
    Verdict::Found(Finding {
        id: ID,
        severity: Severity::Warning,
        summary: format!(
            "who connects from source port {} gets to ports that are shut to all others, such as \
             {}",
            port_words(first.from),
            port_words(first.to)
        ),
        evidence: evidence.collect(),
        remedy: remedy(subject, &all),
    })
}

fn opened(subject: &Subject, packet: &Packet) -> Vec<Opened> {
    let profile = subject.profile;
    let prepared = InGeneral::of(&subject.firewall.prepared, packet);
    let all = u128::from(u16::MAX);
    let region = packet.flow.region();
    let region = region.with(Axis::SourcePort, 1, all);
    let region = region.with(Axis::DestinationPort, 1, all);
    let pieces = prepared.partition(packet, &region, PIECES);
    let shut: Vec<&Piece> = pieces.iter().filter(|p| is_shut(&p.evaluation)).collect();
    let is_open = |piece: &&Piece| piece.evaluation.outcome == Outcome::Accept;
    let mut found = Vec::new();
    for piece in pieces.iter().filter(is_open) {
        let from = ports_of(piece.region.span(Axis::SourcePort));
        if is_of_ftp(profile, from) {
            found.extend(
                shut.iter()
                    .find_map(|shut| beside(&prepared, profile, packet, piece, shut)),
            );
        }
    }
    found
}

/// Whether a rule about FTP may name these source ports.
fn is_of_ftp(profile: &Profile, (first, last): (u16, u16)) -> bool {
    let control = profile.control.iter().map(|c| c.port);
    let mut named = OF_FTP.into_iter().chain(control);
    let range = profile.passive.ports;
    // All that clients connect from are no choice of theirs.
    (first > PortRange::UNPRIVILEGED.first() || last < PortRange::UNPRIVILEGED.last())
        && (named.any(|port| (first..=last).contains(&port))
            || first <= range.last() && range.first() <= last)
}

/// Whether an open piece is shut for clients in general, who connect from any high port.
fn beside(
    prepared: &InGeneral,
    profile: &Profile,
    packet: &Packet,
    open: &Piece,
    shut: &Piece,
) -> Option<Opened> {
    let others = ports_of(shut.region.span(Axis::SourcePort));
    let other = others.0.max(PortRange::UNPRIVILEGED.first());
    if other > others.1 {
        return None;
    }
    let to = both(
        ports_of(open.region.span(Axis::DestinationPort)),
        ports_of(shut.region.span(Axis::DestinationPort)),
    )?;
    let is_needed = |port| {
        profile.passive.ports.contains(port) || profile.control.iter().any(|c| c.port == port)
    };
    if to.1 - to.0 < MANY || is_needed(to.0) {
        return None;
    }
    let from = ports_of(open.region.span(Axis::SourcePort));
    let at = |source: u16| {
        let mut packet = packet.clone();
        packet.flow.source.1 = source;
        packet.flow.destination.1 = to.0;
        packet
    };
    let opening = at(from.0);
    let evaluation = prepared.evaluate(&opening);
    let by = opened_by(&evaluation, &prepared.evaluate(&at(other)))?;
    (evaluation.outcome == Outcome::Accept).then_some(Opened {
        by,
        from,
        to,
        packet: opening,
    })
}

fn both(one: (u16, u16), other: (u16, u16)) -> Option<(u16, u16)> {
    let span = (one.0.max(other.0), one.1.min(other.1));
    (span.0 <= span.1).then_some(span)
}

/// Packets that clients, or anybody on their side, may send to what this host protects:
/// each place of them once.
fn strangers(subject: &Subject) -> Vec<Packet> {
    let mut all: Vec<Packet> = Vec::new();
    let mut add = |packet: Packet| {
        let is_like = |other: &Packet| {
            (other.flow.destination.0, &other.input) == (packet.flow.destination.0, &packet.input)
        };
        if !all.iter().any(is_like) {
            all.push(packet);
        }
    };
    for reached in subject.traffic {
        let connections = &reached.connections;
        if connections.from != From::Outside || connections.purpose == Purpose::ActiveData {
            continue;
        }
        let open = reached.parts.iter().find(|(_, stopped)| stopped.is_none());
        let Some((part, _)) = open.or(reached.parts.first()) else {
            continue;
        };
        let opening = &connections.opening;
        let flow = opening.flow.at(&part.region);
        let family = flow.family();
        match &subject.profile.nat {
            Nat::None | Nat::Upstream { .. } => add(at(opening, flow)),
            Nat::Dnat { .. } => {
                add(at(opening, flow));
                if let Some(server) = subject.profile.server_address(family) {
                    let inside = Flow::tcp(flow.source, (server, flow.destination.1));
                    add(at(opening, inside));
                }
            }
            // Their servers, to them and to this host.
            Nat::Masquerade { external, .. } => {
                let named = external.iter().flat_map(|e| &e.interfaces);
                for input in named.map(InterfaceName::as_str) {
                    let server = (flow.destination.0, flow.source.1);
                    let own = own_address(subject, family, input);
                    for to in own.into_iter().chain([flow.source.0]) {
                        let back = Flow::tcp(server, (to, flow.source.1));
                        add(Packet::arriving(back, Some(input)));
                    }
                }
            }
        }
    }
    all
}

fn at(opening: &Packet, flow: Flow) -> Packet {
    Packet {
        flow,
        ..opening.clone()
    }
}

fn own_address(subject: &Subject, family: Family, interface: &str) -> Option<std::net::IpAddr> {
    let addresses = subject.facts.addresses.as_deref().unwrap_or_default();
    let mut own = addresses.iter().map(|a| (a.net.addr(), &a.interface));
    own.find(|(address, of)| Family::of(*address) == family && *of == interface)
        .map(|(address, _)| address)
}

fn remedy(subject: &Subject, all: &[Opened]) -> Vec<Remedy> {
    let mut changes = Vec::new();
    let mut words = Vec::new();
    for opened in all {
        match change(subject, opened.by) {
            Some(change) => changes.push(change),
            None => words.push(Remedy::Config {
                file: None,
                text: format!(
                    "without the source port: {}",
                    place(subject, opened.by).text
                ),
            }),
        }
    }
    let rules = (!changes.is_empty()).then_some(Remedy::Rules(changes));
    rules.into_iter().chain(words).collect()
}

/// The rule by destination ports, where it has those of the range; else without NEW.
fn change(subject: &Subject, by: Place) -> Option<RuleChange> {
    let (table, _) = subject.firewall.prepared.chain(by)?;
    let rule = subject.firewall.prepared.rule(by)?;
    let range = subject.profile.passive.ports;
    let left = if let Some(other) = narrower::by_destination(table, rule, range) {
        Left::Rule(Box::new(other), None)
    } else if !narrower::tests_source_port(rule) {
        // It stands in a chain that another rule leads to.
        return None;
    } else if narrower::translates(rule) {
        Left::Nothing
    } else if narrower::names_states(rule) {
        narrower::without_state(table, rule, narrower::NEW)?
    } else {
        Left::Rule(Box::new(narrower::established(table, rule)), None)
    };
    narrower::change(subject, by, left)
}
