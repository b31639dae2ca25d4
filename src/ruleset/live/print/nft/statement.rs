//! Statements (`statement.c`).

use std::fmt::Write;

use super::Printer;
use super::stateful::{log, stateful};
use super::symbols::{self, name};
use super::term::Term;
use super::values::{Order, Type, number, prefix, print, time};
use crate::ruleset::live::expression::{Expression, Nat, NatKind, ObjectRef, Register, Verdict};
use crate::ruleset::live::table::TableFamily;

/// A verdict in words.
pub(super) fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accept => "accept".to_owned(),
        Verdict::Drop => "drop".to_owned(),
        Verdict::Queue => "queue".to_owned(),
        Verdict::Continue => "continue".to_owned(),
        Verdict::Return => "return".to_owned(),
        Verdict::Jump(chain) => format!("jump {chain}"),
        Verdict::Goto(chain) => format!("goto {chain}"),
        Verdict::Other(code) => format!("unknown verdict value {code}"),
    }
}

impl Printer<'_> {
    /// A statement in words.
    pub(super) fn statement(&mut self, expression: &Expression) -> String {
        if let Some(text) = stateful(expression, self.sets.is_some()) {
            return text;
        }
        match expression {
            Expression::Verdict(of) => verdict(of),
            Expression::Log {
                prefix,
                group,
                level,
                flags,
                snaplen,
                threshold,
            } => log(
                prefix.as_deref(),
                *group,
                *level,
                *flags,
                *snaplen,
                *threshold,
            ),
            Expression::Notrack => "notrack".to_owned(),
            Expression::Reject { kind, code } => self.reject(*kind, *code),
            Expression::Nat(nat) => self.nat(nat),
            Expression::Queue {
                first,
                total,
                flags,
                from,
            } => self.queue(*first, *total, *flags, *from),
            Expression::Tproxy {
                family,
                address,
                port,
            } => self.tproxy(*family, *address, *port),
            Expression::MetaSet { key, from } => self.set_to(&Term::Meta(*key), *from),
            Expression::CtSet {
                key,
                direction,
                from,
            } => self.set_to(&Term::Ct(*key, *direction), *from),
            Expression::PayloadSet {
                base,
                offset,
                length,
                from,
            } => self.set_to(
                &Term::Payload(*base, offset.saturating_mul(8), length.saturating_mul(8)),
                *from,
            ),
            Expression::Exthdr {
                op,
                kind,
                offset,
                flags,
                to: None,
                ..
            } => match self.registers.last {
                // The model does not have the register: it is the one that was loaded for it.
                Some(from) => self.set_to(&Term::Extension(*op, *kind, *offset, *flags), from),
                None => "reset tcp option".to_owned(),
            },
            Expression::Dynset {
                set,
                op,
                key,
                value,
                timeout,
                expressions,
                ..
            } => self.dynset(set, *op, *key, *value, *timeout, expressions),
            Expression::Object { kind, which } => self.object(*kind, which),
            Expression::FlowOffload(table) => format!("flow add @{table}"),
            Expression::Elsewhere { name } | Expression::Opaque { name } => name.clone(),
            Expression::Synproxy => "synproxy".to_owned(),
            _ => String::new(),
        }
    }

    fn reject(&mut self, kind: u32, code: u8) -> String {
        const PORT_UNREACHABLE: u8 = 3;
        const PORT_UNREACHABLE6: u8 = 4;
        let is_mixed = self.context.is_mixed();
        let is6 = self.context.nfproto() == Some(10);
        let number = u64::from(code);
        let said = |family: &str, names| {
            let known = name(names, number).map_or_else(|| code.to_string(), str::to_owned);
            format!("reject with {family} {known}")
        };
        if kind != 2 {
            let implied = self.context.refused(kind == 1);
            self.leave_out(implied);
        }
        match kind {
            1 => "reject with tcp reset".to_owned(),
            // NFT_REJECT_ICMPX_PORT_UNREACH
            2 if code == 1 => "reject".to_owned(),
            2 => said("icmpx", symbols::ICMPX_CODE),
            _ if is6 && code == PORT_UNREACHABLE6 && !is_mixed => "reject".to_owned(),
            _ if is6 => said("icmpv6", symbols::ICMP6_CODE),
            _ if code == PORT_UNREACHABLE && !is_mixed => "reject".to_owned(),
            _ => said("icmp", symbols::ICMP_CODE),
        }
    }

    /// `field set value`
    fn set_to(&mut self, field: &Term, from: Register) -> String {
        let (value, length) = self.registers.get(from);
        if let (Term::Payload(base, first, bits), Term::Masked(_, mask, xor)) = (field, &value) {
            // Bits of whole bytes are written with those beside them.
            let written: Vec<u8> = mask.iter().map(|byte| !byte).collect();
            if let Some((field, shift)) = self.trimmed(*base, *first, *bits, &written) {
                self.implied(*base);
                let value = number(xor, Order::Wire).unwrap_or(0) >> shift;
                let value = print(field.kind, &value.to_be_bytes(), Order::Wire, false);
                return format!("{} set {value}", field.name);
            }
        }
        let part = self.part(field, length);
        let text = match &value {
            Term::Constant(bytes) => part.value(bytes, false),
            other => self.part(other, length).text,
        };
        let text = match part.kind {
            Type::Bits(_) => text.replace(" | ", ","),
            _ => text,
        };
        format!("{} set {text}", part.text)
    }

    fn constant(&mut self, from: Register, kind: Type) -> String {
        let (value, length) = self.registers.get(from);
        match &value {
            Term::Constant(bytes) => print(kind, bytes, Order::Wire, false),
            other => self.part(other, length).text,
        }
    }

    fn nat(&mut self, nat: &Nat) -> String {
        let word = match nat.kind {
            NatKind::Snat => "snat",
            NatKind::Dnat => "dnat",
            NatKind::Masquerade => "masquerade",
            NatKind::Redirect => "redirect",
        };
        let mut text = word.to_owned();
        let v6 = nat.family == Some(10);
        if nat.address.is_some() || nat.port.is_some() {
            if self.table.family == TableFamily::Inet || self.is_of_one_map(nat) {
                match nat.family {
                    Some(2) => text.push_str(" ip"),
                    Some(10) => text.push_str(" ip6"),
                    _ => {}
                }
            }
            // NF_NAT_RANGE_NETMAP
            if nat.flags & 64 != 0 {
                text.push_str(" prefix");
            }
            text.push_str(" to");
        }
        let kind = if v6 { Type::Ipv6 } else { Type::Ipv4 };
        let mut is_whole = false;
        if let Some((first, last)) = nat.address {
            let (term, _) = self.registers.get(first);
            // A map may give the address and the port together.
            is_whole = matches!(&term, Term::Mapped(..)) && nat.flags & 64 == 0;
            text.push(' ');
            text.push_str(&self.addresses(kind, nat.port.is_some(), first, last));
        }
        if let Some((first, last)) = nat.port {
            let (term, _) = self.registers.get(first);
            let is_apart = !matches!(term, Term::Named(_));
            if is_apart || !is_whole {
                let space = if nat.address.is_none() { " " } else { "" };
                // Writing to a string cannot fail.
                let _ = write!(text, "{space}:{}", self.constant(first, Type::Port));
                if let Some(last) = last {
                    let _ = write!(text, "-{}", self.constant(last, Type::Port));
                }
            }
        }
        let flags: Vec<&str> = [(4, "random"), (16, "fully-random"), (8, "persistent")]
            .into_iter()
            .filter_map(|(bit, word)| (nat.flags & bit != 0).then_some(word))
            .collect();
        if !flags.is_empty() {
            text.push(' ');
            text.push_str(&flags.join(","));
        }
        text
    }

    /// One address, or from a first one to a last one: as a prefix where they are one.
    fn addresses(
        &mut self,
        kind: Type,
        with_port: bool,
        first: Register,
        last: Option<Register>,
    ) -> String {
        let start = self.constant(first, kind);
        let Term::Constant(low) = self.registers.get(first).0 else {
            return start;
        };
        let bracketed = |text: String| {
            if with_port && kind == Type::Ipv6 {
                format!("[{text}]")
            } else {
                text
            }
        };
        let Some(last) = last else {
            return bracketed(start);
        };
        if let Term::Constant(high) = self.registers.get(last).0
            && let Some(length) = prefix(kind, &low, &high)
        {
            return format!("{start}/{length}");
        }
        let end = self.constant(last, kind);
        format!("{}-{}", bracketed(start), bracketed(end))
    }

    /// One map gives the address and more than it: the port, or the last address.
    fn is_of_one_map(&self, nat: &Nat) -> bool {
        const NETMAP: u32 = 64;
        let Some((first, _)) = nat.address else {
            return false;
        };
        let (term, _) = self.registers.get(first);
        let Term::Mapped(_, set) = term else {
            return false;
        };
        // The types of a concatenation have six bits each.
        let kind = self.set(&set).and_then(|set| set.data_type);
        nat.flags & NETMAP != 0 || kind.is_some_and(|kind| kind >> 6 != 0)
    }

    fn queue(&mut self, first: u16, total: u16, flags: u16, from: Option<Register>) -> String {
        let words: Vec<&str> = [(1, "bypass"), (2, "fanout")]
            .into_iter()
            .filter_map(|(bit, word)| (flags & bit != 0).then_some(word))
            .collect();
        let mut text = String::from("queue");
        if !words.is_empty() {
            text.push_str(" flags ");
            text.push_str(&words.join(","));
        }
        let last = u32::from(first) + u32::from(total.max(1)) - 1;
        // Writing to a string cannot fail.
        let _ = match from {
            Some(from) => write!(text, " to {}", self.constant(from, Type::Integer)),
            None if last == u32::from(first) => write!(text, " to {first}"),
            None => write!(text, " to {first}-{last}"),
        };
        text
    }

    fn tproxy(&mut self, family: u32, address: Option<Register>, port: Option<Register>) -> String {
        let v6 = family == 10 || self.table.family == TableFamily::Ip6;
        let mut text = String::from("tproxy");
        if self.table.family == TableFamily::Inet {
            match family {
                2 => text.push_str(" ip"),
                10 => text.push_str(" ip6"),
                _ => {}
            }
        }
        text.push_str(" to ");
        if let Some(address) = address {
            let kind = if v6 { Type::Ipv6 } else { Type::Ipv4 };
            let value = self.constant(address, kind);
            // Writing to a string cannot fail.
            let _ = if v6 {
                write!(text, "[{value}]")
            } else {
                write!(text, "{value}")
            };
        }
        if let Some(port) = port {
            // Writing to a string cannot fail.
            let _ = write!(text, ":{}", self.constant(port, Type::Port));
        }
        text
    }

    fn dynset(
        &mut self,
        set: &str,
        op: u32,
        key: Register,
        value: Option<Register>,
        timeout: Option<u64>,
        expressions: &[Expression],
    ) -> String {
        let word = match op {
            0 => "add",
            1 => "update",
            _ => "delete",
        };
        let mut inner: Vec<String> = Vec::new();
        let mut parts = Vec::new();
        for (term, length) in self.key(set, key) {
            parts.push(self.part(&term, length).text);
        }
        inner.push(parts.join(" . "));
        if let Some(timeout) = timeout.filter(|timeout| *timeout != 0) {
            inner.push(format!("timeout {}", time(timeout)));
        }
        inner.extend(expressions.iter().filter_map(|each| stateful(each, true)));
        if let Some(value) = value {
            inner.push(format!(": {}", self.constant(value, Type::Unknown)));
        }
        format!("{word} @{set} {{ {} }}", inner.join(" "))
    }

    fn object(&mut self, kind: u32, which: &ObjectRef) -> String {
        let what = match kind {
            1 => "counter name",
            2 => "quota name",
            3 => "ct helper set",
            4 => "limit name",
            7 => "ct timeout set",
            8 => "meta secmark set",
            9 => "ct expectation set",
            10 => "synproxy name",
            _ => "unknown",
        };
        match which {
            ObjectRef::Name(name) => format!("{what} \"{name}\""),
            ObjectRef::Map { set, key } => {
                let key = self.key(set, *key);
                format!("{what} {}", self.mapped(&key, set, "map"))
            }
        }
    }
}
