//! Where the lines of one built-in chain go.

use crate::model::filter::Demand;
use crate::model::net::Family;
use crate::ruleset::eval::{HostFacts, Place, Prepared, Route};
use crate::ruleset::live::{Ruleset, saved, table::Maker};
use crate::ruleset::placement::{self, Placement, Wanted, ban_between};
use crate::ruleset::save::{Save, SavedRule, Table};

use super::NoPlace;

/// A place in a saved table: before the `index`th rule of `chain`; at its end where there
/// are no more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) chain: String,
    pub(super) index: usize,
}

/// A line in the table to come.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) profile: String,
    pub(super) built_in: String,
    pub(super) body: String,
    pub(super) demand: Demand,
    /// The same as the plan has it.
    pub(super) planned: Demand,
    /// Whether nothing works without it.
    pub(super) required: bool,
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
        family: Family,
        candidates: &[Candidate],
        outside: &impl Fn(&str) -> Option<&'a str>,
        routes: &[Route],
    ) -> Result<Self, NoPlace> {
        let ruleset = live(table, family);
        let facts = HostFacts::default();
        let prepared = Prepared::new(&ruleset, &facts);
        let mut places: Vec<(&Candidate, Wanted, Placement)> = Vec::new();
        let mut warnings = Vec::new();
        for candidate in candidates {
            let line = format!("-A {} {}", candidate.built_in, candidate.body);
            let from = outside(&candidate.profile);
            let wanted =
                SavedRule::parse(&line).and_then(|rule| Wanted::of_line(&rule, family, from));
            let base = chain_of(&ruleset, &candidate.built_in);
            let (Some(wanted), Some(base)) = (wanted.map(|w| w.by(routes)), base) else {
                continue;
            };
            let placement = match placement::place(&prepared, (0, base), &wanted) {
                Ok(placement) => placement,
                Err(why) if !candidate.required => {
                    warnings.push(format!("`{line}` is left out: {why}"));
                    continue;
                }
                Err(why) => {
                    return Err(NoPlace {
                        rule: line,
                        chain: candidate.built_in.clone(),
                        why,
                        needed: candidates
                            .iter()
                            .filter(|c| c.planned == Demand::Always)
                            .map(|c| c.body.clone())
                            .collect(),
                    });
                }
            };
            if candidate.demand == Demand::Always || placement.dropped {
                places.push((candidate, wanted, placement));
            }
        }
        let mut result = Self {
            jump: Position {
                chain: String::new(),
                index: 0,
            },
            in_chain: Vec::new(),
            guests: Vec::new(),
            warnings,
        };
        let Some((_, _, main)) = places.first().cloned() else {
            return Ok(result);
        };
        let main = main.position;
        result.jump = named(&ruleset, main);
        for (candidate, wanted, placement) in places {
            let at = placement.position;
            let same =
                at == main || at > main && ban_between(&prepared, &wanted, main, at).is_none();
            if same {
                result.in_chain.push(candidate.body.clone());
            } else {
                let at = named(&ruleset, at);
                let line = format!("-A {} {}", at.chain, candidate.body);
                result.guests.push((at, line));
            }
            for place in placement.unsure {
                let rule = line_of(&ruleset, place);
                let warning = format!("`{rule}` comes before ours; clients that it meets stay out");
                if !result.warnings.contains(&warning) {
                    result.warnings.push(warning);
                }
            }
        }
        Ok(result)
    }
}

/// The saved table as the model has it: the only one, its chains and rules in the order
/// of the text.
fn live(table: &Table, family: Family) -> Ruleset {
    let save = Save {
        tables: vec![table.clone()],
    };
    saved::read(&save, family, Maker::IptablesLegacy)
}

fn chain_of(ruleset: &Ruleset, name: &str) -> Option<usize> {
    let table = ruleset.tables.first()?;
    table.chains.iter().position(|chain| chain.name == name)
}

fn named(ruleset: &Ruleset, at: placement::Position) -> Position {
    let table = ruleset.tables.get(at.table);
    let chain = table.and_then(|table| table.chains.get(at.chain));
    Position {
        chain: chain.map_or_else(String::new, |chain| chain.name.clone()),
        index: at.index,
    }
}

/// A rule as it was saved.
fn line_of(ruleset: &Ruleset, place: Place) -> &str {
    let table = ruleset.tables.get(place.table);
    let chain = table.and_then(|table| table.chains.get(place.chain));
    let rule = chain
        .zip(place.rule)
        .and_then(|(chain, rule)| chain.rules.get(rule));
    rule.map_or("", |rule| rule.line.as_str())
}
