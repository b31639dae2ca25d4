//! Words, numbers and ports: scalars of a profile as typed values.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use super::error::{Faults, Read, quote};
use super::node::{Node, Value};
use super::section::{Field, Section, did_you_mean};
use crate::model::net::{InterfaceName, PortRange};

/// The ports of TCP that can be listened on.
pub(super) const PORTS: RangeInclusive<u16> = 1..=65535;

/// A value, and where it is written.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    /// The value.
    pub(super) value: T,
    /// Its place.
    pub(super) span: Range<usize>,
}

impl<T> At<T> {
    pub(super) fn new(field: &Field<'_>, value: T) -> Self {
        Self {
            value,
            span: field.span().clone(),
        }
    }
}

/// The text of a scalar, and whether it is quoted.
fn scalar<'a>(field: &Field<'a>, faults: &mut Faults) -> Read<(&'a str, bool)> {
    match &field.node.value {
        Value::Scalar { text, quoted } => Ok((text, *quoted)),
        Value::Null => field.refuse_null(faults),
        Value::List(_) => field.refuse(
            faults,
            "one value is expected, not a list",
            "write one value",
        ),
        Value::Map(entries) => {
            // YAML reads `[ fd00:: ]` as the key `fd00:` without a value.
            let mut keys = entries.iter().filter_map(|(key, _)| key.word());
            let help = if keys.any(|key| key.ends_with(':')) {
                "put an address that ends in a colon in quotes"
            } else {
                "write one value"
            };
            field.refuse(faults, "one value is expected, not keys", help)
        }
    }
}

/// The text of a scalar.
pub(super) fn text<'a>(field: &Field<'a>, faults: &mut Faults) -> Read<&'a str> {
    scalar(field, faults).map(|(text, _)| text)
}

/// `true` or `false`; `yes` and `on` mean different things to different readers
/// of YAML.
pub(super) fn boolean(field: &Field<'_>, faults: &mut Faults) -> Read<bool> {
    match scalar(field, faults)? {
        ("true", false) => Ok(true),
        ("false", false) => Ok(false),
        (text, true) if ["true", "false"].contains(&text) => field.refuse(
            faults,
            &format!("{} is text", quote(text)),
            &format!("leave the quotes out: {text}"),
        ),
        (text, _) => {
            let what = format!("{} is neither true nor false", quote(text));
            let help = match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" | "true" | "1" => "write true",
                "no" | "off" | "n" | "false" | "0" => "write false",
                _ => "write true or false",
            };
            field.refuse(faults, &what, help)
        }
    }
}

/// A word of a closed set.
pub(super) fn word<T: Copy>(
    field: &Field<'_>,
    words: &'static [(&'static str, T)],
    faults: &mut Faults,
) -> Read<T> {
    let (text, _) = scalar(field, faults)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let names = || words.iter().map(|(word, _)| *word);
    let all = format!("it is one of {}", names().collect::<Vec<_>>().join(", "));
    let help = match did_you_mean(text, names()) {
        Some(question) => format!("{question} {all}"),
        None => all,
    };
    field.refuse(faults, &format!("{} is not known", quote(text)), &help)
}

/// A decimal number. YAML has other ways to write one (`0x15`, `0o25`, `2_1`),
/// and its readers disagree about them.
pub(super) fn number<T>(
    field: &Field<'_>,
    range: &RangeInclusive<T>,
    faults: &mut Faults,
) -> Read<T>
where
    T: std::str::FromStr + PartialOrd + Display,
{
    let (text, quoted) = scalar(field, faults)?;
    let within = format!("{} to {}", range.start(), range.end());
    let digits = text.strip_prefix('-').unwrap_or(text);
    let decimal = !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    if !decimal {
        let what = format!("{} is not a decimal number", quote(text));
        return field.refuse(
            faults,
            &what,
            &format!("write a number, {within}, in plain digits"),
        );
    }
    match text.parse::<T>() {
        Ok(_) if quoted => field.refuse(
            faults,
            &format!("{} is text, not a number", quote(text)),
            &format!("leave the quotes out: {text}"),
        ),
        Ok(value) if range.contains(&value) => Ok(value),
        Ok(_) | Err(_) => {
            let what = format!("{} is out of range", quote(text).trim_matches('"'));
            field.refuse(faults, &what, &format!("write a number, {within}"))
        }
    }
}

/// A TCP port.
pub(super) fn port(field: &Field<'_>, faults: &mut Faults) -> Read<At<u16>> {
    number(field, &PORTS, faults).map(|port| At::new(field, port))
}

/// A passive range, `50000-51000` or `50000`.
pub(super) fn ports(field: &Field<'_>, faults: &mut Faults) -> Read<At<PortRange>> {
    if let Value::List(items) = &field.node.value {
        let words: Vec<&str> = items.iter().filter_map(Node::word).collect();
        let help = format!("write it as {}", likely_range(&words.join("-")));
        return field.refuse(faults, "one range is expected, not a list", &help);
    }
    let text = text(field, faults)?;
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let plain = |part: &str| {
        let decimal = part.bytes().all(|b| b.is_ascii_digit()) && !part.starts_with('0');
        if decimal {
            part.parse::<u32>().ok()
        } else {
            None
        }
    };
    let (Some(first), Some(last)) = (plain(first), plain(last)) else {
        let what = format!("{} is not a range of ports", quote(text));
        return field.refuse(
            faults,
            &what,
            &format!("write it as {}", likely_range(text)),
        );
    };
    if first > last {
        let what = format!("{first}-{last} is reversed");
        return field.refuse(faults, &what, &format!("write {last}-{first}"));
    }
    let range = u16::try_from(first).ok().zip(u16::try_from(last).ok());
    let Some(range) = range.and_then(|(first, last)| PortRange::new(first, last)) else {
        let what = format!("{first}-{last} is past the last port");
        return field.refuse(faults, &what, "ports end at 65535");
    };
    if !PortRange::UNPRIVILEGED.covers(range) {
        let what = format!("{range} has ports below 1024");
        let help = "those belong to other services: choose within 1024-65535";
        return field.refuse(faults, &what, help);
    }
    Ok(At::new(field, range))
}

/// What the author of a misspelt range may have meant; an example otherwise.
fn likely_range(text: &str) -> String {
    let numbers: Vec<u16> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map_while(|part| part.parse().ok())
        .filter(|port| *port >= 1024)
        .collect();
    match numbers[..] {
        [one, other] if text.len() < 40 => format!("{}-{}", one.min(other), one.max(other)),
        _ => "50000-51000".to_owned(),
    }
}

/// A profile's name.
pub(super) fn name(field: &Field<'_>, faults: &mut Faults) -> Read<String> {
    let text = text(field, faults)?;
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let fits = (1..=32).contains(&text.len());
    if fits && !text.starts_with('-') && text.bytes().all(inner) {
        return Ok(text.to_owned());
    }
    let help = match slug(text) {
        Some(slug) => format!("write {slug}: 1 to 32 of a-z, 0-9 and -, not - first"),
        None => "1 to 32 of a-z, 0-9 and -, not - first, such as office-ftp".to_owned(),
    };
    field.refuse(faults, &format!("{} cannot be a name", quote(text)), &help)
}

/// `text` with what a name cannot hold replaced.
fn slug(text: &str) -> Option<String> {
    if text.contains(|c: char| c.is_alphabetic() && !c.is_ascii()) {
        return None;
    }
    let words: Vec<String> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let slug = words.join("-");
    (1..=32).contains(&slug.len()).then_some(slug)
}

/// A network interface's name.
pub(super) fn interface(field: &Field<'_>, faults: &mut Faults) -> Read<InterfaceName> {
    let text = text(field, faults)?;
    InterfaceName::new(text).ok_or(()).or_else(|()| {
        let what = format!("{} cannot be an interface", quote(text));
        let help = if text.ends_with(['+', '*']) {
            "patterns are not taken: list the interfaces, as in [ eth0, eth1 ]"
        } else {
            "a name has 1 to 15 of A-Z, a-z, 0-9 and _.:@-, such as eth0"
        };
        field.refuse(faults, &what, help)
    })
}

/// The interfaces of a key that takes one or a list.
pub(super) fn interfaces(
    field: Option<&Field<'_>>,
    faults: &mut Faults,
) -> Read<Vec<InterfaceName>> {
    each(field, faults, interface)
}

/// Every value of a key that takes one or a list; none where it is absent. All
/// are read, so that all faults are seen.
pub(super) fn each<T>(
    field: Option<&Field<'_>>,
    faults: &mut Faults,
    read: impl Fn(&Field<'_>, &mut Faults) -> Read<T>,
) -> Read<Vec<T>> {
    let Some(field) = field else {
        return Ok(Vec::new());
    };
    let values: Vec<Read<T>> = field
        .one_or_list(faults)?
        .iter()
        .map(|item| read(item, faults))
        .collect();
    values.into_iter().collect()
}

/// A boolean that is false where absent.
pub(super) fn flag(section: &Section<'_>, key: &str, faults: &mut Faults) -> Read<bool> {
    section
        .get(key)
        .map_or(Ok(false), |field| boolean(field, faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_suggested_where_one_is_left() {
        assert_eq!(slug("Office FTP").as_deref(), Some("office-ftp"));
        assert_eq!(slug("-a_b-").as_deref(), Some("a-b"));
        assert_eq!(slug("→"), None);
        assert_eq!(slug("büro"), None);
        assert_eq!(slug(&"x".repeat(33)), None);
    }

    #[test]
    fn a_range_is_suggested_where_it_is_plain() {
        assert_eq!(likely_range("50000:51000"), "50000-51000");
        assert_eq!(likely_range("51000 - 50000"), "50000-51000");
        assert_eq!(likely_range("21; flush ruleset"), "50000-51000");
    }
}
