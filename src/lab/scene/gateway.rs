//! The host under test is a gateway: of the server, or of the clients.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::net::Family;
use crate::plan::{From, clients_inside, translated};
use crate::profile::{Advertise, External, Internal};

use super::draft::{Draft, everyone, in_network};
use super::inside::{clients_network, network_around, usual};
use super::{HostId, Seat, Unbuildable};

/// The interface towards servers that are not in a network inside.
const APART: &str = "dmz0";

impl Draft<'_> {
    /// It forwards to the server.
    pub(super) fn dnat(
        &mut self,
        external: &[External],
        internal: Option<&Internal>,
    ) -> Result<(), Unbuildable> {
        let (host, server) = (self.host("gateway"), self.host("server"));
        self.scene.firewall = host;
        self.scene.server = server;
        let outside = self.outside_interfaces(external);
        let inner = self.inside_interface(internal, &outside);
        let is_inside = self.is_inside(internal);
        let switch = self.host("switch");
        self.scene.hosts[switch].is_switch = true;
        self.cable((host, inner.as_str()), (switch, "gateway"));
        if is_inside {
            self.cable((server, "eth0"), (switch, "server"));
        } else {
            self.cable((server, "eth0"), (host, APART));
        }
        let toward = if is_inside { inner.as_str() } else { APART };
        for family in self.families() {
            self.put_server((host, toward), server, internal, family)?;
            let own = self.profile.server_address(family);
            if let Some(network) = clients_network(own, internal, family) {
                let via = self.gateway_in(host, network, &inner, family)?;
                self.address_in(host, &inner, in_network(via, network));
                self.put_client_inside((host, &inner), switch, network, via)?;
            }
        }
        let inside = internal.map(|i| i.networks.clone()).unwrap_or_default();
        for interface in &outside {
            let called = self.called_by(external, interface, &outside)?;
            for (address, _) in &called {
                if !self.profile.server.addresses.contains(address) {
                    self.address(host, interface, *address);
                }
            }
            self.put_outside(host, interface, &inside, &called)?;
        }
        self.scene.outside.clone_from(&outside[0]);
        self.seats_inside_and_here(internal);
        Ok(())
    }

    /// Those that the profile names, or one.
    fn outside_interfaces(&self, external: &[External]) -> Vec<String> {
        let named = external.iter().flat_map(|e| &e.interfaces);
        let mut all: Vec<String> = named.map(ToString::to_string).collect();
        all.sort();
        all.dedup();
        if all.is_empty() {
            all.push(self.outside_interface(None));
        }
        all
    }

    fn inside_interface(&self, internal: Option<&Internal>, outside: &[String]) -> String {
        let named = internal.and_then(|i| i.interfaces.first());
        let known = self.known.toward_server.as_deref();
        let known = known.filter(|name| !outside.iter().any(|other| other == name));
        let mut free = ["eth1", "eth2", "lan0"].into_iter();
        let free = free.find(|name| !outside.iter().any(|other| other == name));
        match named {
            Some(named) => named.to_string(),
            None => known.or(free).unwrap_or("lan1").to_owned(),
        }
    }

    /// Whether the server is in a network inside, as far as networks are described.
    fn is_inside(&self, internal: Option<&Internal>) -> bool {
        let described = internal.map(|i| i.networks.as_slice()).unwrap_or_default();
        let servers = &self.profile.server.addresses;
        described.is_empty()
            || servers
                .iter()
                .any(|server| described.iter().any(|net| net.contains(server)))
    }

    fn put_server(
        &mut self,
        (host, toward): (HostId, &str),
        server: HostId,
        internal: Option<&Internal>,
        family: Family,
    ) -> Result<(), Unbuildable> {
        let Some(own) = self.profile.server_address(family) else {
            return Ok(());
        };
        let network = network_around(own, internal, family);
        self.address_in(server, "eth0", in_network(own, network));
        self.scene.server_addresses.push(own);
        let via = self.gateway_in(host, network, toward, family)?;
        self.address_in(host, toward, in_network(via, network));
        self.route(host, IpNet::from(own), toward, None);
        self.route(server, IpNet::from(via), "eth0", None);
        self.route(server, everyone(family), "eth0", Some(via));
        Ok(())
    }

    /// This host's address in a network inside: what it has there already, or is known to have.
    fn gateway_in(
        &mut self,
        host: HostId,
        network: IpNet,
        interface: &str,
        family: Family,
    ) -> Result<IpAddr, Unbuildable> {
        let given = self.scene.hosts[host].addresses.iter();
        let given = given.map(|(name, net)| (name, net.addr()));
        let known = self.known.addresses.iter();
        let known = known.map(|address| (&address.interface, address.net.addr()));
        let mut there = given.chain(known);
        let there = there.find(|(name, address)| *name == interface && network.contains(address));
        match there {
            Some((_, address)) => Ok(address),
            None => self.neighbour(network, family, "the gateway"),
        }
    }

    /// What is called by way of an outside interface, with the port where it is another:
    /// its addresses, and the server's own where that is routed.
    fn called_by(
        &mut self,
        external: &[External],
        interface: &str,
        outside: &[String],
    ) -> Result<Vec<(IpAddr, Option<u16>)>, Unbuildable> {
        let mut called = Vec::new();
        for entry in external {
            let here = entry
                .interfaces
                .iter()
                .any(|name| name.as_str() == interface);
            // Without an interface it is called by the first.
            let is_first = entry.interfaces.is_empty() && outside[0] == interface;
            if here || is_first {
                let address = match entry.address {
                    Some(address) => address,
                    None => self.dynamic(interface)?,
                };
                called.push((address, entry.port));
            }
        }
        for family in self.families() {
            let own = self.profile.server_address(family);
            if let Some(own) = own.filter(|_| !translated(self.profile, family)) {
                called.push((own, None));
            }
        }
        called.retain(|(address, _)| self.families().contains(&Family::of(*address)));
        Ok(called)
    }

    /// A dynamic address: the announced one, where that is a public one.
    fn dynamic(&mut self, interface: &str) -> Result<IpAddr, Unbuildable> {
        match &self.profile.passive.advertise {
            Some(Advertise::Address(address))
                if crate::model::net::is_public((*address).into())
                    && self.scene.outside.is_empty() =>
            {
                interface.clone_into(&mut self.scene.outside);
                Ok((*address).into())
            }
            _ => self.public(interface, Family::Ipv4),
        }
    }

    /// Clients inside and on this host call what clients outside call; those inside the
    /// server itself as well.
    fn seats_inside_and_here(&mut self, internal: Option<&Internal>) {
        let outside = self.scene.seats.clone();
        let (firewall, server) = (self.scene.firewall, self.profile.server.addresses.clone());
        let inside = self
            .scene
            .hosts
            .iter()
            .position(|host| host.name == "inside");
        let inside = inside.filter(|_| internal.is_some());
        let own = |host: HostId, family| {
            let addresses = self.scene.hosts[host].addresses.iter();
            let mut addresses = addresses.map(|(_, net)| net.addr());
            addresses.find(|address| Family::of(*address) == family)
        };
        let mut seats = Vec::new();
        for seat in &outside {
            seats.push(Seat {
                from: From::Gateway,
                host: firewall,
                source: None,
                ..*seat
            });
            if let Some(host) = inside
                && let Some(source) = own(host, seat.family)
            {
                seats.push(Seat {
                    from: From::InsideExternal,
                    host,
                    source: Some(source),
                    ..*seat
                });
            }
        }
        for address in server {
            let family = Family::of(address);
            if let Some(host) = inside
                && let Some(source) = own(host, family)
            {
                seats.push(Seat {
                    from: From::InsideDirect,
                    family,
                    host,
                    source: Some(source),
                    called: address,
                    port: None,
                });
            }
        }
        for seat in seats {
            if !self.scene.seats.contains(&seat) {
                self.scene.seats.push(seat);
            }
        }
    }

    /// Its clients leave by it.
    pub(super) fn masquerade(
        &mut self,
        external: &[External],
        internal: &Internal,
    ) -> Result<(), Unbuildable> {
        let (host, server) = (self.host("gateway"), self.host("server"));
        let inside = self.host("inside");
        self.scene.firewall = host;
        self.scene.server = server;
        let outer = self.outside_interfaces(external)[0].clone();
        let inner = self.inside_interface(Some(internal), std::slice::from_ref(&outer));
        self.cable((server, "eth0"), (host, outer.as_str()));
        self.cable((inside, "eth0"), (host, inner.as_str()));
        for family in self.families() {
            let networks = self.clients_networks(internal, family);
            let addresses = external.iter().filter_map(|e| e.address);
            let named = addresses.clone().find(|a| Family::of(*a) == family);
            let public = match named {
                Some(address) => address,
                None => match self.known_public(&outer, family) {
                    Some(address) => address,
                    None => self.apart(&networks, family, "the gateway")?,
                },
            };
            let own = match self.profile.server_address(family) {
                Some(address) => address,
                None => self.apart(&networks, family, "the server")?,
            };
            let network = networks[0];
            let via = self.gateway_in(host, network, &inner, family)?;
            let client = self
                .pool
                .within(&[network], |_| true)
                .ok_or(Unbuildable::NoAddress(family, "a client"))?;
            self.address(host, &outer, public);
            self.route(host, IpNet::from(own), &outer, None);
            self.route(host, everyone(family), &outer, Some(own));
            self.address_in(host, &inner, in_network(via, network));
            // That of an interface's own network the kernel sets itself.
            for network in networks.into_iter().filter(|net| !net.contains(&via)) {
                self.route(host, network, &inner, None);
            }
            self.address(server, "eth0", own);
            self.route(server, IpNet::from(public), "eth0", None);
            if !translated(self.profile, family) {
                self.route(server, IpNet::from(client), "eth0", Some(public));
            }
            self.address_in(inside, "eth0", in_network(client, network));
            self.route(inside, IpNet::from(via), "eth0", None);
            self.route(inside, everyone(family), "eth0", Some(via));
            self.scene.server_addresses.push(own);
            for (from, host, source) in [
                (From::InsideDirect, inside, Some(client)),
                (From::Gateway, host, None),
            ] {
                self.scene.seats.push(Seat {
                    from,
                    family,
                    host,
                    source,
                    called: own,
                    port: None,
                });
            }
        }
        self.no_way_further(server);
        self.scene.outside = outer;
        Ok(())
    }

    /// An address of the Internet, if there is one that is not inside as well.
    fn apart(
        &mut self,
        inside: &[IpNet],
        family: Family,
        who: &'static str,
    ) -> Result<IpAddr, Unbuildable> {
        let is_apart = |address| !inside.iter().any(|net| net.contains(&address));
        self.pool
            .outside(family, is_apart)
            .or_else(|| self.pool.outside(family, |_| true))
            .ok_or(Unbuildable::NoAddress(family, who))
    }

    /// The networks of the clients behind this host: those that the profile names as clients,
    /// else those inside, as its rules have it; never empty.
    fn clients_networks(&self, internal: &Internal, family: Family) -> Vec<IpNet> {
        let described = clients_inside(self.profile, family, internal);
        if described.is_empty() {
            usual(family).into_iter().collect()
        } else {
            described
        }
    }
}
