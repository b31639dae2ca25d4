//! What in an iptables-nft table `iptables-save` cannot print, or prints wrong.
//!
//! iptables-nft keeps its rules in `nf_tables`, where others may add rules of their
//! own. One `ct state` rule makes `iptables-save` print no table at all; `tcp dport
//! { 21 }` it prints as *all* ports (played in `tests/emit_lab.rs`). A text that was
//! saved from such a table must not be loaded again.

use crate::model::net::Family;

use super::netlink::{Message, attribute, attributes, messages, number, text};

/// The answers to the four dumps of one family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dumps {
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

/// The base chains that iptables-nft makes.
const BUILT_IN: [&str; 5] = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];

/// Everything native in the named `tables` of the dumped family.
#[must_use]
pub fn native_things(dumps: &Dumps, family: Family, tables: &[&str]) -> Vec<Native> {
    let mut found: Vec<Native> = Vec::new();
    found.extend(objects(&dumps.chains).into_iter().filter_map(native_chain));
    found.extend(
        objects(&dumps.sets)
            .into_iter()
            .filter(|set| !is_anonymous(set))
            .filter_map(|set| named(set, 2, "set or map")),
    );
    found.extend(
        objects(&dumps.objects)
            .into_iter()
            .filter_map(|o| named(o, 2, "object")),
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
    let mut tables: Vec<String> = objects(&dumps.rules)
        .into_iter()
        .filter_map(|r| attribute(r, 1).map(text))
        .collect();
    tables.sort();
    tables.dedup();
    tables
}

/// Every table that a chain was dumped of.
#[must_use]
pub fn tables_with_chains(dumps: &Dumps) -> Vec<String> {
    let mut tables: Vec<String> = objects(&dumps.chains)
        .into_iter()
        .filter_map(|c| attribute(c, 1).map(text))
        .collect();
    tables.sort();
    tables.dedup();
    tables
}

fn objects(dump: &[u8]) -> Vec<&[u8]> {
    messages(dump)
        .into_iter()
        .filter_map(|message| match message {
            Message::Object(body) => Some(body),
            Message::Done | Message::Refused(_) | Message::Interrupted => None,
        })
        .collect()
}

/// `NFTA_CHAIN_TABLE` 1, `NFTA_CHAIN_NAME` 3, `NFTA_CHAIN_HOOK` 4.
fn native_chain(chain: &[u8]) -> Option<Native> {
    let name = text(attribute(chain, 3)?);
    let is_base = attribute(chain, 4).is_some();
    (is_base && !BUILT_IN.contains(&name.as_str())).then(|| Native {
        table: attribute(chain, 1).map(text).unwrap_or_default(),
        what: format!("base chain {name}"),
    })
}

/// `NFTA_SET_FLAGS` 3, `NFT_SET_ANONYMOUS` 1: part of a rule, which is looked at
/// itself.
fn is_anonymous(set: &[u8]) -> bool {
    attribute(set, 3)
        .and_then(number)
        .is_some_and(|flags| flags & 1 != 0)
}

fn named(object: &[u8], name: u16, what: &str) -> Option<Native> {
    Some(Native {
        table: text(attribute(object, 1)?),
        what: format!("{what} {}", text(attribute(object, name)?)),
    })
}

/// `NFTA_RULE_TABLE` 1, `NFTA_RULE_CHAIN` 2, `NFTA_RULE_HANDLE` 3, `NFTA_RULE_EXPRESSIONS` 4.
fn native_rule(rule: &[u8], family: Family) -> Option<Native> {
    let expressions = attributes(attribute(rule, 4)?);
    let why = expressions
        .iter()
        .find_map(|(_, expression)| native_expression(expression, family))
        // Every rule of an iptables program counts.
        .or_else(|| {
            let counts = expressions
                .iter()
                .any(|(_, e)| expression_name(e) == "counter");
            (!counts).then(|| "no counter".to_owned())
        })?;
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

/// `NFTA_EXPR_NAME` 1, `NFTA_EXPR_DATA` 2.
fn expression_name(expression: &[u8]) -> String {
    attribute(expression, 1).map(text).unwrap_or_default()
}

/// What makes an expression native, after `supported_exprs` and the parsers of
/// iptables 1.8 (`iptables/nft.c`, `iptables/nft-ruleparse.c`).
fn native_expression(expression: &[u8], family: Family) -> Option<String> {
    let name = expression_name(expression);
    let data = attribute(expression, 2).unwrap_or_default();
    let understood = match name.as_str() {
        "match" | "target" | "cmp" | "bitwise" | "counter" | "immediate" | "range" | "limit"
        | "log" => true,
        "meta" => meta_is_known(data),
        "payload" => payload_is_known(data, family),
        _ => false,
    };
    (!understood).then_some(name)
}

/// `NFTA_META_KEY` 2: mark 3, iif 4, oif 5, iifname 6, oifname 7, nftrace 15 (the
/// TRACE target), l4proto 16.
fn meta_is_known(data: &[u8]) -> bool {
    let key = attribute(data, 2).and_then(number);
    matches!(key, Some(3..=7 | 15 | 16))
}

/// `NFTA_PAYLOAD_BASE` 2, `_OFFSET` 3, `_LEN` 4: addresses, protocol and fragments
/// in the network header (base 1), ports, both or one, and TCP flags in the
/// transport header (base 2).
fn payload_is_known(data: &[u8], family: Family) -> bool {
    let [base, offset, length] = [2, 3, 4].map(|kind| attribute(data, kind).and_then(number));
    let (Some(base), Some(offset), Some(length)) = (base, offset, length) else {
        return false;
    };
    match (base, family) {
        (1, Family::Ipv4) => matches!((offset, length), (9, 1) | (6, 2) | (12 | 16, 1..=4)),
        (1, Family::Ipv6) => matches!((offset, length), (6, 1) | (8 | 24, 1..=16)),
        (2, _) => matches!((offset, length), (0 | 2, 2) | (0, 4) | (13, 1)),
        _ => false,
    }
}
