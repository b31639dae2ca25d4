//! Rules of `nf_tables` as `nft list ruleset` prints them: the program for registers read
//! back into terms (`netlink_delinearize.c`).

mod compare;
mod context;
mod fields;
mod part;
mod sets;
mod stateful;
mod statement;
mod symbols;
mod term;
mod values;

use std::collections::HashMap;

use context::Context;
use part::Part;
use term::{Registers, Term};

use crate::ruleset::live::expression::{CmpOp, Expression, LookupTo, PayloadBase, Register};
use crate::ruleset::live::table::{Rule, Set, Table};

pub(super) use sets::element_of as element;

/// The rule of a table.
pub(super) fn rule(rule: &Rule, table: &Table) -> String {
    written(rule, table, None)
}

/// The parts of a table as a file for `nft -f` has them: without what was counted.
#[derive(Debug)]
pub struct Words<'a> {
    table: &'a Table,
    sets: HashMap<&'a str, &'a Set>,
}

impl<'a> Words<'a> {
    /// Of a table that nft made, or could have made.
    #[must_use]
    pub fn new(table: &'a Table) -> Self {
        Self {
            table,
            sets: table.sets.iter().map(|s| (s.name.as_str(), s)).collect(),
        }
    }

    /// A rule of it.
    #[must_use]
    pub fn rule(&self, rule: &Rule) -> String {
        written(rule, self.table, Some(&self.sets))
    }

    /// The type of a set's keys, or of a map's keys and values.
    #[must_use]
    pub fn kind(&self, set: &Set) -> String {
        sets::kind(set)
    }

    /// What a set holds.
    #[must_use]
    pub fn elements(&self, set: &Set) -> Vec<String> {
        sets::elements(set)
    }
}

/// `sets`: the table's, by their names, where what was counted is left out.
fn written(rule: &Rule, table: &Table, sets: Option<&HashMap<&str, &Set>>) -> String {
    let mut printer = Printer {
        table,
        sets,
        registers: Registers::default(),
        context: Context::new(table.family),
        printed: Vec::new(),
        lower: None,
    };
    for expression in &rule.expressions {
        printer.add(expression);
    }
    printer.close_range();
    let mut parts: Vec<String> = printer.printed.into_iter().flatten().collect();
    if let Some(comment) = &rule.comment {
        parts.push(format!("comment \"{comment}\""));
    }
    parts.join(" ")
}

/// What is known while the expressions are read.
struct Printer<'a> {
    table: &'a Table,
    /// By their names, and then without figures; `None`: as they are listed.
    sets: Option<&'a HashMap<&'a str, &'a Set>>,
    registers: Registers,
    context: Context,
    /// Matches and statements; `None` where a later one implies it.
    printed: Vec<Option<String>>,
    /// A comparison with the lower end of a range, whose upper end may follow.
    lower: Option<(Register, Box<[u8]>)>,
}

impl Printer<'_> {
    fn add(&mut self, expression: &Expression) {
        if let Some((register, first)) = &self.lower
            && let Expression::Cmp {
                from,
                op: CmpOp::LessOrEqual,
                data,
            } = expression
            && from == register
        {
            let (register, first) = (*register, first.clone());
            self.lower = None;
            return self.range(register, false, &first, data);
        }
        self.close_range();
        if self.registers.load(expression) {
            return;
        }
        match expression {
            Expression::Cmp {
                from,
                op: CmpOp::GreaterOrEqual,
                data,
            } => self.lower = Some((*from, data.clone())),
            Expression::Cmp { from, op, data } => self.compare(*from, *op, data),
            Expression::Range {
                from,
                negated,
                first,
                last,
            } => self.range(*from, *negated, first, last),
            Expression::Lookup {
                set,
                from,
                to,
                negated,
            } => self.lookup(set, *from, *to, *negated),
            other => {
                let text = self.statement(other);
                self.state(text);
            }
        }
    }

    fn close_range(&mut self) {
        if let Some((register, first)) = self.lower.take() {
            self.compare(register, CmpOp::GreaterOrEqual, &first);
        }
    }

    fn lookup(&mut self, name: &str, from: Register, to: Option<LookupTo>, negated: bool) {
        let key = self.key(name, from);
        match to {
            None => {
                let sign = if negated { "!= " } else { "" };
                let (left, right) = self.looked_up(&key, name);
                self.printed.push(Some(format!("{left} {sign}{right}")));
            }
            Some(LookupTo::Register(to)) => {
                let length = self.set(name).map_or(4, |set| {
                    let value = set.elements.iter().find_map(|each| each.value.as_ref());
                    match value {
                        Some(crate::ruleset::live::table::Value::Data(bytes)) => bytes.len(),
                        _ => 4,
                    }
                });
                let term = Term::Mapped(key, name.to_owned());
                self.registers.set(to, term, length);
            }
            Some(LookupTo::Verdict) => {
                let text = self.mapped(&key, name, "vmap");
                self.state(text);
            }
        }
    }

    /// The terms of the key of a set.
    fn key(&self, set: &str, from: Register) -> Vec<(Term, usize)> {
        let (_, held) = self.registers.get(from);
        let length = self
            .set(set)
            .and_then(|set| usize::try_from(set.key_length).ok());
        self.registers.key(from, length.unwrap_or(held))
    }

    fn mapped(&mut self, key: &[(Term, usize)], set: &str, how: &str) -> String {
        let (left, right) = self.looked_up(key, set);
        format!("{left} {how} {right}")
    }

    /// A key, and the set it is looked up in.
    fn looked_up(&mut self, key: &[(Term, usize)], name: &str) -> (String, String) {
        let mut parts = Vec::new();
        for (term, length) in key {
            parts.push(self.part(term, *length));
        }
        let left: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        (left.join(" . "), self.braces_or_name(name, &parts))
    }

    fn braces_or_name(&self, name: &str, parts: &[Part]) -> String {
        match self.set(name) {
            Some(set) if set.flags.anonymous => sets::braces(set, parts),
            _ => format!("@{name}"),
        }
    }

    fn set(&self, name: &str) -> Option<&Set> {
        if let Some(sets) = self.sets {
            return sets.get(name).copied();
        }
        self.table.sets.iter().find(|set| set.name == name)
    }

    /// A field of this header is printed: a match that it implies is not.
    fn implied(&mut self, base: PayloadBase) {
        let at = self.context.implied(base);
        self.leave_out(at);
    }

    fn leave_out(&mut self, at: Option<usize>) {
        if let Some(place) = at.and_then(|at| self.printed.get_mut(at)) {
            *place = None;
        }
    }

    /// Adds a statement, which is no match.
    fn state(&mut self, text: String) {
        self.printed.push(Some(text));
        self.context.reset();
    }
}
