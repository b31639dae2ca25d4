//! States of connections in a rule.

use crate::ruleset::live::expression::{BitwiseOp, CmpOp, Expression, LookupTo, Register};
use crate::ruleset::live::table::{Key, Maker, Set};
use crate::ruleset::live::xt::{Conntrack, Match, Sign};
use crate::ruleset::live::{Rule, Table};

use super::{Left, REGISTER, anonymous, made};

/// `IP_CT_ESTABLISHED` and its like as bits, the same in `nft_ct.c` and `xt_conntrack.h`.
const ESTABLISHED: u16 = 2;
/// RELATED.
pub(in crate::check::ruleset) const RELATED: u16 = 4;
/// NEW.
pub(in crate::check::ruleset) const NEW: u16 = 8;

/// `NFT_CT_STATE`
const CT_STATE: u32 = 0;

/// The rule without one of the states that it names; `None` where it names none, or not in
/// a way that can be changed.
pub(in crate::check::ruleset) fn without_state(
    table: &Table,
    rule: &Rule,
    state: u16,
) -> Option<Left> {
    let mut expressions = rule.expressions.clone();
    for expression in &mut expressions {
        let Expression::Match(Match::Conntrack(asked)) = expression else {
            continue;
        };
        let Some(states) = asked.states.as_mut() else {
            continue;
        };
        if states.negated {
            return None;
        }
        states.value &= !state;
        return Some(match states.value {
            0 => Left::Nothing,
            _ => Left::Rule(Box::new(made(rule, expressions)), None),
        });
    }
    let Some(test) = StateTest::of(table, rule) else {
        return without_element(table, rule, state);
    };
    let left = test.states & !u32::from(state);
    if left == 0 {
        return Some(Left::Nothing);
    }
    expressions.splice(test.compare, among(test.from, left));
    Some(Left::Rule(Box::new(made(rule, expressions)), None))
}

/// The same where the rule looks up its verdict by the state, in a map that it alone has.
fn without_element(table: &Table, rule: &Rule, state: u16) -> Option<Left> {
    let name = rule.expressions.windows(2).find_map(|two| match two {
        [
            Expression::Ct {
                key: CT_STATE, to, ..
            },
            Expression::Lookup {
                set,
                from,
                to: Some(LookupTo::Verdict),
                negated: false,
            },
        ] if from == to => Some(set),
        _ => None,
    })?;
    let is_own = |set: &&Set| set.name == *name && set.flags.anonymous;
    let mut set = table.sets.iter().find(is_own)?.clone();
    let key = Key::One(u32::from(state).to_ne_bytes().into());
    let before = set.elements.len();
    set.elements.retain(|element| element.key != key);
    match set.elements.len() {
        0 => Some(Left::Nothing),
        left if left == before => None,
        _ => {
            let same = made(rule, rule.expressions.clone());
            Some(Left::Rule(Box::new(same), Some(Box::new(set))))
        }
    }
}

/// Whether a rule names states at all.
pub(in crate::check::ruleset) fn names_states(rule: &Rule) -> bool {
    rule.expressions.iter().any(|expression| match expression {
        Expression::Ct { key: CT_STATE, .. } => true,
        Expression::Match(Match::Conntrack(asked)) => asked.states.is_some(),
        _ => false,
    })
}

/// The rule, which names no states, for packets of connections that are there already.
pub(in crate::check::ruleset) fn established(table: &Table, rule: &Rule) -> Rule {
    let mut expressions = rule.expressions.clone();
    if table.maker == Maker::Nft {
        let mut tests = vec![Expression::Ct {
            key: CT_STATE,
            direction: None,
            to: REGISTER,
        }];
        tests.extend(among(REGISTER, ESTABLISHED.into()));
        expressions.splice(0..0, tests);
    } else {
        let asked = Conntrack {
            states: Some(Sign {
                negated: false,
                value: ESTABLISHED,
            }),
            ..Conntrack::default()
        };
        let is_end = |e: &Expression| {
            matches!(
                e,
                Expression::Counter { .. } | Expression::Target(_) | Expression::Verdict(_)
            )
        };
        let end = expressions.iter().position(is_end);
        let end = end.unwrap_or(expressions.len());
        expressions.insert(end, Expression::Match(Match::Conntrack(Box::new(asked))));
    }
    made(rule, expressions)
}

/// Tests for one of these states: their bits, in the host's order.
fn among(from: Register, states: u32) -> [Expression; 2] {
    [
        Expression::Bitwise {
            from,
            to: from,
            length: 4,
            op: BitwiseOp::MaskXor {
                mask: states.to_ne_bytes().into(),
                xor: [0; 4].into(),
            },
        },
        Expression::Cmp {
            from,
            op: CmpOp::NotEqual,
            data: [0; 4].into(),
        },
    ]
}

/// Where a rule of `nf_tables` compares the state.
struct StateTest {
    compare: std::ops::Range<usize>,
    from: Register,
    states: u32,
}

impl StateTest {
    fn of(table: &Table, rule: &Rule) -> Option<Self> {
        let all = &rule.expressions;
        let is_state = |e: &&Expression| matches!(e, Expression::Ct { key: CT_STATE, .. });
        if all.iter().filter(is_state).count() != 1 {
            return None;
        }
        let load = all.iter().position(|e| is_state(&e))?;
        let Expression::Ct { to, .. } = &all[load] else {
            return None;
        };
        let word = |bytes: &[u8]| Some(u32::from_ne_bytes(bytes.try_into().ok()?));
        let (count, states) = match all.get(load + 1..)? {
            [
                Expression::Bitwise {
                    from,
                    op: BitwiseOp::MaskXor { mask, .. },
                    ..
                },
                Expression::Cmp {
                    op: CmpOp::NotEqual,
                    data,
                    ..
                },
                ..,
            ] if from == to && word(data)? == 0 => (2, word(mask)?),
            [
                Expression::Cmp {
                    from,
                    op: CmpOp::Equal,
                    data,
                },
                ..,
            ] if from == to => (1, word(data)?),
            [
                Expression::Lookup {
                    set,
                    from,
                    to: None,
                    negated: false,
                },
                ..,
            ] if from == to => {
                let mut states = 0;
                for key in anonymous(table, set)? {
                    let Key::One(one) = key else { return None };
                    states |= word(one)?;
                }
                (1, states)
            }
            _ => return None,
        };
        Some(Self {
            compare: load + 1..load + 1 + count,
            from: *to,
            states,
        })
    }
}
