//! A flow's way through the chains, up to the drop that meets all of it.

use std::collections::HashMap;

use crate::ruleset::flow::{Fit, Flow};
use crate::ruleset::save::SavedRule;

use super::chains::{Chains, Drops};
use super::{DEPTH, Placement, PlacementError, Position, line_at};

/// Modules that count or time: what they let through they let through at a rate.
const RATES: [&str; 4] = ["limit", "hashlimit", "connlimit", "recent"];

/// What becomes of a flow in a base chain.
pub(super) fn place_flow(
    chains: &Chains,
    base: &str,
    flow: &Flow,
) -> Result<Placement, PlacementError> {
    let mut walk = Walk::new(chains, flow);
    let policy_drops = chains.policy_drops(base);
    let (position, dropped, accepted) = match walk.chain(base, DEPTH)? {
        Course::Dropped { at, .. } => (at, true, false),
        Course::Passed => (chains.end_of(base), false, true),
        Course::Through {
            limited: Some(rule),
            ..
        } if policy_drops => {
            return Err(PlacementError::Limited { rule });
        }
        Course::Through { at, .. } => (walk.before_logs(at), policy_drops, false),
    };
    let unsure = if flow.is_new() {
        walk.unsure
    } else {
        Vec::new()
    };
    Ok(Placement {
        position,
        dropped,
        accepted,
        unsure,
    })
}

/// The first of `rules` that drops some of the flow by the administrator's will, as
/// it was saved.
pub(super) fn first_ban(chains: &Chains, flow: &Flow, rules: &[&SavedRule]) -> Option<String> {
    let mut walk = Walk::new(chains, flow);
    rules
        .iter()
        .find(|rule| walk.is_ban(rule, DEPTH))
        .map(|rule| rule.line.clone())
}

/// What a chain does with the flow.
#[derive(Debug, Clone)]
enum Course {
    /// A general drop, for which the accept goes to this place.
    Dropped {
        at: Position,
        /// Some clients are dropped, or leave, on the way there.
        bans: bool,
    },
    /// Accepted, or taken from the chain for good otherwise.
    Passed,
    /// On to the rule after the jump, or to the policy.
    Through {
        /// The last place in this chain that it passes.
        at: Position,
        bans: bool,
        /// A rule that let part of it in at a rate, as it was saved.
        limited: Option<String>,
    },
}

struct Walk<'a> {
    chains: &'a Chains<'a>,
    flow: &'a Flow,
    unsure: Vec<String>,
    drops: Drops,
    known: HashMap<String, Course>,
    /// Which chains drop some of the flow by will.
    banning: HashMap<String, bool>,
}

/// What was met in a chain so far.
#[derive(Default)]
struct Met {
    bans: bool,
    limited: Option<String>,
    /// The first drop of a part of the flow.
    part: Option<Position>,
    /// A ban behind that.
    ban_behind_part: Option<String>,
}

impl<'a> Walk<'a> {
    fn new(chains: &'a Chains<'a>, flow: &'a Flow) -> Self {
        Self {
            chains,
            flow,
            unsure: Vec::new(),
            drops: Drops::default(),
            known: HashMap::new(),
            banning: HashMap::new(),
        }
    }

    fn chain(&mut self, chain: &str, depth: usize) -> Result<Course, PlacementError> {
        if let Some(known) = self.known.get(chain) {
            return Ok(known.clone());
        }
        let course = self.walk(chain, depth)?;
        self.known.insert(chain.to_owned(), course.clone());
        Ok(course)
    }

    fn walk(&mut self, chain: &str, depth: usize) -> Result<Course, PlacementError> {
        let mut met = Met::default();
        for (index, rule) in self.chains.rules_of(chain).iter().enumerate() {
            let here = Position {
                chain: chain.to_owned(),
                index,
            };
            if let Some(course) = self.step(rule, here, depth, &mut met)? {
                return self.with_part(met, course);
            }
        }
        let at = self.chains.end_of(chain);
        let (bans, limited) = (met.bans, met.limited.clone());
        self.with_part(met, Course::Through { at, bans, limited })
    }

    /// One rule; `None`: the next one.
    fn step(
        &mut self,
        rule: &SavedRule,
        here: Position,
        depth: usize,
        met: &mut Met,
    ) -> Result<Option<Course>, PlacementError> {
        let fit = self.flow.fit(rule);
        let target = rule.target().unwrap_or_default();
        match (fit, target) {
            (Fit::Nothing, _) => {}
            (Fit::All | Fit::Some, "DROP" | "REJECT") => {
                let at = self.before_logs(here.clone());
                return self.drop(rule, &here, at, met);
            }
            (Fit::All, "ACCEPT") => return Ok(Some(Course::Passed)),
            (Fit::All, "RETURN") => {
                let (bans, limited) = (met.bans, met.limited.clone());
                return Ok(Some(Course::Through {
                    at: here,
                    bans,
                    limited,
                }));
            }
            (Fit::All | Fit::Some, _) if self.chains.is_chain(target) && depth > 0 => {
                return self.enter(rule, here, depth, met);
            }
            (Fit::Will, "ACCEPT" | "RETURN") if self.flow.is_new() && has_rate(rule) => {
                met.limited.get_or_insert(rule.line.clone());
            }
            // Who leaves here meets what stands behind the jump: an accept goes
            // where only the others come.
            (Fit::Will, "RETURN") => met.bans = true,
            _ => self.note_ban(rule, fit, depth, met),
        }
        Ok(None)
    }

    fn note_ban(&mut self, rule: &SavedRule, fit: Fit, depth: usize, met: &mut Met) {
        let leaves = rule.is_goto() || rule.target() == Some("RETURN");
        let drops = self.drops.may_drop(self.chains, rule, depth);
        let unknown = fit == Fit::Unknown || fit == Fit::Some && leaves;
        if unknown && (drops || leaves) || drops && self.flow.is_banned_whole(rule) {
            self.unsure.push(rule.line.clone());
        }
        if drops || unknown && leaves {
            met.bans = true;
            if met.part.is_some() {
                met.ban_behind_part.get_or_insert(rule.line.clone());
            }
        }
    }

    /// A drop of the flow, or of a part of it; the accept would go to `at`.
    fn drop(
        &mut self,
        rule: &SavedRule,
        here: &Position,
        at: Position,
        met: &mut Met,
    ) -> Result<Option<Course>, PlacementError> {
        if let Some(rule) = &met.limited {
            return Err(PlacementError::Limited { rule: rule.clone() });
        }
        if self.flow.fit(rule) == Fit::Some {
            met.part.get_or_insert(at);
            return Ok(None);
        }
        self.refuse_ban_behind(rule, here)?;
        Ok(Some(Course::Dropped { at, bans: met.bans }))
    }

    /// An accept before a drop would let in whom a ban behind it is about; also
    /// where the drop took everything and the ban was never met: it is a ban still.
    fn refuse_ban_behind(
        &mut self,
        drop: &SavedRule,
        here: &Position,
    ) -> Result<(), PlacementError> {
        let behind = self
            .chains
            .rules_of(&here.chain)
            .get(here.index + 1..)
            .unwrap_or_default();
        match behind.iter().find(|rule| self.is_ban(rule, DEPTH)) {
            None => Ok(()),
            Some(ban) => Err(PlacementError::BanBehind {
                drop: drop.line.clone(),
                ban: ban.line.clone(),
            }),
        }
    }

    /// Whether a rule drops some of the flow by the administrator's will, itself or
    /// in a chain it leads to.
    fn is_ban(&mut self, rule: &SavedRule, depth: usize) -> bool {
        match (self.flow.fit(rule), rule.target()) {
            (Fit::Nothing, _) | (_, None) => false,
            (Fit::Will | Fit::Unknown, _) => self.drops.may_drop(self.chains, rule, depth),
            (Fit::All | Fit::Some, Some(target)) => {
                depth > 0 && self.chains.is_chain(target) && self.has_bans(target, depth - 1)
            }
        }
    }

    fn has_bans(&mut self, chain: &str, depth: usize) -> bool {
        if let Some(known) = self.banning.get(chain) {
            return *known;
        }
        let rules = self.chains.rules_of(chain).to_vec();
        let found = rules.iter().any(|rule| self.is_ban(rule, depth));
        self.banning.insert(chain.to_owned(), found);
        found
    }

    /// A chain's course, where a part of the flow was dropped on the way.
    fn with_part(&self, met: Met, course: Course) -> Result<Course, PlacementError> {
        match (met.part, met.ban_behind_part) {
            (None, _) => Ok(course),
            (Some(at), None) => Ok(Course::Dropped { at, bans: met.bans }),
            (Some(at), Some(ban)) => Err(PlacementError::BanBehind {
                drop: line_at(self.chains, &at),
                ban,
            }),
        }
    }

    /// What a chain below does. Where it drops everyone, or is not come back from,
    /// the accept goes before the jump, unless bans stand on the way there.
    fn enter(
        &mut self,
        rule: &SavedRule,
        here: Position,
        depth: usize,
        met: &mut Met,
    ) -> Result<Option<Course>, PlacementError> {
        let target = rule.target().unwrap_or_default();
        let all = self.flow.fit(rule) == Fit::All;
        match self.chain(target, depth - 1)? {
            // Only a part of the flow comes here: an accept inside would miss the
            // rest, one before the jump would pass the bans.
            Course::Dropped { bans: true, .. } if !all => Err(PlacementError::BanBehind {
                drop: rule.line.clone(),
                ban: first_ban(self.chains, self.flow, self.chains.rules_of(target))
                    .unwrap_or_else(|| target.to_owned()),
            }),
            Course::Dropped { at, bans } => {
                let at = self.before_jump_or_inside(target, here.clone(), at, bans)?;
                met.bans |= bans;
                self.drop(rule, &here, at, met)
            }
            Course::Passed => Ok(all.then_some(Course::Passed)),
            Course::Through { at, bans, limited } => {
                met.bans |= bans;
                if bans && met.part.is_some() {
                    met.ban_behind_part.get_or_insert(rule.line.clone());
                }
                met.limited = met.limited.take().or(limited);
                if !rule.is_goto() {
                    return Ok(None);
                }
                if !all {
                    self.unsure.push(rule.line.clone());
                    return Ok(None);
                }
                let at = self.before_jump_or_inside(target, here, at, bans)?;
                let (bans, limited) = (met.bans, met.limited.clone());
                Ok(Some(Course::Through { at, bans, limited }))
            }
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
        match self.chains.jumps_to(target) {
            1 => Ok(inside),
            count => Err(PlacementError::SharedChain {
                chain: target.to_owned(),
                count,
            }),
        }
    }

    /// Before the log lines that belong to a drop: what is accepted is no news.
    fn before_logs(&self, at: Position) -> Position {
        let rules = self
            .chains
            .rules_of(&at.chain)
            .get(..at.index)
            .unwrap_or_default();
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
}

/// Whether the rule logs whatever reaches it, at most at a rate.
fn only_limited(rule: &SavedRule) -> bool {
    let tests = ["-s", "-d", "-i", "-o", "-p"];
    rule.modules().all(|m| m == "limit" || m == "comment")
        && !rule.words.iter().any(|w| tests.contains(&w.as_str()))
}

fn has_rate(rule: &SavedRule) -> bool {
    rule.modules().any(|m| RATES.contains(&m))
}
