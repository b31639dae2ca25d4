//! A namespace, what is loaded into it, and what is read back.

use ftpnat::ruleset::live::decode::{Dump, decode};
use ftpnat::ruleset::live::expression::Expression;
use ftpnat::ruleset::live::table::{Chain, Set, Table};
use ftpnat::ruleset::live::xt::{Match, Target};
use ftpnat::ruleset::live::{Rule, Ruleset};
use ftpnat::sys::netlink::dump_everything;
use tempfile::TempDir;

use crate::support::netns::{Namespace, succeed};

/// A namespace of one trial.
pub(crate) struct Held {
    pub(crate) namespace: Namespace,
    _dir: TempDir,
}

impl Held {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().expect("a directory");
        Self {
            namespace: Namespace::new("held", dir.path()),
            _dir: dir,
        }
    }

    /// # Panics
    /// Where the program does not take the text.
    pub(crate) fn load(&self, program: &str, text: &str) {
        let arguments: &[&str] = if program == "nft" { &["-f", "-"] } else { &[] };
        let output = self.namespace.feed(program, arguments, text);
        succeed(&format!("{program} of\n{text}"), &output);
    }

    pub(crate) fn dump(&self) -> Dump {
        self.namespace
            .inside(|| dump_everything().expect("a dump of everything"))
    }

    /// What is read back; it must be read whole, and nothing of it be opaque.
    pub(crate) fn understood(&self) -> Ruleset {
        let ruleset = decode(&self.dump());
        assert_eq!(ruleset.unread, []);
        for table in &ruleset.tables {
            for set in &table.sets {
                assert_eq!(set.unread, None, "set {}", set.name);
            }
            for rule in table.chains.iter().flat_map(|c| &c.rules) {
                for expression in &rule.expressions {
                    assert!(!is_opaque(expression), "{rule:#?}");
                }
            }
        }
        ruleset
    }
}

pub(crate) fn is_opaque(expression: &Expression) -> bool {
    match expression {
        Expression::Opaque { .. }
        | Expression::Match(Match::Opaque { .. })
        | Expression::Target(Target::Opaque { .. }) => true,
        Expression::Dynset { expressions, .. } => expressions.iter().any(is_opaque),
        _ => false,
    }
}

pub(crate) fn table<'a>(ruleset: &'a Ruleset, name: &str) -> &'a Table {
    let mut tables = ruleset.tables.iter();
    tables.find(|t| t.name == name).expect("the table")
}

pub(crate) fn chain<'a>(table: &'a Table, name: &str) -> &'a Chain {
    let mut chains = table.chains.iter();
    chains.find(|c| c.name == name).expect("the chain")
}

pub(crate) fn set<'a>(table: &'a Table, name: &str) -> &'a Set {
    table.sets.iter().find(|s| s.name == name).expect("the set")
}

pub(crate) fn rules(rules: &[Rule]) -> impl Iterator<Item = &[Expression]> {
    rules.iter().map(|rule| rule.expressions.as_slice())
}
