//! Whether a ruleset lets through what profiles need, and to their server.

mod standing;

use crate::facts::Facts;
use crate::model::net::{Family, PortRange};
use crate::profile::{Nat, Profile};
use crate::ruleset::eval::{Address, Axis, Doubt, Outcome, Place, Port, Prepared, Region, Where};
use crate::ruleset::placement::{is_will, is_will_to_clients};

use super::flows::{Connections, Part, Purpose, connections};
use super::predict::From;

pub use standing::{Standing, State, standings};

/// Pieces of one question, before the rest is undecided.
const MOST: usize = 512;
/// At least so many, whatever it takes.
const FEWEST: usize = 16;
/// Rules that may be met for one question, before it is asked of clients in general.
const ENOUGH: usize = 1 << 20;

/// What becomes of connections that differ only in their addresses and ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Which.
    pub connections: Connections,
    /// Each part of them with what stops it; `None`: it gets through, to the server.
    pub parts: Vec<(Part, Option<Stopped>)>,
}

/// Connections that do not get through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The profile.
    pub profile: String,
    /// What they are for.
    pub purpose: Purpose,
    /// From where the client calls.
    pub from: From,
    /// The ports that they come to.
    pub ports: PortRange,
    /// What stops them.
    pub by: Stopped,
    /// The rule that keeps them from being tracked: then no rule that tests `ct state`
    /// lets them in.
    pub untracked: Option<Place>,
}

/// What stops a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// A rule or policy that drops in general.
    General(Place),
    /// A rule that is the administrator's will about some clients.
    Will(Place),
    /// Nothing: they come to something else than the server. The rule that leads them
    /// there; `None`: no rule translates them.
    Astray(Option<Place>),
    /// The kernel itself, as without a route to the server.
    Kernel,
    /// It leaves the packet filter's sight, as to a program of the host.
    Elsewhere(Place),
    /// It cannot be told.
    Unknown(Doubt),
}

impl Stopped {
    /// Whether clients in general are stopped, so that a change has to be refused.
    #[must_use]
    pub fn is_general(self) -> bool {
        matches!(self, Self::General(_) | Self::Astray(_))
    }

    /// The rule by which clients in general are stopped.
    #[must_use]
    pub fn general_rule(self) -> Option<Place> {
        match self {
            Self::General(at) => Some(at),
            Self::Astray(by) => by,
            Self::Will(_) | Self::Kernel | Self::Elsewhere(_) | Self::Unknown(_) => None,
        }
    }
}

/// What becomes of every connection that a profile needs.
#[must_use]
pub fn reach(profile: &Profile, facts: &Facts, prepared: &Prepared) -> Vec<Reached> {
    let of = |wanted: Connections| reached(profile, wanted, prepared);
    let mut all: Vec<Reached> = connections(profile, facts).into_iter().map(of).collect();
    if matches!(profile.nat, Nat::Dnat { .. }) {
        kept_here(&mut all, prepared);
    }
    all
}

/// A program of this host that stands before the server has its control connections as well:
/// where those go to the server, passive data that a rule keeps here finds nobody.
fn kept_here(all: &mut [Reached], prepared: &Prepared) {
    let is_kept = |part: &Part| {
        let by = part.opening.nat.known().and_then(|nat| nat.destination_by);
        by.filter(|_| part.opening.to == Some(Where::Local))
    };
    let called = |c: &Connections| (c.from, c.opening.flow.destination.0);
    let proxied: Vec<_> = all
        .iter()
        .filter(|r| r.connections.purpose == Purpose::Control)
        .filter(|r| r.parts.iter().any(|(part, _)| is_kept(part).is_some()))
        .map(|r| called(&r.connections))
        .collect();
    for Reached { connections, parts } in all {
        if connections.purpose != Purpose::PassiveData || proxied.contains(&called(connections)) {
            continue;
        }
        for (part, stopped) in parts.iter_mut().filter(|(_, stopped)| stopped.is_none()) {
            *stopped = is_kept(part).map(|at| {
                if is_will(prepared, at) {
                    Stopped::Will(at)
                } else {
                    Stopped::Astray(Some(at))
                }
            });
        }
    }
}

/// What becomes of some connections of a profile. Where rules tell so many clients apart
/// that it would take long, it is asked of clients in general, and of the first few beside
/// whom a rule keeps out.
#[must_use]
pub fn reached(profile: &Profile, wanted: Connections, prepared: &Prepared) -> Reached {
    let pieces = (ENOUGH / prepared.size().max(1)).clamp(FEWEST, MOST);
    let traced = wanted.trace(prepared, pieces);
    let parts = if traced.iter().any(|part| part.opening.is_beyond()) {
        let mut parts = judged(
            profile,
            &wanted,
            wanted.trace_in_general(prepared, MOST),
            prepared,
        );
        let some = judged(profile, &wanted, traced, prepared).into_iter();
        parts.extend(some.filter(|(_, stopped)| matches!(stopped, Some(Stopped::Will(_)))));
        parts
    } else {
        judged(profile, &wanted, traced, prepared)
    };
    Reached {
        parts,
        connections: wanted,
    }
}

fn judged(
    profile: &Profile,
    wanted: &Connections,
    traced: Vec<Part>,
    prepared: &Prepared,
) -> Vec<(Part, Option<Stopped>)> {
    let judged = |part: Part| {
        let by =
            led_away(profile, wanted, &part, prepared).or_else(|| stopped(wanted, &part, prepared));
        let by = match by {
            // Wherever that ends, it is not at the server.
            None | Some(Stopped::Unknown(_)) => astray(profile, wanted, &part, prepared).or(by),
            by => by,
        };
        (part, by)
    };
    let mut all: Vec<(Part, Option<Stopped>)> = traced.into_iter().map(judged).collect();
    let is_will = |(part, by): &(Part, Option<Stopped>)| {
        is_dropped(part) && matches!(by, Some(Stopped::Will(_)))
    };
    if wanted.from == From::Outside && all.iter().all(is_will) {
        for (_, by) in &mut all {
            // What keeps everyone out is not about some.
            if let Some(Stopped::Will(at)) = *by {
                *by = Some(Stopped::General(at));
            }
        }
    }
    all
}

/// Everything that does not get through, alike things once.
#[must_use]
pub fn blocked(profiles: &[Profile], facts: &Facts, prepared: &Prepared) -> Vec<Blocked> {
    let mut found: Vec<Blocked> = Vec::new();
    for profile in profiles {
        for Reached { connections, parts } in reach(profile, facts, prepared) {
            for (part, by) in parts {
                let Some(by) = by else { continue };
                let blocked = Blocked {
                    profile: profile.name.clone(),
                    purpose: connections.purpose,
                    from: connections.from,
                    ports: ports(&part.region),
                    by,
                    untracked: untracked_by(&part),
                };
                match found.iter_mut().find(|b| b.is_like(&blocked)) {
                    Some(twin) => twin.ports = joined(twin.ports, blocked.ports),
                    None => found.push(blocked),
                }
            }
        }
    }
    found
}

impl Blocked {
    /// The same but for the ports.
    fn is_like(&self, other: &Self) -> bool {
        self.profile == other.profile
            && self.purpose == other.purpose
            && self.from == other.from
            && self.by == other.by
            && self.untracked == other.untracked
    }
}

/// Whether the packets that open them are dropped by a rule.
fn is_dropped(part: &Part) -> bool {
    matches!(
        part.opening.outcome,
        Outcome::Drop { by: Some(_) } | Outcome::Reject { .. }
    )
}

fn stopped(wanted: &Connections, part: &Part, prepared: &Prepared) -> Option<Stopped> {
    let is_answer = part.opening.outcome == Outcome::Accept
        && part
            .answer
            .as_ref()
            .is_some_and(|answer| answer.outcome != Outcome::Accept);
    let is_to_client = is_answer != (wanted.purpose == Purpose::ActiveData);
    let by_rule = |at: Place| {
        let family = Family::of(wanted.opening.flow.destination.0);
        let is_will = if is_to_client {
            is_will_to_clients(prepared, at, family)
        } else {
            is_will(prepared, at)
        };
        if is_will {
            Stopped::Will(at)
        } else {
            Stopped::General(at)
        }
    };
    match part.outcome() {
        Outcome::Accept => None,
        Outcome::Drop { by: None } => Some(Stopped::Kernel),
        Outcome::Drop { by: Some(at) } | Outcome::Reject { by: at, .. } => Some(by_rule(*at)),
        Outcome::Elsewhere { by, .. } => Some(Stopped::Elsewhere(*by)),
        Outcome::Undecided(doubt) => Some(Stopped::Unknown(*doubt)),
    }
}

/// Whether connections come to another host than the server, or to another port, as where
/// somebody else's rule translates them first. What becomes of them there is no answer: an
/// accept would let them in to the wrong host.
fn astray(
    profile: &Profile,
    wanted: &Connections,
    part: &Part,
    prepared: &Prepared,
) -> Option<Stopped> {
    let (called, called_port) = wanted.opening.flow.destination;
    let server = match profile.nat {
        Nat::None | Nat::Upstream { .. } => called,
        Nat::Dnat { .. } => profile.server_address(Family::of(called))?,
        // To the servers of others, by whatever way.
        Nat::Masquerade { .. } => return None,
    };
    let nat = part.opening.nat.known()?;
    // What the helper expects goes where its control connection went.
    let translations = wanted.opening.settled.unwrap_or(nat.translations);
    let port_then = translations.destination.port;
    let is_same = match port_then {
        Port::Same => true,
        // As where each port of the range has a rule of its own.
        Port::Within(first, last) => first == last && ports(&part.region) == PortRange::one(first),
        Port::Moved(by) => by == 0,
    };
    let is_here = part.opening.to == Some(Where::Local);
    // A program of this host, such as a proxy, may well stand before its server; but no
    // program has one port for a whole passive range.
    let is_shifted = wanted.purpose == Purpose::PassiveData && !is_same;
    let is_before = is_here && nat.destination_by.is_some() && !is_shifted;
    if wanted.purpose == Purpose::ActiveData || is_before {
        return None;
    }
    let reached = match translations.destination.address {
        Address::Same => called,
        Address::Within(first, last) if first == last => first,
        // One of several, or not known.
        Address::Within(..) | Address::Moved(_) | Address::Unknown => return None,
    };
    let is_port = match wanted.purpose {
        Purpose::Control => {
            let reached = match port_then {
                Port::Same => Some(called_port),
                Port::Within(first, last) => (first == last).then_some(first),
                Port::Moved(by) => Some(called_port.wrapping_add(by)),
            };
            wanted.control_port.is_none() || reached == wanted.control_port
        }
        Purpose::PassiveData | Purpose::ActiveData => is_same,
    };
    if reached == server && is_port {
        return None;
    }
    Some(match nat.destination_by {
        Some(at) if is_will(prepared, at) => Stopped::Will(at),
        by => Stopped::Astray(by),
    })
}

/// Led elsewhere by a rule, whether they get through there or not.
fn led_away(
    profile: &Profile,
    wanted: &Connections,
    part: &Part,
    prepared: &Prepared,
) -> Option<Stopped> {
    let astray = astray(profile, wanted, part, prepared);
    astray.filter(|by| *by != Stopped::Astray(None))
}

/// The rule that keeps a part's packets from being tracked.
#[must_use]
pub fn untracked_by(part: &Part) -> Option<Place> {
    let all = [
        Some(&part.opening),
        part.answer.as_ref(),
        part.later.as_ref(),
    ];
    let mut rules = all.into_iter().flatten().map(|e| e.notrack.known());
    rules.find_map(|rule| rule.copied().flatten())
}

/// The ports that a region's connections come to.
#[must_use]
pub fn ports(region: &Region) -> PortRange {
    let span = region.span(Axis::DestinationPort);
    let port = |value: u128| u16::try_from(value).unwrap_or(u16::MAX);
    PortRange::new(port(span.first), port(span.last)).unwrap_or(PortRange::one(port(span.first)))
}

fn joined(one: PortRange, other: PortRange) -> PortRange {
    let first = one.first().min(other.first());
    let last = one.last().max(other.last());
    PortRange::new(first, last).unwrap_or(one)
}
