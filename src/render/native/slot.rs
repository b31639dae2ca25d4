//! What of a rule a set can hold: an address and ports.

use std::net::IpAddr;

use ipnet::IpNet;

use super::values::is_host;
use crate::model::filter::{Match, Rule};
use crate::model::net::PortRange;

/// Which address a set is keyed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Destination,
    Source,
}

/// The conditions that a set stands for, by their places in the rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Slots {
    pub(super) address: Option<usize>,
    pub(super) ports: Option<usize>,
}

impl Slots {
    pub(super) fn address_only(self) -> Self {
        Self {
            ports: None,
            ..self
        }
    }

    pub(super) fn ports_only(self) -> Self {
        Self {
            address: None,
            ..self
        }
    }

    pub(super) fn holds(self, place: usize) -> bool {
        [self.address, self.ports].contains(&Some(place))
    }
}

/// Which conditions of a rule hold what a set can hold, by their places.
pub(super) fn slots(rule: &Rule, side: Side) -> Slots {
    let address = |condition: &Match| match (condition, side) {
        (Match::Destination(hosts), Side::Destination) | (Match::Source(hosts), Side::Source) => {
            matches!(&hosts[..], [host] if is_host(host))
        }
        _ => false,
    };
    Slots {
        address: rule.matches.iter().position(address),
        ports: rule
            .matches
            .iter()
            .position(|m| matches!(m, Match::TcpDestinationPort(_))),
    }
}

/// The address that a slot holds.
pub(super) fn address_at(rule: &Rule, slot: Option<usize>) -> Option<IpAddr> {
    match rule.matches.get(slot?)? {
        Match::Destination(hosts) | Match::Source(hosts) => hosts.first().map(IpNet::addr),
        _ => None,
    }
}

/// The ports that a slot holds.
pub(super) fn ports_at(rule: &Rule, slot: Option<usize>) -> Option<&[PortRange]> {
    match rule.matches.get(slot?)? {
        Match::TcpDestinationPort(ranges) => Some(ranges),
        _ => None,
    }
}
