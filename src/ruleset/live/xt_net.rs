//! Addresses with a mask, as rules of iptables have them.

use std::net::IpAddr;

use ipnet::IpNet;

/// An address and the bits of it that count, which need not be the first ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Net {
    /// The first bits.
    Prefix(IpNet),
    /// Any bits.
    Mask(IpAddr, IpAddr),
}

/// An address and a mask, as a prefix where the mask is one.
pub(super) fn net(address: IpAddr, mask: IpAddr) -> Net {
    match ipnet::ip_mask_to_prefix(mask).and_then(|length| IpNet::new(address, length)) {
        Ok(net) => Net::Prefix(net),
        Err(_) => Net::Mask(address, mask),
    }
}
