//! What rules compute of registers (`nft_bitwise.c`, `nft_byteorder.c`).

use super::super::live::expression::BitwiseOp;
use super::part::{Origin, Part};
use super::region::Space;
use super::registers::{Registers, View};

/// `NFT_BITWISE_AND`, `_OR`, `_XOR`: with another register.
const AND: u32 = 3;
const OR: u32 = 4;
const XOR: u32 = 5;

/// The most bytes that all registers hold.
const MOST: usize = 64;

/// A result, before it is written.
struct Result {
    data: [u8; MOST],
    unknown: [u8; MOST],
    length: usize,
    parts: [Option<Part>; 8],
}

impl Result {
    fn new(length: usize) -> Self {
        Self {
            data: [0; MOST],
            unknown: [0; MOST],
            length: length.min(MOST),
            parts: [None; 8],
        }
    }

    fn write(self, registers: &mut Registers, to: u8, space: &mut Space) {
        let data = &self.data[..self.length];
        if self.unknown.iter().all(|&byte| byte == 0) {
            registers.store(to, data);
        } else {
            registers.store_partly(to, data, &self.unknown[..self.length]);
        }
        for part in self.parts.into_iter().flatten() {
            registers.add_part(to, part, space);
        }
    }
}

/// `nft_bitwise_eval`
pub(super) fn bitwise(
    registers: &mut Registers,
    from: u8,
    to: u8,
    length: usize,
    op: &BitwiseOp,
    space: &mut Space,
) {
    let result = match op {
        BitwiseOp::MaskXor { mask, xor } => {
            mask_xor(&registers.view(from, length, space), mask, xor, space)
        }
        BitwiseOp::ShiftLeft(count) | BitwiseOp::ShiftRight(count) => {
            let left = matches!(op, BitwiseOp::ShiftLeft(_));
            let view = registers.view(from, length.next_multiple_of(4), space);
            shift(&view, *count, left, space)
        }
        BitwiseOp::Registers { op, other } => {
            let one = registers.view(from, length, space);
            let two = registers.view(other.0, length, space);
            both(&one, &two, *op, space)
        }
    };
    result.write(registers, to, space);
}

fn mask_xor(view: &View<'_>, mask: &[u8], xor: &[u8], space: &mut Space) -> Result {
    let mut result = Result::new(view.bytes.len());
    let byte = |bytes: &[u8], at: usize| bytes.get(at).copied().unwrap_or(0);
    for at in 0..result.length {
        result.data[at] = (view.bytes[at] & byte(mask, at)) ^ byte(xor, at);
        result.unknown[at] = !view.known(at) & byte(mask, at);
    }
    let flips = xor.iter().any(|&byte| byte != 0);
    for (slot, part) in result.parts.iter_mut().zip(view.parts()) {
        *slot = masked(part, mask, flips, space);
    }
    result
}

/// What a mask leaves of a part; `None` where it leaves nothing.
fn masked(part: &Part, mask: &[u8], flips: bool, space: &mut Space) -> Option<Part> {
    let end = part.start + part.length;
    let mask = mask.get(part.start..end).unwrap_or_default();
    if mask.iter().all(|&byte| byte == 0) {
        return None;
    }
    let ones: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    let leading = mask
        .iter()
        .scan(true, |all, &byte| {
            let count = if *all { byte.leading_ones() } else { 0 };
            *all &= byte == 0xff;
            Some(count)
        })
        .sum::<u32>();
    let bits = u32::try_from(part.length * 8).unwrap_or(u32::MAX);
    let origin = match part.origin {
        Origin::Line {
            line,
            shift,
            masked,
        } if ones == leading && mask.len() == part.length && !flips => {
            let cleared = bits.saturating_sub(ones);
            if cleared == 0 {
                return Some(*part);
            }
            if shift == 0 || masked {
                Origin::Line {
                    line,
                    shift: shift.max(cleared),
                    masked: true,
                }
            } else {
                Origin::Point(line.axis)
            }
        }
        Origin::Line { line, .. } => Origin::Point(line.axis),
        point @ Origin::Point(_) => point,
    };
    let kept = Part { origin, ..*part };
    if let Origin::Point(_) = origin {
        kept.collapse(space);
    }
    Some(kept)
}

/// A shift of numbers of four bytes in the host's order, each with what the next one
/// loses (`nft_bitwise_eval_lshift`).
fn shift(view: &View<'_>, count: u32, left: bool, space: &mut Space) -> Result {
    view.collapse(space);
    let mut result = Result::new(view.bytes.len());
    let words = result.length / 4;
    let word = |bytes: &[u8], at: usize| {
        bytes
            .get(at * 4..at * 4 + 4)
            .and_then(|bytes| <[u8; 4]>::try_from(bytes).ok())
            .map_or(0, u32::from_ne_bytes)
    };
    if !view.is_known() || count == 0 || count >= 32 {
        result.unknown[..words * 4].fill(0xff);
        return result;
    }
    let mut carry = 0;
    for step in 0..words {
        let at = if left { words - 1 - step } else { step };
        let number = word(view.bytes, at);
        let (shifted, lost) = if left {
            (number << count, number >> (32 - count))
        } else {
            (number >> count, number << (32 - count))
        };
        result.data[at * 4..at * 4 + 4].copy_from_slice(&(shifted | carry).to_ne_bytes());
        carry = lost;
    }
    result
}

fn both(one: &View<'_>, two: &View<'_>, op: u32, space: &mut Space) -> Result {
    one.collapse(space);
    two.collapse(space);
    let mut result = Result::new(one.bytes.len().min(two.bytes.len()));
    let known = one.is_known() && two.is_known() && (AND..=XOR).contains(&op);
    for at in 0..result.length {
        let (a, b) = (one.bytes[at], two.bytes[at]);
        result.data[at] = match op {
            AND => a & b,
            OR => a | b,
            _ => a ^ b,
        };
        result.unknown[at] = if known { 0 } else { 0xff };
    }
    result
}

/// `nft_byteorder_eval`: the bytes of each number the other way round, on hosts that are
/// little-endian.
pub(super) fn byteorder(
    registers: &mut Registers,
    from: u8,
    to: u8,
    length: usize,
    size: usize,
    space: &mut Space,
) {
    let view = registers.view(from, length, space);
    let mut result = Result::new(view.bytes.len());
    let swaps = cfg!(target_endian = "little") && matches!(size, 2 | 4 | 8);
    view.collapse(space);
    for at in 0..result.length {
        let source = if swaps {
            at - at % size + (size - 1 - at % size)
        } else {
            at
        };
        match view.bytes.get(source) {
            Some(&byte) => {
                result.data[at] = byte;
                result.unknown[at] = !view.known(source);
            }
            None => result.unknown[at] = 0xff,
        }
    }
    result.write(registers, to, space);
}
