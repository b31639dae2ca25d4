//! How far around one point an evaluation holds.
//!
//! An evaluation looks at one flow. Each comparison with a value that stems from the
//! flow's addresses or ports says up to where the answer stays the same; what is left
//! after the last of them is a box in which every flow takes the very same way.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::net::Family;

/// What may differ between the flows of one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Axis {
    /// The address of who opens the connection.
    Source,
    /// Its port.
    SourcePort,
    /// The address that it connects to.
    Destination,
    /// The port that it connects to.
    DestinationPort,
}

impl Axis {
    /// All four, in the order of a region's spans.
    pub const ALL: [Self; 4] = [
        Self::Source,
        Self::SourcePort,
        Self::Destination,
        Self::DestinationPort,
    ];
}

/// Numbers from the first to the last, both in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first.
    pub first: u128,
    /// The last.
    pub last: u128,
}

impl Span {
    /// One number.
    #[must_use]
    pub fn one(value: u128) -> Self {
        Self {
            first: value,
            last: value,
        }
    }

    /// Whether `value` is in it.
    #[must_use]
    pub fn contains(self, value: u128) -> bool {
        (self.first..=self.last).contains(&value)
    }

    /// What is left of it without another: what lies below that, and what lies above.
    pub fn without(self, other: Self) -> impl Iterator<Item = Self> {
        let below = other.first.checked_sub(1).map(|last| Self {
            first: self.first,
            last: self.last.min(last),
        });
        let above = other.last.checked_add(1).map(|first| Self {
            first: self.first.max(first),
            last: self.last,
        });
        let left = below.into_iter().chain(above);
        left.filter(|span| span.first <= span.last)
    }
}

/// A box of flows: a span on each axis.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region {
    /// The spans, in the order of [`Axis::ALL`]; addresses as numbers, the first byte on
    /// the wire the highest.
    pub spans: [Span; 4],
}

impl Region {
    /// The one flow between two addresses and ports.
    #[must_use]
    pub fn point(source: (IpAddr, u16), destination: (IpAddr, u16)) -> Self {
        Self {
            spans: [
                Span::one(number(source.0)),
                Span::one(source.1.into()),
                Span::one(number(destination.0)),
                Span::one(destination.1.into()),
            ],
        }
    }

    /// The same with another span on one axis; unchanged where `first` is above `last`.
    #[must_use]
    pub fn with(mut self, axis: Axis, first: u128, last: u128) -> Self {
        if first <= last {
            self.spans[axis as usize] = Span { first, last };
        }
        self
    }

    /// The same for any source address of a family.
    #[must_use]
    pub fn any_source(self, family: Family) -> Self {
        let last = match family {
            Family::Ipv4 => u128::from(u32::MAX),
            Family::Ipv6 => u128::MAX,
        };
        self.with(Axis::Source, 0, last)
    }

    /// The span on one axis.
    #[must_use]
    pub fn span(&self, axis: Axis) -> Span {
        self.spans[axis as usize]
    }

    /// Whether the other lies within it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.spans
            .iter()
            .zip(&other.spans)
            .all(|(a, b)| a.first <= b.first && b.last <= a.last)
    }

    /// What is left of it without `piece`, which lies within it, in boxes that do not
    /// overlap.
    pub(super) fn without(&self, piece: &Self, rest: &mut Vec<Self>) {
        let mut left = self.clone();
        for axis in 0..4 {
            let (whole, cut) = (left.spans[axis], piece.spans[axis]);
            if whole.first < cut.first {
                let mut below = left.clone();
                below.spans[axis].last = cut.first - 1;
                rest.push(below);
            }
            if cut.last < whole.last {
                let mut above = left.clone();
                above.spans[axis].first = cut.last + 1;
                rest.push(above);
            }
            left.spans[axis] = cut;
        }
    }

    /// The two as one, where they differ on one axis only and touch there.
    pub(super) fn joined(&self, other: &Self) -> Option<Self> {
        let mut differing = (0..4).filter(|&axis| self.spans[axis] != other.spans[axis]);
        let axis = differing.next()?;
        if differing.next().is_some() {
            return None;
        }
        let (a, b) = (self.spans[axis], other.spans[axis]);
        let touch =
            a.last.checked_add(1) == Some(b.first) || b.last.checked_add(1) == Some(a.first);
        touch.then(|| {
            let mut both = self.clone();
            both.spans[axis] = Span {
                first: a.first.min(b.first),
                last: a.last.max(b.last),
            };
            both
        })
    }
}

/// A value that is that of an axis plus a constant, in arithmetic that wraps. Within a
/// space it never wraps, so that order is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) axis: Axis,
    pub(super) plus: u128,
}

/// The point that is evaluated, and the box around it so far.
#[derive(Debug, Clone)]
pub(super) struct Space {
    pub(super) point: [u128; 4],
    pub(super) region: Region,
    /// The axis on which it is asked what holds in general: tests that single out a few
    /// values there, and not the point, are passed over.
    pub(super) in_general: Option<Axis>,
}

/// One of so many is not in general.
const FEW: u128 = 256;

impl Space {
    /// Keeps the flows for which the line's value is within `first..=last`, where that of
    /// the point is.
    pub(super) fn keep(&mut self, line: Line, first: u128, last: u128) {
        let (low, high) = self.reach(line);
        let span = &mut self.region.spans[line.axis as usize];
        span.first = low.max(first).wrapping_sub(line.plus);
        span.last = high.min(last).wrapping_sub(line.plus);
    }

    /// Whether a test that meets so many values of a line, and not the point, is of no
    /// account.
    pub(super) fn passes_over(&self, line: Line, values: u128) -> bool {
        let span = self.region.spans[line.axis as usize];
        self.in_general == Some(line.axis) && values <= (span.last - span.first) / FEW
    }

    /// Keeps, on one axis, the point only.
    pub(super) fn collapse(&mut self, axis: Axis) {
        self.region.spans[axis as usize] = Span::one(self.point[axis as usize]);
    }

    /// The lowest and the highest of the line's values in the box.
    pub(super) fn reach(&self, line: Line) -> (u128, u128) {
        let span = self.region.spans[line.axis as usize];
        (
            span.first.wrapping_add(line.plus),
            span.last.wrapping_add(line.plus),
        )
    }

    /// Whether a flow of the box may have the line's value within `first..=last`.
    pub(super) fn meets(&self, line: Line, first: u128, last: u128) -> bool {
        let (low, high) = self.reach(line);
        low <= last && first <= high
    }
}

/// An address as a number.
#[must_use]
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// A number as an address of a family; of IPv4 the low 32 bits count.
#[must_use]
pub fn address(value: u128, family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => {
            let low = u32::try_from(value & u128::from(u32::MAX)).unwrap_or_default();
            IpAddr::V4(Ipv4Addr::from(low))
        }
        Family::Ipv6 => IpAddr::V6(Ipv6Addr::from(value)),
    }
}
