//! Matches that depend on what nobody can foresee: rates, the time, sockets, chance. Their
//! words are those that iptables' `extensions/libxt_*.c` save.

use super::blob::Blob;
use super::words::{Words, rate};
use super::{hashlimit, header};
use crate::ruleset::live::xt::Match;
use crate::ruleset::netlink::text;

/// `None` where name or revision are unknown here.
pub(super) fn read(name: &str, revision: u8, blob: Blob) -> Option<Match> {
    let words = match (name, revision) {
        ("limit", 0) => limit(blob),
        ("hashlimit", 1..=3) => hashlimit::words(revision, blob),
        ("recent", 0 | 1) => recent(revision, blob),
        ("connlimit", 0 | 1) => connlimit(blob),
        ("owner", 1) => owner(blob),
        ("physdev", 0) => physdev(blob),
        ("socket", 0..=3) => socket(revision, blob),
        ("string", 0 | 1) => string(revision, blob),
        ("time", 0) => time(blob),
        ("statistic", 0) => statistic(blob),
        ("rpfilter", 0) => header::rpfilter(blob),
        ("policy", 0) => header::policy(blob),
        ("ttl" | "hl", 0) => header::hops(name, blob),
        ("length", 0) => header::length(blob),
        ("dscp", 0) => header::dscp(blob),
        ("tos", 1) => header::tos(blob),
        _ => None,
    }?;
    Some(Match::Unforeseen {
        name: name.to_owned(),
        words,
    })
}

/// `struct xt_rateinfo`.
fn limit(blob: Blob) -> Option<String> {
    let (rate, _) = rate(blob.u32(0)?.into(), 10_000)?;
    let burst = blob.u32(4)?;
    let mut words = Words::default();
    words.add("--limit").add(rate);
    if burst != 5 {
        words.add("--limit-burst").add(burst);
    }
    Some(words.done())
}

/// `struct xt_recent_mtinfo`, `struct xt_recent_mtinfo_v1`.
fn recent(revision: u8, blob: Blob) -> Option<String> {
    let (seconds, hits, what) = (blob.u32(0)?, blob.u32(4)?, blob.u8(8)?);
    let mut words = Words::default();
    words.add_if(blob.u8(9)? != 0, "!");
    for (bit, option) in [
        (2, "--set"),
        (1, "--rcheck"),
        (4, "--update"),
        (8, "--remove"),
    ] {
        words.add_if(what & bit != 0, option);
    }
    if seconds != 0 {
        words.add("--seconds").add(seconds);
    }
    words.add_if(what & 32 != 0, "--reap");
    if hits != 0 {
        words.add("--hitcount").add(hits);
    }
    words.add_if(what & 16 != 0, "--rttl");
    words.add("--name").add(blob.text(10, 200)?);
    if revision == 1 {
        words.add("--mask").add(blob.address(212)?);
    }
    words.add(match blob.u8(210)? {
        0 => "--rsource",
        _ => "--rdest",
    });
    Some(words.done())
}

/// `struct xt_connlimit_info`.
fn connlimit(blob: Blob) -> Option<String> {
    let flags = blob.u32(20)?;
    let (option, side) = (flags & 1, flags & 2);
    let mut words = Words::default();
    words
        .add(if option == 0 {
            "--connlimit-above"
        } else {
            "--connlimit-upto"
        })
        .add(blob.u32(16)?)
        .add("--connlimit-mask")
        .add(ipnet::ip_mask_to_prefix(blob.address(0)?).ok()?)
        .add(if side == 0 {
            "--connlimit-saddr"
        } else {
            "--connlimit-daddr"
        });
    Some(words.done())
}

/// `struct xt_owner_match_info`.
fn owner(blob: Blob) -> Option<String> {
    let (asked, inverted) = (blob.u8(16)?, blob.u8(17)?);
    let mut words = Words::default();
    words.add_if(inverted & 4 != 0 && asked & 4 != 0, "!");
    words.add_if(asked & 4 != 0, "--socket-exists");
    for (bit, at, option) in [(1, 0, "--uid-owner"), (2, 8, "--gid-owner")] {
        let (first, last) = (blob.u32(at)?, blob.u32(at + 4)?);
        if asked & bit != 0 {
            words.add_if(inverted & bit != 0, "!").add(option);
            if first == last {
                words.add(first);
            } else {
                words.add(format_args!("{first}-{last}"));
            }
        }
    }
    words.add_if(asked & 8 != 0, "--suppl-groups");
    Some(words.done())
}

/// `struct xt_physdev_info`. Bits of both flags: in 1, out 2, bridged 4, is-in 8,
/// is-out 16.
fn physdev(blob: Blob) -> Option<String> {
    let (inverted, asked) = (blob.u8(64)?, blob.u8(65)?);
    let mut words = Words::default();
    for (bit, option, at) in [
        (8, "--physdev-is-in", None),
        (1, "--physdev-in", Some(0)),
        (16, "--physdev-is-out", None),
        (2, "--physdev-out", Some(32)),
        (4, "--physdev-is-bridged", None),
    ] {
        if asked & bit != 0 {
            words.add_if(inverted & bit != 0, "!").add(option);
            if let Some(at) = at {
                words.add(blob.text(at, 16)?);
            }
        }
    }
    Some(words.done())
}

/// `struct xt_socket_mtinfo1` to 3; revision 0 has none.
fn socket(revision: u8, blob: Blob) -> Option<String> {
    let flags = match revision {
        0 => 0,
        _ => blob.u8(0)?,
    };
    let mut words = Words::default();
    words
        .add_if(flags & 1 != 0, "--transparent")
        .add_if(flags & 2 != 0, "--nowildcard")
        .add_if(flags & 4 != 0, "--restore-skmark");
    Some(words.done())
}

/// `struct xt_string_info`.
fn string(revision: u8, blob: Blob) -> Option<String> {
    let length = usize::from(blob.u8(148)?);
    let pattern = blob.slice(20, 128)?.get(..length)?;
    let (from, to, flags) = (blob.u16(0)?, blob.u16(2)?, blob.u8(149)?);
    let mut words = Words::default();
    words.add_if(flags & 1 != 0, "!");
    let is_text = pattern.iter().all(|b| (b' '..0x7f).contains(b)) && !pattern.contains(&b'|');
    if is_text {
        let escaped: String = text(pattern)
            .chars()
            .flat_map(|c| "\"\\".contains(c).then_some('\\').into_iter().chain([c]))
            .collect();
        words.add("--string").add(format_args!("\"{escaped}\""));
    } else {
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
        let hex: String = pattern
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
            .collect();
        words.add("--hex-string").add(format_args!("\"|{hex}|\""));
    }
    words.add("--algo").add(blob.text(4, 16)?);
    if from != 0 {
        words.add("--from").add(from);
    }
    if to != 0 && to != u16::MAX {
        words.add("--to").add(to);
    }
    words.add_if(revision == 1 && flags & 2 != 0, "--icase");
    Some(words.done())
}

/// `struct xt_time_info`: seconds of the epoch, of the day, bits of days.
fn time(blob: Blob) -> Option<String> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let (month, week, flags) = (blob.u32(16)?, blob.u8(20)?, blob.u8(21)?);
    let (first, last) = (blob.u32(8)?, blob.u32(12)?);
    let mut words = Words::default();
    if (first, last) != (0, 86_399) {
        words.add("--timestart").add(clock(first));
        words.add("--timestop").add(clock(last));
    }
    if month != 0xffff_fffe {
        let days = (1..32).filter(|day| month & (1 << day) != 0);
        let days: Vec<String> = days.map(|day| day.to_string()).collect();
        words.add("--monthdays").add(days.join(","));
    }
    if week != 0xfe {
        let days = (1..8).zip(DAYS).filter(|(day, _)| week & (1 << day) != 0);
        let days: Vec<&str> = days.map(|(_, name)| name).collect();
        words.add("--weekdays").add(days.join(","));
    }
    let dates = (blob.u32(0)?, blob.u32(4)?);
    if dates != (0, i32::MAX.cast_unsigned()) {
        for (option, seconds) in [("--datestart", dates.0), ("--datestop", dates.1)] {
            if seconds != 0 {
                words.add(option).add(date(seconds));
            }
        }
    }
    words.add_if(flags & 1 != 0, "--kerneltz");
    words.add_if(flags & 2 != 0, "--contiguous");
    Some(words.done())
}

fn clock(seconds: u32) -> String {
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    format!("{:02}:{:02}:{seconds:02}", minutes / 60, minutes % 60)
}

/// A day and a time of UTC (the days of a civil calendar from a count of days: Howard
/// Hinnant, "chrono-compatible low-level date algorithms").
fn date(epoch: u32) -> String {
    let days = u64::from(epoch / 86_400) + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{}", clock(epoch % 86_400))
}

/// `struct xt_statistic_info`.
fn statistic(blob: Blob) -> Option<String> {
    let negated = blob.u16(2)? & 1 != 0;
    let mut words = Words::default();
    match blob.u16(0)? {
        0 => {
            let probability = f64::from(blob.u32(4)?) / 2_147_483_648.0;
            words.add("--mode random").add_if(negated, "!");
            words
                .add("--probability")
                .add(format_args!("{probability:.11}"));
        }
        1 => {
            // The kernel counts from the packet; `every` is one less than was asked for.
            words.add("--mode nth").add_if(negated, "!");
            words.add("--every").add(u64::from(blob.u32(4)?) + 1);
            words.add("--packet").add(blob.u32(8)?);
        }
        _ => return None,
    }
    Some(words.done())
}
