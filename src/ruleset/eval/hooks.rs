//! Which base chains a hook calls, in which order.
//!
//! Lower priorities first. At the same priority the kernel calls the newest registered
//! first (`nf_hook_entries_grow`): within a table that is the one made last, between
//! tables nobody can tell.

use crate::model::net::Family;

use super::super::live::table::{Hook, Kind, Policy, TableFamily};
use super::super::live::{Ruleset, Table};
use super::routine::Routine;

/// `NF_IP_PRI_CONNTRACK`
const CONNTRACK: i32 = -200;
/// `NF_IP_PRI_NAT_DST`
const NAT_DESTINATION: i32 = -100;
/// `NF_IP_PRI_NAT_SRC`
const NAT_SOURCE: i32 = 100;

/// What a hook calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// A base chain, by its number among all chains.
    Chain(usize),
    /// Connection tracking (`nf_conntrack_in`).
    Conntrack,
    /// NAT (`nf_nat_inet_fn`), which calls the NAT chains of the hook.
    Nat,
}

/// What is called at one priority: strands, each in a known order, whose order among
/// themselves is not known.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) priority: i32,
    pub(super) strands: Vec<Vec<Call>>,
    /// The table of each strand; none for what the kernel calls itself.
    tables: Vec<Option<usize>>,
}

/// What one hook calls.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls {
    pub(super) levels: Vec<Level>,
    /// The NAT chains that NAT calls here.
    pub(super) nat: Vec<Level>,
}

/// What all hooks call for the packets of one IP version.
#[derive(Debug, Clone, Default)]
pub(super) struct Hooks {
    calls: [Calls; HOOKS.len()],
}

const HOOKS: [Hook; 7] = [
    Hook::Ingress,
    Hook::Prerouting,
    Hook::Input,
    Hook::Forward,
    Hook::Output,
    Hook::Postrouting,
    Hook::Egress,
];

impl Hooks {
    pub(super) fn new(ruleset: &Ruleset, chains: &[Routine<'_>], family: Family) -> Self {
        Self {
            calls: HOOKS.map(|hook| calls(ruleset, chains, family, hook)),
        }
    }

    /// Whether there are NAT chains.
    pub(super) fn have_nat(&self) -> bool {
        self.calls.iter().any(|calls| !calls.nat.is_empty())
    }

    pub(super) fn at(&self, hook: Hook) -> Option<&Calls> {
        let at = HOOKS.iter().position(|&known| known == hook)?;
        self.calls.get(at)
    }
}

fn calls(ruleset: &Ruleset, chains: &[Routine<'_>], family: Family, hook: Hook) -> Calls {
    let mut calls = Calls::default();
    if matches!(hook, Hook::Prerouting | Hook::Output) {
        add(&mut calls.levels, CONNTRACK, None, Call::Conntrack);
    }
    match hook {
        Hook::Prerouting | Hook::Output => {
            add(&mut calls.levels, NAT_DESTINATION, None, Call::Nat);
        }
        Hook::Input | Hook::Postrouting => add(&mut calls.levels, NAT_SOURCE, None, Call::Nat),
        _ => {}
    }
    // The newest first.
    for (number, chain) in chains.iter().enumerate().rev() {
        let Some(base) = chain.source.base.as_ref() else {
            continue;
        };
        let Some(table) = ruleset.tables.get(chain.table) else {
            continue;
        };
        // An empty chain that lets everything pass is as good as none.
        let idle =
            chain.source.rules.is_empty() && base.policy == Policy::Accept && !is_nat(&base.kind);
        if table.dormant || idle || base.hook != hook || !sees(table, family, hook) {
            continue;
        }
        let levels = if is_nat(&base.kind) {
            &mut calls.nat
        } else {
            &mut calls.levels
        };
        add(
            levels,
            base.priority,
            Some(chain.table),
            Call::Chain(number),
        );
    }
    calls.levels.sort_by_key(|level| level.priority);
    calls.nat.sort_by_key(|level| level.priority);
    calls
}

/// Adds a call to its level: to the strand of its table, or as a strand of its own.
fn add(levels: &mut Vec<Level>, priority: i32, table: Option<usize>, call: Call) {
    let at = levels
        .iter()
        .position(|level| level.priority == priority)
        .unwrap_or_else(|| {
            levels.push(Level {
                priority,
                strands: Vec::new(),
                tables: Vec::new(),
            });
            levels.len() - 1
        });
    let level = &mut levels[at];
    let strand = table.and_then(|table| level.tables.iter().position(|&t| t == Some(table)));
    if let Some(strand) = strand {
        level.strands[strand].push(call);
    } else {
        level.strands.push(vec![call]);
        level.tables.push(table);
    }
}

/// Whether a table's chains see IPv4 or IPv6 packets at a hook of theirs.
fn sees(table: &Table, family: Family, hook: Hook) -> bool {
    match (table.family, family) {
        (TableFamily::Inet, _)
        | (TableFamily::Ip, Family::Ipv4)
        | (TableFamily::Ip6, Family::Ipv6) => true,
        (TableFamily::Netdev, _) => matches!(hook, Hook::Ingress | Hook::Egress),
        _ => false,
    }
}

/// Whether a base chain is one of NAT, which the kernel calls by its own hook.
fn is_nat(kind: &Kind) -> bool {
    *kind == Kind::Nat
}
