//! Clients are behind this host, or on it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::model::net::{Family, InterfaceName};
use crate::profile::Internal;

use super::super::predict::From;
use super::{Connections, Scene};

/// A server somewhere: of the ranges for documentation that no host has (RFC 5737,
/// RFC 3849).
const SERVER4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 123);
const SERVER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 123);

pub(super) fn connections(scene: Scene, internal: &Internal) -> Vec<Connections> {
    let server = match scene.family {
        Family::Ipv4 => IpAddr::from(SERVER4),
        Family::Ipv6 => IpAddr::from(SERVER6),
    };
    let control = scene.control_ports();
    let at = (server, control.as_slice());
    let networks = internal.networks_of(scene.family);
    let input = internal.interfaces.first().map(InterfaceName::as_str);
    let mut all = scene.to_server(From::Outside, &networks, at, input);
    // From the address that its own connections have, which is one of these.
    for (own, _) in scene.own_addresses() {
        all.extend(scene.to_server(From::Gateway, &[IpNet::from(own)], at, None));
    }
    all
}
