//! The connections that a profile needs a firewall to let through, as packets that
//! can be sent through the ruleset that is in force.
//!
//! Each is a whole bundle at once: every client source, every port of the range. What
//! becomes of it is a partition: these ports from these sources end so, those so.

mod clients;
mod gateway;
mod own;
mod trace;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::facts::Facts;
use crate::model::net::{Family, PortRange};
use crate::profile::{Nat, Profile};
use crate::ruleset::eval::{Axis, Flow, Packet, Path, Region, Span, State, number};

use super::predict::From;

pub use trace::Part;

/// What connections are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Commands and replies.
    Control,
    /// Data by PASV or EPSV: the client opens it, to a port of the passive range.
    PassiveData,
    /// Data by PORT or EPRT: the server opens it, to a port of the client.
    ActiveData,
}

/// Connections that differ only in their addresses and ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connections {
    /// What for.
    pub purpose: Purpose,
    /// From where the client calls.
    pub from: From,
    /// The server's control port that they belong to; `None`: each of them.
    pub control_port: Option<u16>,
    /// The packet that opens the first of them.
    pub opening: Packet,
    /// All of them, in regions that share nothing.
    pub regions: Vec<Region>,
}

impl Connections {
    /// The same connections, expected by the helper that reads the control connection.
    #[must_use]
    pub fn expected(&self) -> Self {
        let mut expected = self.clone();
        expected.opening.state = State::Related;
        expected.opening.master_helper = Some("ftp".to_owned());
        // It begins with that of its master.
        expected.opening.connection_mark = None;
        expected
    }
}

/// Every connection that the profile needs, family by family; none of a family of which
/// nothing is known.
#[must_use]
pub fn connections(profile: &Profile, facts: &Facts) -> Vec<Connections> {
    let mut all = Vec::new();
    let seen = |family: &Family| !facts.unseen.contains(family);
    for family in super::served_families(profile).into_iter().filter(seen) {
        let scene = Scene {
            profile,
            facts,
            family,
        };
        all.extend(match &profile.nat {
            Nat::None | Nat::Upstream { .. } => own::connections(scene),
            Nat::Dnat {
                external,
                internal,
                hairpin,
            } => gateway::connections(scene, external, internal.as_ref(), *hairpin),
            Nat::Masquerade { external, internal } => {
                clients::connections(scene, external, internal)
            }
        });
    }
    all
}

/// A profile on a host, in one family.
#[derive(Clone, Copy)]
struct Scene<'a> {
    profile: &'a Profile,
    facts: &'a Facts,
    family: Family,
}

/// Addresses that no client on the Internet or in a private network has (RFC 6890).
const SPECIAL: [&str; 7] = [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/3",
    "::/127",
    "fe80::/10",
    "ff00::/8",
];

/// All addresses of a network.
fn whole(net: IpNet) -> Span {
    Span {
        first: number(net.network()),
        last: number(net.broadcast()),
    }
}

/// What is left of spans without another.
fn without(spans: &[Span], other: Span) -> Vec<Span> {
    spans.iter().flat_map(|span| span.without(other)).collect()
}

fn unprivileged(region: Region, axis: Axis) -> Region {
    region.with(axis, SOURCES.first().into(), SOURCES.last().into())
}

/// Ports that systems pick for connections that their programs open: Linux from 32768
/// (`ip_local_port_range`), others from 49152 (RFC 6335).
const PICKED: Span = Span {
    first: 32_768,
    last: 65_535,
};

/// Ports that connections are opened from.
const SOURCES: PortRange = PortRange::UNPRIVILEGED;

impl Scene<'_> {
    /// This host's own addresses that others reach it by, with their interfaces.
    fn own_addresses(self) -> Vec<(IpAddr, String)> {
        let addresses = self.facts.addresses.as_deref().unwrap_or_default();
        addresses
            .iter()
            .filter(|a| a.is_global && Family::of(a.net.addr()) == self.family)
            .map(|a| (a.net.addr(), a.interface.clone()))
            .collect()
    }

    /// Connections to `to`, of clients in `networks` that come in by `input`, or that
    /// this host opens where `path` is [`Path::Leaves`].
    fn to_server(
        self,
        from: From,
        networks: &[IpNet],
        (to, control): (IpAddr, &[(u16, u16)]),
        input: Option<&str>,
    ) -> Vec<Connections> {
        let mut all = Vec::new();
        for net in networks {
            let ranges = match from {
                From::Gateway => vec![whole(*net)],
                From::Outside => self.outside(*net),
                From::InsideExternal | From::InsideDirect => self.others(*net),
            };
            let client = (net.hosts().next().unwrap_or(net.addr()), SOURCES.first());
            let of_ports = |purpose, control_port, first: u16, last: u16| {
                let flow = Flow::tcp(client, (to, first));
                let region = unprivileged(flow.region(), Axis::SourcePort).with(
                    Axis::DestinationPort,
                    first.into(),
                    last.into(),
                );
                let of_range =
                    |span: &Span| region.clone().with(Axis::Source, span.first, span.last);
                Connections {
                    purpose,
                    from,
                    control_port,
                    opening: if from == From::Gateway {
                        Packet::leaving(flow)
                    } else {
                        Packet::arriving(flow, input)
                    },
                    regions: ranges.iter().map(of_range).collect(),
                }
            };
            for (called, own) in control {
                all.push(of_ports(Purpose::Control, Some(*own), *called, *called));
            }
            let ports = self.profile.passive.ports;
            all.push(of_ports(
                Purpose::PassiveData,
                None,
                ports.first(),
                ports.last(),
            ));
        }
        all
    }

    /// Data connections that the server opens to clients.
    fn to_clients(self, server: IpAddr, input: Option<&str>, path: Path) -> Vec<Connections> {
        if !self.profile.active {
            return Vec::new();
        }
        let of_net = |net: &IpNet| {
            let client = net.hosts().next().unwrap_or(net.addr());
            let flow = Flow::tcp((server, SOURCES.first()), (client, SOURCES.first()));
            let region = unprivileged(flow.region(), Axis::DestinationPort);
            let of_range = |span: Span| {
                let region = region.clone();
                self.by_servers(&region.with(Axis::Destination, span.first, span.last))
            };
            Connections {
                purpose: Purpose::ActiveData,
                from: From::Outside,
                control_port: None,
                opening: match path {
                    Path::Leaves => Packet::leaving(flow),
                    Path::Arrives | Path::Loops => Packet::arriving(flow, input),
                },
                regions: self.outside(*net).into_iter().flat_map(of_range).collect(),
            }
        };
        let networks = self.profile.clients_of(self.family);
        networks.iter().map(of_net).collect()
    }

    /// Regions for each of the ports that servers open active data connections from: the one
    /// below their control port (RFC 959, 3.2), or what their system picks.
    fn by_servers(self, region: &Region) -> Vec<Region> {
        let control = self.profile.control.iter();
        let below = control.filter_map(|c| c.port.checked_sub(1).filter(|port| *port > 0));
        let mut spans: Vec<Span> = below
            .map(u128::from)
            .filter(|port| !PICKED.contains(*port))
            .map(Span::one)
            .collect();
        spans.sort_unstable();
        spans.dedup();
        spans.push(PICKED);
        let of_span = |span: Span| region.clone().with(Axis::SourcePort, span.first, span.last);
        spans.into_iter().map(of_span).collect()
    }

    /// The addresses of a network that may be another host's: none of this host's own, none
    /// that a host cannot have.
    fn others(self, net: IpNet) -> Vec<Span> {
        let own = self.facts.addresses.as_deref().unwrap_or_default();
        let own = own.iter().map(|a| a.net);
        let taken = own.flat_map(|net| match net {
            IpNet::V4(_) => vec![net.addr(), net.network(), net.broadcast()],
            // The subnet's routers have its first one (RFC 4291), or a link's end (RFC 6164).
            IpNet::V6(v6) if v6.prefix_len() < 127 => vec![net.addr(), net.network()],
            IpNet::V6(_) => vec![net.addr()],
        });
        let special = SPECIAL.iter().filter_map(|text| text.parse().ok());
        let mut ranges = vec![whole(net)];
        for taken in taken.map(IpNet::from).chain(special) {
            if Family::of_net(&taken) == self.family {
                ranges = without(&ranges, whole(taken));
            }
        }
        ranges
    }

    /// The same of clients outside: the server's own network is inside of its gateway.
    fn outside(self, net: IpNet) -> Vec<Span> {
        let all = self.others(net);
        let Nat::Dnat {
            internal: Some(internal),
            ..
        } = &self.profile.nat
        else {
            return all;
        };
        let inside = internal.networks_of(self.family);
        let left = inside
            .iter()
            .fold(all.clone(), |left, net| without(&left, whole(*net)));
        if left.is_empty() { all } else { left }
    }

    /// The control ports as clients call them and as the server has them: the same.
    fn control_ports(self) -> Vec<(u16, u16)> {
        let ports = self.profile.control.iter();
        ports.map(|c| (c.port, c.port)).collect()
    }
}
