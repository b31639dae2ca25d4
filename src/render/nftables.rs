//! A plan in the words of nft(8).

use std::fmt::Write as _;

use super::keywords::KEYWORDS;
use super::native::{self, own_tables};
use crate::model::filter::{Chain, Rule};
use crate::plan::Plan;
use crate::ruleset::change::{ChainAt, Operation};
use crate::ruleset::live::print::Words;
use crate::ruleset::live::table::{Base, Hook, Kind, Object, ObjectKind, Set, Table};
use crate::ruleset::live::{self, Ruleset};

/// The whole of our own table as a file for `nft -f`: replaced at once, loaded
/// twice to the same result, nothing else touched. It loads what
/// [`own_tables`] has.
#[must_use]
pub fn own_table(plan: &Plan) -> String {
    let mut text = header(plan)
        + "# Load with `nft -f`: replaces our own tables, changes no other; loads twice.\n\
           # An accept in one table does not overrule a drop in another.\n";
    text.push_str(&own_tables_of(plan));
    text
}

/// The same with what `operations` change in the tables of others in `ruleset`: guests, and
/// the deletion of those that are stale. Handles are of that moment.
#[must_use]
pub fn onto(plan: &Plan, operations: &[Operation], ruleset: &Ruleset) -> String {
    let mut text = header(plan)
        + "# Load with `nft -f`, at once and once: it names rules of this moment by their\n\
           # handles. Emitted again it replaces ours.\n";
    text.push_str(&own_tables_of(plan));
    let guests: Vec<String> = operations
        .iter()
        .filter_map(|operation| command(operation, ruleset))
        .collect();
    if !guests.is_empty() {
        let _ = write!(text, "\n{}\n", guests.join("\n"));
    }
    text
}

/// A change of a table that is not ours, or of one of ours that is not wanted any more.
fn command(operation: &Operation, ruleset: &Ruleset) -> Option<String> {
    match operation {
        Operation::ReplaceTable(_) => None,
        Operation::DeleteTable { family, name } => {
            Some(format!("delete table {} {name}", family.name()))
        }
        Operation::DeleteRule { at, handle } => {
            Some(format!("delete rule {} handle {handle}", place(at)))
        }
        Operation::InsertRule { at, before, rule } => {
            let is_it = |t: &&Table| t.family == at.family && t.name == at.table;
            let table = ruleset.tables.iter().find(is_it)?;
            let words = rule_words(rule, table);
            Some(match before {
                Some(handle) => format!("insert rule {} handle {handle} {words}", place(at)),
                None => format!("add rule {} {words}", place(at)),
            })
        }
    }
}

/// The chain of an operation that nft cannot be told of ([`is_sayable`]).
#[must_use]
pub fn unsayable(operation: &Operation) -> Option<&ChainAt> {
    match operation {
        Operation::InsertRule { at, .. } | Operation::DeleteRule { at, .. } => {
            (!is_sayable(at)).then_some(at)
        }
        Operation::ReplaceTable(_) | Operation::DeleteTable { .. } => None,
    }
}

/// Whether nft can be told of a chain: a program that speaks netlink may give any name, a
/// keyword or a line's end in it too, and nft takes no quotes around one.
#[must_use]
pub fn is_sayable(at: &ChainAt) -> bool {
    [&at.table, &at.chain]
        .into_iter()
        .all(|name| is_identifier(name))
}

/// `string` in nft's scanner, and no keyword there.
fn is_identifier(name: &str) -> bool {
    let begins = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '.');
    let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    name.starts_with(begins) && name.chars().all(goes_on) && !KEYWORDS.contains(&name)
}

/// A chain by its names.
fn place(at: &ChainAt) -> String {
    format!("{} {} {}", at.family.name(), at.table, at.chain)
}

fn header(plan: &Plan) -> String {
    let names: Vec<&str> = plan.profiles.iter().map(|p| p.name.as_str()).collect();
    format!(
        "# ftpnat {}: {}\n",
        env!("CARGO_PKG_VERSION"),
        names.join(", ")
    )
}

fn own_tables_of(plan: &Plan) -> String {
    let mut text = String::new();
    for table in own_tables(plan) {
        let (family, name) = (table.family.name(), &table.name);
        // Add, delete, add: replaces a table whether or not it is there.
        let _ = write!(
            text,
            "\ntable {family} {name}\ndelete table {family} {name}\n\
             table {family} {name} {{\n{}}}\n",
            blocks(&table).join("\n")
        );
    }
    text
}

/// Commands of nft(8) that put rules into our own tables, each with what it needs there;
/// what is there already stays. `inet_nat`: as [`Plan::inet_nat`].
#[must_use]
pub fn additions(rules: &[&Rule], inet_nat: bool) -> Vec<String> {
    let mut commands = Vec::new();
    for table in native::tables_for(rules, inet_nat) {
        let of = format!("{} {}", table.family.name(), table.name);
        commands.push(format!("add table {of}"));
        for object in table.objects.iter().filter(|o| helper_type(o).is_some()) {
            let kind = helper_type(object).unwrap_or_default();
            commands.push(format!("add ct helper {of} {} {{ {kind}; }}", object.name));
        }
        for chain in &table.chains {
            let of = format!("{of} {}", chain.name);
            if let Some(base) = &chain.base {
                commands.push(format!("add chain {of} {{ {} }}", chain_header(base)));
            }
            let rules = chain.rules.iter().map(|rule| rule_words(rule, &table));
            commands.extend(rules.map(|words| format!("add rule {of} {words}")));
        }
    }
    commands
}

/// A rule of a table as it is loaded: a counter that counted nothing without figures.
#[must_use]
pub fn rule_words(rule: &live::Rule, table: &Table) -> String {
    let words = Words::new(table).rule(rule);
    words.replace("counter packets 0 bytes 0", "counter")
}

/// The name of a chain of ours.
#[must_use]
pub fn chain_name(chain: Chain) -> String {
    native::chain_name(chain)
}

/// A rule without its comment, as nft(8) lists it in a table of family `inet`.
#[must_use]
pub fn rule_text(rule: &Rule) -> String {
    let (mut rule, table) = native::alone(rule);
    rule.comment = None;
    Words::new(&table).rule(&rule)
}

/// The parts of a table, in the order in which nft lists them.
fn blocks(table: &Table) -> Vec<String> {
    let words = Words::new(table);
    let objects = table.objects.iter().filter_map(object);
    let named = table.sets.iter().filter(|set| !set.flags.anonymous);
    let sets = named.map(|named| set(named, &words));
    let chains = table.chains.iter().map(|of| chain(of, &words));
    objects.chain(sets).chain(chains).collect()
}

/// Helpers are the only objects of ours.
fn object(object: &Object) -> Option<String> {
    let kind = helper_type(object)?;
    Some(format!(
        "\tct helper {} {{\n\t\t{kind}\n\t}}\n",
        object.name
    ))
}

/// What a helper assigns.
fn helper_type(object: &Object) -> Option<String> {
    const TCP: u8 = 6;
    match &object.what {
        ObjectKind::Helper {
            helper,
            protocol: TCP,
            ..
        } => Some(format!("type \"{helper}\" protocol tcp")),
        _ => None,
    }
}

fn set(set: &Set, words: &Words) -> String {
    let what = if set.flags.map { "map" } else { "set" };
    let flags = if set.flags.interval {
        "\t\tflags interval\n"
    } else {
        ""
    };
    format!(
        "\t{what} {} {{\n\t\ttype {}\n{flags}\t\telements = {{\n\t\t\t{}\n\t\t}}\n\t}}\n",
        set.name,
        words.kind(set),
        words.elements(set).join(",\n\t\t\t")
    )
}

fn chain(chain: &live::Chain, words: &Words) -> String {
    let mut block = format!("\tchain {} {{\n", chain.name);
    if let Some(base) = &chain.base {
        let _ = writeln!(block, "\t\t{}", chain_header(base));
    }
    for rule in &chain.rules {
        let _ = writeln!(block, "\t\t{}", words.rule(rule));
    }
    block + "\t}\n"
}

/// A base chain of ours; its policy is to accept.
fn chain_header(base: &Base) -> String {
    let kind = match &base.kind {
        Kind::Filter => "filter",
        Kind::Nat => "nat",
        Kind::Route => "route",
        Kind::Other(name) => name,
    };
    let hook = match base.hook {
        Hook::Prerouting => "prerouting",
        Hook::Input => "input",
        Hook::Forward => "forward",
        Hook::Output => "output",
        Hook::Postrouting => "postrouting",
        Hook::Ingress => "ingress",
        Hook::Egress => "egress",
        Hook::Other(_) => "unknown",
    };
    // A number, not a name: nft 0.9.0 has no names for priorities.
    let priority = base.priority;
    format!("type {kind} hook {hook} priority {priority}; policy accept;")
}

#[cfg(test)]
mod tests {
    use super::{Operation, unsayable};
    use crate::ruleset::change::ChainAt;
    use crate::ruleset::live::table::TableFamily;

    #[test]
    fn a_chain_with_a_name_that_nft_cannot_read_is_not_said() {
        let delete = |chain: &str| Operation::DeleteRule {
            at: ChainAt {
                family: TableFamily::Inet,
                table: "t".to_owned(),
                chain: chain.to_owned(),
            },
            handle: 1,
        };
        let names = [
            "c\nflush ruleset",
            "a b",
            "",
            "7",
            "fwd",
            "input",
            "a-b/c.d_e",
        ];
        let sayable = names.map(|name| unsayable(&delete(name)).is_none());
        assert_eq!(sayable, [false, false, false, false, false, true, true]);
    }
}
