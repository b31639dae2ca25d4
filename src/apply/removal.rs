//! What to do where profiles go, and a profile that stays cannot be placed any more: its
//! rules stay as they are.

use crate::plan::Plan;
use crate::render::restore::step;
use crate::ruleset::change::{ChainAt, Operation};
use crate::ruleset::live::table::Maker;
use crate::ruleset::live::{Rule, Ruleset};
use crate::ruleset::save::Save;

use super::intent::{Host, Intent, Loading, Program, own_tables, put_in};
use super::ours::{has_ours, is_own_table, tag};
use super::record::Backend;

/// The iptables programs whose tables have rules of ours.
pub(super) fn programs(ruleset: &Ruleset) -> Vec<Program> {
    let of_ours = |program: &Program| {
        let mut tables = ruleset.tables.iter();
        tables.any(|table| program.has(table) && has_ours(table))
    };
    Program::ALL.into_iter().filter(of_ours).collect()
}

/// Takes out what serves the profiles that leave, and makes our own table that of `plan`,
/// of those that stay. `saves`: of each of [`programs`].
pub(super) fn removal(
    plan: &Plan,
    leaving: &[String],
    back_end: Backend,
    host: Host,
    saves: &[(Program, Save)],
) -> Intent {
    let mut operations = own_tables(plan, back_end, host.ruleset);
    operations.extend(guests_of(leaving, host.ruleset));
    let mut after = host.ruleset.changed_by(&operations);
    let names: Vec<&str> = leaving.iter().map(String::as_str).collect();
    let mut steps = Vec::new();
    for (program, save) in saves {
        if let Some(step) = step::removal(save, Some(&names), program.family) {
            put_in(&mut after, *program, &step.after);
            steps.push(Loading {
                program: *program,
                before: save.clone(),
                step,
            });
        }
    }
    Intent {
        operations,
        steps,
        after,
        iptables_first: back_end != Backend::Nft,
        warnings: Vec::new(),
        fleeting: None,
        owned: None,
    }
}

fn guests_of(leaving: &[String], ruleset: &Ruleset) -> Vec<Operation> {
    let is_leaving = |rule: &&Rule| {
        let profile = rule.comment.as_deref().and_then(tag).map(|(name, _)| name);
        profile.is_some_and(|name| leaving.iter().any(|of| of == name))
    };
    let mut operations = Vec::new();
    let native = ruleset.tables.iter();
    for table in native.filter(|t| t.maker == Maker::Nft && !is_own_table(t)) {
        for chain in &table.chains {
            let rules = chain.rules.iter().filter(is_leaving);
            operations.extend(rules.map(|rule| Operation::DeleteRule {
                at: ChainAt {
                    family: table.family,
                    table: table.name.clone(),
                    chain: chain.name.clone(),
                },
                handle: rule.handle,
            }));
        }
    }
    operations
}
