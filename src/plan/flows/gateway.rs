//! This host forwards to the server.

use std::net::IpAddr;
use std::slice;

use ipnet::IpNet;

use crate::model::net::InterfaceName;
use crate::profile::{External, Internal};
use crate::ruleset::eval::Path;

use super::super::families::externals_of;
use super::super::predict::{From, serves_own_clients};
use super::{Connections, Scene};

pub(super) fn connections(
    scene: Scene,
    external: &[External],
    internal: Option<&Internal>,
    hairpin: bool,
) -> Vec<Connections> {
    let Some(server) = scene.profile.server_address(scene.family) else {
        return Vec::new();
    };
    let clients = scene.profile.clients_of(scene.family);
    let inside = internal
        .map(|i| i.networks_of(scene.family))
        .unwrap_or_default();
    let inner = internal
        .and_then(|i| i.interfaces.first())
        .map(InterfaceName::as_str);
    let mut all = Vec::new();
    let mut externals = externals_of(external, scene.family).peekable();
    if externals.peek().is_none() {
        // Not translated: clients call the server itself.
        let outer = external.iter().find_map(|e| e.interfaces.first());
        let outer = outer.map(InterfaceName::as_str);
        let called = scene.control_ports();
        all.extend(scene.to_server(From::Outside, &clients, (server, &called), outer));
    }
    for external in externals {
        let called: Vec<(u16, u16)> = match external.port {
            Some(port) => scene
                .profile
                .control
                .iter()
                .map(|c| (port, c.port))
                .collect(),
            None => scene.control_ports(),
        };
        for (address, input) in reached(scene, external) {
            let at = (address, called.as_slice());
            all.extend(scene.to_server(From::Outside, &clients, at, input.as_deref()));
            if hairpin {
                all.extend(scene.to_server(From::InsideExternal, &inside, at, inner));
            }
            if serves_own_clients(slice::from_ref(external), internal, scene.family) {
                let own = [IpNet::from(address)];
                all.extend(scene.to_server(From::Gateway, &own, at, None));
            }
        }
    }
    all.extend(scene.to_clients(server, inner, Path::Arrives));
    all
}

/// The outside addresses with the interfaces that packets to them come in by.
fn reached(scene: Scene, external: &External) -> Vec<(IpAddr, Option<String>)> {
    let own = scene.own_addresses();
    let named = external.interfaces.first().map(ToString::to_string);
    match external.address {
        Some(address) => {
            let at = own.iter().find(|(a, _)| *a == address);
            vec![(address, named.or_else(|| at.map(|(_, i)| i.clone())))]
        }
        None => own
            .into_iter()
            .filter(|(_, interface)| Some(interface) == named.as_ref())
            .map(|(address, interface)| (address, Some(interface)))
            .collect(),
    }
}
