//! Into the chain that a rule leads to, and back.

use crate::ruleset::eval::{Does, Place};

use super::fit::Fit;
use super::walk::{Course, Here, Met, Walk};
use super::{DEPTH, PlacementError, Position};

impl Walk<'_, '_> {
    /// What a chain below does. Where it drops everyone, or is not come back from,
    /// the accept goes before the jump, unless bans stand on the way there, or might.
    pub(super) fn enter(
        &mut self,
        fit: Fit,
        target: usize,
        is_goto: bool,
        here: Here,
        met: &mut Met,
    ) -> Result<Option<Course>, PlacementError> {
        let all = fit == Fit::All;
        match self.chain(target, here.depth - 1)? {
            // What is dropped there is only what is over a rate.
            Course::Dropped { at, .. } if met.by_rate.is_some() => self.drop(fit, here, at, met),
            // Only a part of the flow comes here: an accept inside would miss the
            // rest, one before the jump would pass the bans.
            Course::Dropped { bans: true, .. } if !all => {
                let rules = 0..self.rules(target).len();
                let ban = self.first_ban(target, rules);
                Err(self.ban_behind(here.place(), ban.unwrap_or(here.place())))
            }
            Course::Dropped { at, bans } => {
                let at = self.before_jump_or_inside(target, here, at, bans)?;
                met.bans |= bans;
                self.drop(fit, here, at, met)
            }
            Course::Passed => Ok(all.then_some(Course::Passed)),
            Course::Through {
                at,
                bans,
                limited,
                by_rate,
            } => {
                met.bans |= bans;
                if bans && met.part.is_some() {
                    met.ban_behind_part.get_or_insert(here.place());
                }
                met.limited = met.limited.or(limited);
                if !is_goto {
                    return Ok(None);
                }
                if !all {
                    self.note_unsure(here.place());
                    return Ok(None);
                }
                if by_rate.is_some() {
                    // An accept of what returned would lift the limit, but where more
                    // rules follow.
                    return Ok(Some(self.returned(here, by_rate, met)));
                }
                let at = self.before_jump_or_inside(target, here, at, bans)?;
                Ok(Some(met.through(at)))
            }
        }
    }

    /// The course of a chain that ends in one that is returned from at a rate.
    fn returned(&self, here: Here, by_rate: Option<Place>, met: &Met) -> Course {
        let to_policy = self.is_base(here.at);
        Course::Through {
            at: here.at,
            bans: true,
            limited: met.limited.or(by_rate.filter(|_| to_policy)),
            by_rate,
        }
    }

    fn before_jump_or_inside(
        &mut self,
        target: usize,
        jump: Here,
        inside: Position,
        bans: bool,
    ) -> Result<Position, PlacementError> {
        let callers = self.leads.as_ref().map(|leads| leads.callers(target));
        let callers = callers.unwrap_or_default();
        let one_way = callers.len() == 1 || self.are_one_way(&callers, target, DEPTH);
        // Where rules stand before the drop a ban may come to stand among them one day: an
        // accept before the jump would let that client in.
        let is_at_head = inside.chain == target && inside.index == 0;
        if one_way && (bans || !is_at_head) {
            return Ok(inside);
        }
        if !bans {
            return Ok(self.before_logs(jump.at));
        }
        let chain = self.table.and_then(|table| table.chains.get(target));
        Err(PlacementError::SharedChain {
            chain: chain.map_or_else(String::new, |chain| chain.name.clone()),
            count: callers.len(),
        })
    }

    /// Whether several rules lead to a chain as one would: they stand in one chain, none
    /// is about some clients, no ban stands between them; and so does what leads there.
    fn are_one_way(&mut self, callers: &[(usize, usize)], target: usize, depth: usize) -> bool {
        let (Some(&(chain, first)), Some(&(_, last))) = (callers.first(), callers.last()) else {
            return true;
        };
        if depth == 0 || callers.iter().any(|caller| caller.0 != chain) {
            return false;
        }
        for index in first..=last {
            let at = self.position(chain, index);
            let fair = if callers.contains(&(chain, index)) {
                self.arms(at).iter().all(|arm| match arm.does {
                    Does::Jump(to) | Does::Goto(to) if to == target => arm.fit != Fit::Will,
                    _ => true,
                })
            } else {
                !self.is_ban(at, DEPTH)
            };
            if !fair {
                return false;
            }
        }
        let above = self.leads.as_ref().map(|leads| leads.callers(chain));
        self.are_one_way(&above.unwrap_or_default(), chain, depth - 1)
    }
}
