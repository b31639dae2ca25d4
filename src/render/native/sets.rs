//! Sets as nft(8) makes them.

use super::values::{self, Kind, Kinds, Span, Values};
use crate::ruleset::live::table::{Set, SetFlags};

/// A new set, empty.
pub(super) fn empty_set(name: String, kinds: &Kinds) -> Set {
    Set {
        name,
        handle: 0,
        flags: SetFlags::default(),
        key_type: kinds.number(),
        key_length: kinds.length(),
        parts: Vec::new(),
        data_type: None,
        object_type: None,
        timeout: None,
        size: None,
        comment: None,
        expressions: Vec::new(),
        elements: Vec::new(),
        unread: None,
    }
}

/// A set of one rule, as the kernel and nft make it.
pub(super) fn anonymous(number: usize, values: Values, kind: Kind) -> Set {
    let mut set = empty_set(format!("__set{number}"), &Kinds(vec![kind]));
    set.flags.anonymous = true;
    set.flags.constant = true;
    let elements: Vec<_> = match values {
        Values::Each(each) => {
            set.size = u32::try_from(each.len()).ok();
            each.into_iter()
                .map(|value| (value.clone(), value))
                .collect()
        }
        Values::Ranges(ranges) => {
            set.flags.interval = true;
            set.size = pairs(&ranges);
            ranges
        }
    };
    set.elements = elements
        .into_iter()
        .map(|(first, last)| values::element(values::key(first, last), None, None))
        .collect();
    set
}

/// How many elements nft counts for ranges: a start and an end of each, and one that says
/// that nothing begins at the first value.
fn pairs(ranges: &[Span]) -> Option<u32> {
    let begins = ranges
        .first()
        .is_some_and(|(first, _)| first.iter().all(|byte| *byte == 0));
    u32::try_from(ranges.len() * 2 + usize::from(!begins)).ok()
}
