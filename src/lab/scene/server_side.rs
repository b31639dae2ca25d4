//! The server runs on the host under test.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::net::{Family, InterfaceName};
use crate::plan::{From, translated};
use crate::profile::{Advertise, External, Internal};

use super::draft::{Draft, everyone, in_network};
use super::inside::{clients_network, network_around, usual};
use super::{OneToOne, Seat, Unbuildable};

impl Draft<'_> {
    /// Its address is public.
    pub(super) fn own(&mut self) -> Result<(), Unbuildable> {
        let host = self.host("server");
        let interface = self.outside_interface(None);
        self.scene.firewall = host;
        self.scene.server = host;
        let mut called = Vec::new();
        for family in self.families() {
            let address = match self.profile.server_address(family) {
                Some(address) => address,
                None => self.unnamed(&interface, family)?,
            };
            self.address(host, &interface, address);
            self.scene.server_addresses.push(address);
            called.push((address, None));
        }
        self.put_outside(host, &interface, &[], &called)?;
        self.scene.outside = interface;
        Ok(())
    }

    /// Without an address in the profile the announced one is the server's.
    fn unnamed(&mut self, interface: &str, family: Family) -> Result<IpAddr, Unbuildable> {
        match &self.profile.passive.advertise {
            Some(Advertise::Address(address)) if family == Family::Ipv4 => Ok((*address).into()),
            _ => self.public(interface, family),
        }
    }

    /// Another box translates.
    pub(super) fn upstream(
        &mut self,
        external: &[External],
        internal: Option<&Internal>,
    ) -> Result<(), Unbuildable> {
        let (host, front, switch) = (
            self.host("server"),
            self.host("translator"),
            self.host("switch"),
        );
        let named = external.iter().find_map(|e| e.interfaces.first());
        let interface = self.outside_interface(named.map(InterfaceName::as_str));
        self.scene.hosts[switch].is_switch = true;
        self.scene.hosts[front].forwards = true;
        self.scene.firewall = host;
        self.scene.server = host;
        self.cable((front, "eth1"), (switch, "front"));
        self.cable((host, interface.as_str()), (switch, "server"));
        let mut called = Vec::new();
        let mut pairs = Vec::new();
        for family in self.families() {
            let own = match self.profile.server_address(family) {
                Some(address) => address,
                None => self.private(&interface, family)?,
            };
            let network = network_around(own, internal, family);
            self.address_in(host, &interface, in_network(own, network));
            self.scene.server_addresses.push(own);
            let via = self.neighbour(network, family, "the box in front")?;
            self.address(front, "eth1", via);
            self.route(front, IpNet::from(own), "eth1", None);
            self.route(host, IpNet::from(via), &interface, None);
            self.route(host, everyone(family), &interface, Some(via));
            if translated(self.profile, family) {
                for entry in external {
                    let Some(address) = entry.address.filter(|a| Family::of(*a) == family) else {
                        continue;
                    };
                    self.address(front, "eth0", address);
                    called.push((address, entry.port));
                    let port = entry.port.map(|port| (port, self.profile.control[0].port));
                    pairs.push(OneToOne {
                        external: address,
                        internal: own,
                        port,
                    });
                }
            } else {
                called.push((own, None));
            }
            if let Some(network) = clients_network(Some(own), internal, family) {
                let (inside, address) =
                    self.put_client_inside((front, "eth1"), switch, network, via)?;
                self.scene.seats.push(Seat {
                    from: From::InsideDirect,
                    family,
                    host: inside,
                    source: Some(address),
                    called: own,
                    port: None,
                });
            }
        }
        let inside = internal.map(|i| i.networks.clone()).unwrap_or_default();
        self.put_outside(front, "eth0", &inside, &called)?;
        self.scene.translator = Some((front, "eth0".to_owned(), pairs));
        self.scene.outside = interface;
        Ok(())
    }

    /// The address of a server behind a box whose own one nobody says.
    fn private(&mut self, interface: &str, family: Family) -> Result<IpAddr, Unbuildable> {
        if let Some(known) = self.known_public(interface, family) {
            return Ok(known);
        }
        self.pool
            .within(usual(family).as_slice(), |_| true)
            .ok_or(Unbuildable::NoAddress(family, "the server"))
    }
}
