//! Which families a profile serves, and which of them are translated.

use ipnet::IpNet;

use crate::model::net::Family;
use crate::profile::{External, Nat, Profile};

/// The families that the profile's server is reached by, IPv4 first.
///
/// Where server addresses are given they say so; an upstream translation
/// without one follows its external addresses; a gateway of clients follows the
/// inside networks. A family in which nobody is a client is not served.
#[must_use]
pub fn served_families(profile: &Profile) -> Vec<Family> {
    let reached = |family: Family| match &profile.nat {
        _ if is_gateway_of_clients(profile) => inside_has(profile, family),
        _ if !profile.server.addresses.is_empty() => profile.server_address(family).is_some(),
        Nat::Upstream { external, .. } => has_address(external, family),
        _ => true,
    };
    Family::BOTH
        .into_iter()
        .filter(|f| reached(*f) && !profile.clients_of(*f).is_empty())
        .collect()
}

/// Whether packets of `family` are translated on their way to the server.
///
/// A family with an external address is translated, one with only a server
/// address is routed. An external without an address (dynamic) and masquerade
/// without one mean IPv4: hosts do not translate IPv6 unless told an address.
#[must_use]
pub fn translated(profile: &Profile, family: Family) -> bool {
    match &profile.nat {
        Nat::None => false,
        Nat::Upstream { external, .. } => has_address(external, family),
        Nat::Dnat { external, .. } => externals_of(external, family).next().is_some(),
        Nat::Masquerade { external, .. } => family == Family::Ipv4 || has_address(external, family),
    }
}

/// The externals that translate `family`.
pub(super) fn externals_of(
    external: &[External],
    family: Family,
) -> impl Iterator<Item = &External> {
    external.iter().filter(move |e| match e.address {
        Some(address) => Family::of(address) == family,
        None => family == Family::Ipv4,
    })
}

fn has_address(external: &[External], family: Family) -> bool {
    external
        .iter()
        .any(|e| e.address.is_some_and(|a| Family::of(a) == family))
}

fn is_gateway_of_clients(profile: &Profile) -> bool {
    matches!(profile.nat, Nat::Masquerade { .. })
}

fn inside_has(profile: &Profile, family: Family) -> bool {
    let Nat::Masquerade { external, internal } = &profile.nat else {
        return false;
    };
    let server_allows =
        profile.server.addresses.is_empty() || profile.server_address(family).is_some();
    let described = if internal.networks.is_empty() {
        family == Family::Ipv4 || has_address(external, family)
    } else {
        !internal.networks_of(family).is_empty()
    };
    server_allows && described
}

/// Whether everyone in `networks` is a client of the profile.
pub(super) fn are_clients(profile: &Profile, family: Family, networks: &[IpNet]) -> bool {
    let clients = profile.clients_of(family);
    networks
        .iter()
        .all(|network| clients.iter().any(|c| c.contains(network)))
}
