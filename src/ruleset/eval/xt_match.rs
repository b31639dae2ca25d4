//! The matches of iptables (`net/netfilter/xt_*.c`, `ip_tables.c`).

use super::super::live::xt::{Match, MultiportSide, Ports, Sign};
use super::field::Field;
use super::meta::Seen;
use super::packet::{ICMP, ICMPV6, TCP, UDP};
use super::run::{Flow, Run};
use super::xt_answer::{Answer, and, signed};

/// Ports that are not asked for.
const ANY: Ports = Sign {
    negated: false,
    value: (0, u16::MAX),
};

impl Run<'_, '_> {
    /// Runs a match.
    pub(super) fn xt_match(&mut self, found: &Match) -> Flow {
        let (answer, why) = self.matches(found);
        self.test(answer, why)
    }

    /// What a match answers, and why where that is not known.
    fn matches(&mut self, found: &Match) -> (Answer, &'static str) {
        match found {
            Match::Comment(_) => (Some(true), ""),
            Match::Header(header) => (
                self.header(header),
                "it asks for an interface or an address that is not known",
            ),
            Match::Tcp {
                source,
                destination,
                flags,
                option,
            } => {
                let answer = and(
                    self.ports_of(TCP, *source, *destination),
                    self.tcp(*flags, option.is_some()),
                );
                (answer, "ports, TCP flags or options that are not known")
            }
            Match::Udp {
                source,
                destination,
            } => (
                self.ports_of(UDP, *source, *destination),
                "ports that are not known",
            ),
            Match::Icmp {
                v6,
                kind,
                codes,
                negated,
            } => (
                self.icmp(*v6, *kind, *codes, *negated),
                "an ICMP type that is not known",
            ),
            Match::Multiport {
                side,
                ranges,
                negated,
            } => (
                self.multiport(*side, ranges, *negated),
                "ports that are not known",
            ),
            Match::Conntrack(asked) => (
                self.conntrack(asked),
                "something of the connection that is not known",
            ),
            Match::Addrtype {
                source,
                destination,
                limit_in,
                limit_out,
            } => {
                let on = match (limit_in, limit_out) {
                    (true, _) => Some(self.input),
                    (false, true) => Some(self.output),
                    (false, false) => None,
                };
                (
                    self.addrtypes(*source, *destination, on),
                    "what an address is to this host is not known",
                )
            }
            Match::Iprange {
                source,
                destination,
            } => (
                self.ipranges(*source, *destination),
                "an address that is not known",
            ),
            Match::Mark {
                value,
                mask,
                negated,
            } => {
                let answer = self.bits(self.mark, *value, *mask);
                (signed(answer, *negated), "the packet's mark is not known")
            }
            Match::Connmark {
                value,
                mask,
                negated,
            } => (
                self.connmark_is(*value, *mask, *negated),
                "the connection's mark is not known",
            ),
            Match::Pkttype { kind, negated } => {
                let answer = self.pkttype(*kind);
                (signed(answer, *negated), "the packet's type is not known")
            }
            Match::Mac { .. } => (None, "the packet's link layer address is not known"),
            Match::Helper { name, negated } => (
                self.helper_is(name, *negated),
                "a packet that is not tracked yet",
            ),
            Match::Set { .. } => (None, "an ipset, whose members are not read"),
            Match::OtherHeader { .. } => (Some(false), ""),
            Match::Unforeseen { .. } => (None, "a match that nobody can foresee"),
            Match::Opaque { .. } => (None, "a match that is not understood"),
        }
    }

    /// `tcp_mt`, `udp_mt`: the ports.
    fn ports_of(&mut self, protocol: u8, source: Ports, destination: Ports) -> Answer {
        if self.packet.flow.protocol != protocol {
            return Some(false);
        }
        let mut answer = Some(true);
        if source != ANY {
            answer = self.ports(self.ends.source_port, source);
        }
        if answer != Some(false) && destination != ANY {
            answer = and(answer, self.ports(self.ends.destination_port, destination));
        }
        answer
    }

    /// `tcp_mt`: flags and options.
    fn tcp(&self, flags: Option<Sign<(u8, u8)>>, option: bool) -> Answer {
        let flags = flags.map_or(Some(true), |flags| {
            let (mask, set) = flags.value;
            let known = self.packet.tcp_flags;
            signed(known.map(|known| known & mask == set), flags.negated)
        });
        and(flags, if option { None } else { Some(true) })
    }

    /// `connmark_mt`
    fn connmark_is(&mut self, value: u32, mask: u32, negated: bool) -> Answer {
        match self.seen() {
            Seen::Nothing => Some(false),
            Seen::Template => None,
            Seen::Connection => signed(self.bits(self.connection.mark, value, mask), negated),
        }
    }

    pub(super) fn ports(&mut self, port: Field, ports: Ports) -> Answer {
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

    fn icmp(&self, v6: bool, kind: u8, codes: (u8, u8), negated: bool) -> Answer {
        /// `icmp_type_code_match`: this type is any.
        const ANY: u8 = 255;
        let protocol = if v6 { ICMPV6 } else { ICMP };
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
}
