//! Matches (the `save` functions of `extensions/libxt_*.c`, `libipt_*.c`, `libip6t_*.c`).

use super::words::{bits, masked, option, ports, short_net};
use crate::ruleset::live::xt::{Conntrack, Match, MultiportSide, Ports, Sign};
use crate::ruleset::live::xt_names::{ADDRESS_TYPES, STATES, STATUS, quoted, sides_text};

/// TCP's flags in the order in which they are saved.
const TCP_FLAGS: [(&str, u16); 6] = [
    ("FIN", 0x01),
    ("SYN", 0x02),
    ("RST", 0x04),
    ("PSH", 0x08),
    ("ACK", 0x10),
    ("URG", 0x20),
];

/// The module's name, and its options; no name for what needs no module.
pub(super) fn options(of: &Match) -> (&str, String) {
    let mut line = String::new();
    let name = match of {
        // A rule's header is printed before its matches.
        Match::Header(_) => "",
        Match::Tcp {
            source,
            destination,
            flags,
            option: tcp_option,
        } => {
            port(&mut line, "--sport", *source);
            port(&mut line, "--dport", *destination);
            option(
                &mut line,
                "--tcp-option",
                tcp_option.as_ref(),
                u8::to_string,
            );
            option(&mut line, "--tcp-flags", flags.as_ref(), |(mask, set)| {
                format!("{} {}", tcp_flags(*mask), tcp_flags(*set))
            });
            "tcp"
        }
        Match::Udp {
            source,
            destination,
        } => {
            port(&mut line, "--sport", *source);
            port(&mut line, "--dport", *destination);
            "udp"
        }
        Match::Icmp {
            v6,
            kind,
            codes,
            negated,
        } => {
            let value = match (*v6, *kind, *codes) {
                (false, 255, _) => "any".to_owned(),
                (_, kind, (0, 255)) => kind.to_string(),
                (_, kind, (code, _)) => format!("{kind}/{code}"),
            };
            let (module, name) = if *v6 {
                ("icmp6", "--icmpv6-type")
            } else {
                ("icmp", "--icmp-type")
            };
            one(&mut line, name, *negated, value);
            module
        }
        Match::Multiport {
            side,
            ranges,
            negated,
        } => {
            let name = match side {
                MultiportSide::Source => "--sports",
                MultiportSide::Destination => "--dports",
                MultiportSide::Either => "--ports",
            };
            let ranges: Vec<String> = ranges.iter().map(|range| ports(*range, ':')).collect();
            one(&mut line, name, *negated, ranges.join(","));
            "multiport"
        }
        Match::Conntrack(asked) => conntrack(&mut line, asked),
        Match::Comment(text) => {
            one(&mut line, "--comment", false, quoted(text));
            "comment"
        }
        Match::Addrtype {
            source,
            destination,
            limit_in,
            limit_out,
        } => {
            let types = |value: &u16| bits(*value, &ADDRESS_TYPES);
            option(&mut line, "--src-type", source.as_ref(), types);
            option(&mut line, "--dst-type", destination.as_ref(), types);
            if *limit_in {
                line.push_str(" --limit-iface-in");
            }
            if *limit_out {
                line.push_str(" --limit-iface-out");
            }
            "addrtype"
        }
        Match::Iprange {
            source,
            destination,
        } => {
            let range =
                |(first, last): &(std::net::IpAddr, std::net::IpAddr)| format!("{first}-{last}");
            option(&mut line, "--src-range", source.as_ref(), range);
            option(&mut line, "--dst-range", destination.as_ref(), range);
            "iprange"
        }
        other => rest(&mut line, other),
    };
    (name, line.trim_start().to_owned())
}

fn rest<'a>(line: &mut String, of: &'a Match) -> &'a str {
    match of {
        Match::Mark {
            value,
            mask,
            negated,
        } => {
            one(line, "--mark", *negated, masked(*value, *mask));
            "mark"
        }
        Match::Connmark {
            value,
            mask,
            negated,
        } => {
            one(line, "--mark", *negated, masked(*value, *mask));
            "connmark"
        }
        Match::Pkttype { kind, negated } => {
            let value = match kind {
                0 => "unicast".to_owned(),
                1 => "broadcast".to_owned(),
                2 => "multicast".to_owned(),
                other => other.to_string(),
            };
            one(line, "--pkt-type", *negated, value);
            "pkttype"
        }
        Match::Mac { source, negated } => {
            let bytes: Vec<String> = source.iter().map(|b| format!("{b:02X}")).collect();
            one(line, "--mac-source", *negated, bytes.join(":"));
            "mac"
        }
        Match::Helper { name, negated } => {
            one(line, "--helper", *negated, quoted(name));
            "helper"
        }
        Match::Set {
            name,
            sides,
            negated,
        } => {
            let value = format!("{name} {}", sides_text(sides));
            one(line, "--match-set", *negated, value);
            "set"
        }
        Match::Unforeseen { name, words }
        | Match::OtherHeader { name, words }
        | Match::Opaque { name, words, .. } => {
            line.push_str(words);
            name
        }
        // These are in `options`.
        Match::Header(_)
        | Match::Tcp { .. }
        | Match::Udp { .. }
        | Match::Icmp { .. }
        | Match::Multiport { .. }
        | Match::Conntrack(_)
        | Match::Comment(_)
        | Match::Addrtype { .. }
        | Match::Iprange { .. } => "",
    }
}

/// `conntrack_dump` of `libxt_conntrack.c`, in its order.
fn conntrack(line: &mut String, asked: &Conntrack) -> &'static str {
    let states = |value: &u16| bits(*value, &STATES);
    if asked.is_state {
        option(line, "--state", asked.states.as_ref(), states);
        return "state";
    }
    option(line, "--ctstate", asked.states.as_ref(), states);
    option(line, "--ctproto", asked.protocol.as_ref(), u16::to_string);
    for (name, net) in [
        ("--ctorigsrc", &asked.original_source),
        ("--ctorigdst", &asked.original_destination),
        ("--ctreplsrc", &asked.reply_source),
        ("--ctrepldst", &asked.reply_destination),
    ] {
        option(line, name, net.as_ref(), short_net);
    }
    for (name, range) in [
        ("--ctorigsrcport", &asked.original_source_port),
        ("--ctorigdstport", &asked.original_destination_port),
        ("--ctreplsrcport", &asked.reply_source_port),
        ("--ctrepldstport", &asked.reply_destination_port),
    ] {
        option(line, name, range.as_ref(), |range| ports(*range, ':'));
    }
    option(
        line,
        "--ctstatus",
        asked.status.as_ref(),
        |value| match value {
            0 => "NONE".to_owned(),
            value => bits(*value, &STATUS),
        },
    );
    option(
        line,
        "--ctexpire",
        asked.expires.as_ref(),
        |(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}:{last}")
            }
        },
    );
    if let Some(reply) = asked.reply {
        let direction = if reply { "REPLY" } else { "ORIGINAL" };
        one(line, "--ctdir", false, direction.to_owned());
    }
    "conntrack"
}

fn tcp_flags(value: u8) -> String {
    match value {
        0 => "NONE".to_owned(),
        value => bits(u16::from(value), &TCP_FLAGS),
    }
}

/// Ports, unless they are all.
fn port(line: &mut String, name: &str, range: Ports) {
    let asked = range.negated || range.value != (0, u16::MAX);
    let sign = asked.then_some(range);
    option(line, name, sign.as_ref(), |range| ports(*range, ':'));
}

fn one(line: &mut String, name: &str, negated: bool, value: String) {
    let sign = Sign { negated, value };
    option(line, name, Some(&sign), String::clone);
}
