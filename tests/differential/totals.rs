//! What was counted, and what must hold of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use crate::generate::Count;
use crate::judge::{Kind, Verdict};

/// What all trials counted.
static TOTALS: Mutex<Totals> = Mutex::new(Totals {
    rulesets: 0,
    rules: Count {
        all: 0,
        unforeseen: 0,
    },
    agrees: BTreeMap::new(),
    undecided: BTreeMap::new(),
    undecided_elsewhere: 0,
    later: 0,
    later_undecided: 0,
    transfers: 0,
    differs: 0,
});

/// Counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    rulesets: usize,
    rules: Count,
    agrees: BTreeMap<Kind, usize>,
    /// In rulesets without anything unforeseen, by the reason.
    undecided: BTreeMap<&'static str, usize>,
    /// In the others.
    undecided_elsewhere: usize,
    /// Answers, and what follows on them: the same on both sides.
    later: usize,
    later_undecided: usize,
    /// Data connections that were expected, among those.
    pub(crate) transfers: usize,
    differs: usize,
}

impl Totals {
    /// Counts a ruleset.
    pub(crate) fn ruleset(&mut self, rules: Count) {
        self.rulesets += 1;
        self.rules.all += rules.all;
        self.rules.unforeseen += rules.unforeseen;
    }

    /// Counts a packet through a ruleset: the first of a connection, or a later one.
    pub(crate) fn probe(&mut self, verdict: &Verdict, rules: Count, first: bool) {
        match verdict {
            Verdict::Agrees(_) if !first => self.later += 1,
            Verdict::Undecided(_) if !first => self.later_undecided += 1,
            Verdict::Agrees(kind) => *self.agrees.entry(*kind).or_default() += 1,
            Verdict::Undecided(why) if rules.unforeseen == 0 => {
                *self.undecided.entry(why).or_default() += 1;
            }
            Verdict::Undecided(_) => self.undecided_elsewhere += 1,
            Verdict::Differs(_) => self.differs += 1,
        }
    }

    /// Adds these to those of all trials.
    pub(crate) fn report(self) {
        let mut all = TOTALS.lock().expect("no trial panics here");
        all.rulesets += self.rulesets;
        all.rules.all += self.rules.all;
        all.rules.unforeseen += self.rules.unforeseen;
        for (kind, count) in self.agrees {
            *all.agrees.entry(kind).or_default() += count;
        }
        for (why, count) in self.undecided {
            *all.undecided.entry(why).or_default() += count;
        }
        all.undecided_elsewhere += self.undecided_elsewhere;
        all.later += self.later;
        all.later_undecided += self.later_undecided;
        all.transfers += self.transfers;
        all.differs += self.differs;
    }

    /// Those of all trials.
    pub(crate) fn all() -> Self {
        TOTALS.lock().expect("no trial panics here").clone()
    }

    fn kinds(&self, kinds: &[Kind]) -> usize {
        kinds.iter().filter_map(|kind| self.agrees.get(kind)).sum()
    }

    fn undecided(&self) -> usize {
        self.undecided.values().sum()
    }

    fn probes(&self) -> usize {
        self.agrees.values().sum::<usize>()
            + self.undecided()
            + self.undecided_elsewhere
            + self.differs
    }

    /// What does not hold that must: enough of everything, little undecided.
    pub(crate) fn faults(&self) -> Vec<&'static str> {
        if self.rulesets == 0 {
            return Vec::new();
        }
        let probes = self.probes();
        let foreseen = probes - self.undecided_elsewhere;
        let accepted = self.kinds(&[Kind::Accepted, Kind::Translated]);
        let dropped = self.kinds(&[Kind::Dropped, Kind::Rejected, Kind::RejectedUnseen]);
        [
            (
                self.rules.unforeseen * 10 <= self.rules.all,
                "less than 90 % of the rules use only what can be decided",
            ),
            (
                self.undecided() * 50 <= foreseen,
                "more than 2 % are undecided where all can be decided",
            ),
            (accepted * 4 >= probes, "less than a quarter are accepted"),
            (dropped * 4 >= probes, "less than a quarter are dropped"),
            (
                self.kinds(&[Kind::Translated]) * 50 >= probes,
                "less than 2 % are translated",
            ),
            (
                self.transfers * 10 >= self.rulesets,
                "less than one data connection of FTP in ten rulesets",
            ),
        ]
        .into_iter()
        .filter_map(|(holds, fault)| (!holds).then_some(fault))
        .collect()
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "differential: {} rulesets, {} rules of which {} with something unforeseen, {} probes",
            self.rulesets,
            self.rules.all,
            self.rules.unforeseen,
            self.probes()
        )?;
        let kind = |kind| self.kinds(&[kind]);
        writeln!(
            f,
            "accepted {} and {} translated, dropped {}, rejected {} and {} unseen; {} differ",
            kind(Kind::Accepted),
            kind(Kind::Translated),
            kind(Kind::Dropped),
            kind(Kind::Rejected),
            kind(Kind::RejectedUnseen),
            self.differs
        )?;
        writeln!(
            f,
            "later packets: {} the same, {} undecided; {} data connections of FTP",
            self.later, self.later_undecided, self.transfers
        )?;
        write!(
            f,
            "undecided: {} among the unforeseen, {} elsewhere",
            self.undecided_elsewhere,
            self.undecided()
        )?;
        for (why, count) in &self.undecided {
            write!(f, "\n{count:8} {why}")?;
        }
        Ok(())
    }
}
