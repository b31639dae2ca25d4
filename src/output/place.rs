//! Where in a ruleset a rule stands, and its words.

use crate::apply::difference::words;
use crate::ruleset::eval::Place;
use crate::ruleset::live::table::Policy;
use crate::ruleset::live::{Ruleset, print};

use super::terminal::one_line;

/// A rule or policy, with where it stands.
#[must_use]
pub fn at_place(ruleset: &Ruleset, at: Place) -> String {
    let (place, text) = place(ruleset, at);
    one_line(&format!("`{text}` ({place})"))
}

/// Where a rule or policy stands, and its words.
#[must_use]
pub fn place(ruleset: &Ruleset, at: Place) -> (String, String) {
    let Some(table) = ruleset.tables.get(at.table) else {
        return ("the live ruleset".to_owned(), "a rule".to_owned());
    };
    let Some(chain) = table.chains.get(at.chain) else {
        return (print::table(table), "a rule".to_owned());
    };
    let rule = at.rule.and_then(|number| chain.rules.get(number));
    let text = match (rule, &chain.base) {
        (Some(rule), _) => words(rule, &chain.name, table),
        (None, Some(base)) if base.policy == Policy::Drop => "policy drop".to_owned(),
        (None, Some(_)) => "policy accept".to_owned(),
        (None, None) => "its end".to_owned(),
    };
    (print::place(table, chain), text)
}
