//! Expressions that act: count, limit, log, translate, refuse. Attribute types are those of
//! `enum nft_*_attributes` in `linux/netfilter/nf_tables.h`.

use super::data::Fields;
use crate::ruleset::live::expression::{Expression, Limit, Nat, NatKind, ObjectRef, Register};

pub(super) fn counter(f: Fields) -> Option<Expression> {
    Some(Expression::Counter {
        packets: f.long(2)?,
        bytes: f.long(1)?,
    })
}

/// Also of a `limit` object, whose attributes are the same.
pub(super) fn limit(f: Fields) -> Option<Limit> {
    let bytes = match f.number(4).unwrap_or(0) {
        0 => false,
        1 => true,
        _ => return None,
    };
    Some(Limit {
        rate: f.long(1)?,
        unit: f.long(2)?,
        burst: f.number(3).unwrap_or(0),
        bytes,
        over: is_inverted(f, 5)?,
    })
}

/// Over it, its bytes, and those that are used; also of a `quota` object, whose
/// attributes are the same.
pub(super) fn quota_of(f: Fields) -> Option<(bool, u64, u64)> {
    let flags = f.number(2).unwrap_or(0);
    // NFT_QUOTA_F_INV 1, NFT_QUOTA_F_DEPLETED 2.
    (flags & !3 == 0).then_some((flags & 1 != 0, f.long(1)?, f.long(4).unwrap_or(0)))
}

pub(super) fn quota(f: Fields) -> Option<Expression> {
    let (over, bytes, used) = quota_of(f)?;
    Some(Expression::Quota { over, bytes, used })
}

pub(super) fn connlimit(f: Fields) -> Option<Expression> {
    Some(Expression::Connlimit {
        count: f.number(1)?,
        over: is_inverted(f, 2)?,
    })
}

/// `NFT_LIMIT_F_INV` and `NFT_CONNLIMIT_F_INV` are both 1, and alone.
fn is_inverted(f: Fields, kind: u16) -> Option<bool> {
    match f.number(kind).unwrap_or(0) {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "as the other readers: nothing in a log can be unknown"
)]
pub(super) fn log(f: Fields) -> Option<Expression> {
    Some(Expression::Log {
        prefix: f.text(2),
        group: f.short(1),
        level: f.number(5),
        flags: f.number(6),
        snaplen: f.number(3),
        threshold: f.short(4),
    })
}

pub(super) fn queue(f: Fields) -> Option<Expression> {
    let from = f.register(4);
    let first = f.short(1);
    // One of both says which queue.
    (from.is_some() || first.is_some()).then_some(())?;
    Some(Expression::Queue {
        first: first.unwrap_or(0),
        total: f.short(2).unwrap_or(1),
        flags: f.short(3).unwrap_or(0),
        from,
    })
}

/// `NFTA_REJECT_ICMP_CODE` is missing with a TCP reset.
pub(super) fn reject(f: Fields) -> Option<Expression> {
    let kind = f.number(1)?;
    let code = match kind {
        0 | 2 => f.byte(2)?,
        1 => f.byte(2).unwrap_or(0),
        _ => return None,
    };
    Some(Expression::Reject { kind, code })
}

pub(super) fn nat(f: Fields) -> Option<Expression> {
    let kind = match f.number(1)? {
        0 => NatKind::Snat,
        1 => NatKind::Dnat,
        _ => return None,
    };
    Some(Expression::Nat(Nat {
        kind,
        family: f.number(2),
        address: registers(f, 3)?,
        port: registers(f, 5)?,
        flags: f.number(7).unwrap_or(0),
    }))
}

pub(super) fn masquerade(f: Fields) -> Option<Expression> {
    Some(Expression::Nat(Nat {
        kind: NatKind::Masquerade,
        family: None,
        address: None,
        port: registers(f, 2)?,
        flags: f.number(1).unwrap_or(0),
    }))
}

pub(super) fn redirect(f: Fields) -> Option<Expression> {
    Some(Expression::Nat(Nat {
        kind: NatKind::Redirect,
        family: None,
        address: None,
        port: registers(f, 1)?,
        flags: f.number(3).unwrap_or(0),
    }))
}

/// A first and a last value in attributes `first` and `first + 1`; the kernel gives the
/// same register twice where there is one value.
#[expect(
    clippy::option_option,
    reason = "outside: not understood; inside: there is none"
)]
fn registers(f: Fields, first: u16) -> Option<Option<(Register, Option<Register>)>> {
    if f.bytes(first).is_none() {
        return Some(None);
    }
    let from = f.register(first)?;
    let last = match f.bytes(first + 1) {
        Some(_) => Some(f.register(first + 1)?),
        None => None,
    };
    Some(Some((from, last.filter(|last| *last != from))))
}

pub(super) fn tproxy(f: Fields) -> Option<Expression> {
    Some(Expression::Tproxy {
        family: f.number(1)?,
        address: f.register(2),
        port: f.register(3),
    })
}

/// The kind of a map's objects stands in the map, not here: 0 until that is looked up.
pub(super) fn object(f: Fields) -> Option<Expression> {
    if let Some(set) = f.text(4) {
        let key = f.register(3)?;
        return Some(Expression::Object {
            kind: 0,
            which: ObjectRef::Map { set, key },
        });
    }
    Some(Expression::Object {
        kind: f.number(1)?,
        which: ObjectRef::Name(f.text(2)?),
    })
}
