//! The matches of iptables (`net/netfilter/xt_*.c`, `ip_tables.c`).

use std::net::IpAddr;

use crate::model::net::Family;

use super::super::live::xt::{Conntrack, Header, Match, MultiportSide, Net, Ports, Sign};
use super::meta::Seen;
use super::packet::{Direction, TCP, UDP};
use super::region::number;
use super::run::{Device, Flow, Run};
use super::value::Field;

/// An answer that may not be known; `None` of a test that a match does not make holds.
type Answer = Option<bool>;

/// Both, with three answers: what does not hold decides.
fn and(one: Answer, two: Answer) -> Answer {
    match (one, two) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn signed(answer: Answer, negated: bool) -> Answer {
    answer.map(|holds| holds != negated)
}

impl Run<'_, '_> {
    /// Runs a match.
    pub(super) fn xt_match(&mut self, found: &Match) -> Flow {
        let (answer, why) = self.matches(found);
        self.test(answer, why)
    }

    fn matches(&mut self, found: &Match) -> (Answer, &'static str) {
        let flow = &self.packet.flow;
        let answer = match found {
            Match::Comment(_) => Some(true),
            Match::Header(header) => {
                return (
                    self.header(header),
                    "it asks for an interface that is not known",
                );
            }
            Match::Tcp {
                source,
                destination,
                flags,
                option,
            } => {
                if flow.protocol != TCP {
                    return (Some(false), "");
                }
                let answer = and(
                    self.ports(self.ends.source_port, source),
                    self.ports(self.ends.destination_port, destination),
                );
                let flags = flags.map_or(Some(true), |flags| {
                    let (mask, set) = flags.value;
                    let known = self.packet.tcp_flags;
                    signed(known.map(|known| known & mask == set), flags.negated)
                });
                let option = option.map_or(Some(true), |_| None);
                let answer = and(and(answer, flags), option);
                return (answer, "TCP flags or options that are not known");
            }
            Match::Udp {
                source,
                destination,
            } => {
                if flow.protocol != UDP {
                    return (Some(false), "");
                }
                and(
                    self.ports(self.ends.source_port, source),
                    self.ports(self.ends.destination_port, destination),
                )
            }
            Match::Icmp {
                v6,
                kind,
                codes,
                negated,
            } => self.icmp(*v6, *kind, *codes, *negated),
            Match::Multiport {
                side,
                ranges,
                negated,
            } => self.multiport(*side, ranges, *negated),
            Match::Conntrack(asked) => {
                return (
                    self.conntrack(asked),
                    "something of the connection that is not known",
                );
            }
            Match::Addrtype {
                source,
                destination,
                limit_in,
                limit_out,
            } => {
                let on = if *limit_in {
                    Some(self.input)
                } else if *limit_out {
                    Some(self.output)
                } else {
                    None
                };
                let answer = and(
                    self.addrtype(self.ends.source, *source, on),
                    self.addrtype(self.ends.destination, *destination, on),
                );
                return (
                    answer,
                    "what kind of address it is to this host is not known",
                );
            }
            Match::Iprange {
                source,
                destination,
            } => and(
                self.iprange(self.ends.source, *source),
                self.iprange(self.ends.destination, *destination),
            ),
            Match::Mark {
                value,
                mask,
                negated,
            } => {
                let answer = self.bits(self.mark, *value, *mask);
                return (signed(answer, *negated), "the packet's mark is not known");
            }
            Match::Connmark {
                value,
                mask,
                negated,
            } => {
                let answer = match self.seen() {
                    Seen::Nothing => Some(false),
                    Seen::Template => None,
                    Seen::Connection => {
                        signed(self.bits(self.connection.mark, *value, *mask), *negated)
                    }
                };
                return (answer, "the connection's mark is not known");
            }
            Match::Pkttype { kind, negated } => {
                let answer = self.pkttype(*kind);
                return (signed(answer, *negated), "the packet's type is not known");
            }
            Match::Mac { .. } => {
                return (None, "the packet's link layer address is not known");
            }
            Match::Helper { name, negated } => self.helper_is(name, *negated),
            Match::Set { .. } => return (None, "an ipset, whose members are not read"),
            Match::OtherHeader { .. } => Some(false),
            Match::Unforeseen { .. } => return (None, "a match that nobody can foresee"),
            Match::Opaque { .. } => return (None, "a match that is not understood"),
        };
        (answer, "something that is not known")
    }

    fn ports(&mut self, port: Field, ports: &Ports) -> Answer {
        let (first, last) = ports.value;
        let inside = port.is_within(first.into(), last.into(), &mut self.space);
        signed(inside, ports.negated)
    }

    fn bits(&mut self, field: Field, value: u32, mask: u32) -> Answer {
        // The value is compared as it stands: bits outside the mask never match.
        if value & !mask != 0 {
            return Some(false);
        }
        field.has_bits(value.into(), mask.into(), &mut self.space)
    }

    /// `ip_packet_match`, `ip6_packet_match`
    fn header(&mut self, header: &Header) -> Answer {
        let protocol = header.protocol.map_or(Some(true), |asked| {
            let same = asked.value == 0 || self.packet.flow.protocol == asked.value;
            signed(Some(same), asked.negated)
        });
        let fragment = header.fragment.map_or(Some(true), |asked| {
            // A packet that opens a connection is the first fragment, or none.
            Some(asked.negated)
        });
        let devices = and(
            device(self.input, header.input.as_ref()),
            device(self.output, header.output.as_ref()),
        );
        let answer = and(and(protocol, fragment), devices);
        if answer == Some(false) {
            return answer;
        }
        let ends = self.ends;
        let answer = and(answer, self.net(ends.source, header.source));
        if answer == Some(false) {
            return answer;
        }
        and(answer, self.net(ends.destination, header.destination))
    }

    fn net(&mut self, field: Field, asked: Option<Sign<Net>>) -> Answer {
        let Some(asked) = asked else {
            return Some(true);
        };
        let inside = match asked.value {
            Net::Prefix(net) => {
                let (first, last) = (net.network(), net.broadcast());
                if Family::of(first) != self.family {
                    return Some(false);
                }
                field.is_within(number(first), number(last), &mut self.space)
            }
            Net::Mask(value, mask) => {
                if Family::of(value) != self.family {
                    return Some(false);
                }
                // Bits of the value outside its mask never match.
                let (value, mask) = (number(value), number(mask));
                if value & !mask == 0 {
                    field.has_bits(value, mask, &mut self.space)
                } else {
                    Some(false)
                }
            }
        };
        signed(inside, asked.negated)
    }

    fn iprange(&mut self, field: Field, asked: Option<Sign<(IpAddr, IpAddr)>>) -> Answer {
        let Some(asked) = asked else {
            return Some(true);
        };
        let (first, last) = asked.value;
        if Family::of(first) != self.family {
            return Some(false);
        }
        let inside = field.is_within(number(first), number(last), &mut self.space);
        signed(inside, asked.negated)
    }

    fn icmp(&self, v6: bool, kind: u8, codes: (u8, u8), negated: bool) -> Answer {
        /// `icmp_type_code_match`: this type is any.
        const ANY: u8 = 255;
        let protocol = if v6 {
            super::packet::ICMPV6
        } else {
            super::packet::ICMP
        };
        if self.packet.flow.protocol != protocol {
            return Some(false);
        }
        if !v6 && kind == ANY {
            return Some(!negated);
        }
        let same = self
            .packet
            .icmp
            .map(|(has, code)| has == kind && (codes.0..=codes.1).contains(&code));
        signed(same, negated)
    }

    /// `ports_match_v1`
    fn multiport(&mut self, side: MultiportSide, ranges: &[(u16, u16)], negated: bool) -> Answer {
        if !matches!(self.packet.flow.protocol, TCP | UDP | 33 | 132 | 136) {
            return Some(false);
        }
        let (source, destination) = (self.ends.source_port, self.ends.destination_port);
        let asked: &[Field] = match side {
            MultiportSide::Source => &[source],
            MultiportSide::Destination => &[destination],
            MultiportSide::Either => &[source, destination],
        };
        let mut answer = Some(false);
        for &(first, last) in ranges {
            for field in asked {
                match field.is_within(first.into(), last.into(), &mut self.space) {
                    Some(true) => return Some(!negated),
                    Some(false) => {}
                    None => answer = None,
                }
            }
        }
        signed(answer, negated)
    }

    /// `conntrack_mt`
    fn conntrack(&mut self, asked: &Conntrack) -> Answer {
        let state = asked.states.map_or(Some(true), |states| {
            signed(Some(self.xt_state() & states.value != 0), states.negated)
        });
        if state == Some(false) {
            return state;
        }
        match self.seen() {
            // `return info->match_flags & XT_CONNTRACK_STATE`
            Seen::Nothing => return Some(asked.states.is_some()),
            Seen::Template if is_about_state(asked) => return state,
            Seen::Template => return None,
            Seen::Connection => {}
        }
        let (original, reply) = (self.connection.original, self.connection.reply);
        let mut answer = state;
        answer = and(
            answer,
            asked.reply.map_or(Some(true), |wanted| {
                Some((self.packet.direction == Direction::Reply) == wanted)
            }),
        );
        for (field, net) in [
            (original.source, asked.original_source),
            (original.destination, asked.original_destination),
            (reply.source, asked.reply_source),
            (reply.destination, asked.reply_destination),
        ] {
            if answer == Some(false) {
                return answer;
            }
            answer = and(answer, self.net(field, net));
        }
        answer = and(
            answer,
            asked.protocol.map_or(Some(true), |protocol| {
                let same = u16::from(self.packet.flow.protocol) == protocol.value;
                signed(Some(same), protocol.negated)
            }),
        );
        for (field, ports) in [
            (original.source_port, asked.original_source_port),
            (original.destination_port, asked.original_destination_port),
            (reply.source_port, asked.reply_source_port),
            (reply.destination_port, asked.reply_destination_port),
        ] {
            if answer == Some(false) {
                return answer;
            }
            if let Some(ports) = ports {
                answer = and(answer, self.ports(field, &ports));
            }
        }
        if let Some(status) = asked.status {
            let (bits, unknown) = self.connection.status();
            let wanted = u32::from(status.value);
            let any = if bits & !unknown & wanted != 0 {
                Some(true)
            } else if unknown & wanted == 0 {
                Some(false)
            } else {
                None
            };
            answer = and(answer, signed(any, status.negated));
        }
        if asked.expires.is_some() {
            answer = and(answer, None);
        }
        answer
    }

    /// `addrtype_mt_v1`
    fn addrtype(
        &mut self,
        field: Field,
        asked: Option<Sign<u16>>,
        on: Option<Device<'_>>,
    ) -> Answer {
        let Some(asked) = asked else {
            return Some(true);
        };
        let answer = match self.family {
            Family::Ipv4 => self
                .address_type(field, on)
                .map(|kind| asked.value & (1 << kind.min(15)) != 0),
            Family::Ipv6 => self.addrtype6(field, asked.value, on),
        };
        signed(answer, asked.negated)
    }

    /// `match_type6`: each bit is asked for by itself, and unicast is what is not
    /// multicast.
    fn addrtype6(&mut self, field: Field, mask: u16, on: Option<Device<'_>>) -> Answer {
        /// `XT_ADDRTYPE_*`
        const UNSPEC: u16 = 1;
        const UNICAST: u16 = 1 << 1;
        const LOCAL: u16 = 1 << 2;
        const ANYCAST: u16 = 1 << 4;
        const MULTICAST: u16 = 1 << 5;
        const UNREACHABLE: u16 = 1 << 7;
        let first = 0xff_u128 << 120;
        let multicast = field.is_within(first, u128::MAX, &mut self.space)?;
        let unspecified = field.is_within(0, 0, &mut self.space)?;
        if mask & MULTICAST != 0 && !multicast
            || mask & UNICAST != 0 && (multicast || unspecified)
            || mask & UNSPEC != 0 && !unspecified
        {
            return Some(false);
        }
        // match_lookup_rt6 answers with these only: a unicast one is none of them.
        let routed = mask & (ANYCAST | LOCAL | UNREACHABLE);
        if routed == 0 {
            return Some(true);
        }
        let kind = self.address_type(field, on)?;
        Some(routed & (1 << kind.min(15)) != 0)
    }

    /// `pkttype_mt`: of packets by `lo`, the kind of the address.
    fn pkttype(&mut self, kind: u32) -> Answer {
        /// `PACKET_HOST`
        const HOST: u32 = 0;
        self.is_unicast()?.then_some(kind == HOST)
    }

    /// `helper_mt`: that of the connection that this one was expected from.
    fn helper_is(&self, name: &str, negated: bool) -> Answer {
        let same = match (&self.packet.master_helper, self.seen()) {
            (_, Seen::Nothing) | (None, _) => return Some(negated),
            (_, Seen::Template) => return None,
            (Some(has), Seen::Connection) => name.is_empty() || has == name,
        };
        signed(Some(same), negated)
    }
}

/// Whether nothing but the state is asked for.
fn is_about_state(asked: &Conntrack) -> bool {
    let state_only = Conntrack {
        is_state: asked.is_state,
        states: asked.states,
        ..Conntrack::default()
    };
    *asked == state_only
}

/// `ifname_compare_aligned`: a name, or all that begin so; where there is no device its
/// name is empty.
fn device(device: Device<'_>, asked: Option<&Sign<String>>) -> Answer {
    let Some(asked) = asked else {
        return Some(true);
    };
    let name = match device {
        Device::Named(name) => name,
        Device::None => "",
        Device::Unknown if asked.value == "+" => return Some(!asked.negated),
        Device::Unknown => return None,
    };
    let same = match asked.value.strip_suffix('+') {
        Some(begin) => name.starts_with(begin),
        None => name == asked.value,
    };
    signed(Some(same), asked.negated)
}
