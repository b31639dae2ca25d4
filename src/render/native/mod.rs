//! A plan as `nf_tables` holds it: our own tables, and the guests that stand in others'.
//!
//! The expressions are those that nft(8) makes of our text, and the text is printed from
//! these tables ([`crate::render::nftables`]): what one way loads is what the other does.

mod assemble;
mod commute;
mod field;
mod guests;
mod key;
mod merge;
mod numbers;
mod sets;
mod shared;
mod slot;
mod values;

use std::collections::HashSet;

use crate::model::filter::{Chain, Demand, Hook, Purpose, Rule, Statement};
use crate::model::net::Family;
use crate::plan::Plan;
use crate::ruleset::live;
use crate::ruleset::live::table::{
    Base, Kind, Maker, Object, ObjectKind, Policy, Table, TableFamily,
};

use shared::Written;

pub use guests::guests;

/// The name of our own tables.
pub const TABLE: &str = "ftpnat";

/// The name of the object by which rules assign the helper.
pub(super) const HELPER: &str = "ftp";

/// Our own tables, whole: each replaces the one of its family and name. Rules of several
/// profiles that differ in addresses, ports and targets only are one rule with a set or
/// map, where the kernel has the sets for it; what such a set holds for a profile carries
/// the comment `ftpnat:PROFILE:RULE`, the rule itself `ftpnat::RULE`.
///
/// Replies that another table might drop are left out: an accept here cannot overrule it.
/// Handles are 0; anonymous sets are `__set0` and so on, as the kernel counts them.
#[must_use]
pub fn own_tables(plan: &Plan) -> Vec<Table> {
    let rules: Vec<&Rule> = plan
        .rules()
        .filter(|rule| rule.demand == Demand::Always)
        .collect();
    let is_merged = plan.profiles.len() > 1 && plan.maps;
    families(plan.inet_nat)
        .iter()
        .map(|family| own_table(&rules, plan.inet_nat, *family, is_merged))
        .collect()
}

/// As much of our own tables as these rules need, each of them by itself. `inet_nat`: as
/// [`Plan::inet_nat`].
#[must_use]
pub fn tables_for(rules: &[&Rule], inet_nat: bool) -> Vec<Table> {
    let families = families(inet_nat).iter();
    families
        .map(|family| own_table(rules, inet_nat, *family, false))
        .filter(|table| !table.chains.is_empty())
        .collect()
}

/// A rule alone in a table of family `inet`, as it is listed there: for those who want to
/// print it.
pub(super) fn alone(rule: &Rule) -> (live::Rule, Table) {
    let mut table = empty(TableFamily::Inet);
    let rule = assemble::rule(rule, TableFamily::Inet, &mut table.sets);
    (rule, table)
}

/// Kernels before 5.2 have NAT chains in `ip` and `ip6` tables only.
fn families(inet_nat: bool) -> &'static [TableFamily] {
    if inet_nat {
        &[TableFamily::Inet]
    } else {
        &[TableFamily::Inet, TableFamily::Ip, TableFamily::Ip6]
    }
}

fn stands_in(inet_nat: bool, rule: &Rule, table: TableFamily) -> bool {
    let is_nat = rule.chain.purpose == Purpose::Nat;
    match table {
        TableFamily::Ip => is_nat && rule.families.contains(&Family::Ipv4),
        TableFamily::Ip6 => is_nat && rule.families.contains(&Family::Ipv6),
        _ => inet_nat || !is_nat,
    }
}

fn empty(family: TableFamily) -> Table {
    Table::new(family, TABLE, Maker::Nft)
}

fn own_table(rules: &[&Rule], inet_nat: bool, family: TableFamily, is_merged: bool) -> Table {
    let mut rules: Vec<&Rule> = rules
        .iter()
        .copied()
        .filter(|rule| stands_in(inet_nat, rule, family))
        .collect();
    // Stable: in a chain the rules keep the order of their profiles.
    rules.sort_by_key(|rule| rule.chain);
    let mut table = empty(family);
    if rules.iter().any(|r| r.statement == Statement::AssignHelper) {
        table.objects.push(helper());
    }
    let mut anonymous = Vec::new();
    let mut taken = HashSet::new();
    for of_chain in rules.chunk_by(|a, b| a.chain == b.chain) {
        let Some(first) = of_chain.first() else {
            continue;
        };
        let written = if is_merged {
            merge::merged(of_chain)
        } else {
            of_chain.iter().map(|rule| Written::Alone(rule)).collect()
        };
        let mut chain = base_chain(first.chain);
        for entry in written {
            chain.rules.push(match entry {
                Written::Alone(rule) => assemble::rule(rule, family, &mut anonymous),
                Written::Shared(shared) => {
                    let (rule, set) = shared.lowered(family, &mut taken, &mut anonymous);
                    table.sets.extend(set);
                    rule
                }
            });
        }
        table.chains.push(chain);
    }
    // As nft makes them: those with names first.
    table.sets.extend(anonymous);
    table
}

/// `ct helper ftp { type "ftp" protocol tcp; }` for both families.
fn helper() -> Object {
    const NFPROTO_INET: u16 = 1;
    Object {
        name: HELPER.to_owned(),
        handle: 0,
        comment: None,
        what: ObjectKind::Helper {
            helper: "ftp".to_owned(),
            family: NFPROTO_INET,
            protocol: values::TCP,
        },
    }
}

/// The name of a chain of ours.
pub(super) fn chain_name(chain: Chain) -> String {
    let purpose = match chain.purpose {
        Purpose::Helper => "helper",
        Purpose::Nat => "nat",
        Purpose::Filter => "filter",
    };
    format!("{purpose}_{}", chain.hook)
}

fn base_chain(chain: Chain) -> live::Chain {
    let (kind, priority) = match (chain.purpose, chain.hook) {
        // After conntrack (-200), before DNAT (-100): see `Purpose::Helper`.
        (Purpose::Helper, _) => (Kind::Filter, -150),
        // Before other nat chains: the first that maps wins, and at equal
        // priority that is the newest, which we are not after their reload.
        (Purpose::Nat, Hook::Postrouting) => (Kind::Nat, 90),
        (Purpose::Nat, _) => (Kind::Nat, -110),
        (Purpose::Filter, _) => (Kind::Filter, 0),
    };
    live::Chain {
        name: chain_name(chain),
        handle: 0,
        base: Some(Base {
            hook: hook(chain.hook),
            priority,
            kind,
            policy: Policy::Accept,
            devices: Vec::new(),
        }),
        comment: None,
        rules: Vec::new(),
    }
}

fn hook(hook: Hook) -> live::table::Hook {
    match hook {
        Hook::Prerouting => live::table::Hook::Prerouting,
        Hook::Input => live::table::Hook::Input,
        Hook::Forward => live::table::Hook::Forward,
        Hook::Output => live::table::Hook::Output,
        Hook::Postrouting => live::table::Hook::Postrouting,
    }
}
