//! The rules of the trial.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::{CALLED, DATA_PORT, SERVER, Trial};
use crate::ruleset::live::expression::{
    BitwiseOp, CmpOp, Nat, NatKind, ObjectRef, PayloadBase, Register, Verdict,
};
use crate::ruleset::live::table::{
    Base, Hook, Kind, Maker, Object, ObjectKind, Policy, TableFamily,
};
use crate::ruleset::live::{Chain, Expression, Rule, Table};

/// Without this table a missing `nft_ct` would look like a missing helper. It leaves the
/// data port to connections that the helper expects.
pub(super) fn control() -> Table {
    let state = [
        // NFT_CT_STATE.
        Expression::Ct {
            key: 0,
            direction: None,
            to: FIRST,
        },
        Expression::Bitwise {
            from: FIRST,
            to: FIRST,
            length: 4,
            op: BitwiseOp::MaskXor {
                // NF_CT_STATE_BIT(IP_CT_NEW)
                mask: 8_u32.to_ne_bytes().into(),
                xor: [0; 4].into(),
            },
        },
        compare(CmpOp::NotEqual, &[0; 4]),
        Expression::Verdict(Verdict::Drop),
    ];
    let drop = [&port(DATA_PORT)[..], &state].concat();
    let chain = base_chain("control", Kind::Filter, -150, vec![drop]);
    table("control", Vec::new(), vec![chain])
}

/// The helper, and what a session needs that it works on.
pub(super) fn assignment(trial: &Trial) -> Table {
    let helper = Object {
        name: "reader".to_owned(),
        handle: 0,
        comment: None,
        what: ObjectKind::Helper {
            helper: trial.helper.to_owned(),
            family: IPV4,
            protocol: IPPROTO_TCP,
        },
    };
    let mut chains = Vec::new();
    if trial.assign {
        // NFT_OBJECT_CT_HELPER.
        let assign = Expression::Object {
            kind: 3,
            which: ObjectRef::Name(helper.name.clone()),
        };
        let rule = [&port(SERVER.port())[..], &[assign]].concat();
        chains.push(base_chain("helper", Kind::Filter, -150, vec![rule]));
    }
    if trial.translate {
        let rule = [&daddr(CALLED)[..], &port(SERVER.port()), &dnat(SERVER)].concat();
        chains.push(base_chain("translate", Kind::Nat, -100, vec![rule]));
    }
    table("probe", vec![helper], chains)
}

/// `NFPROTO_IPV4` (`linux/netfilter.h`).
const IPV4: u16 = 2;
/// The number of TCP in IP headers (RFC 9293, section 3.1).
const IPPROTO_TCP: u8 = 6;
const FIRST: Register = Register(0);
const SECOND: Register = Register(4);

fn table(name: &str, objects: Vec<Object>, chains: Vec<Chain>) -> Table {
    Table {
        family: TableFamily::Ip,
        name: name.to_owned(),
        handle: 0,
        maker: Maker::Nft,
        dormant: false,
        owned: false,
        comment: None,
        chains,
        sets: Vec::new(),
        objects,
        flowtables: Vec::new(),
    }
}

fn base_chain(name: &str, kind: Kind, priority: i32, rules: Vec<Vec<Expression>>) -> Chain {
    let rule = |expressions| Rule {
        handle: 0,
        comment: None,
        expressions,
        line: String::new(),
    };
    Chain {
        name: name.to_owned(),
        handle: 0,
        base: Some(Base {
            hook: Hook::Output,
            priority,
            kind,
            policy: Policy::Accept,
            devices: Vec::new(),
        }),
        comment: None,
        rules: rules.into_iter().map(rule).collect(),
    }
}

fn compare(op: CmpOp, data: &[u8]) -> Expression {
    Expression::Cmp {
        from: FIRST,
        op,
        data: data.into(),
    }
}

fn load(base: PayloadBase, offset: u32, length: u32) -> Expression {
    Expression::Payload {
        base,
        offset,
        length,
        to: FIRST,
    }
}

/// `ip daddr ADDRESS`
fn daddr(address: Ipv4Addr) -> [Expression; 2] {
    [
        load(PayloadBase::Network, 16, 4),
        compare(CmpOp::Equal, &address.octets()),
    ]
}

/// `tcp dport PORT`
fn port(number: u16) -> [Expression; 4] {
    [
        // NFT_META_L4PROTO.
        Expression::Meta { key: 16, to: FIRST },
        compare(CmpOp::Equal, &[IPPROTO_TCP]),
        load(PayloadBase::Transport, 2, 2),
        compare(CmpOp::Equal, &number.to_be_bytes()),
    ]
}

/// `dnat to ADDRESS:PORT`
fn dnat(to: SocketAddrV4) -> [Expression; 3] {
    let value = |register, data: &[u8]| Expression::Immediate {
        to: register,
        data: data.into(),
    };
    [
        value(FIRST, &to.ip().octets()),
        value(SECOND, &to.port().to_be_bytes()),
        Expression::Nat(Nat {
            kind: NatKind::Dnat,
            family: Some(IPV4.into()),
            address: Some((FIRST, None)),
            port: Some((SECOND, None)),
            flags: 0,
        }),
    ]
}
