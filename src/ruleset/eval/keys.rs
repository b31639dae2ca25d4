//! Keys of elements, compared part by part (`nft_set_pipapo.c`).

use super::super::live::table::Key;
use super::compare::highest;
use super::part::Part;
use super::region::Space;
use super::registers::{View, big_endian};

/// Whether a key is that of an element, part by part.
pub(super) fn fits(
    key: &Key,
    view: &View<'_>,
    parts: &[(usize, usize)],
    space: &mut Space,
) -> Option<bool> {
    let (first, last) = match key {
        Key::CatchAll => return Some(false),
        Key::One(key) => (key, key),
        Key::Range(first, last) => (first, last),
    };
    let (first, last) = (&first[..], &last[..]);
    let mut sure = true;
    for &(start, length) in parts {
        let of_axis = view.parts().any(|part| overlaps(part, start, length));
        if !of_axis {
            match constant_within(view, first, last, start, length) {
                Some(false) => return Some(false),
                Some(true) => {}
                None => sure = false,
            }
        }
    }
    // The parts that all flows of the space share fit: the others decide.
    let mut outside = None;
    let mut reachable = true;
    for &(start, length) in parts {
        for part in view.parts().filter(|part| overlaps(part, start, length)) {
            if part.start < start || part.start + part.length > start + length {
                part.collapse(space);
            }
        }
        let within = axis_part(view, start, length);
        match within {
            Within::None => {}
            Within::One(part) => {
                let low = big_endian(slice(first, part.start, part.length));
                let high = big_endian(slice(last, part.start, part.length));
                let value = view.number(part.start, part.length);
                let rest = rest_equal(view, first, last, start, length, &part);
                match rest {
                    Rest::Differs => return Some(false),
                    Rest::Ranges => {
                        part.collapse(space);
                        match constant_within(view, first, last, start, length) {
                            Some(true) => {}
                            Some(false) => outside = outside.or(Some((part, value, value))),
                            None => sure = false,
                        }
                        continue;
                    }
                    Rest::Unknown => sure = false,
                    Rest::Same => {}
                }
                reachable &= part.meets(low, high, space);
                if !(low..=high).contains(&value) {
                    outside = outside.or(Some((part, low, high)));
                }
            }
            Within::More => {
                for part in view.parts().filter(|part| overlaps(part, start, length)) {
                    part.collapse(space);
                }
                match constant_within(view, first, last, start, length) {
                    Some(false) => return Some(false),
                    Some(true) => {}
                    None => sure = false,
                }
            }
        }
    }
    if let Some((part, low, high)) = outside {
        if reachable {
            let value = view.number(part.start, part.length);
            if value < low {
                part.keep(0, low - 1, space);
            } else if value > high {
                part.keep(high + 1, highest(part.length), space);
            } else {
                part.collapse(space);
            }
        }
        return Some(false);
    }
    for &(start, length) in parts {
        if let Within::One(part) = axis_part(view, start, length) {
            let low = big_endian(slice(first, part.start, part.length));
            let high = big_endian(slice(last, part.start, part.length));
            part.keep(low, high, space);
        }
    }
    sure.then_some(true)
}

/// A key cut where parts that stem from the flow begin and end.
pub(super) fn parts_around(view: &View<'_>, length: usize) -> Vec<(usize, usize)> {
    let mut inside: Vec<(usize, usize)> =
        view.parts().map(|part| (part.start, part.length)).collect();
    inside.sort_unstable();
    let mut parts = Vec::with_capacity(inside.len() * 2 + 1);
    let mut at = 0;
    for (start, count) in inside {
        if start > at {
            parts.push((at, start - at));
        }
        parts.push((start, count));
        at = start + count;
    }
    if at < length {
        parts.push((at, length - at));
    }
    parts
}

fn slice(bytes: &[u8], start: usize, length: usize) -> &[u8] {
    bytes.get(start..start + length).unwrap_or_default()
}

fn overlaps(part: &Part, start: usize, length: usize) -> bool {
    part.start < start + length && start < part.start + part.length
}

/// How many parts of the flow are in a part of a key.
enum Within {
    None,
    One(Part),
    More,
}

fn axis_part(view: &View<'_>, start: usize, length: usize) -> Within {
    let mut parts = view.parts().filter(|part| overlaps(part, start, length));
    match (parts.next(), parts.next()) {
        (None, _) => Within::None,
        (Some(part), None)
            if part.start >= start
                && part.start + part.length <= start + length
                && part.length <= 16 =>
        {
            Within::One(*part)
        }
        _ => Within::More,
    }
}

/// How the bytes of a key's part around one that stems from the flow compare.
enum Rest {
    Same,
    Differs,
    /// They are part of a range: nothing simple can be said.
    Ranges,
    Unknown,
}

fn rest_equal(
    view: &View<'_>,
    first: &[u8],
    last: &[u8],
    start: usize,
    length: usize,
    part: &Part,
) -> Rest {
    let mut rest = Rest::Same;
    for at in
        (start..start + length).filter(|at| !(part.start..part.start + part.length).contains(at))
    {
        let (Some(&low), Some(&high), Some(&byte)) =
            (first.get(at), last.get(at), view.bytes.get(at))
        else {
            return Rest::Differs;
        };
        if low != high {
            return Rest::Ranges;
        }
        if (byte ^ low) & view.known(at) != 0 {
            return Rest::Differs;
        }
        if view.known(at) != 0xff {
            rest = Rest::Unknown;
        }
    }
    rest
}

/// Whether bytes that no part of the flow is in are within a range.
fn constant_within(
    view: &View<'_>,
    first: &[u8],
    last: &[u8],
    start: usize,
    length: usize,
) -> Option<bool> {
    let (first, last) = (slice(first, start, length), slice(last, start, length));
    if first.len() != length || last.len() != length || view.bytes.len() < start + length {
        return Some(false);
    }
    let low = (start..start + length).map(|at| view.bytes[at] & view.known(at));
    let high = (start..start + length).map(|at| view.bytes[at] | !view.known(at));
    if first == last
        && (start..start + length)
            .any(|at| (view.bytes[at] ^ first[at - start]) & view.known(at) != 0)
    {
        return Some(false);
    }
    if high.clone().lt(first.iter().copied()) || low.clone().gt(last.iter().copied()) {
        return Some(false);
    }
    let inside = low.ge(first.iter().copied()) && high.le(last.iter().copied());
    inside.then_some(true)
}
