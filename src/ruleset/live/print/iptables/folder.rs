//! What is known of a rule of iptables while it is put together.

use crate::ruleset::live::expression::{PayloadBase, Register};
use crate::ruleset::live::table::TableFamily;
use crate::ruleset::live::xt::{Header, Match, Target};

/// A rule of iptables: the same value for both back ends, and for a saved text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// What stands in it without a module.
    pub header: Header,
    /// Its matches, in order.
    pub matches: Vec<Match>,
    /// Its target.
    pub target: Target,
}

/// What is known while the expressions are read.
pub(super) struct Folder {
    pub(super) family: TableFamily,
    pub(super) folded: Folded,
    pub(super) loaded: Vec<(Register, Loaded)>,
    /// The lower end of a range of ports.
    pub(super) pending: Option<Pending>,
}

/// What a register holds.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) from: From,
    pub(super) mask: Option<Box<[u8]>>,
}

/// Where that is from.
#[derive(Debug, Clone, Copy)]
pub(super) enum From {
    /// Bytes of the packet: from where, from which on, how many.
    Payload(PayloadBase, u32, u32),
    /// Something about it (`NFT_META_*`).
    Meta(u32),
}

/// The lower end of a range of ports, whose upper end follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) offset: u32,
    pub(super) first: u16,
}

impl Loaded {
    pub(super) fn payload(base: PayloadBase, offset: u32, length: u32) -> Self {
        Self {
            from: From::Payload(base, offset, length),
            mask: None,
        }
    }

    pub(super) fn meta(key: u32) -> Self {
        Self {
            from: From::Meta(key),
            mask: None,
        }
    }

    pub(super) fn masked(self, mask: &[u8]) -> Option<Self> {
        self.mask.is_none().then(|| Self {
            mask: Some(mask.into()),
            ..self
        })
    }
}
