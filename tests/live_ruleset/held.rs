//! A namespace, what is loaded into it, and what is read back.

use std::fmt::Write;

use ftpnat::facts::snapshot::Snapshot;
use ftpnat::ruleset::live::Ruleset;
use ftpnat::ruleset::live::decode::{Dump, decode};
use ftpnat::ruleset::live::expression::Expression;
use ftpnat::ruleset::live::xt::{Match, Target};
use ftpnat::sys::netlink::dump_everything;
use ftpnat::sys::ruleset::read;
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

    /// Loads a text by a program with its arguments.
    ///
    /// # Panics
    /// Where the program does not take it.
    pub(crate) fn feed(&self, line: &str, text: &str) {
        let mut words = line.split(' ');
        let program = words.next().expect("a program");
        let arguments: Vec<&str> = words.collect();
        let output = self.namespace.feed(program, &arguments, text);
        succeed(line, &output);
    }

    /// Everything that is in force, of all back ends.
    pub(crate) fn recorded(&self) -> Ruleset {
        self.namespace.inside(|| read(&Snapshot::default(), true))
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

/// A ruleset as text: handles, which a kernel may count otherwise, and the time that is
/// left to elements are only there or not.
pub(crate) fn written(ruleset: &Ruleset) -> String {
    let mut text = String::new();
    for table in &ruleset.tables {
        let _ = writeln!(
            text,
            "table {:?} {} {:?} dormant={} owned={} {:?}",
            table.family, table.name, table.maker, table.dormant, table.owned, table.comment
        );
        for chain in &table.chains {
            assert_ne!(chain.handle, 0);
            let _ = writeln!(text, "  chain {} {:?}", chain.name, chain.comment);
            let _ = writeln!(text, "    {:?}", chain.base);
            for rule in &chain.rules {
                assert_ne!(rule.handle, 0);
                let _ = writeln!(text, "    rule {:?}", rule.comment);
                for expression in &rule.expressions {
                    let _ = writeln!(text, "      {expression:?}");
                }
            }
        }
        for set in &table.sets {
            let mut set = set.clone();
            assert_ne!(set.handle, 0);
            set.handle = 0;
            let elements = std::mem::take(&mut set.elements);
            let _ = writeln!(text, "  {set:?}");
            for mut element in elements {
                element.expires = element.expires.map(|_| 0);
                let _ = writeln!(text, "    {element:?}");
            }
        }
        for object in &table.objects {
            assert_ne!(object.handle, 0);
            let _ = writeln!(
                text,
                "  {} {:?} {:?}",
                object.name, object.comment, object.what
            );
        }
    }
    text
}

/// The names of what is not understood, each once.
pub(crate) fn not_understood(ruleset: &Ruleset) -> Vec<String> {
    fn names<'a>(expression: &'a Expression, found: &mut Vec<&'a str>) {
        match expression {
            Expression::Opaque { name }
            | Expression::Match(Match::Opaque { name, .. })
            | Expression::Target(Target::Opaque { name, .. }) => found.push(name),
            Expression::Dynset { expressions, .. } => {
                for each in expressions {
                    names(each, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for table in &ruleset.tables {
        for set in &table.sets {
            assert_eq!(set.unread, None, "set {}", set.name);
        }
        for rule in table.chains.iter().flat_map(|c| &c.rules) {
            for expression in &rule.expressions {
                names(expression, &mut found);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(str::to_owned).collect()
}
