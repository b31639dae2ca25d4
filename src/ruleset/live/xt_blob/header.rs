//! Matches on fields of a packet, its route or its `IPsec` policy that the model does not
//! hold, in the words that iptables' `extensions/` save.

use super::blob::Blob;
use super::words::Words;

/// `struct xt_rpfilter_info`.
pub(super) fn rpfilter(blob: Blob) -> Option<String> {
    let flags = blob.u8(0)?;
    let mut words = Words::default();
    for (bit, option) in [
        (1, "--loose"),
        (2, "--validmark"),
        (4, "--accept-local"),
        (8, "--invert"),
    ] {
        words.add_if(flags & bit != 0, option);
    }
    Some(words.done())
}

/// `struct xt_policy_info`, without what it asks of single transformations.
pub(super) fn policy(blob: Blob) -> Option<String> {
    // Four `struct xt_policy_elem` come first.
    let flags = blob.u16(304)?;
    let mut words = Words::default();
    words.add(if flags & 1 != 0 {
        "--dir in"
    } else {
        "--dir out"
    });
    words.add(if flags & 4 != 0 {
        "--pol none"
    } else {
        "--pol ipsec"
    });
    words.add_if(flags & 8 != 0, "--strict");
    Some(words.done())
}

/// `struct ipt_ttl_info`, `struct ip6t_hl_info`.
pub(super) fn hops(name: &str, blob: Blob) -> Option<String> {
    let (sign, operator) = match blob.u8(0)? {
        0 => ("", "eq"),
        1 => ("! ", "eq"),
        2 => ("", "lt"),
        3 => ("", "gt"),
        _ => return None,
    };
    Some(format!("{sign}--{name}-{operator} {}", blob.u8(1)?))
}

/// `struct xt_length_info`.
pub(super) fn length(blob: Blob) -> Option<String> {
    let (first, last) = (blob.u16(0)?, blob.u16(2)?);
    let mut words = Words::default();
    words.add_if(blob.u8(4)? != 0, "!").add("--length");
    if first == last {
        words.add(first);
    } else {
        words.add(format_args!("{first}:{last}"));
    }
    Some(words.done())
}

/// `struct xt_dscp_info`.
pub(super) fn dscp(blob: Blob) -> Option<String> {
    let mut words = Words::default();
    words.add_if(blob.u8(1)? != 0, "!").add("--dscp");
    words.add(format_args!("0x{:02x}", blob.u8(0)?));
    Some(words.done())
}

/// `struct xt_tos_match_info`.
pub(super) fn tos(blob: Blob) -> Option<String> {
    let mut words = Words::default();
    words.add_if(blob.u8(2)? != 0, "!").add("--tos");
    words.add(format_args!("0x{:02x}/0x{:02x}", blob.u8(1)?, blob.u8(0)?));
    Some(words.done())
}

/// `struct ip6t_rt`, without the addresses that the header is to hold.
pub(super) fn routing(blob: Blob) -> Option<String> {
    let (flags, inverted) = (blob.u8(16)?, blob.u8(17)?);
    let mut words = Words::default();
    let not = |words: &mut Words, bit: u8| {
        words.add_if(inverted & bit != 0, "!");
    };
    if flags & 1 != 0 {
        not(&mut words, 1);
        words.add("--rt-type").add(blob.u32(0)?);
    }
    let (first, last) = (blob.u32(4)?, blob.u32(8)?);
    if (first, last) != (0, u32::MAX) {
        not(&mut words, 2);
        words.add("--rt-segsleft");
        if first == last {
            words.add(first);
        } else {
            words.add(format_args!("{first}:{last}"));
        }
    }
    if flags & 4 != 0 {
        not(&mut words, 4);
        words.add("--rt-len").add(blob.u32(12)?);
    }
    words.add_if(flags & 8 != 0, "--rt-0-res");
    words.add_if(flags & 0x10 != 0, "--rt-0-addrs");
    words.add_if(flags & 0x20 != 0, "--rt-0-not-strict");
    Some(words.done())
}
