//! What in an iptables-nft table `iptables-save` cannot print, or prints wrong.
//!
//! iptables-nft keeps its rules in `nf_tables`, where others may add rules of their
//! own. One `ct state` rule makes `iptables-save` print no table at all; `tcp dport
//! { 21 }` it prints as *all* ports, a range of banned addresses as its last one
//! (played in `tests/emit_lab/`). A text that was saved from such a table must not
//! be loaded again. So a table passes only where every chain is one that iptables
//! makes, and every rule has the form in which iptables writes rules
//! (`native_rule`).

use crate::model::net::Family;

use super::native_rule::foreign_form;
use super::netlink::{Message, attribute, messages, number, text};

/// The answers to the dumps of one family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dumps {
    /// [`super::netlink::List::Tables`].
    pub tables: Vec<u8>,
    /// [`super::netlink::List::Chains`].
    pub chains: Vec<u8>,
    /// [`super::netlink::List::Rules`].
    pub rules: Vec<u8>,
    /// [`super::netlink::List::Sets`].
    pub sets: Vec<u8>,
    /// [`super::netlink::List::Objects`].
    pub objects: Vec<u8>,
}

/// A thing that no iptables program made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Native {
    /// The table that it stands in.
    pub table: String,
    /// What it is, in words.
    pub what: String,
}

/// Base chains as iptables-nft makes them (`iptables/nft.c`, `xtables_ipv4`): table,
/// name, hook number, priority, type.
const BUILT_IN: [(&str, &str, u32, i32, &str); 17] = [
    ("raw", "PREROUTING", 0, -300, "filter"),
    ("raw", "OUTPUT", 3, -300, "filter"),
    ("mangle", "PREROUTING", 0, -150, "filter"),
    ("mangle", "INPUT", 1, -150, "filter"),
    ("mangle", "FORWARD", 2, -150, "filter"),
    ("mangle", "OUTPUT", 3, -150, "route"),
    ("mangle", "POSTROUTING", 4, -150, "filter"),
    ("filter", "INPUT", 1, 0, "filter"),
    ("filter", "FORWARD", 2, 0, "filter"),
    ("filter", "OUTPUT", 3, 0, "filter"),
    ("security", "INPUT", 1, 50, "filter"),
    ("security", "FORWARD", 2, 50, "filter"),
    ("security", "OUTPUT", 3, 50, "filter"),
    ("nat", "PREROUTING", 0, -100, "nat"),
    ("nat", "INPUT", 1, 100, "nat"),
    ("nat", "OUTPUT", 3, -100, "nat"),
    ("nat", "POSTROUTING", 4, 100, "nat"),
];

/// Hook number, priority and type of a built-in chain of iptables, by table and name.
pub(super) fn built_in(table: &str, chain: &str) -> Option<(u32, i32, &'static str)> {
    let found = BUILT_IN
        .iter()
        .find(|(t, c, ..)| *t == table && *c == chain);
    found.map(|(_, _, hook, priority, kind)| (*hook, *priority, *kind))
}

/// Names that a chain cannot have beside iptables' own verdicts.
const VERDICTS: [&str; 4] = ["ACCEPT", "DROP", "RETURN", "QUEUE"];

/// `XT_EXTENSION_MAXNAMELEN` less its NUL: a longer chain is saved and not loaded.
const LONGEST_NAME: usize = 28;

/// Everything native in the named `tables` of the dumped family.
#[must_use]
pub fn native_things(dumps: &Dumps, family: Family, tables: &[&str]) -> Vec<Native> {
    let sets = objects(&dumps.sets)
        .into_iter()
        .filter(|set| !is_anonymous(set));
    let mut found: Vec<Native> = Vec::new();
    found.extend(objects(&dumps.tables).into_iter().filter_map(dormant));
    found.extend(objects(&dumps.chains).into_iter().filter_map(native_chain));
    found.extend(sets.filter_map(|set| named(set, "set or map")));
    found.extend(
        objects(&dumps.objects)
            .into_iter()
            .filter_map(|o| named(o, "object")),
    );
    found.extend(
        objects(&dumps.rules)
            .into_iter()
            .filter_map(|rule| native_rule(rule, family)),
    );
    found.retain(|native| tables.contains(&native.table.as_str()));
    found.dedup();
    found
}

/// The names of the tables that hold rules.
#[must_use]
pub fn tables_with_rules(dumps: &Dumps) -> Vec<String> {
    tables_of(&dumps.rules)
}

/// Every table that a chain was dumped of.
#[must_use]
pub fn tables_with_chains(dumps: &Dumps) -> Vec<String> {
    tables_of(&dumps.chains)
}

/// `NFTA_CHAIN_TABLE` and `NFTA_RULE_TABLE` are both 1.
fn tables_of(dump: &[u8]) -> Vec<String> {
    let mut tables: Vec<String> = objects(dump)
        .into_iter()
        .filter_map(|o| attribute(o, 1).map(text))
        .collect();
    tables.sort();
    tables.dedup();
    tables
}

fn objects(dump: &[u8]) -> Vec<&[u8]> {
    messages(dump)
        .filter_map(|message| match message {
            Message::Object(body) => Some(body),
            Message::Done | Message::Refused(_) | Message::Interrupted => None,
        })
        .collect()
}

/// `NFTA_TABLE_NAME` 1, `NFTA_TABLE_FLAGS` 2 with `NFT_TABLE_F_DORMANT` 1: a text
/// that is loaded would put its rules in force.
fn dormant(table: &[u8]) -> Option<Native> {
    let flags = attribute(table, 2).and_then(number)?;
    (flags & 1 != 0).then(|| Native {
        table: attribute(table, 1).map(text).unwrap_or_default(),
        what: "the table is dormant".to_owned(),
    })
}

/// `NFTA_CHAIN_TABLE` 1, `NFTA_CHAIN_NAME` 3, `NFTA_CHAIN_HOOK` 4 (its number 1, its
/// priority 2), `NFTA_CHAIN_TYPE` 7.
fn native_chain(chain: &[u8]) -> Option<Native> {
    let table = attribute(chain, 1).map(text).unwrap_or_default();
    let name = text(attribute(chain, 3)?);
    let is_known = match (attribute(chain, 4), built_in(&table, &name)) {
        (None, None) => name.len() <= LONGEST_NAME && !VERDICTS.contains(&name.as_str()),
        (Some(hook), Some((number, priority, kind))) => {
            let at = |kind| attribute(hook, kind).and_then(super::netlink::number);
            at(1) == Some(number)
                && at(2).map(u32::cast_signed) == Some(priority)
                && attribute(chain, 7).map(text).as_deref() == Some(kind)
        }
        _ => false,
    };
    (!is_known).then(|| Native {
        table,
        what: format!("chain {name}"),
    })
}

/// `NFTA_SET_FLAGS` 3, `NFT_SET_ANONYMOUS` 1: part of a rule, which is looked at
/// itself.
fn is_anonymous(set: &[u8]) -> bool {
    attribute(set, 3)
        .and_then(number)
        .is_some_and(|flags| flags & 1 != 0)
}

/// `NFTA_SET_TABLE` and `NFTA_OBJ_TABLE` 1, `NFTA_SET_NAME` and `NFTA_OBJ_NAME` 2.
fn named(object: &[u8], what: &str) -> Option<Native> {
    Some(Native {
        table: text(attribute(object, 1)?),
        what: format!("{what} {}", text(attribute(object, 2)?)),
    })
}

/// `NFTA_RULE_TABLE` 1, `NFTA_RULE_CHAIN` 2, `NFTA_RULE_HANDLE` 3, `NFTA_RULE_EXPRESSIONS` 4.
fn native_rule(rule: &[u8], family: Family) -> Option<Native> {
    let why = foreign_form(attribute(rule, 4).unwrap_or_default(), family)?;
    let chain = attribute(rule, 2).map(text).unwrap_or_default();
    let handle = attribute(rule, 3)
        .and_then(|h| h.try_into().ok())
        .map(u64::from_be_bytes)
        .unwrap_or_default();
    Some(Native {
        table: attribute(rule, 1).map(text).unwrap_or_default(),
        what: format!("chain {chain}, rule with handle {handle} ({why})"),
    })
}
