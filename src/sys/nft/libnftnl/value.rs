//! Values of attributes, in the form and within the bounds that libnftnl relies on.

use std::ffi::{CString, c_void};
use std::ptr;

/// A value that libnftnl reads through a pointer.
///
/// # Safety
/// [`Value::place`] is where as many bytes are as libnftnl reads for an attribute of this
/// type, for as long as the value is there.
pub(in crate::sys::nft) unsafe trait Value {
    /// Where it is, and how many bytes it has there.
    fn place(&self) -> (*const c_void, usize);

    /// As many bytes as it takes in a message at most, with the headers of the attributes
    /// that it stands in: five at most, of four bytes each, and three to align it.
    fn room(&self) -> usize {
        self.place().1.saturating_add(24)
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        // SAFETY: libnftnl reads numbers by their size.
        unsafe impl Value for $number {
            fn place(&self) -> (*const c_void, usize) {
                (ptr::from_ref(self).cast(), size_of::<Self>())
            }
        }
    )*};
}

numbers!(u8 u16 u32 i32 u64);

/// A name: no NUL in it, and no longer than the kernel's longest (`NFT_NAME_MAXLEN`).
#[derive(Debug, Clone)]
pub(in crate::sys::nft) struct Name(CString);

impl Name {
    pub(in crate::sys::nft) fn new(name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        (name.count_bytes() < 256).then_some(Self(name))
    }
}

// SAFETY: libnftnl reads strings up to their NUL.
unsafe impl Value for Name {
    fn place(&self) -> (*const c_void, usize) {
        let bytes = self.0.as_bytes_with_nul();
        (bytes.as_ptr().cast(), bytes.len())
    }
}

/// Bytes for registers: 1 to 64 (`NFT_DATA_VALUE_MAXLEN`).
#[derive(Debug, Clone, Copy)]
pub(in crate::sys::nft) struct Data<'a>(&'a [u8]);

impl<'a> Data<'a> {
    pub(in crate::sys::nft) fn new(bytes: &'a [u8]) -> Option<Self> {
        (1..=64).contains(&bytes.len()).then_some(Self(bytes))
    }
}

// SAFETY: libnftnl is told the length, and has room for 64 bytes.
unsafe impl Value for Data<'_> {
    fn place(&self) -> (*const c_void, usize) {
        (self.0.as_ptr().cast(), self.0.len())
    }
}

/// What the kernel keeps for nft and does not read: items of a type, a length and a value
/// (`libnftnl/udata.h`).
#[derive(Debug, Clone, Default)]
pub(in crate::sys::nft) struct UserData(Vec<u8>);

impl UserData {
    /// One more item. `None` where that is too long (`NFT_USERDATA_MAXLEN`).
    pub(in crate::sys::nft) fn with(mut self, kind: u8, value: &[u8]) -> Option<Self> {
        let length = u8::try_from(value.len()).ok()?;
        self.0.extend([kind, length]);
        self.0.extend(value);
        (self.0.len() <= 256).then_some(self)
    }
}

// SAFETY: libnftnl is told the length.
unsafe impl Value for UserData {
    fn place(&self) -> (*const c_void, usize) {
        (self.0.as_ptr().cast(), self.0.len())
    }
}

/// Bytes of each part of a concatenation, zero behind the last.
#[derive(Debug, Clone, Copy)]
pub(in crate::sys::nft) struct Parts([u8; 16]);

impl Parts {
    pub(in crate::sys::nft) fn new(lengths: &[u32]) -> Option<Self> {
        let mut parts = [0; 16];
        // The last one stays zero: libnftnl counts up to it.
        (lengths.len() < parts.len()).then_some(())?;
        for (part, length) in parts.iter_mut().zip(lengths) {
            *part = u8::try_from(*length).ok().filter(|length| *length != 0)?;
        }
        Some(Self(parts))
    }
}

// SAFETY: libnftnl has room for 16 parts (`NFT_REG32_COUNT`), and one is zero.
unsafe impl Value for Parts {
    fn place(&self) -> (*const c_void, usize) {
        (self.0.as_ptr().cast(), self.0.len())
    }

    /// Each is an attribute nested in another.
    fn room(&self) -> usize {
        self.0.len() * 12 + 24
    }
}
