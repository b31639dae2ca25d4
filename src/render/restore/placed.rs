//! Where the lines of one built-in chain go.

use crate::model::filter::Demand;
use crate::ruleset::placement::{Chains, Placement, Position, ban_between, place};
use crate::ruleset::save::{SavedRule, Table};

use super::NoPlace;

/// A line in the table to come.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) profile: String,
    pub(super) built_in: String,
    pub(super) body: String,
    pub(super) demand: Demand,
}

/// Where the lines of one built-in chain go.
pub(super) struct Placed {
    pub(super) jump: Position,
    pub(super) in_chain: Vec<String>,
    pub(super) guests: Vec<(Position, String)>,
    pub(super) warnings: Vec<String>,
}

impl Placed {
    pub(super) fn all_at(candidates: &[Candidate], built_in: &str, index: usize) -> Self {
        Self {
            jump: Position {
                chain: built_in.to_owned(),
                index,
            },
            in_chain: candidates.iter().map(|c| c.body.clone()).collect(),
            guests: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Most lines have one place, where the jump to our chain goes. A line whose
    /// drop stands elsewhere, with a ban between, stands there by itself: in our
    /// chain it would let the banned in, or come too late.
    pub(super) fn in_filter<'a>(
        table: &Table,
        candidates: &[Candidate],
        outside: &impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, NoPlace> {
        let chains = Chains::of(table);
        let mut places: Vec<(&Candidate, SavedRule, Placement)> = Vec::new();
        for candidate in candidates {
            let line = format!("-A {} {}", candidate.built_in, candidate.body);
            let Some(rule) = SavedRule::parse(&line) else {
                continue;
            };
            let placement =
                place(&chains, &rule, outside(&candidate.profile)).map_err(|why| NoPlace {
                    rule: line.clone(),
                    chain: candidate.built_in.clone(),
                    why,
                    needed: candidates
                        .iter()
                        .filter(|c| c.demand == Demand::Always)
                        .map(|c| c.body.clone())
                        .collect(),
                })?;
            if candidate.demand == Demand::Always || placement.dropped {
                places.push((candidate, rule, placement));
            }
        }
        let mut result = Self {
            jump: Position {
                chain: String::new(),
                index: 0,
            },
            in_chain: Vec::new(),
            guests: Vec::new(),
            warnings: Vec::new(),
        };
        let Some((_, _, main)) = places.first().cloned() else {
            return Ok(result);
        };
        result.jump = main.position.clone();
        for (candidate, rule, placement) in places {
            let at = placement.position;
            let same = at == main.position
                || at > main.position && ban_between(&chains, &rule, &main.position, &at).is_none();
            if same {
                result.in_chain.push(candidate.body.clone());
            } else {
                let line = format!("-A {} {}", at.chain, candidate.body);
                result.guests.push((at, line));
            }
            for rule in placement.unsure {
                let warning = format!("`{rule}` comes before ours; clients that it meets stay out");
                if !result.warnings.contains(&warning) {
                    result.warnings.push(warning);
                }
            }
        }
        Ok(result)
    }
}
