//! Where an accept must stand in a chain that drops what it is for.
//!
//! After every drop that is the administrator's will about some clients, directly
//! before the drop that meets them all: the general drop, or the policy. An accept
//! at the head would let the banned back in.

use super::flow::{Fit, Flow};
use super::save::{SavedRule, Table};

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
    /// Before the first general drop; at the end of the base chain where there is none.
    pub position: Position,
    /// Whether something drops the flow in general.
    pub dropped: bool,
    /// Rules that drop what comes in on an interface, where it is not known
    /// whether clients do: as they were saved.
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
        "the rule `{rule}` lets this in at a limited rate, and an accept behind it would lift the limit"
    )]
    Limited {
        /// The rule, as it was saved.
        rule: String,
    },
}

/// Places an accept `rule` that would stand in the base chain `rule.chain` of
/// `table`. `outside`: see [`Flow::of_rule`].
///
/// # Errors
/// [`PlacementError`] where that cannot be judged.
pub fn place(
    table: &Table,
    rule: &SavedRule,
    outside: Option<&str>,
) -> Result<Placement, PlacementError> {
    let mut best: Option<Placement> = None;
    for flow in Flow::of_rule(rule, outside) {
        let found = place_flow(table, &rule.chain, &flow)?;
        let earlier = match &best {
            None => true,
            Some(best) => (!found.dropped, &found.position) < (!best.dropped, &best.position),
        };
        if earlier {
            best = Some(found);
        }
    }
    Ok(best.unwrap_or_else(|| Placement {
        position: end_of(table, &rule.chain),
        dropped: false,
        unsure: Vec::new(),
    }))
}

/// Whether a drop that is the administrator's will about this flow stands
/// between two places of one chain; places in different chains: yes.
#[must_use]
pub fn will_between(table: &Table, rule: &SavedRule, first: &Position, last: &Position) -> bool {
    if first.chain != last.chain {
        return true;
    }
    let between = |rule: &SavedRule| {
        table
            .rules_of(&first.chain)
            .enumerate()
            .filter(|(index, _)| (first.index..last.index).contains(index))
            .any(|(_, foreign)| {
                Flow::of_rule(rule, None).iter().any(|flow| {
                    flow.fit(foreign) != Fit::Nothing && may_drop(table, foreign, DEPTH)
                })
            })
    };
    between(rule)
}

fn place_flow(table: &Table, base: &str, flow: &Flow) -> Result<Placement, PlacementError> {
    let mut walk = Walk {
        table,
        flow,
        unsure: Vec::new(),
    };
    let policy_drops = table
        .chain(base)
        .is_some_and(|c| c.policy.as_deref() == Some("DROP"));
    let (position, dropped) = match walk.chain(base, DEPTH)? {
        Course::Dropped { at, .. } => (at, true),
        Course::Passed => (end_of(table, base), false),
        Course::Through { at, .. } => (walk.before_logs(at), policy_drops),
    };
    let unsure = if flow.is_new() {
        walk.unsure
    } else {
        Vec::new()
    };
    Ok(Placement {
        position,
        dropped,
        unsure,
    })
}

fn end_of(table: &Table, chain: &str) -> Position {
    Position {
        chain: chain.to_owned(),
        index: table.rules_of(chain).count(),
    }
}

/// What a chain does with the flow.
enum Course {
    /// A general drop at this place; `bans`: drops by will stand before it in
    /// its chain or below.
    Dropped { at: Position, bans: bool },
    /// Accepted, or taken from the chain for good otherwise.
    Passed,
    /// On to the rule after the jump, or to the policy; `at`: the last place in
    /// this chain that it passes.
    Through { at: Position, bans: bool },
}

struct Walk<'a> {
    table: &'a Table,
    flow: &'a Flow,
    unsure: Vec<String>,
}

impl Walk<'_> {
    fn chain(&mut self, chain: &str, depth: usize) -> Result<Course, PlacementError> {
        let mut bans = false;
        for (index, rule) in self.table.rules_of(chain).enumerate() {
            let fit = self.flow.fit(rule);
            let target = rule.target().unwrap_or_default();
            let here = Position {
                chain: chain.to_owned(),
                index,
            };
            match (fit, target) {
                (Fit::Nothing, _) => {}
                (Fit::All | Fit::Some, "DROP" | "REJECT") => {
                    return Ok(Course::Dropped {
                        at: self.before_logs(here),
                        bans,
                    });
                }
                (Fit::All, "ACCEPT") => return Ok(Course::Passed),
                (Fit::All, "RETURN") => return Ok(Course::Through { at: here, bans }),
                (Fit::All | Fit::Some, _) if self.is_chain(target) && depth > 0 => {
                    match self.enter(rule, here, depth)? {
                        Course::Dropped { at, bans: inner } => {
                            return Ok(Course::Dropped {
                                at,
                                bans: bans || inner,
                            });
                        }
                        Course::Passed if fit == Fit::All => return Ok(Course::Passed),
                        Course::Passed => {}
                        Course::Through { at, bans: inner } => {
                            bans |= inner;
                            if rule.is_goto() && fit == Fit::All {
                                return Ok(Course::Through { at, bans });
                            }
                        }
                    }
                }
                (Fit::Will, "ACCEPT") if limits_ports(rule) => {
                    return Err(PlacementError::Limited {
                        rule: rule.line.clone(),
                    });
                }
                (Fit::Interface, _) if may_drop(self.table, rule, depth) => {
                    self.unsure.push(rule.line.clone());
                    bans = true;
                }
                (_, _) => bans |= may_drop(self.table, rule, depth),
            }
        }
        Ok(Course::Through {
            at: end_of(self.table, chain),
            bans,
        })
    }

    /// What a chain below does. Where it drops everyone, or is not come back from,
    /// the accept goes before the jump, unless bans stand on the way there.
    fn enter(
        &mut self,
        rule: &SavedRule,
        here: Position,
        depth: usize,
    ) -> Result<Course, PlacementError> {
        let target = rule.target().unwrap_or_default().to_owned();
        match self.chain(&target, depth - 1)? {
            Course::Dropped { at, bans } => {
                let at = self.before_jump_or_inside(&target, here, at, bans)?;
                Ok(Course::Dropped { at, bans })
            }
            Course::Through { at, bans } if rule.is_goto() => {
                let at = self.before_jump_or_inside(&target, here, at, bans)?;
                Ok(Course::Through { at, bans })
            }
            other => Ok(other),
        }
    }

    fn before_jump_or_inside(
        &self,
        target: &str,
        jump: Position,
        inside: Position,
        bans: bool,
    ) -> Result<Position, PlacementError> {
        if !bans {
            return Ok(self.before_logs(jump));
        }
        match self
            .table
            .rules
            .iter()
            .filter(|r| r.target() == Some(target))
            .count()
        {
            1 => Ok(inside),
            count => Err(PlacementError::SharedChain {
                chain: target.to_owned(),
                count,
            }),
        }
    }

    /// Before the log lines that belong to a drop: what is accepted is no news.
    fn before_logs(&self, at: Position) -> Position {
        let rules: Vec<&SavedRule> = self.table.rules_of(&at.chain).take(at.index).collect();
        let logs = rules
            .iter()
            .rev()
            .take_while(|r| matches!(r.target(), Some("LOG" | "NFLOG")) && only_limited(r))
            .count();
        Position {
            index: at.index - logs,
            ..at
        }
    }

    fn is_chain(&self, name: &str) -> bool {
        self.table.chain(name).is_some()
    }
}

/// Whether the rule accepts certain ports at a rate or up to a count: what the
/// drop behind it takes is then the administrator's will too.
fn limits_ports(rule: &SavedRule) -> bool {
    let has = |names: &[&str]| rule.words.iter().any(|w| names.contains(&w.as_str()));
    has(&["--dport", "--dports"]) && has(&["limit", "hashlimit", "connlimit", "recent"])
}

/// Whether the rule logs whatever reaches it, at most at a rate.
fn only_limited(rule: &SavedRule) -> bool {
    let modules = rule
        .words
        .iter()
        .zip(rule.words.iter().skip(1))
        .filter(|(m, _)| *m == "-m");
    let tests = ["-s", "-d", "-i", "-o", "-p"];
    modules
        .map(|(_, name)| name.as_str())
        .all(|m| m == "limit" || m == "comment")
        && !rule.words.iter().any(|w| tests.contains(&w.as_str()))
}

/// Whether some packet may be dropped by this rule or in a chain it leads to.
fn may_drop(table: &Table, rule: &SavedRule, depth: usize) -> bool {
    match rule.target() {
        Some("DROP" | "REJECT" | "NFQUEUE" | "QUEUE") => true,
        Some(target) if depth > 0 && table.chain(target).is_some() => table
            .rules_of(target)
            .any(|r| may_drop(table, r, depth - 1)),
        _ => false,
    }
}
