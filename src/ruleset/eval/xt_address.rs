//! Addresses and interfaces in matches of iptables (`ip_tables.c`, `xt_iprange.c`,
//! `xt_addrtype.c`, `xt_pkttype.c`).

use std::net::IpAddr;

use crate::model::net::Family;

use super::super::live::xt::{Header, Net, Sign};
use super::device::Device;
use super::field::Field;
use super::region::number;
use super::run::Run;
use super::xt_answer::{Answer, and, signed};

impl Run<'_, '_> {
    /// `ip_packet_match`, `ip6_packet_match`
    pub(super) fn header(&mut self, header: &Header) -> Answer {
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
        let mut answer = and(and(protocol, fragment), devices);
        if answer != Some(false) && header.source.is_some() {
            answer = and(answer, self.net(self.ends.source, header.source));
        }
        if answer != Some(false) && header.destination.is_some() {
            answer = and(answer, self.net(self.ends.destination, header.destination));
        }
        answer
    }

    pub(super) fn net(&mut self, field: Field, asked: Option<Sign<Net>>) -> Answer {
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

    /// `iprange_mt4`, `iprange_mt6`
    pub(super) fn ipranges(
        &mut self,
        source: Option<Sign<(IpAddr, IpAddr)>>,
        destination: Option<Sign<(IpAddr, IpAddr)>>,
    ) -> Answer {
        let answer = self.iprange(self.ends.source, source);
        if answer == Some(false) {
            return answer;
        }
        and(answer, self.iprange(self.ends.destination, destination))
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

    /// `addrtype_mt_v1`
    pub(super) fn addrtypes(
        &mut self,
        source: Option<Sign<u16>>,
        destination: Option<Sign<u16>>,
        on: Option<Device<'_>>,
    ) -> Answer {
        let answer = self.addrtype(self.ends.source, source, on);
        if answer == Some(false) {
            return answer;
        }
        and(
            answer,
            self.addrtype(self.ends.destination, destination, on),
        )
    }

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
    pub(super) fn pkttype(&mut self, kind: u32) -> Answer {
        /// `PACKET_HOST`
        const HOST: u32 = 0;
        self.is_unicast()?.then_some(kind == HOST)
    }
}

/// `ifname_compare_aligned`: a name, or all that begin so; where there is no device its
/// name is empty.
fn device(device: Device<'_>, asked: Option<&Sign<String>>) -> Answer {
    let Some(asked) = asked else {
        return Some(true);
    };
    let name = match device {
        Device::Named(name) => name.as_bytes(),
        Device::None => b"",
        Device::Unknown | Device::Foreign if asked.value == "+" => return Some(!asked.negated),
        Device::Foreign if asked.value == "lo" => return Some(asked.negated),
        Device::Unknown | Device::Foreign => return None,
    };
    let same = match asked.value.as_bytes() {
        [begin @ .., b'+'] => name.starts_with(begin),
        whole => name == whole,
    };
    signed(Some(same), asked.negated)
}
