//! The server runs on this host.

use std::net::IpAddr;

use crate::model::net::is_public;
use crate::profile::{External, Nat};
use crate::ruleset::eval::Path;

use super::super::predict::From;
use super::{Connections, Scene};

pub(super) fn connections(scene: Scene) -> Vec<Connections> {
    let networks = scene.profile.clients_of(scene.family);
    let control = scene.control_ports();
    let mut all = Vec::new();
    for (address, interface) in called(scene) {
        let input = interface.as_deref();
        all.extend(scene.to_server(From::Outside, &networks, (address, &control), input));
        all.extend(scene.to_clients(address, None, Path::Leaves));
    }
    all
}

/// The addresses that clients' packets come in to, and by which interface where that is
/// known: an address of its own, or one that stands on loopback, may be reached by any.
fn called(scene: Scene) -> Vec<(IpAddr, Option<String>)> {
    let own = scene.own_addresses();
    let named: Vec<&str> = match &scene.profile.nat {
        Nat::Upstream { external, .. } => interfaces(external),
        Nat::None | Nat::Dnat { .. } | Nat::Masquerade { .. } => Vec::new(),
    };
    let input = |interface: &str| (interface != "lo").then(|| interface.to_owned());
    if let Some(wanted) = scene.profile.server_address(scene.family) {
        let at = own.iter().find(|(address, _)| *address == wanted);
        let by = named.first().map(|name| (*name).to_owned());
        return vec![(wanted, by.or_else(|| at.and_then(|(_, i)| input(i))))];
    }
    let is_called = |(address, interface): &&(IpAddr, String)| {
        if named.is_empty() {
            is_public(*address) || !own.iter().any(|(a, _)| is_public(*a))
        } else {
            named.contains(&interface.as_str())
        }
    };
    let called = own.iter().filter(is_called);
    called.map(|(address, i)| (*address, input(i))).collect()
}

/// The interfaces that face the outside.
pub(super) fn interfaces(external: &[External]) -> Vec<&str> {
    let named = external.iter().flat_map(|e| &e.interfaces);
    named
        .map(crate::model::net::InterfaceName::as_str)
        .collect()
}
