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
    starts: Vec<Element>,
    /// The first key behind each range.
    ends: Vec<Box<[u8]>>,
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
            if flags & INTERVAL_END != 0 {
                let end = f.value(1).filter(|_| is_of_pairs(set));
                self.ends
                    .push(end.ok_or("an end stands in a set without ranges")?.into());
            } else {
                let element = element(f, flags & CATCH_ALL != 0, set, family)
                    .ok_or("an element is not understood")?;
                self.starts.push(element);
            }
        }
        Ok(())
    }

    /// The elements, ordered by the first key of each.
    pub(super) fn finish(mut self, set: &Set) -> Vec<Element> {
        self.starts.sort_by(|a, b| from(&a.key).cmp(&from(&b.key)));
        if is_of_pairs(set) {
            self.ends.sort();
            join(&mut self.starts, &self.ends, set.key_length);
        }
        self.starts
    }
}

/// Whether a range is two elements; in a concatenation of ranges each has both its ends.
fn is_of_pairs(set: &Set) -> bool {
    set.flags.interval && !set.flags.concat
}

/// Joins starts and ends, both ordered. As the kernel looks for the greatest key that is
/// not above the packet's (`nft_set_rbtree.c`), a start also ends the range before it, an
/// end without a start says nothing, and a start without an end reaches to the last key.
/// An end at a start is that of the range before.
fn join(starts: &mut [Element], ends: &[Box<[u8]>], length: u32) {
    let longest = usize::try_from(length).unwrap_or(0).min(LONGEST_KEY);
    let mut ends = ends.iter().map(|end| &**end).peekable();
    for at in 0..starts.len() {
        let (done, rest) = starts.split_at_mut(at + 1);
        let Some(start) = done.last_mut() else {
            continue;
        };
        let Key::One(first) = &start.key else {
            continue;
        };
        while ends.next_if(|end| *end <= &**first).is_some() {}
        let next = rest.first().and_then(|next| match &next.key {
            Key::One(first) => Some(&**first),
            Key::Range(..) | Key::CatchAll => None,
        });
        let last = match (ends.peek().copied(), next) {
            (Some(end), Some(next)) => before(end.min(next)),
            (Some(end), None) => before(end),
            (None, Some(next)) => before(next),
            (None, None) => Some(vec![0xff; longest].into()),
        };
        if let Some(last) = last.filter(|last| last > first) {
            start.key = Key::Range(first.clone(), last);
        }
    }
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
    (value.is_some() == (set.flags.map || set.flags.object)).then_some(())?;
    Some(Element {
        key,
        value,
        timeout: f.long(4).filter(|t| *t != 0),
        expires: f.long(5),
        comment: f.bytes(6).and_then(|data| user_text(data, ELEMENT_COMMENT)),
        expressions: carried(f, 7, 11, family),
    })
}
