//! Ports in a rule.

use crate::model::net::PortRange;
use crate::ruleset::live::expression::{CmpOp, Expression, PayloadBase, Register};
use crate::ruleset::live::table::{Key, Maker, Set};
use crate::ruleset::live::xt::{Match, MultiportSide, Ports, Sign, Target};
use crate::ruleset::live::{Rule, Table};

use super::{Left, REGISTER, anonymous, made};

/// Where a TCP header has the source port, and the destination port.
const SOURCE_PORT: u32 = 0;
const DESTINATION_PORT: u32 = 2;
const ALL_PORTS: Ports = Sign {
    negated: false,
    value: (0, u16::MAX),
};

/// The rule with exactly these destination ports in the place of the ports that it has
/// around them; `None` where it does not test them in a way that can be changed.
pub(in crate::check::ruleset) fn to_range(
    table: &Table,
    rule: &Rule,
    exact: PortRange,
) -> Option<Left> {
    let exact = (exact.first(), exact.last());
    let covers = |(first, last): (u16, u16)| first <= exact.0 && exact.1 <= last;
    let mut expressions = rule.expressions.clone();
    let mut changed = 0;
    for expression in &mut expressions {
        match expression {
            Expression::Match(Match::Tcp { destination, .. })
                if *destination != ALL_PORTS
                    && !destination.negated
                    && covers(destination.value) =>
            {
                destination.value = exact;
                changed += 1;
            }
            Expression::Match(Match::Multiport {
                side: MultiportSide::Destination,
                ranges,
                negated: false,
            }) => {
                let around = ranges.iter_mut().find(|range| covers(**range))?;
                *around = exact;
                changed += 1;
            }
            _ => {}
        }
    }
    let mut set = None;
    if let Some(test) = PortTest::of(table, rule, DESTINATION_PORT) {
        let around = *test.ports.iter().find(|ports| covers(**ports))?;
        if test.ports.len() == 1 {
            expressions.splice(test.compare, compares(test.from, exact));
        } else {
            set = Some(Box::new(with_range(
                table,
                expressions.get(test.compare.start)?,
                around,
                exact,
            )?));
        }
        changed += 1;
    }
    (changed == 1).then(|| Left::Rule(Box::new(made(rule, expressions)), set))
}

/// The rule with the ports that it has as sources as destinations in their place; of
/// `--ports`, which are either, the destinations. `within`: no port but these.
pub(in crate::check::ruleset) fn by_destination(
    table: &Table,
    rule: &Rule,
    within: PortRange,
) -> Option<Rule> {
    let inside = |(first, last): (u16, u16)| {
        (first <= within.last() && last >= within.first())
            .then(|| (first.max(within.first()), last.min(within.last())))
    };
    let mut expressions = rule.expressions.clone();
    for expression in &mut expressions {
        match expression {
            Expression::Match(Match::Multiport {
                side: side @ MultiportSide::Either,
                negated: false,
                ..
            }) => {
                *side = MultiportSide::Destination;
                return Some(made(rule, expressions));
            }
            Expression::Match(Match::Multiport {
                side: side @ MultiportSide::Source,
                negated: false,
                ranges,
            }) => {
                *side = MultiportSide::Destination;
                *ranges = ranges.iter().copied().filter_map(inside).collect();
                return (!ranges.is_empty()).then(|| made(rule, expressions));
            }
            Expression::Match(Match::Tcp {
                source,
                destination,
                ..
            }) if *source != ALL_PORTS && !source.negated && *destination == ALL_PORTS => {
                destination.value = inside(source.value)?;
                *source = ALL_PORTS;
                return Some(made(rule, expressions));
            }
            _ => {}
        }
    }
    let test = PortTest::of(table, rule, SOURCE_PORT)?;
    if PortTest::of(table, rule, DESTINATION_PORT).is_some() {
        return None;
    }
    let [one] = test.ports[..] else { return None };
    let ports = inside(one)?;
    if let Some(Expression::Payload { offset, .. }) = expressions.get_mut(test.load) {
        *offset = DESTINATION_PORT;
    }
    expressions.splice(test.compare, compares(test.from, ports));
    Some(made(rule, expressions))
}

/// The set that a rule alone looks into, with one range in the place of another.
fn with_range(
    table: &Table,
    lookup: &Expression,
    around: (u16, u16),
    exact: (u16, u16),
) -> Option<Set> {
    let Expression::Lookup { set: name, .. } = lookup else {
        return None;
    };
    let mut set = table.sets.iter().find(|set| set.name == *name)?.clone();
    let bytes = |port: u16| port.to_be_bytes().into();
    let old = Key::Range(bytes(around.0), bytes(around.1));
    let element = set.elements.iter_mut().find(|element| element.key == old)?;
    element.key = Key::Range(bytes(exact.0), bytes(exact.1));
    Some(set)
}

/// Whether a rule asks for the source port.
pub(in crate::check::ruleset) fn tests_source_port(rule: &Rule) -> bool {
    rule.expressions.iter().any(|e| match e {
        Expression::Match(Match::Tcp { source, .. }) => *source != ALL_PORTS,
        Expression::Match(Match::Multiport { side, .. }) => *side != MultiportSide::Destination,
        other => is_load(other, SOURCE_PORT),
    })
}

/// Whether a rule translates.
pub(in crate::check::ruleset) fn translates(rule: &Rule) -> bool {
    let mut expressions = rule.expressions.iter();
    expressions.any(|e| matches!(e, Expression::Nat(_) | Expression::Target(Target::Nat(_))))
}

/// The rule for all TCP but to these ports; `None` where it tests destination ports already.
pub(in crate::check::ruleset) fn not_to(
    table: &Table,
    rule: &Rule,
    (first, last): (u16, u16),
) -> Option<Rule> {
    let mut expressions = rule.expressions.clone();
    let ports = Sign {
        negated: true,
        value: (first, last),
    };
    if PortTest::tests(rule, DESTINATION_PORT) {
        return None;
    }
    let mut tcp = expressions.iter_mut().filter_map(|e| match e {
        Expression::Match(Match::Tcp { destination, .. }) => Some(destination),
        _ => None,
    });
    if let Some(destination) = tcp.next() {
        if *destination != ALL_PORTS {
            return None;
        }
        *destination = ports;
        return Some(made(rule, expressions));
    }
    let multiport = |e: &Expression| matches!(e, Expression::Match(Match::Multiport { .. }));
    if rule.expressions.iter().any(multiport) {
        return None;
    }
    // Right behind the test of the protocol: no register is in use there.
    let end = tcp_tested(rule)?;
    if table.maker == Maker::IptablesLegacy {
        let tcp = Match::Tcp {
            source: ALL_PORTS,
            destination: ports,
            flags: None,
            option: None,
        };
        expressions.insert(end, Expression::Match(tcp));
    } else {
        let tests = [
            Expression::Payload {
                base: PayloadBase::Transport,
                offset: DESTINATION_PORT,
                length: 2,
                to: REGISTER,
            },
            Expression::Range {
                from: REGISTER,
                negated: true,
                first: first.to_be_bytes().into(),
                last: last.to_be_bytes().into(),
            },
        ];
        expressions.splice(end..end, tests);
    }
    Some(made(rule, expressions))
}

/// The place behind the test by which a rule is for TCP alone: a port of another protocol is
/// another thing.
fn tcp_tested(rule: &Rule) -> Option<usize> {
    /// `NFT_META_L4PROTO`
    const L4PROTO: u32 = 16;
    let native = rule.expressions.windows(2).position(|two| {
        matches!(two, [
            Expression::Meta { key: L4PROTO, .. },
            Expression::Cmp { op: CmpOp::Equal, data, .. },
        ] if data[..] == [6])
    });
    let header = rule.expressions.iter().position(|e| match e {
        Expression::Match(Match::Header(header)) => {
            header.protocol.is_some_and(|p| !p.negated && p.value == 6)
        }
        _ => false,
    });
    native.map(|at| at + 2).or(header.map(|at| at + 1))
}

/// Compares a port with one, or with a range as nft and iptables-nft write it.
fn compares(from: Register, (first, last): (u16, u16)) -> Vec<Expression> {
    let compare = |op, port: u16| Expression::Cmp {
        from,
        op,
        data: port.to_be_bytes().into(),
    };
    if first == last {
        vec![compare(CmpOp::Equal, first)]
    } else {
        vec![
            compare(CmpOp::GreaterOrEqual, first),
            compare(CmpOp::LessOrEqual, last),
        ]
    }
}

/// Where a rule of `nf_tables` compares a port.
struct PortTest {
    load: usize,
    compare: std::ops::Range<usize>,
    from: Register,
    ports: Vec<(u16, u16)>,
}

impl PortTest {
    /// Whether a rule looks at the port.
    fn tests(rule: &Rule, at: u32) -> bool {
        rule.expressions.iter().any(|e| is_load(e, at))
    }

    /// `None` where it does not, or more than once, or not in a way that can be changed.
    fn of(table: &Table, rule: &Rule, at: u32) -> Option<Self> {
        let all = &rule.expressions;
        let mut loads = all.iter().enumerate().filter(|(_, e)| is_load(e, at));
        let (load, Expression::Payload { to, .. }) = loads.next()? else {
            return None;
        };
        if loads.next().is_some() {
            return None;
        }
        let (count, ports) = match all.get(load + 1..)? {
            [
                Expression::Cmp {
                    from,
                    op: CmpOp::GreaterOrEqual,
                    data: first,
                },
                Expression::Cmp {
                    op: CmpOp::LessOrEqual,
                    data: last,
                    ..
                },
                ..,
            ] if from == to => (2, vec![(port(first)?, port(last)?)]),
            [
                Expression::Cmp {
                    from,
                    op: CmpOp::Equal,
                    data,
                },
                ..,
            ] if from == to => (1, vec![(port(data)?, port(data)?)]),
            [
                Expression::Range {
                    from,
                    negated: false,
                    first,
                    last,
                },
                ..,
            ] if from == to => (1, vec![(port(first)?, port(last)?)]),
            [
                Expression::Lookup {
                    set,
                    from,
                    to: None,
                    negated: false,
                },
                ..,
            ] if from == to => {
                let keys = anonymous(table, set)?;
                let ports: Option<Vec<_>> = keys
                    .map(|key| match key {
                        Key::One(one) => Some((port(one)?, port(one)?)),
                        Key::Range(first, last) => Some((port(first)?, port(last)?)),
                        Key::CatchAll => None,
                    })
                    .collect();
                (1, ports?)
            }
            _ => return None,
        };
        Some(Self {
            load,
            compare: load + 1..load + 1 + count,
            from: *to,
            ports,
        })
    }
}

fn is_load(expression: &Expression, at: u32) -> bool {
    matches!(
        expression,
        Expression::Payload { base: PayloadBase::Transport, offset, length: 2, .. } if *offset == at
    )
}

fn port(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}
