//! Comparisons of registers with constants (`nft_cmp.c`, `nft_range.c`): as memcmp(3),
//! where a part is not known with three answers.

use std::cmp::Ordering;

use super::super::live::expression::CmpOp;
use super::part::{Origin, Part};
use super::region::Space;
use super::registers::{View, big_endian};

/// Whether `view op data` holds; `None` where that is not known.
pub(super) fn compare(view: &View<'_>, op: CmpOp, data: &[u8], space: &mut Space) -> Option<bool> {
    match op {
        CmpOp::Equal => equal(view, data, space),
        CmpOp::NotEqual => equal(view, data, space).map(|same| !same),
        CmpOp::Less => at_most(view, data, false, space),
        CmpOp::LessOrEqual => at_most(view, data, true, space),
        CmpOp::Greater => at_most(view, data, true, space).map(|holds| !holds),
        CmpOp::GreaterOrEqual => at_most(view, data, false, space).map(|holds| !holds),
    }
}

/// Whether `first <= view <= last`.
pub(super) fn within(
    view: &View<'_>,
    first: &[u8],
    last: &[u8],
    space: &mut Space,
) -> Option<bool> {
    let above = at_most(view, first, false, space).map(|below| !below);
    if above == Some(false) {
        return Some(false);
    }
    match (above, at_most(view, last, true, space)) {
        (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

/// Whether the bytes are the same.
pub(super) fn equal(view: &View<'_>, data: &[u8], space: &mut Space) -> Option<bool> {
    let length = view.bytes.len().min(data.len());
    let differs = |at: usize| (view.bytes[at] ^ data[at]) & view.known(at) != 0;
    let of_axis = |at: usize| {
        view.parts()
            .any(|part| (part.start..part.start + part.length).contains(&at))
    };
    let mut differing = None;
    for at in (0..length).filter(|&at| differs(at)) {
        if !of_axis(at) {
            // Different for every flow.
            return Some(false);
        }
        differing = differing.or(Some(at));
    }
    if let Some(at) = differing {
        if let Some(part) = view
            .parts()
            .find(|part| (part.start..part.start + part.length).contains(&at))
        {
            keep_off(view, part, data, space);
        }
        return Some(false);
    }
    for part in view.parts() {
        let value = view.number(part.start, part.length);
        part.keep(value, value, space);
    }
    (0..length).all(|at| view.known(at) == 0xff).then_some(true)
}

/// Keeps the flows whose part differs from that of `data` on the same side.
fn keep_off(view: &View<'_>, part: &Part, data: &[u8], space: &mut Space) {
    let value = view.number(part.start, part.length);
    let other = big_endian(
        data.get(part.start..part.start + part.length)
            .unwrap_or_default(),
    );
    match value.cmp(&other) {
        Ordering::Less => part.keep(0, other - 1, space),
        Ordering::Greater => part.keep(other + 1, highest(part.length), space),
        Ordering::Equal => part.collapse(space),
    }
}

/// The highest number of so many bytes.
pub(super) fn highest(length: usize) -> u128 {
    super::field::most(u8::try_from(length).unwrap_or(16))
}

/// Whether `view < data`, or also where they are the same.
fn at_most(view: &View<'_>, data: &[u8], or_equal: bool, space: &mut Space) -> Option<bool> {
    let length = view.bytes.len().min(data.len());
    let holds =
        |bytes: &mut dyn Iterator<Item = u8>| match bytes.cmp(data[..length].iter().copied()) {
            Ordering::Less => true,
            Ordering::Equal => or_equal,
            Ordering::Greater => false,
        };
    if !view.is_known() {
        view.collapse(space);
        let lowest = holds(&mut (0..length).map(|at| view.bytes[at] & view.known(at)));
        let highest = holds(&mut (0..length).map(|at| view.bytes[at] | !view.known(at)));
        return (lowest == highest).then_some(lowest);
    }
    let result = holds(&mut view.bytes[..length].iter().copied());
    let mut parts = view.parts();
    match (parts.next(), parts.next()) {
        (None, _) => {}
        (Some(part), None)
            if part.start == 0
                && part.length == length
                && length <= 16
                && matches!(part.origin, Origin::Line { .. }) =>
        {
            let limit = big_endian(&data[..length]);
            match (result, or_equal) {
                (true, true) => part.keep(0, limit, space),
                (true, false) => part.keep(0, limit.saturating_sub(1), space),
                (false, true) => part.keep(limit.saturating_add(1), highest(length), space),
                (false, false) => part.keep(limit, highest(length), space),
            }
        }
        _ => view.collapse(space),
    }
    Some(result)
}
