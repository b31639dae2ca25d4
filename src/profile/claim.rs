//! What a profile claims of this host and of the box in front of it.

use std::net::IpAddr;

use super::{External, Nat, Profile};
use crate::model::net::{Family, InterfaceName, PortRange};

/// Ports at a place.
pub(super) struct Claim {
    /// Where they are.
    pub(super) place: Place,
    /// The control ports.
    pub(super) control: Vec<u16>,
    /// The passive ports.
    pub(super) passive: PortRange,
}

/// Where packets for a server arrive.
pub(super) enum Place {
    /// At the address of a box in front of this host.
    Upstream(IpAddr),
    /// At an address of this gateway, which forwards it.
    Forwarded {
        address: IpAddr,
        interfaces: Vec<InterfaceName>,
    },
    /// At whatever address the interface has.
    Dynamic {
        interfaces: Vec<InterfaceName>,
        families: Vec<Family>,
    },
    /// At a server on this host that listens on one address.
    Here(IpAddr),
    /// At a server on this host that listens on all of them.
    HereAnywhere,
}

impl Place {
    /// The address, where it is one: two of them meet only where that is the same.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Upstream(address) | Self::Forwarded { address, .. } | Self::Here(address) => {
                Some(*address)
            }
            Self::Dynamic { .. } | Self::HereAnywhere => None,
        }
    }

    /// Both places in words, where a packet could arrive at either.
    pub(super) fn meets(&self, other: &Self) -> Option<String> {
        use Place::{Dynamic, Forwarded, Here, HereAnywhere, Upstream};
        match (self, other) {
            (Upstream(a), Upstream(b))
            | (Here(a) | Forwarded { address: a, .. }, Here(b) | Forwarded { address: b, .. }) => {
                (a == b).then(|| a.to_string())
            }
            (
                Dynamic {
                    interfaces: a,
                    families: f,
                },
                Dynamic {
                    interfaces: b,
                    families: g,
                },
            ) => {
                let interface = a.iter().find(|interface| b.contains(interface))?;
                f.iter()
                    .any(|family| g.contains(family))
                    .then(|| interface.to_string())
            }
            // The dynamic address may be this very one, unless the interfaces
            // say that it is not.
            (
                Dynamic {
                    interfaces: a,
                    families,
                },
                Forwarded {
                    address,
                    interfaces: b,
                },
            )
            | (
                Forwarded {
                    address,
                    interfaces: b,
                },
                Dynamic {
                    interfaces: a,
                    families,
                },
            ) => {
                let apart = !b.is_empty() && !a.iter().any(|interface| b.contains(interface));
                let served = families.contains(&Family::of(*address));
                (served && !apart).then(|| address.to_string())
            }
            // A server that listens everywhere listens there too; it is told
            // apart by a server.address of its own.
            (HereAnywhere, Here(address) | Forwarded { address, .. })
            | (Here(address) | Forwarded { address, .. }, HereAnywhere) => {
                Some(address.to_string())
            }
            (HereAnywhere, Dynamic { interfaces, .. })
            | (Dynamic { interfaces, .. }, HereAnywhere) => {
                interfaces.first().map(ToString::to_string)
            }
            (HereAnywhere, HereAnywhere) => Some("this host".to_owned()),
            (Upstream(_), _)
            | (_, Upstream(_))
            | (Here(_), Dynamic { .. })
            | (Dynamic { .. }, Here(_)) => None,
        }
    }

    /// What keeps the control ports of two places that meet apart.
    pub(super) fn cure(&self, other: &Self) -> &'static str {
        match (self, other) {
            (Self::HereAnywhere, _) | (_, Self::HereAnywhere) => {
                "say where a server on this host listens (server.address), or change a port"
            }
            (Self::Here(_), Self::Here(_)) => "give one of them another control.port",
            _ => "give one of them another nat.external.port or address",
        }
    }
}

/// What a profile claims. The clients' gateway claims nothing: it only lets out.
pub(super) fn claims(profile: &Profile) -> Vec<Claim> {
    let passive = profile.passive.ports;
    let own: Vec<u16> = profile.control.iter().map(|control| control.port).collect();
    let outside = |entry: &External| entry.port.map_or_else(|| own.clone(), |port| vec![port]);
    let here = || {
        let places = match &profile.server.addresses[..] {
            [] => vec![Place::HereAnywhere],
            addresses => addresses
                .iter()
                .map(|address| Place::Here(*address))
                .collect(),
        };
        places.into_iter().map(|place| Claim {
            place,
            control: own.clone(),
            passive,
        })
    };
    match &profile.nat {
        Nat::None => here().collect(),
        Nat::Upstream { external, .. } => external
            .iter()
            .filter_map(|entry| {
                let place = Place::Upstream(entry.address?);
                Some(Claim {
                    place,
                    control: outside(entry),
                    passive,
                })
            })
            .chain(here())
            .collect(),
        Nat::Dnat { external, .. } => external
            .iter()
            .map(|entry| Claim {
                place: arrival(profile, entry),
                control: outside(entry),
                passive,
            })
            .collect(),
        Nat::Masquerade { .. } => Vec::new(),
    }
}

/// Where the gateway takes packets for the server.
fn arrival(profile: &Profile, entry: &External) -> Place {
    let interfaces = entry.interfaces.clone();
    match entry.address {
        Some(address) => Place::Forwarded {
            address,
            interfaces,
        },
        None => Place::Dynamic {
            interfaces,
            families: profile
                .server
                .addresses
                .iter()
                .copied()
                .map(Family::of)
                .collect(),
        },
    }
}
