//! What is in a set or map, and for which keys around one the answer is the same.

use super::super::live::expression::Expression;
use super::super::live::table::{Key, ObjectKind, Value};
use super::super::live::{Set, Table};
use super::compare::highest;
use super::prepare::{Names, Next};
use super::region::Space;
use super::value::{Part, View, big_endian};

/// A set, indexed.
pub(super) struct Members<'r> {
    pub(super) unread: bool,
    key_length: usize,
    /// Where keys are numbers of up to sixteen bytes that are compared as a whole: their
    /// ranges in order, that do not overlap, each with its element's number.
    spans: Option<Vec<(u128, u128, usize)>>,
    /// Whether all keys are single ones, so that each byte of them is compared by itself.
    exact: bool,
    /// The parts of a key that are compared each by itself: start and length.
    parts: Vec<(usize, usize)>,
    pub(super) elements: Vec<Member<'r>>,
    catch_all: Option<usize>,
}

/// An element.
pub(super) struct Member<'r> {
    key: &'r Key,
    pub(super) gives: Gives<'r>,
    /// Whether it matches only at times, as a limit does.
    pub(super) conditional: bool,
}

/// What an element gives.
pub(super) enum Gives<'r> {
    Nothing,
    Data(&'r [u8]),
    Verdict(Next),
    Object(Option<&'r ObjectKind>),
}

/// What a lookup finds.
pub(super) enum Found {
    /// This element.
    Element(usize),
    /// None.
    Nothing,
    /// One of these, or none: parts of the key are not known.
    Unsure(Vec<usize>),
}

/// Elements that a key which is partly unknown may have before nothing is said of it.
const MOST_CANDIDATES: usize = 16;

impl<'r> Members<'r> {
    pub(super) fn new(set: &'r Set, table: &'r Table, names: &Names<'r>) -> Self {
        let elements: Vec<Member<'r>> = set
            .elements
            .iter()
            .map(|element| Member {
                key: &element.key,
                gives: match &element.value {
                    None => Gives::Nothing,
                    Some(Value::Data(data)) => Gives::Data(data),
                    Some(Value::Verdict(verdict)) => Gives::Verdict(names.next(verdict)),
                    Some(Value::Object(name)) => Gives::Object(
                        table
                            .objects
                            .iter()
                            .find(|object| object.name == *name)
                            .map(|object| &object.what),
                    ),
                },
                conditional: element
                    .expressions
                    .iter()
                    .any(|e| !matches!(e, Expression::Counter { .. } | Expression::Last)),
            })
            .collect();
        let key_length = usize::try_from(set.key_length).unwrap_or(0);
        let catch_all = elements
            .iter()
            .position(|element| *element.key == Key::CatchAll);
        Self {
            unread: set.unread.is_some(),
            key_length,
            spans: spans(set, &elements, key_length),
            exact: !set.elements.iter().any(|e| matches!(e.key, Key::Range(..))),
            parts: parts(set, key_length),
            elements,
            catch_all,
        }
    }

    pub(super) fn key_length(&self) -> usize {
        self.key_length
    }

    /// What is there for a key.
    pub(super) fn find(&self, view: &View<'_>, space: &mut Space) -> Found {
        let found = match &self.spans {
            Some(spans) if view.is_known() => find_number(spans, view, space, self.key_length)
                .unwrap_or_else(|| self.scan(view, space)),
            _ => self.scan(view, space),
        };
        match (found, self.catch_all) {
            (Found::Nothing, Some(catch_all)) => Found::Element(catch_all),
            (Found::Unsure(mut candidates), Some(catch_all)) => {
                candidates.push(catch_all);
                Found::Unsure(candidates)
            }
            (found, _) => found,
        }
    }

    /// Looks at every element; keeps the flows for which each answers the same.
    fn scan(&self, view: &View<'_>, space: &mut Space) -> Found {
        let mut candidates = Vec::new();
        let around;
        let parts = if self.exact {
            around = parts_around(view, self.key_length);
            &around
        } else {
            &self.parts
        };
        for (number, element) in self.elements.iter().enumerate() {
            match fits(element.key, view, parts, space) {
                Some(true) if candidates.is_empty() => return Found::Element(number),
                Some(true) => {
                    candidates.push(number);
                    return Found::Unsure(candidates);
                }
                Some(false) => {}
                None => candidates.push(number),
            }
        }
        if candidates.is_empty() {
            Found::Nothing
        } else {
            Found::Unsure(candidates)
        }
    }
}

/// Whether a key is that of an element, part by part.
fn fits(key: &Key, view: &View<'_>, parts: &[(usize, usize)], space: &mut Space) -> Option<bool> {
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

/// Whether there are more candidates than can be told apart.
pub(super) fn too_many(candidates: &[usize]) -> bool {
    candidates.len() > MOST_CANDIDATES
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

/// The ranges of a set whose keys are compared as one number.
fn spans(set: &Set, elements: &[Member<'_>], length: usize) -> Option<Vec<(u128, u128, usize)>> {
    if length > 16 || (!set.parts.is_empty() && set.flags.interval) {
        return None;
    }
    let mut spans = Vec::with_capacity(elements.len());
    for (number, element) in elements.iter().enumerate() {
        match element.key {
            Key::One(key) if key.len() == length => {
                let key = big_endian(key);
                spans.push((key, key, number));
            }
            Key::Range(first, last) if first.len() == length && last.len() == length => {
                spans.push((big_endian(first), big_endian(last), number));
            }
            Key::CatchAll => {}
            _ => return None,
        }
    }
    spans.sort_unstable();
    let apart = spans.windows(2).all(|pair| pair[0].1 < pair[1].0);
    apart.then_some(spans)
}

/// The parts of a set's keys: of a concatenation each by itself, four bytes apart.
fn parts(set: &Set, length: usize) -> Vec<(usize, usize)> {
    if set.parts.is_empty() {
        return vec![(0, length)];
    }
    let mut parts = Vec::with_capacity(set.parts.len());
    let mut start = 0;
    for &part in &set.parts {
        let part = usize::try_from(part).unwrap_or(0);
        let part = part.min(length.saturating_sub(start));
        parts.push((start, part));
        start += part.next_multiple_of(4);
    }
    parts
}

/// A key cut where parts that stem from the flow begin and end.
fn parts_around(view: &View<'_>, length: usize) -> Vec<(usize, usize)> {
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

/// A lookup by number; `None` where parts of the flow make up the key in a way that this
/// cannot narrow.
fn find_number(
    spans: &[(u128, u128, usize)],
    view: &View<'_>,
    space: &mut Space,
    length: usize,
) -> Option<Found> {
    let key = big_endian(view.bytes);
    let next = spans.partition_point(|span| span.0 <= key);
    let hit = next
        .checked_sub(1)
        .and_then(|at| spans.get(at))
        .filter(|span| key <= span.1);
    let mut parts = view.parts();
    let (one, more) = (parts.next(), parts.next());
    let Some(part) = one else {
        return Some(hit.map_or(Found::Nothing, |span| Found::Element(span.2)));
    };
    if more.is_some() || part.start != 0 || part.length != length {
        // Of several parts: an exact key keeps each, a miss must be seen by all elements.
        let span = hit.filter(|span| span.0 == span.1)?;
        for part in view.parts() {
            let value = view.number(part.start, part.length);
            part.keep(value, value, space);
        }
        return Some(Found::Element(span.2));
    }
    if let Some(&(first, last, element)) = hit {
        part.keep(first, last, space);
        return Some(Found::Element(element));
    }
    let low = next
        .checked_sub(1)
        .and_then(|at| spans.get(at))
        .map_or(0, |span| span.1.saturating_add(1));
    let high = spans
        .get(next)
        .map_or(highest(length), |span| span.0.saturating_sub(1));
    part.keep(low, high, space);
    Some(Found::Nothing)
}
