//! The native expressions of iptables-nft, as what they stand for (`nft_parse_payload`,
//! `nft_parse_meta`, `nft_parse_cmp` of `iptables/nft-shared.c`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::folder::{Folder, From, Loaded, Pending};
use crate::ruleset::live::expression::{CmpOp, PayloadBase};
use crate::ruleset::live::table::TableFamily;
use crate::ruleset::live::xt::{Match, Net, Ports, Sign};
use crate::ruleset::live::xt_net::net as net_of;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// `enum nft_meta_keys`
const MARK: u32 = 3;
const INPUT_NAME: u32 = 6;
const OUTPUT_NAME: u32 = 7;
const PROTOCOL: u32 = 16;

/// `==` and `!=` as a sign.
fn negated(op: CmpOp) -> Option<bool> {
    match op {
        CmpOp::Equal => Some(false),
        CmpOp::NotEqual => Some(true),
        _ => None,
    }
}

fn word(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

fn port(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

impl Folder {
    /// A comparison; `None` where iptables does not write such a one.
    pub(super) fn compare(&mut self, loaded: &Loaded, op: CmpOp, data: &[u8]) -> Option<()> {
        let mask = loaded.mask.as_deref();
        match (loaded.from, self.family) {
            (From::Meta(key), _) => self.meta(key, mask, negated(op)?, data),
            (From::Payload(PayloadBase::Network, 12, length), TableFamily::Ip)
            | (From::Payload(PayloadBase::Network, 8, length), TableFamily::Ip6) => {
                let net = self.net(length, mask, negated(op)?, data)?;
                put(&mut self.folded.header.source, net)
            }
            (From::Payload(PayloadBase::Network, 16, length), TableFamily::Ip)
            | (From::Payload(PayloadBase::Network, 24, length), TableFamily::Ip6) => {
                let net = self.net(length, mask, negated(op)?, data)?;
                put(&mut self.folded.header.destination, net)
            }
            (From::Payload(PayloadBase::Network, 6, 2), TableFamily::Ip)
                if mask == Some(&[0x1f, 0xff]) && data == [0, 0] =>
            {
                let fragment = Sign {
                    negated: !negated(op)?,
                    value: (),
                };
                put(&mut self.folded.header.fragment, fragment)
            }
            (From::Payload(PayloadBase::Transport, offset @ (0 | 2), 2), _) if mask.is_none() => {
                self.port(offset, op, port(data)?)
            }
            // Both ports at once (`add_nft_tcpudp`). With `!` for both of them iptables-nft
            // asks that not both are so, and still saves it as it was given.
            (From::Payload(PayloadBase::Transport, 0, 4), _)
                if mask.is_none() && negated(op).is_some() =>
            {
                let (source, destination) = data.split_at_checked(2)?;
                self.port(0, op, port(source)?)?;
                self.port(2, op, port(destination)?)
            }
            (From::Payload(PayloadBase::Transport, 13, 1), _) => {
                let &[set] = data else { return None };
                let mask = match mask {
                    Some(&[mask]) => mask,
                    Some(_) => return None,
                    None => u8::MAX,
                };
                let sign = Sign {
                    negated: negated(op)?,
                    value: (mask, set),
                };
                self.flags(sign)
            }
            _ => None,
        }
    }

    /// A range, as iptables writes it for ports.
    pub(super) fn range(
        &mut self,
        loaded: &Loaded,
        negated: bool,
        first: &[u8],
        last: &[u8],
    ) -> Option<()> {
        let From::Payload(PayloadBase::Transport, offset @ (0 | 2), 2) = loaded.from else {
            return None;
        };
        let value = (port(first)?, port(last)?);
        self.ports(offset, Sign { negated, value })
    }

    fn meta(&mut self, key: u32, mask: Option<&[u8]>, negated: bool, data: &[u8]) -> Option<()> {
        let header = &mut self.folded.header;
        match (key, mask) {
            (INPUT_NAME | OUTPUT_NAME, None) => {
                let sign = Sign {
                    negated,
                    value: interface(data)?,
                };
                let place = if key == INPUT_NAME {
                    &mut header.input
                } else {
                    &mut header.output
                };
                put(place, sign)
            }
            (PROTOCOL, None) => {
                let &[value] = data else { return None };
                put(&mut header.protocol, Sign { negated, value })
            }
            (MARK, mask) => {
                let mask = match mask {
                    Some(mask) => word(mask)?,
                    None => u32::MAX,
                };
                self.folded.matches.push(Match::Mark {
                    value: word(data)?,
                    mask,
                    negated,
                });
                Some(())
            }
            _ => None,
        }
    }

    /// The first bytes of an address, or all of them with a mask.
    fn net(
        &self,
        length: u32,
        mask: Option<&[u8]>,
        negated: bool,
        data: &[u8],
    ) -> Option<Sign<Net>> {
        let length = usize::try_from(length).ok()?;
        (data.len() == length).then_some(())?;
        let whole = |bytes: &[u8]| -> Option<IpAddr> {
            if self.family == TableFamily::Ip {
                let mut address = [0; 4];
                address.get_mut(..bytes.len())?.copy_from_slice(bytes);
                return Some(Ipv4Addr::from(address).into());
            }
            let mut address = [0; 16];
            address.get_mut(..bytes.len())?.copy_from_slice(bytes);
            Some(Ipv6Addr::from(address).into())
        };
        let ones = vec![u8::MAX; length];
        let value = net_of(whole(data)?, whole(mask.unwrap_or(&ones))?);
        Some(Sign { negated, value })
    }

    fn port(&mut self, offset: u32, op: CmpOp, port: u16) -> Option<()> {
        match (op, self.pending.take()) {
            (CmpOp::GreaterOrEqual, None) => {
                let first = port;
                self.pending = Some(Pending { offset, first });
                Some(())
            }
            (CmpOp::LessOrEqual, Some(lower)) if lower.offset == offset => {
                let value = (lower.first, port);
                let negated = false;
                self.ports(offset, Sign { negated, value })
            }
            (CmpOp::Equal | CmpOp::NotEqual, None) => {
                let value = (port, port);
                let negated = op == CmpOp::NotEqual;
                self.ports(offset, Sign { negated, value })
            }
            _ => None,
        }
    }

    fn ports(&mut self, offset: u32, range: Ports) -> Option<()> {
        let (source, destination, _) = self.transport()?;
        *(if offset == 0 { source } else { destination }) = range;
        Some(())
    }

    fn flags(&mut self, value: Sign<(u8, u8)>) -> Option<()> {
        let (_, _, flags) = self.transport()?;
        *flags? = Some(value);
        Some(())
    }

    /// The `tcp` or `udp` match of the rule, by its protocol.
    #[expect(clippy::type_complexity, reason = "the fields of one match")]
    fn transport(
        &mut self,
    ) -> Option<(&mut Ports, &mut Ports, Option<&mut Option<Sign<(u8, u8)>>>)> {
        const ALL: Ports = Sign {
            negated: false,
            value: (0, u16::MAX),
        };
        let protocol = self.folded.header.protocol.filter(|sign| !sign.negated)?;
        let is_it = |m: &Match| match m {
            Match::Tcp { .. } => protocol.value == TCP,
            Match::Udp { .. } => protocol.value == UDP,
            _ => false,
        };
        let matches = &mut self.folded.matches;
        if !matches.iter().any(is_it) {
            matches.push(match protocol.value {
                TCP => Match::Tcp {
                    source: ALL,
                    destination: ALL,
                    flags: None,
                    option: None,
                },
                UDP => Match::Udp {
                    source: ALL,
                    destination: ALL,
                },
                _ => return None,
            });
        }
        match matches.iter_mut().find(|m| is_it(m))? {
            Match::Tcp {
                source,
                destination,
                flags,
                ..
            } => Some((source, destination, Some(flags))),
            Match::Udp {
                source,
                destination,
            } => Some((source, destination, None)),
            _ => None,
        }
    }
}

/// Puts a value where none is; twice is not what iptables writes.
fn put<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.is_none().then(|| *place = Some(value))
}

/// A name with its NUL, or the beginning of one, which iptables prints with `+`.
fn interface(data: &[u8]) -> Option<String> {
    let length = data.iter().position(|byte| *byte == 0);
    let name = std::str::from_utf8(&data[..length.unwrap_or(data.len())]).ok()?;
    Some(match length {
        Some(_) => name.to_owned(),
        None => format!("{name}+"),
    })
}
