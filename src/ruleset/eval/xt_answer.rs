//! Answers of matches, of which some are not known.

/// An answer that may not be known; `None` of a test that a match does not make holds.
pub(super) type Answer = Option<bool>;

/// Both, with three answers: what does not hold decides.
pub(super) fn and(one: Answer, two: Answer) -> Answer {
    match (one, two) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

pub(super) fn signed(answer: Answer, negated: bool) -> Answer {
    answer.map(|holds| holds != negated)
}
