//! Which rules of two chains are the same, and whether they stand in the same order.

use crate::ruleset::live::Rule;

/// The rules of a planned chain and of one that was read, as far as they are not the same
/// in the same order.
#[derive(Debug, Default)]
pub(super) struct Paired<'a> {
    /// Planned, and there at another place among those that are at theirs.
    pub(super) out_of_order: Vec<&'a Rule>,
    /// Planned, not there.
    pub(super) missing: Vec<&'a Rule>,
    /// There, not planned.
    pub(super) unexpected: Vec<&'a Rule>,
}

pub(super) fn paired<'a>(
    planned: &'a [Rule],
    read: &'a [Rule],
    is_same: impl Fn(&Rule, &Rule) -> bool,
) -> Paired<'a> {
    // Most often all of them are the same: only what is between the first and the last that
    // are not is looked at.
    let same = |pairs: &mut dyn Iterator<Item = (&Rule, &Rule)>| {
        pairs.take_while(|(a, b)| is_same(a, b)).count()
    };
    let before = same(&mut planned.iter().zip(read));
    let (planned, read) = (&planned[before..], &read[before..]);
    let behind = same(&mut planned.iter().rev().zip(read.iter().rev()));
    let planned = &planned[..planned.len() - behind];
    let read = &read[..read.len() - behind];

    let mut result = Paired::default();
    let mut taken = vec![false; read.len()];
    let mut pairs = Vec::new();
    for rule in planned {
        let mut candidates = read.iter().enumerate().zip(&taken);
        let found = candidates.find(|((_, other), taken)| !**taken && is_same(rule, other));
        match found.map(|((at, _), _)| at) {
            Some(at) => {
                taken[at] = true;
                pairs.push((rule, at));
            }
            None => result.missing.push(rule),
        }
    }
    let left = read.iter().zip(taken).filter(|(_, taken)| !taken);
    result.unexpected = left.map(|(rule, _)| rule).collect();
    let places: Vec<usize> = pairs.iter().map(|(_, at)| *at).collect();
    let in_order = longest_rise(&places);
    let moved = pairs.into_iter().zip(in_order).filter(|(_, stays)| !stays);
    result.out_of_order = moved.map(|((rule, _), _)| rule).collect();
    result
}

/// Of different numbers, which belong to the longest series that rises: the least of them
/// is moved to bring all of them into order.
fn longest_rise(numbers: &[usize]) -> Vec<bool> {
    // The place of the least number that a series of each length ends with.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::new();
    for (at, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut belongs = vec![false; numbers.len()];
    let mut next = ends.last().copied();
    while let Some(at) = next {
        belongs[at] = true;
        next = before[at];
    }
    belongs
}

#[cfg(test)]
mod tests {
    use super::longest_rise;
    use proptest::prelude::*;

    /// By trying every series.
    fn longest_of_all(numbers: &[usize]) -> usize {
        (0_u32..1 << numbers.len())
            .map(|chosen| {
                let series: Vec<usize> = (0..numbers.len())
                    .filter(|at| chosen & 1 << at != 0)
                    .map(|at| numbers[at])
                    .collect();
                if series.is_sorted() { series.len() } else { 0 }
            })
            .max()
            .unwrap_or(0)
    }

    proptest! {
        #[test]
        fn none_is_longer(numbers in Just((0..9).collect::<Vec<usize>>()).prop_shuffle(), length in 0..9_usize) {
            let numbers = &numbers[..length];
            let belongs = longest_rise(numbers);
            let series: Vec<usize> = numbers
                .iter()
                .zip(belongs)
                .filter_map(|(number, belongs)| belongs.then_some(*number))
                .collect();
            prop_assert!(series.is_sorted());
            prop_assert_eq!(series.len(), longest_of_all(numbers));
        }
    }
}
