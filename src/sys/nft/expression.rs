//! Expressions of the model as libnftnl's.

use std::collections::HashMap;

use super::held::{Cannot, data, name};
use super::libnftnl::{
    self as lib, Bitwise, Cmp, Counter, Ct, Fib, Held, Immediate, Lookup, Masquerade, Meta, Name,
    ObjectReference, Payload, Range,
};
use crate::ruleset::live::expression::{
    BitwiseOp, CmpOp, Expression, LookupTo, Nat, NatKind, ObjectRef, PayloadBase, Register, Verdict,
};

/// The anonymous sets of the table that the batch makes: the number in the batch of each.
pub(super) type Anonymous<'a> = HashMap<&'a str, u32>;

/// What a rule refers to an anonymous set by, beside its number in the batch: the kernel
/// puts a number for `%d`.
pub(super) fn anonymous_name(set: &str) -> &'static str {
    if set.starts_with("__map") {
        "__map%d"
    } else {
        "__set%d"
    }
}

/// Adds expressions to a rule.
pub(super) fn add_all(
    rule: &mut Held<lib::Rule>,
    expressions: &[Expression],
    sets: &Anonymous,
) -> Result<(), Cannot> {
    for expression in expressions {
        add(rule, expression, sets)?;
    }
    Ok(())
}

fn add(
    rule: &mut Held<lib::Rule>,
    expression: &Expression,
    sets: &Anonymous,
) -> Result<(), Cannot> {
    match expression {
        Expression::Payload {
            base,
            offset,
            length,
            to,
        } => {
            let mut payload = Held::<Payload>::new();
            payload.set(&Payload::TO, &number(*to));
            payload.set(&Payload::BASE, &base_number(*base));
            payload.set(&Payload::OFFSET, offset);
            payload.set(&Payload::LENGTH, length);
            rule.add(payload);
        }
        Expression::Meta { key, to } => {
            let mut meta = Held::<Meta>::new();
            meta.set(&Meta::KEY, key);
            meta.set(&Meta::TO, &number(*to));
            rule.add(meta);
        }
        Expression::Ct { key, direction, to } => {
            let mut ct = Held::<Ct>::new();
            ct.set(&Ct::KEY, key);
            if let Some(direction) = direction {
                ct.set(&Ct::DIRECTION, direction);
            }
            ct.set(&Ct::TO, &number(*to));
            rule.add(ct);
        }
        Expression::Cmp { from, op, data } => {
            let mut cmp = Held::<Cmp>::new();
            cmp.set(&Cmp::FROM, &number(*from));
            cmp.set(&Cmp::OP, &op_number(*op));
            cmp.set(&Cmp::DATA, &self::data(data)?);
            rule.add(cmp);
        }
        Expression::Range {
            from,
            negated,
            first,
            last,
        } => {
            let mut range = Held::<Range>::new();
            range.set(&Range::FROM, &number(*from));
            range.set(&Range::OP, &u32::from(*negated));
            range.set(&Range::FIRST, &data(first)?);
            range.set(&Range::LAST, &data(last)?);
            rule.add(range);
        }
        Expression::Bitwise {
            from,
            to,
            length,
            op: BitwiseOp::MaskXor { mask, xor },
        } => {
            let mut bitwise = Held::<Bitwise>::new();
            bitwise.set(&Bitwise::FROM, &number(*from));
            bitwise.set(&Bitwise::TO, &number(*to));
            bitwise.set(&Bitwise::LENGTH, length);
            bitwise.set(&Bitwise::MASK, &data(mask)?);
            bitwise.set(&Bitwise::XOR, &data(xor)?);
            rule.add(bitwise);
        }
        Expression::Lookup {
            set,
            from,
            to,
            negated,
        } => rule.add(lookup(set, *from, *to, *negated, sets)?),
        Expression::Immediate { to, data } => {
            let mut immediate = Held::<Immediate>::new();
            immediate.set(&Immediate::TO, &number(*to));
            immediate.set(&Immediate::DATA, &self::data(data)?);
            rule.add(immediate);
        }
        Expression::Verdict(verdict) => rule.add(self::verdict(verdict)?),
        Expression::Nat(nat) => add_nat(rule, nat)?,
        Expression::Object { kind, which } => rule.add(object(*kind, which, sets)?),
        Expression::Counter { packets, bytes } => {
            let mut counter = Held::<Counter>::new();
            counter.set(&Counter::PACKETS, packets);
            counter.set(&Counter::BYTES, bytes);
            rule.add(counter);
        }
        Expression::Fib { result, flags, to } => {
            let mut fib = Held::<Fib>::new();
            fib.set(&Fib::TO, &number(*to));
            fib.set(&Fib::RESULT, result);
            fib.set(&Fib::FLAGS, flags);
            rule.add(fib);
        }
        _ => return Err(Cannot::new("it has an expression that is not written here")),
    }
    Ok(())
}

/// `NFT_REG32_00` is 8.
fn number(register: Register) -> u32 {
    u32::from(register.0) + 8
}

/// `NFT_PAYLOAD_*`.
fn base_number(base: PayloadBase) -> u32 {
    match base {
        PayloadBase::Link => 0,
        PayloadBase::Network => 1,
        PayloadBase::Transport => 2,
        PayloadBase::Inner => 3,
        PayloadBase::Tunnel => 4,
    }
}

/// `NFT_CMP_*`.
fn op_number(op: CmpOp) -> u32 {
    match op {
        CmpOp::Equal => 0,
        CmpOp::NotEqual => 1,
        CmpOp::Less => 2,
        CmpOp::LessOrEqual => 3,
        CmpOp::Greater => 4,
        CmpOp::GreaterOrEqual => 5,
    }
}

fn lookup(
    set: &str,
    from: Register,
    to: Option<LookupTo>,
    negated: bool,
    sets: &Anonymous,
) -> Result<Held<Lookup>, Cannot> {
    let mut lookup = Held::<Lookup>::new();
    lookup.set(&Lookup::FROM, &number(from));
    match to {
        // NFT_REG_VERDICT.
        Some(LookupTo::Verdict) => lookup.set(&Lookup::TO, &0),
        Some(LookupTo::Register(to)) => lookup.set(&Lookup::TO, &number(to)),
        None => {}
    }
    if negated {
        // NFT_LOOKUP_F_INV.
        lookup.set(&Lookup::FLAGS, &1);
    }
    let (set, id) = set_reference(set, sets)?;
    lookup.set(&Lookup::SET, &set);
    if let Some(id) = id {
        lookup.set(&Lookup::SET_ID, &id);
    }
    Ok(lookup)
}

fn set_reference(set: &str, sets: &Anonymous) -> Result<(Name, Option<u32>), Cannot> {
    match sets.get(set) {
        Some(id) => Ok((name(anonymous_name(set))?, Some(*id))),
        None if set.starts_with("__") => Err(Cannot::new("its anonymous set is not there")),
        None => Ok((name(set)?, None)),
    }
}

fn verdict(verdict: &Verdict) -> Result<Held<Immediate>, Cannot> {
    let (code, chain) = code(verdict);
    let mut immediate = Held::<Immediate>::new();
    // NFT_REG_VERDICT.
    immediate.set(&Immediate::TO, &0);
    immediate.set(&Immediate::VERDICT, &code);
    if let Some(chain) = chain {
        immediate.set(&Immediate::CHAIN, &name(chain)?);
    }
    Ok(immediate)
}

/// `NF_*` and `NFT_*` of `enum nft_verdicts`, and the chain that it names.
fn code(verdict: &Verdict) -> (u32, Option<&str>) {
    let (code, chain) = match verdict {
        Verdict::Drop => (0, None),
        Verdict::Accept => (1, None),
        Verdict::Queue => (3, None),
        Verdict::Continue => (-1, None),
        Verdict::Jump(chain) => (-3, Some(chain.as_str())),
        Verdict::Goto(chain) => (-4, Some(chain.as_str())),
        Verdict::Return => (-5, None),
        Verdict::Other(code) => (*code, None),
    };
    (code.cast_unsigned(), chain)
}

fn add_nat(rule: &mut Held<lib::Rule>, nat: &Nat) -> Result<(), Cannot> {
    let (kind, family) = match (nat.kind, nat.family) {
        (NatKind::Masquerade, _) if nat.address.is_none() => {
            rule.add(masquerade(nat));
            return Ok(());
        }
        // NFT_NAT_SNAT, NFT_NAT_DNAT.
        (NatKind::Snat, Some(family)) => (0_u32, family),
        (NatKind::Dnat, Some(family)) => (1, family),
        _ => return Err(Cannot::new("it has a translation that is not written here")),
    };
    let mut translation = Held::<lib::Nat>::new();
    translation.set(&lib::Nat::TYPE, &kind);
    translation.set(&lib::Nat::FAMILY, &family);
    if let Some((first, last)) = nat.address {
        translation.set(&lib::Nat::ADDRESS, &number(first));
        if let Some(last) = last {
            translation.set(&lib::Nat::LAST_ADDRESS, &number(last));
        }
    }
    if let Some((first, last)) = nat.port {
        translation.set(&lib::Nat::PORT, &number(first));
        if let Some(last) = last {
            translation.set(&lib::Nat::LAST_PORT, &number(last));
        }
    }
    if nat.flags != 0 {
        translation.set(&lib::Nat::FLAGS, &nat.flags);
    }
    rule.add(translation);
    Ok(())
}

fn masquerade(nat: &Nat) -> Held<Masquerade> {
    let mut masquerade = Held::<Masquerade>::new();
    if nat.flags != 0 {
        masquerade.set(&Masquerade::FLAGS, &nat.flags);
    }
    if let Some((first, last)) = nat.port {
        masquerade.set(&Masquerade::PORT, &number(first));
        if let Some(last) = last {
            masquerade.set(&Masquerade::LAST_PORT, &number(last));
        }
    }
    masquerade
}

fn object(kind: u32, which: &ObjectRef, sets: &Anonymous) -> Result<Held<ObjectReference>, Cannot> {
    let mut reference = Held::<ObjectReference>::new();
    match which {
        ObjectRef::Name(object) => {
            reference.set(&ObjectReference::TYPE, &kind);
            reference.set(&ObjectReference::NAME, &name(object)?);
        }
        ObjectRef::Map { set, key } => {
            let (set, id) = set_reference(set, sets)?;
            reference.set(&ObjectReference::FROM, &number(*key));
            reference.set(&ObjectReference::SET, &set);
            if let Some(id) = id {
                reference.set(&ObjectReference::SET_ID, &id);
            }
        }
    }
    Ok(reference)
}
