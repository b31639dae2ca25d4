//! What a ruleset makes of connections: of the packets that open them, and of what follows.

use crate::ruleset::eval::{
    Axis, Direction, Doubt, Evaluation, Outcome, Packet, Path, Piece, Prepared, Region, State,
    Told, Where,
};

use super::{Connections, Purpose};

/// What becomes of a part of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub region: Region,
    /// The packet that opens the connection.
    pub opening: Evaluation,
    /// Its answer; `None` where there is none, or none that can be told.
    pub answer: Option<Evaluation>,
    /// What follows from who opened it.
    pub later: Option<Evaluation>,
}

impl Part {
    /// The first of the three that does not get through, or that they all do.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        let all = [
            Some(&self.opening),
            self.answer.as_ref(),
            self.later.as_ref(),
        ];
        let mut outcomes = all.into_iter().flatten().map(|e| &e.outcome);
        outcomes
            .find(|outcome| **outcome != Outcome::Accept)
            .unwrap_or(&Outcome::Accept)
    }
}

impl Connections {
    /// What the ruleset makes of the packets that open them, in at most `most` pieces a
    /// region, and what lies beyond those undecided.
    #[must_use]
    pub fn open(&self, prepared: &Prepared, most: usize) -> Vec<Piece> {
        self.opened(|opening, region| prepared.partition(opening, region, most))
    }

    fn opened(&self, of: impl Fn(&Packet, &Region) -> Vec<Piece>) -> Vec<Piece> {
        let of_region = |region: &Region| {
            let mut opening = self.opening.clone();
            opening.flow = opening.flow.at(region);
            of(&opening, region)
        };
        self.regions.iter().flat_map(of_region).collect()
    }

    /// The same with what follows, which may differ by port. By address it is not told apart:
    /// it is evaluated for the first of each part's.
    #[must_use]
    pub fn trace(&self, prepared: &Prepared, most: usize) -> Vec<Part> {
        self.followed(prepared, most, self.open(prepared, most))
    }

    /// The same of clients in general, whatever rules say of a few of them
    /// ([`Prepared::partition_in_general`]).
    #[must_use]
    pub fn trace_in_general(&self, prepared: &Prepared, most: usize) -> Vec<Part> {
        let client = match self.purpose {
            Purpose::Control | Purpose::PassiveData => Axis::Source,
            Purpose::ActiveData => Axis::Destination,
        };
        let opened = self
            .opened(|opening, region| prepared.partition_in_general(opening, region, most, client));
        self.followed(prepared, most, opened)
    }

    fn followed(&self, prepared: &Prepared, most: usize, opened: Vec<Piece>) -> Vec<Part> {
        let mut parts = Vec::new();
        for piece in opened {
            let Piece {
                region,
                evaluation: opening,
            } = piece;
            let follow = |direction, region: &Region| {
                self.follow(prepared, (&opening, direction), region, most)
            };
            for (region, answer) in follow(Direction::Reply, &region) {
                for (region, later) in follow(Direction::Original, &region) {
                    parts.push(Part {
                        region,
                        opening: opening.clone(),
                        answer: answer.clone(),
                        later,
                    });
                }
            }
        }
        parts
    }

    /// What becomes of a later packet of connections that were let through, by their ports.
    fn follow(
        &self,
        prepared: &Prepared,
        (evaluation, direction): (&Evaluation, Direction),
        region: &Region,
        most: usize,
    ) -> Vec<(Region, Option<Evaluation>)> {
        let mut opening = self.opening.clone();
        opening.flow = opening.flow.at(region);
        let Some(packet) = Self::later(&opening, evaluation, direction) else {
            return vec![(region.clone(), None)];
        };
        let first = |region: Region, axis| {
            let first = region.span(axis).first;
            region.with(axis, first, first)
        };
        let one = first(first(region.clone(), Axis::Source), Axis::Destination);
        let whole = |found: &Region| {
            let of = |region: Region, axis| {
                let span = found.span(axis);
                region.with(axis, span.first, span.last)
            };
            of(of(region.clone(), Axis::SourcePort), Axis::DestinationPort)
        };
        let pieces = prepared.partition(&packet, &one, most).into_iter();
        let followed = |Piece {
                            region,
                            evaluation: mut found,
                        }| {
            if found.zone.is_none() || found.zone != evaluation.zone {
                found.outcome = Outcome::Undecided(Doubt {
                    at: None,
                    expression: None,
                    why: "it is looked for in another zone than its connection is in",
                });
            }
            (whole(&region), Some(found))
        };
        pieces.map(followed).collect()
    }

    /// A later packet of a connection that was let through.
    fn later(opening: &Packet, evaluation: &Evaluation, direction: Direction) -> Option<Packet> {
        if evaluation.outcome != Outcome::Accept {
            return None;
        }
        let Told::Known(nat) = &evaluation.nat else {
            return None;
        };
        let (path, input) = match (direction, evaluation.to.as_ref()?) {
            (Direction::Original, _) => (opening.path, opening.input.clone()),
            (Direction::Reply, Where::Local) => (Path::Leaves, None),
            (Direction::Reply, Where::Out(interface)) => (Path::Arrives, interface.clone()),
        };
        let translations = opening.settled.unwrap_or(nat.translations);
        let mut packet = opening.later(direction, translations, path);
        packet.input = input;
        packet.connection_mark = None;
        if direction == Direction::Reply {
            // SYN and ACK.
            packet.tcp_flags = Some(18);
        }
        if direction == Direction::Reply && matches!(evaluation.notrack, Told::Known(Some(_))) {
            // A SYN,ACK that nobody saw the SYN of, unless a rule keeps it from being tracked
            // as well (`tcp_new`).
            packet.state = State::Invalid;
        }
        Some(packet)
    }
}
