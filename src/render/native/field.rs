//! Fields of packets by which sets can be keyed.

use super::values::Kind;
use crate::model::net::Family;
use crate::ruleset::live::expression::{PayloadBase, Register};

/// A field that sets can be keyed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Field {
    Source(Family),
    Destination(Family),
    SourcePort,
    DestinationPort,
}

impl Field {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Source(family) | Self::Destination(family) => Kind::of(family),
            Self::SourcePort | Self::DestinationPort => Kind::Port,
        }
    }

    pub(super) fn offset(self) -> u32 {
        match self {
            Self::Source(Family::Ipv4) => 12,
            Self::Destination(Family::Ipv4) => 16,
            Self::Source(Family::Ipv6) => 8,
            Self::Destination(Family::Ipv6) => 24,
            Self::SourcePort => 0,
            Self::DestinationPort => 2,
        }
    }
}

impl Field {
    pub(super) fn base(self) -> PayloadBase {
        match self {
            Self::Source(_) | Self::Destination(_) => PayloadBase::Network,
            Self::SourcePort | Self::DestinationPort => PayloadBase::Transport,
        }
    }
}

/// The register behind a part of a concatenation: parts fill registers of four bytes.
pub(super) fn after(register: Register, kind: Kind) -> Register {
    Register(register.0 + if kind.length() == 16 { 4 } else { 1 })
}
