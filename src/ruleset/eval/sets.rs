//! What is in a set or map, and for which keys around one the answer is the same.

use super::super::live::expression::Expression;
use super::super::live::table::{Key, ObjectKind, Value};
use super::super::live::{Set, Table};
use super::compare::highest;
use super::keys::{fits, parts_around};
use super::names::{Names, Next};
use super::region::Space;
use super::registers::{View, big_endian};

/// A set, indexed.
#[expect(clippy::struct_excessive_bools, reason = "traits of a set, one each")]
pub(super) struct Members<'r> {
    pub(super) unread: bool,
    /// Not of one rule alone.
    pub(super) named: bool,
    /// Whether rules may add an element.
    pub(super) has_room: bool,
    key_length: usize,
    /// Where keys are numbers of up to sixteen bytes that are compared as a whole: their
    /// ranges in order, that do not overlap, each with its element's number.
    spans: Option<Vec<(u128, u128, usize)>>,
    /// How many numbers those hold.
    held: u128,
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
        let spans = spans(set, &elements, key_length);
        let catch_all = elements
            .iter()
            .position(|element| *element.key == Key::CatchAll);
        Self {
            unread: set.unread.is_some(),
            named: !set.flags.anonymous,
            has_room: set.unread.is_none() && has_room(set),
            key_length,
            held: spans
                .iter()
                .flatten()
                .fold(0, |held: u128, (first, last, _)| {
                    held.saturating_add(last - first).saturating_add(1)
                }),
            spans,
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
            Some(spans) if view.is_known() => {
                find_number(spans, view, space, (self.key_length, self.held))
                    .unwrap_or_else(|| self.scan(view, space))
            }
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

/// Whether a set has room for one more (`set->size`; where none is given 65535).
fn has_room(set: &Set) -> bool {
    let size = set.size.filter(|&size| size != 0).unwrap_or(0xffff);
    u32::try_from(set.elements.len()).is_ok_and(|count| count < size)
}

/// Whether there are more candidates than can be told apart.
pub(super) fn too_many(candidates: &[usize]) -> bool {
    candidates.len() > MOST_CANDIDATES
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

/// A lookup by number; `None` where parts of the flow make up the key in a way that this
/// cannot narrow.
fn find_number(
    spans: &[(u128, u128, usize)],
    view: &View<'_>,
    space: &mut Space,
    (length, held): (usize, u128),
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
    if part
        .line()
        .is_some_and(|line| space.passes_over(line, held))
    {
        return Some(Found::Nothing);
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
