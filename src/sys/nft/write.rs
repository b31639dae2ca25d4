//! Operations as messages.

use std::fmt;

use super::batch::{About, Batch, Error, Part};
use super::expression::{Anonymous, add_all};
use super::held::{Cannot, comment, name};
use super::libnftnl::{
    ADD_CHAIN, ADD_HELPER, ADD_TABLE, APPEND_RULE, Chain, DELETE_RULE, DELETE_TABLE, Held, Helper,
    INSERT_RULE, Kind, Name, Request, Rule, Table, UserData,
};
use crate::ruleset::change::{ChainAt, Operation};
use crate::ruleset::live::table::{self, Hook, Maker, ObjectKind, Policy, TableFamily};

/// `NFT_RULE_MAXEXPRS`.
const MOST_EXPRESSIONS: usize = 128;

/// A table by its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) family: TableFamily,
    pub(super) table: &'a str,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {} {}", self.family.name(), self.table)
    }
}

/// The messages of operations.
pub(super) fn written(operations: &[Operation]) -> Result<Batch, Error> {
    let mut writer = Writer {
        batch: Batch::new(),
        operation: 0,
        sets: 0,
    };
    for (number, operation) in operations.iter().enumerate() {
        writer.operation = number;
        writer.operation(operation)?;
    }
    Ok(writer.batch)
}

pub(super) struct Writer {
    batch: Batch,
    /// The number of the operation that is being written.
    operation: usize,
    /// How many sets have a number in the batch.
    sets: u32,
}

impl Writer {
    /// Adds a message; `what` it is about.
    pub(super) fn add<K: Kind>(
        &mut self,
        of: &Held<K>,
        request: &'static Request<K>,
        at: Place,
        part: Part,
        what: String,
    ) -> Result<(), Error> {
        let message = of
            .message(request, at.family.number())
            .map_err(|why| Cannot::new(why).about(&what))?;
        let operation = self.operation;
        self.batch.add(
            &message,
            About {
                operation,
                part,
                what,
            },
        );
        Ok(())
    }

    fn operation(&mut self, operation: &Operation) -> Result<(), Error> {
        match operation {
            Operation::ReplaceTable(table) => self.replace(table),
            Operation::DeleteTable { family, name } => self.delete_table(Place {
                family: *family,
                table: name,
            }),
            Operation::InsertRule { at, before, rule } => {
                let (place, chain) = split(at);
                let which = match before {
                    Some(handle) => format!("before handle {handle}"),
                    None => "at the end".to_owned(),
                };
                let rule_words = match &rule.comment {
                    Some(comment) => format!("the rule \"{comment}\""),
                    None => "a rule".to_owned(),
                };
                let what = format!("{rule_words} {which} of chain {chain} of {place}");
                self.rule(place, chain, *before, rule, &Anonymous::new(), what)
            }
            Operation::DeleteRule { at, handle } => {
                let (place, chain) = split(at);
                let what = format!(
                    "the deletion of the rule with handle {handle} of chain {chain} of {place}"
                );
                let mut rule = Held::<Rule>::new();
                rule.set(&Rule::TABLE, &named(place.table, &what)?);
                rule.set(&Rule::CHAIN, &named(chain, &what)?);
                rule.set(&Rule::HANDLE, handle);
                self.add(&rule, &DELETE_RULE, place, Part::Deletion, what)
            }
        }
    }

    fn delete_table(&mut self, at: Place) -> Result<(), Error> {
        let what = format!("the deletion of {at}");
        let mut table = Held::<Table>::new();
        table.set(&Table::NAME, &named(at.table, &what)?);
        self.add(&table, &DELETE_TABLE, at, Part::Deletion, what)
    }

    /// Added, deleted, added: replaced whether or not it is there.
    fn replace(&mut self, table: &table::Table) -> Result<(), Error> {
        let at = Place {
            family: table.family,
            table: &table.name,
        };
        let what = at.to_string();
        let foreign = [
            (
                table.maker == Maker::IptablesLegacy,
                "it is of iptables-legacy",
            ),
            (table.owned, "it belongs to the program that made it"),
            (!table.flowtables.is_empty(), "it has flowtables"),
        ];
        if let Some((_, why)) = foreign.into_iter().find(|(is, _)| *is) {
            return Err(Cannot::new(why).about(&what));
        }
        let mut made = Held::<Table>::new();
        made.set(&Table::NAME, &named(at.table, &what)?);
        self.add(&made, &ADD_TABLE, at, Part::Table, what.clone())?;
        self.delete_table(at)?;
        if table.dormant {
            // NFT_TABLE_F_DORMANT.
            made.set(&Table::FLAGS, &1);
        }
        if let Some(text) = &table.comment {
            made.set(&Table::USER_DATA, &plain_comment(text, &what)?);
        }
        self.add(&made, &ADD_TABLE, at, Part::Table, what)?;
        for object in &table.objects {
            self.object(object, at)?;
        }
        let mut anonymous = Anonymous::new();
        for set in &table.sets {
            self.sets += 1;
            self.set(set, at, self.sets)?;
            if set.flags.anonymous {
                anonymous.insert(&set.name, self.sets);
            }
            self.elements(set, at, self.sets)?;
        }
        for chain in &table.chains {
            self.chain(chain, at)?;
        }
        for chain in &table.chains {
            for (number, rule) in (1..).zip(&chain.rules) {
                let comment = rule.comment.as_deref();
                let comment = comment.map(|text| format!(" (\"{text}\")"));
                let what = format!(
                    "rule {number}{} of chain {} of {at}",
                    comment.unwrap_or_default(),
                    chain.name
                );
                self.rule(at, &chain.name, None, rule, &anonymous, what)?;
            }
        }
        Ok(())
    }

    fn object(&mut self, object: &table::Object, at: Place) -> Result<(), Error> {
        let what = format!("object {} of {at}", object.name);
        let ObjectKind::Helper {
            helper,
            family,
            protocol,
        } = &object.what
        else {
            return Err(Cannot::new("only ct helpers are written here").about(&what));
        };
        let mut made = Held::<Helper>::new();
        made.set(&Helper::TABLE, &named(at.table, &what)?);
        made.set(&Helper::NAME, &named(&object.name, &what)?);
        made.set(&Helper::HELPER, &named(helper, &what)?);
        made.set(&Helper::FAMILY, family);
        made.set(&Helper::PROTOCOL, protocol);
        if let Some(text) = &object.comment {
            made.set(&Helper::USER_DATA, &plain_comment(text, &what)?);
        }
        self.add(&made, &ADD_HELPER, at, Part::Object, what)
    }

    fn chain(&mut self, chain: &table::Chain, at: Place) -> Result<(), Error> {
        let what = format!("chain {} of {at}", chain.name);
        let mut made = Held::<Chain>::new();
        made.set(&Chain::TABLE, &named(at.table, &what)?);
        made.set(&Chain::NAME, &named(&chain.name, &what)?);
        if let Some(base) = &chain.base {
            let hook = hook_number(base.hook, at.family);
            let hook = hook.filter(|_| base.devices.is_empty());
            let hook = hook.ok_or_else(|| {
                Cannot::new("chains at its hook are not written here").about(&what)
            })?;
            let kind = match &base.kind {
                table::Kind::Filter => "filter",
                table::Kind::Nat => "nat",
                table::Kind::Route => "route",
                table::Kind::Other(name) => name,
            };
            made.set(&Chain::HOOK, &hook);
            made.set(&Chain::PRIORITY, &base.priority);
            made.set(&Chain::TYPE, &named(kind, &what)?);
            // NF_DROP, NF_ACCEPT.
            let policy = u32::from(base.policy == Policy::Accept);
            made.set(&Chain::POLICY, &policy);
        }
        if let Some(text) = &chain.comment {
            made.set(&Chain::USER_DATA, &plain_comment(text, &what)?);
        }
        self.add(&made, &ADD_CHAIN, at, Part::Chain, what)
    }

    /// `before`: the handle of a rule of the chain; else at its end.
    fn rule(
        &mut self,
        at: Place,
        chain: &str,
        before: Option<u64>,
        rule: &table::Rule,
        sets: &Anonymous,
        what: String,
    ) -> Result<(), Error> {
        let mut made = Held::<Rule>::new();
        made.set(&Rule::TABLE, &named(at.table, &what)?);
        made.set(&Rule::CHAIN, &named(chain, &what)?);
        if let Some(text) = &rule.comment {
            made.set(&Rule::USER_DATA, &plain_comment(text, &what)?);
        }
        if rule.expressions.len() > MOST_EXPRESSIONS {
            return Err(Cannot::new("it has too many expressions").about(&what));
        }
        add_all(&mut made, &rule.expressions, sets).map_err(|cannot| cannot.about(&what))?;
        let request = match before {
            Some(handle) => {
                made.set(&Rule::POSITION, &handle);
                &INSERT_RULE
            }
            None => &APPEND_RULE,
        };
        self.add(&made, request, at, Part::Rule, what)
    }
}

fn split(at: &ChainAt) -> (Place<'_>, &str) {
    let place = Place {
        family: at.family,
        table: &at.table,
    };
    (place, &at.chain)
}

fn named(text: &str, what: &str) -> Result<Name, Error> {
    name(text).map_err(|cannot| cannot.about(what))
}

/// User data of a table, chain, rule or object: their comment is of type 0.
fn plain_comment(text: &str, what: &str) -> Result<UserData, Error> {
    comment(UserData::default(), 0, text).map_err(|cannot| cannot.about(what))
}

/// `NF_INET_*`; only of families that have those hooks.
fn hook_number(hook: Hook, family: TableFamily) -> Option<u32> {
    if matches!(family, TableFamily::Arp | TableFamily::Netdev) {
        return None;
    }
    match hook {
        Hook::Prerouting => Some(0),
        Hook::Input => Some(1),
        Hook::Forward => Some(2),
        Hook::Output => Some(3),
        Hook::Postrouting => Some(4),
        Hook::Ingress | Hook::Egress | Hook::Other(_) => None,
    }
}
