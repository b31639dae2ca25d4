//! What was seen, beside what was predicted.

use std::ops::RangeInclusive;

use crate::model::check::{
    ACTIVE_DATA_BLOCKED, ADVERTISE_DIFFERS_FROM_EXTERNAL, ADVERTISE_MISSING, ADVERTISE_NOT_PUBLIC,
    DATA_SOURCE_REJECTED, HAIRPIN_MISSING,
};
use crate::plan::{Cell, From, Outcome};
use crate::probe::course::Stage;

use super::play::{Attempt, Came, Seen};
use super::scene::Seat;

/// A cell with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What was predicted.
    pub cell: Cell,
    /// What clients saw before.
    pub before: Seen,
    /// And with the plan.
    pub after: Seen,
    /// Whether that is what was predicted.
    pub agrees: bool,
    /// Whether a rule of the host's own keeps the client out, and was not predicted.
    pub is_kept_out: bool,
    /// Where it did not work before: the session that shows it.
    pub showed: Option<(Attempt, Came)>,
    /// Where it does not work: the session that shows it. The last one of several that do
    /// otherwise than predicted.
    pub shows: Option<(Attempt, Came)>,
}

/// Whether a client of a cell that was predicted so may see this: where it is to fail, at the
/// step at which its cause strikes. `lets_in`: whether the firewall may let in what no rule of
/// ours accepts.
#[must_use]
pub fn agrees(cell: &Cell, came: &Came, lets_in: bool) -> bool {
    match cell.outcome {
        Outcome::Works => came.seen == Seen::Works,
        Outcome::NotOffered => came.seen == Seen::NotOffered,
        // Predictions take it that what no rule accepts is dropped.
        Outcome::Fails if lets_in && came.seen == Seen::Works => {
            cell.because == Some(ACTIVE_DATA_BLOCKED)
        }
        Outcome::Fails => came.seen != Seen::Works && strikes_at(cell).contains(&came.stage),
    }
}

/// The steps at which the cause of a failure strikes.
fn strikes_at(cell: &Cell) -> RangeInclusive<Stage> {
    match cell.because {
        // Nobody there turns the very first packet back.
        Some(HAIRPIN_MISSING) if cell.from == From::InsideExternal => {
            Stage::Connect..=Stage::DataConnect
        }
        Some(
            HAIRPIN_MISSING
            | ADVERTISE_MISSING
            | ADVERTISE_NOT_PUBLIC
            | ADVERTISE_DIFFERS_FROM_EXTERNAL,
        ) => Stage::DataConnect..=Stage::DataConnect,
        // It arrives, and the server does not want it.
        Some(DATA_SOURCE_REJECTED) => Stage::Transfer..=Stage::Completion,
        _ => Stage::Agreement..=Stage::Completion,
    }
}

/// What the firewall does besides ftpnat's rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beyond {
    /// It may let in what no rule of ours accepts.
    pub lets_in: bool,
    /// Clients that rules of its own keep out.
    pub keeps_out: Vec<Seat>,
}

/// Puts what was seen to its cells.
#[must_use]
pub fn judged(
    cells: &[Cell],
    before: &[(Attempt, Came)],
    after: &[(Attempt, Came)],
    beyond: &Beyond,
) -> Vec<Judged> {
    let of = |place: usize, all: &[(Attempt, Came)]| -> Vec<(Attempt, Came)> {
        let is_of = |attempt: &Attempt| attempt.cell() == Some(place);
        all.iter()
            .filter(|(attempt, _)| is_of(attempt))
            .cloned()
            .collect()
    };
    let judge = |(place, cell): (usize, &Cell)| {
        let (before, after) = (of(place, before), of(place, after));
        let seen = whole(&after);
        let shows = first_failing(&after).cloned();
        let agree = |(_, came): &(Attempt, Came)| agrees(cell, came, beyond.lets_in);
        let fails = |(_, came): &&(Attempt, Came)| came.seen != Seen::Works;
        let is_as_predicted = match cell.outcome {
            // By one of several addresses it may get through.
            Outcome::Fails if shows.is_some() => after.iter().filter(fails).all(agree),
            Outcome::Fails => after.iter().all(agree),
            Outcome::Works => seen == Seen::Works,
            Outcome::NotOffered => seen == Seen::NotOffered,
        };
        let of_kept_out = |(attempt, _): &(Attempt, Came)| beyond.keeps_out.contains(&attempt.seat);
        let is_kept_out = !is_as_predicted && shows.as_ref().is_some_and(of_kept_out);
        Judged {
            cell: *cell,
            before: whole(&before),
            after: seen,
            agrees: is_as_predicted || is_kept_out,
            is_kept_out,
            showed: first_failing(&before).cloned(),
            shows,
        }
    };
    cells.iter().enumerate().map(judge).collect()
}

/// A client is served where it is served at each port and each address.
fn whole(of_cell: &[(Attempt, Came)]) -> Seen {
    match (of_cell.is_empty(), first_failing(of_cell)) {
        (true, _) => Seen::NotOffered,
        (false, None) => Seen::Works,
        (false, Some((_, came))) => came.seen,
    }
}

fn first_failing(of_cell: &[(Attempt, Came)]) -> Option<&(Attempt, Came)> {
    of_cell.iter().find(|(_, came)| came.seen != Seen::Works)
}

/// Whether what was closed is open now: what was open before is another's affair.
#[must_use]
pub fn is_opened(before: Seen, after: Seen) -> bool {
    after == Seen::Works && before != Seen::Works
}

/// A port or a machine that is to stay out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Who knocked where.
    pub attempt: Attempt,
    /// What it saw before.
    pub before: Came,
    /// And with the plan.
    pub after: Came,
}

impl Kept {
    /// Whether the plan opened it.
    #[must_use]
    pub fn is_opened(&self) -> bool {
        is_opened(self.before.seen, self.after.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ftp::ClientMode;
    use crate::model::net::Family;

    fn cell(outcome: Outcome) -> Cell {
        Cell {
            client: ClientMode::Epsv,
            tls: true,
            family: Family::Ipv4,
            from: From::Outside,
            control_port: 21,
            outcome,
            because: (outcome == Outcome::Fails).then_some(ADVERTISE_MISSING),
        }
    }

    fn came(seen: Seen, stage: Stage) -> Came {
        Came {
            seen,
            stage,
            words: String::new(),
        }
    }

    #[test]
    fn a_prediction_and_what_was_seen() {
        for (outcome, seen, stage, wanted) in [
            (Outcome::Works, Seen::Works, Stage::Completion, true),
            (Outcome::Works, Seen::Hangs, Stage::DataConnect, false),
            (Outcome::Fails, Seen::Works, Stage::Completion, false),
            (Outcome::Fails, Seen::Refused, Stage::DataConnect, true),
            // For another reason than was said.
            (Outcome::Fails, Seen::Refused, Stage::Greeting, false),
            (Outcome::Fails, Seen::Hangs, Stage::Connect, false),
            (Outcome::NotOffered, Seen::NotOffered, Stage::Connect, true),
            (Outcome::NotOffered, Seen::Works, Stage::Completion, false),
        ] {
            let agrees = agrees(&cell(outcome), &came(seen, stage), true);
            assert_eq!(agrees, wanted, "{outcome:?} {seen:?} {stage}");
        }
        let blocked = Cell {
            because: Some(ACTIVE_DATA_BLOCKED),
            ..cell(Outcome::Fails)
        };
        let works = came(Seen::Works, Stage::Completion);
        assert!(agrees(&blocked, &works, true));
        assert!(!agrees(&blocked, &works, false));
    }
}
