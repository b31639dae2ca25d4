//! Comparisons (`relational_expr_print`, `payload_match_expand`,
//! `relational_binop_postprocess`).

use std::fmt::Write;

use super::Printer;
use super::fields;
use super::part::Part;
use super::term::Term;
use super::values::{Type, bits, number, prefix};
use crate::ruleset::live::expression::{CmpOp, PayloadBase, Register};

/// A comparison's sign with a space; `==` is left out.
fn sign(op: CmpOp) -> &'static str {
    match op {
        CmpOp::Equal => "",
        CmpOp::NotEqual => "!= ",
        CmpOp::Less => "< ",
        CmpOp::LessOrEqual => "<= ",
        CmpOp::Greater => "> ",
        CmpOp::GreaterOrEqual => ">= ",
    }
}

impl Printer<'_> {
    /// A comparison with one value.
    pub(super) fn compare(&mut self, from: Register, op: CmpOp, data: &[u8]) {
        let (term, length) = self.registers.get(from);
        let is_same = matches!(op, CmpOp::Equal | CmpOp::NotEqual);
        match &term {
            Term::Payload(base, first, _) if is_same && self.fields(*base, *first, op, data) => {
                return;
            }
            Term::Masked(of, mask, xor) if is_same && xor.iter().all(|byte| *byte == 0) => {
                if let Some(text) = self.masked_compare(of, mask, op, data) {
                    self.printed.push(Some(text));
                    return;
                }
            }
            _ => {}
        }
        let part = match &term {
            Term::Ct(..) => self.part(&term, data.len()),
            _ => self.part(&term, length),
        };
        let is_computed = matches!(&term, Term::Masked(..) if part.shift == 0)
            && part.text.contains(['&', '^', '|'])
            || matches!(term, Term::Shifted(..));
        let is_one_bit = matches!(part.kind, Type::Bits(_))
            && number(data, part.order).is_some_and(|value| value.count_ones() <= 1);
        let sign = match op {
            CmpOp::Equal if is_computed || is_one_bit => "== ",
            op => sign(op),
        };
        let whole = match part.kind {
            Type::Ipv4 => 4,
            Type::Ipv6 => 16,
            _ => data.len(),
        };
        let mut padded = data.to_vec();
        padded.resize(whole.max(data.len()), 0);
        let mut text = format!("{} {sign}{}", part.text, part.value(&padded, false));
        if data.len() < whole {
            // The first bytes of an address are a prefix.
            let _ = write!(text, "/{}", data.len() * 8);
        }
        self.print_match(&term, op, data, text);
    }

    /// From a first value to a last one.
    pub(super) fn range(&mut self, from: Register, negated: bool, first: &[u8], last: &[u8]) {
        let (term, length) = self.registers.get(from);
        let part = self.part(&term, length);
        let sign = if negated { "!= " } else { "" };
        let (first, last) = (part.value(first, true), part.value(last, true));
        let text = format!("{} {sign}{first}-{last}", part.text);
        self.printed.push(Some(text));
    }

    fn print_match(&mut self, term: &Term, op: CmpOp, data: &[u8], text: String) {
        let at = self.printed.len();
        self.printed.push(Some(text));
        if op == CmpOp::Equal {
            let implied = self.context.matched(term, data, at);
            self.leave_out(implied);
        }
    }

    /// A load of one or more whole fields, each a match of its own: `nft` loads neighbours
    /// together. False where one has no name.
    fn fields(&mut self, base: PayloadBase, first: u32, op: CmpOp, data: &[u8]) -> bool {
        let bits = u32::try_from(data.len() * 8).unwrap_or(0);
        let header = self.context.header(base);
        let Some(fields) = header.and_then(|header| fields::of_payload(header, first, bits)) else {
            return false;
        };
        if fields.iter().any(|(_, taken)| taken % 8 != 0) {
            return false;
        }
        let mut at = first;
        let mut rest = data;
        for (field, taken) in fields {
            let bytes = usize::try_from(taken / 8).unwrap_or(0).min(rest.len());
            let (value, others) = rest.split_at(bytes);
            rest = others;
            let whole = match field.kind {
                Type::Ipv4 => 4,
                Type::Ipv6 => 16,
                _ => bytes,
            };
            let mut padded = value.to_vec();
            padded.resize(whole.max(bytes), 0);
            let part = self.part(&Term::Payload(base, at, taken), bytes);
            // Of an address that is only begun the part has no name.
            let part = Part {
                text: field.name,
                kind: field.kind,
                order: field.order,
                ..part
            };
            if bytes < whole {
                self.implied(base);
            }
            let is_one_bit = matches!(part.kind, Type::Bits(_))
                && number(value, part.order).is_some_and(|value| value.count_ones() <= 1);
            let sign = match op {
                CmpOp::Equal if is_one_bit => "== ",
                op => sign(op),
            };
            let mut text = format!("{} {sign}{}", part.text, part.value(&padded, false));
            if bytes < whole {
                // Writing to a string cannot fail.
                let _ = write!(text, "/{taken}");
            }
            self.print_match(&Term::Payload(base, at, taken), op, value, text);
            at += taken;
        }
        true
    }

    /// Flags, and prefixes of addresses; `None` for other values with a mask.
    fn masked_compare(&mut self, of: &Term, mask: &[u8], op: CmpOp, data: &[u8]) -> Option<String> {
        let part = self.part(of, mask.len());
        match part.kind {
            Type::Bits(names) => {
                let mask = number(mask, part.order)?;
                let value = number(data, part.order)?;
                let list = |value| bits(names, value, ",");
                let text = &part.text;
                if value == 0 {
                    let not = if op == CmpOp::Equal { "! " } else { "" };
                    return Some(format!("{text} {not}{}", list(mask)));
                }
                if value == mask && value.is_power_of_two() {
                    return None;
                }
                Some(format!(
                    "{text} {}{} / {}",
                    sign(op),
                    list(value),
                    list(mask)
                ))
            }
            Type::Ipv4 | Type::Ipv6 => {
                let last: Vec<u8> = data.iter().zip(mask).map(|(d, m)| d | !m).collect();
                let ones: Vec<u8> = mask.iter().map(|m| !m).collect();
                let zero = vec![0; mask.len()];
                let length = prefix(part.kind, &zero, &ones)?;
                prefix(part.kind, data, &last)?;
                let value = part.value(data, true);
                Some(format!("{} {}{value}/{length}", part.text, sign(op)))
            }
            _ => None,
        }
    }
}
