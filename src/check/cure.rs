//! Changes of the rules in force that cure a finding, without the words of any program.

use crate::model::filter::Rule;
use crate::ruleset::change::ChainAt;
use crate::ruleset::live::table::Maker;
use crate::ruleset::live::{self, Ruleset};
use crate::ruleset::owner::{Manager, manager};

/// A change of the rules in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleChange {
    /// An accept of the plan comes to stand in somebody else's chain.
    Guest(Box<Guest>),
    /// A rule of the plan comes to stand in a table of ftpnat's own, or in chains of its
    /// own in the tables of this iptables.
    Own(Box<Rule>, Maker),
    /// A rule goes.
    Delete(RuleAt),
    /// A rule becomes another.
    Replace(RuleAt, Box<live::Rule>),
}

/// An accept of the plan, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// The rule; of its families those that the place is right for.
    pub rule: Rule,
    /// The rule that it comes before; the end of the chain where there is none.
    pub before: RuleAt,
}

/// A rule in its chain, or the end of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleAt {
    /// The chain.
    pub chain: ChainAt,
    /// Which program its table belongs to.
    pub maker: Maker,
    /// Who manages the chain, and takes out what others put there.
    pub manager: Option<Manager>,
    /// How many rules come before it in the chain.
    pub index: usize,
    /// Its handle in `nf_tables`; `None` at the end of the chain.
    pub handle: Option<u64>,
}

impl RuleAt {
    /// The rule with that number in a chain, given by the numbers of its table and itself;
    /// behind the last rule the end of the chain. `None`: there is no such chain.
    #[must_use]
    pub fn of(ruleset: &Ruleset, (table, chain): (usize, usize), index: usize) -> Option<Self> {
        let table = ruleset.tables.get(table)?;
        let chain = table.chains.get(chain)?;
        Some(Self {
            chain: ChainAt {
                family: table.family,
                table: table.name.clone(),
                chain: chain.name.clone(),
            },
            maker: table.maker,
            manager: manager(table, chain),
            index: index.min(chain.rules.len()),
            handle: chain.rules.get(index).map(|rule| rule.handle),
        })
    }
}
