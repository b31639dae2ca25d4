//! What connection tracking and NAT hold of the packet's connection
//! (`nf_conntrack_core.c`, `nf_nat_core.c`).

use crate::model::net::Family;

use super::super::live::table::Hook;
use super::field::{Field, known_or_not};
use super::packet::{Address, Direction, Packet, Port, State, Translation};
use super::region::{Axis, Space, number};

/// `IPS_EXPECTED`
pub(super) const EXPECTED: u32 = 1;
/// `IPS_SEEN_REPLY`
const SEEN_REPLY: u32 = 1 << 1;
/// `IPS_ASSURED`
const ASSURED: u32 = 1 << 2;
/// `IPS_CONFIRMED`
const CONFIRMED: u32 = 1 << 3;
/// `IPS_SRC_NAT`
pub(super) const SRC_NAT: u32 = 1 << 4;
/// `IPS_DST_NAT`
pub(super) const DST_NAT: u32 = 1 << 5;
/// Bits that only the kernel's own business sets.
const OTHERS: u32 = !(EXPECTED | SEEN_REPLY | ASSURED | CONFIRMED | SRC_NAT | DST_NAT);

/// Whether conntrack saw the packet (`skb->_nfct`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tracking {
    /// Not yet, or it made nothing of it.
    Not,
    /// Not yet, and a rule attached a template with a helper or a zone.
    Template,
    /// A rule keeps it from being tracked.
    Untracked,
    /// It is of a connection, and this is what it is to it.
    Tracked(State),
}

/// Addresses and ports of one direction (`struct nf_conntrack_tuple`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Tuple {
    pub(super) source: Field,
    pub(super) source_port: Field,
    pub(super) destination: Field,
    pub(super) destination_port: Field,
}

/// A packet's addresses and ports as they are now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub(super) source: Field,
    pub(super) source_port: Field,
    pub(super) destination: Field,
    pub(super) destination_port: Field,
}

/// The packet's connection.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    pub(super) tracking: Tracking,
    pub(super) original: Tuple,
    pub(super) reply: Tuple,
    pub(super) mark: Field,
    pub(super) zone: Field,
    pub(super) status: u32,
    /// Bits of it that are not known, besides those that never are.
    pub(super) status_unknown: u32,
    direction: Direction,
    /// NAT is decided: of the source, of the destination.
    bound: (bool, bool),
    settled: bool,
    pub(super) confirmed: bool,
    /// A rule set labels.
    pub(super) labelled: bool,
    /// The helper that a template has, with who attached it.
    pub(super) template_helper: Option<super::outcome::Assigned>,
}

impl Connection {
    pub(super) fn new(packet: &Packet, space: &mut Space) -> (Self, Ends) {
        let flow = &packet.flow;
        let width = match flow.family() {
            Family::Ipv4 => 4,
            Family::Ipv6 => 16,
        };
        let original = Tuple {
            source: Field::axis(number(flow.source.0), width, Axis::Source),
            source_port: Field::axis(flow.source.1.into(), 2, Axis::SourcePort),
            destination: Field::axis(number(flow.destination.0), width, Axis::Destination),
            destination_port: Field::axis(flow.destination.1.into(), 2, Axis::DestinationPort),
        };
        let settled = packet.settled.unwrap_or_default();
        let (source, source_port) = apply(
            (original.source, original.source_port),
            settled.source,
            space,
        );
        let (destination, destination_port) = apply(
            (original.destination, original.destination_port),
            settled.destination,
            space,
        );
        let reply = Tuple {
            source: destination,
            source_port: destination_port,
            destination: source,
            destination_port: source_port,
        };
        let established = packet.state == State::Established;
        let mut status = 0;
        if established || packet.direction == Direction::Reply {
            status |= SEEN_REPLY | CONFIRMED;
        }
        if packet.master_helper.is_some() {
            status |= EXPECTED;
        }
        if !settled.source.is_none() {
            status |= SRC_NAT;
        }
        if !settled.destination.is_none() {
            status |= DST_NAT;
        }
        let wire = match packet.direction {
            Direction::Original => original,
            Direction::Reply => reply,
        };
        let connection = Self {
            tracking: Tracking::Not,
            original,
            reply,
            mark: known_or_not(packet.connection_mark.map(u128::from), 4),
            zone: known_or_not(packet.zone.map(u128::from), 2),
            status,
            status_unknown: 0,
            direction: packet.direction,
            bound: (packet.settled.is_some(), packet.settled.is_some()),
            settled: packet.settled.is_some(),
            confirmed: established || packet.direction == Direction::Reply,
            labelled: false,
            template_helper: None,
        };
        let ends = Ends {
            source: wire.source,
            source_port: wire.source_port,
            destination: wire.destination,
            destination_port: wire.destination_port,
        };
        (connection, ends)
    }

    pub(super) fn is_tracked(&self) -> bool {
        matches!(self.tracking, Tracking::Tracked(_))
    }

    /// Whether NAT may change the packet at all.
    pub(super) fn may_translate(&self, has_chains: bool) -> bool {
        has_chains || self.settled || self.bound.0 || self.bound.1
    }

    /// Whether NAT chains are asked at a hook: on the first packet, once for the source
    /// and once for the destination.
    pub(super) fn asks_nat_chains(&self, hook: Hook) -> bool {
        matches!(
            self.tracking,
            Tracking::Tracked(State::New | State::Related)
        ) && !self.is_bound(hook)
    }

    /// Whether NAT is decided for the side that a hook translates (`nf_nat_initialized`).
    pub(super) fn is_bound(&self, hook: Hook) -> bool {
        if of_source(hook) {
            self.bound.0
        } else {
            self.bound.1
        }
    }

    pub(super) fn bind(&mut self, hook: Hook) {
        if of_source(hook) {
            self.bound.0 = true;
        } else {
            self.bound.1 = true;
        }
    }

    /// `nf_confirm`: from here on it can no longer change.
    pub(super) fn confirm(&mut self) {
        if self.is_tracked() {
            self.confirmed = true;
            self.status |= CONFIRMED;
        }
    }

    /// `ct->status`, and which bits of it are known.
    pub(super) fn status(&self) -> (u32, u32) {
        let unknown = if self.confirmed {
            OTHERS | ASSURED
        } else {
            OTHERS
        };
        (self.status, unknown | self.status_unknown)
    }

    pub(super) fn is_reply(&self) -> bool {
        self.direction == Direction::Reply
    }
}

/// Whether NAT at a hook is that of the source (`HOOK2MANIP`).
pub(super) fn of_source(hook: Hook) -> bool {
    matches!(hook, Hook::Input | Hook::Postrouting)
}

/// An address and a port, translated.
pub(super) fn apply(
    (address, port): (Field, Field),
    translation: Translation,
    space: &mut Space,
) -> (Field, Field) {
    let address = match translation.address {
        Address::Same => address,
        Address::Within(first, last) => Field::within(number(first), number(last), address.width),
        Address::Moved(plus) => address.moved(plus, space),
        Address::Unknown => Field::unknown(address.width),
    };
    let port = match translation.port {
        Port::Same => port,
        Port::Within(first, last) => Field::within(first.into(), last.into(), 2),
        Port::Moved(plus) => port.moved(plus.into(), space),
    };
    (address, port)
}
