//! The words in which the planner writes rules.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a rule's conditions are a list in which one that is not asked for is None"
)]

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::filter::{Chain, CtState, Demand, Match, Rule, Statement};
use crate::model::net::{Family, InterfaceName, PortRange};
use crate::profile::Profile;

/// A profile in one family: what a rule is written for.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) profile: &'a Profile,
    pub(super) family: Family,
}

impl Scope<'_> {
    /// A rule that is always wanted; `why` is one sentence.
    pub(super) fn rule(
        self,
        chain: Chain,
        name: &'static str,
        why: impl Into<String>,
        matches: Vec<Option<Match>>,
        statement: Statement,
    ) -> Rule {
        Rule {
            profile: self.profile.name.clone(),
            name,
            why: why.into(),
            chain,
            families: vec![self.family],
            matches: matches.into_iter().flatten().collect(),
            statement,
            demand: Demand::Always,
        }
    }

    /// An accept that is always wanted.
    pub(super) fn accept(
        self,
        chain: Chain,
        name: &'static str,
        why: impl Into<String>,
        matches: Vec<Option<Match>>,
    ) -> Rule {
        self.rule(chain, name, why, matches, Statement::Accept)
    }

    /// An accept that is wanted only where its chain would drop it.
    pub(super) fn accept_where_dropped(
        self,
        chain: Chain,
        name: &'static str,
        why: impl Into<String>,
        matches: Vec<Option<Match>>,
    ) -> Rule {
        Rule {
            demand: Demand::WhereDropped,
            ..self.accept(chain, name, why, matches)
        }
    }

    /// ICMP errors about accepted connections: without "packet too big" and
    /// "fragmentation needed" TLS handshakes stall where the path is narrower
    /// (RFC 1191, RFC 8201).
    pub(super) fn accept_related_icmp(self, chain: Chain) -> Rule {
        self.accept(
            chain,
            "related-icmp",
            "ICMP errors about these connections (path MTU); without them TLS stalls on narrow paths",
            related_icmp(),
        )
    }

    /// The ICMP errors that this host itself sends about connections that it forwards: the
    /// narrow link may be its own, as with `PPPoE`.
    pub(super) fn accept_own_icmp(self) -> Rule {
        self.accept_where_dropped(
            Chain::FILTER_OUTPUT,
            "gateway-icmp",
            "this host's ICMP errors about forwarded connections, where its own link is the narrow one",
            related_icmp(),
        )
    }

    /// The ICMP errors about connections of clients on this host.
    pub(super) fn accept_icmp_to_own(self) -> Rule {
        self.accept_where_dropped(
            Chain::FILTER_INPUT,
            "gateway-related-icmp",
            "ICMP errors about connections of clients on this host",
            related_icmp(),
        )
    }

    /// Who may connect in this family.
    pub(super) fn clients(self) -> Vec<IpNet> {
        self.profile.clients_of(self.family)
    }

    /// The server's own address in this family.
    pub(super) fn server(self) -> Option<IpAddr> {
        self.profile.server_address(self.family)
    }
}

fn related_icmp() -> Vec<Option<Match>> {
    vec![
        Some(Match::Icmp),
        Some(Match::CtState(vec![CtState::Related])),
    ]
}

/// Whether two rules are one but for the family.
pub(super) fn differ_in_family_only(a: &Rule, b: &Rule) -> bool {
    a.families != b.families
        && Rule {
            families: Vec::new(),
            ..a.clone()
        } == Rule {
            families: Vec::new(),
            ..b.clone()
        }
}

/// Opens a connection and keeps it open.
///
/// RELATED is left out: RELATED TCP has a rule of its own that asks for the helper.
pub(super) fn new_and_established() -> Option<Match> {
    Some(Match::CtState(vec![CtState::New, CtState::Established]))
}

/// What the other side of an accepted connection sends back, and no more.
pub(super) fn replies() -> [Option<Match>; 2] {
    [
        Some(Match::CtState(vec![CtState::Established])),
        Some(Match::CtReply),
    ]
}

/// A data connection that the helper expects: RELATED for its first packets, then
/// ESTABLISHED. `ct helper` is the helper of the control connection that it belongs
/// to, so no other connection meets it (`nft_ct.c`, `nft_ct_get_eval`).
pub(super) fn expected_by_helper() -> [Option<Match>; 2] {
    let states = vec![CtState::Related, CtState::Established];
    [Some(Match::CtState(states)), Some(Match::CtHelperFtp)]
}

/// From these networks; no condition where they are everyone.
pub(super) fn from(networks: &[IpNet]) -> Option<Match> {
    is_restricted(networks).then(|| Match::Source(networks.to_vec()))
}

/// To these networks; no condition where they are everyone.
pub(super) fn to(networks: &[IpNet]) -> Option<Match> {
    is_restricted(networks).then(|| Match::Destination(networks.to_vec()))
}

/// Whether the networks are fewer than everyone; none at all is no restriction.
pub(super) fn is_restricted(networks: &[IpNet]) -> bool {
    !networks.is_empty() && networks.iter().all(|n| n.prefix_len() > 0)
}

/// From this address.
pub(super) fn from_address(address: Option<IpAddr>) -> Option<Match> {
    address.map(|a| Match::Source(vec![IpNet::from(a)]))
}

/// To this address.
pub(super) fn to_address(address: Option<IpAddr>) -> Option<Match> {
    address.map(|a| Match::Destination(vec![IpNet::from(a)]))
}

/// Arrives on these interfaces; no condition where there are none.
pub(super) fn arrives_on(interfaces: &[InterfaceName]) -> Option<Match> {
    (!interfaces.is_empty()).then(|| Match::InputInterface(each_once(interfaces)))
}

/// Leaves by these interfaces; no condition where there are none.
pub(super) fn leaves_by(interfaces: &[InterfaceName]) -> Option<Match> {
    (!interfaces.is_empty()).then(|| Match::OutputInterface(each_once(interfaces)))
}

fn each_once(interfaces: &[InterfaceName]) -> Vec<InterfaceName> {
    let mut once: Vec<InterfaceName> = Vec::new();
    for name in interfaces {
        if !once.contains(name) {
            once.push(name.clone());
        }
    }
    once
}

/// To these TCP ports.
pub(super) fn to_ports(ports: &[u16]) -> Option<Match> {
    Some(Match::TcpDestinationPort(
        ports.iter().copied().map(PortRange::one).collect(),
    ))
}

/// To this range of TCP ports.
pub(super) fn to_range(range: PortRange) -> Option<Match> {
    Some(Match::TcpDestinationPort(vec![range]))
}

/// From these TCP ports.
pub(super) fn from_ports(ports: &[u16]) -> Option<Match> {
    Some(Match::TcpSourcePort(
        ports.iter().copied().map(PortRange::one).collect(),
    ))
}

/// From this range of TCP ports.
pub(super) fn from_range(range: PortRange) -> Option<Match> {
    Some(Match::TcpSourcePort(vec![range]))
}

/// To, or from, the control ports and the range together.
pub(super) fn all_ports(profile: &Profile) -> Vec<PortRange> {
    let mut ports: Vec<PortRange> = control_ports(profile)
        .into_iter()
        .map(PortRange::one)
        .collect();
    // The default range of masquerade holds every unprivileged control port;
    // a set with overlapping elements does not load.
    ports.retain(|p| !profile.passive.ports.covers(*p));
    ports.push(profile.passive.ports);
    ports
}

/// The server's control ports, in the profile's order.
pub(super) fn control_ports(profile: &Profile) -> Vec<u16> {
    profile.control.iter().map(|c| c.port).collect()
}

/// Ports as people read them: `21`, `21 and 990`.
pub(super) fn words(ports: &[u16]) -> String {
    let words: Vec<String> = ports.iter().map(u16::to_string).collect();
    words.join(" and ")
}
