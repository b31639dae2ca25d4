//! What registers hold, as terms (`netlink_delinearize.c`).

use std::collections::BTreeMap;

use crate::ruleset::live::expression::{BitwiseOp, Expression, PayloadBase, Register};

/// What a register holds.
#[derive(Debug, Clone)]
pub(super) enum Term {
    /// Bytes of the packet: from which bit on, how many bits.
    Payload(PayloadBase, u32, u32),
    /// `meta`
    Meta(u32),
    /// `ct`
    Ct(u32, Option<u8>),
    /// `fib`: its result and its flags.
    Fib(u32, u32),
    /// `rt`
    Rt(u32),
    /// A TCP option or an extension header.
    Extension(u32, u8, u32, u32),
    /// `(x & mask) ^ flips`
    Masked(Box<Self>, Box<[u8]>, Box<[u8]>),
    /// `x << n` or, where false, `x >> n`.
    Shifted(Box<Self>, bool, u32),
    /// In the other order of bytes.
    Swapped(Box<Self>),
    /// A value.
    Constant(Box<[u8]>),
    /// What a map has for a key.
    Mapped(Vec<(Self, usize)>, String),
    /// What only has a name.
    Named(String),
}

/// Terms that one may be made of. A rule has few; one that copies registers into each
/// other would have any number.
const LARGEST: usize = 64;

impl Term {
    /// How many terms it is made of.
    fn size(&self) -> usize {
        1 + match self {
            Self::Masked(of, ..) | Self::Shifted(of, ..) | Self::Swapped(of) => of.size(),
            Self::Mapped(key, _) => key.iter().map(|(term, _)| term.size()).sum(),
            _ => 0,
        }
    }
}

/// The registers.
#[derive(Debug, Default)]
pub(super) struct Registers {
    held: BTreeMap<u8, (Term, usize)>,
    /// That which was written last.
    pub(super) last: Option<Register>,
}

impl Registers {
    pub(super) fn set(&mut self, to: Register, term: Term, length: usize) {
        let term = if term.size() > LARGEST {
            Term::Named("unknown".to_owned())
        } else {
            term
        };
        // A longer value also fills the registers behind.
        for index in 1..length.div_ceil(4).min(16) {
            let behind = u8::try_from(index)
                .ok()
                .and_then(|index| to.0.checked_add(index));
            if let Some(behind) = behind {
                self.held.remove(&behind);
            }
        }
        self.held.insert(to.0, (term, length));
        self.last = Some(to);
    }

    /// What a register holds, and how many bytes.
    pub(super) fn get(&self, from: Register) -> (Term, usize) {
        let held = self.held.get(&from.0).cloned();
        held.unwrap_or((Term::Named("unknown".to_owned()), 4))
    }

    /// The terms of a key of so many bytes: a concatenation goes on in the registers of
    /// four bytes behind each part.
    pub(super) fn key(&self, from: Register, length: usize) -> Vec<(Term, usize)> {
        let mut parts = Vec::new();
        let (mut at, mut left) = (from.0, length);
        loop {
            let (term, taken) = self.get(Register(at));
            let words = taken.div_ceil(4).max(1);
            parts.push((term, taken));
            left = left.saturating_sub(words.saturating_mul(4));
            let next = u8::try_from(words)
                .ok()
                .and_then(|words| at.checked_add(words));
            match next {
                Some(next) if left > 0 && self.held.contains_key(&next) => at = next,
                _ => return parts,
            }
        }
    }

    /// Takes an expression that only loads; false for any other.
    pub(super) fn load(&mut self, expression: &Expression) -> bool {
        let bytes = |bits: u32| usize::try_from(bits).unwrap_or(4);
        match expression {
            Expression::Payload {
                base,
                offset,
                length,
                to,
            } => {
                let term = Term::Payload(*base, offset.saturating_mul(8), length.saturating_mul(8));
                self.set(*to, term, bytes(*length));
            }
            Expression::Meta { key, to } => {
                self.set(*to, Term::Meta(*key), meta_length(*key));
            }
            Expression::Ct { key, direction, to } => {
                self.set(*to, Term::Ct(*key, *direction), ct_length(*key));
            }
            Expression::Fib { result, flags, to } => {
                let length = if *result == 2 { 16 } else { 4 };
                self.set(*to, Term::Fib(*result, *flags), length);
            }
            Expression::Rt { key, to } => self.set(*to, Term::Rt(*key), 4),
            Expression::Exthdr {
                op,
                kind,
                offset,
                length,
                flags,
                to: Some(to),
            } => {
                let term = Term::Extension(*op, *kind, *offset, *flags);
                self.set(*to, term, bytes(*length));
            }
            Expression::Unforeseen { name, to } => {
                self.set(*to, Term::Named(name.clone()), 4);
            }
            Expression::Immediate { to, data } => {
                self.set(*to, Term::Constant(data.clone()), data.len());
            }
            Expression::Byteorder { from, to, .. } => {
                let (term, length) = self.get(*from);
                self.set(*to, Term::Swapped(Box::new(term)), length);
            }
            Expression::Bitwise {
                from,
                to,
                length,
                op,
            } => {
                let (term, _) = self.get(*from);
                let of = Box::new(term);
                let term = match op {
                    BitwiseOp::MaskXor { mask, xor } => Term::Masked(of, mask.clone(), xor.clone()),
                    BitwiseOp::ShiftLeft(by) => Term::Shifted(of, true, *by),
                    BitwiseOp::ShiftRight(by) => Term::Shifted(of, false, *by),
                    BitwiseOp::Registers { .. } => Term::Named("bitwise".to_owned()),
                };
                self.set(*to, term, bytes(*length));
            }
            _ => return false,
        }
        true
    }
}

/// Bytes that a `meta` key loads.
fn meta_length(key: u32) -> usize {
    match key {
        1 | 8 | 9 | 28 | 29 => 2,
        12 | 15 | 16 | 19 | 25 | 31 => 1,
        6 | 7 | 17 | 18 | 26 | 27 | 34 => 16,
        30 => 8,
        _ => 4,
    }
}

/// Bytes that a `ct` key loads.
fn ct_length(key: u32) -> usize {
    match key {
        1 | 7 | 10 => 1,
        6 | 13 | 21 | 22 => 16,
        11 | 12 | 17 => 2,
        14..=16 => 8,
        _ => 4,
    }
}
