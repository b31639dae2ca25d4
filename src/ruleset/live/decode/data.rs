//! The values in attributes: numbers, registers, data, verdicts, user data.

use crate::ruleset::live::expression::{Register, Verdict};
use crate::ruleset::netlink::{attribute, attributes, long_number, number, short_number, text};

/// The attributes of an object or an expression, by their type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(self, kind: u16) -> Option<&'a [u8]> {
        attribute(self.0, kind)
    }

    pub(super) fn nested(self, kind: u16) -> Option<Self> {
        attribute(self.0, kind).map(Self)
    }

    pub(super) fn byte(self, kind: u16) -> Option<u8> {
        attribute(self.0, kind)?.first().copied()
    }

    pub(super) fn short(self, kind: u16) -> Option<u16> {
        attribute(self.0, kind).and_then(short_number)
    }

    pub(super) fn number(self, kind: u16) -> Option<u32> {
        attribute(self.0, kind).and_then(number)
    }

    pub(super) fn long(self, kind: u16) -> Option<u64> {
        attribute(self.0, kind).and_then(long_number)
    }

    pub(super) fn text(self, kind: u16) -> Option<String> {
        attribute(self.0, kind).map(text)
    }

    pub(super) fn register(self, kind: u16) -> Option<Register> {
        self.number(kind).and_then(register)
    }

    /// The bytes of nested data (`NFTA_DATA_VALUE` 1).
    pub(super) fn value(self, kind: u16) -> Option<&'a [u8]> {
        self.nested(kind)?.bytes(1)
    }

    /// Whether no attribute has a higher type than `highest`: a newer kernel may say
    /// something with it that changes the meaning of the others.
    pub(super) fn are_known(self, highest: u16) -> bool {
        attributes(self.0).all(|(kind, _)| kind <= highest)
    }
}

/// A register by its number (`enum nft_registers`): the old ones of sixteen bytes are 1
/// to 4, those of four bytes 8 to 23. 0 is the verdict's, which holds no bytes.
fn register(number: u32) -> Option<Register> {
    let index = match number {
        1..=4 => (number - 1) * 4,
        8..=23 => number - 8,
        _ => return None,
    };
    u8::try_from(index).ok().map(Register)
}

/// A verdict in nested data (`NFTA_DATA_VERDICT` 2; in it `NFTA_VERDICT_CODE` 1 and
/// `NFTA_VERDICT_CHAIN` 2).
pub(super) fn verdict(data: Fields) -> Option<Verdict> {
    let verdict = data.nested(2)?;
    let code = verdict.number(1)?.cast_signed();
    let chain = || verdict.text(2);
    Some(match code {
        0 => Verdict::Drop,
        1 => Verdict::Accept,
        3 => Verdict::Queue,
        -1 => Verdict::Continue,
        -3 => Verdict::Jump(chain()?),
        -4 => Verdict::Goto(chain()?),
        -5 => Verdict::Return,
        code => Verdict::Other(code),
    })
}

/// The text in user data that nft writes (`libnftnl/udata.h`): type, length, value,
/// one after the other.
pub(super) fn user_text(data: &[u8], kind: u8) -> Option<String> {
    let mut rest = data;
    while let [found, length, more @ ..] = rest {
        let length = usize::from(*length);
        let value = more.get(..length)?;
        if *found == kind {
            return Some(text(value));
        }
        rest = &more[length..];
    }
    None
}

/// The items of a list (`NFTA_LIST_ELEM` 1).
pub(super) fn list(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    attributes(data)
        .filter(|(kind, _)| *kind == 1)
        .map(|(_, item)| item)
}
