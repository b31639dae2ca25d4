//! Where an accept must stand in a chain that drops what it is for.
//!
//! After every drop that is the administrator's will about some clients, directly
//! before the drop that meets them all: the general drop, or the policy. An accept
//! at the head would let the banned back in. Where the two cannot both be had,
//! there is no place, and that is said.

mod chains;
mod walk;

use super::flow::Flow;
use super::save::SavedRule;

use walk::{first_ban, place_flow};

pub use chains::Chains;

/// How many jumps deep a packet is followed; the kernel's own limit is
/// `NFT_JUMP_STACK_SIZE`, 16.
const DEPTH: usize = 16;

/// A place in a table: before the `index`th rule of `chain`; at its end where
/// there are no more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The chain.
    pub chain: String,
    /// Counted from 0.
    pub index: usize,
}

/// What becomes of a flow in a chain, and where its accept must stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Before the first general drop; where the flow leaves the base chain if there
    /// is none.
    pub position: Position,
    /// Whether something drops the flow in general.
    pub dropped: bool,
    /// Whether a rule accepts it before any drop.
    pub accepted: bool,
    /// Rules before that place that may take clients away, where it is not known
    /// whether they do: as they were saved.
    pub unsure: Vec<String>,
}

/// Why no place can be named.
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
        /// The rule, as it was saved.
        rule: String,
    },
    /// A ban behind the drop before which the accept would have to stand.
    #[error("an accept before `{drop}` would let in clients that `{ban}` behind it drops")]
    BanBehind {
        /// The drop, as it was saved.
        drop: String,
        /// The ban, as it was saved.
        ban: String,
    },
}

/// Places an accept `rule` that would stand in the base chain `rule.chain`.
/// `outside`: see [`Flow::of_rule`].
///
/// # Errors
/// [`PlacementError`] where that cannot be judged, or where no place is right.
pub fn place(
    chains: &Chains,
    rule: &SavedRule,
    outside: Option<&str>,
) -> Result<Placement, PlacementError> {
    let mut best: Option<Placement> = None;
    for flow in Flow::of_rule(rule, outside) {
        let found = place_flow(chains, &rule.chain, &flow)?;
        best = Some(match best {
            None => found,
            Some(best) => earlier(chains, rule, best, found)?,
        });
    }
    Ok(best.unwrap_or_else(|| Placement {
        position: chains.end_of(&rule.chain),
        dropped: false,
        accepted: false,
        unsure: Vec::new(),
    }))
}

/// One place for two states of a connection: that of the drop, the earlier of two,
/// if no ban on the other's way lies behind it.
fn earlier(
    chains: &Chains,
    rule: &SavedRule,
    a: Placement,
    b: Placement,
) -> Result<Placement, PlacementError> {
    let b_first = match (a.dropped, b.dropped) {
        (true, false) => false,
        (false, true) => true,
        _ => b.position < a.position,
    };
    let (mut first, last) = if b_first { (b, a) } else { (a, b) };
    first.unsure.extend(
        last.unsure
            .iter()
            .filter(|r| !first.unsure.contains(r))
            .cloned()
            .collect::<Vec<_>>(),
    );
    let same_chain = last.position.chain == first.position.chain;
    let never_there = last.accepted && !same_chain;
    let before = !last.dropped && same_chain && last.position < first.position;
    if first.position == last.position || never_there || before {
        return Ok(first);
    }
    match ban_between(chains, rule, &first.position, &last.position) {
        None => Ok(first),
        Some(ban) => Err(PlacementError::BanBehind {
            drop: line_at(chains, &first.position),
            ban,
        }),
    }
}

fn line_at(chains: &Chains, at: &Position) -> String {
    chains.rules_of(&at.chain).get(at.index).map_or_else(
        || format!("the policy of {}", at.chain),
        |rule| rule.line.clone(),
    )
}

/// A drop that is the administrator's will about this rule's packets, between two
/// places of one chain, as it was saved; for places in different chains the later.
#[must_use]
pub fn ban_between(
    chains: &Chains,
    rule: &SavedRule,
    first: &Position,
    last: &Position,
) -> Option<String> {
    if first.chain != last.chain {
        return Some(line_at(chains, last));
    }
    let between = chains
        .rules_of(&first.chain)
        .get(first.index..last.index)
        .unwrap_or_default();
    Flow::of_rule(rule, None)
        .iter()
        .find_map(|flow| first_ban(chains, flow, between))
}
