//! What a test of a rule is about, told from what it loads.

use crate::model::net::Family;
use crate::ruleset::live::expression::{Expression, LookupTo, ObjectRef, PayloadBase, Register};
use crate::ruleset::live::xt::{Conntrack, Match, MultiportSide};
use crate::ruleset::live::{Rule, Set, Table};

/// What a test is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    /// The interface that packets come in by.
    Input,
    /// Which of the destination's addresses they go to, or by which interface: routes lead
    /// there by the destination.
    Destination,
    /// The destination port, the protocol, the connection's state and direction, flags:
    /// what one packet is, whoever sent it.
    Packet,
    /// Some clients: who they are, how many, how often, when; or it is not understood.
    Clients,
}

/// `NFT_META_*`
const OF_INPUT: [u32; 5] = [4, 6, 8, 21, 26];
const OF_OUTPUT: [u32; 5] = [5, 7, 9, 22, 27];
const OF_PACKET: [u32; 4] = [
    // protocol, nfproto, l4proto, pkttype
    1, 15, 16, 19,
];
/// `NFT_CT_STATE`, `NFT_CT_DIRECTION`
const OF_STATE: [u32; 2] = [0, 1];
/// `NFTA_FIB_F_SADDR`
const FIB_SOURCE: u32 = 1;

/// Which packets a test meets: of one family, and on their way to a client or from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// The family.
    pub(super) family: Family,
    /// Whether their destination is the client; else their source is.
    pub(super) is_to_client: bool,
}

/// What the expression with that number in a rule tests: more than one thing where it
/// looks up several at once.
pub(super) fn about(table: &Table, rule: &Rule, number: usize, seen: Seen) -> Vec<About> {
    let Some(expression) = rule.expressions.get(number) else {
        return vec![About::Clients];
    };
    let mut found = Vec::new();
    match expression {
        Expression::Cmp { from, data, .. } => {
            loaded(rule, number, *from, data.len(), seen, &mut found);
        }
        Expression::Range { from, first, .. } => {
            loaded(rule, number, *from, first.len(), seen, &mut found);
        }
        Expression::Lookup {
            set: name,
            from,
            to,
            ..
        } => match set(table, name) {
            // What a named set holds is the administrator's, or a program's, and may
            // change; of a named verdict map so is what it drops.
            Some(set) if to.is_none() && !set.flags.anonymous || carries(set) => {
                let mut of = Vec::new();
                keys(rule, number, *from, set, seen, &mut of);
                // Ports are nobody's.
                let is_of_packets = !of.is_empty() && of.iter().all(|a| *a == About::Packet);
                found.push(if is_of_packets && !carries(set) {
                    About::Packet
                } else {
                    About::Clients
                });
            }
            Some(set) => keys(rule, number, *from, set, seen, &mut found),
            None => found.push(About::Clients),
        },
        Expression::Object {
            which: ObjectRef::Map { set: name, key },
            ..
        } => match set(table, name) {
            Some(set) => keys(rule, number, *key, set, seen, &mut found),
            None => found.push(About::Clients),
        },
        Expression::Match(found_match) => of_match(found_match, seen, &mut found),
        Expression::Payload { .. }
        | Expression::Meta { .. }
        | Expression::Ct { .. }
        | Expression::Fib { .. } => found.extend(origin(expression, seen)),
        _ => found.push(About::Clients),
    }
    found
}

/// The set of that name.
pub(super) fn set<'t>(table: &'t Table, name: &str) -> Option<&'t Set> {
    table.sets.iter().find(|set| set.name == name)
}

/// Whether elements of a set match only at times, as a limit does.
fn carries(set: &Set) -> bool {
    set.elements
        .iter()
        .flat_map(|element| &element.expressions)
        .any(|e| !matches!(e, Expression::Counter { .. } | Expression::Last))
}

fn keys(rule: &Rule, number: usize, from: Register, set: &Set, seen: Seen, found: &mut Vec<About>) {
    let length = usize::try_from(set.key_length).unwrap_or(0);
    loaded(rule, number, from, length, seen, found);
}

/// What `length` bytes from a register on were loaded from, before an expression.
fn loaded(
    rule: &Rule,
    before: usize,
    from: Register,
    length: usize,
    seen: Seen,
    found: &mut Vec<About>,
) {
    let end = usize::from(from.0) + length.div_ceil(4).max(1);
    for register in usize::from(from.0)..end {
        let mut earlier = rule.expressions.iter().enumerate().take(before).rev();
        let writer = earlier.find_map(|(at, expression)| {
            let (first, count) = written(expression)?;
            (first..first + count)
                .contains(&register)
                .then_some((at, expression))
        });
        match writer {
            Some((
                at,
                Expression::Bitwise { from, length, .. }
                | Expression::Byteorder { from, length, .. },
            )) => {
                let length = usize::try_from(*length).unwrap_or(4).min(64);
                loaded(rule, at, *from, length, seen, found);
            }
            Some((_, expression)) => found.extend(origin(expression, seen)),
            // Padding between the parts of a key.
            None => {}
        }
    }
}

/// The registers that an expression fills: the first, and how many.
fn written(expression: &Expression) -> Option<(usize, usize)> {
    let count = |length: u32| {
        usize::try_from(length.div_ceil(4))
            .unwrap_or(1)
            .clamp(1, 16)
    };
    let (to, count) = match expression {
        Expression::Payload { to, length, .. }
        | Expression::Bitwise { to, length, .. }
        | Expression::Byteorder { to, length, .. }
        | Expression::Exthdr {
            to: Some(to),
            length,
            ..
        } => (to, count(*length)),
        // Names fill four; what comes after is written after.
        Expression::Meta { to, .. }
        | Expression::Ct { to, .. }
        | Expression::Fib { to, .. }
        | Expression::Unforeseen { to, .. }
        | Expression::Rt { to, .. }
        | Expression::Lookup {
            to: Some(LookupTo::Register(to)),
            ..
        } => (to, 4),
        Expression::Immediate { to, data } => (to, data.len().div_ceil(4)),
        _ => return None,
    };
    Some((usize::from(to.0), count))
}

/// What an expression loads; `None`: a constant.
fn origin(expression: &Expression, seen: Seen) -> Option<About> {
    let about = match expression {
        Expression::Payload {
            base: PayloadBase::Network,
            offset,
            length,
            ..
        } => {
            // The end that is not the client's.
            let (server, width) = match (seen.family, seen.is_to_client) {
                (Family::Ipv4, false) => (16, 4),
                (Family::Ipv6, false) => (24, 16),
                (Family::Ipv4, true) => (12, 4),
                (Family::Ipv6, true) => (8, 16),
            };
            let end = offset.saturating_add(*length);
            let protocol = match seen.family {
                Family::Ipv4 => (9, 10),
                Family::Ipv6 => (6, 7),
            };
            if *offset >= server && end <= server + width {
                About::Destination
            } else if (*offset, end) == protocol {
                About::Packet
            } else {
                About::Clients
            }
        }
        // TCP's flags, and the port of the server's end.
        Expression::Payload {
            base: PayloadBase::Transport,
            offset: 13,
            ..
        } => About::Packet,
        Expression::Payload {
            base: PayloadBase::Transport,
            offset,
            length,
            ..
        } if (*offset, *offset + *length <= 2) == (0, true) && seen.is_to_client
            || *offset == 2 && !seen.is_to_client =>
        {
            About::Packet
        }
        Expression::Meta { key, .. } if OF_INPUT.contains(key) => About::Input,
        Expression::Meta { key, .. } if OF_OUTPUT.contains(key) => About::Destination,
        Expression::Meta { key, .. } if OF_PACKET.contains(key) => About::Packet,
        Expression::Ct { key, .. } if OF_STATE.contains(key) => About::Packet,
        Expression::Fib { flags, .. } if (flags & FIB_SOURCE == 0) != seen.is_to_client => {
            About::Destination
        }
        Expression::Immediate { .. } => return None,
        _ => About::Clients,
    };
    Some(about)
}

/// What a match of iptables asks.
fn of_match(asked: &Match, seen: Seen, found: &mut Vec<About>) {
    match asked {
        Match::Header(header) => {
            if header.input.is_some() {
                found.push(About::Input);
            }
            let (server, client) = if seen.is_to_client {
                (header.source.is_some(), header.destination.is_some())
            } else {
                (header.destination.is_some(), header.source.is_some())
            };
            if server || header.output.is_some() {
                found.push(About::Destination);
            }
            if client {
                found.push(About::Clients);
            }
        }
        Match::Tcp {
            source,
            destination,
            option,
            ..
        } => {
            let client = if seen.is_to_client {
                destination
            } else {
                source
            };
            let all = !client.negated && client.value == (0, u16::MAX);
            found.push(if all && option.is_none() {
                About::Packet
            } else {
                About::Clients
            });
        }
        Match::Addrtype { source: None, .. } if !seen.is_to_client => {
            found.push(About::Destination);
        }
        Match::Conntrack(asked) if is_about_packet(asked) => found.push(About::Packet),
        Match::Comment(_)
        | Match::Icmp { .. }
        | Match::OtherHeader { .. }
        | Match::Pkttype { .. } => found.push(About::Packet),
        Match::Multiport { side, .. } => {
            let server = if seen.is_to_client {
                MultiportSide::Source
            } else {
                MultiportSide::Destination
            };
            found.push(if *side == server {
                About::Packet
            } else {
                About::Clients
            });
        }
        _ => found.push(About::Clients),
    }
}

/// Whether nothing but the state and the direction is asked. How a connection was
/// translated is not known here.
fn is_about_packet(asked: &Conntrack) -> bool {
    /// `XT_CONNTRACK_STATE_SNAT`, `_DNAT`
    const TRANSLATED: u16 = 0xc0;
    let only = Conntrack {
        is_state: asked.is_state,
        states: asked.states,
        reply: asked.reply,
        ..Conntrack::default()
    };
    *asked == only && asked.states.is_none_or(|s| s.value & TRANSLATED == 0)
}
