//! Which of the host's own addresses the kernel takes.

use std::net::IpAddr;

use crate::model::net::Family;

use super::device::Device;
use super::facts::OwnAddress;
use super::field::Field;
use super::routes::{in_net, is_address};
use super::run::Run;

impl<'r> Run<'_, 'r> {
    /// `nf_nat_redirect_ipv4`, `_ipv6`: the first address of a device; `None` where it is
    /// not known.
    pub(super) fn first_address(&mut self, device: Device<'_>) -> Option<IpAddr> {
        if self.family == Family::Ipv6 && self.is_link_local(self.ends.destination)? {
            // One of the same scope is looked for.
            return None;
        }
        self.of_device(device)?.first().map(|own| own.address())
    }

    /// `nf_nat_masquerade_ipv4`, `_ipv6`: the source that a packet gets which leaves by a
    /// device; `None` where it is not known.
    pub(super) fn masquerading_address(&mut self, device: Device<'_>) -> Option<IpAddr> {
        match self.family {
            Family::Ipv4 => self.select_address(device),
            Family::Ipv6 => self.select_source(device),
        }
    }

    /// `inet_select_addr`: the first primary address whose network holds the next hop,
    /// else the first one. Those of `lo` are of the host's scope, which is not enough.
    fn select_address(&mut self, device: Device<'_>) -> Option<IpAddr> {
        if device == Device::Named("lo") {
            return None;
        }
        let primary = primary(&self.of_device(device)?);
        let destination = self.ends.destination;
        for own in &primary {
            if in_net(destination, &own.net, &mut self.space)? {
                return Some(own.address());
            }
        }
        // The next hop is a router, of which nothing is known.
        match primary[..] {
            [only] => Some(only.address()),
            _ => None,
        }
    }

    /// `ipv6_dev_get_saddr` (RFC 6724): the destination itself where that is the host's,
    /// else an address of the device; which of several is not known.
    fn select_source(&mut self, device: Device<'_>) -> Option<IpAddr> {
        let destination = self.ends.destination;
        if self.is_link_local(destination)? {
            return None;
        }
        for own in self.prepared.facts.addresses.as_ref()? {
            if is_address(destination, own.address(), &mut self.space)? {
                return Some(own.address());
            }
        }
        let mut wider = self
            .of_device(device)?
            .into_iter()
            .map(OwnAddress::address)
            .filter(|address| !matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local()));
        let first = wider.next()?;
        wider.next().is_none().then_some(first)
    }

    /// Those of a device, in the order of the kernel's list.
    fn of_device(&self, device: Device<'_>) -> Option<Vec<&'r OwnAddress>> {
        let Device::Named(name) = device else {
            return None;
        };
        let own = self.prepared.facts.addresses.as_ref()?;
        let of_family = own
            .iter()
            .filter(|own| own.interface == name && Family::of(own.address()) == self.family);
        Some(of_family.collect())
    }

    fn is_link_local(&mut self, field: Field) -> Option<bool> {
        let first = 0xfe80_u128 << 112;
        field.is_within(first, first | (u128::MAX >> 10), &mut self.space)
    }
}

/// Without those whose network another address before them has too (`IFA_F_SECONDARY`,
/// `__inet_insert_ifa`).
fn primary<'r>(own: &[&'r OwnAddress]) -> Vec<&'r OwnAddress> {
    let mut primary: Vec<&OwnAddress> = Vec::new();
    for own in own {
        if primary.iter().all(|p| p.net.trunc() != own.net.trunc()) {
            primary.push(own);
        }
    }
    primary
}
