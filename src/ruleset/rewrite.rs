//! Saved rulesets written again, and compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::save::{Save, SavedRule};

impl Save {
    /// The text that it was read from, for `iptables-restore -c`, without comments.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for table in &self.tables {
            let _ = writeln!(text, "*{}", table.name);
            for chain in &table.chains {
                let _ = writeln!(text, "{}", chain.line);
            }
            for rule in &table.rules {
                if let Some(counters) = &rule.counters {
                    let _ = write!(text, "{counters} ");
                }
                let _ = writeln!(text, "{}", rule.line);
            }
            text.push_str("COMMIT\n");
        }
        text
    }

    /// The first thing in which `found` differs from this, in words; `None` where both
    /// do the same: counters are left out of account, the order of tables and of chains,
    /// how words are quoted, and whether a built-in chain without rules that accepts is
    /// there or not.
    #[must_use]
    pub fn difference(&self, found: &Self) -> Option<String> {
        let (expected, found) = (self.shape(), found.shape());
        let missing = expected.keys().find(|at| !found.contains_key(*at));
        if let Some((table, chain)) = missing {
            return Some(format!("table {table} has no chain {chain}"));
        }
        for (at, is) in &found {
            let (table, chain) = at;
            let Some(wanted) = expected.get(at) else {
                return Some(format!("table {table} has a chain {chain}"));
            };
            if wanted.policy != is.policy {
                let policy = is.policy.unwrap_or("-");
                return Some(format!("table {table}, chain {chain}: policy {policy}"));
            }
            let most = wanted.rules.len().max(is.rules.len());
            let words = |rules: &[&SavedRule], at: usize| rules.get(at).map(|r| r.words.clone());
            let differs = (0..most).find(|n| words(&wanted.rules, *n) != words(&is.rules, *n));
            if let Some(number) = differs {
                let line = |rules: &[&SavedRule]| {
                    rules
                        .get(number)
                        .map_or_else(|| "no rule".to_owned(), |r| format!("`{}`", r.line))
                };
                return Some(format!(
                    "table {table}, chain {chain}, rule {}: {} instead of {}",
                    number + 1,
                    line(&is.rules),
                    line(&wanted.rules)
                ));
            }
        }
        None
    }

    fn shape(&self) -> BTreeMap<(&str, &str), Shape<'_>> {
        let mut shape: BTreeMap<(&str, &str), Shape<'_>> = BTreeMap::new();
        for table in &self.tables {
            shape.extend(table.chains.iter().map(|chain| {
                let policy = chain.policy.as_deref();
                let rules = Vec::new();
                (
                    (table.name.as_str(), chain.name.as_str()),
                    Shape { policy, rules },
                )
            }));
            for rule in &table.rules {
                let at = (table.name.as_str(), rule.chain.as_str());
                shape.entry(at).or_default().rules.push(rule);
            }
        }
        shape.retain(|_, chain| chain.policy != Some("ACCEPT") || !chain.rules.is_empty());
        shape
    }
}

/// A chain, as far as it decides.
#[derive(Default)]
struct Shape<'a> {
    policy: Option<&'a str>,
    rules: Vec<&'a SavedRule>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAVE: &str = "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT DROP [3:180]\n\
                        :a - [0:0]\n[1:2] -A INPUT -m comment --comment \"x y\" -j a\n\
                        -A INPUT -j ACCEPT\nCOMMIT\n";

    fn save(text: &str) -> Save {
        Save::parse(text).expect("a save")
    }

    #[test]
    fn a_save_is_written_as_it_was_read() {
        assert_eq!(save(SAVE).text(), SAVE);
    }

    #[test]
    fn counters_and_chains_that_do_nothing_make_no_difference() {
        let other = SAVE
            .replace("*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n", "")
            .replace("[1:2] ", "[7:7] ")
            .replace("[3:180]", "[0:0]");
        assert_eq!(save(SAVE).difference(&save(&other)), None);
        assert_eq!(save(&other).difference(&save(SAVE)), None);
    }

    #[test]
    fn the_first_difference_is_told() {
        for (from, to, told) in [
            (
                "INPUT DROP",
                "INPUT ACCEPT",
                "table filter, chain INPUT: policy ACCEPT",
            ),
            (
                ":a - [0:0]\n",
                ":a - [0:0]\n:b - [0:0]\n",
                "table filter has a chain b",
            ),
            (
                "-A INPUT -j ACCEPT\n",
                "",
                "table filter, chain INPUT, rule 2: no rule instead of `-A INPUT -j ACCEPT`",
            ),
            (
                "-A INPUT -j ACCEPT\n",
                "-A INPUT -j DROP\n",
                "table filter, chain INPUT, rule 2: `-A INPUT -j DROP` instead of `-A INPUT -j ACCEPT`",
            ),
        ] {
            let found = save(&SAVE.replace(from, to));
            assert_eq!(save(SAVE).difference(&found).as_deref(), Some(told));
        }
        let without = save(&SAVE.replace(":a - [0:0]\n", ""));
        let told = save(SAVE).difference(&without);
        assert_eq!(told.as_deref(), Some("table filter has no chain a"));
    }
}
