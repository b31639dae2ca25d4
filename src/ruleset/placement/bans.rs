//! Drops that are the administrator's will, on a flow's way.

use std::ops::Range;

use crate::ruleset::eval::{Does, Place};

use super::fit::{Arm, Fit};
use super::walk::{Here, Met, Walk, place};
use super::{DEPTH, PlacementError, Position};

impl Walk<'_, '_> {
    /// The first of some rules of a chain that drops some of the flow by the
    /// administrator's will.
    pub(super) fn first_ban(&mut self, chain: usize, mut rules: Range<usize>) -> Option<Place> {
        let index = rules.find(|&index| {
            let at = self.position(chain, index);
            self.is_ban(at, DEPTH)
        })?;
        Some(place(self.position(chain, index)))
    }

    fn may_drop(&mut self, does: Does, depth: usize) -> bool {
        match does {
            Does::Drop | Does::Elsewhere => true,
            Does::Nothing | Does::Accept | Does::Return => false,
            Does::Jump(chain) | Does::Goto(chain) => self
                .leads
                .as_mut()
                .is_some_and(|leads| leads.may_drop(chain, depth)),
        }
    }

    pub(super) fn note_ban(&mut self, arm: Arm, here: Here, met: &mut Met) {
        let leaves = matches!(arm.does, Does::Goto(_) | Does::Return);
        let drops = self.may_drop(arm.does, here.depth);
        let unknown = arm.fit == Fit::Unknown || arm.fit == Fit::Some && leaves;
        let all_banned = arm.is_whole && self.flow.is_new();
        if unknown && (drops || leaves) || drops && all_banned {
            self.note_unsure(here.place());
        }
        if drops || unknown && leaves {
            met.bans = true;
            if met.part.is_some() {
                met.ban_behind_part.get_or_insert(here.place());
            }
        }
    }

    pub(super) fn note_unsure(&mut self, place: Place) {
        if !self.unsure.contains(&place) {
            self.unsure.push(place);
        }
    }

    /// An accept before a drop would let in whom a ban behind it is about; also
    /// where the drop took everything and the ban was never met: it is a ban still.
    /// One that stands in a chain below, behind the bans there, passes those of rules that
    /// lead to the same chain.
    pub(super) fn refuse_ban_behind(
        &mut self,
        here: Here,
        accept: Position,
    ) -> Result<(), PlacementError> {
        let chain = here.at.chain;
        for index in here.at.index + 1..self.rules(chain).len() {
            let at = self.position(chain, index);
            let below = accept.chain != chain && self.only_leads_to(place(at), accept.chain);
            if !below && self.is_ban(at, DEPTH) {
                return Err(self.ban_behind(here.place(), place(at)));
            }
        }
        Ok(())
    }

    /// Whether a rule drops some of the flow by the administrator's will, itself or
    /// in a chain it leads to; or hands it to a program, which decides.
    pub(super) fn is_ban(&mut self, at: Position, depth: usize) -> bool {
        self.arms(at).iter().any(|arm| match (arm.fit, arm.does) {
            (_, Does::Elsewhere) => true,
            (Fit::Will | Fit::Unknown, does) => self.may_drop(does, depth),
            (_, Does::Jump(target) | Does::Goto(target)) => {
                depth > 0 && self.has_bans(target, depth - 1)
            }
            _ => false,
        })
    }

    fn has_bans(&mut self, chain: usize, depth: usize) -> bool {
        if let Some(known) = self.banning.get(&chain) {
            return *known;
        }
        let found = (0..self.rules(chain).len()).any(|index| {
            let at = self.position(chain, index);
            self.is_ban(at, depth)
        });
        self.banning.insert(chain, found);
        found
    }
}
