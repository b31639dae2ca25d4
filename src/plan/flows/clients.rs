//! Clients are behind this host, or on it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::model::net::{Family, InterfaceName};
use crate::profile::{External, Internal};
use crate::ruleset::eval::{
    Address, Axis, Flow, Packet, State, Translation, Translations, address,
};

use super::super::families::translated;
use super::super::helper::helper_ports;
use super::super::masquerade::inside;
use super::super::predict::From;
use super::{Connections, Purpose, SOURCES, Scene, unprivileged};

/// Servers somewhere: of the ranges for documentation and benchmarks that no host has
/// (RFC 5737, RFC 2544, RFC 3849, RFC 9637).
const SERVERS: [IpAddr; 7] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 123)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 123)),
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 123)),
    IpAddr::V4(Ipv4Addr::new(198, 19, 255, 123)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 123)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xfffe, 0, 0, 0, 0, 123)),
    IpAddr::V6(Ipv6Addr::new(0x3fff, 0xfff, 0, 0, 0, 0, 0, 123)),
];

pub(super) fn connections(
    scene: Scene,
    external: &[External],
    internal: &Internal,
) -> Vec<Connections> {
    let networks = inside(scene.profile, scene.family, internal);
    let mut some = SERVERS
        .into_iter()
        .filter(|s| Family::of(*s) == scene.family);
    // Not one beside the clients: that would not pass this host.
    let apart = some.clone().find(|server| {
        let mut beside = networks.iter().chain(&internal.networks);
        !beside.any(|net| net.contains(server))
    });
    let named = scene.profile.server_address(scene.family);
    let Some(server) = named.or(apart).or_else(|| some.next()) else {
        return Vec::new();
    };
    let control = scene.control_ports();
    let at = (server, control.as_slice());
    let input = internal.interfaces.first().map(InterfaceName::as_str);
    let mut all = scene.to_server(From::Outside, &networks, at, input);
    // From the address that its own connections have, which is one of these.
    for (own, _) in scene.own_addresses() {
        all.extend(scene.to_server(From::Gateway, &[IpNet::from(own)], at, None));
    }
    if scene.profile.active && !helper_ports(scene.profile, scene.family).is_empty() {
        all.extend(to_clients(scene, external, &networks, server));
    }
    all
}

/// Data connections from a server to clients behind this host: expected by the helper,
/// which sees to it that they come to the client (`nf_nat_follow_master`), where its
/// control connection was translated.
fn to_clients(
    scene: Scene,
    external: &[External],
    networks: &[IpNet],
    server: IpAddr,
) -> Vec<Connections> {
    let named = super::own::interfaces(external);
    let outer = scene.own_addresses();
    let outer = outer.iter().filter(|(_, i)| named.contains(&i.as_str()));
    let mut all = Vec::new();
    for net in networks {
        // What comes to an address of this host's own is forwarded to nobody.
        let client = scene
            .others(*net)
            .first()
            .map(|span| address(span.first, scene.family));
        let client = client.unwrap_or(net.addr());
        let is_translated = translated(scene.profile, scene.family);
        let called: Vec<(IpAddr, Option<&str>)> = if is_translated {
            outer
                .clone()
                .map(|(own, i)| (*own, Some(i.as_str())))
                .collect()
        } else {
            vec![(client, named.first().copied())]
        };
        for (to, input) in called {
            let flow = Flow::tcp((server, SOURCES.first()), (to, SOURCES.first()));
            let destination = Translation {
                address: if is_translated {
                    Address::Within(client, client)
                } else {
                    Address::Same
                },
                ..Translation::default()
            };
            let opening = Packet {
                state: State::Related,
                master_helper: Some("ftp".to_owned()),
                settled: Some(Translations {
                    destination,
                    ..Translations::default()
                }),
                connection_mark: None,
                ..Packet::arriving(flow, input)
            };
            let region = unprivileged(flow.region(), Axis::DestinationPort);
            all.push(Connections {
                purpose: Purpose::ActiveData,
                from: From::Outside,
                control_port: None,
                opening,
                regions: scene.by_servers(&region),
            });
        }
    }
    all
}
