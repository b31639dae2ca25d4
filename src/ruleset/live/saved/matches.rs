//! Matches by their saved words.

use super::options::Options;
use super::values::{ALL_PORTS, address, bits, masked, net, number, ports, protocol, range, sign};
use crate::model::net::Family;
use crate::ruleset::live::xt::{
    Conntrack, Header, Match, MultiportSide, Net, Ports, SetSide, Sign,
};
use crate::ruleset::live::xt_names::{ADDRESS_TYPES, OTHER_HEADERS, STATES, STATUS, UNFORESEEN};

/// `PACKET_*`
const PACKET_TYPES: [(&str, u16); 3] = [("unicast", 0), ("broadcast", 1), ("multicast", 2)];

/// TCP's flags, from the last bit of their byte on.
const TCP_FLAGS: [(&str, u16); 8] = [
    ("FIN", 0x01),
    ("SYN", 0x02),
    ("RST", 0x04),
    ("PSH", 0x08),
    ("ACK", 0x10),
    ("URG", 0x20),
    ("ALL", 0x3f),
    ("NONE", 0x00),
];

/// A match of that name; opaque where it, an option or a value is not understood.
pub(super) fn read(name: &str, options: Options, family: Family) -> Match {
    let words = options.words();
    if UNFORESEEN.contains(&name) {
        let name = name.to_owned();
        return Match::Unforeseen { name, words };
    }
    if OTHER_HEADERS.contains(&name) {
        let name = name.to_owned();
        return Match::OtherHeader { name, words };
    }
    let mut left = options;
    let read = known(name, &mut left, family);
    read.filter(|_| left.is_empty())
        .unwrap_or_else(|| Match::Opaque {
            name: name.to_owned(),
            revision: None,
            words,
        })
}

fn known(name: &str, options: &mut Options, family: Family) -> Option<Match> {
    match name {
        "tcp" => tcp(options),
        "udp" => Some(Match::Udp {
            source: port(options, SOURCE_PORT)?.unwrap_or(ALL_PORTS),
            destination: port(options, DESTINATION_PORT)?.unwrap_or(ALL_PORTS),
        }),
        "icmp" if family == Family::Ipv4 => icmp(options.one(&["--icmp-type"]), false),
        "icmp6" | "icmpv6" if family == Family::Ipv6 => icmp(options.one(&["--icmpv6-type"]), true),
        "multiport" => multiport(options),
        "conntrack" => conntrack(options, family),
        "state" => {
            let (negated, states) = options.one(&["--state"])?;
            Some(Match::Conntrack(Box::new(Conntrack {
                is_state: true,
                states: Some(sign(negated, bits(states, &STATES)?)),
                ..Conntrack::default()
            })))
        }
        "comment" => {
            let (_, text) = options.one(&["--comment"])?;
            Some(Match::Comment(text.to_owned()))
        }
        "addrtype" => Some(Match::Addrtype {
            source: asked(options, &["--src-type"], |t| bits(t, &ADDRESS_TYPES))?,
            destination: asked(options, &["--dst-type"], |t| bits(t, &ADDRESS_TYPES))?,
            limit_in: options.flag("--limit-iface-in"),
            limit_out: options.flag("--limit-iface-out"),
        }),
        "iprange" => {
            let addresses = |text: &str| {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                Some((address(first, family)?, address(last, family)?))
            };
            Some(Match::Iprange {
                source: asked(options, &["--src-range"], addresses)?,
                destination: asked(options, &["--dst-range"], addresses)?,
            })
        }
        "mark" | "connmark" => {
            let (negated, text) = options.one(&["--mark"])?;
            let (value, mask) = masked(text)?;
            Some(match name {
                "mark" => Match::Mark {
                    value,
                    mask,
                    negated,
                },
                _ => Match::Connmark {
                    value,
                    mask,
                    negated,
                },
            })
        }
        "pkttype" => {
            let (negated, text) = options.one(&["--pkt-type"])?;
            let named = PACKET_TYPES.iter().find(|(name, _)| *name == text);
            let kind = named.map(|(_, kind)| u32::from(*kind));
            let kind = kind.or_else(|| number(text))?;
            Some(Match::Pkttype { kind, negated })
        }
        "mac" => {
            let (negated, text) = options.one(&["--mac-source"])?;
            let bytes: Option<Vec<u8>> = text
                .split(':')
                .map(|byte| u8::from_str_radix(byte, 16).ok())
                .collect();
            let source = bytes?.try_into().ok()?;
            Some(Match::Mac { source, negated })
        }
        "helper" => {
            let (negated, name) = options.one(&["--helper"])?;
            let name = name.to_owned();
            Some(Match::Helper { name, negated })
        }
        "set" => set(options),
        _ => None,
    }
}

const SOURCE_PORT: &[&str] = &["--sport", "--source-port"];
const DESTINATION_PORT: &[&str] = &["--dport", "--destination-port"];

/// An option that may be missing: outside `None` where its value is not understood.
#[expect(
    clippy::option_option,
    reason = "outside: not understood; inside: there is none"
)]
fn asked<T>(
    options: &mut Options,
    names: &[&str],
    read: impl FnOnce(&str) -> Option<T>,
) -> Option<Option<Sign<T>>> {
    match options.one(names) {
        None => Some(None),
        Some((negated, text)) => Some(Some(sign(negated, read(text)?))),
    }
}

#[expect(clippy::option_option, reason = "as `asked`")]
fn port(options: &mut Options, names: &[&str]) -> Option<Option<Ports>> {
    asked(options, names, ports)
}

fn tcp(options: &mut Options) -> Option<Match> {
    let flags = match options.take(&["--tcp-flags"]) {
        None => None,
        Some(option) => {
            let [mask, set] = option.values else {
                return None;
            };
            let byte = |text: &str| u8::try_from(bits(text, &TCP_FLAGS)?).ok();
            Some(sign(option.negated, (byte(mask)?, byte(set)?)))
        }
    };
    // `--syn` is of the user: iptables-save prints `--tcp-flags FIN,SYN,RST,ACK SYN`.
    let syn = options
        .take(&["--syn"])
        .map(|o| sign(o.negated, (0x17, 0x02)));
    Some(Match::Tcp {
        source: port(options, SOURCE_PORT)?.unwrap_or(ALL_PORTS),
        destination: port(options, DESTINATION_PORT)?.unwrap_or(ALL_PORTS),
        flags: flags.or(syn),
        option: asked(options, &["--tcp-option"], |text| text.parse().ok())?,
    })
}

/// `8`, `3/1`, `any`.
fn icmp(option: Option<(bool, &str)>, v6: bool) -> Option<Match> {
    let (negated, text) = option?;
    let (kind, codes) = match text.split_once('/') {
        _ if text == "any" => (255, (0, 255)),
        None => (text.parse().ok()?, (0, 255)),
        Some((kind, code)) => {
            let code = code.parse().ok()?;
            (kind.parse().ok()?, (code, code))
        }
    };
    Some(Match::Icmp {
        v6,
        kind,
        codes,
        negated,
    })
}

fn multiport(options: &mut Options) -> Option<Match> {
    let sides = [
        (&["--sports", "--source-ports"][..], MultiportSide::Source),
        (
            &["--dports", "--destination-ports"][..],
            MultiportSide::Destination,
        ),
        (&["--ports"][..], MultiportSide::Either),
    ];
    let (side, (negated, text)) = sides
        .iter()
        .find_map(|(names, side)| Some((*side, options.one(names)?)))?;
    let ranges: Option<Vec<(u16, u16)>> = text.split(',').map(|part| range(part, ':')).collect();
    Some(Match::Multiport {
        side,
        ranges: ranges?,
        negated,
    })
}

fn conntrack(options: &mut Options, family: Family) -> Option<Match> {
    let mut net_of = |name: &str| -> Option<Option<Sign<Net>>> {
        asked(options, &[name], |text| net(text, family))
    };
    let nets = [
        net_of("--ctorigsrc")?,
        net_of("--ctorigdst")?,
        net_of("--ctreplsrc")?,
        net_of("--ctrepldst")?,
    ];
    let [
        original_source,
        original_destination,
        reply_source,
        reply_destination,
    ] = nets;
    Some(Match::Conntrack(Box::new(Conntrack {
        is_state: false,
        states: asked(options, &["--ctstate"], |text| bits(text, &STATES))?,
        protocol: asked(options, &["--ctproto"], |text| {
            protocol(text).map(u16::from)
        })?,
        original_source,
        original_destination,
        reply_source,
        reply_destination,
        status: asked(options, &["--ctstatus"], |text| match text {
            "NONE" => Some(0),
            _ => bits(text, &STATUS),
        })?,
        expires: asked(options, &["--ctexpire"], |text| range(text, ':'))?,
        original_source_port: port(options, &["--ctorigsrcport"])?,
        original_destination_port: port(options, &["--ctorigdstport"])?,
        reply_source_port: port(options, &["--ctreplsrcport"])?,
        reply_destination_port: port(options, &["--ctrepldstport"])?,
        reply: match options.one(&["--ctdir"]) {
            None => None,
            Some((false, "ORIGINAL")) => Some(false),
            Some((false, "REPLY")) => Some(true),
            Some(_) => return None,
        },
    })))
}

fn set(options: &mut Options) -> Option<Match> {
    let option = options.take(&["--match-set"])?;
    let [name, sides] = option.values else {
        return None;
    };
    let sides: Option<Vec<SetSide>> = sides
        .split(',')
        .map(|side| match side {
            "src" => Some(SetSide::Source),
            "dst" => Some(SetSide::Destination),
            _ => None,
        })
        .collect();
    Some(Match::Set {
        name: name.clone(),
        sides: sides?,
        negated: option.negated,
    })
}

/// `-s`, `-d`, `-i`, `-o`, `-p`, `-f`.
pub(super) fn header(mut options: Options, family: Family) -> Option<Match> {
    let mut header = Header {
        source: asked(&mut options, &["-s"], |text| net(text, family))?,
        destination: asked(&mut options, &["-d"], |text| net(text, family))?,
        input: asked(&mut options, &["-i"], |text| Some(text.to_owned()))?,
        output: asked(&mut options, &["-o"], |text| Some(text.to_owned()))?,
        protocol: asked(&mut options, &["-p"], protocol)?,
        fragment: None,
    };
    if let Some(fragment) = options.take(&["-f"]) {
        fragment.values.is_empty().then_some(())?;
        header.fragment = Some(sign(fragment.negated, ()));
    }
    // `-p all` asks nothing.
    if header.protocol == Some(sign(false, 0)) {
        header.protocol = None;
    }
    options.is_empty().then(|| Match::Header(Box::new(header)))
}
