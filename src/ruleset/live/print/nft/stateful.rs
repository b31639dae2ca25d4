//! Statements that count, limit or log (`statement.c`).

use std::fmt::Write;

use super::symbols::{self, name};
use crate::ruleset::live::expression::{Expression, Limit};

/// Bytes in the largest unit that they are whole in.
fn rate(bytes: u64) -> String {
    let units = ["bytes", "kbytes", "mbytes"];
    let mut value = bytes;
    let mut unit = 0;
    while unit + 1 < units.len() && value != 0 && value.is_multiple_of(1024) {
        value /= 1024;
        unit += 1;
    }
    format!("{value} {}", units[unit])
}

fn limit(limit: &Limit) -> String {
    let unit = match limit.unit {
        1 => "second",
        60 => "minute",
        3600 => "hour",
        86_400 => "day",
        604_800 => "week",
        _ => "error",
    };
    let over = if limit.over { "over " } else { "" };
    let burst = u64::from(limit.burst);
    let (amount, burst) = if limit.bytes {
        (format!("{} ", rate(limit.rate)), rate(burst))
    } else {
        (limit.rate.to_string(), format!("{burst} packets"))
    };
    let amount = amount.trim_end();
    let mut text = format!("limit rate {over}{amount}/{unit}");
    let is_said = limit.burst != 5 && (limit.bytes || limit.burst != 0);
    if is_said {
        // Writing to a string cannot fail.
        let _ = write!(text, " burst {burst}");
    }
    text
}

fn quota(over: bool, bytes: u64, used: u64, is_stateless: bool) -> String {
    let over = if over { "over " } else { "" };
    let mut text = format!("quota {over}{}", rate(bytes));
    if used != 0 && !is_stateless {
        // Writing to a string cannot fail.
        let _ = write!(text, " used {}", rate(used));
    }
    text
}

/// What counts or limits, in a rule or, without its figures, in an element.
pub(super) fn stateful(expression: &Expression, is_stateless: bool) -> Option<String> {
    Some(match expression {
        Expression::Counter { .. } if is_stateless => "counter".to_owned(),
        Expression::Counter { packets, bytes } => {
            format!("counter packets {packets} bytes {bytes}")
        }
        Expression::Limit(of) => limit(of),
        Expression::Quota { over, bytes, used } => quota(*over, *bytes, *used, is_stateless),
        Expression::Connlimit { count, over } => {
            let over = if *over { "over " } else { "" };
            format!("ct count {over}{count}")
        }
        Expression::Last => "last".to_owned(),
        _ => return None,
    })
}

pub(super) fn log(
    prefix: Option<&str>,
    group: Option<u16>,
    level: Option<u32>,
    flags: Option<u32>,
    snaplen: Option<u32>,
    threshold: Option<u16>,
) -> String {
    const WARNING: u32 = 4;
    let mut text = String::from("log");
    let mut add = |words: String| {
        text.push(' ');
        text.push_str(&words);
    };
    if let Some(prefix) = prefix {
        add(format!("prefix \"{prefix}\""));
    }
    if let Some(group) = group {
        add(format!("group {group}"));
    }
    if let Some(snaplen) = snaplen.filter(|length| *length != 0) {
        add(format!("snaplen {snaplen}"));
    }
    if let Some(threshold) = threshold.filter(|threshold| *threshold != 0) {
        add(format!("queue-threshold {threshold}"));
    }
    if let Some(level) = level.filter(|level| *level != WARNING) {
        let known = name(symbols::LOG_LEVEL, u64::from(level)).unwrap_or("unknown");
        add(format!("level {known}"));
    }
    let flags = flags.unwrap_or(0);
    if flags & 0x2f == 0x2f {
        add("flags all".to_owned());
        return text;
    }
    let tcp: Vec<&str> = [(1, "sequence"), (2, "options")]
        .into_iter()
        .filter_map(|(bit, word)| (flags & bit != 0).then_some(word))
        .collect();
    if !tcp.is_empty() {
        add(format!("flags tcp {}", tcp.join(",")));
    }
    for (bit, words) in [
        (0x04, "flags ip options"),
        (0x08, "flags skuid"),
        (0x20, "flags ether"),
    ] {
        if flags & bit != 0 {
            add(words.to_owned());
        }
    }
    text
}
