//! Values as `nft` prints them, by their types (`datatype.c`).

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::symbols::{self, Names, name};
use crate::model::time::date_and_time;

/// A type of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// A number.
    Integer,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A MAC address.
    Ether,
    /// A port.
    Port,
    /// A mark: eight hexadecimal digits.
    Mark,
    /// An interface's number.
    Index,
    /// An interface's name.
    Interface,
    /// Text in quotes.
    Text,
    /// Milliseconds.
    Time,
    /// Nanoseconds since 1970.
    Date,
    /// Seconds since midnight.
    Hour,
    /// A traffic class.
    Class,
    /// A group of devices.
    Group,
    /// A number with names; where quoted, in quotes.
    Symbol(Names),
    /// A number with names, in quotes.
    Quoted(Names),
    /// Bits with names.
    Bits(Names),
    /// Nothing is known: hexadecimal digits.
    Unknown,
}

/// How bytes are a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As on the wire.
    Wire,
    /// As this machine has it.
    Host,
}

/// The number in bytes; more than eight of them are none.
pub(super) fn number(bytes: &[u8], order: Order) -> Option<u64> {
    let mut wide = [0; 8];
    let at = wide.len().checked_sub(bytes.len())?;
    wide[at..].copy_from_slice(&big_endian(bytes, order));
    Some(u64::from_be_bytes(wide))
}

/// The bytes of a number from the highest on.
pub(super) fn big_endian(bytes: &[u8], order: Order) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if order == Order::Host && cfg!(target_endian = "little") {
        bytes.reverse();
    }
    bytes
}

/// A value. `is_plain`: without names, as in ranges.
pub(super) fn print(kind: Type, bytes: &[u8], order: Order, is_plain: bool) -> String {
    let value = number(bytes, order);
    match (kind, value) {
        (Type::Ipv4, _) => match <[u8; 4]>::try_from(bytes) {
            Ok(bytes) => Ipv4Addr::from(bytes).to_string(),
            Err(_) => hex(bytes),
        },
        (Type::Ipv6, _) => match <[u8; 16]>::try_from(bytes) {
            Ok(bytes) => Ipv6Addr::from(bytes).to_string(),
            Err(_) => hex(bytes),
        },
        (Type::Ether, _) => {
            let parts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            parts.join(":")
        }
        (Type::Interface | Type::Text, _) => text(bytes),
        (Type::Mark, Some(value)) => format!("0x{value:08x}"),
        (Type::Time, Some(value)) => time(value),
        (Type::Date, Some(value)) => date(value / 1_000_000_000),
        (Type::Hour, Some(value)) => format!("\"{}\"", clock(value)),
        (Type::Class, Some(0xffff_ffff)) => "root".to_owned(),
        (Type::Class, Some(0)) => "none".to_owned(),
        (Type::Class, Some(value)) => format!("{:x}:{:x}", value >> 16, value & 0xffff),
        // The loopback device has number 1 in each network namespace.
        (Type::Index, Some(1)) => "\"lo\"".to_owned(),
        (Type::Group, Some(0)) => "\"default\"".to_owned(),
        (Type::Symbol(names), Some(value)) if !is_plain => {
            name(names, value).map_or_else(|| value.to_string(), str::to_owned)
        }
        (Type::Quoted(names), Some(value)) => {
            name(names, value).map_or_else(|| value.to_string(), |name| format!("\"{name}\""))
        }
        (Type::Bits(names), Some(value)) => bits(names, value, " | "),
        (Type::Unknown, _) | (_, None) => hex(bytes),
        (_, Some(value)) => value.to_string(),
    }
}

/// The names of the bits of a value, from the lowest on; those without a name in
/// hexadecimal.
pub(super) fn bits(names: Names, value: u64, between: &str) -> String {
    let mut parts = Vec::new();
    for bit in (0..64).map(|shift| 1_u64 << shift) {
        if value & bit != 0 {
            let known = name(names, bit);
            parts.push(known.map_or_else(|| format!("0x{bit:x}"), str::to_owned));
        }
    }
    if parts.is_empty() {
        return "0x0".to_owned();
    }
    parts.join(between)
}

/// `1d2h3m4s5ms` (`time_print`).
pub(super) fn time(milliseconds: u64) -> String {
    let mut left = milliseconds;
    let mut text = String::new();
    for (length, unit) in [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1000, "s"),
        (1, "ms"),
    ] {
        if left / length > 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}{unit}", left / length);
        }
        left %= length;
    }
    text
}

/// Seconds since 1970 as a date, in UTC: nft takes the zone that it runs in.
fn date(seconds: u64) -> String {
    format!("\"{}\"", date_and_time(seconds))
}

/// Seconds since midnight; seconds of a minute only where there are some.
fn clock(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    if rest != 0 {
        format!("{hours:02}:{minutes:02}:{rest:02}")
    } else {
        format!("{hours:02}:{minutes:02}")
    }
}

/// Text up to its NUL; without one it is the beginning of a name.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    let known = String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]);
    match end {
        None => format!("\"{known}*\""),
        Some(_) => match known.strip_suffix('*') {
            Some(start) => format!("\"{start}\\*\""),
            None => format!("\"{known}\""),
        },
    }
}

/// Bytes as one hexadecimal number.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut digits = String::new();
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    let digits = digits.trim_start_matches('0');
    match digits {
        "" => "0x0".to_owned(),
        digits => format!("0x{digits}"),
    }
}

/// The type of a key or a value, by its number (`enum datatypes` of `datatype.h`).
pub(super) fn by_number(number: u32) -> (Type, Order) {
    match number {
        7 => (Type::Ipv4, Order::Wire),
        8 => (Type::Ipv6, Order::Wire),
        9 => (Type::Ether, Order::Wire),
        12 => (Type::Symbol(symbols::PROTOCOL), Order::Wire),
        13 => (Type::Port, Order::Wire),
        19 => (Type::Mark, Order::Host),
        23 => (Type::Class, Order::Host),
        36 => (Type::Symbol(symbols::DSCP), Order::Wire),
        4 => (Type::Integer, Order::Host),
        41 => (Type::Interface, Order::Host),
        _ => (Type::Unknown, Order::Wire),
    }
}

/// Bytes that a part of a concatenation has.
pub(super) fn length_of(number: u32) -> Option<usize> {
    match number {
        2 | 12 | 14 | 29 | 31 | 15 | 36 => Some(1),
        10 | 13 | 22 => Some(2),
        7 | 19 | 20 | 23..=26 | 28 => Some(4),
        9 => Some(6),
        8 | 41 => Some(16),
        _ => None,
    }
}

/// The length of the prefix that a range of addresses is; `None` where it is none.
pub(super) fn prefix(kind: Type, first: &[u8], last: &[u8]) -> Option<u32> {
    matches!(kind, Type::Ipv4 | Type::Ipv6).then_some(())?;
    let wide = |bytes: &[u8]| -> Option<u128> {
        let mut wide = [0; 16];
        let at = wide.len().checked_sub(bytes.len())?;
        wide[at..].copy_from_slice(bytes);
        Some(u128::from_be_bytes(wide))
    };
    let (first, last) = (wide(first)?, wide(last)?);
    let host = first ^ last;
    // The bits in which they differ are the last ones, all 0 and all 1.
    let is_prefix = host & host.wrapping_add(1) == 0 && first & host == 0;
    let bits = match kind {
        Type::Ipv4 => 32,
        _ => 128,
    };
    let length = (128 - host.leading_zeros()).min(bits);
    is_prefix.then_some(bits - length)
}
