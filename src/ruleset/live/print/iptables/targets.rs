//! Targets (the `save` functions of `extensions/libxt_*.c`, `libipt_*.c`, `libip6t_*.c`).

use std::fmt::Write;
use std::net::IpAddr;

use super::words::{append, ports, short_range, text};
use crate::ruleset::live::expression::Verdict;
use crate::ruleset::live::saved::reject_name;
use crate::ruleset::live::xt::{ConnmarkOp, Nat, NatKind, Target};

/// Adds ` -j NAME options`; nothing for a rule without a target.
pub(super) fn print(line: &mut String, target: &Target) {
    let (name, options) = match target {
        Target::Verdict(verdict) => return self::verdict(line, verdict),
        Target::Log { name, words }
        | Target::Passes { name, words }
        | Target::Opaque { name, words, .. } => (name.as_str(), words.clone()),
        Target::Reject { v6, with } => {
            let value = reject_name(*v6, *with).map_or_else(|| with.to_string(), str::to_owned);
            ("REJECT", format!("--reject-with {value}"))
        }
        Target::Nat(nat) => self::nat(nat),
        Target::Mark { value, mask } => ("MARK", format!("--set-xmark {value:#x}/{mask:#x}")),
        Target::Connmark {
            op,
            value,
            ct_mask,
            packet_mask,
        } => ("CONNMARK", connmark(*op, *value, *ct_mask, *packet_mask)),
        Target::Tcpmss { size } => (
            "TCPMSS",
            size.map_or_else(
                || "--clamp-mss-to-pmtu".to_owned(),
                |size| format!("--set-mss {size}"),
            ),
        ),
        // The older name has no options.
        Target::Ct { words, notrack, .. } if *notrack && words.is_empty() => {
            ("NOTRACK", String::new())
        }
        Target::Ct { words, .. } => ("CT", words.clone()),
        Target::Tproxy {
            address,
            port,
            value,
            mask,
        } => (
            "TPROXY",
            format!("--on-port {port} --on-ip {address} --tproxy-mark {value:#x}/{mask:#x}"),
        ),
        Target::Nfqueue {
            first,
            total,
            bypass,
        } => ("NFQUEUE", nfqueue(*first, *total, *bypass)),
        Target::Set { words } => ("SET", words.clone()),
    };
    line.push_str(" -j ");
    line.push_str(name);
    append(line, &options);
}

fn verdict(line: &mut String, verdict: &Verdict) {
    let name = match verdict {
        Verdict::Accept => "ACCEPT",
        Verdict::Drop => "DROP",
        Verdict::Return => "RETURN",
        Verdict::Queue => "QUEUE",
        Verdict::Jump(chain) => {
            line.push_str(" -j ");
            return text(line, chain);
        }
        Verdict::Goto(chain) => {
            line.push_str(" -g ");
            return text(line, chain);
        }
        Verdict::Continue | Verdict::Other(_) => return,
    };
    line.push_str(" -j ");
    line.push_str(name);
}

fn nat(nat: &Nat) -> (&'static str, String) {
    let (name, to) = match nat.kind {
        NatKind::Dnat => ("DNAT", "--to-destination"),
        NatKind::Snat => ("SNAT", "--to-source"),
        NatKind::Masquerade => ("MASQUERADE", "--to-ports"),
        NatKind::Redirect => ("REDIRECT", "--to-ports"),
        NatKind::Netmap => ("NETMAP", "--to"),
    };
    let mut options = String::new();
    let value = match nat.kind {
        NatKind::Netmap => nat.addresses.map(|(first, last)| net_of(first, last)),
        _ => destination(nat),
    };
    if let Some(value) = value {
        options.push_str(to);
        append(&mut options, &value);
    }
    for (is_set, flag) in [
        (nat.random, "--random"),
        (nat.fully_random, "--random-fully"),
        (nat.persistent, "--persistent"),
    ] {
        if is_set {
            options.push(' ');
            options.push_str(flag);
        }
    }
    (name, options.trim_start().to_owned())
}

/// `10.77.0.1-10.77.0.9:21-23`, `[fd77::1]:21`, or only ports.
fn destination(nat: &Nat) -> Option<String> {
    let translates = matches!(nat.kind, NatKind::Dnat | NatKind::Snat);
    let mut value = String::new();
    if let Some((first, last)) = nat.addresses {
        let is_bracketed = first.is_ipv6() && nat.ports.is_some();
        if is_bracketed {
            value.push('[');
        }
        value.push_str(&short_range(first, last));
        if is_bracketed {
            value.push(']');
        }
    }
    if let Some(range) = nat.ports {
        if translates {
            value.push(':');
        }
        value.push_str(&ports(range, '-'));
        if let Some(base) = nat.base {
            // Writing to a string cannot fail.
            let _ = write!(value, "/{base}");
        }
    }
    (!value.is_empty()).then_some(value)
}

/// The network from its first address to its last, as `NETMAP` prints it: without the
/// length where it is one address.
fn net_of(first: IpAddr, last: IpAddr) -> String {
    let (all, host) = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            (32, 32 - (first.to_bits() ^ last.to_bits()).leading_zeros())
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => (
            128,
            128 - (first.to_bits() ^ last.to_bits()).leading_zeros(),
        ),
        _ => return short_range(first, last),
    };
    match host {
        0 => first.to_string(),
        host => format!("{first}/{}", all - host),
    }
}

fn connmark(op: ConnmarkOp, value: u32, ct_mask: u32, packet_mask: u32) -> String {
    match op {
        ConnmarkOp::Set => format!("--set-xmark {value:#x}/{ct_mask:#x}"),
        ConnmarkOp::Save => {
            format!("--save-mark --nfmask {packet_mask:#x} --ctmask {ct_mask:#x}")
        }
        ConnmarkOp::Restore => {
            format!("--restore-mark --nfmask {packet_mask:#x} --ctmask {ct_mask:#x}")
        }
    }
}

fn nfqueue(first: u16, total: u16, bypass: bool) -> String {
    let mut options = match total {
        0 | 1 => format!("--queue-num {first}"),
        total => format!(
            "--queue-balance {first}:{}",
            u32::from(first) + u32::from(total) - 1
        ),
    };
    if bypass {
        options.push_str(" --queue-bypass");
    }
    options
}
