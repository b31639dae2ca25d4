//! What `iptables-save` and `ip6tables-save` print, of either back end.
//!
//! Every line is kept as it was read, so that it can be written again to the
//! letter; the words of each rule are split beside it for those who must judge.

use thiserror::Error;

/// A saved ruleset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Save {
    /// The tables, in their order.
    pub tables: Vec<Table>,
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Its name, such as `filter`.
    pub name: String,
    /// Its chains, in their order.
    pub chains: Vec<Chain>,
    /// Its rules, in their order.
    pub rules: Vec<SavedRule>,
}

/// A chain's declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its name.
    pub name: String,
    /// `ACCEPT` or `DROP`; `None` where the chain is user-defined (`-`).
    pub policy: Option<String>,
    /// The whole line.
    pub line: String,
}

/// A rule (`-A`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedRule {
    /// The chain that it stands in.
    pub chain: String,
    /// Its words after the chain, quotes taken off.
    pub words: Vec<String>,
    /// The counters in brackets, where saved with `-c`.
    pub counters: Option<String>,
    /// The line without counters, from `-A` on.
    pub line: String,
}

/// Why a text is not a saved ruleset that can be built on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SaveError {
    /// An iptables-nft program met rules that it cannot print.
    #[error("table `{table}` holds rules that iptables cannot print; this text leaves them out")]
    Incompatible {
        /// The table.
        table: String,
    },
    /// A table without `COMMIT`.
    #[error("table `{table}` has no COMMIT: the text is cut off")]
    CutOff {
        /// The table.
        table: String,
    },
    /// A line that `iptables-save` never prints.
    #[error("line {number} is nothing that iptables-save prints: {line}")]
    Foreign {
        /// Counted from 1.
        number: usize,
        /// Its beginning.
        line: String,
    },
    /// No table at all.
    #[error("the text holds no table")]
    Empty,
}

impl Save {
    /// Reads what `iptables-save` printed.
    ///
    /// # Errors
    /// [`SaveError`] where the text is cut off, says that a table is
    /// incompatible, or has lines that `iptables-save` does not print. A text
    /// without any table is not an error here; see [`Save::require_tables`].
    pub fn parse(text: &str) -> Result<Self, SaveError> {
        let mut save = Self::default();
        let mut open: Option<Table> = None;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if let Some(table) = incompatible(line) {
                return Err(SaveError::Incompatible {
                    table: table.to_owned(),
                });
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let foreign = || SaveError::Foreign {
                number: index + 1,
                line: line.chars().filter(|c| !c.is_control()).take(60).collect(),
            };
            match (&mut open, line.as_bytes()[0]) {
                (None, b'*') => {
                    open = Some(Table {
                        name: line[1..].to_owned(),
                        ..Table::default()
                    });
                }
                (Some(table), b'*') => {
                    return Err(SaveError::CutOff {
                        table: table.name.clone(),
                    });
                }
                (Some(_), _) if line == "COMMIT" => save.tables.extend(open.take()),
                (Some(table), b':') => table.chains.push(chain(line).ok_or_else(foreign)?),
                (Some(table), b'[' | b'-') => match SavedRule::parse(line) {
                    Some(rule) => table.rules.push(rule),
                    None if table.repeats_itself(line) => {}
                    None => return Err(foreign()),
                },
                _ => return Err(foreign()),
            }
        }
        match open {
            Some(table) => Err(SaveError::CutOff { table: table.name }),
            None => Ok(save),
        }
    }

    /// The same, where a text without tables means that the save went wrong.
    ///
    /// # Errors
    /// [`SaveError::Empty`].
    pub fn require_tables(self) -> Result<Self, SaveError> {
        if self.tables.is_empty() {
            Err(SaveError::Empty)
        } else {
            Ok(self)
        }
    }

    /// The table of that name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|t| t.name == name)
    }

    /// Whether rules carry counters (`iptables-save -c`).
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.tables
            .iter()
            .flat_map(|t| &t.rules)
            .any(|r| r.counters.is_some())
    }
}

impl Table {
    /// The chain of that name.
    #[must_use]
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        self.chains.iter().find(|c| c.name == name)
    }

    /// Whether a line changes nothing: `-F` of a chain that has no rules yet, as our
    /// own texts have it, and `-X` of an empty chain of the table, which then goes.
    pub(super) fn repeats_itself(&mut self, line: &str) -> bool {
        let (verb, chain) = line.split_once(' ').unwrap_or_default();
        let is_empty = self.rules_of(chain).next().is_none();
        let is_used = self.rules.iter().any(|r| r.target() == Some(chain));
        match verb {
            "-F" => is_empty,
            "-X" if is_empty && !is_used => {
                self.chains.retain(|c| c.name != chain);
                true
            }
            _ => false,
        }
    }

    /// The rules of a chain, in order.
    pub fn rules_of<'a>(&'a self, chain: &'a str) -> impl Iterator<Item = &'a SavedRule> {
        self.rules.iter().filter(move |r| r.chain == chain)
    }
}

impl SavedRule {
    /// Reads a line such as `[0:0] -A INPUT -j DROP`; `None` where it is none.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let (counters, body) = match line.strip_prefix('[') {
            Some(rest) => {
                let (counters, body) = rest.split_once("] ")?;
                (Some(format!("[{counters}]")), body)
            }
            None => (None, line),
        };
        let mut words = words(body)?.into_iter();
        if words.next()? != "-A" {
            return None;
        }
        let chain = words.next()?;
        Some(Self {
            chain,
            words: words.collect(),
            counters,
            line: body.to_owned(),
        })
    }

    /// The value that follows the first of `names` among the words.
    #[must_use]
    pub fn option(&self, names: &[&str]) -> Option<&str> {
        let at = self
            .words
            .iter()
            .position(|w| names.contains(&w.as_str()))?;
        self.words.get(at + 1).map(String::as_str)
    }

    /// The match modules that it names (`-m`).
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        let pairs = self.words.iter().zip(self.words.iter().skip(1));
        pairs
            .filter(|(m, _)| *m == "-m" || *m == "--match")
            .map(|(_, name)| name.as_str())
    }

    /// Where the rule jumps or goes to, or its target.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.option(&["-j", "--jump", "-g", "--goto"])
    }

    /// Whether it leaves for good (`-g`).
    #[must_use]
    pub fn is_goto(&self) -> bool {
        self.words.iter().any(|w| w == "-g" || w == "--goto")
    }

    /// The profile that the rule serves, where it is one of ours: the middle of
    /// the comment `ftpnat:PROFILE:RULE`.
    #[must_use]
    pub fn profile(&self) -> Option<&str> {
        self.option(&["--comment"])?
            .strip_prefix("ftpnat:")?
            .split(':')
            .next()
    }
}

/// The table of which iptables-nft says that it cannot print it, in lines such as
/// ``# Table `filter' is incompatible, use 'nft' tool.`` and ``# Table `filter'
/// contains incompatible base-chains, use 'nft' tool to list them.``
pub(super) fn incompatible(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('#')?;
    let name = || rest.split(['`', '\'']).nth(1).unwrap_or("?");
    rest.contains("incompatible").then(name)
}

pub(super) fn chain(line: &str) -> Option<Chain> {
    let mut words = line[1..].split_whitespace();
    let name = words.next()?.to_owned();
    let policy = words.next()?;
    Some(Chain {
        name,
        policy: (policy != "-").then(|| policy.to_owned()),
        line: line.to_owned(),
    })
}

/// Splits a line as `iptables-restore` does (`xshared.c`, `add_param_to_argv`):
/// at white space, but not within double quotes, where a backslash escapes.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted => word.get_or_insert_default().push(chars.next()?),
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_ascii_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    (!quoted).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAVE: &str = "\
# Generated by iptables-save v1.8.9 (nf_tables) on Mon Nov 23 19:00:00 2026
*filter
:INPUT DROP [3:180]
:my chain - [0:0]
[5:300] -A INPUT -s 192.0.2.7/32 -p tcp -m comment --comment \"say \\\"hi\\\" twice\" -j DROP
-A INPUT -g other
COMMIT
# Completed
";

    #[test]
    fn lines_are_kept_to_the_letter_and_words_are_split() {
        let save = Save::parse(SAVE).expect("a save");
        let table = save.table("filter").expect("filter");
        assert_eq!(
            table.chain("INPUT").and_then(|c| c.policy.as_deref()),
            Some("DROP")
        );
        let rule = &table.rules[0];
        assert_eq!(rule.counters.as_deref(), Some("[5:300]"));
        assert_eq!(rule.option(&["--comment"]), Some("say \"hi\" twice"));
        assert_eq!(rule.target(), Some("DROP"));
        assert!(rule.line.starts_with("-A INPUT -s 192.0.2.7/32"));
        assert!(table.rules[1].is_goto());
        assert!(save.is_counted());
    }

    #[test]
    fn a_text_that_would_lose_rules_is_refused() {
        let cases = [
            (
                "*filter\n:INPUT ACCEPT [0:0]\n",
                SaveError::CutOff {
                    table: "filter".into(),
                },
            ),
            (
                "*filter\n*nat\nCOMMIT\n",
                SaveError::CutOff {
                    table: "filter".into(),
                },
            ),
            (
                "# Table `filter' is incompatible, use 'nft' tool.\n",
                SaveError::Incompatible {
                    table: "filter".into(),
                },
            ),
            (
                "iptables: command not found\n",
                SaveError::Foreign {
                    number: 1,
                    line: "iptables: command not found".into(),
                },
            ),
        ];
        for (text, error) in cases {
            assert_eq!(Save::parse(text), Err(error));
        }
        assert_eq!(
            Save::parse("").and_then(Save::require_tables),
            Err(SaveError::Empty)
        );
    }

    #[test]
    fn our_own_text_can_be_built_on() {
        let text = "*filter\n:INPUT DROP [0:0]\n:FTPNAT-OUTPUT - [0:0]\n-F INPUT\n-A INPUT -j ACCEPT\n-X FTPNAT-OUTPUT\nCOMMIT\n";
        let save = Save::parse(text).expect("a save");
        assert_eq!(save.tables[0].chains.len(), 1);
        assert_eq!(save.tables[0].rules.len(), 1);
        let flushed = "*filter\n:INPUT DROP [0:0]\n-A INPUT -j ACCEPT\n-F INPUT\nCOMMIT\n";
        assert!(
            Save::parse(flushed).is_err(),
            "a flush that takes rules away"
        );
    }

    #[test]
    fn odd_bytes_do_not_panic() {
        for text in [
            "*",
            ":",
            "*f\n:",
            "*f\n[",
            "*f\n[1:2]",
            "*f\n-A",
            "*f\n-A \"",
            "*f\n-A x \"\\",
            "*é\n:é\n",
        ] {
            let _ = Save::parse(text);
        }
    }
}
