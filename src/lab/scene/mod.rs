//! The machines of a profile and the cables between them, as a value: who is where, under
//! which addresses, and who calls whom.
//!
//! ```text
//! none        client ---- firewall (the server)
//! upstream    client ---- translator --+-- firewall (the server)
//!                                      +-- inside client
//! dnat        client ---- firewall ----+-- server
//!                                      +-- inside client
//! masquerade  server ---- firewall ---- inside client
//! ```

mod draft;
mod gateway;
mod inside;
mod server_side;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::facts::routes::Address;
use crate::model::net::{Family, PortRange};
use crate::plan::From;
use crate::profile::{Advertise, Nat, Profile};
use crate::sys::links::Route;

use super::pool::Pool;
use draft::{Draft, everyone};

/// A machine by its place in [`Scene::hosts`].
pub type HostId = usize;

/// A machine.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// What the scene calls it.
    pub name: String,
    /// The addresses of its interfaces.
    pub addresses: Vec<(String, IpNet)>,
    /// Its routes.
    pub routes: Vec<Route>,
    /// Whether it forwards from the start. The firewall under test does so only where its
    /// plan says so.
    pub forwards: bool,
    /// It is nothing but a switch: all its interfaces are one Ethernet.
    pub is_switch: bool,
}

/// A cable between two interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cable {
    /// One end.
    pub a: (HostId, String),
    /// The other.
    pub b: (HostId, String),
}

/// A client, and what it calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// From where, in the words of the predictions.
    pub from: From,
    /// The IP version.
    pub family: Family,
    /// On which machine.
    pub host: HostId,
    /// Its own address; `None`: whichever the kernel takes.
    pub source: Option<IpAddr>,
    /// The address that it calls.
    pub called: IpAddr,
    /// The port that leads to each control port; `None`: the same.
    pub port: Option<u16>,
}

/// What a box in front translates, one address to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneToOne {
    /// What the world calls.
    pub external: IpAddr,
    /// The machine behind it.
    pub internal: IpAddr,
    /// The port outside that is another inside.
    pub port: Option<(u16, u16)>,
}

/// Everything.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    /// The machines.
    pub hosts: Vec<Host>,
    /// Their cables.
    pub cables: Vec<Cable>,
    /// The firewall under test.
    pub firewall: HostId,
    /// Where the FTP server runs.
    pub server: HostId,
    /// The server's own addresses.
    pub server_addresses: Vec<IpAddr>,
    /// The interface by which the world comes to the firewall.
    pub outside: String,
    /// Who calls.
    pub seats: Vec<Seat>,
    /// Who is no client and calls all the same.
    pub outsiders: Vec<Seat>,
    /// What the box in front does, on which interface.
    pub translator: Option<(HostId, String, Vec<OneToOne>)>,
    /// What the server's `227` replies name; `None`: its own address.
    pub announced: Option<std::net::Ipv4Addr>,
}

/// What is known of the host that the profile is for.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The interface of its way to everyone.
    pub outside: Option<String>,
    /// Its addresses.
    pub addresses: Vec<Address>,
    /// The interface of its way to the server, where that is another machine.
    pub toward_server: Option<String>,
}

/// Why there is no scene.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unbuildable {
    /// No address is left.
    #[error("the profile leaves no {0} address for {1}")]
    NoAddress(Family, &'static str),
    /// It serves nobody.
    #[error("the profile serves nobody, so there is nothing to rehearse")]
    Nobody,
}

/// The scene of a profile on a host of which this is known.
///
/// # Errors
/// [`Unbuildable`].
pub fn scene(profile: &Profile, known: &Known) -> Result<Scene, Unbuildable> {
    let mut draft = Draft {
        profile,
        known,
        scene: Scene::default(),
        pool: Pool::without(named(profile, known)),
    };
    match &profile.nat {
        Nat::None => draft.own()?,
        Nat::Upstream { external, internal } => draft.upstream(external, internal.as_ref())?,
        Nat::Dnat {
            external, internal, ..
        } => draft.dnat(external, internal.as_ref())?,
        Nat::Masquerade { external, internal } => draft.masquerade(external, internal)?,
    }
    let mut scene = draft.scene;
    if scene.seats.is_empty() {
        return Err(Unbuildable::Nobody);
    }
    scene.announced = announced(profile, &scene);
    answer_by_the_gateway(&mut scene);
    Ok(scene)
}

/// Clients outside may have addresses of a network inside, where the profile serves no others:
/// what is in that network answers to them by way of its gateway.
fn answer_by_the_gateway(scene: &mut Scene) {
    let outside = scene.seats.iter().chain(&scene.outsiders);
    let outside = outside.filter(|seat| seat.from == From::Outside);
    let sources: Vec<(HostId, IpAddr)> = outside
        .filter_map(|seat| Some((seat.host, seat.source?)))
        .collect();
    for (place, host) in scene.hosts.iter_mut().enumerate() {
        for (client, source) in &sources {
            let is_near = host.addresses.iter().any(|(_, net)| net.contains(source));
            let to = IpNet::from(*source);
            let way_out = host
                .routes
                .iter()
                .find(|route| route.to == everyone(Family::of(*source)) && route.device.is_some());
            if let Some(way_out) = way_out.filter(|_| is_near && place != *client).cloned()
                && !host.routes.iter().any(|route| route.to == to)
            {
                host.routes.push(Route { to, ..way_out });
            }
        }
    }
}

/// What `227` replies name. A host name stands for the address that clients call. Servers
/// that clients of a gateway call are others' affair.
fn announced(profile: &Profile, scene: &Scene) -> Option<std::net::Ipv4Addr> {
    if matches!(profile.nat, Nat::Masquerade { .. }) {
        return None;
    }
    match profile.passive.advertise.as_ref()? {
        Advertise::Address(address) => Some(*address),
        Advertise::Name(_) => scene.seats.iter().find_map(|seat| match seat.called {
            IpAddr::V4(address) if seat.from == From::Outside => Some(address),
            _ => None,
        }),
    }
}

/// Every address that somebody has already.
fn named(profile: &Profile, known: &Known) -> Vec<IpAddr> {
    let mut all = profile.server.addresses.clone();
    all.extend(known.addresses.iter().map(|address| address.net.addr()));
    if let Some(Advertise::Address(address)) = &profile.passive.advertise {
        all.push(IpAddr::V4(*address));
    }
    if let Nat::Upstream { external, .. }
    | Nat::Dnat { external, .. }
    | Nat::Masquerade { external, .. } = &profile.nat
    {
        all.extend(external.iter().filter_map(|e| e.address));
    }
    all
}

/// The ports to play: the first, one in the middle, and the last of the range.
#[must_use]
pub fn data_ports(range: PortRange) -> Vec<u16> {
    let middle = range.first() + (range.last() - range.first()) / 2;
    let mut ports = vec![range.first(), middle, range.last()];
    ports.dedup();
    ports
}

/// The ports beside the range that are nobody's: they are to stay closed.
#[must_use]
pub fn ports_beside(profile: &Profile) -> Vec<u16> {
    let range = profile.passive.ports;
    let beside = [range.first().checked_sub(1), range.last().checked_add(1)];
    let is_control = |port: &u16| profile.control.iter().any(|c| c.port == *port);
    let beside = beside.into_iter().flatten();
    beside
        .filter(|port| *port > 0 && !is_control(port))
        .collect()
}
