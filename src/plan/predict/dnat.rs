//! Predictions where this host is the gateway in front of the server.

use std::net::IpAddr;

use crate::model::check::{
    ACTIVE_DATA_BLOCKED, ACTIVE_WITH_TLS_BEHIND_NAT, ADVERTISE_DIFFERS_FROM_EXTERNAL,
    ADVERTISE_MISSING, ADVERTISE_NOT_PUBLIC, DATA_SOURCE_REJECTED, HAIRPIN_MISSING,
    HELPER_NOT_ASSIGNED,
};
use crate::model::ftp::ClientMode;
use crate::model::net::Family;
use crate::plan::announce::{Announced, announced};
use crate::plan::families::{are_clients, externals_of, translated};
use crate::plan::helper::helper_ports;
use crate::plan::parts::is_restricted;
use crate::profile::{Advertise, External, Internal, Profile};

use super::{From, Judgement, Session};

/// Inside clients are judged where the profile describes the inside network.
pub(super) fn origins(
    profile: &Profile,
    external: &[External],
    internal: Option<&Internal>,
    hairpin: bool,
    family: Family,
) -> Vec<From> {
    let inside = internal.map(|i| i.networks_of(family)).unwrap_or_default();
    let translated = translated(profile, family);
    let known = serves_own_clients(external, internal, family);
    let mut origins = vec![From::Outside];
    if !inside.is_empty() {
        if translated {
            origins.push(From::InsideExternal);
        }
        // Across this host only clients get through, and who hairpin invites; in
        // the server's own network nobody asks this host.
        let beside = profile
            .server_address(family)
            .is_some_and(|server| inside.iter().any(|n| n.contains(&server)));
        if beside || hairpin || are_clients(profile, family, &inside) {
            origins.push(From::InsideDirect);
        }
    }
    if !translated || known {
        origins.push(From::Gateway);
    }
    origins
}

/// Nothing tells a dynamic external address from this host's others but the inside
/// networks; without them the gateway's own clients are not translated.
pub(in crate::plan) fn serves_own_clients(
    external: &[External],
    internal: Option<&Internal>,
    family: Family,
) -> bool {
    let inside = internal.map(|i| i.networks_of(family)).unwrap_or_default();
    externals_of(external, family).any(|e| e.address.is_some()) || !inside.is_empty()
}

pub(super) fn judge(
    profile: &Profile,
    external: &[External],
    internal: Option<&Internal>,
    hairpin: bool,
    session: Session,
) -> Judgement {
    let family = session.family;
    let inside = internal.map(|i| i.networks_of(family)).unwrap_or_default();
    let server = profile.server_address(family);
    let shares_network = |address: IpAddr| inside.iter().any(|n| n.contains(&address));
    // Without hairpin an inside client still gets through where DNAT asks for no
    // interface and the answer passes this host anyway.
    let turned_back = hairpin
        || externals_of(external, family).any(|e| e.interfaces.is_empty())
            && !is_restricted(&profile.clients_of(family))
            && !server.is_some_and(shares_network);
    let view = View {
        profile,
        session,
        turned_back,
        hides_inside_clients: hairpin,
        calls_another: calls_another(profile, external, session),
    };
    match session.from {
        From::Outside => view.outside(),
        From::InsideExternal if !turned_back => Err(HAIRPIN_MISSING),
        From::InsideExternal => view.inside_external(),
        From::InsideDirect => view.inside_direct(),
        From::Gateway => view.gateway(),
    }
}

/// Whether a client of this control port calls an external address that is not the one that
/// `227` names. A host name stands for the first one; a dynamic address, of which there is one
/// for each interface, for a literal that no other external has.
fn calls_another(profile: &Profile, external: &[External], session: Session) -> bool {
    let of_family = || externals_of(external, session.family);
    let literal = match &profile.passive.advertise {
        Some(Advertise::Address(address)) => Some(IpAddr::V4(*address)),
        Some(Advertise::Name(_)) | None => None,
    };
    let named = of_family().find(|e| match literal {
        Some(literal) => e.address == Some(literal),
        None => true,
    });
    let named = named.or_else(|| of_family().find(|e| e.address.is_none()));
    let is_announced = |e: &External| {
        let is_one = e.address.is_some() || e.interfaces.len() <= 1;
        named == Some(e) && is_one
    };
    let is_called = |e: &&External| e.port.unwrap_or(session.control.port) == session.called;
    of_family().filter(is_called).any(|e| !is_announced(e))
}

struct View<'a> {
    profile: &'a Profile,
    session: Session,
    /// Inside clients reach the server by the external address.
    turned_back: bool,
    /// They do, and the server sees this host in their place.
    hides_inside_clients: bool,
    /// An external address that it calls is not the announced one.
    calls_another: bool,
}

impl View<'_> {
    fn outside(&self) -> Judgement {
        match self.session.client {
            ClientMode::Pasv => match self.announced_through_here() {
                Announced::External => Ok(()),
                Announced::Inside if self.profile.passive.advertise.is_none() => {
                    Err(ADVERTISE_MISSING)
                }
                Announced::Inside | Announced::Private => Err(ADVERTISE_NOT_PUBLIC),
                Announced::Other => Err(ADVERTISE_DIFFERS_FROM_EXTERNAL),
            },
            // A client with an address of its own: SNAT gives the server the
            // address that it called.
            ClientMode::Epsv | ClientMode::Port | ClientMode::Eprt => Ok(()),
        }
    }

    fn inside_external(&self) -> Judgement {
        match self.session.client {
            ClientMode::Epsv => Ok(()),
            ClientMode::Pasv => match self.announced_through_here() {
                Announced::External => Ok(()),
                Announced::Inside => self.data_from_other_address(self.hides_inside_clients),
                Announced::Private => Err(ADVERTISE_NOT_PUBLIC),
                Announced::Other => Err(ADVERTISE_DIFFERS_FROM_EXTERNAL),
            },
            ClientMode::Port | ClientMode::Eprt if !self.hides_inside_clients || self.helped() => {
                Ok(())
            }
            ClientMode::Port | ClientMode::Eprt if self.session.tls => {
                Err(ACTIVE_WITH_TLS_BEHIND_NAT)
            }
            ClientMode::Port | ClientMode::Eprt => Err(HELPER_NOT_ASSIGNED),
        }
    }

    /// The control connection does not pass the translation, so no helper reads it.
    fn inside_direct(&self) -> Judgement {
        match self.session.client {
            ClientMode::Epsv | ClientMode::Port | ClientMode::Eprt => Ok(()),
            ClientMode::Pasv => match announced(self.profile) {
                _ if !self.translated() => Ok(()),
                Announced::Inside => Ok(()),
                Announced::External if !self.turned_back => Err(HAIRPIN_MISSING),
                Announced::External => self.data_from_other_address(self.hides_inside_clients),
                Announced::Private => Err(ADVERTISE_NOT_PUBLIC),
                Announced::Other => Err(ADVERTISE_DIFFERS_FROM_EXTERNAL),
            },
        }
    }

    fn gateway(&self) -> Judgement {
        match self.session.client {
            ClientMode::Epsv => Ok(()),
            ClientMode::Pasv => match self.announced_through_here() {
                // What this host sends to an address of its own comes from there: data from
                // the announced one, control from the one that was called.
                Announced::External => {
                    let is_announced = announced(self.profile) == Announced::External;
                    self.data_from_other_address(self.calls_another && is_announced)
                }
                Announced::Inside => self.data_from_other_address(self.translated()),
                Announced::Private => Err(ADVERTISE_NOT_PUBLIC),
                Announced::Other => Err(ADVERTISE_DIFFERS_FROM_EXTERNAL),
            },
            // The server would have to reach a high port of the gateway itself;
            // only what the helper expects is let in there.
            ClientMode::Port | ClientMode::Eprt if self.helped() => Ok(()),
            ClientMode::Port | ClientMode::Eprt => Err(ACTIVE_DATA_BLOCKED),
        }
    }

    /// Whether the helper reads this control connection, where it passes this host.
    fn helped(&self) -> bool {
        let Session {
            tls,
            family,
            control,
            ..
        } = self.session;
        !tls && helper_ports(self.profile, family).contains(&control.port)
    }

    fn translated(&self) -> bool {
        translated(self.profile, self.session.family)
    }

    /// What the client reads in the 227 reply after the helper, if any, saw it.
    /// The helper rewrites the server's own address only (`nf_conntrack_ftp.c`, `help`).
    fn announced_through_here(&self) -> Announced {
        match announced(self.profile) {
            Announced::Inside if self.helped() => Announced::External,
            other => other,
        }
    }

    fn data_from_other_address(&self, differs: bool) -> Judgement {
        if differs && self.profile.server.software.rejects_other_peer() {
            Err(DATA_SOURCE_REJECTED)
        } else {
            Ok(())
        }
    }
}
