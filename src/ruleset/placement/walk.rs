//! A flow's way through the chains, up to the drop that meets all of it.

use std::collections::HashMap;
use std::rc::Rc;

use crate::ruleset::eval::{Does, Place, Prepared};
use crate::ruleset::live::table::Policy;
use crate::ruleset::live::{Rule, Table};

use super::fit::{Arm, Fit, arms};
use super::flow::Flow;
use super::leads::{Leads, has_rate, only_logs};
use super::{DEPTH, Placement, PlacementError, Position, rule_at};

/// What becomes of a flow in a base chain.
pub(super) fn place_flow(
    prepared: &Prepared<'_>,
    (table, base): (usize, usize),
    flow: &Flow,
) -> Result<Placement, PlacementError> {
    let mut walk = Walk::new(prepared, (table, base), flow);
    let policy = walk.table.and_then(|t| t.chains.get(base)?.base.as_ref());
    let policy_drops = policy.is_some_and(|base| base.policy == Policy::Drop);
    let (position, dropped, accepted) = match walk.chain(base, DEPTH)? {
        Course::Dropped { at, .. } => (at, true, false),
        Course::Passed => (walk.end_of(base), false, true),
        Course::Through {
            limited: Some(rule),
            ..
        } if policy_drops => {
            return Err(PlacementError::Limited {
                rule: walk.line(rule),
            });
        }
        Course::Through { at, .. } => (walk.before_logs(at), policy_drops, false),
    };
    let mut unsure = std::mem::take(&mut walk.unsure);
    // Who is led to the very chain that the accept stands in meets it.
    unsure.retain(|&place| flow.is_new() && !walk.only_leads_to(place, position.chain));
    Ok(Placement {
        position,
        dropped,
        accepted,
        unsure,
    })
}

/// What a chain does with the flow.
#[derive(Debug, Clone)]
pub(super) enum Course {
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
        /// A rule that let part of it in at a rate.
        limited: Option<Place>,
        /// The rule by which it returned at a rate, where what was over that is dropped.
        by_rate: Option<Place>,
    },
}

/// A flow on its way through the chains of one table.
pub(super) struct Walk<'a, 'r> {
    prepared: &'a Prepared<'r>,
    number: usize,
    /// The base chain.
    base: usize,
    pub(super) table: Option<&'r Table>,
    pub(super) flow: &'a Flow,
    pub(super) unsure: Vec<Place>,
    pub(super) leads: Option<Leads<'r>>,
    known: HashMap<usize, Course>,
    /// Which chains drop some of the flow by will.
    pub(super) banning: HashMap<usize, bool>,
    arms: HashMap<Place, Rc<[Arm]>>,
}

/// What was met in a chain so far.
#[derive(Default)]
pub(super) struct Met {
    pub(super) bans: bool,
    pub(super) limited: Option<Place>,
    /// A rule that returns at a rate: a drop behind it is of what is over that.
    pub(super) by_rate: Option<Place>,
    /// The first drop of a part of the flow.
    pub(super) part: Option<Position>,
    /// A ban behind that.
    pub(super) ban_behind_part: Option<Place>,
    /// Where the first part of the flow leaves the chain for what comes behind it.
    returned: Option<Position>,
}

impl Met {
    /// On to what comes behind the chain.
    pub(super) fn through(&self, at: Position) -> Course {
        Course::Through {
            at,
            bans: self.bans,
            limited: self.limited,
            by_rate: None,
        }
    }
}

/// A rule that is looked at.
#[derive(Clone, Copy)]
pub(super) struct Here {
    pub(super) at: Position,
    pub(super) depth: usize,
}

impl Here {
    pub(super) fn place(self) -> Place {
        place(self.at)
    }
}

pub(super) fn place(at: Position) -> Place {
    Place {
        table: at.table,
        chain: at.chain,
        rule: Some(at.index),
    }
}

impl<'a, 'r> Walk<'a, 'r> {
    pub(super) fn new(
        prepared: &'a Prepared<'r>,
        (number, base): (usize, usize),
        flow: &'a Flow,
    ) -> Self {
        let table = prepared.ruleset().tables.get(number);
        Self {
            prepared,
            number,
            base,
            table,
            flow,
            unsure: Vec::new(),
            leads: table.map(Leads::new),
            known: HashMap::new(),
            banning: HashMap::new(),
            arms: HashMap::new(),
        }
    }

    pub(super) fn rules(&self, chain: usize) -> &'r [Rule] {
        let chain = self.table.and_then(|table| table.chains.get(chain));
        chain.map_or(&[], |chain| &chain.rules)
    }

    pub(super) fn position(&self, chain: usize, index: usize) -> Position {
        Position {
            table: self.number,
            chain,
            index,
        }
    }

    fn end_of(&self, chain: usize) -> Position {
        self.position(chain, self.rules(chain).len())
    }

    pub(super) fn line(&self, place: Place) -> String {
        rule_at(self.prepared.ruleset(), place)
    }

    pub(super) fn ban_behind(&self, drop: Place, ban: Place) -> PlacementError {
        PlacementError::BanBehind {
            drop: self.line(drop),
            ban: self.line(ban),
        }
    }

    /// What a rule does with the flow.
    pub(super) fn arms(&mut self, at: Position) -> Rc<[Arm]> {
        let here = place(at);
        if let Some(known) = self.arms.get(&here) {
            return Rc::clone(known);
        }
        let rule = self.rules(at.chain).get(at.index);
        let found: Rc<[Arm]> = match (self.table, rule, &mut self.leads) {
            (Some(table), Some(rule), Some(leads)) => {
                let may_drop = leads.rule_may_drop(rule, DEPTH);
                arms(self.prepared, table, here, self.flow, may_drop).into()
            }
            _ => Rc::new([]),
        };
        self.arms.insert(here, Rc::clone(&found));
        found
    }

    pub(super) fn chain(&mut self, chain: usize, depth: usize) -> Result<Course, PlacementError> {
        if let Some(known) = self.known.get(&chain) {
            return Ok(known.clone());
        }
        let course = self.walk(chain, depth)?;
        self.known.insert(chain, course.clone());
        Ok(course)
    }

    fn walk(&mut self, chain: usize, depth: usize) -> Result<Course, PlacementError> {
        let mut met = Met::default();
        for index in 0..self.rules(chain).len() {
            let at = self.position(chain, index);
            for arm in self.arms(at).iter() {
                if let Some(course) = self.step(*arm, Here { at, depth }, &mut met)? {
                    return self.with_part(&met, course);
                }
            }
        }
        let course = met.through(self.end_of(chain));
        self.with_part(&met, course)
    }

    /// One thing that a rule does; `None`: the next one.
    fn step(
        &mut self,
        arm: Arm,
        here: Here,
        met: &mut Met,
    ) -> Result<Option<Course>, PlacementError> {
        match (arm.fit, arm.does) {
            (Fit::All | Fit::Some, Does::Drop) => {
                let at = self.before_logs(here.at);
                return self.drop(arm.fit, here, at, met);
            }
            (Fit::All, Does::Accept) => return Ok(Some(Course::Passed)),
            (Fit::All, Does::Return) => {
                return Ok(Some(met.through(here.at)));
            }
            (Fit::All | Fit::Some, Does::Jump(target)) if here.depth > 0 => {
                return self.enter(arm.fit, target, false, here, met);
            }
            (Fit::All | Fit::Some, Does::Goto(target)) if here.depth > 0 => {
                return self.enter(arm.fit, target, true, here, met);
            }
            (Fit::Will, Does::Accept | Does::Return)
                if self.flow.is_new() && self.has_rate(here.at) =>
            {
                // What returns from a base chain meets the policy, as what is accepted
                // leaves it; what returns from a chain below goes on.
                let rate = if arm.does == Does::Accept || self.is_base(here.at) {
                    &mut met.limited
                } else {
                    &mut met.by_rate
                };
                rate.get_or_insert(here.place());
            }
            (Fit::Some, Does::Return) => {
                met.returned.get_or_insert(here.at);
                self.note_ban(arm, here, met);
            }
            // Who leaves here meets what stands behind the jump: an accept goes where
            // only the others come.
            (Fit::Will, Does::Return) => met.bans = true,
            _ => self.note_ban(arm, here, met),
        }
        Ok(None)
    }

    /// Whether all that a rule does with the flow is to lead to a chain.
    pub(super) fn only_leads_to(&mut self, place: Place, chain: usize) -> bool {
        let at = self.position(place.chain, place.rule.unwrap_or(usize::MAX));
        let arms = self.arms(at);
        let leads_there =
            |arm: &Arm| matches!(arm.does, Does::Jump(to) | Does::Goto(to) if to == chain);
        !arms.is_empty() && arms.iter().all(leads_there)
    }

    /// Whether a place is in the base chain.
    pub(super) fn is_base(&self, at: Position) -> bool {
        at.chain == self.base
    }

    fn has_rate(&self, at: Position) -> bool {
        let rule = self.rules(at.chain).get(at.index);
        self.table
            .zip(rule)
            .is_some_and(|(table, rule)| has_rate(table, rule))
    }

    /// A drop of the flow, or of a part of it; the accept would go to `at`.
    pub(super) fn drop(
        &mut self,
        fit: Fit,
        here: Here,
        at: Position,
        met: &mut Met,
    ) -> Result<Option<Course>, PlacementError> {
        if let Some(rule) = met.limited {
            return Err(PlacementError::Limited {
                rule: self.line(rule),
            });
        }
        if met.by_rate.is_some() {
            met.bans = true;
            let (bans, limited, by_rate) = (true, met.limited, met.by_rate);
            return Ok((fit == Fit::All).then_some(Course::Through {
                at,
                bans,
                limited,
                by_rate,
            }));
        }
        if fit == Fit::Some {
            met.part.get_or_insert(at);
            return Ok(None);
        }
        self.refuse_ban_behind(here, at)?;
        Ok(Some(Course::Dropped { at, bans: met.bans }))
    }

    /// A chain's course, where a part of the flow was dropped on the way.
    fn with_part(&self, met: &Met, course: Course) -> Result<Course, PlacementError> {
        let course = match (course, met.returned) {
            // The rest was accepted; the part that left goes on.
            (Course::Passed, Some(at)) => met.through(at),
            (course, _) => course,
        };
        match (met.part, met.ban_behind_part) {
            (None, _) => Ok(course),
            (Some(at), None) => Ok(Course::Dropped { at, bans: met.bans }),
            (Some(at), Some(ban)) => Err(self.ban_behind(place(at), ban)),
        }
    }

    /// Before the log lines that belong to a drop: what is accepted is no news.
    pub(super) fn before_logs(&self, at: Position) -> Position {
        let rules = self.rules(at.chain).get(..at.index).unwrap_or_default();
        let logs = rules
            .iter()
            .rev()
            .take_while(|rule| only_logs(rule))
            .count();
        Position {
            index: at.index - logs,
            ..at
        }
    }
}
