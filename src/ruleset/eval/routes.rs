//! Where routes lead, and what they say of addresses (`nft_fib*.c`, `xt_addrtype.c`).

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::net::Family;

use super::super::live::table::Hook;
use super::device::{Device, named_or_not};
use super::facts::OwnAddress;
use super::field::Field;
use super::outcome::{Doubt, Outcome};
use super::region::{Space, number};
use super::run::{Flow, Run};

/// `RTN_*`
pub(super) const UNICAST: u32 = 1;
pub(super) const LOCAL: u32 = 2;
const BROADCAST: u32 = 3;
const MULTICAST: u32 = 5;
const UNREACHABLE: u32 = 7;

/// `NFTA_FIB_F_*`
const OF_SOURCE: u32 = 1;
const OF_DESTINATION: u32 = 1 << 1;
const OF_MARK: u32 = 1 << 2;
const OF_INPUT: u32 = 1 << 3;
const OF_OUTPUT: u32 = 1 << 4;
const PRESENT: u32 = 1 << 5;

/// Where a route leads.
#[derive(Debug, Clone, Copy)]
enum Routed<'r> {
    /// The routes are not known.
    Unknown,
    /// Packets are refused.
    Nowhere,
    /// Out by this interface.
    By(&'r str),
}

/// Whether an address is in a network.
pub(super) fn in_net(field: Field, net: &IpNet, space: &mut Space) -> Option<bool> {
    let same = matches!(
        (net.addr(), field.width),
        (IpAddr::V4(_), 4) | (IpAddr::V6(_), 16)
    );
    if !same {
        return Some(false);
    }
    field.is_within(number(net.network()), number(net.broadcast()), space)
}

/// Whether an address is this one.
pub(super) fn is_address(field: Field, address: IpAddr, space: &mut Space) -> Option<bool> {
    in_net(field, &IpNet::from(address), space)
}

impl<'p, 'r: 'p> Run<'p, 'r> {
    /// What kind an address is to the local table (`inet_addr_type`), where `on` is given
    /// to that interface only; `None` where it is not known.
    pub(super) fn address_type(&mut self, field: Field, on: Option<Device<'_>>) -> Option<u32> {
        if let Some((source, destination)) = self.kinds_here {
            if field == self.ends.destination {
                return Some(destination);
            } else if field == self.ends.source {
                return Some(source);
            }
        }
        let v4 = self.family == Family::Ipv4;
        let facts = self.prepared.facts;
        let space = &mut self.space;
        let within = |text: [u8; 4], last: [u8; 4], space: &mut Space| {
            let number = |bytes: [u8; 4]| u128::from(u32::from_be_bytes(bytes));
            field.is_within(number(text), number(last), space)
        };
        if v4 {
            if within([224, 0, 0, 0], [239, 255, 255, 255], space)? {
                return Some(MULTICAST);
            }
            if within([255; 4], [255; 4], space)? || within([0; 4], [0, 255, 255, 255], space)? {
                return Some(BROADCAST);
            }
        } else {
            let first = 0xff_u128 << 120;
            if field.is_within(first, u128::MAX, space)? {
                return Some(MULTICAST);
            }
        }
        let lo_counts = match on {
            None | Some(Device::None) => Some(true),
            Some(Device::Named(name)) => Some(name == "lo"),
            Some(Device::Unknown | Device::Foreign) => None,
        };
        let loopback = if v4 {
            within([127, 0, 0, 0], [127, 255, 255, 255], space)?
        } else {
            field.is_within(1, 1, space)?
        };
        if loopback {
            return lo_counts.map(|counts| if counts { LOCAL } else { UNICAST });
        }
        let own = facts.addresses.as_ref()?;
        let mut kind = UNICAST;
        for address in own {
            let counts = match on {
                None | Some(Device::None) => Some(true),
                Some(Device::Named(name)) => Some(address.interface == name),
                Some(Device::Unknown | Device::Foreign) => None,
            };
            if is_address(field, address.address(), space)? {
                if counts? {
                    return Some(LOCAL);
                }
            } else if v4 && is_broadcast_of(field, address, space)? && counts? {
                kind = BROADCAST;
            } else if is_anycast_of(field, address, space)? {
                // The router's, where this host is one (`addrconf_join_anycast`).
                return None;
            }
        }
        if kind == UNICAST && !v4 {
            // nft_fib6_eval_type asks the routes.
            match self.route(field) {
                Routed::Unknown => return None,
                Routed::Nowhere => return Some(UNREACHABLE),
                Routed::By(_) => {}
            }
        }
        Some(kind)
    }

    /// Whether the packet goes to one host; `None` where it is not known.
    pub(super) fn is_unicast(&mut self) -> Option<bool> {
        self.address_type(self.ends.destination, None)
            .map(|kind| !matches!(kind, BROADCAST | MULTICAST))
    }

    /// The route to an address: the narrowest that holds it.
    fn route(&mut self, field: Field) -> Routed<'r> {
        let prepared = self.prepared;
        let Some(routes) = &prepared.routes else {
            return Routed::Unknown;
        };
        for route in routes {
            match in_net(field, &route.to, &mut self.space) {
                None => return Routed::Unknown,
                Some(false) => {}
                Some(true) => {
                    return route
                        .interface
                        .as_deref()
                        .map_or(Routed::Nowhere, Routed::By);
                }
            }
        }
        Routed::Nowhere
    }

    /// By which device a packet that came in goes on; `None` where it is for this host.
    pub(super) fn route_arrived(&mut self) -> Result<Option<Device<'p>>, Outcome> {
        let destination = self.ends.destination;
        let expected = self.packet.output.as_deref();
        if let (None, Some(output)) = (&self.prepared.routes, expected) {
            let local = self.address_type(destination, None) == Some(LOCAL);
            return Ok((!local).then_some(Device::Named(output)));
        }
        match self.address_type(destination, None) {
            Some(LOCAL | BROADCAST | MULTICAST) => return Ok(None),
            Some(_) => {}
            None => {
                return Err(unrouted(
                    "whether the destination is an address of this host",
                ));
            }
        }
        match self.route(destination) {
            Routed::Unknown => Ok(Some(named_or_not(expected))),
            Routed::By(interface) => Ok(Some(Device::Named(interface))),
            // ip_error: dropped, and the sender told by ICMP.
            Routed::Nowhere => Err(Outcome::Drop { by: None }),
        }
    }

    /// By which interface a packet of this host leaves.
    pub(super) fn route_leaving(&mut self) -> Device<'p> {
        let destination = self.ends.destination;
        match self.address_type(destination, None) {
            Some(LOCAL) => return Device::Named("lo"),
            Some(_) => {}
            None => return named_or_not(self.packet.output.as_deref()),
        }
        match self.route(destination) {
            Routed::By(interface) => Device::Named(interface),
            Routed::Nowhere => Device::Unknown,
            Routed::Unknown => named_or_not(self.packet.output.as_deref()),
        }
    }

    /// `nft_fib4_eval`, `nft_fib4_eval_type`, and those of IPv6.
    pub(super) fn load_fib(&mut self, result: u32, flags: u32, to: u8) -> Flow {
        /// `NFT_FIB_RESULT_OIF`, `_OIFNAME`, `_ADDRTYPE`
        const OIF: u32 = 1;
        const OIFNAME: u32 = 2;
        const ADDRTYPE: u32 = 3;
        let field = if flags & OF_SOURCE != 0 {
            self.ends.source
        } else if flags & OF_DESTINATION != 0 {
            self.ends.destination
        } else {
            return self.undecided("a question to the routes that is not understood");
        };
        let on = if flags & OF_INPUT != 0 {
            Some(self.input)
        } else if flags & OF_OUTPUT != 0 {
            Some(self.output)
        } else {
            None
        };
        if result == ADDRTYPE {
            match self.address_type(field, on) {
                Some(kind) => self.registers.store(to, &kind.to_ne_bytes()),
                None => self.registers.store_unknown(to, 4),
            }
            return Flow::On;
        }
        // Where routes are known no rule of theirs asks for a mark.
        let by_mark = flags & OF_MARK != 0 && self.prepared.routes.is_none();
        if !matches!(result, OIF | OIFNAME) || by_mark {
            let length = if result == OIFNAME && flags & PRESENT == 0 {
                16
            } else {
                4
            };
            self.registers.store_unknown(to, length);
            return Flow::On;
        }
        self.load_fib_interface(result == OIFNAME, flags, field, on, to);
        Flow::On
    }

    /// By which interface an address is reached: empty, or 0, where by none, or not by
    /// that one which is asked for.
    fn load_fib_interface(
        &mut self,
        name: bool,
        flags: u32,
        field: Field,
        on: Option<Device<'p>>,
        to: u8,
    ) {
        let local = self.address_type(field, None).map(|kind| kind == LOCAL);
        let looped = self.input == Device::Named("lo");
        let found = match local {
            // nft_fib_is_loopback
            _ if looped && self.hook == Hook::Prerouting => Some(self.input),
            // The same here since Linux 6.16 (nft_fib_can_skip), and not before.
            _ if looped && self.hook == Hook::Input => None,
            None => None,
            Some(true) => Some(Device::None),
            Some(false) => match self.route(field) {
                Routed::Unknown => None,
                Routed::Nowhere => Some(Device::None),
                Routed::By(interface) => Some(Device::Named(interface)),
            },
        };
        let matches = match (found, on) {
            (None, _) | (_, Some(Device::Unknown | Device::Foreign)) => None,
            (Some(Device::None), _) => Some(false),
            (Some(_), None | Some(Device::None)) => Some(true),
            (Some(found), Some(on)) => Some(found == on),
        };
        if flags & PRESENT != 0 {
            match matches {
                Some(present) => self.registers.store(to, &u32::from(present).to_ne_bytes()),
                None => self.registers.store_unknown(to, 4),
            }
            return;
        }
        let device = match (matches, found) {
            (Some(true), Some(found)) => found,
            (Some(false), _) => Device::None,
            _ => Device::Unknown,
        };
        if name {
            self.load_device_name(to, device);
        } else {
            self.load_device_number(to, device);
        }
    }
}

fn unrouted(why: &'static str) -> Outcome {
    Outcome::Undecided(Doubt {
        at: None,
        expression: None,
        why,
    })
}

/// Whether an address is the broadcast address of the network of one of the host's; the
/// first of a network was one too before Linux 5.14.
fn is_broadcast_of(field: Field, own: &OwnAddress, space: &mut Space) -> Option<bool> {
    if own.net.prefix_len() >= 31 {
        return Some(false);
    }
    is_address(field, own.net.broadcast(), space)
}

/// Whether an address is that of any router of the network of one of the host's (RFC 4291,
/// 2.6.1).
fn is_anycast_of(field: Field, own: &OwnAddress, space: &mut Space) -> Option<bool> {
    if !own.net.addr().is_ipv6() || own.net.prefix_len() >= 127 {
        return Some(false);
    }
    is_address(field, own.net.network(), space)
}
