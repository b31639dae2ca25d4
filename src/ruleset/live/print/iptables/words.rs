//! Parts of a saved line.

use std::fmt::Write;
use std::net::IpAddr;

use crate::ruleset::live::xt::{Net, Sign};
use crate::ruleset::live::xt_names::quoted;

/// Adds a name, in quotes where it needs them.
pub(super) fn text(line: &mut String, name: &str) {
    if name.contains([' ', '"', '\\', '\'']) {
        line.push_str(&quoted(name));
    } else {
        line.push_str(name);
    }
}

/// Adds words after a space, or nothing where there are none.
pub(super) fn append(line: &mut String, words: &str) {
    if !words.is_empty() {
        line.push(' ');
        line.push_str(words);
    }
}

/// Adds ` --option value`, with `!` before where negated.
pub(super) fn option<T>(
    line: &mut String,
    name: &str,
    sign: Option<&Sign<T>>,
    value: impl FnOnce(&T) -> String,
) {
    if let Some(sign) = sign {
        let not = if sign.negated { " !" } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(line, "{not} {name} {}", value(&sign.value));
    }
}

/// `10.77.0.0/24`, always with the length.
pub(super) fn net(net: &Net) -> String {
    match net {
        Net::Prefix(net) => net.to_string(),
        Net::Mask(address, mask) => format!("{address}/{mask}"),
    }
}

/// `10.77.0.1`, with the length only where it is not the whole address.
pub(super) fn short_net(value: &Net) -> String {
    match value {
        Net::Prefix(net) if net.prefix_len() == net.max_prefix_len() => net.addr().to_string(),
        other => net(other),
    }
}

/// `21` or `21:23`.
pub(super) fn ports((first, last): (u16, u16), between: char) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}{between}{last}")
    }
}

/// A value and its mask in hexadecimal; a mask of all bits is left out.
pub(super) fn masked(value: u32, mask: u32) -> String {
    match mask {
        u32::MAX => format!("{value:#x}"),
        mask => format!("{value:#x}/{mask:#x}"),
    }
}

/// The names of bits, in the order of the table, with commas.
pub(super) fn bits(value: u16, names: &[(&str, u16)]) -> String {
    let set = names.iter().filter(|(_, bit)| value & bit != 0);
    let names: Vec<&str> = set.map(|(name, _)| *name).collect();
    names.join(",")
}

/// `10.77.0.1` or `10.77.0.1-10.77.0.9`.
pub(super) fn short_range(first: IpAddr, last: IpAddr) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    }
}
