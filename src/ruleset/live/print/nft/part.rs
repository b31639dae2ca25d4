//! One side of a comparison: its text, and how values are printed that are compared with
//! it.

use std::fmt::Write;

use super::Printer;
use super::fields::{self, Field};
use super::term::Term;
use super::values::{Order, Type, by_number, hex, length_of, number, prefix, print};
use crate::ruleset::live::expression::PayloadBase;

/// A term in words.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) text: String,
    pub(super) kind: Type,
    pub(super) order: Order,
    /// Bytes in a register.
    pub(super) length: usize,
    /// Bits by which values are shifted left: the field does not end with its byte.
    pub(super) shift: u32,
}

impl Part {
    /// A key of a set, by the number of its type.
    pub(super) fn by_number(number: u32) -> Self {
        let (kind, order) = by_number(number);
        Self {
            text: String::new(),
            kind,
            order,
            length: length_of(number).unwrap_or(4),
            shift: 0,
        }
    }

    fn of(field: Field, length: usize) -> Self {
        Self {
            text: field.name,
            kind: field.kind,
            order: field.order,
            length,
            shift: 0,
        }
    }

    /// A value that the term is compared with.
    pub(super) fn value(&self, bytes: &[u8], is_plain: bool) -> String {
        if self.shift == 0 {
            return print(self.kind, bytes, self.order, is_plain);
        }
        let value = number(bytes, self.order).unwrap_or(0) >> self.shift;
        print(self.kind, &value.to_be_bytes(), Order::Wire, is_plain)
    }

    /// From a first value to a last one; as a prefix where it is one of addresses.
    pub(super) fn range(&self, first: &[u8], last: &[u8]) -> String {
        if first == last {
            return self.value(first, false);
        }
        match prefix(self.kind, first, last) {
            Some(length) => format!("{}/{length}", self.value(first, true)),
            None => format!("{}-{}", self.value(first, true), self.value(last, true)),
        }
    }
}

impl Printer<'_> {
    /// A term in words; a match that it implies is not printed. `length`: of the register's
    /// value.
    pub(super) fn part(&mut self, term: &Term, length: usize) -> Part {
        match term {
            Term::Payload(base, first, bits) => {
                let known = self
                    .context
                    .header(*base)
                    .and_then(|header| fields::exact(header, *first, *bits));
                if let Some(field) = known {
                    self.implied(*base);
                    return Part::of(field, length);
                }
                Part::of(fields::raw(*base, *first, *bits), length)
            }
            Term::Meta(key) => Part::of(fields::of_meta(*key), length),
            Term::Ct(key, direction) => Part::of(fields::of_ct(*key, *direction, length), length),
            Term::Fib(result, flags) => Part::of(fields::of_fib(*result, *flags), length),
            Term::Rt(key) => Part::of(fields::of_rt(*key), length),
            Term::Extension(op, kind, offset, flags) => {
                // A TCP option says that it is TCP, an extension header that it is IP.
                self.implied(if *op == 1 {
                    PayloadBase::Transport
                } else {
                    PayloadBase::Network
                });
                Part::of(fields::of_extension(*op, *kind, *offset, *flags), length)
            }
            Term::Named(name) => Part {
                text: name.clone(),
                kind: Type::Integer,
                order: Order::Host,
                length,
                shift: 0,
            },
            Term::Constant(bytes) => Part {
                text: hex(bytes),
                kind: Type::Unknown,
                order: Order::Host,
                length,
                shift: 0,
            },
            Term::Swapped(of) => {
                let part = self.part(of, length);
                let order = match part.order {
                    Order::Wire => Order::Host,
                    Order::Host => Order::Wire,
                };
                Part { order, ..part }
            }
            Term::Shifted(of, left, by) => {
                let part = self.part(of, length);
                let sign = if *left { "<<" } else { ">>" };
                Part {
                    text: format!("{} {sign} {by}", part.text),
                    ..part
                }
            }
            Term::Mapped(key, set) => {
                let text = self.mapped(key, set, "map");
                Part {
                    text,
                    kind: Type::Unknown,
                    order: Order::Wire,
                    length,
                    shift: 0,
                }
            }
            Term::Masked(of, mask, xor) => self.masked(of, mask, xor, length),
        }
    }

    /// `x & mask`, `x ^ flips`, `x | bits`, or a field that is not whole bytes
    /// (`netlink_parse_bitwise_bool`, `payload_expr_trim`).
    fn masked(&mut self, of: &Term, mask: &[u8], xor: &[u8], length: usize) -> Part {
        let is_plain_mask = xor.iter().all(|byte| *byte == 0);
        if let Term::Payload(base, first, bits) = of
            && is_plain_mask
            && let Some((field, shift)) = self.trimmed(*base, *first, *bits, mask)
        {
            self.implied(*base);
            return Part {
                shift,
                ..Part::of(field, length)
            };
        }
        let part = self.part(of, length);
        let mut text = part.text.clone();
        // (x & mask) ^ xor is (x & keep ^ flip) | set.
        let zip = |f: fn(u8, u8) -> u8| -> Vec<u8> {
            mask.iter()
                .zip(xor)
                .map(|(mask, xor)| f(*mask, *xor))
                .collect()
        };
        let keep = zip(|mask, xor| mask | xor);
        let flip = zip(|mask, xor| mask & xor);
        let set = zip(|mask, xor| !mask & xor);
        for (sign, bytes) in [("&", keep), ("^", flip), ("|", set)] {
            let neutral = if sign == "&" { u8::MAX } else { 0 };
            if bytes.iter().all(|byte| *byte == neutral) {
                continue;
            }
            let value = part.value(&bytes, false);
            // Writing to a string cannot fail.
            let _ = if value.contains(" | ") && sign != "|" {
                write!(text, " {sign} ({value})")
            } else {
                write!(text, " {sign} {value}")
            };
        }
        Part { text, ..part }
    }

    /// The field whose bits a mask leaves, and how far it is from the end.
    pub(super) fn trimmed(
        &self,
        base: PayloadBase,
        first: u32,
        bits: u32,
        mask: &[u8],
    ) -> Option<(Field, u32)> {
        let header = self.context.header(base)?;
        let value = number(mask, Order::Wire).filter(|value| *value != 0)?;
        let shift = value.trailing_zeros().min(bits);
        let run = (value >> shift).trailing_ones();
        // Ones in one run, and not all of them.
        (run > 0 && value >> shift == (1 << run) - 1 && run < bits).then_some(())?;
        let lead = bits.checked_sub(shift + run)?;
        let field = fields::exact(header, first.checked_add(lead)?, run)?;
        Some((field, shift))
    }
}
