//! What is in the kernel: ours, table by table, and what is not ours, to the byte.

use std::collections::BTreeMap;

use crate::host::{Host, Kind, SYSCTLS};
use crate::support::BackEnd;
use crate::support::rules::save;

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Rules, sets and chains of others, with the handles that the kernel gave them.
    pub(crate) foreign: Vec<String>,
    /// Ours, by what is changed at once: `nft` for all of it, or a table of iptables.
    pub(crate) ours: BTreeMap<String, Vec<String>>,
    /// Sysctls.
    pub(crate) settings: Vec<String>,
}

impl Seen {
    pub(crate) fn of(host: &Host) -> Self {
        let namespace = &host.namespace;
        let mut seen = Self {
            foreign: Vec::new(),
            ours: BTreeMap::new(),
            settings: Vec::new(),
        };
        let is_native = host.kind == Kind::Nft;
        seen.nft(&namespace.run("nft -a list ruleset"), is_native);
        for program in ["iptables", "ip6tables"] {
            let program = BackEnd::Legacy.program(program, "save");
            seen.legacy(&program, &save(namespace, &program, &[]));
        }
        // The order of chains is that of their making, and does nothing.
        for lines in seen.ours.values_mut() {
            lines.sort_by_key(|line| chain_of(line));
        }
        seen.settings = host.namespace.inside(|| {
            let read = |key: &&str| {
                let value = std::fs::read_to_string(format!("/proc/sys/{key}"));
                format!("{key} {}", value.expect("a sysctl").trim())
            };
            SYSCTLS.iter().map(read).collect()
        });
        seen
    }

    /// Whether ours is nowhere.
    pub(crate) fn is_clean(&self) -> bool {
        self.ours.values().all(Vec::is_empty)
    }

    /// What each part of ours is, `None` where it has none.
    pub(crate) fn part(&self, name: &str) -> &[String] {
        self.ours.get(name).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, part: &str, line: String) {
        self.ours.entry(part.to_owned()).or_default().push(line);
    }

    /// A chain that accepts and holds nothing is left out: iptables makes them as it likes.
    fn nft(&mut self, text: &str, is_native: bool) {
        let mut table = String::new();
        let mut chain: Vec<String> = Vec::new();
        let mut depth = 0;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let line = uncounted(line.trim());
            if line.is_empty() {
                continue;
            }
            let opens = line
                .split(" # handle")
                .next()
                .is_some_and(|l| l.ends_with('{'));
            match depth {
                0 => {
                    table.clone_from(&line);
                    depth = 1;
                }
                1 if opens => {
                    chain = vec![line];
                    depth = 2;
                }
                1 if line == "}" => depth = 0,
                2 if line == "}" => {
                    self.block(&table, &chain, is_native);
                    depth = 1;
                }
                _ => chain.push(line),
            }
        }
    }

    fn block(&mut self, table: &str, block: &[String], is_native: bool) {
        let name = table.split(" {").next().unwrap_or(table);
        let part = if is_native { "nft" } else { name };
        let is_own = name.ends_with(" ftpnat") || block[0].contains("chain FTPNAT-");
        if is_own {
            let chain = unhandled(&block[0]);
            for line in block {
                self.add(part, format!("{name}: {chain}: {}", unhandled(line)));
            }
            return;
        }
        let (ours, others): (Vec<&String>, Vec<&String>) = block
            .iter()
            .partition(|line| line.contains("ftpnat:") || line.contains("FTPNAT-"));
        for line in ours {
            let line = unhandled(line);
            self.add(part, format!("{name}: {}: {line}", unhandled(&block[0])));
        }
        let holds_nothing = others.len() == 2 && others[1].ends_with("policy accept;");
        if !holds_nothing {
            let others = others.iter().map(|line| format!("{name}: {line}"));
            self.foreign.extend(others);
        }
    }

    fn legacy(&mut self, program: &str, text: &str) {
        let mut table = String::new();
        for line in text.lines().filter(|line| *line != "COMMIT") {
            let line = line.split(" [").next().unwrap_or(line).to_owned();
            if line.starts_with('*') {
                table = format!("{program} {line}");
            } else if line.contains("FTPNAT-") || line.contains("ftpnat:") {
                self.add(&table.clone(), line);
            } else if !(line.starts_with(':') && line.ends_with("ACCEPT")) {
                self.foreign.push(format!("{table}: {line}"));
            }
        }
    }
}

/// The table and chain of a line of ours.
fn chain_of(line: &str) -> String {
    let is_saved = line.starts_with(['-', ':']);
    let mut words = line.split(if is_saved { " " } else { ": " });
    let first = words.next().unwrap_or_default();
    match first.strip_prefix(':') {
        Some(chain) => chain.to_owned(),
        None if is_saved => words.next().unwrap_or_default().to_owned(),
        None => format!("{first}: {}", words.next().unwrap_or_default()),
    }
}

/// Without what was counted.
fn uncounted(line: &str) -> String {
    let mut words = line.split(' ');
    let mut plain = Vec::new();
    while let Some(word) = words.next() {
        if matches!(word, "packets" | "bytes") {
            words.next();
        } else {
            plain.push(word);
        }
    }
    plain.join(" ")
}

/// Without the number that the kernel gave it.
fn unhandled(line: &str) -> String {
    line.split(" # handle").next().unwrap_or(line).to_owned()
}
