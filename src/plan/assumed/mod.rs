//! The host of a ruleset of which nothing else is known: what has to be assumed of it, so
//! that packets can be sent through its rules.
//!
//! An address and an interface that clients come in by; on a gateway the way to the inside
//! too. Taken from the profile where it has them, else from what the rules name, else made
//! up; which of them is kept, because every answer rests on it.

mod named;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::facts::Facts;
use crate::facts::routes;
use crate::facts::snapshot::Snapshot;
use crate::model::net::Family;
use crate::profile::{External, Internal, Nat, Profile};
use crate::ruleset::eval::{HostFacts, OwnAddress, Route};
use crate::ruleset::posted::Posted;

use super::families::translated;
use named::Names;

/// Why nothing is known of the host.
pub const BLIND: &str = "a saved ruleset tells nothing of its host";

/// Of the ranges for documentation, which no host has (RFC 5737, RFC 3849).
const CALLED4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
const CALLED6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10);

/// A host as it is assumed to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumed {
    /// What may be known of it.
    pub facts: Facts,
    /// The same for the evaluation of its rules, with its routes.
    pub host: HostFacts,
    /// The interface that faces the outside.
    pub outer: Known<String>,
    /// Its addresses there, of the families that the rules are of.
    pub called: Vec<Known<IpAddr>>,
    /// A gateway's interface that faces the inside.
    pub inner: Option<Known<String>>,
}

/// Something that is held for so, and by whom it is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known<T> {
    /// What.
    pub value: T,
    /// Who says it.
    pub by: By,
}

/// Who says something about a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The profile.
    Profile,
    /// The rules, by what they name.
    Rules,
    /// Nobody: it is made up.
    Nobody,
}

/// The host that a profile and a ruleset of it are held for.
#[must_use]
pub fn assumed(profile: &Profile, posted: &Posted) -> Assumed {
    let names = Names { profile, posted };
    let outer = by_profile(externals(profile).iter().find_map(|e| e.interfaces.first()))
        .or_else(|| by_rules(names.outer()))
        .unwrap_or_else(|| made_up(names.untrusted_name()));
    let inner = (!is_server(profile)).then(|| {
        by_profile(internal(profile).and_then(|i| i.interfaces.first()))
            .or_else(|| by_rules(names.inner(&outer.value)))
            .unwrap_or_else(|| made_up(other_name(&outer.value)))
    });
    let families = posted.families();
    let of_family = |family: &Family| called(profile, &names, *family);
    let called: Vec<Known<IpAddr>> = families.iter().flat_map(of_family).collect();
    let unseen = Family::BOTH.into_iter().filter(|f| !families.contains(f));
    let scene = Scene {
        profile,
        outer: &outer.value,
        inner: inner.as_ref().map(|i| i.value.as_str()),
    };
    let addresses = scene.addresses(&called);
    let own = |(interface, net): &(String, IpNet)| OwnAddress {
        interface: interface.clone(),
        net: *net,
    };
    let address = |(interface, net): &(String, IpNet)| routes::Address {
        interface: interface.clone(),
        net: *net,
        is_global: true,
    };
    Assumed {
        facts: Facts {
            addresses: Some(addresses.iter().map(address).collect()),
            unseen: unseen.collect(),
            ..Facts::of(Snapshot::blind(BLIND))
        },
        host: HostFacts {
            addresses: Some(addresses.iter().map(own).collect()),
            routes: Some(scene.routes(&families)),
            interfaces: None,
        },
        outer,
        called,
        inner,
    }
}

/// `eth1`, or `eth0` beside that.
fn other_name(outer: &str) -> String {
    if outer == "eth1" { "eth0" } else { "eth1" }.to_owned()
}

fn by_profile(value: Option<impl ToString>) -> Option<Known<String>> {
    value.map(|value| Known {
        value: value.to_string(),
        by: By::Profile,
    })
}

fn by_rules<T>(value: Option<T>) -> Option<Known<T>> {
    let by = By::Rules;
    value.map(|value| Known { value, by })
}

fn made_up<T>(value: T) -> Known<T> {
    let by = By::Nobody;
    Known { value, by }
}

/// The host's addresses that clients' packets come in to: where somebody else translates,
/// not those that clients call. None where a gateway routes and clients call the server.
fn called(profile: &Profile, names: &Names, family: Family) -> Vec<Known<IpAddr>> {
    let written: Vec<IpAddr> = if is_server(profile) {
        profile.server_address(family).into_iter().collect()
    } else if translated(profile, family) {
        let addresses = externals(profile).iter().filter_map(|e| e.address);
        addresses.filter(|a| Family::of(*a) == family).collect()
    } else {
        return Vec::new();
    };
    if written.is_empty() {
        let known = by_rules(names.called(family)).unwrap_or_else(|| {
            made_up(match family {
                Family::Ipv4 => CALLED4.into(),
                Family::Ipv6 => CALLED6.into(),
            })
        });
        return vec![known];
    }
    let by = By::Profile;
    written
        .into_iter()
        .map(|value| Known { value, by })
        .collect()
}

fn is_server(profile: &Profile) -> bool {
    matches!(profile.nat, Nat::None | Nat::Upstream { .. })
}

fn externals(profile: &Profile) -> &[External] {
    match &profile.nat {
        Nat::None => &[],
        Nat::Upstream { external, .. }
        | Nat::Dnat { external, .. }
        | Nat::Masquerade { external, .. } => external,
    }
}

fn internal(profile: &Profile) -> Option<&Internal> {
    match &profile.nat {
        Nat::None => None,
        Nat::Upstream { internal, .. } | Nat::Dnat { internal, .. } => internal.as_ref(),
        Nat::Masquerade { internal, .. } => Some(internal),
    }
}

/// Where the host stands.
struct Scene<'a> {
    profile: &'a Profile,
    outer: &'a str,
    inner: Option<&'a str>,
}

impl Scene<'_> {
    /// Its addresses: those that clients call, and on a gateway the first of each inside
    /// network that is not the server's.
    fn addresses(&self, called: &[Known<IpAddr>]) -> Vec<(String, IpNet)> {
        let outside = called
            .iter()
            .map(|c| (self.outer.to_owned(), c.value.into()));
        let inside = self.inner.into_iter().flat_map(|inner| {
            let own = |net: &IpNet| {
                let servers = &self.profile.server.addresses;
                let free = net.hosts().find(|a| !servers.contains(a))?;
                let net = IpNet::new(free, net.prefix_len()).ok()?;
                Some((inner.to_owned(), net))
            };
            internal(self.profile)
                .into_iter()
                .flat_map(move |i| i.networks.iter().filter_map(own))
        });
        outside.chain(inside).collect()
    }

    /// Outside is everything but the server and the inside networks.
    fn routes(&self, families: &[Family]) -> Vec<Route> {
        let default = families.iter().map(|family| {
            let anywhere = match family {
                Family::Ipv4 => IpAddr::from(Ipv4Addr::UNSPECIFIED),
                Family::Ipv6 => IpAddr::from(Ipv6Addr::UNSPECIFIED),
            };
            (IpNet::new(anywhere, 0).ok(), self.outer)
        });
        let inside = self.inner.into_iter().flat_map(|inner| {
            let servers = self
                .profile
                .server
                .addresses
                .iter()
                .map(|a| IpNet::from(*a));
            let networks = internal(self.profile)
                .into_iter()
                .flat_map(|i| i.networks.clone());
            servers.chain(networks).map(move |net| (Some(net), inner))
        });
        let route = |(to, interface): (Option<IpNet>, &str)| {
            Some(Route {
                to: to?,
                interface: Some(interface.to_owned()),
            })
        };
        default.chain(inside).filter_map(route).collect()
    }
}

#[cfg(test)]
mod tests;
