//! Bytes that stem from a part of the flow, and up to where a comparison of them holds.

use super::region::{Axis, Line, Space};

/// Bytes of registers that stem from an axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) start: usize,
    pub(super) length: usize,
    pub(super) origin: Origin,
}

/// How they stem from it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin {
    /// The number they make is `line >> shift`, or where `masked` that shifted back: it
    /// grows with the axis.
    Line {
        line: Line,
        shift: u32,
        masked: bool,
    },
    /// Somehow.
    Point(Axis),
}

/// The numbers on a line that come to `first..=last` by a shift, or by a mask of as many
/// bits.
fn on_line(first: u128, last: u128, shift: u32, masked: bool) -> (u128, u128) {
    let low = low_bits(shift);
    if masked {
        ((first.saturating_add(low) >> shift) << shift, last | low)
    } else {
        (first << shift, (last << shift) | low)
    }
}

impl Part {
    /// The line that its bytes make themselves, where they do.
    pub(super) fn line(&self) -> Option<Line> {
        match self.origin {
            Origin::Line { line, shift: 0, .. } => Some(line),
            Origin::Line { .. } | Origin::Point(_) => None,
        }
    }

    /// Keeps the flows for which the number that the bytes make is within `first..=last`,
    /// where that of the point is.
    pub(super) fn keep(&self, first: u128, last: u128, space: &mut Space) {
        match self.origin {
            Origin::Line {
                line,
                shift,
                masked,
            } => {
                let (first, last) = on_line(first, last, shift, masked);
                space.keep(line, first, last);
            }
            Origin::Point(axis) => space.collapse(axis),
        }
    }

    /// Whether a flow of the space may have the number within `first..=last`.
    pub(super) fn meets(&self, first: u128, last: u128, space: &Space) -> bool {
        match self.origin {
            Origin::Line {
                line,
                shift,
                masked,
            } => {
                let (first, last) = on_line(first, last, shift, masked);
                first <= last && space.meets(line, first, last)
            }
            Origin::Point(_) => true,
        }
    }

    pub(super) fn collapse(&self, space: &mut Space) {
        match self.origin {
            Origin::Line { line, .. } => space.collapse(line.axis),
            Origin::Point(axis) => space.collapse(axis),
        }
    }

    /// The bytes from `skip` on, `length` of them.
    pub(super) fn slice(&self, skip: usize, length: usize, space: &mut Space) -> Self {
        let axis = match self.origin {
            Origin::Line { line, .. } => line.axis,
            Origin::Point(axis) => axis,
        };
        let whole = skip == 0 && length == self.length;
        let origin = match self.origin {
            Origin::Line {
                line,
                shift,
                masked,
            } if !whole && self.length <= 16 => {
                let behind = bits(self.length - skip - length);
                if skip > 0 {
                    if shift != 0 {
                        return Self {
                            start: self.start + skip,
                            length,
                            origin: Origin::Point(axis),
                        };
                    }
                    // Only flows with the same bytes before these are on one line.
                    let value = space.point[axis as usize].wrapping_add(line.plus);
                    let low = low_bits(bits(self.length - skip));
                    space.keep(line, value & !low, value | low);
                    let line = Line {
                        axis,
                        plus: line.plus.wrapping_sub(value & !low),
                    };
                    Origin::Line {
                        line,
                        shift: behind,
                        masked: false,
                    }
                } else if !masked {
                    Origin::Line {
                        line,
                        shift: shift + behind,
                        masked: false,
                    }
                } else if shift <= behind {
                    Origin::Line {
                        line,
                        shift: behind,
                        masked: false,
                    }
                } else {
                    Origin::Point(axis)
                }
            }
            origin => origin,
        };
        Self {
            start: self.start + skip,
            length,
            origin,
        }
    }
}

fn bits(bytes: usize) -> u32 {
    u32::try_from(bytes.min(16) * 8).unwrap_or(128)
}

/// The lowest `count` bits, up to 127 of them.
pub(super) fn low_bits(count: u32) -> u128 {
    1u128.checked_shl(count).map_or(u128::MAX, |bit| bit - 1)
}
