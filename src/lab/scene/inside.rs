//! Networks inside, and who is in them.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::net::Family;
use crate::profile::Internal;

use super::draft::{Draft, everyone, in_network};
use super::{HostId, Unbuildable};

/// The network that a machine inside is in: the one that the profile describes, else one as
/// most are.
pub(super) fn network_around(
    address: IpAddr,
    internal: Option<&Internal>,
    family: Family,
) -> IpNet {
    let described = internal.map(|i| i.networks_of(family)).unwrap_or_default();
    let around = described.into_iter().find(|net| net.contains(&address));
    around.unwrap_or_else(|| {
        let length = if address.is_ipv4() { 24 } else { 64 };
        IpNet::new(address, length).map_or_else(|_| IpNet::from(address), |net| net.trunc())
    })
}

impl Draft<'_> {
    /// An address for a gateway of that network: in it where it has room.
    pub(super) fn neighbour(
        &mut self,
        network: IpNet,
        family: Family,
        who: &'static str,
    ) -> Result<IpAddr, Unbuildable> {
        let first = network.hosts().next();
        // The clients come first.
        let has_room = network.hosts().nth(2).is_some();
        let here = has_room.then_some(network);
        self.pool
            .within(here.as_slice(), |address| Some(address) == first)
            .or_else(|| self.pool.within(here.as_slice(), |_| true))
            .or_else(|| self.pool.within(spare(family).as_slice(), |_| true))
            .ok_or(Unbuildable::NoAddress(family, who))
    }

    /// A client inside, on the switch, who finds everything else by way of `via`, where
    /// `front` has that interface. The same machine for both families.
    pub(super) fn put_client_inside(
        &mut self,
        (front, interface): (HostId, &str),
        switch: HostId,
        network: IpNet,
        via: IpAddr,
    ) -> Result<(HostId, IpAddr), Unbuildable> {
        let family = Family::of(via);
        let address = self
            .pool
            .within(&[network], |_| true)
            .ok_or(Unbuildable::NoAddress(family, "a client inside"))?;
        let mut hosts = self.scene.hosts.iter();
        let there = hosts.position(|host| host.name == "inside");
        let inside = there.unwrap_or_else(|| {
            let inside = self.host("inside");
            self.cable((inside, "eth0"), (switch, "inside"));
            inside
        });
        self.address_in(inside, "eth0", in_network(address, network));
        self.route(front, IpNet::from(address), interface, None);
        self.route(inside, IpNet::from(via), "eth0", None);
        self.route(inside, everyone(family), "eth0", Some(via));
        Ok((inside, address))
    }
}

/// The network of the client inside: the server's, where that is one of those described, else
/// the first of them; `None` where none is.
pub(super) fn clients_network(
    server: Option<IpAddr>,
    internal: Option<&Internal>,
    family: Family,
) -> Option<IpNet> {
    let described = internal?.networks_of(family);
    let of_server = |net: &&IpNet| server.is_some_and(|server| net.contains(&server));
    described
        .iter()
        .find(of_server)
        .or(described.first())
        .copied()
}

/// The network inside where none is described.
pub(super) fn usual(family: Family) -> Option<IpNet> {
    match family {
        Family::Ipv4 => "10.77.0.0/24".parse().ok(),
        Family::Ipv6 => "2001:db8:77::/64".parse().ok(),
    }
}

/// Where networks have no room: such a machine is a neighbour by its route alone.
fn spare(family: Family) -> Option<IpNet> {
    match family {
        Family::Ipv4 => "10.77.255.0/24".parse().ok(),
        Family::Ipv6 => "2001:db8:ff77::/64".parse().ok(),
    }
}
