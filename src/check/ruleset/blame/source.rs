//! Connections that get through, but with a source that is not as it should be.

use std::net::IpAddr;

use crate::model::check as id;
use crate::model::net::{Family, InterfaceName};
use crate::plan::flows::{Part, Purpose};
use crate::plan::reach::untracked_by;
use crate::plan::{From, translated};
use crate::profile::Nat;
use crate::ruleset::eval::{Address, Translation, Where};

use super::super::super::Severity;
use super::cause::{Cause, Judge};
use super::expected::{must_open_itself, opens_itself};
use super::{Stop, is_translated};

impl Judge<'_, '_> {
    /// Let through, but with a source that should not be, or without one that should.
    pub(super) fn altered(&self, part: &Part) -> Option<Cause> {
        let nat = part.opening.nat.known()?;
        if let Some(untracked) = self
            .is_tracked_for_good()
            .then(|| untracked_by(part))
            .flatten()
        {
            return Some(Cause {
                severity: if self.wanted.opening.master_helper.is_some() {
                    self.severity_of_expected()
                } else {
                    self.severity()
                },
                ..self.cause(id::TRAFFIC_UNTRACKED, vec![Stop::first(untracked)])
            });
        }
        // What the helper expects follows its control connection.
        let settled = self.wanted.opening.settled;
        let source = &settled.unwrap_or(nat.translations).source;
        let family = self.wanted.opening.flow.family();
        let has_clients_here = matches!(self.profile.nat, Nat::Masquerade { .. });
        match (self.wanted.purpose, self.wanted.from) {
            _ if has_clients_here => None,
            (Purpose::ActiveData, _) => self.active_source(part, source, family),
            // Networks behind this host, as those of containers, are no clients outside.
            (_, From::Outside)
                if source.address != Address::Same
                    && nat.source_by.is_some_and(|by| self.is_will(by)) =>
            {
                None
            }
            (_, From::Outside) if source.address != Address::Same => Some(Cause {
                severity: if self.breaks_active(part) {
                    Severity::Error
                } else {
                    Severity::Warning
                },
                ..self.cause(
                    id::INBOUND_SNAT_HIDES_CLIENTS,
                    nat.source_by.into_iter().map(Stop::first).collect(),
                )
            }),
            (_, From::InsideExternal)
                if settled.is_none()
                    && source.address == Address::Same
                    && self.is_beside_the_server(part) =>
            {
                Some(self.cause(id::HAIRPIN_MISSING, Vec::new()))
            }
            _ => None,
        }
    }

    /// Whether connections that get through untracked do not work all the same: those of a
    /// gateway's clients leave untranslated, and an expectation that nothing comes up to makes
    /// the helper drop the next reply that names the same port (`nf_conntrack_ftp.c`, `help`).
    fn is_tracked_for_good(&self) -> bool {
        let is_expected = self.wanted.opening.master_helper.is_some();
        let leaves = matches!(self.profile.nat, Nat::Masquerade { .. })
            && translated(self.profile, self.wanted.opening.flow.family());
        is_expected || leaves
    }

    /// Whether a client in active mode names another address than the server sees: where the
    /// helper reads PORT, it names what the server sees.
    fn breaks_active(&self, part: &Part) -> bool {
        let is_read = part.opening.helper.known().is_some_and(Option::is_some)
            && !opens_itself(self.profile, self.wanted, |_, tls| tls);
        self.profile.active && self.wanted.purpose == Purpose::Control && !is_read
    }

    /// Whether the server answers this client without this host in between.
    fn is_beside_the_server(&self, part: &Part) -> bool {
        let Nat::Dnat {
            internal: Some(internal),
            ..
        } = &self.profile.nat
        else {
            return false;
        };
        let flow = self.wanted.opening.flow.at(&part.region);
        let Some(server) = self.profile.server_address(flow.family()) else {
            return false;
        };
        let networks = internal.networks_of(flow.family());
        let mut networks = networks.iter();
        networks.any(|net| net.contains(&flow.source.0) && net.contains(&server))
    }

    /// The server's own connections must come from the address that the client called.
    fn active_source(&self, part: &Part, source: &Translation, family: Family) -> Option<Cause> {
        if !is_translated(self.profile, family) || !must_open_itself(self.profile, self.wanted) {
            return None;
        }
        let Nat::Dnat { external, .. } = &self.profile.nat else {
            return None;
        };
        let own = self.facts.addresses.as_deref().unwrap_or_default();
        let named: Vec<IpAddr> = external.iter().filter_map(|e| e.address).collect();
        let is_called = |address: &IpAddr| {
            let is_own = || own.iter().any(|a| a.net.addr() == *address);
            named.contains(address) || named.is_empty() && is_own()
        };
        let by_name = external.iter().flat_map(|e| &e.interfaces);
        let by_address = own.iter().filter(|a| named.contains(&a.net.addr()));
        let outer: Vec<&str> = by_name
            .map(InterfaceName::as_str)
            .chain(by_address.map(|a| a.interface.as_str()))
            .collect();
        let is_inside = match &part.opening.to {
            Some(Where::Out(Some(by))) => !outer.is_empty() && !outer.contains(&by.as_str()),
            _ => false,
        };
        match source.address {
            // Who is not outside called another address.
            _ if is_inside => None,
            Address::Within(first, last) if first == last && is_called(&first) => None,
            Address::Unknown | Address::Moved(_) => None,
            Address::Same | Address::Within(..) => {
                Some(self.cause(id::SNAT_MISSING_FOR_ACTIVE, Vec::new()))
            }
        }
    }
}
