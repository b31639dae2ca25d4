//! Where the accepts of a plan must stand in chains that drop what they are for.

use crate::model::filter::{Purpose, Rule};
use crate::model::net::Family;
use crate::ruleset::eval::{Prepared, Route};
use crate::ruleset::live::Ruleset;
use crate::ruleset::placement::{Placement, PlacementError, Wanted, base_chains, place};

/// Something that a chain drops: for which rule, and in which table and chain.
#[derive(Debug, Clone)]
pub struct Dropped<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// The family of the packets.
    pub family: Family,
    /// The numbers of the table and of its base chain.
    pub base: (usize, usize),
    /// Where the rule must stand there, or why there is no place.
    pub placed: Result<Placement, PlacementError>,
}

/// Every base chain that drops what an accept of the plan is for, or of which that cannot
/// be told. `others`: the ruleset without ours, made ready; `outside`: the interface by
/// which clients of a profile come, where it is known.
#[must_use]
pub fn dropped<'a>(
    rules: impl Iterator<Item = &'a Rule>,
    others: &Ruleset,
    prepared: &Prepared,
    outside: &impl Fn(&str) -> Option<&'a str>,
    routes: &[Route],
) -> Vec<Dropped<'a>> {
    let mut found = Vec::new();
    for rule in rules.filter(|r| r.chain.purpose == Purpose::Filter) {
        for &family in &rule.families {
            for base in base_chains(others, rule.chain.hook, family) {
                let wanted = Wanted::of_rule(rule, family, outside(&rule.profile)).by(routes);
                let placed = place(prepared, base, &wanted);
                let is_dropped = placed.as_ref().map_or(true, |placement| placement.dropped);
                if is_dropped {
                    found.push(Dropped {
                        rule,
                        family,
                        base,
                        placed,
                    });
                }
            }
        }
    }
    found
}
