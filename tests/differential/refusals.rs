//! Whether rules may drop a refusal on its way to who is refused.

use std::collections::BTreeSet;

use ftpnat::ruleset::live::expression::{LookupTo, Verdict};
use ftpnat::ruleset::live::table::{Hook, Policy, Value};
use ftpnat::ruleset::live::xt::Target;
use ftpnat::ruleset::live::{Expression, Ruleset, Table};

use crate::wire::Side;

/// Whether a chain that a refusal meets could drop it: those of output and postrouting,
/// and for a packet of the router's own, whose refusal comes back by `lo`, all but forward.
pub(crate) fn may_be_lost(ruleset: &Ruleset, from: Side) -> bool {
    ruleset.tables.iter().any(|table| {
        table.chains.iter().any(|chain| {
            let Some(base) = &chain.base else {
                return false;
            };
            let meets = match base.hook {
                Hook::Output | Hook::Postrouting | Hook::Egress => true,
                Hook::Prerouting | Hook::Input => from == Side::Router,
                _ => false,
            };
            meets
                && (base.policy == Policy::Drop || drops(table, &chain.name, &mut BTreeSet::new()))
        })
    })
}

/// Whether a rule of a chain, or of one that it leads to, drops or refuses.
fn drops<'r>(table: &'r Table, chain: &'r str, seen: &mut BTreeSet<&'r str>) -> bool {
    if !seen.insert(chain) {
        return false;
    }
    let Some(chain) = table.chains.iter().find(|c| c.name == chain) else {
        return false;
    };
    let mut verdict = |verdict: &'r Verdict| match verdict {
        Verdict::Jump(to) | Verdict::Goto(to) => drops(table, to, seen),
        Verdict::Accept | Verdict::Continue | Verdict::Return => false,
        Verdict::Drop | Verdict::Queue | Verdict::Other(_) => true,
    };
    chain
        .rules
        .iter()
        .flat_map(|rule| &rule.expressions)
        .any(|expression| match expression {
            Expression::Verdict(said) | Expression::Target(Target::Verdict(said)) => verdict(said),
            // A translation may turn it away.
            Expression::Reject { .. }
            | Expression::Target(Target::Reject { .. } | Target::Nat(_))
            | Expression::Nat(_) => true,
            Expression::Lookup {
                set,
                to: Some(LookupTo::Verdict),
                ..
            } => table
                .sets
                .iter()
                .filter(|known| known.name == *set)
                .flat_map(|set| &set.elements)
                .any(|element| match &element.value {
                    Some(Value::Verdict(said)) => verdict(said),
                    _ => false,
                }),
            _ => false,
        })
}
