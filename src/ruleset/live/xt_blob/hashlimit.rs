//! `hashlimit`, whose struct changed with each revision.

use super::blob::Blob;
use super::words::{Words, rate};
use crate::model::net::Family;

/// What `struct hashlimit_cfg1` to 3 hold.
struct Settings {
    name: String,
    mode: u32,
    average: u64,
    burst: u64,
    /// Buckets, entries, milliseconds between cleanings, milliseconds an entry lives.
    table: [u32; 4],
    interval: Option<u32>,
    masks: (u8, u8),
}

impl Settings {
    fn read(revision: u8, blob: Blob) -> Option<Self> {
        // IFNAMSIZ; NAME_MAX and a byte to the next multiple of eight.
        let at = if revision == 1 { 16 } else { 256 };
        let name = blob.text(0, at - usize::from(revision != 1))?;
        let table = |at| {
            Some([
                blob.u32(at)?,
                blob.u32(at + 4)?,
                blob.u32(at + 8)?,
                blob.u32(at + 12)?,
            ])
        };
        let masks = |at| Some((blob.u8(at)?, blob.u8(at + 1)?));
        Some(if revision == 1 {
            Self {
                name,
                mode: blob.u32(at)?,
                average: blob.u32(at + 4)?.into(),
                burst: blob.u32(at + 8)?.into(),
                table: table(at + 12)?,
                interval: None,
                masks: masks(at + 28)?,
            }
        } else {
            let is_third = revision == 3;
            Self {
                name,
                average: blob.u64(at)?,
                burst: blob.u64(at + 8)?,
                mode: blob.u32(at + 16)?,
                table: table(at + 20)?,
                interval: if is_third {
                    Some(blob.u32(at + 36)?)
                } else {
                    None
                },
                masks: masks(at + if is_third { 40 } else { 36 })?,
            }
        })
    }
}

/// As `hashlimit_mt_save` of `extensions/libxt_hashlimit.c`.
pub(super) fn words(revision: u8, blob: Blob) -> Option<String> {
    let settings = Settings::read(revision, blob)?;
    let mode = settings.mode;
    let mut words = Words::default();
    words.add(match mode & 16 {
        0 => "--hashlimit-upto",
        _ => "--hashlimit-above",
    });
    // XT_HASHLIMIT_SCALE, XT_HASHLIMIT_SCALE_v2.
    let second = if revision == 1 { 10_000 } else { 1_000_000 };
    let unit = if mode & 32 == 0 {
        let (rate, seconds) = rate(settings.average, second)?;
        words.add(rate);
        words.add("--hashlimit-burst").add(settings.burst);
        seconds
    } else {
        bytes(&mut words, &settings)?
    };
    let mut keys = Vec::new();
    for (bit, key) in [(4, "srcip"), (8, "srcport"), (1, "dstip"), (2, "dstport")] {
        if mode & bit != 0 {
            keys.push(key);
        }
    }
    if !keys.is_empty() {
        words.add("--hashlimit-mode").add(keys.join(","));
    }
    words.add("--hashlimit-name").add(&settings.name);
    let [size, most, cleaning, expire] = settings.table;
    let whole = match blob.family {
        Family::Ipv4 => 32,
        Family::Ipv6 => 128,
    };
    let (source, destination) = settings.masks;
    for (option, value, default) in [
        ("htable-size", size.into(), 0),
        ("htable-max", most.into(), 0),
        ("htable-gcinterval", cleaning.into(), 1000),
        (
            "htable-expire",
            u64::from(expire),
            unit.saturating_mul(1000),
        ),
        ("srcmask", source.into(), whole),
        ("dstmask", destination.into(), whole),
    ] {
        if value != default {
            words.add(format_args!("--hashlimit-{option}")).add(value);
        }
    }
    if mode & 64 != 0 {
        words.add("--hashlimit-rate-match");
        if let Some(interval) = settings.interval.filter(|i| *i != 1) {
            words.add("--hashlimit-rate-interval").add(interval);
        }
    }
    Some(words.done())
}

/// Bytes a second, of which the kernel holds the cost of sixteen (`cost_to_bytes`,
/// `print_bytes`, `XT_HASHLIMIT_BYTE_SHIFT` 4). Gives the seconds an entry lives where
/// nothing else is said (`XT_HASHLIMIT_BYTE_EXPIRE`, `XT_HASHLIMIT_BYTE_EXPIRE_BURST`).
fn bytes(words: &mut Words, settings: &Settings) -> Option<u64> {
    let blocks = u64::from(u32::MAX).checked_div(settings.average)?;
    let rate = blocks.saturating_sub(1).saturating_mul(16);
    let in_units = |bytes: u64, exactly: bool| {
        let units = [("m", 1024 * 1024), ("k", 1024)];
        let unit = units
            .iter()
            .find(|(_, size)| bytes >= *size && (!exactly || bytes.is_multiple_of(*size)));
        let (name, size) = unit.copied().unwrap_or(("", 1));
        format!("{}{name}b", bytes / size)
    };
    words.add(format_args!("{}/s", in_units(rate, true)));
    if settings.burst == 0 {
        return Some(15);
    }
    words.add("--hashlimit-burst");
    words.add(in_units(rate.saturating_mul(settings.burst), false));
    Some(60)
}
