//! The ways of packets through this host, as pictures in text: hooks and base chains in the
//! order in which the kernel calls them, and where each way ends.

mod sheet;
mod steps;

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::model::net::{Family, PortRange};
use crate::plan::From;
use crate::plan::flows::{Part, Purpose};
use crate::plan::reach::{Reached, Stopped};
use crate::profile::{Nat, Profile};
use crate::ruleset::eval::{Axis, Evaluation, Prepared, Span, address};
use crate::ruleset::live::Ruleset;

use super::words::{BOLD, hanging, heading, wrapped};

/// Ways that are alike, drawn once.
struct Picture {
    /// Whose way it is.
    titles: Vec<Title>,
    drawn: String,
}

/// Connections that differ only in the address that they go to.
struct Title {
    what: String,
    to: Vec<String>,
    clients: String,
}

/// The ways of the connections that a profile needs: from outside all of them, from elsewhere
/// those that do not get through. Of each, the first part that does not get through, or else
/// the first; alike ways are drawn once.
#[must_use]
pub fn paths(profile: &Profile, traffic: &[Reached], prepared: &Prepared) -> String {
    let mut text = heading(
        "The way through this host",
        "hooks and chains in the kernel's order",
    );
    if let Some(why) = unread(prepared.ruleset()) {
        return text + &hanging("  ", "    ", &why);
    }
    let mut pictures: Vec<Picture> = Vec::new();
    for reached in traffic {
        let Some((part, by)) = shown(reached) else {
            continue;
        };
        let is_through = by.is_none_or(|by| rank(Some(by)) > rank(None));
        if reached.connections.from != From::Outside && is_through {
            continue;
        }
        let title = title(profile, reached, part, by);
        let drawn = steps::drawn(&reached.connections, part, by, prepared);
        match pictures.iter_mut().find(|known| known.drawn == drawn) {
            Some(known) => known.add(title),
            None => pictures.push(Picture {
                titles: vec![title],
                drawn,
            }),
        }
    }
    if pictures.is_empty() {
        text.push_str("  this host has no address that clients of this profile would call\n");
    }
    for (number, picture) in pictures.iter().enumerate() {
        if number > 0 {
            text.push('\n');
        }
        text.push_str(&picture.words());
    }
    text
}

/// That a part of the rules could not be read; `None`: all was.
#[must_use]
pub fn unread(ruleset: &Ruleset) -> Option<String> {
    let unread = ruleset.unread.first()?;
    Some(format!(
        "cannot tell: the rules that are in force were not read ({}: {})",
        unread.what, unread.why
    ))
}

impl Picture {
    fn add(&mut self, title: Title) {
        let is_twin =
            |known: &&mut Title| (&known.what, &known.clients) == (&title.what, &title.clients);
        match self.titles.iter_mut().find(is_twin) {
            Some(twin) => {
                for to in title.to {
                    if !twin.to.contains(&to) {
                        twin.to.push(to);
                    }
                }
            }
            None => self.titles.push(title),
        }
    }

    fn words(&self) -> String {
        let mut titles = self.titles.iter().map(Title::words);
        let mut text = String::new();
        if let Some(first) = titles.next() {
            for line in wrapped("  ", &first).lines() {
                let _ = writeln!(text, "{BOLD}{line}{BOLD:#}");
            }
        }
        text.push_str(&self.drawn);
        let others: Vec<String> = titles.collect();
        if !others.is_empty() {
            text.push_str(&hanging("    the same way: ", "      ", &others.join("; ")));
        }
        text
    }
}

/// Which parts are shown before others: those that clients in general are stopped in first,
/// those that get through before what stops some.
fn rank(by: Option<Stopped>) -> u8 {
    match by {
        Some(Stopped::General(_) | Stopped::Astray(_)) => 0,
        Some(Stopped::Unknown(_)) => 1,
        Some(Stopped::Elsewhere(_)) => 2,
        None => 3,
        Some(Stopped::Kernel) => 4,
        Some(Stopped::Will(_)) => 5,
    }
}

fn shown(reached: &Reached) -> Option<(&Part, Option<Stopped>)> {
    let first = |part: &Part| part.region.span(Axis::DestinationPort).first;
    let parts = reached.parts.iter();
    let shown = parts.min_by_key(|(part, by)| (rank(*by), first(part)))?;
    Some((&shown.0, shown.1))
}

impl Title {
    fn words(&self) -> String {
        format!("{} to {}{}", self.what, self.to.join(", "), self.clients)
    }
}

/// What the connections are, as far as they go the way of `part`.
fn title(profile: &Profile, reached: &Reached, part: &Part, by: Option<Stopped>) -> Title {
    let connections = &reached.connections;
    let what = match connections.purpose {
        Purpose::Control => "control connection",
        Purpose::PassiveData => "passive data",
        Purpose::ActiveData => "active data",
    };
    let flow = &connections.opening.flow;
    let is_masquerade = matches!(profile.nat, Nat::Masquerade { .. });
    let (from, to) = match (connections.purpose, connections.from) {
        (Purpose::ActiveData, _) if is_masquerade => {
            ("a server".to_owned(), "a client inside".to_owned())
        }
        (Purpose::ActiveData, _) => (flow.source.0.to_string(), "clients".to_owned()),
        (_, From::Gateway) if is_masquerade => ("this host".to_owned(), "a server".to_owned()),
        (_, _) if is_masquerade => ("clients inside".to_owned(), "a server".to_owned()),
        (_, from) => (whence(from).to_owned(), flow.destination.0.to_string()),
    };
    let family = match flow.family() {
        Family::Ipv6 if is_masquerade => " over IPv6",
        Family::Ipv4 | Family::Ipv6 => "",
    };
    Title {
        what: format!("{what}{family}, {}, from {from}", ports(reached, part)),
        to: vec![to],
        clients: clients(reached, part, by).unwrap_or_default(),
    }
}

/// From where clients call, in words behind "from".
#[must_use]
pub fn whence(from: From) -> &'static str {
    match from {
        From::Outside => "outside",
        From::InsideExternal | From::InsideDirect => "inside",
        From::Gateway => "this host",
    }
}

/// Whether two parts of the same connections go the same way.
fn is_like(one: &Part, other: &Part) -> bool {
    let same = |a: &Evaluation, b: &Evaluation| {
        a.outcome == b.outcome && a.trail == b.trail && a.nat == b.nat && a.to == b.to
    };
    let both = |a: &Option<_>, b: &Option<_>| match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (None, None) => true,
        _ => false,
    };
    same(&one.opening, &other.opening)
        && both(&one.answer, &other.answer)
        && both(&one.later, &other.later)
}

/// The ports of those that go the same way, and of which.
fn ports(reached: &Reached, part: &Part) -> String {
    let span = |part: &Part| part.region.span(Axis::DestinationPort);
    let alike = reached.parts.iter().map(|(other, _)| other);
    let mut alike: Vec<Span> = alike.filter(|p| is_like(p, part)).map(span).collect();
    alike.sort_unstable();
    let mut ranges: Vec<Span> = Vec::new();
    for next in alike {
        match ranges.last_mut() {
            Some(last) if next.first <= last.last.saturating_add(1) => {
                last.last = last.last.max(next.last);
            }
            _ => ranges.push(next),
        }
    }
    let words: Vec<String> = ranges.iter().map(|range| range_words(*range)).collect();
    let regions = reached.connections.regions.iter();
    let whole = regions.map(|region| region.span(Axis::DestinationPort));
    let whole = whole.reduce(|a, b| Span {
        first: a.first.min(b.first),
        last: a.last.max(b.last),
    });
    let word = match ranges.as_slice() {
        [one] if one.first == one.last => "port",
        _ => "ports",
    };
    let of = match whole {
        Some(whole) if ranges != [whole] => format!(" of {}", range_words(whole)),
        _ => String::new(),
    };
    format!("{word} {}{of}", words.join(", "))
}

fn range_words(span: Span) -> String {
    let port = |value: u128| u16::try_from(value).unwrap_or(u16::MAX);
    let (first, last) = (port(span.first), port(span.last));
    PortRange::new(first, last).map_or_else(|| first.to_string(), |range| range.to_string())
}

/// Which clients, where others that come to the same ports end otherwise.
fn clients(reached: &Reached, part: &Part, by: Option<Stopped>) -> Option<String> {
    let is_active = reached.connections.purpose == Purpose::ActiveData;
    let (axis, port_axis) = if is_active {
        (Axis::Destination, Axis::DestinationPort)
    } else {
        (Axis::Source, Axis::SourcePort)
    };
    let meets = |a: Span, b: Span| a.first <= b.last && b.first <= a.last;
    let called = |part: &Part| part.region.span(Axis::DestinationPort);
    let to_same = reached
        .parts
        .iter()
        .filter(|(other, _)| meets(called(other), called(part)));
    let (alike, others): (Vec<_>, Vec<_>) = to_same.partition(|(_, end)| *end == by);
    let (other, _) = others.first()?;
    let span = part.region.span(axis);
    if span == other.region.span(axis) {
        let ports = part.region.span(port_axis);
        let is_told = ports != other.region.span(port_axis);
        return is_told.then(|| format!(", from port {}", range_words(ports)));
    }
    let count = |parts: &[&(Part, Option<Stopped>)]| {
        let spans = parts.iter().map(|(part, _)| part.region.span(axis));
        spans.fold(0u128, |all, span| {
            all.saturating_add(span.last - span.first).saturating_add(1)
        })
    };
    if count(&alike) > count(&others) {
        let is_kernel = |(_, end): &&(Part, Option<Stopped>)| matches!(end, Some(Stopped::Kernel));
        return (!others.iter().all(is_kernel)).then(|| ", most clients".to_owned());
    }
    let family = reached.connections.opening.flow.family();
    let (first, last) = (address(span.first, family), address(span.last, family));
    let more = if alike.len() > 1 { " and others" } else { "" };
    Some(format!(", clients at {}{more}", addresses(first, last)))
}

/// Addresses from the first to the last.
fn addresses(first: IpAddr, last: IpAddr) -> String {
    if first == last {
        first.to_string()
    } else {
        format!("{first}-{last}")
    }
}
