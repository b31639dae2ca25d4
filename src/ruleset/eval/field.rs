//! Numbers that know what is not known of them, and which part of the flow they stem from.

use super::region::{Axis, Line, Space};

/// A number of up to 128 bits: an address, a port, a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) value: u128,
    /// The bits of it that are not known.
    pub(super) unknown: u128,
    /// How many bytes it has.
    pub(super) width: u8,
    /// The axis that it follows.
    pub(super) line: Option<Line>,
}

impl Field {
    pub(super) fn constant(value: u128, width: u8) -> Self {
        Self {
            value,
            unknown: 0,
            width,
            line: None,
        }
    }

    pub(super) fn axis(value: u128, width: u8, axis: Axis) -> Self {
        Self {
            value,
            unknown: 0,
            width,
            line: Some(Line { axis, plus: 0 }),
        }
    }

    pub(super) fn unknown(width: u8) -> Self {
        Self {
            value: 0,
            unknown: most(width),
            width,
            line: None,
        }
    }

    /// One from `first` to `last`: the bits that all of them share are known.
    pub(super) fn within(first: u128, last: u128, width: u8) -> Self {
        let differing = first ^ last;
        let unknown = if differing == 0 {
            0
        } else {
            u128::MAX >> differing.leading_zeros()
        };
        Self {
            value: first & !unknown,
            unknown,
            width,
            line: None,
        }
    }

    /// So much higher, in arithmetic that wraps at the field's width.
    pub(super) fn moved(self, plus: u128, space: &mut Space) -> Self {
        if self.unknown != 0 {
            return Self::unknown(self.width);
        }
        let most = most(self.width);
        let value = self.value.wrapping_add(plus) & most;
        let line = self.line.map(|line| {
            // Only flows that wrap as this one does are on the same line.
            let up = value.wrapping_sub(self.value);
            if value >= self.value {
                space.keep(line, 0, most - up);
            } else {
                space.keep(line, self.value - value, most);
            }
            Line {
                axis: line.axis,
                plus: line.plus.wrapping_add(up),
            }
        });
        Self {
            value,
            line,
            ..self
        }
    }

    /// Whether it is from `first` to `last`; `None` where that is not known.
    pub(super) fn is_within(self, first: u128, last: u128, space: &mut Space) -> Option<bool> {
        if self.unknown != 0 {
            let (low, high) = (self.value & !self.unknown, self.value | self.unknown);
            if high < first || last < low {
                return Some(false);
            }
            return (first <= low && high <= last).then_some(true);
        }
        let inside = (first..=last).contains(&self.value);
        if let Some(line) = self.line {
            if inside {
                space.keep(line, first, last);
            } else if space.passes_over(line, (last - first).saturating_add(1)) {
                return Some(false);
            } else if self.value < first {
                space.keep(line, 0, first - 1);
            } else {
                space.keep(line, last.saturating_add(1), most(self.width));
            }
        }
        Some(inside)
    }

    /// The same where it is so for every flow of the space, or for all that are of account.
    pub(super) fn is_within_for_all(self, first: u128, last: u128, space: &Space) -> Option<bool> {
        let (low, high) = match self.line {
            Some(line) if self.unknown == 0 => space.reach(line),
            Some(_) | None => (self.value & !self.unknown, self.value | self.unknown),
        };
        if high < first || last < low {
            return Some(false);
        }
        if first <= low && high <= last {
            return Some(true);
        }
        let is_passed_over = self.unknown == 0
            && !(first..=last).contains(&self.value)
            && self
                .line
                .is_some_and(|line| space.passes_over(line, (last - first).saturating_add(1)));
        is_passed_over.then_some(false)
    }

    /// Whether the bits of `mask` are those of `value`.
    pub(super) fn has_bits(self, value: u128, mask: u128, space: &mut Space) -> Option<bool> {
        let most = most(self.width);
        let (value, mask) = (value & most, mask & most);
        let low = !mask & most;
        if low & low.wrapping_add(1) == 0 {
            if value & low != 0 {
                return Some(false);
            }
            return self.is_within(value, value | low, space);
        }
        if (self.value ^ value) & mask & !self.unknown != 0 {
            self.pin(space);
            return Some(false);
        }
        self.pin(space);
        (self.unknown & mask == 0).then_some(true)
    }

    /// Keeps the flows with this very value only.
    pub(super) fn pin(self, space: &mut Space) {
        if let Some(line) = self.line {
            space.collapse(line.axis);
        }
    }
}

/// The highest number of so many bytes.
pub(super) fn most(width: u8) -> u128 {
    match width {
        0 => 0,
        1..=15 => (1 << (u32::from(width) * 8)) - 1,
        _ => u128::MAX,
    }
}

/// A field of a value that may not be known.
pub(super) fn known_or_not(value: Option<u128>, width: u8) -> Field {
    value.map_or(Field::unknown(width), |value| Field::constant(value, width))
}
