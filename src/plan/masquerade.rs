//! Rules on the gateway of FTP clients: `nat.mode` masquerade.

use ipnet::IpNet;

use crate::model::filter::{Chain, Match, Rule, Statement};
use crate::model::net::{Family, PortRange};
use crate::profile::{External, Internal, Profile};

use super::families::translated;
use super::helper::helper_ports;
use super::parts::{
    Scope, all_ports, arrives_on, control_ports, expected_by_helper, from, from_address,
    from_range, is_restricted, leaves_by, new_and_established, replies, to, to_address, to_ports,
    to_range, words,
};
use super::server_side::passive_range_why;

/// The rules of one family on the clients' gateway.
pub(super) fn rules(scope: Scope<'_>, external: &[External], internal: &Internal) -> Vec<Rule> {
    let Scope { profile, family } = scope;
    let gateway = ClientGateway {
        scope,
        external,
        internal,
        inside: inside(profile, family, internal),
    };
    let mut rules = gateway.accept_forward();
    rules.extend(gateway.accept_own());
    if translated(profile, family) {
        rules.extend(external.iter().map(|e| gateway.translate(e)));
    }
    if !helper_ports(profile, family).is_empty() {
        rules.extend(gateway.assign_helper());
        rules.extend(gateway.accept_expected());
    }
    rules
}

/// The networks of the clients behind this host: those that the profile names as clients,
/// else all inside; empty where none are named.
#[must_use]
pub fn inside(profile: &Profile, family: Family, internal: &Internal) -> Vec<IpNet> {
    let clients = profile.clients_of(family);
    if is_restricted(&clients) {
        clients
    } else {
        internal.networks_of(family)
    }
}

struct ClientGateway<'a> {
    scope: Scope<'a>,
    external: &'a [External],
    internal: &'a Internal,
    inside: Vec<IpNet>,
}

impl ClientGateway<'_> {
    /// From the inside clients to the servers, across this host.
    fn outward(&self) -> Vec<Option<Match>> {
        vec![
            arrives_on(&self.internal.interfaces),
            leaves_by(&self.outside()),
            from(&self.inside),
            to_address(self.scope.server()),
        ]
    }

    /// From the servers to the inside clients, across this host.
    fn inward(&self) -> Vec<Option<Match>> {
        vec![
            arrives_on(&self.outside()),
            leaves_by(&self.internal.interfaces),
            from_address(self.scope.server()),
            to(&self.inside),
        ]
    }

    fn accept_forward(&self) -> Vec<Rule> {
        let ports = control_ports(self.scope.profile);
        let [established, reply] = replies();
        vec![
            self.scope.accept(
                Chain::FILTER_FORWARD,
                "control",
                format!("inside clients log in on servers' port {}", words(&ports)),
                and(self.outward(), [to_ports(&ports), new_and_established()]),
            ),
            self.scope.accept(
                Chain::FILTER_FORWARD,
                "passive-range",
                passive_range_why(self.scope.profile),
                and(
                    self.outward(),
                    [
                        to_range(self.scope.profile.passive.ports),
                        new_and_established(),
                    ],
                ),
            ),
            self.scope.accept_where_dropped(
                Chain::FILTER_FORWARD,
                "replies",
                "what servers answer",
                and(
                    self.inward(),
                    [
                        Some(Match::TcpSourcePort(all_ports(self.scope.profile))),
                        established,
                        reply,
                    ],
                ),
            ),
            self.scope.accept_related_icmp(Chain::FILTER_FORWARD),
        ]
    }

    /// This host as a client of the same servers.
    fn accept_own(&self) -> Vec<Rule> {
        let [established, reply] = replies();
        let ports = all_ports(self.scope.profile);
        vec![
            self.scope.accept_where_dropped(
                Chain::FILTER_OUTPUT,
                "gateway-to-servers",
                "clients on this host reach the servers",
                and(
                    self.own_outward(),
                    [
                        Some(Match::TcpDestinationPort(ports.clone())),
                        new_and_established(),
                    ],
                ),
            ),
            self.scope.accept_where_dropped(
                Chain::FILTER_INPUT,
                "gateway-replies",
                "what servers answer clients on this host",
                and(
                    self.own_inward(),
                    [Some(Match::TcpSourcePort(ports)), established, reply],
                ),
            ),
            self.scope.accept_own_icmp(),
            self.scope.accept_icmp_to_own(),
        ]
    }

    fn translate(&self, external: &External) -> Rule {
        let address = external
            .address
            .filter(|a| Family::of(*a) == self.scope.family);
        self.scope.rule(
            Chain::NAT_POSTROUTING,
            "masquerade",
            "inside clients leave with this host's address",
            vec![
                leaves_by(&external.interfaces),
                from(&self.inside),
                to_address(self.scope.server()),
                Some(Match::TcpDestinationPort(all_ports(self.scope.profile))),
            ],
            address.map_or(Statement::Masquerade, |to| Statement::Snat { to }),
        )
    }

    fn assign_helper(&self) -> Vec<Rule> {
        let ports = to_ports(&helper_ports(self.scope.profile, self.scope.family));
        vec![
            self.scope.rule(
                Chain::HELPER_PREROUTING,
                "helper",
                "plain PORT commands name an inside address; no kernel since 6.0 assigns the ftp helper by itself",
                vec![
                    arrives_on(&self.internal.interfaces),
                    from(&self.inside),
                    to_address(self.scope.server()),
                    ports.clone(),
                ],
                Statement::AssignHelper,
            ),
            self.scope.rule(
                Chain::HELPER_OUTPUT,
                "gateway-helper",
                "clients on this host never pass prerouting",
                and(self.own_outward(), [ports]),
                Statement::AssignHelper,
            ),
        ]
    }

    fn accept_expected(&self) -> Vec<Rule> {
        let passive = to_range(self.scope.profile.passive.ports);
        let active = to_range(PortRange::UNPRIVILEGED);
        let why = "with the helper assigned, plain data connections are RELATED, not NEW";
        let expected = |matches, ports: &Option<Match>| {
            let [related, helper] = expected_by_helper();
            and(matches, [ports.clone(), related, helper])
        };
        let mut rules = vec![
            self.scope.accept(
                Chain::FILTER_FORWARD,
                "related",
                why,
                expected(self.outward(), &passive),
            ),
            self.scope.accept_where_dropped(
                Chain::FILTER_OUTPUT,
                "gateway-related",
                why,
                expected(self.own_outward(), &passive),
            ),
        ];
        if self.scope.profile.active {
            rules.push(self.scope.accept(
                Chain::FILTER_FORWARD,
                "active-related",
                "servers open plain active data connections, where the helper expects them",
                expected(self.inward(), &active),
            ));
            rules.push(self.scope.accept(
                Chain::FILTER_INPUT,
                "gateway-active-related",
                "plain active data for clients on this host, where the helper expects it",
                expected(self.own_inward(), &active),
            ));
            let [established, reply] = replies();
            rules.push(self.scope.accept_where_dropped(
                Chain::FILTER_FORWARD,
                "active-replies",
                "what inside clients send on active data connections",
                and(
                    self.outward(),
                    [
                        from_range(PortRange::UNPRIVILEGED),
                        established.clone(),
                        reply.clone(),
                    ],
                ),
            ));
            rules.push(self.scope.accept_where_dropped(
                Chain::FILTER_OUTPUT,
                "gateway-active-replies",
                "what clients on this host send on active data connections",
                and(
                    self.own_outward(),
                    [from_range(PortRange::UNPRIVILEGED), established, reply],
                ),
            ));
        }
        rules
    }

    fn own_outward(&self) -> Vec<Option<Match>> {
        vec![leaves_by(&self.outside()), to_address(self.scope.server())]
    }

    fn own_inward(&self) -> Vec<Option<Match>> {
        vec![
            arrives_on(&self.outside()),
            from_address(self.scope.server()),
        ]
    }

    fn outside(&self) -> Vec<crate::model::net::InterfaceName> {
        self.external
            .iter()
            .flat_map(|e| e.interfaces.clone())
            .collect()
    }
}

fn and<const N: usize>(
    mut matches: Vec<Option<Match>>,
    more: [Option<Match>; N],
) -> Vec<Option<Match>> {
    matches.extend(more);
    matches
}
