//! Lists of ports as sets, as `net.ipv4.ip_local_reserved_ports` has them: the kernel
//! keeps a bit for each port and prints the runs (`proc_do_large_bitmap`).

use crate::model::net::PortRange;

/// The ports of a list as the kernel prints them: in order, no two ranges touch.
#[must_use]
pub fn merged(ranges: &[PortRange]) -> Vec<PortRange> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    let mut merged: Vec<PortRange> = Vec::new();
    for range in sorted {
        let joined = merged
            .last()
            .filter(|last| u32::from(last.last()) + 1 >= u32::from(range.first()))
            .and_then(|last| PortRange::new(last.first(), last.last().max(range.last())));
        match (joined, merged.last_mut()) {
            (Some(joined), Some(last)) => *last = joined,
            _ => merged.push(range),
        }
    }
    merged
}

/// The ports of either list, merged.
#[must_use]
pub fn union(one: &[PortRange], other: &[PortRange]) -> Vec<PortRange> {
    merged(&[one, other].concat())
}

/// The ports of `list` that `other` does not hold, merged.
#[must_use]
pub fn without(list: &[PortRange], other: &[PortRange]) -> Vec<PortRange> {
    merged(other).into_iter().fold(merged(list), |left, taken| {
        left.into_iter()
            .flat_map(|range| {
                let before = taken
                    .first()
                    .checked_sub(1)
                    .and_then(|last| PortRange::new(range.first(), last.min(range.last())));
                let behind = taken
                    .last()
                    .checked_add(1)
                    .and_then(|first| PortRange::new(first.max(range.first()), range.last()));
                before.into_iter().chain(behind)
            })
            .collect()
    })
}

/// The ports that both lists hold, merged.
#[must_use]
pub fn common(one: &[PortRange], other: &[PortRange]) -> Vec<PortRange> {
    without(one, &without(one, other))
}

/// The list as the sysctl takes it, `8080,50000-51000`; empty for no ports.
#[must_use]
pub fn words(list: &[PortRange]) -> String {
    let words: Vec<String> = list.iter().map(ToString::to_string).collect();
    words.join(",")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use super::super::sysctl;
    use super::*;
    use proptest::prelude::*;

    /// Lists near both ends and in the middle, where ranges meet often.
    pub(crate) fn lists() -> impl Strategy<Value = Vec<PortRange>> {
        let end = prop_oneof![0_u16..40, 50000_u16..50040, 65500_u16..=65535];
        let range = (end, 0_u16..20).prop_filter_map("in order", |(first, length)| {
            PortRange::new(first, first.saturating_add(length))
        });
        prop::collection::vec(range, 0..8)
    }

    pub(crate) fn set(list: &[PortRange]) -> BTreeSet<u16> {
        list.iter().flat_map(|r| r.first()..=r.last()).collect()
    }

    fn is_merged(list: &[PortRange]) -> bool {
        list.windows(2)
            .all(|pair| u32::from(pair[0].last()) + 1 < u32::from(pair[1].first()))
    }

    proptest! {
        #[test]
        fn lists_are_sets(a in lists(), b in lists()) {
            let (one, other) = (set(&a), set(&b));
            for (result, expected) in [
                (merged(&a), one.clone()),
                (union(&a, &b), &one | &other),
                (without(&a, &b), &one - &other),
                (common(&a, &b), &one & &other),
            ] {
                prop_assert_eq!(set(&result), expected);
                prop_assert!(is_merged(&result), "{:?}", result);
                prop_assert_eq!(sysctl::list(&words(&result)), Some(result));
            }
        }
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let list = sysctl::list("50001-50002,8080,50003,0,65535").expect("a list");
        assert_eq!(words(&merged(&list)), "0,8080,50001-50003,65535");
        let all = [PortRange::new(0, 65535).expect("in order")];
        assert_eq!(
            words(&without(&all, &list)),
            "1-8079,8081-50000,50004-65534"
        );
        assert_eq!(words(&without(&all, &all)), "");
    }
}
