//! What stands in the packet (`nft_payload.c`): addresses, ports, flags, and what of the
//! headers nobody knows.

use crate::model::net::Family;

use super::super::live::expression::PayloadBase;
use super::device::Device;
use super::field::Field;
use super::names::Next;
use super::packet::{ICMP, ICMPV6, TCP, UDP};
use super::run::{Flow, Run};

/// A field of a header: where it begins, and what is in it.
type Place = (usize, Field);

/// The last byte of a header that any rule loads one field of.
const MOST: usize = 64;

impl Run<'_, '_> {
    /// `nft_payload_eval`
    pub(super) fn load_payload(
        &mut self,
        base: PayloadBase,
        offset: u32,
        length: u32,
        to: u8,
    ) -> Flow {
        let (Ok(offset), Ok(length)) = (usize::try_from(offset), usize::try_from(length)) else {
            return self.undecided("a load that is not understood");
        };
        if base == PayloadBase::Link && self.input == Device::None {
            // A packet of this host has no link layer header yet.
            return Flow::Break;
        }
        // The common loads, of one whole field.
        let one = match (base, offset, length, self.family) {
            (PayloadBase::Transport, 0, 2, _) if self.has_ports() => Some(self.ends.source_port),
            (PayloadBase::Transport, 2, 2, _) if self.has_ports() => {
                Some(self.ends.destination_port)
            }
            (PayloadBase::Network, 12, 4, Family::Ipv4)
            | (PayloadBase::Network, 8, 16, Family::Ipv6) => Some(self.ends.source),
            (PayloadBase::Network, 16, 4, Family::Ipv4)
            | (PayloadBase::Network, 24, 16, Family::Ipv6) => Some(self.ends.destination),
            _ => None,
        };
        if let Some(field) = one {
            self.registers.store_whole(to, field, &mut self.space);
            return Flow::On;
        }
        let (fields, count) = match base {
            PayloadBase::Network => self.network_header(),
            PayloadBase::Transport => self.transport_header(),
            PayloadBase::Link | PayloadBase::Inner | PayloadBase::Tunnel => {
                ([(0, Field::constant(0, 0)); 8], 0)
            }
        };
        self.registers.store_unknown(to, length.min(MOST));
        let end = offset.saturating_add(length);
        for &(start, field) in &fields[..count] {
            let stop = start + usize::from(field.width);
            let (first, last) = (start.max(offset), stop.min(end));
            if first < last {
                self.registers.know(to, first - offset, last - first);
                self.registers.store_field(
                    to,
                    first - offset,
                    field,
                    first - start,
                    last - first,
                    &mut self.space,
                );
            }
        }
        Flow::On
    }

    fn has_ports(&self) -> bool {
        matches!(self.packet.flow.protocol, TCP | UDP | 33 | 132 | 136)
    }

    /// IP's header (RFC 791, RFC 8200), without options.
    fn network_header(&self) -> ([Place; 8], usize) {
        let protocol = Field::constant(self.packet.flow.protocol.into(), 1);
        let mut fields = [(0, Field::constant(0, 0)); 8];
        let known: &[Place] = match self.family {
            Family::Ipv4 => &[
                (0, Field::constant(0x45, 1)),
                // Of flags and offset only "don't fragment" is not known.
                (
                    6,
                    Field {
                        unknown: 0x4000,
                        ..Field::constant(0, 2)
                    },
                ),
                (9, protocol),
                (12, self.ends.source),
                (16, self.ends.destination),
            ],
            Family::Ipv6 => &[
                (
                    0,
                    Field {
                        unknown: 0x0fff_ffff,
                        ..Field::constant(0x6000_0000, 4)
                    },
                ),
                (6, protocol),
                (8, self.ends.source),
                (24, self.ends.destination),
            ],
        };
        fields[..known.len()].copy_from_slice(known);
        (fields, known.len())
    }

    /// The header after IP's.
    fn transport_header(&self) -> ([Place; 8], usize) {
        let mut fields = [(0, Field::constant(0, 0)); 8];
        let mut count = 0;
        let mut add = |place: Place| {
            fields[count] = place;
            count += 1;
        };
        if self.has_ports() {
            add((0, self.ends.source_port));
            add((2, self.ends.destination_port));
        }
        match self.packet.flow.protocol {
            TCP => {
                if let Some(flags) = self.packet.tcp_flags {
                    add((13, Field::constant(flags.into(), 1)));
                }
            }
            ICMP | ICMPV6 => {
                if let Some((kind, code)) = self.packet.icmp {
                    add((0, Field::constant(kind.into(), 1)));
                    add((1, Field::constant(code.into(), 1)));
                }
            }
            _ => {}
        }
        (fields, count)
    }

    /// `nft_payload_set_eval`: addresses and ports are rewritten, other bytes are of no
    /// interest to any rule.
    pub(super) fn write_payload(
        &mut self,
        base: PayloadBase,
        offset: u32,
        length: u32,
        from: u8,
    ) -> Flow {
        let width = u8::try_from(length.min(16)).unwrap_or(16);
        let field = match (base, offset, length, self.family) {
            (PayloadBase::Transport, 0, 2, _) if self.has_ports() => &mut self.ends.source_port,
            (PayloadBase::Transport, 2, 2, _) if self.has_ports() => {
                &mut self.ends.destination_port
            }
            (PayloadBase::Network, 12, 4, Family::Ipv4)
            | (PayloadBase::Network, 8, 16, Family::Ipv6) => &mut self.ends.source,
            (PayloadBase::Network, 16, 4, Family::Ipv4)
            | (PayloadBase::Network, 24, 16, Family::Ipv6) => &mut self.ends.destination,
            (PayloadBase::Network, ..) if touches_addresses(self.family, offset, length) => {
                return self.undecided("it rewrites a part of the addresses");
            }
            (PayloadBase::Transport, 0..=3, ..) => {
                return self.undecided("it rewrites a part of the ports");
            }
            (PayloadBase::Transport, ..) if covers(offset, length, 13) => {
                return self.undecided("it rewrites TCP's flags");
            }
            _ => return Flow::On,
        };
        *field = self.registers.field(from, width, &mut self.space);
        Flow::On
    }

    /// `nft_exthdr_eval`: of a SYN, and of IPv6 without extension headers, nothing is
    /// known.
    pub(super) fn exthdr(&mut self, to: Option<u8>, length: u32, flags: u32) -> Flow {
        /// `NFT_EXTHDR_F_PRESENT`
        const PRESENT: u32 = 1;
        let Some(to) = to else {
            return Flow::On;
        };
        if flags & PRESENT != 0 {
            self.registers.store_unknown(to, 1);
            return Flow::On;
        }
        if self.choose(2, "a header or an option that may be there") == 0 {
            return Flow::Break;
        }
        let length = usize::try_from(length).unwrap_or(MOST).min(MOST);
        self.registers.store_unknown(to, length);
        Flow::On
    }

    /// `nft_reject_inet_eval`: how the sender is told.
    pub(super) fn nft_reject(&mut self, kind: u32, code: u8) -> Flow {
        use super::outcome::Rejection;
        /// `NFT_REJECT_ICMP_UNREACH`, `NFT_REJECT_TCP_RST`, `NFT_REJECT_ICMPX_UNREACH`
        const ICMP_UNREACHABLE: u32 = 0;
        const RESET: u32 = 1;
        const ICMPX: u32 = 2;
        let unreachable = match self.family {
            Family::Ipv4 => 3,
            Family::Ipv6 => 1,
        };
        match kind {
            RESET if self.packet.flow.protocol != TCP => Flow::Verdict(Next::Drop),
            RESET => self.reject(Rejection::Reset),
            ICMP_UNREACHABLE => self.reject(Rejection::Icmp {
                kind: unreachable,
                code,
            }),
            ICMPX => {
                // nft_reject_icmp_code, nft_reject_icmpv6_code: no route, port, host,
                // administratively prohibited.
                let codes = match self.family {
                    Family::Ipv4 => [0, 3, 1, 13],
                    Family::Ipv6 => [0, 4, 3, 1],
                };
                match codes.get(usize::from(code)) {
                    Some(&code) => self.reject(Rejection::Icmp {
                        kind: unreachable,
                        code,
                    }),
                    None => self.undecided("a rejection that is not understood"),
                }
            }
            _ => self.undecided("a rejection that is not understood"),
        }
    }
}

fn covers(offset: u32, length: u32, byte: u32) -> bool {
    (offset..offset.saturating_add(length)).contains(&byte)
}

fn touches_addresses(family: Family, offset: u32, length: u32) -> bool {
    let (first, last) = match family {
        Family::Ipv4 => (12, 20),
        Family::Ipv6 => (8, 40),
    };
    offset < last && first < offset.saturating_add(length)
}
