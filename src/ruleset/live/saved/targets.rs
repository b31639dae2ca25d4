//! Targets by their saved words.

use std::net::IpAddr;

use super::options::Options;
use super::values::{address, masked, net, number, range};
use crate::model::net::Family;
use crate::ruleset::live::expression::Verdict;
use crate::ruleset::live::xt::{ConnmarkOp, Nat, NatKind, Net, Target};
use crate::ruleset::live::xt_names::PASSES;

/// `enum ipt_reject_with`, and the names that `extensions/libipt_REJECT.c` saves.
const REJECT: [(&str, u32); 8] = [
    ("icmp-net-unreachable", 0),
    ("icmp-host-unreachable", 1),
    ("icmp-proto-unreachable", 2),
    ("icmp-port-unreachable", 3),
    ("icmp-net-prohibited", 5),
    ("icmp-host-prohibited", 6),
    ("tcp-reset", 7),
    ("icmp-admin-prohibited", 8),
];

/// `enum ip6t_reject_with`, and the names that `extensions/libip6t_REJECT.c` saves.
const REJECT6: [(&str, u32); 8] = [
    ("icmp6-no-route", 0),
    ("icmp6-adm-prohibited", 1),
    ("icmp6-not-neighbour", 2),
    ("icmp6-addr-unreachable", 3),
    ("icmp6-port-unreachable", 4),
    ("tcp-reset", 6),
    ("icmp6-policy-fail", 7),
    ("icmp6-reject-route", 8),
];

/// The name of a kind of refusal. `v6`: of `ip6tables`.
pub(in crate::ruleset::live) fn reject_name(v6: bool, with: u32) -> Option<&'static str> {
    let names = if v6 { &REJECT6 } else { &REJECT };
    let found = names.iter().find(|(_, number)| *number == with);
    found.map(|(name, _)| *name)
}

/// A target of that name, or a jump where the table has such a chain; opaque where it, an
/// option or a value is not understood.
pub(super) fn read(
    name: &str,
    options: Options,
    family: Family,
    is_chain: &dyn Fn(&str) -> bool,
) -> Target {
    let words = options.words();
    let named = || name.to_owned();
    match name {
        _ if is_chain(name) => {}
        "LOG" | "NFLOG" => {
            return Target::Log {
                name: named(),
                words,
            };
        }
        "SET" => return Target::Set { words },
        _ if PASSES.contains(&name) => {
            return Target::Passes {
                name: named(),
                words,
            };
        }
        _ => {}
    }
    let mut left = options;
    let read = match name {
        "ACCEPT" => Some(Target::Verdict(Verdict::Accept)),
        "DROP" => Some(Target::Verdict(Verdict::Drop)),
        "RETURN" => Some(Target::Verdict(Verdict::Return)),
        "QUEUE" => Some(Target::Verdict(Verdict::Queue)),
        _ if is_chain(name) => Some(Target::Verdict(Verdict::Jump(named()))),
        _ => known(name, &mut left, family, &words),
    };
    read.filter(|_| left.is_empty())
        .unwrap_or_else(|| Target::Opaque {
            name: named(),
            revision: None,
            words,
        })
}

fn known(name: &str, options: &mut Options, family: Family, words: &str) -> Option<Target> {
    match name {
        "REJECT" => reject(options, family),
        "DNAT" => nat(NatKind::Dnat, options, "--to-destination", family),
        "SNAT" => nat(NatKind::Snat, options, "--to-source", family),
        "MASQUERADE" => nat(NatKind::Masquerade, options, "--to-ports", family),
        "REDIRECT" => nat(NatKind::Redirect, options, "--to-ports", family),
        "NETMAP" => netmap(options, family),
        "MARK" => {
            let (value, mask) = set_mark(options)?;
            Some(Target::Mark { value, mask })
        }
        "CONNMARK" => connmark(options),
        "TCPMSS" => tcpmss(options),
        "CT" => ct(options, words),
        "NOTRACK" => Some(Target::Ct {
            notrack: true,
            helper: None,
            zone: 0,
            words: String::new(),
        }),
        "TPROXY" => tproxy(options, family),
        "NFQUEUE" => nfqueue(options),
        _ => None,
    }
}

fn reject(options: &mut Options, family: Family) -> Option<Target> {
    let v6 = family == Family::Ipv6;
    let (names, default) = if v6 { (REJECT6, 4) } else { (REJECT, 3) };
    let with = match options.one(&["--reject-with"]) {
        None => default,
        Some((_, text)) => names.iter().find(|(name, _)| *name == text)?.1,
    };
    Some(Target::Reject { v6, with })
}

fn nat(kind: NatKind, options: &mut Options, to: &str, family: Family) -> Option<Target> {
    let mut nat = Nat {
        kind,
        addresses: None,
        ports: None,
        base: None,
        random: options.flag("--random"),
        fully_random: options.flag("--random-fully"),
        persistent: options.flag("--persistent"),
    };
    if let Some((_, text)) = options.one(&[to]) {
        let ports = match kind {
            NatKind::Masquerade | NatKind::Redirect => Some(text),
            _ => {
                let (addresses, ports) = parts(text, family);
                if !addresses.is_empty() {
                    nat.addresses = Some(range_of(addresses, family)?);
                }
                ports
            }
        };
        if let Some(ports) = ports {
            let (ports, base) = match ports.split_once('/') {
                Some((ports, base)) => (ports, Some(base.parse().ok()?)),
                None => (ports, None),
            };
            nat.ports = Some(range(ports, '-')?);
            nat.base = base;
        }
    } else if matches!(kind, NatKind::Dnat | NatKind::Snat) {
        return None;
    }
    Some(Target::Nat(nat))
}

/// Addresses and ports of `10.77.0.1-10.77.0.9:21-22`, `:21` or `[fd77::1]:21`.
fn parts(text: &str, family: Family) -> (&str, Option<&str>) {
    match family {
        Family::Ipv4 => match text.split_once(':') {
            Some((addresses, ports)) => (addresses, Some(ports)),
            None => (text, None),
        },
        Family::Ipv6 => match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((addresses, ports)) => (addresses, ports.strip_prefix(':')),
            None => (text, None),
        },
    }
}

fn range_of(text: &str, family: Family) -> Option<(IpAddr, IpAddr)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let bare = |text: &str| text.trim_matches(['[', ']']).to_owned();
    Some((
        address(&bare(first), family)?,
        address(&bare(last), family)?,
    ))
}

fn netmap(options: &mut Options, family: Family) -> Option<Target> {
    let (_, text) = options.one(&["--to"])?;
    let Net::Prefix(net) = net(text, family)? else {
        return None;
    };
    Some(Target::Nat(Nat {
        kind: NatKind::Netmap,
        addresses: Some((net.network(), net.broadcast())),
        ports: None,
        base: None,
        random: false,
        fully_random: false,
        persistent: false,
    }))
}

/// What is flipped and what is cleared; iptables-save prints `--set-xmark` for all.
fn set_mark(options: &mut Options) -> Option<(u32, u32)> {
    if let Some((_, text)) = options.one(&["--set-xmark"]) {
        return masked(text);
    }
    if let Some((_, text)) = options.one(&["--set-mark"]) {
        let (value, mask) = masked(text)?;
        return Some((value, value | mask));
    }
    if let Some((_, text)) = options.one(&["--and-mark"]) {
        return Some((0, !number(text)?));
    }
    if let Some((_, text)) = options.one(&["--or-mark"]) {
        let value = number(text)?;
        return Some((value, value));
    }
    let (_, text) = options.one(&["--xor-mark"])?;
    Some((number(text)?, 0))
}

fn connmark(options: &mut Options) -> Option<Target> {
    let op = if options.flag("--save-mark") {
        ConnmarkOp::Save
    } else if options.flag("--restore-mark") {
        ConnmarkOp::Restore
    } else {
        let (value, ct_mask) = set_mark(options)?;
        return Some(Target::Connmark {
            op: ConnmarkOp::Set,
            value,
            ct_mask,
            packet_mask: u32::MAX,
        });
    };
    let mut mask = |names: &[&str]| match options.one(names) {
        Some((_, text)) => number(text),
        None => Some(u32::MAX),
    };
    let both = mask(&["--mask"])?;
    Some(Target::Connmark {
        op,
        value: 0,
        ct_mask: both & mask(&["--ctmask"])?,
        packet_mask: both & mask(&["--nfmask"])?,
    })
}

fn tcpmss(options: &mut Options) -> Option<Target> {
    if options.flag("--clamp-mss-to-pmtu") {
        return Some(Target::Tcpmss { size: None });
    }
    let (_, text) = options.one(&["--set-mss"])?;
    let size = Some(text.parse().ok()?);
    Some(Target::Tcpmss { size })
}

fn ct(options: &mut Options, words: &str) -> Option<Target> {
    let notrack = options.flag("--notrack");
    let helper = options.one(&["--helper"]).map(|(_, name)| name.to_owned());
    let zone = match options.one(&["--zone"]) {
        None => 0,
        Some((_, text)) => text.parse().ok()?,
    };
    for passed in ["--timeout", "--ctevents", "--expevents"] {
        let _ = options.one(&[passed]);
    }
    Some(Target::Ct {
        notrack,
        helper,
        zone,
        words: words.to_owned(),
    })
}

fn tproxy(options: &mut Options, family: Family) -> Option<Target> {
    let any = match family {
        Family::Ipv4 => IpAddr::from([0; 4]),
        Family::Ipv6 => IpAddr::from([0; 16]),
    };
    let (_, port) = options.one(&["--on-port"])?;
    let address = match options.one(&["--on-ip"]) {
        None => any,
        Some((_, text)) => address(text, family)?,
    };
    let (value, mask) = match options.one(&["--tproxy-mark"]) {
        None => (0, 0),
        Some((_, text)) => masked(text)?,
    };
    Some(Target::Tproxy {
        address,
        port: port.parse().ok()?,
        value,
        mask,
    })
}

fn nfqueue(options: &mut Options) -> Option<Target> {
    let bypass = options.flag("--queue-bypass");
    let _ = options.flag("--queue-cpu-fanout");
    let (first, last) = match options.one(&["--queue-balance"]) {
        Some((_, text)) => range(text, ':')?,
        None => match options.one(&["--queue-num"]) {
            Some((_, text)) => range(text, ':')?,
            None => (0, 0),
        },
    };
    Some(Target::Nfqueue {
        first,
        total: last.checked_sub(first)?.checked_add(1)?,
        bypass,
    })
}
