//! A scene that is being made: machines, cables, addresses and routes put into it.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::net::Family;
use crate::plan::{From, served_families};
use crate::profile::Profile;
use crate::sys::links::Route;

use super::super::pool::Pool;
use super::{Cable, Host, HostId, Known, Scene, Seat, Unbuildable};

/// A scene that is being made.
pub(super) struct Draft<'a> {
    pub(super) profile: &'a Profile,
    pub(super) known: &'a Known,
    pub(super) scene: Scene,
    pub(super) pool: Pool,
}

impl Draft<'_> {
    pub(super) fn families(&self) -> Vec<Family> {
        served_families(self.profile)
    }

    pub(super) fn host(&mut self, name: &str) -> HostId {
        self.scene.hosts.push(Host {
            name: name.to_owned(),
            ..Host::default()
        });
        self.scene.hosts.len() - 1
    }

    pub(super) fn cable(&mut self, a: (HostId, &str), b: (HostId, &str)) {
        self.scene.cables.push(Cable {
            a: (a.0, a.1.to_owned()),
            b: (b.0, b.1.to_owned()),
        });
    }

    /// An address by itself: what is around it is said by routes.
    pub(super) fn address(&mut self, host: HostId, interface: &str, address: IpAddr) {
        self.address_in(host, interface, IpNet::from(address));
    }

    pub(super) fn address_in(&mut self, host: HostId, interface: &str, net: IpNet) {
        let given = (interface.to_owned(), net);
        let addresses = &mut self.scene.hosts[host].addresses;
        if !addresses
            .iter()
            .any(|(_, other)| other.addr() == net.addr())
        {
            addresses.push(given);
        }
    }

    pub(super) fn route(&mut self, host: HostId, to: IpNet, device: &str, via: Option<IpAddr>) {
        let route = Route {
            to,
            device: Some(device.to_owned()),
            via,
        };
        let routes = &mut self.scene.hosts[host].routes;
        if !routes.iter().any(|other| other.to == to) {
            routes.push(route);
        }
    }

    /// Everything else is answered as unreachable.
    pub(super) fn no_way_further(&mut self, host: HostId) {
        for family in self.families() {
            self.scene.hosts[host].routes.push(Route {
                to: everyone(family),
                device: None,
                via: None,
            });
        }
    }

    /// The interface that faces the outside: the profile's, the host's, or the usual one.
    pub(super) fn outside_interface(&self, named: Option<&str>) -> String {
        let known = self.known.outside.as_deref();
        named.or(known).unwrap_or("eth0").to_owned()
    }

    /// The address that the host has on that interface.
    pub(super) fn known_public(&self, interface: &str, family: Family) -> Option<IpAddr> {
        let known = self.known.addresses.iter().find(|address| {
            address.is_global
                && address.interface == interface
                && Family::of_net(&address.net) == family
        });
        known.map(|address| address.net.addr())
    }

    /// A public address of the firewall: the one that the host has there, or any.
    pub(super) fn public(
        &mut self,
        interface: &str,
        family: Family,
    ) -> Result<IpAddr, Unbuildable> {
        let known = self.known_public(interface, family);
        known
            .or_else(|| self.pool.outside(family, |_| true))
            .ok_or(Unbuildable::NoAddress(family, "this host"))
    }

    /// An address of a client outside: one of the profile's clients, and not of a network
    /// inside, if there is one.
    pub(super) fn client(
        &mut self,
        family: Family,
        inside: &[IpNet],
    ) -> Result<IpAddr, Unbuildable> {
        let clients = self.profile.clients_of(family);
        let is_inside = |address: IpAddr| inside.iter().any(|net| net.contains(&address));
        self.pool
            .within(&clients, |address| !is_inside(address))
            .or_else(|| self.pool.within(&clients, |_| true))
            .ok_or(Unbuildable::NoAddress(family, "a client outside"))
    }

    /// An address outside that is no client's; `None` where everyone is one.
    pub(super) fn outsider(&mut self, family: Family, inside: &[IpNet]) -> Option<IpAddr> {
        let others: Vec<IpNet> = self.profile.clients_of(family);
        let is_other = |address: IpAddr| {
            let is_in = |net: &IpNet| net.contains(&address);
            !others.iter().any(is_in) && !inside.iter().any(is_in)
        };
        self.pool.outside(family, is_other)
    }

    /// A client outside on a cable of its own to an interface of `front`, with whom it calls
    /// there. `front` answers to it by that interface.
    pub(super) fn put_outside(
        &mut self,
        front: HostId,
        interface: &str,
        inside: &[IpNet],
        called: &[(IpAddr, Option<u16>)],
    ) -> Result<(), Unbuildable> {
        let client = self.host("client");
        self.cable((client, "eth0"), (front, interface));
        for family in self.families() {
            let of_family = |address: &IpAddr| Family::of(*address) == family;
            let called: Vec<(IpAddr, Option<u16>)> = called
                .iter()
                .copied()
                .filter(|(a, _)| of_family(a))
                .collect();
            let Some(first) = called.first().map(|(address, _)| *address) else {
                continue;
            };
            // What stands on the interface is called as a neighbour, the rest by way of it.
            let here = self.scene.hosts[front].addresses.iter();
            let mut here: Vec<IpAddr> = here
                .filter(|(name, net)| name == interface && of_family(&net.addr()))
                .map(|(_, net)| net.addr())
                .collect();
            if here.is_empty() {
                let own = self.public(interface, family)?;
                self.address(front, interface, own);
                here.push(own);
            }
            let via = here[0];
            let own = self.client(family, inside)?;
            let stranger = self.outsider(family, inside);
            for address in here {
                self.route(client, IpNet::from(address), "eth0", None);
            }
            for (address, _) in &called {
                self.route(client, IpNet::from(*address), "eth0", Some(via));
            }
            for address in [Some(own), stranger].into_iter().flatten() {
                self.address(client, "eth0", address);
                self.route(front, IpNet::from(address), interface, None);
            }
            self.route(front, everyone(family), interface, Some(own));
            let seat = |source, called, port| Seat {
                from: From::Outside,
                family,
                host: client,
                source: Some(source),
                called,
                port,
            };
            let seats = called
                .iter()
                .map(|(address, port)| seat(own, *address, *port));
            self.scene.seats.extend(seats);
            let outsiders = stranger.map(|stranger| seat(stranger, first, called[0].1));
            self.scene.outsiders.extend(outsiders);
        }
        self.no_way_further(client);
        Ok(())
    }
}

/// Every address of a family.
pub(super) fn everyone(family: Family) -> IpNet {
    match family {
        Family::Ipv4 => IpNet::V4(ipnet::Ipv4Net::default()),
        Family::Ipv6 => IpNet::V6(ipnet::Ipv6Net::default()),
    }
}

/// The address with its network, where it is in it.
pub(super) fn in_network(address: IpAddr, network: IpNet) -> IpNet {
    let with = IpNet::new(address, network.prefix_len()).ok();
    with.filter(|_| network.contains(&address))
        .unwrap_or_else(|| IpNet::from(address))
}
