//! Rules on the gateway in front of the server: `nat.mode` dnat.
//!
//! A translated family gets DNAT for the control ports and, with the very same
//! port numbers, for the passive range: the number in an encrypted reply cannot be
//! rewritten. A routed family gets the accepts alone.

mod accept;
mod translate;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::filter::{Chain, Match, Rule, Statement};
use crate::model::net::Family;
use crate::profile::{External, Internal, Profile};

use super::families::{externals_of, networks_of};
use super::helper::helper_ports;
use super::parts::{from_address, is_restricted, rule, to_address};

/// The rules of one family on the gateway; none where the server has no address
/// of that family.
pub(super) fn rules(
    profile: &Profile,
    family: Family,
    external: &[External],
    internal: Option<&Internal>,
    hairpin: bool,
) -> Vec<Rule> {
    let Some(server) = profile.server_address(family) else {
        return Vec::new();
    };
    let inside = internal.map(|i| networks_of(i, family)).unwrap_or_default();
    let gateway = Gateway {
        profile,
        family,
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
        if let Some(first) = externals_of(external, family).next() {
            rules.push(gateway.translate_active(first));
        }
    }
    if !helper_ports(profile, family).is_empty() {
        rules.extend(gateway.accept_expected());
    }
    rules
}

struct Gateway<'a> {
    profile: &'a Profile,
    family: Family,
    server: IpAddr,
    internal: Option<&'a Internal>,
    inside: Vec<IpNet>,
    hairpin: bool,
}

impl Gateway<'_> {
    fn rule(
        &self,
        chain: Chain,
        name: &'static str,
        why: impl Into<String>,
        matches: Vec<Option<Match>>,
        statement: Statement,
    ) -> Rule {
        rule(
            self.profile,
            self.family,
            chain,
            name,
            why,
            matches,
            statement,
        )
    }

    fn clients(&self) -> Vec<IpNet> {
        self.profile.clients_of(self.family)
    }

    /// Who may pass to the server: the clients, and with hairpin the inside
    /// networks, which the profile invites whatever `clients` says.
    fn sources(&self) -> Vec<IpNet> {
        let mut sources = self.clients();
        if self.hairpin && is_restricted(&sources) {
            sources.extend(
                self.inside
                    .iter()
                    .filter(|n| !sources.contains(n))
                    .copied()
                    .collect::<Vec<_>>(),
            );
        }
        sources
    }

    fn sent_to_server(&self) -> Option<Match> {
        to_address(Some(self.server))
    }

    fn sent_by_server(&self) -> Option<Match> {
        from_address(Some(self.server))
    }
}
