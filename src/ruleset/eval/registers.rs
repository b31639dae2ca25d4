//! The registers of a rule (`struct nft_regs`), which know what is not known in them.

use super::field::Field;
use super::part::{Origin, Part};
use super::region::Space;

/// Bytes that registers have room for (`NFT_REG32_NUM`), and as many again, so that no
/// length of a hostile dump leads out of them.
const ROOM: usize = 128;

/// The registers (`struct nft_regs`).
#[derive(Debug, Clone)]
pub(super) struct Registers {
    bytes: [u8; ROOM],
    unknown: [u8; ROOM],
    parts: [Option<Part>; 8],
    any_unknown: bool,
}

/// The bytes of a key or of what is compared.
pub(super) struct View<'r> {
    pub(super) bytes: &'r [u8],
    /// The bits that are not known; empty where all are.
    pub(super) unknown: &'r [u8],
    /// The parts in it that stem from an axis, their starts counted from its own.
    pub(super) parts: [Option<Part>; 8],
}

impl View<'_> {
    pub(super) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().flatten()
    }

    pub(super) fn is_known(&self) -> bool {
        self.unknown.iter().all(|&byte| byte == 0)
    }

    /// The bits of a byte that are known.
    pub(super) fn known(&self, at: usize) -> u8 {
        !self.unknown.get(at).copied().unwrap_or(0)
    }

    pub(super) fn collapse(&self, space: &mut Space) {
        for part in self.parts() {
            part.collapse(space);
        }
    }

    /// The number that bytes of it make.
    pub(super) fn number(&self, start: usize, length: usize) -> u128 {
        big_endian(self.bytes.get(start..start + length).unwrap_or_default())
    }
}

/// The number that bytes make, the first the highest; of more than sixteen the last ones.
pub(super) fn big_endian(bytes: &[u8]) -> u128 {
    bytes
        .iter()
        .fold(0, |number, &byte| (number << 8) | u128::from(byte))
}

impl Registers {
    pub(super) fn new() -> Self {
        Self {
            bytes: [0; ROOM],
            unknown: [0; ROOM],
            parts: [None; 8],
            any_unknown: false,
        }
    }

    /// The room of `length` bytes from register `number` on, cut at the end of the
    /// registers.
    fn room(number: u8, length: usize) -> (usize, usize) {
        let start = usize::from(number.min(15)) * 4;
        (start, length.min(ROOM - start))
    }

    /// Forgets what was in the room of a value that is written; the rest of its last
    /// register becomes zero (`nft_payload_eval`, `nft_reg_store8`).
    fn clear(&mut self, start: usize, length: usize) {
        let end = (start + length.next_multiple_of(4)).min(ROOM);
        self.bytes[start..end].fill(0);
        if self.any_unknown {
            self.unknown[start..end].fill(0);
        }
        let mut behind = None;
        for slot in &mut self.parts {
            let Some(part) = slot else { continue };
            let (first, last) = (part.start, part.start + part.length);
            if last <= start || end <= first {
                continue;
            }
            // What is left of a longer value on either side.
            let axis = match part.origin {
                Origin::Line { line, .. } => line.axis,
                Origin::Point(axis) => axis,
            };
            let rest = |start: usize, end: usize| {
                (start < end).then(|| Part {
                    start,
                    length: end - start,
                    origin: Origin::Point(axis),
                })
            };
            let (before, after) = (rest(first, start), rest(end, last));
            if before.is_some() && after.is_some() {
                behind = after;
            }
            *slot = before.or(after);
        }
        let Some(part) = behind else { return };
        if let Some(slot) = self.parts.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(part);
        } else {
            self.unknown[part.start..part.start + part.length].fill(0xff);
            self.any_unknown = true;
        }
    }

    /// Writes known bytes.
    pub(super) fn store(&mut self, number: u8, data: &[u8]) {
        let (start, length) = Self::room(number, data.len());
        self.clear(start, length);
        self.bytes[start..start + length].copy_from_slice(&data[..length]);
    }

    /// Says that `length` bytes are not known.
    pub(super) fn store_unknown(&mut self, number: u8, length: usize) {
        let (start, length) = Self::room(number, length);
        self.clear(start, length);
        self.unknown[start..start + length].fill(0xff);
        self.any_unknown = true;
    }

    /// Writes bytes with the bits of them that are not known.
    pub(super) fn store_partly(&mut self, number: u8, data: &[u8], unknown: &[u8]) {
        self.store(number, data);
        let (start, length) = Self::room(number, data.len().min(unknown.len()));
        self.unknown[start..start + length].copy_from_slice(&unknown[..length]);
        self.any_unknown = true;
    }

    /// Says that bytes already written stem from an axis.
    pub(super) fn add_part(&mut self, number: u8, mut part: Part, space: &mut Space) {
        part.start += usize::from(number.min(15)) * 4;
        match self.parts.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(part),
            // More than any rule loads at once: this flow only, then.
            None => part.collapse(space),
        }
    }

    /// Writes bytes of a field, from `skip` on, `at` bytes after the register's start;
    /// the room is already clear.
    pub(super) fn store_field(
        &mut self,
        number: u8,
        at: usize,
        field: Field,
        skip: usize,
        length: usize,
        space: &mut Space,
    ) {
        let width = usize::from(field.width);
        let start = usize::from(number.min(15)) * 4 + at;
        if skip + length > width || start + length > ROOM {
            return;
        }
        let bytes = field.value.to_be_bytes();
        let from = 16 - width + skip;
        self.bytes[start..start + length].copy_from_slice(&bytes[from..from + length]);
        if field.unknown != 0 {
            let unknown = field.unknown.to_be_bytes();
            self.unknown[start..start + length].copy_from_slice(&unknown[from..from + length]);
            self.any_unknown = true;
        }
        if let Some(line) = field.line {
            let whole = Part {
                start: at,
                length: width,
                origin: Origin::Line {
                    line,
                    shift: 0,
                    masked: false,
                },
            };
            let mut part = whole.slice(skip, length, space);
            part.start = at;
            self.add_part(number, part, space);
        }
    }

    /// Says that `length` bytes, `at` bytes after a register's start, are known.
    pub(super) fn know(&mut self, number: u8, at: usize, length: usize) {
        let start = usize::from(number.min(15)) * 4 + at;
        if let Some(unknown) = self.unknown.get_mut(start..start + length) {
            unknown.fill(0);
        }
    }

    /// A whole field.
    pub(super) fn store_whole(&mut self, number: u8, field: Field, space: &mut Space) {
        let (start, length) = Self::room(number, usize::from(field.width));
        self.clear(start, length);
        self.store_field(number, 0, field, 0, length, space);
    }

    /// What stands in `length` bytes from a register on.
    pub(super) fn view(&self, number: u8, length: usize, space: &mut Space) -> View<'_> {
        let (start, length) = Self::room(number, length);
        let end = start + length;
        let mut parts = [None; 8];
        for (slot, part) in parts.iter_mut().zip(&self.parts) {
            let Some(part) = part else { continue };
            let (first, last) = (part.start.max(start), (part.start + part.length).min(end));
            if first < last {
                let mut cut = part.slice(first - part.start, last - first, space);
                cut.start = first - start;
                *slot = Some(cut);
            }
        }
        View {
            bytes: &self.bytes[start..end],
            unknown: if self.any_unknown {
                &self.unknown[start..end]
            } else {
                &[]
            },
            parts,
        }
    }

    /// A field of what stands in a register, whole.
    pub(super) fn field(&self, number: u8, width: u8, space: &mut Space) -> Field {
        let view = self.view(number, usize::from(width), space);
        let unknown = big_endian(view.unknown);
        let mut field = Field {
            value: big_endian(view.bytes),
            unknown,
            width,
            line: None,
        };
        for part in view.parts.iter().flatten() {
            match part.origin {
                Origin::Line { line, shift: 0, .. }
                    if part.start == 0 && part.length == usize::from(width) =>
                {
                    field.line = Some(line);
                }
                _ => part.collapse(space),
            }
        }
        field
    }
}
