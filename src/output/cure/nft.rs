//! Changes of native tables, as commands of nft(8).

use crate::check::{Guest, Own, Replacement, RuleAt};
use crate::model::filter::Rule;
use crate::render::native;
use crate::render::nftables::{additions, is_sayable, rule_words};
use crate::ruleset::change::ChainAt;
use crate::ruleset::live::Table;
use crate::ruleset::live::expression::Expression;
use crate::ruleset::live::table::{Maker, TableFamily};

use super::rules::{Edit, Said};
use crate::output::terminal::{is_plain, one_line, shell_word};

/// The longest comment that nft takes (`NFTNL_UDATA_COMMENT_MAXLEN`), in bytes.
const COMMENT: usize = 128;

/// An accept in its place.
pub(super) fn guest(guest: &Guest) -> Vec<Said> {
    let at = &guest.before;
    let words = guest_words(&guest.rule, &at.chain);
    if !is_sayable(&at.chain) {
        let before = match at.handle {
            Some(handle) => format!("before its rule with handle {handle}"),
            None => "at its end".to_owned(),
        };
        let lines: Vec<String> = words.iter().map(|words| format!("  {words}")).collect();
        return vec![Said::advice(format!(
            "{}: have the program that made it put in, {before}:\n{}",
            cannot_be_told(&at.chain),
            lines.join("\n")
        ))];
    }
    let place = place(&at.chain);
    let commands = words.iter().map(|words| match at.handle {
        Some(handle) => nft(&format!("insert rule {place} position {handle} {words}")),
        None => nft(&format!("add rule {place} {words}")),
    });
    commands.collect()
}

/// An accept in the words of a rule, as many times as a foreign chain needs it.
pub(super) fn guest_words(rule: &Rule, at: &ChainAt) -> Vec<String> {
    // In the tables of a bridge or a device an address asks for its family as in `inet`;
    // where nothing does, the family has another word.
    let (family, is_below) = match at.family {
        TableFamily::Bridge | TableFamily::Netdev => (TableFamily::Inet, true),
        family => (family, false),
    };
    let table = Table::new(family, at.table.clone(), Maker::Nft);
    let rules = native::guests(rule, family);
    let words = rules.iter().map(|rule| {
        let words = rule_words(rule, &table);
        match words.strip_prefix("meta nfproto ipv").filter(|_| is_below) {
            Some(rest) if rest.starts_with('4') => format!("meta protocol ip{}", &rest[1..]),
            Some(rest) => format!("meta protocol ip{rest}"),
            None => words,
        }
    });
    words.collect()
}

/// Rules in tables of our own.
pub(super) fn own(own: &[&Own]) -> Vec<Said> {
    // A kernel has NAT in `inet` or has not: that is the same for all of them.
    let inet_nat = own.iter().all(|own| own.inet_nat);
    let rules: Vec<&Rule> = own.iter().map(|own| &own.rule).collect();
    let commands = additions(&rules, inet_nat);
    commands.iter().map(|command| nft(command)).collect()
}

/// A change of a rule that is there.
pub(super) fn edit(at: &RuleAt, edit: Edit) -> Said {
    let handle = at.handle.unwrap_or_default();
    let place = place(&at.chain);
    match edit {
        _ if !is_sayable(&at.chain) => Said::advice(format!(
            "{}: have the program that made it {}",
            cannot_be_told(&at.chain),
            match edit {
                Edit::Delete => format!("take out its rule with handle {handle}"),
                Edit::Replace(to) => format!(
                    "make its rule with handle {handle}:\n  {}",
                    one_line(&replacement(to, at))
                ),
            }
        )),
        Edit::Delete => nft(&format!("delete rule {place} handle {handle}")),
        Edit::Replace(to) if can_be_told(to) => {
            let words = replacement(to, at);
            // nft 1.0.6 aborts at `replace rule` with ranges in an anonymous set.
            nft(&if to.sets.iter().any(|set| set.flags.anonymous) {
                format!(
                    "insert rule {place} position {handle} {words}; \
                     delete rule {place} handle {handle}"
                )
            } else {
                format!("replace rule {place} handle {handle} {words}")
            })
        }
        Edit::Replace(to) => Said::advice(format!(
            "nft has no words for all of the rule with handle {handle} of {place}; where it \
             is made, it has to become:\n  {}",
            one_line(&replacement(to, at))
        )),
    }
}

fn replacement(to: &Replacement, at: &RuleAt) -> String {
    let mut table = Table::new(at.chain.family, at.chain.table.clone(), at.maker);
    table.sets.clone_from(&to.sets);
    rule_words(&to.rule, &table)
}

/// Whether nft takes the words of a rule: there are none for what iptables made, nor for a
/// comment with quotes in it.
fn can_be_told(to: &Replacement) -> bool {
    let comment = to.rule.comment.as_deref().unwrap_or_default();
    let is_told = |expression: &Expression| match expression {
        Expression::Match(_)
        | Expression::Target(_)
        | Expression::Opaque { .. }
        | Expression::Elsewhere { .. } => false,
        // An anonymous set is its elements.
        Expression::Lookup { set, .. } => {
            let known = to.sets.iter().find(|known| known.name == *set);
            let is_named = !set.starts_with("__");
            is_named || known.is_some_and(|set| set.unread.is_none())
        }
        _ => true,
    };
    comment.len() <= COMMENT
        && is_plain(comment)
        && !comment.contains('"')
        && to.rule.expressions.iter().all(is_told)
}

fn nft(command: &str) -> Said {
    Said::Command(format!("nft {}", shell_word(command)))
}

/// A chain by its names.
fn place(at: &ChainAt) -> String {
    let names = format!("{} {} {}", at.family.name(), at.table, at.chain);
    one_line(&names)
}

fn cannot_be_told(at: &ChainAt) -> String {
    format!("nft reads no chain of the name `{}`", place(at))
}
