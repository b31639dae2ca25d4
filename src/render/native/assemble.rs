//! Rules as expressions: what nft(8) makes of their text (`netlink_linearize.c`,
//! `payload_gen_dependency` of `payload.c`).

use std::net::IpAddr;

use ipnet::IpNet;

use super::HELPER;
use super::field::{Field, after};
use super::numbers::{
    CT_DIRECTION, CT_HELPER, CT_STATE, CT_STATUS, MAPS_ADDRESS, MAPS_PORT, META_IIFNAME,
    META_L4PROTO, META_NFPROTO, META_OIFNAME, OBJECT_HELPER, nfproto, state_bit,
};
use super::sets::anonymous;
use super::values::{self, Kind, Values};
use crate::model::filter::{Match, Rule, Statement};
use crate::model::net::{Family, PortRange};
use crate::ruleset::live;
use crate::ruleset::live::expression::{
    BitwiseOp, CmpOp, Expression, LookupTo, Nat, NatKind, ObjectRef, Register, Verdict,
};
use crate::ruleset::live::table::{Set, TableFamily};

/// `NFT_REG_1`, in which everything is loaded.
pub(super) const REGISTER: Register = Register(0);
/// `NFT_REG_2`.
const SECOND: Register = Register(4);

/// The rule, and into `sets` the anonymous sets that it needs.
pub(super) fn rule(rule: &Rule, family: TableFamily, sets: &mut Vec<Set>) -> live::Rule {
    let mut assembly = Assembly::new(rule, family, sets);
    for condition in &rule.matches {
        assembly.condition(condition);
    }
    assembly.statement(&rule.statement);
    assembly.finish(rule.comment())
}

/// A rule in the making.
pub(super) struct Assembly<'a> {
    families: &'a [Family],
    expressions: Vec<Expression>,
    sets: &'a mut Vec<Set>,
    /// What fields depend on has been tested.
    is_of_family: bool,
    is_tcp: bool,
}

impl<'a> Assembly<'a> {
    /// For a rule of these families, with a test for its family where no condition of it
    /// tells that.
    pub(super) fn new(rule: &'a Rule, table: TableFamily, sets: &'a mut Vec<Set>) -> Self {
        let mut assembly = Self {
            families: &rule.families,
            expressions: Vec::new(),
            sets,
            is_of_family: matches!(table, TableFamily::Ip | TableFamily::Ip6),
            is_tcp: false,
        };
        if let [family] = rule.families[..]
            && !rule.matches.iter().any(tells_its_family)
        {
            assembly.test_family(family);
        }
        assembly
    }

    pub(super) fn finish(self, comment: String) -> live::Rule {
        live::Rule {
            handle: 0,
            comment: Some(comment),
            expressions: self.expressions,
            line: String::new(),
        }
    }

    pub(super) fn condition(&mut self, condition: &Match) {
        match condition {
            Match::InputInterface(names) => self.interfaces(META_IIFNAME, names),
            Match::OutputInterface(names) => self.interfaces(META_OIFNAME, names),
            Match::Source(networks) => self.networks(Field::Source, networks, false),
            Match::Destination(networks) => self.networks(Field::Destination, networks, false),
            Match::NotDestination(networks) => self.networks(Field::Destination, networks, true),
            Match::DestinationIsLocal => self.is_local(),
            Match::TcpDestinationPort(ranges) => self.ports(Field::DestinationPort, ranges),
            Match::TcpSourcePort(ranges) => self.ports(Field::SourcePort, ranges),
            Match::Icmp => self.icmp(),
            Match::CtState(states) => {
                let bits = states
                    .iter()
                    .fold(0, |bits, state| bits | state_bit(*state));
                self.has_bits(CT_STATE, bits);
            }
            Match::CtReply => {
                self.ct(CT_DIRECTION);
                // IP_CT_DIR_REPLY
                self.compare(CmpOp::Equal, Box::new([1]));
            }
            // IPS_DST_NAT
            Match::CtDnat => self.has_bits(CT_STATUS, 1 << 5),
            Match::CtHelperFtp => {
                self.ct(CT_HELPER);
                self.compare(CmpOp::Equal, values::text("ftp"));
            }
        }
    }

    pub(super) fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Accept => {
                self.push(Expression::Counter {
                    packets: 0,
                    bytes: 0,
                });
                self.push(Expression::Verdict(Verdict::Accept));
            }
            Statement::AssignHelper => self.push(Expression::Object {
                kind: OBJECT_HELPER,
                which: ObjectRef::Name(HELPER.to_owned()),
            }),
            Statement::Dnat { to, port } => {
                self.immediate(REGISTER, values::address(*to));
                if let Some(port) = port {
                    self.immediate(SECOND, values::port(*port));
                }
                self.translate(NatKind::Dnat, Family::of(*to), port.map(|_| SECOND));
            }
            Statement::Snat { to } => {
                self.immediate(REGISTER, values::address(*to));
                self.translate(NatKind::Snat, Family::of(*to), None);
            }
            Statement::Masquerade => self.push(Expression::Nat(Nat {
                kind: NatKind::Masquerade,
                family: None,
                address: None,
                port: None,
                flags: 0,
            })),
        }
    }

    /// To the address in [`REGISTER`], and the port in another.
    pub(super) fn translate(&mut self, kind: NatKind, family: Family, port: Option<Register>) {
        let maps_port = if port.is_some() { MAPS_PORT } else { 0 };
        self.push(Expression::Nat(Nat {
            kind,
            family: Some(u32::from(nfproto(family))),
            address: Some((REGISTER, None)),
            port: port.map(|register| (register, None)),
            flags: MAPS_ADDRESS | maps_port,
        }));
    }

    /// Looks these fields up in a set that has a name.
    pub(super) fn lookup(&mut self, fields: &[Field], set: &str, to: Option<Register>) {
        for field in fields {
            self.depend(*field);
        }
        let mut at = REGISTER;
        for field in fields {
            self.load(*field, at, field.kind().length());
            at = after(at, field.kind());
        }
        self.push(Expression::Lookup {
            set: set.to_owned(),
            from: REGISTER,
            to: to.map(LookupTo::Register),
            negated: false,
        });
    }

    fn push(&mut self, expression: Expression) {
        self.expressions.push(expression);
    }

    fn compare(&mut self, op: CmpOp, data: Box<[u8]>) {
        self.push(Expression::Cmp {
            from: REGISTER,
            op,
            data,
        });
    }

    fn meta(&mut self, key: u32) {
        self.push(Expression::Meta { key, to: REGISTER });
    }

    fn ct(&mut self, key: u32) {
        self.push(Expression::Ct {
            key,
            direction: None,
            to: REGISTER,
        });
    }

    fn immediate(&mut self, to: Register, data: Box<[u8]>) {
        self.push(Expression::Immediate { to, data });
    }

    /// One of these bits is set.
    fn has_bits(&mut self, key: u32, bits: u32) {
        self.ct(key);
        self.push(Expression::Bitwise {
            from: REGISTER,
            to: REGISTER,
            length: 4,
            op: BitwiseOp::MaskXor {
                mask: Box::new(bits.to_ne_bytes()),
                xor: Box::new([0; 4]),
            },
        });
        self.compare(CmpOp::NotEqual, Box::new([0; 4]));
    }

    fn test_family(&mut self, family: Family) {
        if !self.is_of_family {
            self.is_of_family = true;
            self.meta(META_NFPROTO);
            self.compare(CmpOp::Equal, Box::new([nfproto(family)]));
        }
    }

    /// The tests without which a field means nothing.
    fn depend(&mut self, field: Field) {
        match field {
            Field::Source(family) | Field::Destination(family) => self.test_family(family),
            Field::SourcePort | Field::DestinationPort if !self.is_tcp => {
                self.is_tcp = true;
                self.meta(META_L4PROTO);
                self.compare(CmpOp::Equal, Box::new([values::TCP]));
            }
            Field::SourcePort | Field::DestinationPort => {}
        }
    }

    fn load(&mut self, field: Field, to: Register, length: u32) {
        self.push(Expression::Payload {
            base: field.base(),
            offset: field.offset(),
            length,
            to,
        });
    }

    fn interfaces(&mut self, key: u32, names: &[crate::model::net::InterfaceName]) {
        let mut names: Vec<Box<[u8]>> = names.iter().map(values::interface).collect();
        names.sort();
        names.dedup();
        self.meta(key);
        self.is_one_of(Values::Each(names), Kind::Interface, false);
    }

    fn networks(&mut self, field: fn(Family) -> Field, networks: &[IpNet], negated: bool) {
        let Some(family) = networks.first().map(Family::of_net) else {
            return;
        };
        let field = field(family);
        self.depend(field);
        // What nft joins in braces is written as what it is then.
        match (networks, &IpNet::aggregate(&networks.to_vec())[..]) {
            ([one], _) | (_, [one]) => self.prefix(field, one, negated),
            (many, _) => {
                self.load(field, REGISTER, field.kind().length());
                self.is_one_of(values::of_networks(many), field.kind(), negated);
            }
        }
    }

    /// Of a prefix of whole bytes only those are loaded.
    fn prefix(&mut self, field: Field, network: &IpNet, negated: bool) {
        let op = if negated {
            CmpOp::NotEqual
        } else {
            CmpOp::Equal
        };
        let bits = u32::from(network.prefix_len());
        let whole = field.kind().length();
        let mut bytes = values::address(network.network()).into_vec();
        if bits % 8 == 0 && bits > 0 {
            self.load(field, REGISTER, bits / 8);
            bytes.truncate(usize::from(network.prefix_len() / 8));
        } else {
            self.load(field, REGISTER, whole);
            self.push(Expression::Bitwise {
                from: REGISTER,
                to: REGISTER,
                length: whole,
                op: BitwiseOp::MaskXor {
                    mask: values::address(network.netmask()),
                    xor: vec![0; bytes.len()].into(),
                },
            });
        }
        self.compare(op, bytes.into());
    }

    fn is_local(&mut self) {
        self.push(Expression::Fib {
            // NFT_FIB_RESULT_ADDRTYPE
            result: 3,
            // NFTA_FIB_F_DADDR
            flags: 2,
            to: REGISTER,
        });
        // RTN_LOCAL
        self.compare(CmpOp::Equal, Box::new(2_u32.to_ne_bytes()));
    }

    fn ports(&mut self, field: Field, ranges: &[PortRange]) {
        self.depend(field);
        self.load(field, REGISTER, Kind::Port.length());
        self.is_one_of(values::of_ports(ranges), Kind::Port, false);
    }

    fn icmp(&mut self) {
        const ICMP: u8 = 1;
        const ICMPV6: u8 = 58;
        let protocols = self.families.iter().map(|family| match family {
            Family::Ipv4 => Box::from([ICMP]),
            Family::Ipv6 => Box::from([ICMPV6]),
        });
        let protocols: Vec<Box<[u8]>> = protocols.collect();
        self.meta(META_L4PROTO);
        self.is_one_of(Values::Each(protocols), Kind::Protocol, false);
    }

    /// What is loaded is one of these values, or none.
    fn is_one_of(&mut self, values: Values, kind: Kind, negated: bool) {
        let same = if negated {
            CmpOp::NotEqual
        } else {
            CmpOp::Equal
        };
        match values {
            Values::Each(mut each) if each.len() == 1 => {
                self.compare(same, each.pop().unwrap_or_default());
            }
            Values::Ranges(mut ranges) if ranges.len() == 1 => {
                let (first, last) = ranges.pop().unwrap_or_default();
                self.is_from_to(first, last, negated);
            }
            several => {
                let set = anonymous(self.sets.len(), several, kind);
                self.push(Expression::Lookup {
                    set: set.name.clone(),
                    from: REGISTER,
                    to: None,
                    negated,
                });
                self.sets.push(set);
            }
        }
    }

    fn is_from_to(&mut self, first: Box<[u8]>, last: Box<[u8]>, negated: bool) {
        if negated {
            return self.push(Expression::Range {
                from: REGISTER,
                negated,
                first,
                last,
            });
        }
        self.compare(CmpOp::GreaterOrEqual, first);
        self.compare(CmpOp::LessOrEqual, last);
    }
}

pub(super) fn tells_its_family(condition: &Match) -> bool {
    matches!(
        condition,
        Match::Source(_) | Match::Destination(_) | Match::NotDestination(_) | Match::Icmp
    )
}

/// The family of an address that something is translated to.
pub(super) fn family_of(statement: &Statement) -> Option<(NatKind, IpAddr)> {
    match statement {
        Statement::Dnat { to, .. } => Some((NatKind::Dnat, *to)),
        Statement::Snat { to } => Some((NatKind::Snat, *to)),
        Statement::Accept | Statement::AssignHelper | Statement::Masquerade => None,
    }
}
