//! From what the kernel answers to dumps of `nf_tables` to the model.
//!
//! Layouts: netlink(7), `linux/netfilter/nf_tables.h`, `net/netfilter/nf_tables_api.c`.
//! What is not understood is kept with its name as opaque, or said in
//! [`Ruleset::unread`]; it is never left out in silence.

mod data;
mod expression;
mod set;
mod statement;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use data::{Fields, user_text};

use super::expression::{Expression, ObjectRef};
use super::table::{Rule, Set, Table, TableFamily, comment_of};
use super::{Ruleset, Unread};
use crate::ruleset::netlink::{is_whole, objects};

/// The raw answers to the dumps of all families (`NFPROTO_UNSPEC`), each with its
/// `NLMSG_DONE`. No bytes at all: there is no `nf_tables`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dump<B = Vec<u8>> {
    /// [`crate::ruleset::netlink::List::Tables`].
    pub tables: B,
    /// [`crate::ruleset::netlink::List::Chains`].
    pub chains: B,
    /// [`crate::ruleset::netlink::List::Rules`].
    pub rules: B,
    /// [`crate::ruleset::netlink::List::Sets`].
    pub sets: B,
    /// The answers for all sets, one after the other: each message names its set.
    pub elements: B,
    /// [`crate::ruleset::netlink::List::Objects`].
    pub objects: B,
    /// [`crate::ruleset::netlink::List::Flowtables`].
    pub flowtables: B,
}

/// The ruleset that a dump holds. Bytes that are no message end a part; then it is said
/// in [`Ruleset::unread`].
#[must_use]
pub fn decode<B: AsRef<[u8]>>(dump: &Dump<B>) -> Ruleset {
    let mut decoder = Decoder::new(dump);
    decoder.rules(dump.rules.as_ref());
    decoder.finish()
}

/// Decodes a dump whose rules come piece by piece, as the kernel sends them: they are most
/// of a large ruleset, and need not be held.
#[derive(Default)]
pub struct Decoder<'a> {
    ruleset: Ruleset,
    /// By family and name as the dump has them.
    tables: HashMap<(u8, &'a [u8]), usize>,
    /// By the number of the table, and the name.
    chains: HashMap<(usize, &'a [u8]), usize>,
    sets: HashMap<(usize, &'a [u8]), usize>,
}

impl<'a> Decoder<'a> {
    /// Takes in everything but the rules.
    #[must_use]
    pub fn new<B: AsRef<[u8]>>(dump: &'a Dump<B>) -> Self {
        let mut decoder = Self::default();
        decoder.cut_off(dump);
        decoder.tables(dump.tables.as_ref());
        decoder.chains(dump.chains.as_ref());
        decoder.sets(dump.sets.as_ref());
        decoder.elements(dump.elements.as_ref());
        decoder.objects(dump.objects.as_ref());
        decoder.flowtables(dump.flowtables.as_ref());
        decoder
    }

    /// The ruleset of all that was taken in.
    #[must_use]
    pub fn finish(mut self) -> Ruleset {
        for table in &mut self.ruleset.tables {
            table.maker = table::maker(table);
            // Of thousands of chains most have one rule or two.
            for chain in &mut table.chains {
                chain.rules.shrink_to_fit();
            }
        }
        self.ruleset
    }

    fn unread(&mut self, what: String, why: &str) {
        let said = self.ruleset.unread.last().map(|u| u.what.as_str());
        if said != Some(&what) {
            self.ruleset.unread.push(Unread {
                what,
                why: why.to_owned(),
            });
        }
    }

    fn cut_off<B: AsRef<[u8]>>(&mut self, dump: &Dump<B>) {
        for (what, bytes) in [
            ("tables", &dump.tables),
            ("chains", &dump.chains),
            ("rules", &dump.rules),
            ("sets", &dump.sets),
            ("elements", &dump.elements),
            ("objects", &dump.objects),
            ("flowtables", &dump.flowtables),
        ] {
            if !is_whole(bytes.as_ref()) {
                self.unread(format!("nf_tables: {what}"), "the dump is cut off");
            }
        }
    }

    fn tables(&mut self, bytes: &'a [u8]) {
        for object in objects(bytes) {
            let f = Fields(object.attributes);
            let table = table::family(object.family).and_then(|family| table::table(f, family));
            let Some(table) = table else {
                self.unread(
                    format!("nf_tables: a table of family {}", object.family),
                    "it is not understood",
                );
                continue;
            };
            let key = (object.family, name(f, 1));
            self.tables.insert(key, self.ruleset.tables.len());
            self.ruleset.tables.push(table);
        }
    }

    /// The table that an object names in attribute 1, as all of them do.
    fn table_of(&self, family: u8, f: Fields) -> Option<usize> {
        self.tables.get(&(family, name(f, 1))).copied()
    }

    /// Each object of a part with the number of its table and the table; `place` puts it
    /// in, or gives `None` where it is not understood. `named`: the attribute with its
    /// name.
    fn each<'b>(
        &mut self,
        bytes: &'b [u8],
        kind: &str,
        named: u16,
        mut place: impl FnMut(&mut Self, usize, Fields<'b>) -> Option<()>,
    ) {
        for object in objects(bytes) {
            let f = Fields(object.attributes);
            let table = self.table_of(object.family, f);
            if table.and_then(|table| place(self, table, f)).is_none() {
                let owner = f.text(1).unwrap_or_default();
                let what = f.text(named).unwrap_or_default();
                self.unread(
                    format!("nf_tables: {kind} {what} of table {owner}"),
                    "it is not understood, or belongs to nothing that was dumped",
                );
            }
        }
    }

    fn chains(&mut self, bytes: &'a [u8]) {
        self.each(bytes, "chain", 3, |this, at, f| {
            let table = this.table_mut(at)?;
            let chain = table::chain(f, table.family)?;
            let number = table.chains.len();
            table.chains.push(chain);
            this.chains.insert((at, name(f, 3)), number);
            Some(())
        });
    }

    fn sets(&mut self, bytes: &'a [u8]) {
        self.each(bytes, "set", 2, |this, at, f| {
            let table = this.table_mut(at)?;
            let set = set::set(f, table.family)?;
            let number = table.sets.len();
            table.sets.push(set);
            this.sets.insert((at, name(f, 2)), number);
            Some(())
        });
    }

    /// `NFTA_SET_ELEM_LIST_SET` 2, `NFTA_SET_ELEM_LIST_ELEMENTS` 3. A set with many
    /// elements has many messages, one after the other.
    fn elements(&mut self, bytes: &'a [u8]) {
        let whole = is_whole(bytes);
        let mut open: Option<(usize, usize, set::Raw, Option<String>)> = None;
        for object in objects(bytes) {
            let f = Fields(object.attributes);
            let table = self.table_of(object.family, f);
            let place = table.and_then(|at| Some((at, *self.sets.get(&(at, name(f, 2)))?)));
            let Some((at, number)) = place else {
                continue;
            };
            if open
                .as_ref()
                .is_none_or(|(t, s, ..)| (*t, *s) != (at, number))
            {
                self.close(open.take(), true);
                open = Some((at, number, set::Raw::default(), None));
            }
            let table = self.ruleset.tables.get(at);
            if let (Some(table), Some((.., raw, why))) = (table, &mut open)
                && let Some(set) = table.sets.get(number)
                && let Err(fault) = raw.add(f.bytes(3).unwrap_or_default(), set, table.family)
            {
                *why = Some(fault);
            }
        }
        // Only the last set of a dump that is cut off can lack elements.
        self.close(open, whole);
    }

    fn close(&mut self, open: Option<(usize, usize, set::Raw, Option<String>)>, whole: bool) {
        let Some((at, number, raw, why)) = open else {
            return;
        };
        let set = self.table_mut(at).and_then(|t| t.sets.get_mut(number));
        if let Some(set) = set {
            set.elements = raw.finish(set);
            set.unread = why.or_else(|| (!whole).then(|| "the dump is cut off".to_owned()));
        }
    }

    /// Takes rules in: whole messages of a dump, after those before.
    pub fn rules(&mut self, bytes: &[u8]) {
        // Rules come chain by chain: the last chain is most often the next.
        let mut last: Option<((usize, &[u8]), usize)> = None;
        self.each(bytes, "a rule of chain", 2, |this, at, f| {
            let key = (at, name(f, 2));
            let chain = match last {
                Some((known, chain)) if known == key => chain,
                _ => *this.chains.get(&key)?,
            };
            last = Some((key, chain));
            let table = this.table_mut(at)?;
            let mut rule = rule(f, table.family);
            for expression in &mut rule.expressions {
                name_kind(expression, &table.sets);
            }
            table.chains.get_mut(chain)?.rules.push(rule);
            Some(())
        });
    }

    fn objects(&mut self, bytes: &'a [u8]) {
        self.each(bytes, "object", 2, |this, at, f| {
            this.table_mut(at)?.objects.push(table::object(f)?);
            Some(())
        });
    }

    fn flowtables(&mut self, bytes: &'a [u8]) {
        self.each(bytes, "flowtable", 2, |this, at, f| {
            this.table_mut(at)?.flowtables.push(table::flowtable(f)?);
            Some(())
        });
    }

    fn table_mut(&mut self, at: usize) -> Option<&mut Table> {
        self.ruleset.tables.get_mut(at)
    }
}

/// A name's bytes, without its NUL.
fn name(f: Fields<'_>, kind: u16) -> &[u8] {
    let bytes = f.bytes(kind).unwrap_or_default();
    bytes.strip_suffix(&[0]).unwrap_or(bytes)
}

/// `enum nft_rule_attributes`: handle 3, expressions 4, user data 7, in which
/// `NFTNL_UDATA_RULE_COMMENT` is 0.
fn rule(f: Fields, family: TableFamily) -> Rule {
    let expressions = f
        .bytes(4)
        .map(|list| expression::expressions(list, family))
        .unwrap_or_default();
    let written = f.bytes(7).and_then(|data| user_text(data, 0));
    Rule {
        handle: f.long(3).unwrap_or(0),
        comment: written.or_else(|| comment_of(&expressions)),
        expressions,
        line: String::new(),
    }
}

/// Where a rule takes its object from a map, the kind of objects stands in the map
/// (`NFTA_SET_OBJ_TYPE`), not in the rule.
fn name_kind(expression: &mut Expression, sets: &[Set]) {
    if let Expression::Object {
        kind,
        which: ObjectRef::Map { set, .. },
    } = expression
    {
        let map = sets.iter().find(|known| known.name == *set);
        *kind = map.and_then(|map| map.object_type).unwrap_or(0);
    }
}
