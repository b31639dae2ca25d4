//! The words of a saved rule, divided among its header, its matches and its target.

use std::fmt::Write;

use crate::ruleset::live::xt_names::{escaped, quoted};

/// A part of a rule.
#[derive(Debug, Clone)]
pub(super) enum Group<'a> {
    /// What stands before any match: addresses, interfaces, the protocol.
    Header(Options<'a>),
    /// `-m NAME` and its options.
    Match(&'a str, Options<'a>),
    /// `-j NAME` and its options.
    Target(&'a str, Options<'a>),
    /// `-g CHAIN`
    Goto(&'a str),
}

/// One option with its values.
#[derive(Debug, Clone)]
pub(super) struct Opt<'a> {
    pub(super) negated: bool,
    pub(super) name: &'a str,
    pub(super) values: &'a [String],
}

/// The options of a group that are not yet taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Options<'a>(Vec<Opt<'a>>);

/// Options whose value is any text, also one that looks like an option.
const TEXTS: [&str; 6] = [
    "--comment",
    "--log-prefix",
    "--nflog-prefix",
    "--string",
    "--hex-string",
    "--helper",
];

/// Long names of the header's options, and the short ones that iptables-save prints.
const HEADER: [(&str, &str); 14] = [
    ("-s", "-s"),
    ("--source", "-s"),
    ("--src", "-s"),
    ("-d", "-d"),
    ("--destination", "-d"),
    ("--dst", "-d"),
    ("-i", "-i"),
    ("--in-interface", "-i"),
    ("-o", "-o"),
    ("--out-interface", "-o"),
    ("-p", "-p"),
    ("--protocol", "-p"),
    ("-f", "-f"),
    ("--fragment", "-f"),
];

/// Divides words. Every word is in one group; a value that no option can have stands as
/// the name of an option, which nobody takes.
pub(super) fn groups(words: &[String]) -> Vec<Group<'_>> {
    let mut header = Options::default();
    let mut groups: Vec<Group> = Vec::new();
    let mut at = 0;
    let mut negated = false;
    while let Some(word) = words.get(at) {
        at += 1;
        let name = word.as_str();
        let next = || words.get(at).map_or("", String::as_str);
        match name {
            "!" if !negated => {
                negated = true;
                continue;
            }
            "-m" | "--match" if !negated => groups.push(Group::Match(next(), Options::default())),
            "-j" | "--jump" if !negated => groups.push(Group::Target(next(), Options::default())),
            "-g" | "--goto" if !negated => groups.push(Group::Goto(next())),
            _ => {
                let short = HEADER.iter().find(|(long, _)| *long == name);
                let count = values(name, &words[at..]);
                let option = Opt {
                    negated,
                    name: short.map_or(name, |(_, short)| short),
                    values: &words[at..at + count],
                };
                at += count;
                negated = false;
                match groups.last_mut() {
                    Some(Group::Match(_, options) | Group::Target(_, options))
                        if short.is_none() =>
                    {
                        options.0.push(option);
                    }
                    _ => header.0.push(option),
                }
                continue;
            }
        }
        at += 1;
    }
    if negated {
        // A sign without a thing: nobody takes an option without a name.
        header.0.push(Opt {
            negated,
            name: "",
            values: &[],
        });
    }
    groups.insert(0, Group::Header(header));
    groups
}

/// How many of the words that follow an option are its values.
fn values(option: &str, rest: &[String]) -> usize {
    if TEXTS.contains(&option) {
        return rest.len().min(1);
    }
    if !option.starts_with('-') {
        return 0;
    }
    let is_option = |word: &String| {
        word == "!"
            || word.starts_with("--")
            || ["-m", "-j", "-g"].contains(&word.as_str())
            || HEADER.iter().any(|(name, _)| name == word)
    };
    rest.iter().take_while(|word| !is_option(word)).count()
}

impl<'a> Options<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes the first option of one of these names.
    pub(super) fn take(&mut self, names: &[&str]) -> Option<Opt<'a>> {
        let at = self.0.iter().position(|o| names.contains(&o.name))?;
        Some(self.0.remove(at))
    }

    /// Takes an option with one value: its sign and that.
    pub(super) fn one(&mut self, names: &[&str]) -> Option<(bool, &'a str)> {
        let at = self
            .0
            .iter()
            .position(|o| names.contains(&o.name) && o.values.len() == 1)?;
        let option = self.0.remove(at);
        Some((option.negated, option.values.first()?.as_str()))
    }

    /// Takes an option without values and without a sign, where it is there.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        let at = self
            .0
            .iter()
            .position(|o| o.name == name && o.values.is_empty() && !o.negated);
        at.map(|at| self.0.remove(at)).is_some()
    }

    /// The options as `iptables-save` prints them.
    pub(super) fn words(&self) -> String {
        let mut text = String::new();
        for option in &self.0 {
            let sign = if option.negated { "! " } else { "" };
            let space = if text.is_empty() { "" } else { " " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{space}{sign}{}", option.name);
            for value in option.values {
                if option.name == "--string" || option.name == "--hex-string" {
                    // `libxt_string.c` quotes them always.
                    let _ = write!(text, " \"{}\"", escaped(value));
                } else if TEXTS.contains(&option.name) {
                    let _ = write!(text, " {}", quoted(value));
                } else {
                    let _ = write!(text, " {value}");
                }
            }
        }
        text
    }
}
