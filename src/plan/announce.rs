//! What a PASV reply names, and whether a strict client gets anywhere with it.

use std::net::IpAddr;

use crate::model::net::{Family, is_public};
use crate::profile::{Advertise, External, Nat, Profile};

/// Where the address in a 227 reply leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// To the external address, or the server's public one: where clients called.
    External,
    /// To the server's own address behind the translation.
    Inside,
    /// To a private address that is none of these.
    Private,
    /// To some other public address.
    Other,
}

/// What the server's 227 replies name, before any helper rewrites them. A host
/// name is taken to resolve to the external address; what it does resolve to is
/// the server's affair (FN507).
#[must_use]
pub fn announced(profile: &Profile) -> Announced {
    let Some(advertise) = &profile.passive.advertise else {
        return own_address(profile);
    };
    let Advertise::Address(address) = advertise else {
        return Announced::External;
    };
    let address = IpAddr::V4(*address);
    match &profile.nat {
        Nat::None => match profile.server_address(Family::Ipv4) {
            Some(own) => compare(address, &[own]),
            None => Announced::External,
        },
        Nat::Upstream { external, .. } | Nat::Dnat { external, .. } => {
            let known: Vec<IpAddr> = external.iter().filter_map(|e| e.address).collect();
            let dynamic = external.iter().any(|e| e.address.is_none());
            if dynamic && is_public(address) {
                Announced::External
            } else if profile.server_address(Family::Ipv4) == Some(address)
                && !known.contains(&address)
            {
                Announced::Inside
            } else {
                compare(address, &known)
            }
        }
        Nat::Masquerade { .. } => Announced::External,
    }
}

fn own_address(profile: &Profile) -> Announced {
    let is_translated = |external: &[External]| {
        external
            .iter()
            .any(|e| e.address.is_none_or(|a| a.is_ipv4()))
    };
    match &profile.nat {
        Nat::None | Nat::Masquerade { .. } => Announced::External,
        Nat::Upstream { external, .. } | Nat::Dnat { external, .. } => {
            if is_translated(external) {
                Announced::Inside
            } else {
                Announced::External
            }
        }
    }
}

fn compare(address: IpAddr, wanted: &[IpAddr]) -> Announced {
    if wanted.contains(&address) {
        Announced::External
    } else if is_public(address) {
        Announced::Other
    } else {
        Announced::Private
    }
}
