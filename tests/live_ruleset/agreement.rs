//! What we print for a rule beside what its own tool prints.

use ftpnat::ruleset::live::Ruleset;
use ftpnat::ruleset::live::print;
use ftpnat::ruleset::live::table::Maker;

use crate::held::Held;

/// Where we print a rule otherwise: what its own tool prints has this in it, and why we do
/// not.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        " --match-set ",
        "the kernel has an ipset's number; its name is in no netlink dump of rules",
    ),
    (
        " -j CHECKSUM ",
        "the blob of a target that no later rule depends on is not read",
    ),
    (
        "numgen ",
        "the model keeps the name alone of what gives a number that nobody can foresee",
    ),
];

/// How many rules are printed alike, and those that are not.
#[derive(Default)]
pub(crate) struct Agreement {
    alike: usize,
    listed: usize,
    faults: Vec<String>,
}

impl Agreement {
    pub(crate) fn add(&mut self, tool: &str, ours: &str, theirs: &str) {
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
    pub(crate) fn close(self, what: &str) {
        let all = self.alike + self.listed + self.faults.len();
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

/// The rules of `nft`, by their handles, beside what `nft -a list ruleset` prints.
pub(crate) fn listed(held: &Held, ruleset: &Ruleset, agreement: &mut Agreement) {
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
