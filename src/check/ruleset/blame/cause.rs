//! To which check a part of the traffic belongs, and the rules that are its cause.

use std::net::IpAddr;

use crate::facts::Facts;
use crate::model::check::{self as id, CheckId};
use crate::model::net::Family;
use crate::plan::From;
use crate::plan::flows::{Connections, Part, Purpose};
use crate::plan::reach::{Stopped, untracked_by};
use crate::profile::{Nat, Profile};
use crate::ruleset::eval::{
    Address, Evaluation, Met, Outcome, Packet, Place, Prepared, State, Told, Where,
};
use crate::ruleset::live::table::{Hook, Kind};
use crate::ruleset::placement::{has_rate, is_will, is_will_to_clients};

use super::super::super::Severity;
use super::{Fault, Stop, dropped_by, is_translated};

/// Rules on one way before it is given up.
const MOST_CAUSES: usize = 16;

/// Judges parts of some connections.
pub(super) struct Judge<'a, 'r> {
    pub(super) profile: &'a Profile,
    pub(super) facts: &'a Facts,
    pub(super) prepared: &'a Prepared<'r>,
    pub(super) wanted: &'a Connections,
}

/// What is to blame for one part.
pub(super) struct Cause {
    pub(super) id: CheckId,
    pub(super) severity: Severity,
    pub(super) causes: Vec<Stop>,
    pub(super) in_vain: Option<Stop>,
}

impl Judge<'_, '_> {
    /// What is wrong with a part, if anything is.
    pub(super) fn faults(&self, part: &Part, stopped: Option<Stopped>) -> Vec<Fault> {
        let causes = match stopped {
            None => self.altered(part).into_iter().collect(),
            Some(Stopped::General(at)) => vec![self.general(part, at)],
            Some(Stopped::Astray(by)) => vec![self.astray(part, by)],
            Some(Stopped::Will(at)) if self.counts_connections(at) => Vec::new(),
            Some(Stopped::Will(at)) => vec![Cause {
                severity: Severity::Note,
                ..self.cause(self.blocked().0, vec![stop(&part.opening, at)])
            }],
            Some(Stopped::Kernel | Stopped::Elsewhere(_) | Stopped::Unknown(_)) => Vec::new(),
        };
        let flow = &self.wanted.opening.flow;
        let fault = |cause: Cause| Fault {
            id: cause.id,
            severity: cause.severity,
            purpose: self.wanted.purpose,
            from: self.wanted.from,
            family: flow.family(),
            called: flow.destination.0,
            regions: vec![part.region.clone()],
            causes: cause.causes,
            in_vain: cause.in_vain,
        };
        causes.into_iter().map(fault).collect()
    }

    /// The check for a plain drop of these connections, and how much that hurts.
    pub(super) fn blocked(&self) -> (CheckId, Severity) {
        let is_here = matches!(self.profile.nat, Nat::None | Nat::Upstream { .. });
        let id = match self.wanted.purpose {
            Purpose::ActiveData => id::ACTIVE_DATA_BLOCKED,
            Purpose::Control | Purpose::PassiveData if !is_here => id::FORWARD_BLOCKED,
            Purpose::Control => id::CONTROL_PORT_BLOCKED,
            Purpose::PassiveData => id::PASSIVE_RANGE_BLOCKED,
        };
        (id, self.severity())
    }

    /// Clients outside are the profile's clients; those inside and on the gateway are some.
    pub(super) fn severity(&self) -> Severity {
        match self.wanted.from {
            From::Outside => Severity::Error,
            From::InsideExternal | From::InsideDirect | From::Gateway => Severity::Warning,
        }
    }

    /// Whether a drop is about some clients.
    pub(super) fn is_will(&self, at: Place) -> bool {
        if self.wanted.purpose == Purpose::ActiveData {
            is_will_to_clients(self.prepared, at, self.wanted.opening.flow.family())
        } else {
            is_will(self.prepared, at)
        }
    }

    /// The address of the server that the profile says is here, where it is not: packets to it
    /// leave this host again.
    pub(super) fn elsewhere(&self, part: &Part) -> Option<IpAddr> {
        let is_here = matches!(self.profile.nat, Nat::None | Nat::Upstream { .. });
        let nat = part.opening.nat.known()?;
        let leaves = matches!(part.opening.to, Some(Where::Out(_)));
        let is_called = self.wanted.purpose != Purpose::ActiveData;
        let untouched = nat.translations.destination.is_none();
        (is_here && is_called && leaves && untouched)
            .then_some(self.wanted.opening.flow.destination.0)
    }

    /// Whether all would get through if a rule were not there; so too where it counts, as
    /// limits have a check of their own.
    pub(super) fn only_drops(&self, part: &Part, at: Place) -> bool {
        let mut opening = self.wanted.opening.clone();
        opening.flow = opening.flow.at(&part.region);
        let without = self.prepared.evaluate_without(&opening, &[at]);
        dropped_by(&without.outcome).is_none() || self.counts_connections(at)
    }

    /// A part on which something decides that is not known, and that is dropped or rejected
    /// whatever it says: as where it is not by that, or by what it leads to, but by what is
    /// there for all.
    pub(super) fn shut_anyway(&self, part: &Part, doubtful: Place) -> Option<Part> {
        if part.opening.may_pass {
            return None;
        }
        let mut opening = self.wanted.opening.clone();
        opening.flow = opening.flow.at(&part.region);
        let mut all = self.prepared.alternatives(&opening);
        let is_for_all = |evaluation: &Evaluation| {
            dropped_by(&evaluation.outcome).is_some_and(|by| {
                (by.table, by.chain) != (doubtful.table, doubtful.chain) && !self.is_will(by)
            })
        };
        let last = all.len().checked_sub(1)?;
        let chosen = all.iter().position(is_for_all).unwrap_or(last);
        Some(Part {
            region: part.region.clone(),
            opening: all.swap_remove(chosen),
            answer: None,
            later: None,
        })
    }

    /// Limits have a check of their own.
    fn counts_connections(&self, at: Place) -> bool {
        let table = self.prepared.chain(at).map(|(table, _)| table);
        table
            .zip(self.prepared.rule(at))
            .is_some_and(|(table, rule)| has_rate(table, rule))
    }

    pub(super) fn cause(&self, id: CheckId, causes: Vec<Stop>) -> Cause {
        Cause {
            id,
            severity: self.severity(),
            causes,
            in_vain: None,
        }
    }

    fn general(&self, part: &Part, at: Place) -> Cause {
        if let Some(untracked) = untracked_by(part) {
            let causes = vec![Stop::first(untracked), stop(&part.opening, at)];
            return self.cause(id::TRAFFIC_UNTRACKED, causes);
        }
        if part.opening.outcome == Outcome::Accept {
            let mut follow = [part.answer.as_ref(), part.later.as_ref()]
                .into_iter()
                .flatten();
            let dropped = follow.find(|e| dropped_by(&e.outcome) == Some(at));
            let dropped = dropped.unwrap_or(&part.opening);
            return self.cause(id::ESTABLISHED_NOT_ACCEPTED, vec![stop(dropped, at)]);
        }
        if self.is_left_here(part) {
            return self.astray(part, None);
        }
        let mut opening = self.wanted.opening.clone();
        opening.flow = opening.flow.at(&part.region);
        let causes = self.all_causes(&opening, stop(&part.opening, at));
        let expected = opening.master_helper.is_some();
        if expected {
            let again = self.gets_through_as_new(&opening, &part.opening);
            return Cause {
                severity: if again.is_some() {
                    Severity::Warning
                } else {
                    self.severity_of_expected()
                },
                in_vain: again,
                ..self.cause(id::RELATED_NOT_ACCEPTED, causes)
            };
        }
        if let Some(accept) = self.overruled(&part.opening) {
            return Cause {
                in_vain: Some(accept),
                ..self.cause(id::ACCEPT_OVERRULED_BY_LATER_DROP, causes)
            };
        }
        if let Some(accept) = self.behind(&opening, &part.opening, at) {
            return Cause {
                in_vain: Some(accept),
                ..self.cause(id::ACCEPT_AFTER_DROP, causes)
            };
        }
        self.cause(self.blocked().0, causes)
    }

    /// What happens to data connections that a helper expects happens to clients without TLS:
    /// others open theirs as NEW.
    pub(super) fn severity_of_expected(&self) -> Severity {
        let is_for_some = self.wanted.purpose == Purpose::PassiveData
            && self.profile.control.iter().any(|c| c.tls.offers_tls());
        if is_for_some {
            Severity::Warning
        } else {
            self.severity()
        }
    }

    /// The rule or policy that lets in what is expected and dropped once it is sent again: the
    /// expectation went with the first packet (`nf_ct_find_expectation`), so that the next is
    /// NEW. Who is rejected does not send it.
    fn gets_through_as_new(&self, expected: &Packet, dropped: &Evaluation) -> Option<Stop> {
        if !matches!(dropped.outcome, Outcome::Drop { .. }) {
            return None;
        }
        let new = Packet {
            state: State::New,
            master_helper: None,
            settled: None,
            ..expected.clone()
        };
        let again = self.prepared.evaluate(&new);
        let hook = dropped.trail.last()?.hook;
        let met = again.trail.iter().rev().find(|met| met.hook == hook)?;
        (again.outcome == Outcome::Accept).then(|| met_by(met))
    }

    /// The rules and policies that would stop a packet, one after another.
    fn all_causes(&self, packet: &Packet, first: Stop) -> Vec<Stop> {
        let mut causes = vec![first];
        let mut ignored = vec![first.at];
        while causes.len() < MOST_CAUSES {
            let evaluation = self.prepared.evaluate_without(packet, &ignored);
            match dropped_by(&evaluation.outcome) {
                Some(next) if !ignored.contains(&next) && !self.is_will(next) => {
                    ignored.push(next);
                    causes.push(stop(&evaluation, next));
                }
                _ => break,
            }
        }
        causes
    }

    /// The rule of an earlier base chain of the same hook that accepted what was dropped.
    fn overruled(&self, evaluation: &Evaluation) -> Option<Stop> {
        let (last, before) = evaluation.trail.split_last()?;
        let is_accept = |met: &&Met| {
            let chain = self.prepared.chain(Place {
                rule: None,
                chain: met.base,
                ..met.by
            });
            let base = chain.and_then(|(_, chain)| chain.base.as_ref());
            met.hook == last.hook
                && met.passed
                && met.by.rule.is_some()
                && base.is_some_and(|base| base.kind == Kind::Filter)
        };
        before.iter().find(is_accept).map(met_by)
    }

    /// The rule behind a drop, in its base chain, that would accept a packet.
    fn behind(&self, packet: &Packet, evaluation: &Evaluation, first: Place) -> Option<Stop> {
        let dropping = evaluation.trail.last()?;
        let is_same = |met: &&Met| (met.by.table, met.base) == (first.table, dropping.base);
        let mut ignored = vec![first];
        while ignored.len() < MOST_CAUSES && ignored.iter().all(|at| at.rule.is_some()) {
            let next = self.prepared.evaluate_without(packet, &ignored);
            let met = next.trail.iter().rev().find(is_same)?;
            if met.passed {
                return met.by.rule.is_some().then(|| met_by(met));
            }
            if ignored.contains(&met.by) {
                return None;
            }
            ignored.push(met.by);
        }
        None
    }

    /// Whether what should be led on to the server is not, and dropped on its way to this host
    /// itself: an accept there would let it in to nobody.
    fn is_left_here(&self, part: &Part) -> bool {
        let opening = &self.wanted.opening;
        let nat = part.opening.nat.known();
        self.wanted.purpose != Purpose::ActiveData
            && is_translated(self.profile, opening.flow.family())
            && opening.settled.is_none()
            && nat.is_some_and(|nat| nat.translations.destination.is_none())
            && part.opening.trail.last().map(|met| met.hook) == Some(Hook::Input)
    }

    /// Led to something else than the server.
    fn astray(&self, part: &Part, by: Option<Place>) -> Cause {
        let Some(by) = by else {
            if let Some(untracked) = untracked_by(part) {
                return self.cause(id::TRAFFIC_UNTRACKED, vec![Stop::first(untracked)]);
            }
            return match self.wanted.from {
                From::InsideExternal => self.cause(id::HAIRPIN_MISSING, Vec::new()),
                // Hardly a gateway is a client of its own server.
                From::Gateway => Cause {
                    severity: Severity::Note,
                    ..self.cause(id::DNAT_MISSING, Vec::new())
                },
                From::Outside | From::InsideDirect => self.cause(id::DNAT_MISSING, Vec::new()),
            };
        };
        let reached = match &part.opening.nat {
            Told::Known(nat) => nat.translations.destination.address,
            Told::Undecided(_) => Address::Unknown,
        };
        let called = self.wanted.opening.flow.destination.0;
        let server = match &self.profile.nat {
            Nat::Dnat { .. } => self.profile.server_address(Family::of(called)),
            Nat::None | Nat::Upstream { .. } | Nat::Masquerade { .. } => Some(called),
        };
        let is_server = match reached {
            Address::Same => server == Some(called),
            Address::Within(first, last) => first == last && Some(first) == server,
            Address::Moved(_) | Address::Unknown => false,
        };
        let id = if is_server {
            id::DNAT_SHIFTS_PORTS
        } else {
            id::DNAT_TAKEN_BY_ANOTHER_RULE
        };
        self.cause(id, vec![Stop::first(by)])
    }
}

/// A rule that ends a packet, in the last base chain that the packet met.
fn stop(evaluation: &Evaluation, at: Place) -> Stop {
    let met = evaluation.trail.last();
    Stop {
        at,
        hook: met.map_or(Hook::Prerouting, |met| met.hook),
        priority: met.map_or(0, |met| met.priority),
    }
}

/// The rule that a base chain ended with.
fn met_by(met: &Met) -> Stop {
    Stop {
        at: met.by,
        hook: met.hook,
        priority: met.priority,
    }
}
