//! Rules on the gateway in front of the server: `nat.mode` dnat.
//!
//! A translated family gets DNAT for the control ports and, with the very same
//! port numbers, for the passive range: the number in an encrypted reply cannot be
//! rewritten. A routed family gets the accepts alone.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::model::filter::{Chain, Match, Rule, Statement};
use crate::model::net::{Family, PortRange};
use crate::profile::{External, Internal, Profile};

use super::families::{externals_of, networks_of};
use super::helper::helper_ports;
use super::parts::{
    all_ports, arrives_on, control_ports, expected_by_helper, from, from_address, from_ports,
    from_range, is_restricted, leaves_by, new_and_established, related_icmp, replies, rule, to,
    to_address, to_ports, to_range, where_dropped, words,
};
use super::server_side::passive_range_why;

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

/// One way by which packets for an external address reach this host.
struct Entry {
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

    fn entries(&self, external: &External) -> Vec<Entry> {
        let mut entries = vec![Entry {
            nat: Chain::NAT_PREROUTING,
            helper: Chain::HELPER_PREROUTING,
            names: ["helper", "dnat-control", "dnat-passive"],
            matches: vec![
                arrives_on(&external.interfaces),
                from(&self.clients()),
                to_external(external),
            ],
            who: "clients",
        }];
        let seen_already = external.interfaces.is_empty() && !is_restricted(&self.clients());
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

    fn translate(&self, external: &External, entry: &Entry) -> Vec<Rule> {
        let inside_ports = control_ports(self.profile);
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
            self.rule(
                entry.nat,
                control,
                format!("{} use the external address, port {}", entry.who, words(&outside_ports)),
                with(to_ports(&outside_ports)),
                Statement::Dnat { to: self.server, port: shifted },
            ),
            self.rule(
                entry.nat,
                passive,
                "the passive range, port for port: the announced number is encrypted and cannot follow a shift",
                with(to_range(self.profile.passive.ports)),
                Statement::Dnat { to: self.server, port: None },
            ),
        ];
        let plain = helper_ports(self.profile, self.family);
        if !plain.is_empty() {
            let ports = external.port.map_or(plain, |p| vec![p]);
            rules.push(self.rule(
                entry.helper,
                helper,
                "plain replies and PORT commands name an inside address; no kernel since 6.0 assigns the ftp helper by itself",
                with(to_ports(&ports)),
                Statement::AssignHelper,
            ));
        }
        rules
    }

    fn accept_forward(&self) -> Vec<Rule> {
        let ports = control_ports(self.profile);
        let sources = self.sources();
        let mut rules = vec![
            self.rule(
                Chain::FILTER_FORWARD,
                "control",
                format!("clients log in on the server's port {}", words(&ports)),
                vec![
                    from(&sources),
                    self.sent_to_server(),
                    to_ports(&ports),
                    new_and_established(),
                ],
                Statement::Accept,
            ),
            self.rule(
                Chain::FILTER_FORWARD,
                "passive-range",
                passive_range_why(self.profile),
                vec![
                    from(&sources),
                    self.sent_to_server(),
                    to_range(self.profile.passive.ports),
                    new_and_established(),
                ],
                Statement::Accept,
            ),
            related_icmp(self.profile, self.family, Chain::FILTER_FORWARD),
        ];
        for (name, why, sport) in [
            (
                "control-replies",
                "what the server answers on its control connections",
                from_ports(&ports),
            ),
            (
                "passive-replies",
                "what the server sends on passive data connections",
                from_range(self.profile.passive.ports),
            ),
        ] {
            let [established, reply] = replies();
            rules.push(where_dropped(self.rule(
                Chain::FILTER_FORWARD,
                name,
                why,
                vec![self.sent_by_server(), sport, established, reply],
                Statement::Accept,
            )));
        }
        rules
    }

    /// This host as a client of the server.
    fn accept_own(&self) -> Vec<Rule> {
        let [established, reply] = replies();
        let ports = all_ports(self.profile);
        vec![
            where_dropped(self.rule(
                Chain::FILTER_OUTPUT,
                "gateway-to-server",
                "clients on this host reach the server",
                vec![
                    self.sent_to_server(),
                    Some(Match::TcpDestinationPort(ports.clone())),
                    new_and_established(),
                ],
                Statement::Accept,
            )),
            where_dropped(self.rule(
                Chain::FILTER_INPUT,
                "gateway-replies",
                "what the server answers clients on this host",
                vec![
                    self.sent_by_server(),
                    Some(Match::TcpSourcePort(ports)),
                    established,
                    reply,
                ],
                Statement::Accept,
            )),
        ]
    }

    /// Without this the server answers an inside client directly, from an address
    /// that the client never called.
    fn turn_hairpin_back(&self) -> Rule {
        self.rule(
            Chain::NAT_POSTROUTING,
            "hairpin-snat",
            "inside clients of the external address must get their answers by way of this host",
            vec![
                from(&self.inside),
                self.sent_to_server(),
                Some(Match::TcpDestinationPort(all_ports(self.profile))),
                Some(Match::CtDnat),
            ],
            Statement::Masquerade,
        )
    }

    fn accept_active(&self) -> Vec<Rule> {
        let [established, reply] = replies();
        let sources = self.sources();
        vec![
            self.rule(
                Chain::FILTER_FORWARD,
                "active-data",
                "the server opens active data connections itself, from any source port",
                vec![
                    self.sent_by_server(),
                    to(&sources),
                    to_range(PortRange::UNPRIVILEGED),
                    new_and_established(),
                ],
                Statement::Accept,
            ),
            where_dropped(self.rule(
                Chain::FILTER_FORWARD,
                "active-replies",
                "what clients send on active data connections",
                vec![
                    from(&sources),
                    self.sent_to_server(),
                    from_range(PortRange::UNPRIVILEGED),
                    established,
                    reply,
                ],
                Statement::Accept,
            )),
        ]
    }

    fn translate_active(&self, external: &External) -> Rule {
        let statement = external
            .address
            .map_or(Statement::Masquerade, |to| Statement::Snat { to });
        self.rule(
            Chain::NAT_POSTROUTING,
            "active-snat",
            "active data must come from the address that the client called",
            vec![
                self.sent_by_server(),
                to(&self.clients()),
                (!self.inside.is_empty()).then(|| Match::NotDestination(self.inside.clone())),
                leaves_by(&external.interfaces),
                to_range(PortRange::UNPRIVILEGED),
            ],
            statement,
        )
    }

    fn accept_expected(&self) -> Vec<Rule> {
        let [related, helper] = expected_by_helper();
        let expected = [related, helper];
        let with = |mut matches: Vec<Option<Match>>| {
            matches.extend(expected.clone());
            matches
        };
        let why = "with the helper assigned, plain data connections are RELATED, not NEW";
        let mut rules = vec![
            self.rule(
                Chain::FILTER_FORWARD,
                "related",
                why,
                with(vec![
                    from(&self.sources()),
                    self.sent_to_server(),
                    to_range(self.profile.passive.ports),
                ]),
                Statement::Accept,
            ),
            where_dropped(self.rule(
                Chain::FILTER_OUTPUT,
                "gateway-related",
                why,
                with(vec![
                    self.sent_to_server(),
                    to_range(self.profile.passive.ports),
                ]),
                Statement::Accept,
            )),
        ];
        if self.profile.active {
            rules.push(self.rule(
                Chain::FILTER_FORWARD,
                "active-related",
                why,
                with(vec![
                    self.sent_by_server(),
                    to(&self.sources()),
                    to_range(PortRange::UNPRIVILEGED),
                ]),
                Statement::Accept,
            ));
            rules.push(self.rule(
                Chain::FILTER_INPUT,
                "gateway-active-related",
                "plain active data for clients on this host, where the helper expects it",
                with(vec![
                    self.sent_by_server(),
                    to_range(PortRange::UNPRIVILEGED),
                ]),
                Statement::Accept,
            ));
        }
        rules
    }

    fn sent_to_server(&self) -> Option<Match> {
        to_address(Some(self.server))
    }

    fn sent_by_server(&self) -> Option<Match> {
        from_address(Some(self.server))
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
