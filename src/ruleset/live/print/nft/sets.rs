//! Anonymous sets and maps, which `nft` prints where they are used (`set_print`,
//! `interval_map_decompose` of `segtree.c`).

use super::part::Part;
use super::statement::verdict;
use super::symbols;
use super::values::{Order, big_endian, by_number, length_of, prefix, print};
use crate::ruleset::live::table::{Element, Key, Set, Value};

/// The set in braces. `parts`: what its keys are.
pub(super) fn braces(set: &Set, parts: &[Part]) -> String {
    let mut elements: Vec<&Element> = set.elements.iter().collect();
    if !set.flags.interval {
        // A concatenation counts as one number of this machine (`concat_expr_msort_value`
        // of `mergesort.c`).
        let order = match parts {
            [part] => part.order,
            _ => Order::Host,
        };
        elements.sort_by_key(|element| match &element.key {
            Key::One(bytes) | Key::Range(bytes, _) => (false, big_endian(bytes, order)),
            Key::CatchAll => (true, Vec::new()),
        });
    }
    let elements: Vec<String> = elements
        .into_iter()
        .map(|each| element(each, set, parts))
        .collect();
    format!("{{ {} }}", elements.join(", "))
}

/// The type of a set's keys and, behind a colon, of a map's values.
pub(super) fn kind(set: &Set) -> String {
    let names = |number| {
        let names: Vec<&str> = kinds(number).into_iter().map(symbols::type_name).collect();
        names.join(" . ")
    };
    match set.data_type {
        None => names(set.key_type),
        Some(value) => format!("{} : {}", names(set.key_type), names(value)),
    }
}

/// What a set holds, in the order of its keys.
pub(super) fn elements(set: &Set) -> Vec<String> {
    let parts = parts_of(set);
    let elements = set.elements.iter();
    elements.map(|each| element(each, set, &parts)).collect()
}

/// An element of a set whose keys are known by their type alone.
pub(in crate::ruleset::live::print) fn element_of(of: &Element, set: &Set) -> String {
    element(of, set, &parts_of(set))
}

fn parts_of(set: &Set) -> Vec<Part> {
    let kinds = kinds(set.key_type).into_iter();
    kinds.map(Part::by_number).collect()
}

/// The types of a concatenation have six bits each.
fn kinds(kind: u32) -> Vec<u32> {
    let mut kinds = Vec::new();
    let mut left = kind;
    while left != 0 {
        kinds.push(left & 0x3f);
        left >>= 6;
    }
    kinds.reverse();
    kinds
}

fn element(element: &Element, set: &Set, parts: &[Part]) -> String {
    let mut text = match &element.key {
        Key::CatchAll => "*".to_owned(),
        Key::One(bytes) => joined(bytes, bytes, parts),
        Key::Range(first, last) => joined(first, last, parts),
    };
    if let Some(comment) = &element.comment {
        text.push_str(" comment \"");
        text.push_str(comment);
        text.push('"');
    }
    match &element.value {
        None => text,
        Some(value) => format!("{text} : {}", self::value(value, set.data_type)),
    }
}

fn value(value: &Value, kind: Option<u32>) -> String {
    match value {
        Value::Verdict(verdict) => self::verdict(verdict),
        Value::Object(name) => format!("\"{name}\""),
        Value::Data(bytes) => data(bytes, kind.unwrap_or(0)),
    }
}

/// A value of a map.
fn data(bytes: &[u8], kind: u32) -> String {
    let kinds = kinds(kind);
    if let [kind] = kinds[..]
        && let Some(length) = length_of(kind)
        && bytes.len() == length * 2
    {
        // Of an interval of values.
        let (first, last) = bytes.split_at(length);
        let (shape, order) = by_number(kind);
        let text = |bytes: &[u8]| print(shape, bytes, order, true);
        return match prefix(shape, first, last) {
            Some(length) => format!("{}/{length}", text(first)),
            None => format!("{}-{}", text(first), text(last)),
        };
    }
    let mut rest = bytes;
    let mut texts = Vec::new();
    for kind in kinds {
        let length = length_of(kind).unwrap_or(rest.len()).min(rest.len());
        let (part, others) = rest.split_at(length.div_ceil(4).saturating_mul(4).min(rest.len()));
        let (shape, order) = by_number(kind);
        texts.push(print(shape, &part[..length], order, false));
        rest = others;
    }
    texts.join(" . ")
}

/// The parts of a key, each from its first value to its last.
fn joined(first: &[u8], last: &[u8], parts: &[Part]) -> String {
    if let [part] = parts {
        return part.range(first, last);
    }
    let mut at = 0;
    let mut texts = Vec::new();
    for part in parts {
        let end = part.length.saturating_add(at);
        let piece = |bytes: &[u8]| bytes.get(at..end).unwrap_or_default().to_vec();
        texts.push(part.range(&piece(first), &piece(last)));
        at = part.length.div_ceil(4).saturating_mul(4).saturating_add(at);
    }
    texts.join(" . ")
}
