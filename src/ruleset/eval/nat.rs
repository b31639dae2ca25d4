//! What translations make of a connection (`nft_nat.c`, `nft_masq.c`, `nft_redir.c`,
//! `xt_nat.c`, `nf_nat_core.c`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::net::Family;

use super::super::live::expression::{Nat, NatKind, Register};
use super::super::live::table::Hook;
use super::super::live::xt;
use super::conntrack::{DST_NAT, SRC_NAT, apply, of_source};
use super::field::Field;
use super::names::Next;
use super::packet::{Address, Port, Translation};
use super::region::{address, number};
use super::run::{Flow, Run};

/// `NF_NAT_RANGE_PROTO_RANDOM`, `_RANDOM_FULLY`, `_PROTO_OFFSET`, `_NETMAP`
const RANDOM: u32 = 1 << 2;
const FULLY_RANDOM: u32 = 1 << 4;
const OFFSET: u32 = 1 << 5;
const NETMAP: u32 = 1 << 6;

/// `NFPROTO_IPV4`, `NFPROTO_IPV6`
const IPV4: u32 = 2;
const IPV6: u32 = 10;

/// Where to a translation leads (`struct nf_nat_range2`).
struct Range {
    addresses: Wanted,
    ports: Option<(u16, u16)>,
    /// The first port is for this one, the next for the next.
    base: Option<u16>,
    random: bool,
}

/// Which address.
enum Wanted {
    Same,
    Within(u128, u128),
    /// The network of these two; the place in it stays.
    Network(u128, u128),
    Unknown,
}

impl Run<'_, '_> {
    /// `nf_nat_packet`: turns the packet's header into the other end of the other tuple.
    pub(super) fn translate(&mut self) {
        let other = if self.connection.is_reply() {
            self.connection.original
        } else {
            self.connection.reply
        };
        if of_source(self.hook) {
            self.ends.source = other.destination;
            self.ends.source_port = other.destination_port;
        } else {
            self.ends.destination = other.source;
            self.ends.destination_port = other.source_port;
        }
    }

    /// `nft_nat_eval`, `nft_masq_eval`, `nft_redir_eval`
    pub(super) fn nft_nat(&mut self, nat: &Nat) -> Flow {
        let width = self.ends.destination.width;
        let fits = match nat.family {
            Some(IPV4) => self.family == Family::Ipv4,
            Some(IPV6) => self.family == Family::Ipv6,
            _ => true,
        };
        if !fits {
            // nft_nat_inet_eval: the other family's packets go on.
            return Flow::On;
        }
        let ports = match nat.port {
            None => None,
            Some(ports) => match self.register_range(ports, 2) {
                Some((first, last)) => Some((port(first), port(last))),
                None => return self.undecided("a port to translate to that is not known"),
            },
        };
        let addresses = match (nat.kind, nat.address) {
            (NatKind::Masquerade, _) => self.masqueraded(),
            (NatKind::Redirect, _) => self.redirected(),
            (_, None) => Wanted::Same,
            (_, Some(registers)) => match self.register_range(registers, width) {
                Some((first, last)) if nat.flags & NETMAP != 0 => Wanted::Network(first, last),
                Some((first, last)) => Wanted::Within(first, last),
                None => return self.undecided("an address to translate to that is not known"),
            },
        };
        self.set_up(
            &Range {
                addresses,
                ports,
                base: (nat.flags & OFFSET != 0).then_some(0),
                random: nat.flags & (RANDOM | FULLY_RANDOM) != 0,
            },
            matches!(nat.kind, NatKind::Snat | NatKind::Masquerade),
        )
    }

    /// The first and last value that two registers give; `None` where not known.
    fn register_range(
        &mut self,
        (first, last): (Register, Option<Register>),
        width: u8,
    ) -> Option<(u128, u128)> {
        let low = self.registers.field(first.0, width, &mut self.space);
        let high = match last {
            Some(last) => self.registers.field(last.0, width, &mut self.space),
            None => low,
        };
        low.pin(&mut self.space);
        high.pin(&mut self.space);
        (low.unknown == 0 && high.unknown == 0).then_some((low.value, high.value))
    }

    /// `xt_dnat_target_v2`, `xt_snat_target_v2`, `masquerade_tg`, `redirect_tg4`,
    /// `netmap_tg4`
    pub(super) fn xt_nat(&mut self, nat: &xt::Nat) -> Flow {
        let source = match nat.kind {
            xt::NatKind::Snat | xt::NatKind::Masquerade => true,
            xt::NatKind::Dnat | xt::NatKind::Redirect => false,
            xt::NatKind::Netmap => of_source(self.hook),
        };
        let addresses = match (nat.kind, nat.addresses) {
            (xt::NatKind::Masquerade, _) => self.masqueraded(),
            (xt::NatKind::Redirect, _) => self.redirected(),
            (_, None) => Wanted::Same,
            (xt::NatKind::Netmap, Some((first, last))) => {
                Wanted::Network(number(first), number(last))
            }
            (_, Some((first, last))) => Wanted::Within(number(first), number(last)),
        };
        self.set_up(
            &Range {
                addresses,
                ports: nat.ports,
                base: nat.base,
                random: nat.random || nat.fully_random,
            },
            source,
        )
    }

    /// `nf_nat_masquerade_ipv4`: an address of the interface that it leaves by.
    fn masqueraded(&mut self) -> Wanted {
        match self.masquerading_address(self.output) {
            Some(own) => Wanted::Within(number(own), number(own)),
            None => Wanted::Unknown,
        }
    }

    /// `nf_nat_redirect_ipv4`, `_ipv6`: this host's own address, to itself for its own
    /// packets.
    fn redirected(&mut self) -> Wanted {
        let own = if self.hook == Hook::Output {
            Some(match self.family {
                Family::Ipv4 => IpAddr::V4(Ipv4Addr::LOCALHOST),
                Family::Ipv6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
            })
        } else {
            self.first_address(self.input)
        };
        match own {
            Some(own) => Wanted::Within(number(own), number(own)),
            None => Wanted::Unknown,
        }
    }

    /// `nf_nat_setup_info`: what becomes of one side of the connection, once.
    fn set_up(&mut self, range: &Range, source: bool) -> Flow {
        let accept = Flow::Verdict(Next::Accept);
        if !self.connection.is_tracked() || self.connection.confirmed {
            return accept;
        }
        if source != of_source(self.hook) {
            return self.undecided("a translation at a hook that it is not for");
        }
        if self.connection.is_bound(self.hook) {
            return Flow::Verdict(Next::Drop);
        }
        let reply = self.connection.reply;
        // What there is so far looks like the inverse of the reply.
        let (from, from_port) = if source {
            (reply.destination, reply.destination_port)
        } else {
            (reply.source, reply.source_port)
        };
        let translation = if source && self.stays(from, from_port, range) {
            Translation::default()
        } else {
            Translation {
                address: self.address_for(from, &range.addresses),
                port: self.port_for(from_port, range, source),
            }
        };
        let (to, to_port) = apply((from, from_port), translation, &mut self.space);
        if matches!(range.addresses, Wanted::Unknown) && !source {
            return self.undecided("an address of this host that is not known");
        }
        let changed = match (self.differ(from, to), self.differ(from_port, to_port)) {
            (Some(true), _) | (_, Some(true)) => true,
            (Some(false), Some(false)) => false,
            // One of a range, which may be the old one.
            _ => self.choose(2, "whether the translation changes anything") == 1,
        };
        if source {
            self.connection.reply.destination = to;
            self.connection.reply.destination_port = to_port;
            self.nat.translations.source = translation;
            self.nat.source_by = self.at;
            self.connection.status |= if changed { SRC_NAT } else { 0 };
        } else {
            self.connection.reply.source = to;
            self.connection.reply.source_port = to_port;
            self.nat.translations.destination = translation;
            self.nat.destination_by = self.at;
            self.connection.status |= if changed { DST_NAT } else { 0 };
        }
        self.connection.bind(self.hook);
        accept
    }

    /// Whether a value became another one; `None` where it may have.
    fn differ(&mut self, from: Field, to: Field) -> Option<bool> {
        if from.line.is_some() && from.line.map(|l| l.axis) == to.line.map(|l| l.axis) {
            return Some(from.value != to.value);
        }
        let (low, high) = (to.value & !to.unknown, to.value | to.unknown);
        match from.is_within(low, high, &mut self.space) {
            Some(false) => Some(true),
            Some(true) if to.unknown == 0 => Some(false),
            _ => None,
        }
    }

    /// `get_unique_tuple`: a source that is in the range already stays as it is.
    fn stays(&mut self, from: Field, from_port: Field, range: &Range) -> bool {
        if range.random {
            return false;
        }
        let space = &mut self.space;
        let address_stays = match range.addresses {
            Wanted::Same => true,
            Wanted::Within(first, last) => {
                from.is_within(first.min(last), first.max(last), space) == Some(true)
            }
            Wanted::Network(..) | Wanted::Unknown => false,
        };
        address_stays
            && range.ports.is_none_or(|(first, last)| {
                from_port.is_within(first.min(last).into(), first.max(last).into(), space)
                    == Some(true)
            })
    }

    /// `find_best_ips_proto`, `nft_nat_setup_netmap`
    fn address_for(&mut self, from: Field, wanted: &Wanted) -> Address {
        match *wanted {
            Wanted::Same => Address::Same,
            Wanted::Unknown => Address::Unknown,
            Wanted::Within(first, last) => Address::Within(
                address(first.min(last), self.family),
                address(first.max(last), self.family),
            ),
            Wanted::Network(first, last) => {
                let inside = first ^ last;
                let low = from.value & !inside;
                if from.unknown != 0 || inside & inside.wrapping_add(1) != 0 {
                    return Address::Unknown;
                }
                // Only addresses of the same network move as far.
                let _ = from.is_within(low, low | inside, &mut self.space);
                let to = (first & !inside) | (from.value & inside);
                Address::Moved(to.wrapping_sub(from.value))
            }
        }
    }

    /// `get_unique_tuple`, `nf_nat_l4proto_unique_tuple`, where nothing clashes.
    fn port_for(&mut self, from: Field, range: &Range, source: bool) -> Port {
        let has_ports = matches!(self.packet.flow.protocol, 6 | 17 | 33 | 132 | 136);
        if !has_ports {
            return Port::Same;
        }
        let Some((first, last)) = range.ports else {
            return match (range.random, source) {
                // Any port of the same class as the old one.
                (true, true) => Port::Within(1, u16::MAX),
                _ => Port::Same,
            };
        };
        let (first, last) = (first.min(last), first.max(last));
        let count = u32::from(last) - u32::from(first) + 1;
        if let Some(base) = range.base {
            return self.shifted(from, first, count, base);
        }
        if first == last {
            return Port::Within(first, first);
        }
        if range.random {
            return Port::Within(first, last);
        }
        match from.is_within(first.into(), last.into(), &mut self.space) {
            Some(true) => Port::Same,
            // Kernels differ in which one they take for a destination.
            Some(false) | None => Port::Within(first, last),
        }
    }

    /// `NF_NAT_RANGE_PROTO_OFFSET`: as far from the first port as the old one is from the
    /// base, in rounds of the range's size.
    fn shifted(&mut self, from: Field, first: u16, count: u32, base: u16) -> Port {
        if from.unknown != 0 {
            let last = u32::from(first) + count - 1;
            return Port::Within(first, u16::try_from(last).unwrap_or(u16::MAX));
        }
        let offset = u32::from(port(from.value).wrapping_sub(base));
        let place = offset % count;
        let to = u16::try_from((u32::from(first) + place) & 0xffff).unwrap_or(0);
        // Ports of the same round, that do not wrap on the way, move as far.
        let before = u128::from(place).min(from.value);
        let after = u128::from((count - 1 - place).min(0xffff - offset))
            .min(u128::from(u16::MAX) - from.value);
        let _ = from.is_within(from.value - before, from.value + after, &mut self.space);
        Port::Moved(to.wrapping_sub(port(from.value)))
    }
}

fn port(value: u128) -> u16 {
    u16::try_from(value & 0xffff).unwrap_or(0)
}
