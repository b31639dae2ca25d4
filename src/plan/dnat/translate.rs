//! What the gateway translates: DNAT for each way in, SNAT for hairpin and active
//! data, and the helper where a plain client needs it.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use crate::model::filter::{Chain, Match, Rule, Statement};
use crate::model::net::{InterfaceName, PortRange};
use crate::plan::helper::helper_ports;
use crate::plan::parts::{
    all_ports, arrives_on, control_ports, from, is_restricted, leaves_by, to, to_address, to_ports,
    to_range, words,
};
use crate::profile::External;

use super::Gateway;

/// One way by which packets for an external address reach this host.
pub(super) struct Entry {
    /// Where DNAT sees them.
    nat: Chain,
    /// Where the helper is assigned to them.
    helper: Chain,
    /// Names of the helper, control and passive rules.
    names: [&'static str; 3],
    /// What tells them from others, but for the ports.
    matches: Vec<Option<Match>>,
    /// Who comes this way, for the reason.
    who: &'static str,
}

impl Gateway<'_> {
    pub(super) fn entries(&self, external: &External) -> Vec<Entry> {
        let mut entries = vec![Entry {
            nat: Chain::NAT_PREROUTING,
            helper: Chain::HELPER_PREROUTING,
            names: ["helper", "dnat-control", "dnat-passive"],
            matches: vec![
                arrives_on(&external.interfaces),
                from(&self.scope.clients()),
                to_external(external),
            ],
            who: "clients",
        }];
        let seen_already = external.interfaces.is_empty() && !is_restricted(&self.scope.clients());
        if self.hairpin && !seen_already {
            entries.push(Entry {
                nat: Chain::NAT_PREROUTING,
                helper: Chain::HELPER_PREROUTING,
                names: [
                    "hairpin-helper",
                    "hairpin-dnat-control",
                    "hairpin-dnat-passive",
                ],
                matches: vec![
                    arrives_on(self.internal.map_or(&[], |i| &i.interfaces)),
                    from(&self.inside),
                    to_external(external),
                    self.not_inside(external, &[]),
                ],
                who: "inside clients",
            });
        }
        // With a dynamic address nothing tells this host's outside address from
        // its inside one but the inside networks.
        if external.address.is_some() || !self.inside.is_empty() {
            entries.push(Entry {
                nat: Chain::NAT_OUTPUT,
                helper: Chain::HELPER_OUTPUT,
                names: [
                    "gateway-helper",
                    "gateway-dnat-control",
                    "gateway-dnat-passive",
                ],
                matches: vec![
                    to_external(external),
                    self.not_inside(external, &[loopback_v4()]),
                ],
                who: "clients on this host",
            });
        }
        entries
    }

    pub(super) fn translate(&self, external: &External, entry: &Entry) -> Vec<Rule> {
        let inside_ports = control_ports(self.scope.profile);
        let outside_ports = external
            .port
            .map_or_else(|| inside_ports.clone(), |p| vec![p]);
        let shifted = external
            .port
            .filter(|p| inside_ports != [*p])
            .and(inside_ports.first().copied());
        let with = |ports: Option<Match>| {
            let mut matches = entry.matches.clone();
            matches.push(ports);
            matches
        };
        let [helper, control, passive] = entry.names;
        let mut rules = vec![
            self.scope.rule(
                entry.nat,
                control,
                format!("{} use the external address, port {}", entry.who, words(&outside_ports)),
                with(to_ports(&outside_ports)),
                Statement::Dnat { to: self.server, port: shifted },
            ),
            self.scope.rule(
                entry.nat,
                passive,
                "the passive range, port for port: the announced number is encrypted and cannot follow a shift",
                with(to_range(self.scope.profile.passive.ports)),
                Statement::Dnat { to: self.server, port: None },
            ),
        ];
        let plain = helper_ports(self.scope.profile, self.scope.family);
        if !plain.is_empty() {
            let ports = external.port.map_or(plain, |p| vec![p]);
            rules.push(self.scope.rule(
                entry.helper,
                helper,
                "plain replies and PORT commands name an inside address; no kernel since 6.0 assigns the ftp helper by itself",
                with(to_ports(&ports)),
                Statement::AssignHelper,
            ));
        }
        rules
    }

    /// Without this the server answers an inside client directly, from an address
    /// that the client never called.
    pub(super) fn turn_hairpin_back(&self) -> Rule {
        self.scope.rule(
            Chain::NAT_POSTROUTING,
            "hairpin-snat",
            "inside clients of the external address must get their answers by way of this host",
            vec![
                from(&self.inside),
                self.sent_to_server(),
                Some(Match::TcpDestinationPort(all_ports(self.scope.profile))),
                Some(Match::CtDnat),
            ],
            Statement::Masquerade,
        )
    }

    /// One rule for each way out. Two externals that share a way, or name none,
    /// cannot be told apart: the first counts.
    pub(super) fn translate_active(&self, externals: Vec<&External>) -> Vec<Rule> {
        let mut ways: Vec<&[InterfaceName]> = Vec::new();
        let mut rules = Vec::new();
        for external in externals {
            if !ways.contains(&external.interfaces.as_slice()) {
                ways.push(&external.interfaces);
                rules.push(self.translate_active_by(external));
            }
        }
        rules
    }

    fn translate_active_by(&self, external: &External) -> Rule {
        let statement = external
            .address
            .map_or(Statement::Masquerade, |to| Statement::Snat { to });
        let clients = self.scope.clients();
        // An inside client keeps seeing the server's own address. Where no client is
        // inside, nobody would miss that exception.
        let shares = |net: &&IpNet| clients.iter().any(|c| c.contains(*net) || net.contains(c));
        let inside: Vec<IpNet> = self.inside.iter().filter(shares).copied().collect();
        self.scope.rule(
            Chain::NAT_POSTROUTING,
            "active-snat",
            "active data must come from the address that the client called",
            vec![
                self.sent_by_server(),
                to(&clients),
                (!inside.is_empty()).then_some(Match::NotDestination(inside)),
                leaves_by(&external.interfaces),
                to_range(PortRange::UNPRIVILEGED),
            ],
            statement,
        )
    }

    /// Where the external address is dynamic: not this host's inside addresses,
    /// which are local to it as well.
    fn not_inside(&self, external: &External, others: &[IpNet]) -> Option<Match> {
        let networks = [&self.inside[..], others].concat();
        (external.address.is_none() && !networks.is_empty())
            .then_some(Match::NotDestination(networks))
    }
}

fn to_external(external: &External) -> Option<Match> {
    to_address(external.address).or(Some(Match::DestinationIsLocal))
}

fn loopback_v4() -> IpNet {
    // A dynamic external address is IPv4 (see `families::translated`).
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8))
}
