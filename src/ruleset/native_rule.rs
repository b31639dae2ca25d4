//! The form in which iptables-nft writes a rule, and whether a rule has it.
//!
//! A list of known expressions is not enough: `iptables-save` reads each field into
//! one place, so the second test of a field overwrites the first, and an operator
//! that it does not know it prints as "equal". So a rule passes only as a whole:
//! tests, each of another field, then a counter, then one action
//! (`iptables/nft-ipv4.c`, `iptables/nft-shared.c`, `iptables/nft-ruleparse.c`).

use crate::model::net::Family;

use super::netlink::{attribute, attributes, number, text};

/// `NFT_CMP_EQ`, `NFT_CMP_NEQ`.
const EQUAL_OR_NOT: [u32; 2] = [0, 1];
/// `NFT_CMP_GTE` then `NFT_CMP_LTE`: a range of ports.
const AT_LEAST: u32 = 5;
const AT_MOST: u32 = 3;

/// Why a rule is not of iptables' form; `None` where it is. `expressions`: the
/// value of `NFTA_RULE_EXPRESSIONS`.
pub(super) fn foreign_form(expressions: &[u8], family: Family) -> Option<String> {
    let expressions: Vec<Expression> = attributes(expressions)
        .map(|(_, e)| Expression::of(e))
        .collect();
    let mut form = Form {
        family,
        seen: Vec::new(),
        is_tcp: false,
        is_udp: false,
    };
    let mut rest = &expressions[..];
    while let Some(first) = rest.first() {
        if first.name == "counter" {
            return action(&rest[1..]);
        }
        let test: Result<&[Expression], String> = form.test(rest);
        match test {
            Ok(left) => rest = left,
            Err(why) => return Some(why),
        }
    }
    // Every rule of an iptables program counts.
    Some("no counter".to_owned())
}

/// `NFTA_EXPR_NAME` 1, `NFTA_EXPR_DATA` 2.
struct Expression<'a> {
    name: String,
    data: &'a [u8],
}

impl<'a> Expression<'a> {
    fn of(expression: &'a [u8]) -> Self {
        Self {
            name: attribute(expression, 1).map(text).unwrap_or_default(),
            data: attribute(expression, 2).unwrap_or_default(),
        }
    }

    fn number(&self, kind: u16) -> Option<u32> {
        attribute(self.data, kind).and_then(number)
    }
}

/// Behind the counter: nothing, a verdict, a target, NFLOG (`log` with a group) or
/// TRACE (`meta nftrace set`).
fn action(rest: &[Expression]) -> Option<String> {
    match rest {
        [] => None,
        [one] => {
            let known = match one.name.as_str() {
                "immediate" | "target" => true,
                // NFTA_LOG_GROUP 1.
                "log" => attribute(one.data, 1).is_some(),
                // NFTA_META_KEY 2: nftrace 15; NFTA_META_SREG 3.
                "meta" => one.number(2) == Some(15) && attribute(one.data, 3).is_some(),
                _ => false,
            };
            (!known).then(|| one.name.clone())
        }
        // TRACE loads its 1 first.
        [load, trace] if load.name == "immediate" && trace.number(2) == Some(15) => None,
        [_, second, ..] => Some(format!("{} behind another action", second.name)),
    }
}

/// A field that a rule can test once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Source,
    Destination,
    Protocol,
    Fragment,
    InputName,
    OutputName,
    Mark,
    SourcePort,
    DestinationPort,
    TcpFlags,
}

struct Form {
    family: Family,
    seen: Vec<Field>,
    is_tcp: bool,
    is_udp: bool,
}

impl Form {
    /// Takes one test from the front; gives what follows it.
    fn test<'a, 'b>(&mut self, rest: &'b [Expression<'a>]) -> Result<&'b [Expression<'a>], String> {
        let first = &rest[0];
        let unknown = || Err(first.name.clone());
        match first.name.as_str() {
            "match" => return Ok(&rest[1..]),
            "limit" if limit_is_known(first) => return Ok(&rest[1..]),
            "meta" | "payload" => {}
            _ => return unknown(),
        }
        let Some((fields, is_whole)) = self.fields(first) else {
            return unknown();
        };
        if let Some(again) = fields.iter().find(|f| self.seen.contains(f)) {
            return Err(format!("{again:?} is tested twice"));
        }
        self.seen.extend(&fields);
        let is_port = fields == [Field::SourcePort] || fields == [Field::DestinationPort];
        let mut after = &rest[1..];
        let masked = after.first().filter(|e| e.name == "bitwise");
        if let Some(mask) = masked {
            // NFTA_BITWISE_OP 6: mask and xor. Of a part of a field it is no prefix.
            let plain = mask.number(6).unwrap_or(0) == 0;
            if !plain || !is_whole || is_port || fields.len() > 1 {
                return Err("bitwise".to_owned());
            }
            after = &after[1..];
        }
        let needs_mask = matches!(fields[..], [Field::Fragment | Field::TcpFlags]);
        if needs_mask && !masked.is_some_and(|mask| mask_is_known(mask, fields[0])) {
            return unknown();
        }
        let operator = |e: &Expression| e.number(2);
        match after {
            [compare, ..]
                if compare.name == "cmp"
                    && operator(compare).is_some_and(|o| EQUAL_OR_NOT.contains(&o)) =>
            {
                if fields == [Field::Protocol] && operator(compare) == Some(0) {
                    self.note_protocol(compare);
                }
                Ok(&after[1..])
            }
            [range, ..] if range.name == "range" && is_port => Ok(&after[1..]),
            [from, to, ..]
                if is_port
                    && [&from.name, &to.name].iter().all(|n| *n == "cmp")
                    && operator(from) == Some(AT_LEAST)
                    && operator(to) == Some(AT_MOST) =>
            {
                Ok(&after[2..])
            }
            [other, ..] => Err(format!("{:?} {}", fields[0], other.name)),
            [] => unknown(),
        }
    }

    /// The fields that an expression loads, and whether the whole of them.
    fn fields(&self, load: &Expression) -> Option<(Vec<Field>, bool)> {
        let one = |field| Some((vec![field], true));
        if load.name == "meta" {
            // NFTA_META_SREG 3 would set, not test.
            return match (load.number(2)?, attribute(load.data, 3)) {
                (3, None) => one(Field::Mark),
                (6, None) => one(Field::InputName),
                (7, None) => one(Field::OutputName),
                (16, None) => one(Field::Protocol),
                _ => None,
            };
        }
        // NFTA_PAYLOAD_BASE 2, _OFFSET 3, _LEN 4; _SREG 5 would write the packet.
        if attribute(load.data, 5).is_some() {
            return None;
        }
        let [base, offset, length] = [2, 3, 4].map(|kind| load.number(kind));
        let has_ports = self.is_tcp || self.is_udp;
        let address = |field, whole| {
            length
                .filter(|l| (1..=whole).contains(l))
                .map(|l| (vec![field], l == whole))
        };
        match (base?, self.family, offset?, length?) {
            (1, Family::Ipv4, 12, _) => address(Field::Source, 4),
            (1, Family::Ipv4, 16, _) => address(Field::Destination, 4),
            (1, Family::Ipv4, 9, 1) | (1, Family::Ipv6, 6, 1) => one(Field::Protocol),
            (1, Family::Ipv4, 6, 2) => one(Field::Fragment),
            (1, Family::Ipv6, 8, _) => address(Field::Source, 16),
            (1, Family::Ipv6, 24, _) => address(Field::Destination, 16),
            (2, _, 0, 2) if has_ports => one(Field::SourcePort),
            (2, _, 2, 2) if has_ports => one(Field::DestinationPort),
            (2, _, 0, 4) if has_ports => {
                Some((vec![Field::SourcePort, Field::DestinationPort], true))
            }
            (2, _, 13, 1) if self.is_tcp => one(Field::TcpFlags),
            _ => None,
        }
    }

    /// `NFTA_CMP_DATA` 3 holds `NFTA_DATA_VALUE` 1: the protocol's number.
    fn note_protocol(&mut self, compare: &Expression) {
        let value = attribute(compare.data, 3).and_then(|d| attribute(d, 1));
        self.is_tcp = value.and_then(<[u8]>::first) == Some(&6);
        self.is_udp = value.and_then(<[u8]>::first) == Some(&17);
    }
}

/// `-f` looks at the offset alone, 0x1fff; TCP flags may have any mask.
/// `NFTA_BITWISE_MASK` 4 holds `NFTA_DATA_VALUE` 1.
fn mask_is_known(bitwise: &Expression, field: Field) -> bool {
    let mask = attribute(bitwise.data, 4).and_then(|d| attribute(d, 1));
    field != Field::Fragment || mask.is_some_and(|m| m.starts_with(&[0x1f, 0xff]))
}

/// `NFTA_LIMIT_RATE` 1, `_UNIT` 2 (seconds), both of 64 bits; `_TYPE` 4, packets 0;
/// `_FLAGS` 5. iptables has units from second to day, and at most 10,000 a second.
fn limit_is_known(limit: &Expression) -> bool {
    let wide = |kind| {
        let bytes: [u8; 8] = attribute(limit.data, kind)?.try_into().ok()?;
        Some(u64::from_be_bytes(bytes))
    };
    let unit = wide(2);
    let plain = [4, 5]
        .iter()
        .all(|kind| limit.number(*kind).unwrap_or(0) == 0);
    plain
        && matches!(unit, Some(1 | 60 | 3600 | 86400))
        && wide(1)
            .zip(unit)
            .is_some_and(|(rate, unit)| rate / unit <= 10_000)
}
