//! Rulesets written by hand, and what becomes of packets in them.

mod hooks;
mod nat;
mod parts;
mod ranges;
mod regions;
mod sets;
mod unknown;
mod xt;

use std::net::IpAddr;

use super::super::live::expression::{
    BitwiseOp, CmpOp, Expression, LookupTo, PayloadBase, Register, Verdict,
};
use super::super::live::table::{
    Base, Chain, Element, Hook, Key, Kind, Maker, Policy, Rule, Set, SetFlags, Table, TableFamily,
    Value,
};
use super::super::live::{Ruleset, xt as live_xt};
use super::*;

/// The register that all of these rules use, as `nft` does.
const R: Register = Register(0);

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn table(family: TableFamily, name: &str, chains: Vec<Chain>) -> Table {
    Table {
        family,
        name: name.to_owned(),
        handle: 1,
        maker: Maker::Nft,
        dormant: false,
        owned: false,
        comment: None,
        chains,
        sets: Vec::new(),
        objects: Vec::new(),
        flowtables: Vec::new(),
    }
}

fn ruleset(tables: Vec<Table>) -> Ruleset {
    Ruleset {
        tables,
        unread: Vec::new(),
    }
}

fn base(hook: Hook, priority: i32, policy: Policy, rules: Vec<Rule>) -> Chain {
    Chain {
        name: format!("{hook:?}{priority}"),
        handle: 1,
        base: Some(Base {
            hook,
            priority,
            kind: Kind::Filter,
            policy,
            devices: Vec::new(),
        }),
        comment: None,
        rules,
    }
}

fn nat_chain(hook: Hook, priority: i32, rules: Vec<Rule>) -> Chain {
    let mut chain = base(hook, priority, Policy::Accept, rules);
    if let Some(base) = &mut chain.base {
        base.kind = Kind::Nat;
    }
    chain.name.push_str("nat");
    chain
}

fn chain(name: &str, rules: Vec<Rule>) -> Chain {
    Chain {
        name: name.to_owned(),
        handle: 1,
        base: None,
        comment: None,
        rules,
    }
}

/// A rule of several parts.
fn rule(parts: &[Vec<Expression>]) -> Rule {
    Rule {
        handle: 1,
        comment: None,
        expressions: parts.concat(),
        line: String::new(),
    }
}

fn verdict(verdict: Verdict) -> Vec<Expression> {
    vec![Expression::Verdict(verdict)]
}

fn accept() -> Vec<Expression> {
    verdict(Verdict::Accept)
}

fn drop() -> Vec<Expression> {
    verdict(Verdict::Drop)
}

fn jump(chain: &str) -> Vec<Expression> {
    verdict(Verdict::Jump(chain.to_owned()))
}

fn goto(chain: &str) -> Vec<Expression> {
    verdict(Verdict::Goto(chain.to_owned()))
}

fn cmp(op: CmpOp, data: &[u8]) -> Expression {
    Expression::Cmp {
        from: R,
        op,
        data: data.into(),
    }
}

fn payload(base: PayloadBase, offset: u32, length: u32) -> Expression {
    Expression::Payload {
        base,
        offset,
        length,
        to: R,
    }
}

/// `tcp dport OP PORT`, as `nft` writes it.
fn dport_op(op: CmpOp, port: u16) -> Vec<Expression> {
    vec![
        Expression::Meta { key: 16, to: R },
        cmp(CmpOp::Equal, &[6]),
        payload(PayloadBase::Transport, 2, 2),
        cmp(op, &port.to_be_bytes()),
    ]
}

fn dport(port: u16) -> Vec<Expression> {
    dport_op(CmpOp::Equal, port)
}

/// `tcp dport FIRST-LAST`
fn dports(first: u16, last: u16) -> Vec<Expression> {
    vec![
        payload(PayloadBase::Transport, 2, 2),
        Expression::Range {
            from: R,
            negated: false,
            first: first.to_be_bytes().into(),
            last: last.to_be_bytes().into(),
        },
    ]
}

/// `ip saddr NET`, with a mask.
fn saddr(net: &str) -> Vec<Expression> {
    let net: ipnet::Ipv4Net = net.parse().expect("a network");
    vec![
        payload(PayloadBase::Network, 12, 4),
        Expression::Bitwise {
            from: R,
            to: R,
            length: 4,
            op: BitwiseOp::MaskXor {
                mask: net.netmask().octets().into(),
                xor: [0; 4].into(),
            },
        },
        cmp(CmpOp::Equal, &net.network().octets()),
    ]
}

/// `iifname NAME`
fn iifname(name: &str) -> Vec<Expression> {
    let mut bytes = [0; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    vec![
        Expression::Meta { key: 6, to: R },
        cmp(CmpOp::Equal, &bytes),
    ]
}

/// `ct state` one of these bits.
fn ct_state(bits: u32) -> Vec<Expression> {
    ct_bits(0, bits)
}

/// What conntrack has for a key (`NFT_CT_*`) has one of these bits.
fn ct_bits(key: u32, bits: u32) -> Vec<Expression> {
    vec![
        Expression::Ct {
            key,
            direction: None,
            to: R,
        },
        Expression::Bitwise {
            from: R,
            to: R,
            length: 4,
            op: BitwiseOp::MaskXor {
                mask: bits.to_ne_bytes().into(),
                xor: [0; 4].into(),
            },
        },
        cmp(CmpOp::NotEqual, &[0; 4]),
    ]
}

fn set_mark(mark: u32) -> Vec<Expression> {
    vec![
        Expression::Immediate {
            to: R,
            data: mark.to_ne_bytes().into(),
        },
        Expression::MetaSet { key: 3, from: R },
    ]
}

fn mark(mark: u32) -> Vec<Expression> {
    vec![
        Expression::Meta { key: 3, to: R },
        cmp(CmpOp::Equal, &mark.to_ne_bytes()),
    ]
}

fn set(name: &str, key_length: u32, elements: Vec<Element>) -> Set {
    Set {
        name: name.to_owned(),
        handle: 1,
        flags: SetFlags {
            interval: elements.iter().any(|e| matches!(e.key, Key::Range(..))),
            map: elements.iter().any(|e| e.value.is_some()),
            ..SetFlags::default()
        },
        key_type: 0,
        key_length,
        parts: Vec::new(),
        data_type: None,
        object_type: None,
        timeout: None,
        size: None,
        comment: None,
        expressions: Vec::new(),
        elements,
        unread: None,
    }
}

fn element(key: Key, value: Option<Value>) -> Element {
    Element {
        key,
        value,
        timeout: None,
        expires: None,
        comment: None,
        expressions: Vec::new(),
    }
}

fn one(key: &[u8]) -> Element {
    element(Key::One(key.into()), None)
}

fn range(first: &[u8], last: &[u8]) -> Element {
    element(Key::Range(first.into(), last.into()), None)
}

fn lookup(set: &str, to: Option<LookupTo>) -> Expression {
    Expression::Lookup {
        set: set.to_owned(),
        from: R,
        to,
        negated: false,
    }
}

/// A gateway, 203.0.113.10 on eth0 and 10.77.0.1 on eth1.
fn gateway() -> HostFacts {
    let own = |interface: &str, net: &str| OwnAddress {
        interface: interface.to_owned(),
        net: net.parse().expect("a network"),
    };
    let route = |to: &str, interface: &str| Route {
        to: to.parse().expect("a network"),
        interface: Some(interface.to_owned()),
    };
    HostFacts {
        addresses: Some(vec![
            own("lo", "127.0.0.1/8"),
            own("eth0", "203.0.113.10/24"),
            own("eth1", "10.77.0.1/24"),
            own("eth0", "2001:db8::10/64"),
        ]),
        routes: Some(vec![
            route("0.0.0.0/0", "eth0"),
            route("203.0.113.0/24", "eth0"),
            route("10.77.0.0/24", "eth1"),
            route("2001:db8::/64", "eth0"),
            route("::/0", "eth0"),
        ]),
        interfaces: None,
    }
}

/// From a client to a port of the gateway.
fn to_gateway(port: u16) -> Packet {
    let flow = super::Flow::tcp((ip("198.51.100.7"), 40000), (ip("203.0.113.10"), port));
    Packet::arriving(flow, Some("eth0"))
}

fn outcome(ruleset: &Ruleset, packet: &Packet) -> Outcome {
    let facts = gateway();
    Prepared::new(ruleset, &facts).evaluate(packet).outcome
}

fn place(table: usize, chain: usize, rule: Option<usize>) -> Place {
    Place { table, chain, rule }
}

fn dropped(table: usize, chain: usize, rule: Option<usize>) -> Outcome {
    Outcome::Drop {
        by: Some(place(table, chain, rule)),
    }
}

/// One base chain at input, in `inet`.
fn input(policy: Policy, rules: Vec<Rule>) -> Ruleset {
    ruleset(vec![table(
        TableFamily::Inet,
        "filter",
        vec![base(Hook::Input, 0, policy, rules)],
    )])
}
