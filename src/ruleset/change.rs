//! A change of `nf_tables`, as a value: what is written is first put into the model and
//! evaluated there.

use super::live::table::TableFamily;
use super::live::{Rule, Ruleset, Table};

/// A chain of a table of `nf_tables`, by names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainAt {
    /// The table's family.
    pub family: TableFamily,
    /// The table's name.
    pub table: String,
    /// The chain's name.
    pub chain: String,
}

/// One step of a change; the steps of a change take effect together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Makes a table with all that it holds. One of that family and name that is there
    /// goes first.
    ReplaceTable(Table),
    /// Takes out a table, which must be there.
    DeleteTable {
        /// Its family.
        family: TableFamily,
        /// Its name.
        name: String,
    },
    /// Puts a rule into a chain that is there.
    InsertRule {
        /// The chain.
        at: ChainAt,
        /// The handle of the rule that it comes before; `None`: at the end.
        before: Option<u64>,
        /// The rule; its own handle is the kernel's affair.
        rule: Rule,
    },
    /// Takes out a rule.
    DeleteRule {
        /// Its chain.
        at: ChainAt,
        /// `NFTA_RULE_HANDLE`.
        handle: u64,
    },
}

impl Ruleset {
    /// The ruleset as it is after these steps, as far as the model goes: what an
    /// operation names and is not there is left out of account, a new table stands behind
    /// the others, new rules have handle 0.
    #[must_use]
    pub fn changed_by(&self, operations: &[Operation]) -> Self {
        let mut changed = self.clone();
        for operation in operations {
            changed.change(operation);
        }
        changed
    }

    fn change(&mut self, operation: &Operation) {
        match operation {
            Operation::ReplaceTable(table) => {
                self.take_out(table.family, &table.name);
                self.tables.push(table.clone());
            }
            Operation::DeleteTable { family, name } => self.take_out(*family, name),
            Operation::InsertRule { at, before, rule } => {
                let Some(rules) = self.rules_of(at) else {
                    return;
                };
                let index = before
                    .and_then(|handle| rules.iter().position(|r| r.handle == handle))
                    .unwrap_or(rules.len());
                rules.insert(
                    index,
                    Rule {
                        handle: 0,
                        ..rule.clone()
                    },
                );
            }
            Operation::DeleteRule { at, handle } => {
                if let Some(rules) = self.rules_of(at) {
                    rules.retain(|rule| rule.handle != *handle);
                }
            }
        }
    }

    fn take_out(&mut self, family: TableFamily, name: &str) {
        self.tables
            .retain(|t| !t.is_in_nf_tables() || t.family != family || t.name != name);
    }

    fn rules_of(&mut self, at: &ChainAt) -> Option<&mut Vec<Rule>> {
        let table = self
            .tables
            .iter_mut()
            .find(|t| t.is_in_nf_tables() && t.family == at.family && t.name == at.table)?;
        let chain = table.chains.iter_mut().find(|c| c.name == at.chain)?;
        Some(&mut chain.rules)
    }
}

impl Table {
    /// Whether `nf_tables` holds it: that of iptables-legacy of the same name is another.
    #[must_use]
    pub fn is_in_nf_tables(&self) -> bool {
        self.maker != super::live::table::Maker::IptablesLegacy
    }
}
