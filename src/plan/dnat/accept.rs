//! What the gateway accepts: forwarded, and its own.

use crate::model::filter::{Chain, Match, Rule};
use crate::model::net::PortRange;
use crate::plan::parts::{
    all_ports, control_ports, expected_by_helper, from, from_ports, from_range,
    new_and_established, replies, to, to_ports, to_range, words,
};
use crate::plan::server_side::passive_range_why;

use super::Gateway;

impl Gateway<'_> {
    pub(super) fn accept_forward(&self) -> Vec<Rule> {
        let ports = control_ports(self.scope.profile);
        let sources = self.sources();
        let mut rules = vec![
            self.scope.accept(
                Chain::FILTER_FORWARD,
                "control",
                format!("clients log in on the server's port {}", words(&ports)),
                vec![
                    from(&sources),
                    self.sent_to_server(),
                    to_ports(&ports),
                    new_and_established(),
                ],
            ),
            self.scope.accept(
                Chain::FILTER_FORWARD,
                "passive-range",
                passive_range_why(self.scope.profile),
                vec![
                    from(&sources),
                    self.sent_to_server(),
                    to_range(self.scope.profile.passive.ports),
                    new_and_established(),
                ],
            ),
            self.scope.accept_related_icmp(Chain::FILTER_FORWARD),
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
                from_range(self.scope.profile.passive.ports),
            ),
        ] {
            let [established, reply] = replies();
            rules.push(self.scope.accept_where_dropped(
                Chain::FILTER_FORWARD,
                name,
                why,
                vec![self.sent_by_server(), sport, established, reply],
            ));
        }
        rules
    }

    /// This host as a client of the server.
    pub(super) fn accept_own(&self) -> Vec<Rule> {
        let [established, reply] = replies();
        let ports = all_ports(self.scope.profile);
        vec![
            self.scope.accept_where_dropped(
                Chain::FILTER_OUTPUT,
                "gateway-to-server",
                "clients on this host reach the server",
                vec![
                    self.sent_to_server(),
                    Some(Match::TcpDestinationPort(ports.clone())),
                    new_and_established(),
                ],
            ),
            self.scope.accept_where_dropped(
                Chain::FILTER_INPUT,
                "gateway-replies",
                "what the server answers clients on this host",
                vec![
                    self.sent_by_server(),
                    Some(Match::TcpSourcePort(ports)),
                    established,
                    reply,
                ],
            ),
            self.scope.accept_own_icmp(),
        ]
    }

    pub(super) fn accept_active(&self) -> Vec<Rule> {
        let [established, reply] = replies();
        let sources = self.sources();
        vec![
            self.scope.accept(
                Chain::FILTER_FORWARD,
                "active-data",
                "the server opens active data connections itself, from any source port",
                vec![
                    self.sent_by_server(),
                    to(&sources),
                    to_range(PortRange::UNPRIVILEGED),
                    new_and_established(),
                ],
            ),
            self.scope.accept_where_dropped(
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
            ),
        ]
    }

    pub(super) fn accept_expected(&self) -> Vec<Rule> {
        let [related, helper] = expected_by_helper();
        let expected = [related, helper];
        let with = |mut matches: Vec<Option<Match>>| {
            matches.extend(expected.clone());
            matches
        };
        let why = "with the helper assigned, plain data connections are RELATED, not NEW";
        let mut rules = vec![
            self.scope.accept(
                Chain::FILTER_FORWARD,
                "related",
                why,
                with(vec![
                    from(&self.sources()),
                    self.sent_to_server(),
                    to_range(self.scope.profile.passive.ports),
                ]),
            ),
            self.scope.accept_where_dropped(
                Chain::FILTER_OUTPUT,
                "gateway-related",
                why,
                with(vec![
                    self.sent_to_server(),
                    to_range(self.scope.profile.passive.ports),
                ]),
            ),
        ];
        if self.scope.profile.active {
            rules.push(self.scope.accept(
                Chain::FILTER_FORWARD,
                "active-related",
                why,
                with(vec![
                    self.sent_by_server(),
                    to(&self.sources()),
                    to_range(PortRange::UNPRIVILEGED),
                ]),
            ));
            rules.push(self.scope.accept(
                Chain::FILTER_INPUT,
                "gateway-active-related",
                "plain active data for clients on this host, where the helper expects it",
                with(vec![
                    self.sent_by_server(),
                    to_range(PortRange::UNPRIVILEGED),
                ]),
            ));
            let [established, reply] = replies();
            rules.push(self.scope.accept_where_dropped(
                Chain::FILTER_OUTPUT,
                "gateway-active-replies",
                "what clients on this host send on active data connections",
                vec![
                    self.sent_to_server(),
                    from_range(PortRange::UNPRIVILEGED),
                    established,
                    reply,
                ],
            ));
        }
        rules
    }
}
