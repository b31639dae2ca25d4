//! The kernel's numbers for what rules test (`linux/netfilter/nf_tables.h`).

use crate::model::filter::CtState;
use crate::model::net::Family;

pub(super) const META_IIFNAME: u32 = 6;
pub(super) const META_OIFNAME: u32 = 7;
pub(super) const META_NFPROTO: u32 = 15;
pub(super) const META_L4PROTO: u32 = 16;

pub(super) const CT_STATE: u32 = 0;
pub(super) const CT_DIRECTION: u32 = 1;
pub(super) const CT_STATUS: u32 = 2;
pub(super) const CT_HELPER: u32 = 6;

/// `NFT_OBJECT_CT_HELPER`.
pub(super) const OBJECT_HELPER: u32 = 3;

/// `NF_NAT_RANGE_MAP_IPS` and `NF_NAT_RANGE_PROTO_SPECIFIED`: the kernel tells them of
/// every translation that has registers for an address and for a port.
pub(super) const MAPS_ADDRESS: u32 = 1;
pub(super) const MAPS_PORT: u32 = 2;

pub(super) fn nfproto(family: Family) -> u8 {
    match family {
        Family::Ipv4 => 2,
        Family::Ipv6 => 10,
    }
}

/// `NF_CT_STATE_BIT` of `nf_conntrack_tuple_common.h`, as `ct state` loads it.
pub(super) fn state_bit(state: CtState) -> u32 {
    match state {
        CtState::Established => 1 << 1,
        CtState::Related => 1 << 2,
        CtState::New => 1 << 3,
    }
}
