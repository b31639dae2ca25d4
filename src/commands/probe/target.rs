//! Whom to call, and how.

use std::net::{IpAddr, SocketAddr};

use rustls::pki_types::ServerName;

use crate::cli::{Probe, ProbeTls};
use crate::model::ftp::Tls;
use crate::output::{Failure, one_line};
use crate::probe::seen::Encryption;
use crate::profile::{Control, Nat, Profile};
use crate::sys::calls;

/// FTP's control port, and that of implicit TLS by custom.
const PORT: u16 = 21;
const IMPLICIT_PORT: u16 = 990;

/// A server to be probed.
pub(super) struct Target {
    /// As it was named.
    pub(super) host: String,
    /// The same for TLS.
    pub(super) name: ServerName<'static>,
    /// Its addresses, one of each family at most.
    pub(super) addresses: Vec<SocketAddr>,
    /// How TLS begins there, where that is known.
    pub(super) encryption: Option<Encryption>,
}

impl Target {
    /// What was asked for, with what the profile knows.
    pub(super) fn of(asked: &Probe, profile: Option<&Profile>) -> anyhow::Result<Self> {
        let host = asked.host.trim_matches(['[', ']']).to_owned();
        let shown = one_line(&host);
        let control = profile.map(|profile| control(asked, profile));
        let port = port(asked, profile, control);
        let name = ServerName::try_from(host.clone()).map_err(|_| {
            Failure::usage(format!(
                "`{shown}` is no host: name or address alone, --port apart"
            ))
        })?;
        let found = calls::resolve(&host).map_err(|error| {
            Failure::cannot(format!("cannot find the address of {shown}: {error}"))
        })?;
        Ok(Self {
            addresses: one_of_each(&found, port),
            encryption: encryption(asked, port, control),
            host,
            name,
        })
    }
}

/// The control port of the profile that is meant.
fn control(asked: &Probe, profile: &Profile) -> Control {
    let mut all = profile.control.iter().copied();
    let named = all.clone().find(|control| {
        let fits = match asked.tls {
            ProbeTls::Implicit => control.tls == Tls::Implicit,
            ProbeTls::None => control.tls.offers_plain(),
            ProbeTls::Explicit => matches!(control.tls, Tls::Optional | Tls::Required),
            ProbeTls::Auto => true,
        };
        fits && asked.port.is_none_or(|port| port == control.port)
    });
    // A profile has one at least.
    named.or_else(|| all.next()).unwrap_or(Control {
        port: PORT,
        tls: Tls::Optional,
    })
}

fn port(asked: &Probe, profile: Option<&Profile>, control: Option<Control>) -> u16 {
    let outside = match profile.map(|profile| &profile.nat) {
        Some(Nat::Upstream { external, .. } | Nat::Dnat { external, .. }) => {
            external.iter().find_map(|external| external.port)
        }
        _ => None,
    };
    let is_implicit = asked.tls == ProbeTls::Implicit;
    let custom = if is_implicit { IMPLICIT_PORT } else { PORT };
    asked
        .port
        .or(outside)
        .or(control.map(|control| control.port))
        .unwrap_or(custom)
}

fn encryption(asked: &Probe, port: u16, control: Option<Control>) -> Option<Encryption> {
    match (asked.tls, control.map(|control| control.tls)) {
        (ProbeTls::None, _) | (ProbeTls::Auto, Some(Tls::None)) => Some(Encryption::Plain),
        (ProbeTls::Explicit, _) | (ProbeTls::Auto, Some(Tls::Optional | Tls::Required)) => {
            Some(Encryption::Explicit)
        }
        (ProbeTls::Implicit, _) | (ProbeTls::Auto, Some(Tls::Implicit)) => {
            Some(Encryption::Implicit)
        }
        (ProbeTls::Auto, None) => (port == IMPLICIT_PORT).then_some(Encryption::Implicit),
    }
}

/// The first address of each family, in the order in which they came.
fn one_of_each(found: &[IpAddr], port: u16) -> Vec<SocketAddr> {
    let mut one: Vec<SocketAddr> = Vec::new();
    for address in found {
        if one.iter().all(|other| other.is_ipv4() != address.is_ipv4()) {
            one.push(SocketAddr::new(*address, port));
        }
    }
    one
}
