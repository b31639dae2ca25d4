//! Sets down what of ours is there, so that it can be put back.

use std::collections::BTreeSet;

use crate::ruleset::live::decode::Dump;
use crate::ruleset::live::table::Maker;
use crate::ruleset::live::{Chain, Ruleset, Table};
use crate::ruleset::netlink::{Object, attribute, kept, long_number, text};
use crate::sys::netlink;

use super::intent::Intent;
use super::journal::Before;
use super::ours::{is_own_table, is_tagged};
use super::removal::programs;
use super::sight::{Error, Sight, saves};

/// Rules of others behind each guest that are kept, to find its place again.
const ANCHORS: usize = 64;

/// What of ours is there before `intent`, of the rules.
///
/// # Errors
/// [`Error::Stale`] where the ruleset changed since it was seen; [`Error::Save`];
/// [`Error::Nft`].
pub fn before(sight: &Sight, intent: &Intent) -> Result<Before, Error> {
    let mut before = Before {
        nft: sight.generation.map(|at| dump(sight, at)).transpose()?,
        ..Before::default()
    };
    for program in programs(&sight.ruleset) {
        match intent.steps.iter().find(|step| step.program == program) {
            Some(loading) => before.add_save(program, &loading.before),
            None => {
                for (program, save) in saves(&[program])? {
                    before.add_save(program, &save);
                }
            }
        }
    }
    Ok(before)
}

fn dump(sight: &Sight, generation: u32) -> Result<Dump, Error> {
    let wanted = Wanted::of(&sight.ruleset);
    let found = netlink::dump_of(
        |family, table| wanted.is_own(family, &text(table)),
        |family, table, chain| wanted.has_chain(family, &text(table), &text(chain)),
    );
    let (dump, now) =
        found.map_err(|error| Error::Nft(format!("cannot read nf_tables: {error}")))?;
    if now != generation {
        return Err(Error::Stale);
    }
    Ok(wanted.of_dump(&dump))
}

/// What is kept of a dump.
struct Wanted {
    own: BTreeSet<(u8, String)>,
    /// Chains with guests.
    hosts: BTreeSet<(u8, String, String)>,
    /// Handles of rules in those, with their chain's table.
    rules: BTreeSet<(u8, String, u64)>,
}

impl Wanted {
    fn of(ruleset: &Ruleset) -> Self {
        let mut wanted = Self {
            own: BTreeSet::new(),
            hosts: BTreeSet::new(),
            rules: BTreeSet::new(),
        };
        for table in &ruleset.tables {
            let family = table.family.number();
            if is_own_table(table) {
                wanted.own.insert((family, table.name.clone()));
            } else if table.maker == Maker::Nft {
                for chain in &table.chains {
                    wanted.add_host(table, chain);
                }
            }
        }
        wanted
    }

    fn add_host(&mut self, table: &Table, chain: &Chain) {
        let family = table.family.number();
        let mut left = 0;
        for rule in &chain.rules {
            if is_tagged(rule) {
                left = ANCHORS + 1;
                let name = (family, table.name.clone(), chain.name.clone());
                self.hosts.insert(name);
            }
            if left > 0 {
                self.rules.insert((family, table.name.clone(), rule.handle));
                left -= usize::from(!is_tagged(rule));
            }
        }
    }

    fn has_chain(&self, family: u8, table: &str, chain: &str) -> bool {
        self.is_own(family, table)
            || self
                .hosts
                .contains(&(family, table.to_owned(), chain.to_owned()))
    }

    fn is_own(&self, family: u8, table: &str) -> bool {
        self.own.contains(&(family, table.to_owned()))
    }

    /// The names of all tables and base chains, and what is ours.
    fn of_dump(&self, dump: &Dump) -> Dump {
        // Attribute 1 is the table's name in each of them (`NFTA_*_TABLE`).
        let table = |object: Object| attribute(object.attributes, 1).map(text);
        let is_own = |object: Object| table(object).is_some_and(|t| self.is_own(object.family, &t));
        let is_chain = |object: Object| {
            // NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK.
            let name = attribute(object.attributes, 3).map(text);
            let is_base = attribute(object.attributes, 4).is_some();
            let named = table(object).zip(name);
            is_base || named.is_some_and(|(t, name)| self.has_chain(object.family, &t, &name))
        };
        let is_rule = |object: Object| {
            // NFTA_RULE_HANDLE.
            let handle = attribute(object.attributes, 3).and_then(long_number);
            is_own(object)
                || table(object)
                    .zip(handle)
                    .is_some_and(|(t, at)| self.rules.contains(&(object.family, t, at)))
        };
        Dump {
            tables: dump.tables.clone(),
            chains: kept(&dump.chains, is_chain),
            rules: kept(&dump.rules, is_rule),
            sets: kept(&dump.sets, is_own),
            elements: kept(&dump.elements, is_own),
            objects: kept(&dump.objects, is_own),
            flowtables: Vec::new(),
        }
    }
}
