//! Expressions: their names, and those that load and compare. Attribute types are those of
//! `enum nft_*_attributes` in `linux/netfilter/nf_tables.h`.

use super::data::{Fields, list, verdict};
use super::statement;
use crate::ruleset::live::expression::{
    BitwiseOp, CmpOp, Expression, LookupTo, PayloadBase, Verdict,
};
use crate::ruleset::live::table::TableFamily;
use crate::ruleset::live::xt_blob;

/// How deep expressions nest in others (`dynset`): the kernel allows stateful ones only,
/// which hold none themselves.
const DEEPEST: u8 = 1;

/// The expressions of a list (`NFTA_RULE_EXPRESSIONS` and its like).
pub(super) fn expressions(data: &[u8], family: TableFamily) -> Vec<Expression> {
    // Counted first: a large ruleset is mostly these lists, and they must not be larger
    // than what is in them.
    let mut expressions = Vec::with_capacity(list(data).count());
    expressions.extend(list(data).map(|one| expression(one, family, 0)));
    expressions
}

/// One expression: `NFTA_EXPR_NAME` 1, `NFTA_EXPR_DATA` 2.
pub(super) fn expression(data: &[u8], family: TableFamily, depth: u8) -> Expression {
    let outer = Fields(data);
    let name = outer.bytes(1).unwrap_or_default();
    let name = name.split(|b| *b == 0).next().unwrap_or_default();
    let inner = outer.nested(2).unwrap_or(Fields(&[]));
    let read = KNOWN
        .iter()
        .find(|known| known.name.as_bytes() == name)
        .filter(|known| inner.are_known(known.highest))
        .and_then(|known| {
            (known.read)(
                inner,
                Context {
                    family,
                    depth,
                    known,
                },
            )
        });
    read.unwrap_or_else(|| Expression::Opaque {
        name: String::from_utf8_lossy(name).into_owned(),
    })
}

/// What an expression is read with beside its attributes.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    family: TableFamily,
    depth: u8,
    known: &'a Known,
}

/// An expression that is understood.
pub(super) struct Known {
    /// Its name in the kernel.
    name: &'static str,
    /// The highest attribute type that is understood.
    highest: u16,
    /// Reads it; `None` where a value has no meaning here.
    read: fn(Fields, Context) -> Option<Expression>,
}

const fn known(
    name: &'static str,
    highest: u16,
    read: fn(Fields, Context) -> Option<Expression>,
) -> Known {
    Known {
        name,
        highest,
        read,
    }
}

/// The most frequent ones first: each is looked for from the front.
const KNOWN: &[Known] = &[
    known("meta", 3, meta),
    known("payload", 8, payload),
    known("cmp", 3, cmp),
    known("counter", 3, |f, _| statement::counter(f)),
    known("immediate", 2, immediate),
    known("lookup", 5, lookup),
    known("bitwise", 8, bitwise),
    known("match", 3, xt_match),
    known("target", 3, xt_target),
    known("ct", 4, ct),
    known("range", 4, range),
    known("nat", 7, |f, _| statement::nat(f)),
    known("masq", 3, |f, _| statement::masquerade(f)),
    known("redir", 3, |f, _| statement::redirect(f)),
    known("log", 6, |f, _| statement::log(f)),
    known("limit", 6, |f, _| {
        statement::limit(f).map(Expression::Limit)
    }),
    known("reject", 2, |f, _| statement::reject(f)),
    known("fib", 3, fib),
    known("byteorder", 5, byteorder),
    known("objref", 5, |f, _| statement::object(f)),
    known("dynset", 10, dynset),
    known("quota", 4, |f, _| statement::quota(f)),
    known("connlimit", 2, |f, _| statement::connlimit(f)),
    known("notrack", 0, |_, _| Some(Expression::Notrack)),
    known("queue", 4, |f, _| statement::queue(f)),
    known("tproxy", 3, |f, _| statement::tproxy(f)),
    known("flow_offload", 1, |f, _| {
        f.text(1).map(Expression::FlowOffload)
    }),
    known("last", 3, |_, _| Some(Expression::Last)),
    known("exthdr", 7, exthdr),
    known("rt", 2, rt),
    known("numgen", 6, |f, c| unforeseen(f, c, 1)),
    known("hash", 9, |f, c| unforeseen(f, c, 2)),
    known("osf", 3, |f, c| unforeseen(f, c, 1)),
    known("socket", 3, |f, c| unforeseen(f, c, 2)),
    known("xfrm", 4, |f, c| unforeseen(f, c, 1)),
    known("tunnel", 3, |f, c| unforeseen(f, c, 2)),
    known("dup", 2, |_, c| Some(elsewhere(c))),
    known("fwd", 3, |_, c| Some(elsewhere(c))),
    known("synproxy", 3, |_, _| Some(Expression::Synproxy)),
];

fn payload(f: Fields, _: Context) -> Option<Expression> {
    let base = match f.number(2)? {
        0 => PayloadBase::Link,
        1 => PayloadBase::Network,
        2 => PayloadBase::Transport,
        3 => PayloadBase::Inner,
        4 => PayloadBase::Tunnel,
        _ => return None,
    };
    let (offset, length) = (f.number(3)?, f.number(4)?);
    if let Some(to) = f.register(1) {
        return Some(Expression::Payload {
            base,
            offset,
            length,
            to,
        });
    }
    Some(Expression::PayloadSet {
        base,
        offset,
        length,
        from: f.register(5)?,
    })
}

fn meta(f: Fields, _: Context) -> Option<Expression> {
    let key = f.number(2)?;
    if let Some(to) = f.register(1) {
        return Some(Expression::Meta { key, to });
    }
    let from = f.register(3)?;
    Some(Expression::MetaSet { key, from })
}

fn ct(f: Fields, _: Context) -> Option<Expression> {
    let (key, direction) = (f.number(2)?, f.byte(3));
    if let Some(to) = f.register(1) {
        return Some(Expression::Ct { key, direction, to });
    }
    let from = f.register(4)?;
    Some(Expression::CtSet {
        key,
        direction,
        from,
    })
}

fn cmp(f: Fields, _: Context) -> Option<Expression> {
    let op = match f.number(2)? {
        0 => CmpOp::Equal,
        1 => CmpOp::NotEqual,
        2 => CmpOp::Less,
        3 => CmpOp::LessOrEqual,
        4 => CmpOp::Greater,
        5 => CmpOp::GreaterOrEqual,
        _ => return None,
    };
    Some(Expression::Cmp {
        from: f.register(1)?,
        op,
        data: f.value(3)?.into(),
    })
}

fn range(f: Fields, _: Context) -> Option<Expression> {
    let negated = match f.number(2)? {
        0 => false,
        1 => true,
        _ => return None,
    };
    Some(Expression::Range {
        from: f.register(1)?,
        negated,
        first: f.value(3)?.into(),
        last: f.value(4)?.into(),
    })
}

/// Kernels before 5.6 say no operation: theirs is mask and xor. `and`, `or` and `xor` with
/// bytes instead of a register are a mask and a xor too.
fn bitwise(f: Fields, _: Context) -> Option<Expression> {
    let data = || f.value(7);
    let shift = || data()?.try_into().ok().map(u32::from_ne_bytes);
    let inverted = |bytes: &[u8]| bytes.iter().map(|b| !b).collect();
    let all = |bytes: &[u8], byte: u8| vec![byte; bytes.len()].into_boxed_slice();
    let op = match (f.number(6).unwrap_or(0), f.register(8)) {
        (0, None) => BitwiseOp::MaskXor {
            mask: f.value(4)?.into(),
            xor: f.value(5)?.into(),
        },
        (1, None) => BitwiseOp::ShiftLeft(shift()?),
        (2, None) => BitwiseOp::ShiftRight(shift()?),
        (op @ 3..=5, Some(other)) => BitwiseOp::Registers { op, other },
        (3, None) => BitwiseOp::MaskXor {
            mask: data()?.into(),
            xor: all(data()?, 0),
        },
        (4, None) => BitwiseOp::MaskXor {
            mask: inverted(data()?),
            xor: data()?.into(),
        },
        (5, None) => BitwiseOp::MaskXor {
            mask: all(data()?, 0xff),
            xor: data()?.into(),
        },
        _ => return None,
    };
    Some(Expression::Bitwise {
        from: f.register(1)?,
        to: f.register(2)?,
        length: f.number(3)?,
        op,
    })
}

fn byteorder(f: Fields, _: Context) -> Option<Expression> {
    Some(Expression::Byteorder {
        from: f.register(1)?,
        to: f.register(2)?,
        length: f.number(4)?,
        size: f.number(5)?,
    })
}

fn lookup(f: Fields, _: Context) -> Option<Expression> {
    let flags = f.number(5).unwrap_or(0);
    let to = match f.number(3) {
        None => None,
        Some(0) => Some(LookupTo::Verdict),
        Some(_) => Some(LookupTo::Register(f.register(3)?)),
    };
    (flags & !1 == 0).then_some(())?;
    Some(Expression::Lookup {
        set: f.text(1)?,
        from: f.register(2)?,
        to,
        negated: flags & 1 != 0,
    })
}

fn immediate(f: Fields, _: Context) -> Option<Expression> {
    if f.number(1)? == 0 {
        return match verdict(f.nested(2)?)? {
            Verdict::Other(_) => None,
            verdict => Some(Expression::Verdict(verdict)),
        };
    }
    Some(Expression::Immediate {
        to: f.register(1)?,
        data: f.value(2)?.into(),
    })
}

fn fib(f: Fields, _: Context) -> Option<Expression> {
    Some(Expression::Fib {
        result: f.number(2)?,
        flags: f.number(3)?,
        to: f.register(1)?,
    })
}

fn dynset(f: Fields, c: Context) -> Option<Expression> {
    let flags = f.number(9).unwrap_or(0);
    // NFT_DYNSET_F_INV 1, NFT_DYNSET_F_EXPR 2.
    (flags & !3 == 0 && c.depth < DEEPEST).then_some(())?;
    let several = f.bytes(10).into_iter().flat_map(list);
    let carried = f.bytes(7).into_iter().chain(several);
    Some(Expression::Dynset {
        set: f.text(1)?,
        op: f.number(3)?,
        key: f.register(4)?,
        value: f.register(5),
        timeout: f.long(6).filter(|t| *t != 0),
        negated: flags & 1 != 0,
        expressions: carried
            .map(|one| expression(one, c.family, c.depth + 1))
            .collect(),
    })
}

fn exthdr(f: Fields, _: Context) -> Option<Expression> {
    Some(Expression::Exthdr {
        op: f.number(6).unwrap_or(0),
        kind: f.byte(2)?,
        offset: f.number(3).unwrap_or(0),
        length: f.number(4).unwrap_or(0),
        flags: f.number(5).unwrap_or(0),
        to: f.register(1),
    })
}

fn rt(f: Fields, _: Context) -> Option<Expression> {
    Some(Expression::Rt {
        key: f.number(2)?,
        to: f.register(1)?,
    })
}

/// `to`: the attribute that names the register.
fn unforeseen(f: Fields, c: Context, to: u16) -> Option<Expression> {
    Some(Expression::Unforeseen {
        name: c.known.name.to_owned(),
        to: f.register(to)?,
    })
}

fn elsewhere(c: Context) -> Expression {
    Expression::Elsewhere {
        name: c.known.name.to_owned(),
    }
}

/// `NFTA_MATCH_NAME` 1, `NFTA_MATCH_REV` 2, `NFTA_MATCH_INFO` 3.
fn xt_match(f: Fields, c: Context) -> Option<Expression> {
    let revision = u8::try_from(f.number(2)?).ok()?;
    let info = f.bytes(3)?;
    let read = xt_blob::read_match(&f.text(1)?, revision, info, c.family);
    Some(Expression::Match(read))
}

/// `NFTA_TARGET_NAME` 1, `NFTA_TARGET_REV` 2, `NFTA_TARGET_INFO` 3.
fn xt_target(f: Fields, c: Context) -> Option<Expression> {
    let revision = u8::try_from(f.number(2)?).ok()?;
    let info = f.bytes(3)?;
    let read = xt_blob::read_target(&f.text(1)?, revision, info, c.family);
    Some(Expression::Target(read))
}
