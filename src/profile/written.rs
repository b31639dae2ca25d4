//! Parts of a profile with the places where they are written, for the rules
//! between them.

use std::ops::Range;

use super::error::Read;
use super::value::At;
use super::{Control, External, Nat};

/// A control port and its place.
pub(super) type ControlAt = At<Control>;

/// `nat.mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    None,
    Upstream,
    Dnat,
    Masquerade,
}

/// An entry of `nat.external` and its places.
#[derive(Debug, Clone)]
pub(super) struct ExternalAt {
    /// The entry.
    pub(super) value: External,
    /// Where it is written.
    pub(super) span: Range<usize>,
    /// Where its address is written.
    pub(super) address: Option<Range<usize>>,
    /// Where its port is written.
    pub(super) port: Option<Range<usize>>,
}

/// What the rules see of the translation.
pub(super) struct NatAt {
    /// The mode.
    pub(super) mode: Read<Mode>,
    /// The externals, with their places.
    pub(super) external: Read<Vec<ExternalAt>>,
    /// All of it.
    pub(super) nat: Read<Nat>,
}
