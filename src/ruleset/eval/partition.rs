//! From one packet to its end, whatever the answers to what nobody knows; and from one
//! flow to all flows of a region.

use crate::model::net::Family;

use super::choice::Choices;
use super::conntrack::Tracking;
use super::outcome::{Doubt, Evaluation, Outcome, Place, Told};
use super::packet::{Packet, State};
use super::prepare::Prepared;
use super::region::{Axis, Region, Space};
use super::run::Run;

/// Runs of one packet, with different answers, before nothing is said of it.
const MOST_RUNS: usize = 64;

/// Flows of a region that all take the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which.
    pub region: Region,
    /// What becomes of them; its own region is part of this one.
    pub evaluation: Evaluation,
}

/// Why nothing is said of what has too many answers.
const TOO_MUCH: &str = "it depends on too much that is not known";

/// Why nothing is said of what lies beyond the pieces that were asked for.
const TOO_MANY: &str = "the rules split the flows into too many pieces";

impl Evaluation {
    /// Whether nothing was asked, as there were too many pieces.
    #[must_use]
    pub fn is_beyond(&self) -> bool {
        matches!(self.outcome, Outcome::Undecided(Doubt { why, .. }) if why == TOO_MANY)
    }
}

/// What is taken to be otherwise than it is.
#[derive(Clone, Copy)]
struct Supposing<'a> {
    /// Rules that are not there, policies that accept.
    without: &'a [Place],
    /// The axis on which it is asked what holds in general.
    in_general: Option<Axis>,
}

impl<'a> Supposing<'a> {
    fn without(without: &'a [Place]) -> Self {
        Self {
            without,
            in_general: None,
        }
    }
}

impl Prepared<'_> {
    /// How many rules there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.chains
            .iter()
            .map(|chain| chain.source.rules.len())
            .sum()
    }

    /// What becomes of a packet.
    #[must_use]
    pub fn evaluate(&self, packet: &Packet) -> Evaluation {
        self.evaluate_without(packet, &[])
    }

    /// What would become of a packet if some rules were not there, and some policies
    /// accepted.
    #[must_use]
    pub fn evaluate_without(&self, packet: &Packet, ignored: &[Place]) -> Evaluation {
        let whole = match packet.flow.family() {
            Family::Ipv4 => u128::from(u32::MAX),
            Family::Ipv6 => u128::MAX,
        };
        let mut region = packet.flow.region();
        for (span, last) in
            region
                .spans
                .iter_mut()
                .zip([whole, u16::MAX.into(), whole, u16::MAX.into()])
        {
            (span.first, span.last) = (0, last);
        }
        self.evaluate_within(packet, region, Supposing::without(ignored))
    }

    /// What becomes of a packet by each answer to what is not known, such as whether a rate is
    /// exceeded; the last is undecided where there are too many.
    #[must_use]
    pub fn alternatives(&self, packet: &Packet) -> Vec<Evaluation> {
        let mut choices = Choices::default();
        let space = Space {
            point: packet.flow.point(),
            region: packet.flow.region(),
            in_general: None,
        };
        let mut all = vec![self.run(packet, space.clone(), &mut choices, &[])];
        while choices.advance().is_some() {
            if all.len() == MOST_RUNS {
                all.push(lost(packet.flow.region(), TOO_MUCH));
                break;
            }
            all.push(self.run(packet, space.clone(), &mut choices, &[]));
        }
        all
    }

    /// What becomes of a packet of each flow of a region, in at most `most` pieces: the
    /// others are undecided. `packet` says all else about them.
    #[must_use]
    pub fn partition(&self, packet: &Packet, region: &Region, most: usize) -> Vec<Piece> {
        self.partition_without(packet, region, most, &[])
    }

    /// The same as in [`Prepared::evaluate_without`].
    #[must_use]
    pub fn partition_without(
        &self,
        packet: &Packet,
        region: &Region,
        most: usize,
        ignored: &[Place],
    ) -> Vec<Piece> {
        self.partition_supposing(packet, region, most, Supposing::without(ignored))
    }

    /// What becomes of packets of a region in general: what rules say of a few values of the
    /// axis alone is passed over, as the bans of single clients are, so that thousands of
    /// them make no difference. Where one of those few is met first, it is a piece by itself.
    #[must_use]
    pub fn partition_in_general(
        &self,
        packet: &Packet,
        region: &Region,
        most: usize,
        axis: Axis,
    ) -> Vec<Piece> {
        let supposing = Supposing {
            without: &[],
            in_general: Some(axis),
        };
        self.partition_supposing(packet, region, most, supposing)
    }

    fn partition_supposing(
        &self,
        packet: &Packet,
        region: &Region,
        most: usize,
        supposing: Supposing<'_>,
    ) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut rest = vec![region.clone()];
        let mut packet = packet.clone();
        while let Some(next) = rest.pop() {
            packet.flow = packet.flow.at(&next);
            let evaluation = if pieces.len() < most {
                self.evaluate_within(&packet, next.clone(), supposing)
            } else {
                lost(next.clone(), TOO_MANY)
            };
            next.without(&evaluation.region, &mut rest);
            pieces.push(Piece {
                region: evaluation.region.clone(),
                evaluation,
            });
        }
        join(pieces)
    }

    fn evaluate_within(
        &self,
        packet: &Packet,
        region: Region,
        supposing: Supposing<'_>,
    ) -> Evaluation {
        let mut choices = Choices::default();
        let mut space = Space {
            point: packet.flow.point(),
            region,
            in_general: supposing.in_general,
        };
        let ignored = supposing.without;
        let mut all = self.run(packet, space.clone(), &mut choices, ignored);
        let mut runs = 1;
        while let Some(doubt) = choices.advance() {
            space.region = all.region.clone();
            if runs == MOST_RUNS {
                let other = lost(space.region.clone(), TOO_MUCH);
                all.join(&other, doubt);
                break;
            }
            let other = self.run(packet, space.clone(), &mut choices, ignored);
            all.join(&other, doubt);
            runs += 1;
        }
        all
    }

    fn run(
        &self,
        packet: &Packet,
        space: Space,
        choices: &mut Choices,
        ignored: &[Place],
    ) -> Evaluation {
        let mut run = Run::new(self, packet, space, choices);
        run.ignored = ignored;
        let outcome = match run.path() {
            Ok(()) => Outcome::Accept,
            Err(outcome) => outcome,
        };
        let zone = run.zone();
        let told_state = match run.tracking() {
            Tracking::Tracked(state) => Some(state),
            Tracking::Untracked => Some(State::Untracked),
            _ => None,
        };
        let is_kept_out = matches!(outcome, Outcome::Drop { .. } | Outcome::Reject { .. });
        Evaluation {
            outcome,
            may_pass: !is_kept_out,
            region: run.space.region,
            nat: Told::Known(run.nat),
            helper: Told::Known(run.helper),
            notrack: Told::Known(run.notrack),
            mark: (run.mark.unknown == 0).then(|| u32::try_from(run.mark.value).unwrap_or(0)),
            zone,
            state: told_state,
            to: run.to,
            trail: run.trail,
        }
    }
}

impl Evaluation {
    /// Takes in what another answer to `doubt` comes to: what differs is undecided.
    fn join(&mut self, other: &Self, doubt: Doubt) {
        self.region = other.region.clone();
        self.may_pass |= other.may_pass;
        if !self.outcome.is_like(&other.outcome) && !matches!(self.outcome, Outcome::Undecided(_)) {
            self.outcome = match other.outcome {
                Outcome::Undecided(theirs) => Outcome::Undecided(theirs),
                _ => Outcome::Undecided(doubt),
            };
        }
        self.nat.join(&other.nat, doubt);
        self.helper.join(&other.helper, doubt);
        self.notrack.join(&other.notrack, doubt);
        if self.mark != other.mark {
            self.mark = None;
        }
        if self.zone != other.zone {
            self.zone = None;
        }
        if self.state != other.state {
            self.state = None;
        }
        if self.to != other.to {
            self.to = None;
        }
    }

    /// Whether another says the same about what became of the packet.
    fn is_like(&self, other: &Self) -> bool {
        self.outcome == other.outcome
            && self.may_pass == other.may_pass
            && self.nat == other.nat
            && self.helper == other.helper
            && self.notrack == other.notrack
            && self.mark == other.mark
            && self.zone == other.zone
            && self.state == other.state
            && self.to == other.to
    }
}

impl Outcome {
    /// Whether a sender could not tell the two apart.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Drop { .. }, Self::Drop { .. }) => true,
            (Self::Reject { kind: one, .. }, Self::Reject { kind: two, .. }) => one == two,
            _ => self == other,
        }
    }
}

impl<T: Clone + PartialEq> Told<T> {
    fn join(&mut self, other: &Self, doubt: Doubt) {
        if let Self::Known(one) = self {
            match other {
                Self::Known(two) if one == two => {}
                Self::Known(_) => *self = Self::Undecided(doubt),
                Self::Undecided(doubt) => *self = Self::Undecided(*doubt),
            }
        }
    }
}

fn lost(region: Region, why: &'static str) -> Evaluation {
    let doubt = Doubt {
        at: None,
        expression: None,
        why,
    };
    Evaluation {
        outcome: Outcome::Undecided(doubt),
        may_pass: true,
        region,
        nat: Told::Undecided(doubt),
        helper: Told::Undecided(doubt),
        notrack: Told::Undecided(doubt),
        mark: None,
        zone: None,
        state: None,
        to: None,
        trail: Vec::new(),
    }
}

/// Joins pieces that say the same and touch, axis by axis.
fn join(mut pieces: Vec<Piece>) -> Vec<Piece> {
    for axis in 0..4 {
        pieces.sort_by(|one, two| {
            let key = |piece: &Piece| {
                let mut spans = piece.region.spans;
                spans.swap(axis, 3);
                spans
            };
            let (one, two) = (key(one), key(two));
            one[..3].cmp(&two[..3]).then(one[3].cmp(&two[3]))
        });
        let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
        for piece in pieces {
            if let Some(last) = joined.last_mut() {
                let both = last.region.joined(&piece.region);
                if let Some(both) = both.filter(|_| last.evaluation.is_like(&piece.evaluation)) {
                    last.region = both;
                    continue;
                }
            }
            joined.push(piece);
        }
        pieces = joined;
    }
    pieces.sort_by(|one, two| one.region.cmp(&two.region));
    pieces
}
