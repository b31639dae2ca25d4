//! Where an accept must stand in a base chain that drops what it is for.
//!
//! After every drop that is the administrator's will about some clients, directly
//! before the drop that meets them all: the general drop, or the policy. An accept
//! at the head would let the banned back in. Where the two cannot both be had,
//! there is no place, and that is said.
//!
//! - [`Wanted`] says which packets the accept is for.
//! - `fit` asks the evaluator what one rule does with them, and how much of them it
//!   meets; `about` tells what a test is about where the answer is not known.
//! - `leads` knows which chains may drop, and which rules lead where.
//! - `walk`, with `jump` and `bans`, follows the packets to the drop that meets all of them.

mod about;
mod bans;
mod fit;
mod flow;
mod jump;
mod leads;
mod walk;
mod wanted;
mod will;

#[cfg(test)]
mod tests;

use crate::model::filter;
use crate::model::net::Family;

use super::eval::{self, Prepared};
use super::live::Ruleset;
use super::live::print;
use super::live::table::{Hook, Kind, TableFamily};

use walk::{Walk, place_flow};

pub use leads::{has_rate, leads_to};
pub use wanted::Wanted;
pub use will::{is_will, is_will_to_clients};

/// How many jumps deep a packet is followed (`NFT_JUMP_STACK_SIZE`).
const DEPTH: usize = 16;

/// A place in a chain: before its `index`th rule; at its end where there are no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The number of the table in [`Ruleset::tables`].
    pub table: usize,
    /// The number of the chain in the table.
    pub chain: usize,
    /// The number of the rule in the chain, from 0.
    pub index: usize,
}

/// What becomes of packets in a base chain, and where their accept must stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Before the first general drop; where the packets leave the base chain if there
    /// is none.
    pub position: Position,
    /// Whether something drops them in general.
    pub dropped: bool,
    /// Whether a rule accepts them before any drop.
    pub accepted: bool,
    /// Rules before that place that may take clients away, where it is not known
    /// whether they do.
    pub unsure: Vec<eval::Place>,
}

/// Why no place can be named; rules are printed as the host's own tools print them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// A chain with bans and a general drop that is entered from several places.
    #[error(
        "chain {chain} drops some clients and then everyone, and {count} rules lead to it: \
         no single place before its last drop is right for all of them"
    )]
    SharedChain {
        /// The chain.
        chain: String,
        /// How many rules jump there.
        count: usize,
    },
    /// The administrator lets this traffic in at a rate.
    #[error(
        "the rule `{rule}` lets this in at a limited rate, and an accept behind it would lift \
         the limit"
    )]
    Limited {
        /// The rule.
        rule: String,
    },
    /// A ban behind the drop before which the accept would have to stand.
    #[error("an accept before `{drop}` would let in clients that `{ban}` behind it drops")]
    BanBehind {
        /// The drop.
        drop: String,
        /// The ban.
        ban: String,
    },
}

/// Places an accept that would stand in the base chain `base`, of a table and a chain by
/// their numbers.
///
/// # Errors
/// [`PlacementError`] where no place is right.
pub fn place(
    prepared: &Prepared<'_>,
    base: (usize, usize),
    wanted: &Wanted,
) -> Result<Placement, PlacementError> {
    let mut best: Option<Placement> = None;
    for flow in &wanted.flows {
        let found = place_flow(prepared, base, flow)?;
        best = Some(match best {
            None => found,
            Some(best) => earlier(prepared, wanted, best, found)?,
        });
    }
    Ok(best.unwrap_or_else(|| Placement {
        position: end_of(prepared.ruleset(), base),
        dropped: false,
        accepted: false,
        unsure: Vec::new(),
    }))
}

/// The base chains that see a family's packets at a hook: of the types `filter` and
/// `route`, in force, not ftpnat's own. In the order of the ruleset.
#[must_use]
pub fn base_chains(ruleset: &Ruleset, hook: filter::Hook, family: Family) -> Vec<(usize, usize)> {
    let sees = |of: TableFamily| match family {
        Family::Ipv4 => matches!(of, TableFamily::Ip | TableFamily::Inet),
        Family::Ipv6 => matches!(of, TableFamily::Ip6 | TableFamily::Inet),
    };
    let mut found = Vec::new();
    for (table_number, table) in ruleset.tables.iter().enumerate() {
        let ours = table.family == TableFamily::Inet && table.name == OWN_TABLE;
        if table.dormant || ours || !sees(table.family) {
            continue;
        }
        let bases = table.chains.iter().enumerate().filter(|(_, chain)| {
            chain.base.as_ref().is_some_and(|base| {
                base.hook == hook_here(hook) && matches!(base.kind, Kind::Filter | Kind::Route)
            })
        });
        found.extend(bases.map(|(chain, _)| (table_number, chain)));
    }
    found
}

/// The name of ftpnat's own table, `inet`.
const OWN_TABLE: &str = "ftpnat";

fn hook_here(hook: filter::Hook) -> Hook {
    match hook {
        filter::Hook::Prerouting => Hook::Prerouting,
        filter::Hook::Input => Hook::Input,
        filter::Hook::Forward => Hook::Forward,
        filter::Hook::Output => Hook::Output,
        filter::Hook::Postrouting => Hook::Postrouting,
    }
}

/// One place for two parts of the packets: that of the drop, the earlier of two, if no
/// ban on the other's way lies behind it.
fn earlier(
    prepared: &Prepared<'_>,
    wanted: &Wanted,
    a: Placement,
    b: Placement,
) -> Result<Placement, PlacementError> {
    let b_first = match (a.dropped, b.dropped) {
        (true, false) => false,
        (false, true) => true,
        _ => b.position < a.position,
    };
    let (mut first, last) = if b_first { (b, a) } else { (a, b) };
    for place in last.unsure {
        if !first.unsure.contains(&place) {
            first.unsure.push(place);
        }
    }
    let same_chain = last.position.chain == first.position.chain;
    let never_there = last.accepted && !same_chain;
    let before = !last.dropped && same_chain && last.position < first.position;
    if first.position == last.position || never_there || before {
        return Ok(first);
    }
    match ban_between(prepared, wanted, first.position, last.position) {
        None => Ok(first),
        Some(ban) => Err(PlacementError::BanBehind {
            drop: line_at(prepared.ruleset(), first.position),
            ban,
        }),
    }
}

/// A drop that is the administrator's will about some of the packets, between two places
/// of one chain, as it is printed; for places in different chains the later.
#[must_use]
pub fn ban_between(
    prepared: &Prepared<'_>,
    wanted: &Wanted,
    first: Position,
    last: Position,
) -> Option<String> {
    if (first.table, first.chain) != (last.table, last.chain) {
        return Some(line_at(prepared.ruleset(), last));
    }
    let ban = wanted.flows.iter().find_map(|flow| {
        let mut walk = Walk::new(prepared, (first.table, first.chain), flow);
        walk.first_ban(first.chain, first.index..last.index)
    });
    ban.map(|place| rule_at(prepared.ruleset(), place))
}

/// The end of a chain.
fn end_of(ruleset: &Ruleset, (table, chain): (usize, usize)) -> Position {
    let rules = ruleset.tables.get(table).and_then(|t| t.chains.get(chain));
    Position {
        table,
        chain,
        index: rules.map_or(0, |chain| chain.rules.len()),
    }
}

fn line_at(ruleset: &Ruleset, at: Position) -> String {
    rule_at(
        ruleset,
        eval::Place {
            table: at.table,
            chain: at.chain,
            rule: Some(at.index),
        },
    )
}

/// A rule as the host's tools print it; behind the last rule the policy.
fn rule_at(ruleset: &Ruleset, place: eval::Place) -> String {
    let Some(table) = ruleset.tables.get(place.table) else {
        return String::new();
    };
    let Some(chain) = table.chains.get(place.chain) else {
        return String::new();
    };
    match place.rule.and_then(|rule| chain.rules.get(rule)) {
        Some(rule) if !rule.line.is_empty() => rule.line.clone(),
        Some(rule) => print::rule(rule, &chain.name, table),
        None => format!("the policy of {}", chain.name),
    }
}
