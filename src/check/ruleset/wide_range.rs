//! A passive range that is open beyond its ends, or to others than the clients.

use ipnet::IpNet;

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Evidence, Finding, Remedy, RuleChange, Severity};
use crate::model::check::RANGE_OPEN_WIDER_THAN_NEEDED as ID;
use crate::model::net::{Family, PortRange};
use crate::profile::{self, Nat};
use crate::ruleset::eval::{
    Axis, Direction, Evaluation, Outcome, Packet, Place, State, address, number,
};

use super::narrower::{self, Left};
use super::opened::{
    InGeneral, all_port_words, destination_ports, is_shut, opened_by, passive, to_port, went_alike,
    without,
};
use super::{place, unread};

check! {
    /// The rule that lets passive data in lets in more than that.
    ///
    /// ## What happens
    /// Everything works, and ports that the server never uses, or clients that it is not for, get
    /// through as well.
    ///
    /// ## Why
    /// A range was made smaller in the server and not in the firewall, or a howto opens 1024 to
    /// 65535. Whatever else listens there, now or later, is open with it.
    ///
    /// ## How it is judged
    /// From both ends of the range on, connections to the next ports are sent through the live
    /// ruleset as long as they take the same way by the same rule; and connections from addresses
    /// that are not among `clients`. Ranges of other profiles in /etc/ftpnat/profiles, control
    /// ports, and single ports that the rule names beside the range do not count; nor does a host
    /// that shuts nothing, or a rule that asks for no port.
    ///
    /// ## Cure
    /// The same rule with the range of the profile, and its `clients`.
    RANGE_OPEN_WIDER_THAN_NEEDED, Warning, moot by &[], Judge::Host {
        applies: |subject| !matches!(subject.profile.nat, Nat::Masquerade { .. }),
        needs: &[],
        find,
    }
}

/// Steps from rule to rule, or from part to part.
const STEPS: usize = 64;

/// A rule that lets in more than passive data.
struct Wide {
    by: Place,
    family: Family,
    /// Ports beyond the range.
    ports: Vec<(u16, u16)>,
    /// Sources beyond the clients.
    sources: Vec<(u128, u128)>,
    /// The rule is not to be touched without thought: why.
    unsafe_why: Option<&'static str>,
}

fn find(subject: &Subject) -> Verdict {
    let mut all: Vec<Wide> = Vec::new();
    for packet in passive(subject) {
        for wide in wider(subject, &packet) {
            let is_like = |other: &&mut Wide| {
                (other.by, other.sources.is_empty()) == (wide.by, wide.sources.is_empty())
            };
            match all.iter_mut().find(is_like) {
                Some(same) => {
                    let new = wide.ports.into_iter().filter(|p| !same.ports.contains(p));
                    let new: Vec<_> = new.collect();
                    same.ports.extend(new);
                }
                None => all.push(wide),
            }
        }
    }
    let Some(first) = all.first() else {
        return unread(subject).unwrap_or(Verdict::Fine);
    };
    let evidence = all.iter().flat_map(|wide| {
        let seen = Evidence {
            source: "sent through the live ruleset".to_owned(),
            text: format!("it accepts {} too", more(wide)),
        };
        [place(subject, wide.by), seen]
    });
    Verdict::Found(Finding {
        id: ID,
        severity: Severity::Warning,
        summary: format!(
            "the rule that lets in passive data to {} lets in {} as well",
            subject.profile.passive.ports,
            more(first)
        ),
        evidence: evidence.collect(),
        remedy: all.iter().map(|wide| remedy(subject, wide)).collect(),
    })
}

fn more(wide: &Wide) -> String {
    if !wide.ports.is_empty() {
        return format!("ports {}", all_port_words(&wide.ports));
    }
    let words = |(first, last): &(u128, u128)| {
        let (first, last) = (address(*first, wide.family), address(*last, wide.family));
        format!("{first}-{last}")
    };
    let shown: Vec<String> = wide.sources.iter().take(3).map(words).collect();
    let rest = if wide.sources.len() > 3 { ", …" } else { "" };
    format!("sources {}{rest}", shown.join(", "))
}

fn wider(subject: &Subject, packet: &Packet) -> Vec<Wide> {
    let prepared = &InGeneral::of(&subject.firewall.prepared, packet);
    let range = subject.profile.passive.ports;
    let at = |port| prepared.evaluate(&to_port(packet, port));
    let (low, high) = (at(range.first()), at(range.last()));
    if low.outcome != Outcome::Accept || high.outcome != Outcome::Accept {
        return Vec::new();
    }
    let below = run_below(prepared, packet, &low);
    let above = run_above(prepared, packet, &high);
    let around: Vec<u16> = [
        above.checked_add(1),
        below.checked_sub(1),
        Some(1),
        Some(u16::MAX),
    ]
    .into_iter()
    .flatten()
    .collect();
    let Some(shut) = around.into_iter().map(at).find(is_shut) else {
        // A host that shuts nothing.
        return Vec::new();
    };
    // A rule that asks for no port lets in whom it trusts.
    let first = at(1);
    if went_alike(&first, &low) || went_alike(&first, &high) {
        return Vec::new();
    }
    let named = others(subject);
    let run = PortRange::new(below, above).unwrap_or(range);
    let not_named = |spans: Vec<(u16, u16)>| {
        named.iter().fold(spans, |left, other| {
            without(&left, (other.first(), other.last()))
        })
    };
    let mut all: Vec<Wide> = Vec::new();
    for (open, span) in [
        (&low, (below, range.first().saturating_sub(1))),
        (&high, (range.last().saturating_add(1), above)),
    ] {
        let ports = if span.0 <= span.1 && !range.contains(span.0) {
            not_named(vec![span])
        } else {
            Vec::new()
        };
        let Some(by) = opened_by(open, &shut).filter(|_| !ports.is_empty()) else {
            continue;
        };
        match all.iter_mut().find(|wide| wide.by == by) {
            Some(wide) => wide.ports.extend(ports),
            None => all.push(Wide {
                by,
                family: packet.flow.family(),
                unsafe_why: not_alone(prepared, packet, by, ports[0].0, &named, run),
                ports,
                sources: Vec::new(),
            }),
        }
    }
    all.extend(to_others(subject, prepared, packet, (&low, &shut)));
    all
}

/// The first port that the same rules let through without a gap.
fn run_below(prepared: &InGeneral, packet: &Packet, from: &Evaluation) -> u16 {
    let lowest = PortRange::UNPRIVILEGED.first();
    let mut first = packet_port(from).0.max(lowest);
    for _ in 0..STEPS {
        let Some(next) = first.checked_sub(1).filter(|port| *port >= lowest) else {
            break;
        };
        let found = prepared.evaluate(&to_port(packet, next));
        if !went_alike(&found, from) {
            break;
        }
        first = packet_port(&found).0.max(lowest);
    }
    first
}

/// The last one.
fn run_above(prepared: &InGeneral, packet: &Packet, from: &Evaluation) -> u16 {
    let mut last = packet_port(from).1;
    for _ in 0..STEPS {
        let Some(next) = last.checked_add(1) else {
            break;
        };
        let found = prepared.evaluate(&to_port(packet, next));
        if !went_alike(&found, from) {
            break;
        }
        last = packet_port(&found).1;
    }
    last
}

fn packet_port(evaluation: &Evaluation) -> (u16, u16) {
    destination_ports(evaluation)
}

/// Ports that the host's profiles need: the ranges of others, and every control port.
fn others(subject: &Subject) -> Vec<PortRange> {
    let own = subject.profile.control.iter().map(|c| c.port);
    let mut named: Vec<PortRange> = own.map(PortRange::one).collect();
    for (path, text) in subject.facts.installed_profiles() {
        let Ok(other) = profile::parse(path, text.as_bytes()) else {
            continue;
        };
        if other.name != subject.profile.name {
            named.push(other.passive.ports);
            named.extend(other.control.iter().map(|c| PortRange::one(c.port)));
        }
    }
    named
}

/// Why the rule cannot just be made as narrow as the range: others need it.
fn not_alone(
    prepared: &InGeneral,
    packet: &Packet,
    by: Place,
    beyond: u16,
    named: &[PortRange],
    run: PortRange,
) -> Option<&'static str> {
    if named.iter().any(|other| run.overlaps(*other)) {
        return Some("it also lets in what another profile or a control port needs");
    }
    // What comes back to clients on this host comes to such a port as well.
    let answer = Packet {
        state: State::Established,
        direction: Direction::Reply,
        tcp_flags: Some(16),
        ..to_port(packet, beyond)
    };
    // The connection is the other way round.
    let mut answer = answer;
    (answer.flow.source, answer.flow.destination) = (answer.flow.destination, answer.flow.source);
    let trail = prepared.evaluate(&answer).trail;
    trail
        .iter()
        .any(|met| met.by == by)
        .then_some("it also lets in the answers to connections of this host")
}

/// Sources that are no clients, and get through by the same rules.
fn to_others(
    subject: &Subject,
    prepared: &InGeneral,
    packet: &Packet,
    (open, shut): (&Evaluation, &Evaluation),
) -> Option<Wide> {
    let family = packet.flow.family();
    let clients = subject.profile.clients_of(family);
    if clients.iter().any(|net| net.prefix_len() == 0) {
        return None;
    }
    let packet = to_port(packet, subject.profile.passive.ports.first());
    let region = packet.flow.region().any_source(family);
    // Not the special ones: what this host itself sends comes another way.
    let last = match family {
        Family::Ipv4 => number([223, 255, 255, 255].into()),
        Family::Ipv6 => number(
            std::net::Ipv6Addr::new(
                0x3fff,
                u16::MAX,
                u16::MAX,
                u16::MAX,
                u16::MAX,
                u16::MAX,
                u16::MAX,
                u16::MAX,
            )
            .into(),
        ),
    };
    let first = match family {
        Family::Ipv4 => number([1, 0, 0, 0].into()),
        Family::Ipv6 => number(std::net::Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0).into()),
    };
    let region = region.with(Axis::Source, first, last);
    let mut sources = Vec::new();
    for piece in prepared.partition(&packet, &region, STEPS) {
        if piece.evaluation.outcome != Outcome::Accept {
            continue;
        }
        let span = piece.region.span(Axis::Source);
        for (first, last) in not_among(&clients, (span.first, span.last)) {
            let mut from = packet.clone();
            from.flow.source.0 = address(first, family);
            let is_alike = went_alike(&prepared.evaluate(&from), open);
            let is_trusted = went_alike(&prepared.evaluate(&to_port(&from, 1)), open);
            if is_alike && !is_trusted {
                sources.push((first, last));
            }
        }
    }
    let by = opened_by(open, shut).filter(|_| !sources.is_empty())?;
    Some(Wide {
        by,
        family,
        ports: Vec::new(),
        sources,
        unsafe_why: None,
    })
}

/// What is left of a span of addresses without networks.
fn not_among(networks: &[IpNet], span: (u128, u128)) -> Vec<(u128, u128)> {
    let mut left = vec![span];
    for net in networks {
        let (first, last) = (number(net.network()), number(net.broadcast()));
        left = left
            .into_iter()
            .flat_map(|(from, to)| {
                let before = first.checked_sub(1).map(|end| (from, to.min(end)));
                let behind = last.checked_add(1).map(|start| (from.max(start), to));
                before.into_iter().chain(behind)
            })
            .filter(|(from, to)| from <= to)
            .collect();
    }
    left
}

fn remedy(subject: &Subject, wide: &Wide) -> Remedy {
    let exact = narrowed(subject, wide);
    match (exact, wide.unsafe_why) {
        (Some(change), None) => Remedy::Rules(vec![change]),
        (_, why) => Remedy::Config {
            file: None,
            text: words(subject, wide, why),
        },
    }
}

fn words(subject: &Subject, wide: &Wide, why: Option<&str>) -> String {
    let Evidence { source, text } = place(subject, wide.by);
    let what = if wide.ports.is_empty() {
        let clients = subject.profile.clients_of(wide.family);
        let clients: Vec<String> = clients.iter().map(ToString::to_string).collect();
        format!("only sources {}", clients.join(", "))
    } else {
        format!("only ports {} for FTP", subject.profile.passive.ports)
    };
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{source}: {what} in the place of what this has{why}: {text}")
}

/// The rule with the range, or the clients, that the profile has.
fn narrowed(subject: &Subject, wide: &Wide) -> Option<RuleChange> {
    let by = wide.by;
    let (table, _) = subject.firewall.prepared.chain(by)?;
    let rule = subject.firewall.prepared.rule(by)?;
    let left = if wide.ports.is_empty() {
        let [net] = subject.profile.clients_of(wide.family)[..] else {
            return None;
        };
        // One rule cannot name networks of both families.
        let is_of_one = subject.profile.clients.len() == 1;
        let rule = is_of_one.then(|| narrower::from_network(table, rule, net))??;
        Left::Rule(Box::new(rule), None)
    } else {
        narrower::to_range(table, rule, subject.profile.passive.ports)?
    };
    narrower::change(subject, by, left)
}
