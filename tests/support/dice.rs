//! Numbers that look random and are the same on every machine.

/// A small generator of numbers (splitmix64): the same on every machine.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of these.
    pub(crate) fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        let count = u64::try_from(of.len()).expect("a small number");
        of[usize::try_from(self.next() % count).expect("a small number")]
    }

    /// A number from `least` to `most`.
    pub(crate) fn count(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    /// Heads or tails.
    pub(crate) fn chance(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    /// Whether an event of so many in a hundred happens.
    pub(crate) fn percent(&mut self, of_a_hundred: u64) -> bool {
        self.next() % 100 < of_a_hundred
    }
}
