//! Reading the fields of a `struct xt_*_info`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::net::Family;
use crate::ruleset::live::xt::Net;
use crate::ruleset::live::xt_net::net;
use crate::ruleset::netlink::text;

/// The bytes of a `struct xt_*_info`; numbers are in the host's order, where the header
/// does not say `__be`. A field behind their end is `None`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blob<'a> {
    pub(super) bytes: &'a [u8],
    /// That of the table: addresses are `union nf_inet_addr`.
    pub(super) family: Family,
}

impl<'a> Blob<'a> {
    pub(super) fn slice(self, at: usize, length: usize) -> Option<&'a [u8]> {
        self.bytes.get(at..at.checked_add(length)?)
    }

    pub(super) fn u8(self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    pub(super) fn u16(self, at: usize) -> Option<u16> {
        Some(u16::from_ne_bytes(self.slice(at, 2)?.try_into().ok()?))
    }

    pub(super) fn be16(self, at: usize) -> Option<u16> {
        Some(u16::from_be_bytes(self.slice(at, 2)?.try_into().ok()?))
    }

    pub(super) fn u32(self, at: usize) -> Option<u32> {
        Some(u32::from_ne_bytes(self.slice(at, 4)?.try_into().ok()?))
    }

    pub(super) fn u64(self, at: usize) -> Option<u64> {
        Some(u64::from_ne_bytes(self.slice(at, 8)?.try_into().ok()?))
    }

    /// A string up to its NUL, in a field of this length.
    pub(super) fn text(self, at: usize, length: usize) -> Option<String> {
        self.slice(at, length).map(text)
    }

    pub(super) fn v4(self, at: usize) -> Option<Ipv4Addr> {
        let bytes: [u8; 4] = self.slice(at, 4)?.try_into().ok()?;
        Some(bytes.into())
    }

    /// A `union nf_inet_addr`, of which IPv4 fills the first four bytes.
    pub(super) fn address(self, at: usize) -> Option<IpAddr> {
        match self.family {
            Family::Ipv4 => self.v4(at).map(IpAddr::V4),
            Family::Ipv6 => {
                let bytes: [u8; 16] = self.slice(at, 16)?.try_into().ok()?;
                Some(IpAddr::V6(Ipv6Addr::from(bytes)))
            }
        }
    }

    /// Two of them: an address and its mask.
    pub(super) fn net(self, at: usize) -> Option<Net> {
        Some(net(self.address(at)?, self.address(at + 16)?))
    }
}
