//! Which ports are held and tried together, and lists of ports.

use std::time::Duration;

use crate::model::net::PortRange;

/// The most ports that are held at once, however wide the range: both ends need a descriptor
/// for each port and each connection to it, and 1,024 are usual.
pub const MOST_AT_ONCE: usize = 200;

/// How many ports of the range are held at once: one in twenty, for the server needs the
/// rest; and at least one.
#[must_use]
pub fn at_once(range: PortRange) -> usize {
    let share = usize::try_from(range.count() / 20).unwrap_or(MOST_AT_ONCE);
    share.clamp(1, MOST_AT_ONCE)
}

/// How long each sample is held until a client comes, where there are several: longer than a
/// client calls one round of ports.
pub const TURN: Duration = Duration::from_secs(2);

/// How many samples are held one after the other until a client comes. Of a range so small
/// that a client can call all of it at once, each port has its turn: the few that are held at
/// once may be just those that are closed. A wider one has one sample.
#[must_use]
pub fn turns(range: PortRange) -> u32 {
    let is_small = usize::try_from(range.count()).is_ok_and(|count| count <= MOST_AT_ONCE);
    if is_small { step(range) } else { 1 }
}

/// The ports that are held in that turn until a client comes: spread evenly, and first of all
/// away from the ends, which are what is mistyped in a firewall.
#[must_use]
pub fn sample(range: PortRange, turn: u32) -> Vec<u16> {
    let step = step(range);
    let turn = turn % step;
    let offset = (step / 2 + turn * stride(step)) % step;
    let spread = u32::from(range.first()) + offset..=u32::from(range.last());
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    spread
        .step_by(step)
        .filter_map(|port| u16::try_from(port).ok())
        .collect()
}

/// The ports that a client calls to find those that are held: both ends know the range alone.
#[must_use]
pub fn looked_at(range: PortRange) -> Vec<u16> {
    if turns(range) == 1 {
        sample(range, 0)
    } else {
        (range.first()..=range.last()).collect()
    }
}

/// How far apart the ports of a sample are.
fn step(range: PortRange) -> u32 {
    let share = u32::try_from(at_once(range)).unwrap_or(1);
    range.count().div_ceil(share)
}

/// How far each turn is from the one before: far, so that an open half is met soon, and by no
/// divisor of the step, so that all of it is met.
fn stride(step: u32) -> u32 {
    let far = (1..=step * 5 / 8).rev();
    far.into_iter()
        .find(|stride| divisor(*stride, step) == 1)
        .unwrap_or(1)
}

fn divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// Those of the ports that a second try is worth, in their order: the shortest runs first,
/// for two lost packets look like one closed port.
#[must_use]
pub fn worth_another_try(doubtful: &[u16], most: usize) -> Vec<u16> {
    let mut runs = runs(doubtful);
    runs.sort_by_key(|run| run.count());
    let mut again: Vec<u16> = runs
        .into_iter()
        .flat_map(|run| run.first()..=run.last())
        .take(most)
        .collect();
    again.sort_unstable();
    again
}

/// Ports as ranges, in order.
#[must_use]
pub fn runs(ports: &[u16]) -> Vec<PortRange> {
    let mut sorted = ports.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
        .chunk_by(|one, next| one + 1 == *next)
        .filter_map(|run| PortRange::new(*run.first()?, *run.last()?))
        .collect()
}

/// Ports in words, `50000-50049,50060`; `-` for none.
#[must_use]
pub fn words(ports: &[u16]) -> String {
    let words: Vec<String> = runs(ports).iter().map(ToString::to_string).collect();
    if words.is_empty() {
        "-".to_owned()
    } else {
        words.join(",")
    }
}

/// What [`words`] made: at most [`MOST_AT_ONCE`] ports, in order. `None` for anything else.
#[must_use]
pub fn parse(words: &str) -> Option<Vec<u16>> {
    if words == "-" {
        return Some(Vec::new());
    }
    let mut ports = Vec::new();
    for word in words.split(',') {
        let range = range(word)?;
        let is_next = ports.last().is_none_or(|last| *last < range.first());
        let count = usize::try_from(range.count()).ok()?;
        if !is_next || ports.len() + count > MOST_AT_ONCE {
            return None;
        }
        ports.extend(range.first()..=range.last());
    }
    Some(ports)
}

/// A range in words, `50000-51000` or `50000`.
#[must_use]
pub fn range(words: &str) -> Option<PortRange> {
    let (first, last) = words.split_once('-').unwrap_or((words, words));
    PortRange::new(port(first)?, port(last)?)
}

/// A port in digits.
#[must_use]
pub fn port(digits: &str) -> Option<u16> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranges() -> impl Strategy<Value = PortRange> {
        let wide = (any::<u16>(), any::<u16>());
        let wide = wide.prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).expect("in order"));
        let small = (any::<u16>(), 0_u16..60).prop_map(|(first, more)| {
            PortRange::new(first, first.saturating_add(more)).expect("in order")
        });
        prop_oneof![wide, small]
    }

    #[test]
    fn one_in_twenty_and_at_least_one() {
        let of = |first, last| at_once(PortRange::new(first, last).expect("in order"));
        assert_eq!(of(50000, 51000), 50);
        assert_eq!(of(50000, 50010), 1);
        assert_eq!(of(50000, 50000), 1);
        assert_eq!(of(1024, 65535), MOST_AT_ONCE);
        let range = PortRange::new(50000, 50010).expect("in order");
        assert_eq!(sample(range, 0), [50005]);
    }

    /// As the manual has it.
    #[test]
    fn the_longest_search() {
        let of = |count: u16| TURN * turns(PortRange::new(1, count).expect("in order"));
        assert_eq!(of(200), Duration::from_secs(40));
        assert_eq!(
            (1..=1000).map(of).max(),
            Some(of(39)).filter(|longest| *longest == Duration::from_secs(78))
        );
    }

    #[test]
    fn short_runs_are_tried_again_first() {
        let silent: Vec<u16> = (50..60).chain([70]).chain(80..82).collect();
        assert_eq!(worth_another_try(&silent, 3), [70, 80, 81]);
        assert_eq!(worth_another_try(&silent, 100), silent);
    }

    #[test]
    fn lists_that_are_none() {
        for words in [
            "", ",", "2,1", "1,1", "1-3,2", "3-1", "+1", "1-", "65536", "0-999",
        ] {
            assert_eq!(parse(words), None, "{words}");
        }
        assert_eq!(parse("-"), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn a_sample_keeps_to_the_share_and_the_range(range in ranges(), turn in 0_u32..100) {
            let (sample, most) = (sample(range, turn), at_once(range));
            prop_assert!((1..=most).contains(&sample.len()), "{} of {most}", sample.len());
            prop_assert!(most == 1 || most as u64 * 20 <= u64::from(range.count()));
            prop_assert!(sample.iter().all(|port| range.contains(*port)));
            prop_assert!(sample.is_sorted_by(|a, b| a < b));
        }

        #[test]
        fn what_is_held_is_looked_at(range in ranges(), turn in 0_u32..100) {
            let looked_at = looked_at(range);
            prop_assert!(looked_at.len() <= MOST_AT_ONCE);
            let turn = turn % turns(range);
            prop_assert!(sample(range, turn).iter().all(|port| looked_at.contains(port)));
        }

        #[test]
        fn in_a_small_range_each_port_has_its_turn(first in 1_u16..60_000, more in 0_u16..200) {
            let range = PortRange::new(first, first + more).expect("in order");
            let mut held: Vec<u16> = (0..turns(range)).flat_map(|t| sample(range, t)).collect();
            held.sort_unstable();
            prop_assert_eq!(held, (first..=first + more).collect::<Vec<u16>>());
        }

        #[test]
        fn ranges_are_the_ports(ports in prop::collection::btree_set(any::<u16>(), 0..200)) {
            let ports: Vec<u16> = ports.into_iter().collect();
            let back: Vec<u16> = runs(&ports).iter().flat_map(|r| r.first()..=r.last()).collect();
            prop_assert_eq!(&back, &ports);
            prop_assert_eq!(parse(&words(&ports)), Some(ports));
        }

        #[test]
        fn any_words_are_a_list_or_none(words in "[-,0-9]{0,40}|.{0,40}") {
            if let Some(ports) = parse(&words) {
                prop_assert!(ports.len() <= MOST_AT_ONCE && ports.is_sorted_by(|a, b| a < b));
            }
        }
    }
}
