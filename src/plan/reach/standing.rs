//! What a ruleset does now with each kind of connection, port by port.

use crate::model::net::{Family, PortRange};
use crate::plan::predict::From;
use crate::ruleset::eval::{Axis, Place};

use super::super::flows::{Part, Purpose};
use super::{Reached, Stopped};

/// How connections of one kind, to neighbouring ports, stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What they are for.
    pub purpose: Purpose,
    /// From where the client calls.
    pub from: From,
    /// Over which IP version.
    pub family: Family,
    /// The ports that they come to.
    pub ports: PortRange,
    /// How they stand.
    pub state: State,
}

/// Whether connections get through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// They do.
    Open {
        /// A rule that keeps some clients out.
        except: Option<Place>,
    },
    /// Clients in general do not.
    Blocked {
        /// What stops them.
        by: Stopped,
        /// Whether nobody gets through.
        everyone: bool,
    },
    /// Of some clients at least it cannot be told.
    Unknown(Stopped),
}

/// What becomes of connections, in the order of `traffic`, then by their ports.
#[must_use]
pub fn standings(traffic: &[Reached]) -> Vec<Standing> {
    let mut kinds: Vec<(Purpose, From, Family)> = Vec::new();
    for kind in traffic.iter().map(kind) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let of_kind = |(purpose, from, family)| {
        let alike = traffic
            .iter()
            .filter(move |r| kind(r) == (purpose, from, family));
        let parts: Vec<&(Part, Option<Stopped>)> = alike.flat_map(|r| &r.parts).collect();
        by_ports(&parts)
            .into_iter()
            .map(move |(ports, state)| Standing {
                purpose,
                from,
                family,
                ports,
                state,
            })
    };
    kinds.into_iter().flat_map(of_kind).collect()
}

fn kind(reached: &Reached) -> (Purpose, From, Family) {
    let connections = &reached.connections;
    let family = connections.opening.flow.family();
    (connections.purpose, connections.from, family)
}

/// The states of neighbouring ports, joined where they are alike.
fn by_ports(parts: &[&(Part, Option<Stopped>)]) -> Vec<(PortRange, State)> {
    let span = |part: &Part| part.region.span(Axis::DestinationPort);
    // A state may begin with any part's first port, and behind any part's last.
    let mut starts: Vec<u128> = parts
        .iter()
        .flat_map(|(part, _)| [span(part).first, span(part).last + 1])
        .collect();
    starts.sort_unstable();
    starts.dedup();
    let mut found: Vec<(PortRange, State)> = Vec::new();
    for pair in starts.windows(2) {
        let here = parts
            .iter()
            .filter(|(part, _)| span(part).contains(pair[0]));
        let Some(state) = State::of_all(here.map(|(_, by)| *by)) else {
            continue;
        };
        let Some(next) = range(pair[0], pair[1] - 1) else {
            continue;
        };
        match found.last_mut() {
            Some((last, known)) if *known == state && touch(*last, next) => {
                *last = super::joined(*last, next);
            }
            _ => found.push((next, state)),
        }
    }
    found
}

fn range(first: u128, last: u128) -> Option<PortRange> {
    PortRange::new(u16::try_from(first).ok()?, u16::try_from(last).ok()?)
}

fn touch(one: PortRange, next: PortRange) -> bool {
    one.last().checked_add(1) == Some(next.first())
}

impl State {
    /// Of connections that end in all of these ways; `None`: of no connection.
    fn of_all(ends: impl Iterator<Item = Option<Stopped>>) -> Option<Self> {
        let ends: Vec<Option<Stopped>> = ends.collect();
        let first = |is: fn(&Stopped) -> bool| ends.iter().flatten().copied().find(is);
        if ends.is_empty() {
            return None;
        }
        if let Some(general) = first(|by| by.is_general()) {
            return Some(Self::Blocked {
                by: general,
                everyone: !ends.contains(&None),
            });
        }
        let cannot_tell = |by: &Stopped| matches!(by, Stopped::Unknown(_) | Stopped::Elsewhere(_));
        if let Some(unknown) = first(cannot_tell) {
            return Some(Self::Unknown(unknown));
        }
        let will = first(|by| matches!(by, Stopped::Will(_)));
        if ends.contains(&None) {
            let except = match will {
                Some(Stopped::Will(at)) => Some(at),
                _ => None,
            };
            return Some(Self::Open { except });
        }
        // Nobody gets through: a rule is named before a missing route.
        let by = will.or(ends[0])?;
        Some(Self::Blocked { by, everyone: true })
    }
}
