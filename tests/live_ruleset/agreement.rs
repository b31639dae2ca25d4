//! What we print for a rule beside what its own tool prints.

use std::sync::atomic::{AtomicUsize, Ordering};

use ftpnat::model::net::Family;
use ftpnat::ruleset::live::print::{self, Folded};
use ftpnat::ruleset::live::saved;
use ftpnat::ruleset::live::table::{Maker, TableFamily};
use ftpnat::ruleset::live::xt::{Match, Target};
use ftpnat::ruleset::live::{Rule, Ruleset, Table};
use ftpnat::ruleset::save::Save;

use crate::held::Held;

const NUMBERED: &str = "the kernel has an ipset's number; no dump of rules has its name";

const NO_OPTIONS: &str = "the blob of a target that no other rule depends on is not read";

const NO_WORDS: &str = "the blob of a match on a header that the model does not have is not read";

const NAME_ALONE: &str = "the model keeps the name alone: nobody can foresee what it gives, or \
                          no rule depends on it";

/// Where we print a rule otherwise: what its own tool prints has this in it, and why we do
/// not.
const DIFFERENCES: &[(&str, &str)] = &[
    (" --match-set ", NUMBERED),
    (" -j SET ", NUMBERED),
    (" -j IDLETIMER ", NO_OPTIONS),
    (" -j LED ", NO_OPTIONS),
    (" -j RATEEST ", NO_OPTIONS),
    (" -j TCPOPTSTRIP ", NO_OPTIONS),
    (" -m ah ", NO_WORDS),
    (" -m esp ", NO_WORDS),
    (" -m sctp ", NO_WORDS),
    (" -m dccp ", NO_WORDS),
    (" -m mh ", NO_WORDS),
    (" -m frag ", NO_WORDS),
    (" -m hbh ", NO_WORDS),
    (" -m dst ", NO_WORDS),
    ("numgen ", NAME_ALONE),
    ("jhash ", NAME_ALONE),
    ("osf ", NAME_ALONE),
    ("socket ", NAME_ALONE),
    ("ipsec ", NAME_ALONE),
    ("synproxy ", NAME_ALONE),
    ("dup to ", NAME_ALONE),
    ("fwd to ", NAME_ALONE),
];

/// Rules of all trials, and those of them that are printed alike.
static ALL: AtomicUsize = AtomicUsize::new(0);
static ALIKE: AtomicUsize = AtomicUsize::new(0);

/// Prints how many rules of all trials are printed as their own tools print them.
pub(crate) fn total() {
    let (all, alike) = (ALL.load(Ordering::Relaxed), ALIKE.load(Ordering::Relaxed));
    println!("{alike} of {all} rules are printed as their own tools print them");
}

/// How many rules are printed alike, and those that are not.
#[derive(Default)]
struct Agreement {
    alike: usize,
    listed: usize,
    faults: Vec<String>,
}

impl Agreement {
    fn add(&mut self, tool: &str, ours: &str, theirs: &str) {
        if ours == theirs {
            self.alike += 1;
        } else if DIFFERENCES.iter().any(|(has, _)| theirs.contains(has)) {
            self.listed += 1;
        } else {
            let fault = format!("{tool}\n  prints {theirs}\n  not    {ours}");
            self.faults.push(fault);
        }
    }

    /// # Panics
    /// Where a rule is printed otherwise, and the difference is not listed.
    fn close(self, what: &str) {
        let all = self.alike + self.listed + self.faults.len();
        ALL.fetch_add(all, Ordering::Relaxed);
        ALIKE.fetch_add(self.alike, Ordering::Relaxed);
        println!(
            "{what}: {} of {all} rules are printed alike, {} differ as listed",
            self.alike, self.listed
        );
        assert!(
            self.faults.is_empty(),
            "{} of {all} rules are printed otherwise\n{}",
            self.faults.len(),
            self.faults.join("\n")
        );
    }
}

/// All rules of all back ends are printed as their own tools print them, or as listed; and
/// those of iptables are the same rules in both readings.
pub(crate) fn agree(held: &Held, ruleset: &Ruleset, what: &str) {
    let mut agreement = Agreement::default();
    saved_is_held(held, ruleset, &mut agreement);
    listed(held, ruleset, &mut agreement);
    agreement.close(what);
}

/// The rules of `nft`, by their handles, beside what `nft -a list ruleset` prints.
fn listed(held: &Held, ruleset: &Ruleset, agreement: &mut Agreement) {
    let text = held.namespace.run("nft -a list ruleset");
    let mut table = None;
    let mut chain = None;
    for line in text.lines() {
        let line = line.trim();
        let Some((line, handle)) = line.rsplit_once(" # handle ") else {
            continue;
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["table", family, name, "{"] => {
                let mut tables = ruleset.tables.iter();
                table = tables
                    .find(|t| t.name == name && format!("{:?}", t.family).to_lowercase() == family);
                continue;
            }
            ["chain", name, "{"] => {
                let chains = table.map(|table| &table.chains);
                chain = chains.and_then(|chains| chains.iter().find(|c| c.name == name));
                continue;
            }
            [.., "{"] => {
                chain = None;
                continue;
            }
            _ => {}
        }
        let (Some(table), Some(chain)) = (table, chain) else {
            continue;
        };
        if table.maker != Maker::Nft {
            continue;
        }
        let handle: u64 = handle.parse().expect("a handle");
        let rule = chain.rules.iter().find(|rule| rule.handle == handle);
        let rule = rule.expect("the rule is held");
        let ours = print::rule(rule, &chain.name, table);
        agreement.add("nft list ruleset", &ours, line);
    }
}

/// What iptables-save prints is what was read, rule by rule: as the model, and as text.
fn saved_is_held(held: &Held, ruleset: &Ruleset, agreement: &mut Agreement) {
    for (program, family, maker) in [
        ("iptables-nft-save", Family::Ipv4, Maker::IptablesNft),
        ("ip6tables-nft-save", Family::Ipv6, Maker::IptablesNft),
        ("iptables-legacy-save", Family::Ipv4, Maker::IptablesLegacy),
        ("ip6tables-legacy-save", Family::Ipv6, Maker::IptablesLegacy),
    ] {
        let of = match family {
            Family::Ipv4 => TableFamily::Ip,
            Family::Ipv6 => TableFamily::Ip6,
        };
        let tables: Vec<&Table> = ruleset
            .tables
            .iter()
            .filter(|table| table.maker == maker && table.family == of)
            .collect();
        if tables.is_empty() {
            continue;
        }
        let text = held.namespace.run(program);
        let save = Save::parse(&text).expect("the text of iptables-save");
        let read = saved::read(&save, family, maker);
        assert_eq!(read.unread, []);
        for table in tables {
            let saved = read.tables.iter().find(|saved| saved.name == table.name);
            same_table(table, saved.expect("the table is saved"), agreement);
        }
    }
}

fn same_table(table: &Table, saved: &Table, agreement: &mut Agreement) {
    for chain in &table.chains {
        let twin = saved.chains.iter().find(|twin| twin.name == chain.name);
        let twin = twin.expect("the chain is saved");
        assert_eq!(chain.base, twin.base, "chain {}", chain.name);
        assert_eq!(chain.rules.len(), twin.rules.len(), "chain {}", chain.name);
        for (rule, twin) in chain.rules.iter().zip(&twin.rules) {
            same_rule(rule, twin, table.family);
            let ours = print::rule(rule, &chain.name, table);
            agreement.add("iptables-save", &ours, &twin.line);
        }
    }
}

/// Both readings of a rule are one rule, but for what a blob does not tell.
fn same_rule(held: &Rule, saved: &Rule, family: TableFamily) {
    let rule = |rule| print::fold(rule, family).map(told_by_blobs);
    let (ours, theirs) = (rule(held), rule(saved));
    assert!(
        ours.is_some() && ours == theirs,
        "{}\n{ours:#?}\n{theirs:#?}",
        saved.line
    );
}

/// A rule without the name of an ipset, for which the kernel has a number, and without the
/// options of what a rule asks of headers that the model does not have, and of targets that
/// nothing depends on: their blobs are not read.
fn told_by_blobs(mut rule: Folded) -> Folded {
    for each in &mut rule.matches {
        match each {
            Match::Set { name, .. } => name.clear(),
            Match::OtherHeader { words, .. } => words.clear(),
            _ => {}
        }
    }
    if let Target::Passes { words, .. } | Target::Set { words } = &mut rule.target {
        words.clear();
    }
    rule
}
