//! The tests that most rules are made of, recognised beforehand: a load and a comparison
//! of an address, a port, the protocol, an interface's name or the connection's state, done
//! without registers.

use crate::model::net::Family;

use super::super::live::expression::{BitwiseOp, CmpOp, Expression, PayloadBase, Register};
use super::device::NAME;
use super::registers::big_endian;

/// A test of several expressions at once.
pub(super) struct Quick<'r> {
    pub(super) asks: Asks<'r>,
    pub(super) negated: bool,
    /// The expressions that it stands for, for packets that have something else there.
    pub(super) plain: &'r [Expression],
}

/// What is asked.
pub(super) enum Asks<'r> {
    /// Whether a number is from the first to the last.
    Within(Subject, u128, u128),
    /// Whether this is the hook's protocol (`meta nfproto`).
    Family(u8),
    /// Whether this is the protocol (`meta l4proto`).
    Protocol(u8),
    /// Whether the state is one of these (`ct state`).
    State(u32),
    /// Whether the name of the interface that it came in by begins so (`meta iifname`);
    /// a whole name ends with a zero.
    Input(&'r [u8]),
    /// The same of that which it leaves by (`meta oifname`).
    Output(&'r [u8]),
}

/// Which number.
#[derive(Clone, Copy)]
pub(super) enum Subject {
    /// The source address of an IPv4, or an IPv6, packet.
    Source(Family),
    /// The destination address.
    Destination(Family),
    /// The source port.
    SourcePort,
    /// The destination port.
    DestinationPort,
}

impl Subject {
    /// What `length` bytes of a header begin, and how many bytes it has.
    fn of(base: PayloadBase, offset: u32, length: u32) -> Option<(Self, u32)> {
        match (base, offset, length) {
            (PayloadBase::Transport, 0, 2) => Some((Self::SourcePort, 2)),
            (PayloadBase::Transport, 2, 2) => Some((Self::DestinationPort, 2)),
            (PayloadBase::Network, 12, 1..=4) => Some((Self::Source(Family::Ipv4), 4)),
            (PayloadBase::Network, 16, 1..=4) => Some((Self::Destination(Family::Ipv4), 4)),
            (PayloadBase::Network, 8, 5..=16) => Some((Self::Source(Family::Ipv6), 16)),
            (PayloadBase::Network, 24, 1..=16) => Some((Self::Destination(Family::Ipv6), 16)),
            _ => None,
        }
    }
}

/// `NFT_META_IIFNAME`
const IIFNAME: u32 = 6;
/// `NFT_META_OIFNAME`
const OIFNAME: u32 = 7;
/// `NFT_META_NFPROTO`
const NFPROTO: u32 = 15;
/// `NFT_META_L4PROTO`
const L4PROTO: u32 = 16;
/// `NFT_CT_STATE`
const STATE: u32 = 0;

impl<'r> Quick<'r> {
    /// The test at the head of some expressions, where nothing after it reads what it
    /// would leave in the registers.
    pub(super) fn at_head(expressions: &'r [Expression]) -> Option<Self> {
        let (asks, negated, count) = match expressions {
            [
                Expression::Meta {
                    key: key @ (NFPROTO | L4PROTO),
                    to,
                },
                Expression::Cmp {
                    from,
                    op: op @ (CmpOp::Equal | CmpOp::NotEqual),
                    data,
                },
                ..,
            ] if from == to => {
                let &[protocol] = &data[..] else {
                    return None;
                };
                let asks = match *key {
                    NFPROTO => Asks::Family(protocol),
                    _ => Asks::Protocol(protocol),
                };
                (asks, *op == CmpOp::NotEqual, 2)
            }
            [
                Expression::Meta {
                    key: key @ (IIFNAME | OIFNAME),
                    to,
                },
                Expression::Cmp {
                    from,
                    op: op @ (CmpOp::Equal | CmpOp::NotEqual),
                    data,
                },
                ..,
            ] if from == to && data.len() <= NAME => {
                let asks = match *key {
                    IIFNAME => Asks::Input(data),
                    _ => Asks::Output(data),
                };
                (asks, *op == CmpOp::NotEqual, 2)
            }
            [
                Expression::Ct { key: STATE, to, .. },
                Expression::Bitwise {
                    from,
                    to: masked,
                    length: 4,
                    op: BitwiseOp::MaskXor { mask, xor },
                },
                Expression::Cmp {
                    from: compared,
                    op,
                    data,
                },
                ..,
            ] if from == to && compared == masked && is_zero(xor) && is_zero(data) => {
                let mask = u32::from_ne_bytes(<[u8; 4]>::try_from(&mask[..]).ok()?);
                match (op, data.len()) {
                    (CmpOp::NotEqual, 4) => (Asks::State(mask), false, 3),
                    (CmpOp::Equal, 4) => (Asks::State(mask), true, 3),
                    _ => return None,
                }
            }
            [
                Expression::Payload {
                    base,
                    offset,
                    length,
                    to,
                },
                rest @ ..,
            ] => {
                let (subject, width) = Subject::of(*base, *offset, *length)?;
                let ((first, last), negated, count) = asked(rest, *to, *length)?;
                let behind = width.checked_sub(*length)? * 8;
                let low = super::part::low_bits(behind);
                let asks = Asks::Within(subject, first << behind, (last << behind) | low);
                (asks, negated, count + 1)
            }
            _ => return None,
        };
        let (plain, rest) = expressions.split_at_checked(count)?;
        leaves_nothing(plain, rest).then_some(Self {
            asks,
            negated,
            plain,
        })
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

/// The range that a comparison of `length` bytes in a register asks for, whether it is
/// negated, and how many expressions it takes.
fn asked(rest: &[Expression], at: Register, length: u32) -> Option<((u128, u128), bool, usize)> {
    let length = usize::try_from(length).ok()?;
    let most = super::compare::highest(length);
    match rest {
        [Expression::Cmp { from, op, data }, ..] if *from == at && data.len() == length => {
            let value = big_endian(data);
            let (range, negated) = match op {
                CmpOp::Equal => ((value, value), false),
                CmpOp::NotEqual => ((value, value), true),
                CmpOp::LessOrEqual => ((0, value), false),
                CmpOp::Greater => ((0, value), true),
                CmpOp::GreaterOrEqual => ((value, most), false),
                CmpOp::Less => ((value, most), true),
            };
            Some((range, negated, 1))
        }
        [
            Expression::Range {
                from,
                negated,
                first,
                last,
            },
            ..,
        ] if *from == at && first.len() == length && last.len() == length => {
            let (first, last) = (big_endian(first), big_endian(last));
            (first <= last).then_some(((first, last), *negated, 1))
        }
        [
            Expression::Bitwise {
                from,
                to,
                length: masked,
                op: BitwiseOp::MaskXor { mask, xor },
            },
            Expression::Cmp {
                from: compared,
                op: op @ (CmpOp::Equal | CmpOp::NotEqual),
                data,
            },
            ..,
        ] if *from == at
            && compared == to
            && to == from
            && usize::try_from(*masked) == Ok(length)
            && mask.len() == length
            && data.len() == length
            && is_zero(xor) =>
        {
            let (value, low) = (big_endian(data), !big_endian(mask) & most);
            let is_prefix = low & low.wrapping_add(1) == 0;
            (is_prefix && value & low == 0).then_some((
                (value, value | low),
                *op == CmpOp::NotEqual,
                2,
            ))
        }
        _ => None,
    }
}

/// Whether nothing reads the registers that a test fills before something else fills them.
fn leaves_nothing(plain: &[Expression], rest: &[Expression]) -> bool {
    let Some((first, count)) = plain.first().and_then(fills) else {
        return false;
    };
    // The registers that hold what was not loaded.
    let (mut start, mut end) = (first, first + count);
    for expression in rest {
        let Some(read) = reads(expression) else {
            return false;
        };
        if read.is_some_and(|(first, count)| first < end && start < first + count) {
            return false;
        }
        if let Some((first, count)) = fills(expression) {
            if first <= start {
                start = start.max(first + count);
            } else if end <= first + count {
                end = end.min(first);
            }
            if start >= end {
                return true;
            }
        }
    }
    true
}

/// The registers that an expression fills for certain: the first, and how many.
fn fills(expression: &Expression) -> Option<(u32, u32)> {
    let (to, length) = match expression {
        Expression::Payload { to, length, .. } | Expression::Bitwise { to, length, .. } => {
            (to, *length)
        }
        Expression::Meta {
            key: IIFNAME | OIFNAME,
            to,
        } => (to, 16),
        Expression::Meta { to, .. } | Expression::Ct { to, .. } => (to, 1),
        _ => return None,
    };
    Some((to.0.into(), length.div_ceil(4)))
}

/// The registers that an expression reads, inner `None` where it reads none; outer `None`
/// where that is not told here.
#[expect(clippy::option_option, reason = "two answers of different kinds")]
fn reads(expression: &Expression) -> Option<Option<(u32, u32)>> {
    let count = |length: usize| u32::try_from(length.div_ceil(4)).unwrap_or(u32::MAX / 2);
    Some(match expression {
        Expression::Cmp { from, data, .. } => Some((from.0.into(), count(data.len()))),
        Expression::Range { from, first, .. } => Some((from.0.into(), count(first.len()))),
        Expression::Bitwise { from, length, .. } => Some((from.0.into(), length.div_ceil(4))),
        // A key is as long as its set says: up to the last register.
        Expression::Lookup { from, .. } => Some((from.0.into(), 16)),
        Expression::Payload { .. }
        | Expression::Meta { .. }
        | Expression::Ct { .. }
        | Expression::Counter { .. }
        | Expression::Last
        | Expression::Log { .. }
        | Expression::Verdict(_)
        | Expression::Match(_)
        | Expression::Target(_)
        | Expression::Reject { .. }
        | Expression::Notrack
        | Expression::Limit(_)
        | Expression::FlowOffload(_) => None,
        _ => return None,
    })
}
