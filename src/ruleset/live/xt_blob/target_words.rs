//! The options of targets that change nothing which is asked of a packet, as iptables'
//! `extensions/libxt_*.c` save them.

use super::blob::Blob;
use super::foreseen::set_sides;
use super::words::Words;
use crate::ruleset::live::xt_names::sides_text;

/// `struct xt_log_info`.
pub(super) fn log(blob: Blob) -> Option<String> {
    let (level, flags, prefix) = (blob.u8(0)?, blob.u8(1)?, blob.text(2, 30)?);
    let mut words = Words::default();
    if !prefix.is_empty() {
        words.add("--log-prefix").quote(&prefix);
    }
    // LOG_DEFAULT_LEVEL is LOG_WARNING.
    if level != 4 {
        words.add("--log-level").add(level);
    }
    for (bit, option) in [
        (0x01, "--log-tcp-sequence"),
        (0x02, "--log-tcp-options"),
        (0x04, "--log-ip-options"),
        (0x08, "--log-uid"),
        (0x20, "--log-macdecode"),
    ] {
        words.add_if(flags & bit != 0, option);
    }
    Some(words.done())
}

/// `struct xt_nflog_info`.
pub(super) fn nflog(blob: Blob) -> Option<String> {
    let (length, group, threshold, flags) =
        (blob.u32(0)?, blob.u16(4)?, blob.u16(6)?, blob.u16(8)?);
    let prefix = blob.text(12, 64)?;
    let mut words = Words::default();
    if !prefix.is_empty() {
        words.add("--nflog-prefix").quote(&prefix);
    }
    if group != 0 {
        words.add("--nflog-group").add(group);
    }
    if flags & 1 != 0 {
        words.add("--nflog-size").add(length);
    } else if length != 0 {
        words.add("--nflog-range").add(length);
    }
    if threshold != 0 {
        words.add("--nflog-threshold").add(threshold);
    }
    Some(words.done())
}

/// `struct xt_ct_target_info`, `struct xt_ct_target_info_v1`.
pub(super) fn ct(revision: u8, blob: Blob) -> Option<String> {
    const EVENTS: [&str; 11] = [
        "new",
        "related",
        "destroy",
        "reply",
        "assured",
        "protoinfo",
        "helper",
        "mark",
        "natseqinfo",
        "secmark",
        "label",
    ];
    let (flags, zone, helper) = (blob.u16(0)?, blob.u16(2)?, blob.text(12, 16)?);
    let timeout = match revision {
        0 => String::new(),
        _ => blob.text(28, 32)?,
    };
    let mut words = Words::default();
    // The alias NOTRACK has no options.
    words.add_if(flags & 1 != 0 && flags & 2 == 0, "--notrack");
    for (option, name) in [("--helper", helper), ("--timeout", timeout)] {
        if !name.is_empty() {
            words.add(option).add(name);
        }
    }
    for (option, mask) in [("--ctevents", blob.u32(4)?), ("--expevents", blob.u32(8)?)] {
        let events = EVENTS.iter().enumerate();
        let events: Vec<&str> = events
            .filter(|(bit, _)| mask & (1 << bit) != 0)
            .map(|(_, name)| *name)
            .collect();
        if !events.is_empty() {
            words.add(option).add(events.join(","));
        }
    }
    if zone != 0 {
        words.add("--zone").add(zone);
    }
    Some(words.done())
}

/// `struct xt_set_info_target_v1` to `_v3`; sets are named by their number.
pub(super) fn set(revision: u8, blob: Blob) -> Option<String> {
    /// `IPSET_INVALID_ID`
    const NONE: u16 = 65_535;
    let options = ["--add-set", "--del-set", "--map-set"];
    let sets = if revision == 3 { 3 } else { 2 };
    let mut words = Words::default();
    for (option, at) in options.into_iter().take(sets).zip((0..).step_by(4)) {
        let number = blob.u16(at)?;
        if number != NONE {
            let sides = sides_text(&set_sides(blob, at)?);
            words.add(option).add(number).add(sides);
        }
    }
    if revision > 1 {
        let (flags, timeout) = (blob.u32(sets * 4)?, blob.u32(sets * 4 + 4)?);
        // IPSET_FLAG_EXIST.
        words.add_if(flags & 1 != 0, "--exist");
        if timeout != u32::MAX {
            words.add("--timeout").add(timeout);
        }
    }
    Some(words.done())
}
