//! A saved ruleset as people post it: what `iptables-save` or `ip6tables-save` printed, of
//! one family or of both, with or without its comments and counters, with the prompt that
//! it was copied with; or what `iptables -S` printed.
//!
//! A text that does not hold whole tables is refused: what is judged of half a ruleset is
//! wrong.

mod family;
mod fault;
mod words;

use std::collections::HashSet;

use crate::model::net::Family;

use super::eval::Place;
use super::live::table::Maker;
use super::live::{Ruleset, Unread, saved};
use super::native::built_in;
use super::save::{Chain, Save, SavedRule, Table};

pub use fault::{Fault, PostedError};

/// A posted ruleset, and where in the text everything stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    tables: Vec<PostedTable>,
    /// A part of it is what `iptables -S` printed.
    is_listed: bool,
}

/// A table of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PostedTable {
    family: Family,
    table: Table,
    /// Where it begins, from 1.
    begins: usize,
    /// The lines of its chains, and of its rules, in their order.
    chains: Vec<usize>,
    rules: Vec<usize>,
}

impl Posted {
    /// Reads a posted text.
    ///
    /// # Errors
    /// The first line that keeps it from being a whole ruleset.
    pub fn parse(text: &str) -> Result<Self, PostedError> {
        let mut reader = Reader::default();
        let mut last = 0;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_start_matches('\u{feff}').trim();
            if !line.is_empty() {
                last = index + 1;
                reader
                    .read(last, line)
                    .map_err(|fault| PostedError { line: last, fault })?;
            }
        }
        reader.end().map_err(|fault| PostedError {
            line: last.max(1),
            fault,
        })
    }

    /// The families that it holds tables of, IPv4 first.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let holds = |family: &Family| self.tables.iter().any(|t| t.family == *family);
        Family::BOTH.into_iter().filter(holds).collect()
    }

    /// The rules of a family.
    pub fn rules_of(&self, family: Family) -> impl Iterator<Item = &SavedRule> {
        let tables = self.tables.iter().filter(move |t| t.family == family);
        tables.flat_map(|t| &t.table.rules)
    }

    /// It as a ruleset in force. `translates`: whether the host is to translate addresses,
    /// of which a list of table filter says nothing.
    #[must_use]
    pub fn ruleset(&self, translates: bool) -> Ruleset {
        let mut ruleset = Ruleset::default();
        if self.is_listed && translates {
            ruleset.unread.push(Unread {
                what: "table nat".to_owned(),
                why: "`iptables -S` prints table filter alone".to_owned(),
            });
        }
        for posted in &self.tables {
            let save = Save {
                tables: vec![posted.table.clone()],
            };
            // Which back end printed it makes no difference to what the rules do.
            let read = saved::read(&save, posted.family, Maker::IptablesNft);
            ruleset.tables.extend(read.tables);
            ruleset.unread.extend(read.unread);
        }
        ruleset
    }

    /// Where a rule or a policy of that ruleset stands in the text: the line's number, from
    /// 1, and the line without its counters.
    #[must_use]
    pub fn at(&self, ruleset: &Ruleset, place: Place) -> Option<(usize, &str)> {
        let posted = self.tables.get(place.table)?;
        let name = &ruleset
            .tables
            .get(place.table)?
            .chains
            .get(place.chain)?
            .name;
        let Some(rule) = place.rule else {
            let at = posted.table.chains.iter().position(|c| c.name == *name)?;
            let line = &posted.table.chains.get(at)?.line;
            return Some((*posted.chains.get(at)?, line));
        };
        let rules = posted.table.rules.iter().zip(&posted.rules);
        let (found, line) = rules.filter(|(r, _)| r.chain == *name).nth(rule)?;
        Some((*line, &found.line))
    }
}

/// The tables that were read, and the one that is open.
#[derive(Default)]
struct Reader {
    /// As the last header says, for the tables behind it.
    header: Option<Family>,
    read: Vec<(Option<Family>, PostedTable)>,
    open: Option<Open>,
    is_listed: bool,
}

struct Open {
    table: PostedTable,
    said: Option<Family>,
    /// Of `iptables -S`: nothing ends it.
    is_listed: bool,
}

impl Reader {
    fn read(&mut self, number: usize, line: &str) -> Result<(), Fault> {
        if let Some(table) = super::save::incompatible(line) {
            return Err(Fault::Incompatible(table.to_owned()));
        }
        if family::is_program(line) {
            self.header = family::printed_by(line).or(self.header);
            return self.end_listed();
        }
        if line.starts_with('#') || self.open.is_none() && fault::is_prompt(line) {
            return Ok(());
        }
        if let Some(name) = line.strip_prefix('*') {
            self.end_listed()?;
            return self.begin(name.trim(), number, false);
        }
        let is_list = ["-P ", "-N ", "-A "].iter().any(|v| line.starts_with(v));
        if self.open.is_none() && is_list {
            self.begin("filter", number, true)?;
        }
        let Some(open) = &mut self.open else {
            return Err(fault::of_line(line, false));
        };
        if line == "COMMIT" && !open.is_listed {
            return self.commit();
        }
        open.line(number, line)
    }

    fn begin(&mut self, name: &str, number: usize, is_listed: bool) -> Result<(), Fault> {
        if let Some(open) = &self.open {
            return Err(open.cut_off());
        }
        let table = Table {
            name: name.to_owned(),
            ..Table::default()
        };
        self.is_listed |= is_listed;
        self.open = Some(Open {
            table: PostedTable {
                family: Family::Ipv4,
                table,
                begins: number,
                chains: Vec::new(),
                rules: Vec::new(),
            },
            said: self.header,
            is_listed,
        });
        Ok(())
    }

    fn end_listed(&mut self) -> Result<(), Fault> {
        match &self.open {
            Some(open) if open.is_listed => self.commit(),
            Some(_) | None => Ok(()),
        }
    }

    fn commit(&mut self) -> Result<(), Fault> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        open.whole()?;
        let said = open.said.or_else(|| family::of(&open.table.table));
        self.read.push((said, open.table));
        Ok(())
    }

    /// What nothing tells the family of is of the one that the rest is of, else of IPv4.
    fn end(mut self) -> Result<Posted, Fault> {
        self.end_listed()?;
        if let Some(open) = &self.open {
            return Err(open.cut_off());
        }
        let other = self.read.iter().find_map(|(said, _)| *said);
        let mut tables: Vec<PostedTable> = Vec::new();
        for (said, mut table) in self.read {
            table.family = said.or(other).unwrap_or(Family::Ipv4);
            let is_twin =
                |t: &&PostedTable| t.family == table.family && t.table.name == table.table.name;
            if let Some(first) = tables.iter().find(is_twin) {
                return Err(Fault::Twice {
                    table: table.table.name,
                    begins: table.begins,
                    first: first.begins,
                });
            }
            tables.push(table);
        }
        if tables.is_empty() {
            return Err(Fault::Empty);
        }
        let is_listed = self.is_listed;
        Ok(Posted { tables, is_listed })
    }
}

impl Open {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Fault> {
        let PostedTable {
            table,
            chains,
            rules,
            ..
        } = &mut self.table;
        if let Some(chain) = declared(line, self.is_listed) {
            if self.is_listed && chain.policy.is_some() && built_in("filter", &chain.name).is_none()
            {
                return Err(Fault::OtherTable(chain.name));
            }
            table.chains.push(chain);
            chains.push(number);
            return Ok(());
        }
        if let Some(mut rule) = SavedRule::parse(line) {
            if fault::has_dash(&rule) {
                return Err(Fault::Dash);
            }
            if !table.chains.iter().any(|c| c.name == rule.chain) {
                return Err(Fault::Undeclared(rule.chain));
            }
            rule.words = words::as_saved(&rule.words);
            table.rules.push(rule);
            rules.push(number);
            return Ok(());
        }
        // As our own texts have it.
        let before = table.chains.clone();
        if !table.repeats_itself(line) {
            return Err(fault::of_line(line, true));
        }
        let left: HashSet<&str> = table.chains.iter().map(|c| c.name.as_str()).collect();
        let mut keep = before.iter().map(|c| left.contains(c.name.as_str()));
        chains.retain(|_| keep.next().unwrap_or(true));
        Ok(())
    }

    /// Every table has its built-in chains.
    fn whole(&self) -> Result<(), Fault> {
        let table = &self.table.table;
        let is_built_in = |c: &Chain| built_in(&table.name, &c.name).is_some();
        if table.chains.iter().any(is_built_in) {
            Ok(())
        } else {
            Err(Fault::NoChains(table.name.clone()))
        }
    }

    fn cut_off(&self) -> Fault {
        Fault::CutOff {
            table: self.table.table.name.clone(),
            begins: self.table.begins,
        }
    }
}

/// `:INPUT DROP [0:0]`; in a list `-P INPUT DROP`, `-N name`.
fn declared(line: &str, is_listed: bool) -> Option<Chain> {
    if !is_listed {
        return line
            .starts_with(':')
            .then(|| super::save::chain(line))
            .flatten();
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, policy) = match words[..] {
        ["-P", name, policy] | ["-P", name, policy, "-c", _, _] => (name, Some(policy.to_owned())),
        ["-N", name] => (name, None),
        _ => return None,
    };
    Some(Chain {
        name: name.to_owned(),
        policy,
        line: line.to_owned(),
    })
}

#[cfg(test)]
mod tests;
