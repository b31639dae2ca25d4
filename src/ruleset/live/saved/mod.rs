//! The text of `iptables-save` and `ip6tables-save` as the model: tables of
//! iptables-legacy, or a saved text of either back end.
//!
//! What a match or a target of an unknown name asks stays opaque, with its words; so does
//! a known one with an option or a value that is not understood.

mod matches;
mod options;
mod targets;
#[cfg(test)]
mod tests;
mod values;

use options::{Group, groups};
pub(super) use targets::reject_name;
pub(super) use values::protocol_name;

use super::expression::{Expression, Verdict};
use super::table::{
    Base, Chain, Maker, Policy, Rule, Table, TableFamily, comment_of, hook_of, kind_of,
};
use super::xt::{Match, Target};
use super::{Ruleset, Unread};
use crate::model::net::Family;
use crate::ruleset::native::built_in;
use crate::ruleset::save::{self, Save, SavedRule};

/// The tables of a saved text. `family`: `iptables-save`'s or `ip6tables-save`'s; `maker`:
/// which back end the text is of.
#[must_use]
pub fn read(save: &Save, family: Family, maker: Maker) -> Ruleset {
    let mut ruleset = Ruleset::default();
    for saved in &save.tables {
        let mut table = Table {
            family: match family {
                Family::Ipv4 => TableFamily::Ip,
                Family::Ipv6 => TableFamily::Ip6,
            },
            name: saved.name.clone(),
            handle: 0,
            maker,
            dormant: false,
            owned: false,
            comment: None,
            chains: Vec::with_capacity(saved.chains.len()),
            sets: Vec::new(),
            objects: Vec::new(),
            flowtables: Vec::new(),
        };
        let mut places = std::collections::HashMap::new();
        for declared in &saved.chains {
            let what = || format!("table {}, chain {}", saved.name, declared.name);
            match chain(declared, &saved.name, table.family) {
                Ok(chain) => {
                    places.insert(declared.name.as_str(), table.chains.len());
                    table.chains.push(chain);
                }
                Err(why) => ruleset.unread.push(Unread { what: what(), why }),
            }
        }
        for line in &saved.rules {
            let place = places.get(line.chain.as_str()).copied();
            let Some(number) = place.map(|at| table.chains[at].rules.len() + 1) else {
                ruleset.unread.push(Unread {
                    what: format!("table {}, rule {}", saved.name, line.line),
                    why: "its chain is not declared".to_owned(),
                });
                continue;
            };
            let is_chain = |name: &str| places.contains_key(name);
            let read = rule(line, number, family, &is_chain);
            if let Some(chain) = place.and_then(|at| table.chains.get_mut(at)) {
                chain.rules.push(read);
            }
        }
        ruleset.tables.push(table);
    }
    ruleset
}

/// A chain with a policy is built in, and has the hook that iptables gives it.
fn chain(declared: &save::Chain, table: &str, family: TableFamily) -> Result<Chain, String> {
    let base = match declared.policy.as_deref() {
        None => None,
        Some(policy) => {
            let Some((hook, priority, kind)) = built_in(table, &declared.name) else {
                return Err("iptables has no such built-in chain".to_owned());
            };
            Some(Base {
                hook: hook_of(hook, family),
                priority,
                kind: kind_of(kind),
                policy: match policy {
                    "ACCEPT" => Policy::Accept,
                    "DROP" => Policy::Drop,
                    other => return Err(format!("a policy {other}")),
                },
                devices: Vec::new(),
            })
        }
    };
    Ok(Chain {
        name: declared.name.clone(),
        handle: 0,
        base,
        comment: None,
        rules: Vec::new(),
    })
}

/// One rule: its header, its matches, its counter where saved with one, its target.
fn rule(saved: &SavedRule, number: usize, family: Family, is_chain: &dyn Fn(&str) -> bool) -> Rule {
    let mut expressions = Vec::new();
    let mut target = None;
    for group in groups(&saved.words) {
        match group {
            Group::Header(options) if options.is_empty() => {}
            Group::Header(options) => {
                let read = matches::header(options.clone(), family);
                expressions.push(Expression::Match(read.unwrap_or_else(|| Match::Opaque {
                    name: "header".to_owned(),
                    revision: None,
                    words: options.words(),
                })));
            }
            Group::Match(name, options) => {
                expressions.push(Expression::Match(matches::read(name, options, family)));
            }
            Group::Target(name, options) => {
                target = Some(targets::read(name, options, family, is_chain));
            }
            Group::Goto(chain) => {
                target = Some(Target::Verdict(Verdict::Goto(chain.to_owned())));
            }
        }
    }
    if let Some((packets, bytes)) = saved.counters.as_deref().and_then(counters) {
        expressions.push(Expression::Counter { packets, bytes });
    }
    let target = target.unwrap_or(Target::Verdict(Verdict::Continue));
    expressions.push(Expression::Target(target));
    Rule {
        handle: u64::try_from(number).unwrap_or(u64::MAX),
        comment: comment_of(&expressions),
        expressions,
        line: saved.line.clone(),
    }
}

/// `[3:180]`
fn counters(text: &str) -> Option<(u64, u64)> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let (packets, bytes) = inner.split_once(':')?;
    Some((packets.parse().ok()?, bytes.parse().ok()?))
}
