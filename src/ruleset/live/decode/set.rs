//! Sets, maps, and what is in them.

use super::data::{Fields, list, user_text, verdict};
use super::expression::expression;
use crate::ruleset::live::expression::Expression;
use crate::ruleset::live::table::{Element, Key, Set, SetFlags, TableFamily, Value};

/// `NFTNL_UDATA_SET_COMMENT`.
const SET_COMMENT: u8 = 7;
/// `NFTNL_UDATA_SET_ELEM_COMMENT`.
const ELEMENT_COMMENT: u8 = 0;
/// All of `enum nft_set_flags`, `NFT_SET_EXPR` 0x100 the last.
const KNOWN_FLAGS: u32 = 0x1ff;
/// `NFT_SET_ELEM_INTERVAL_END`.
const INTERVAL_END: u32 = 1;
/// `NFT_SET_ELEM_CATCHALL`.
const CATCH_ALL: u32 = 2;

/// A set without its elements, `None` where it is not understood, from the attributes of `NFT_MSG_NEWSET`
/// (`enum nft_set_attributes`).
pub(super) fn set(f: Fields, family: TableFamily) -> Option<Set> {
    let flags = f.number(3).unwrap_or(0);
    (flags & !KNOWN_FLAGS == 0).then_some(())?;
    let has = |bit: u32| flags & bit != 0;
    let description = f.nested(9).unwrap_or(Fields(&[]));
    let parts = description.bytes(2).into_iter().flat_map(list);
    Some(Set {
        name: f.text(2)?,
        handle: f.long(16).unwrap_or(0),
        flags: SetFlags {
            anonymous: has(0x1),
            constant: has(0x2),
            interval: has(0x4),
            map: has(0x8),
            timeout: has(0x10),
            dynamic: has(0x20),
            object: has(0x40),
            concat: has(0x80),
        },
        key_type: f.number(4).unwrap_or(0),
        key_length: f.number(5)?,
        // NFTA_SET_FIELD_LEN 1.
        parts: parts.filter_map(|part| Fields(part).number(1)).collect(),
        data_type: f.number(6),
        object_type: f.number(15),
        timeout: f.long(11).filter(|t| *t != 0),
        size: description.number(1),
        comment: f.bytes(13).and_then(|data| user_text(data, SET_COMMENT)),
        expressions: carried(f, 17, 18, family),
        elements: Vec::new(),
        // Until its elements are read.
        unread: Some("its elements were not dumped".to_owned()),
    })
}

/// What an element carries: one expression, or a list of them.
fn carried(f: Fields, one: u16, several: u16, family: TableFamily) -> Vec<Expression> {
    let several = f.bytes(several).into_iter().flat_map(list);
    f.bytes(one)
        .into_iter()
        .chain(several)
        .map(|data| expression(data, family, 1))
        .collect()
}

/// What the kernel holds for a set, before starts and ends are joined.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// Elements, each with whether it is an end.
    bounds: Vec<(Element, bool)>,
}

impl Raw {
    /// Adds the elements of one `NFT_MSG_NEWSETELEM`; `Err` says why one of them is not
    /// understood.
    pub(super) fn add(
        &mut self,
        elements: &[u8],
        set: &Set,
        family: TableFamily,
    ) -> Result<(), String> {
        for data in list(elements) {
            let f = Fields(data);
            let flags = f.number(3).unwrap_or(0);
            if flags & !(INTERVAL_END | CATCH_ALL) != 0 || !f.are_known(11) {
                return Err("an element has flags without a name here".to_owned());
            }
            let element = element(f, flags & CATCH_ALL != 0, set, family)
                .ok_or_else(|| "an element is not understood".to_owned())?;
            self.bounds.push((element, flags & INTERVAL_END != 0));
        }
        Ok(())
    }

    /// The elements, ordered by key.
    pub(super) fn finish(self, set: &Set) -> Vec<Element> {
        let mut bounds = self.bounds;
        // In a concatenation of ranges each element has both of its ends.
        if !set.flags.interval || set.flags.concat {
            let mut elements: Vec<Element> = bounds.into_iter().map(|(e, _)| e).collect();
            elements.sort_by(|a, b| from(&a.key).cmp(&from(&b.key)));
            return elements;
        }
        // An end is the first key behind a range, where the next may start.
        bounds.sort_by(|(a, a_ends), (b, b_ends)| {
            from(&a.key).cmp(&from(&b.key)).then(b_ends.cmp(a_ends))
        });
        join(bounds, set.key_length)
    }
}

/// Joins starts and ends, both ordered. As the kernel looks for the greatest key that is
/// not above the packet's (`nft_set_rbtree.c`), a start also ends the range before it, an
/// end without a start says nothing, and a start without an end reaches to the last key.
fn join(bounds: Vec<(Element, bool)>, length: u32) -> Vec<Element> {
    let mut elements: Vec<Element> = Vec::with_capacity(bounds.len() / 2 + 1);
    let mut open: Option<Element> = None;
    for (bound, is_end) in bounds {
        let Key::One(at) = &bound.key else {
            // The catch-all element, and elements that have both ends, stand alone.
            elements.push(bound);
            continue;
        };
        elements.extend(open.take().and_then(|start| close(start, before(at))));
        if !is_end {
            open = Some(bound);
        }
    }
    let last = vec![0xff; usize::try_from(length).unwrap_or(0).min(LONGEST_KEY)];
    elements.extend(open.and_then(|start| close(start, Some(last.into()))));
    // The catch-all element was pushed before the last range was closed.
    elements.sort_by(|a, b| from(&a.key).cmp(&from(&b.key)));
    elements
}

/// What elements are ordered by: where their keys begin, the catch-all element last.
fn from(key: &Key) -> (bool, &[u8]) {
    match key {
        Key::One(first) | Key::Range(first, _) => (false, first),
        Key::CatchAll => (true, &[]),
    }
}

/// `NFT_DATA_VALUE_MAXLEN`.
const LONGEST_KEY: usize = 64;

/// The element for a range from its start; `None` where nothing lies in it.
fn close(mut start: Element, last: Option<Box<[u8]>>) -> Option<Element> {
    let last = last?;
    if let Key::One(first) = start.key {
        start.key = match first.cmp(&last) {
            std::cmp::Ordering::Less => Key::Range(first, last),
            std::cmp::Ordering::Equal => Key::One(first),
            std::cmp::Ordering::Greater => return None,
        };
    }
    Some(start)
}

/// The key before this one; `None` before the first.
fn before(key: &[u8]) -> Option<Box<[u8]>> {
    let mut key: Box<[u8]> = key.into();
    for byte in key.iter_mut().rev() {
        let (less, borrows) = byte.overflowing_sub(1);
        *byte = less;
        if !borrows {
            return Some(key);
        }
    }
    None
}

/// `enum nft_set_elem_attributes`; a key and its end are nested data (`NFTA_DATA_VALUE` 1).
fn element(f: Fields, is_catch_all: bool, set: &Set, family: TableFamily) -> Option<Element> {
    let key = if is_catch_all {
        Key::CatchAll
    } else {
        let first = f.value(1)?;
        match f.value(10) {
            Some(last) if last != first => Key::Range(first.into(), last.into()),
            _ => Key::One(first.into()),
        }
    };
    let value = match (f.nested(2), f.text(9)) {
        (_, Some(object)) => Some(Value::Object(object)),
        (Some(data), None) => Some(match data.bytes(1) {
            Some(bytes) => Value::Data(bytes.into()),
            None => Value::Verdict(verdict(data)?),
        }),
        (None, None) => None,
    };
    // The end of a range has no value; a start in a map must have one.
    let is_end = f.number(3).unwrap_or(0) & INTERVAL_END != 0;
    let wants_value = (set.flags.map || set.flags.object) && !is_end;
    (value.is_some() == wants_value).then_some(())?;
    Some(Element {
        key,
        value,
        timeout: f.long(4).filter(|t| *t != 0),
        expires: f.long(5),
        comment: f.bytes(6).and_then(|data| user_text(data, ELEMENT_COMMENT)),
        expressions: carried(f, 7, 11, family),
    })
}
