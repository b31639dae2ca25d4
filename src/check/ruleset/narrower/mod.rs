//! Rules of others made narrower: the same rule with one condition changed.

mod ports;
mod states;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::check::definition::Subject;
use crate::check::{Replacement, RuleAt, RuleChange};
use crate::ruleset::eval::Place;
use crate::ruleset::live::expression::{BitwiseOp, CmpOp, Expression, PayloadBase, Register};
use crate::ruleset::live::table::{Key, Maker, Set, TableFamily};
use crate::ruleset::live::xt::{Header, Match, Net, Sign};
use crate::ruleset::live::{Rule, Table};

pub(super) use ports::{by_destination, not_to, tests_source_port, to_range, translates};
pub(super) use states::{NEW, RELATED, established, names_states, without_state};

/// `NFT_META_NFPROTO`
const NFPROTO: u32 = 15;

/// What is left of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Left {
    /// This, with the set that it alone looks into, where that becomes another.
    Rule(Box<Rule>, Option<Box<Set>>),
    /// It would match nothing.
    Nothing,
}

/// The change that makes the rule at a place so; `None` where there is no rule.
pub(super) fn change(subject: &Subject, by: Place, left: Left) -> Option<RuleChange> {
    let ruleset = subject.firewall.ruleset;
    let at = RuleAt::of(ruleset, (by.table, by.chain), by.rule?)?;
    Some(match left {
        Left::Nothing => RuleChange::Delete(at),
        Left::Rule(rule, set) => {
            let mut replacement = Replacement::new(ruleset, *rule, by.table);
            if let Some(set) = set {
                replacement.sets.retain(|old| old.name != set.name);
                replacement.sets.push(*set);
            }
            RuleChange::Replace(at, Box::new(replacement))
        }
    })
}

/// A rule without what it was read from.
fn made(rule: &Rule, expressions: Vec<Expression>) -> Rule {
    Rule {
        expressions,
        line: String::new(),
        ..rule.clone()
    }
}

/// The rule for sources in this network only; `None` where it tests the source already.
pub(super) fn from_network(table: &Table, rule: &Rule, net: IpNet) -> Option<Rule> {
    let mut expressions = rule.expressions.clone();
    if table.maker == Maker::IptablesLegacy {
        let header = expressions.iter_mut().find_map(|e| match e {
            Expression::Match(Match::Header(header)) => Some(header),
            _ => None,
        });
        let source = Some(Sign {
            negated: false,
            value: Net::Prefix(net),
        });
        match header {
            Some(header) if header.source.is_some() => return None,
            Some(header) => header.source = source,
            None => {
                let header = Header {
                    source,
                    ..Header::default()
                };
                expressions.insert(0, Expression::Match(Match::Header(Box::new(header))));
            }
        }
        return Some(made(rule, expressions));
    }
    let tests_source = |e: &Expression| match e {
        Expression::Payload {
            base: PayloadBase::Network,
            offset,
            length,
            ..
        } => match net {
            IpNet::V4(_) => (12..16).contains(offset) || *length > 4,
            IpNet::V6(_) => (8..24).contains(offset),
        },
        Expression::Match(
            Match::Iprange {
                source: Some(_), ..
            }
            | Match::Set { .. },
        ) => true,
        _ => false,
    };
    if expressions.iter().any(tests_source) {
        return None;
    }
    let mut tests = Vec::new();
    if table.family == TableFamily::Inet {
        tests.push(Expression::Meta {
            key: NFPROTO,
            to: REGISTER,
        });
        let number = match net {
            IpNet::V4(_) => 2,
            IpNet::V6(_) => 10,
        };
        tests.push(equal(vec![number]));
    }
    let bytes = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let (offset, length) = match net {
        IpNet::V4(_) => (12, 4),
        IpNet::V6(_) => (8, 16),
    };
    tests.push(Expression::Payload {
        base: PayloadBase::Network,
        offset,
        length,
        to: REGISTER,
    });
    if net.prefix_len() < net.max_prefix_len() {
        let mask = bytes(net.netmask());
        tests.push(Expression::Bitwise {
            from: REGISTER,
            to: REGISTER,
            length,
            op: BitwiseOp::MaskXor {
                xor: vec![0; mask.len()].into(),
                mask: mask.into(),
            },
        });
    }
    tests.push(equal(bytes(net.network())));
    expressions.splice(0..0, tests);
    Some(made(rule, expressions))
}

/// `NFT_REG_1`
const REGISTER: Register = Register(0);

fn equal(data: Vec<u8>) -> Expression {
    Expression::Cmp {
        from: REGISTER,
        op: CmpOp::Equal,
        data: data.into(),
    }
}

/// The keys of a set that this rule alone has.
fn anonymous<'t>(table: &'t Table, name: &str) -> Option<impl Iterator<Item = &'t Key>> {
    let mut sets = table.sets.iter();
    let set = sets.find(|set| set.name == name && set.flags.anonymous && !set.flags.map)?;
    Some(set.elements.iter().map(|element| &element.key))
}
