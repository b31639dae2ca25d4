//! Rules on the gateway in front of the server: `nat.mode` dnat.
//!
//! A translated family gets DNAT for the control ports and, with the very same
//! port numbers, for the passive range: the number in an encrypted reply cannot be
//! rewritten. A routed family gets the accepts alone.

mod accept;
mod translate;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::filter::{Match, Rule};
use crate::profile::{External, Internal};

use super::families::externals_of;
use super::helper::helper_ports;
use super::parts::{Scope, from_address, is_restricted, to_address};

/// The rules of one family on the gateway; none where the server has no address
/// of that family.
pub(super) fn rules(
    scope: Scope<'_>,
    external: &[External],
    internal: Option<&Internal>,
    hairpin: bool,
) -> Vec<Rule> {
    let Scope { profile, family } = scope;
    let Some(server) = scope.server() else {
        return Vec::new();
    };
    let inside = internal.map(|i| i.networks_of(family)).unwrap_or_default();
    // Nobody is inside in a family without networks there: a rule for them would be one for
    // everybody, and hide every client's address from the server.
    let hairpin = hairpin && !inside.is_empty();
    let gateway = Gateway {
        scope,
        server,
        internal,
        inside,
        hairpin,
    };
    let mut rules = Vec::new();
    for external in externals_of(external, family) {
        for entry in gateway.entries(external) {
            rules.extend(gateway.translate(external, &entry));
        }
    }
    rules.extend(gateway.accept_forward());
    rules.extend(gateway.accept_own());
    if hairpin && externals_of(external, family).next().is_some() {
        rules.push(gateway.turn_hairpin_back());
    }
    if profile.active {
        rules.extend(gateway.accept_active());
        rules.extend(gateway.translate_active(externals_of(external, family).collect()));
    }
    if !helper_ports(profile, family).is_empty() {
        rules.extend(gateway.accept_expected());
    }
    rules
}

struct Gateway<'a> {
    scope: Scope<'a>,
    server: IpAddr,
    internal: Option<&'a Internal>,
    inside: Vec<IpNet>,
    hairpin: bool,
}

impl Gateway<'_> {
    /// Who may pass to the server: the clients, and with hairpin the inside
    /// networks, which the profile invites whatever `clients` says.
    fn sources(&self) -> Vec<IpNet> {
        let mut sources = self.scope.clients();
        if self.hairpin && is_restricted(&sources) {
            sources.extend(&self.inside);
        }
        IpNet::aggregate(&sources)
    }

    fn sent_to_server(&self) -> Option<Match> {
        to_address(Some(self.server))
    }

    fn sent_by_server(&self) -> Option<Match> {
        from_address(Some(self.server))
    }
}
