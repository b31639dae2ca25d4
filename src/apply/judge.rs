//! Whether a ruleset lets through what profiles need.

use crate::facts::Facts;
use crate::model::net::PortRange;
use crate::plan::From;
use crate::plan::flows::{Connections, Part, Purpose, connections};
use crate::profile::{Nat, Profile};
use crate::ruleset::eval::{Address, Axis, Doubt, Outcome, Place, Prepared, Region, Where};
use crate::ruleset::placement::is_will;

/// Pieces of one question, before the rest is undecided.
const MOST: usize = 512;

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
    /// A rule that translates it to somewhere else than the server.
    Diverted(Place),
    /// The kernel itself, as without a route to the server.
    Kernel,
    /// It leaves the packet filter's sight, as to a program of the host.
    Elsewhere(Place),
    /// It cannot be told.
    Unknown(Doubt),
}

impl Stopped {
    /// Whether this keeps out everyone, and is nobody's will about some clients.
    #[must_use]
    pub fn is_general(self) -> bool {
        match self {
            Self::General(_) | Self::Diverted(_) => true,
            Self::Will(_) | Self::Kernel | Self::Elsewhere(_) | Self::Unknown(_) => false,
        }
    }
}

/// Everything that does not get through, alike things once.
#[must_use]
pub fn blocked(profiles: &[Profile], facts: &Facts, prepared: &Prepared) -> Vec<Blocked> {
    let mut found: Vec<Blocked> = Vec::new();
    for profile in profiles {
        for wanted in connections(profile, facts) {
            for part in wanted.trace(prepared, MOST) {
                let diverted = diverted(profile, &wanted, &part, prepared);
                let Some(by) = diverted.or_else(|| stopped(part.outcome(), prepared)) else {
                    continue;
                };
                let ports = ports(&part.region);
                let untracked = untracked_by(&part);
                let twin = found.iter_mut().find(|b| {
                    b.profile == profile.name
                        && b.purpose == wanted.purpose
                        && b.from == wanted.from
                        && b.by == by
                        && b.untracked == untracked
                });
                match twin {
                    Some(twin) => twin.ports = joined(twin.ports, ports),
                    None => found.push(Blocked {
                        profile: profile.name.clone(),
                        purpose: wanted.purpose,
                        from: wanted.from,
                        ports,
                        by,
                        untracked,
                    }),
                }
            }
        }
    }
    found
}

/// What takes connections elsewhere than to the server. What becomes of them there is no
/// answer: an accept would let them in to the wrong host.
fn diverted(
    profile: &Profile,
    wanted: &Connections,
    part: &Part,
    prepared: &Prepared,
) -> Option<Stopped> {
    let flow = &wanted.opening.flow;
    let server = match profile.nat {
        Nat::None | Nat::Upstream { .. } => flow.destination.0,
        Nat::Dnat { .. } => profile.server_address(flow.family())?,
        // To the servers of others, by whatever way.
        Nat::Masquerade { .. } => return None,
    };
    let nat = part.opening.nat.known()?;
    let at = nat.destination_by?;
    let is_elsewhere = match nat.translations.destination.address {
        Address::Within(first, last) => (first, last) != (server, server),
        Address::Same | Address::Moved(_) | Address::Unknown => false,
    };
    // A program of this host, such as a proxy, may well stand before its server.
    let is_here = part.opening.to == Some(Where::Local);
    if wanted.purpose == Purpose::ActiveData || !is_elsewhere || is_here {
        return None;
    }
    Some(if is_will(prepared, at) {
        Stopped::Will(at)
    } else {
        Stopped::Diverted(at)
    })
}

fn stopped(outcome: &Outcome, prepared: &Prepared) -> Option<Stopped> {
    let by_rule = |at: Place| {
        if is_will(prepared, at) {
            Stopped::Will(at)
        } else {
            Stopped::General(at)
        }
    };
    match outcome {
        Outcome::Accept => None,
        Outcome::Drop { by: None } => Some(Stopped::Kernel),
        Outcome::Drop { by: Some(at) } | Outcome::Reject { by: at, .. } => Some(by_rule(*at)),
        Outcome::Elsewhere { by, .. } => Some(Stopped::Elsewhere(*by)),
        Outcome::Undecided(doubt) => Some(Stopped::Unknown(*doubt)),
    }
}

fn untracked_by(part: &Part) -> Option<Place> {
    let all = [
        Some(&part.opening),
        part.answer.as_ref(),
        part.later.as_ref(),
    ];
    let mut rules = all.into_iter().flatten().map(|e| e.notrack.known());
    rules.find_map(|rule| rule.copied().flatten())
}

fn ports(region: &Region) -> PortRange {
    let span = region.span(Axis::DestinationPort);
    let port = |value: u128| u16::try_from(value).unwrap_or(u16::MAX);
    PortRange::new(port(span.first), port(span.last)).unwrap_or(PortRange::one(port(span.first)))
}

fn joined(one: PortRange, other: PortRange) -> PortRange {
    let first = one.first().min(other.first());
    let last = one.last().max(other.last());
    PortRange::new(first, last).unwrap_or(one)
}
