//! The evaluation of rulesets against the kernel: rules loaded into a router, real
//! segments sent, and what became of each compared with what was computed.
//!
//! Seeded: `FTPNAT_SEED=17 cargo test --test differential` plays the one ruleset of that
//! seed and prints it, `FTPNAT_SEED=0-999` those of a thousand.
#![allow(clippy::disallowed_methods, reason = "tests touch the host")]
#![allow(
    clippy::print_stderr,
    reason = "the figures are part of what the test says"
)]

mod cases;
mod generate;
mod judge;
mod lab;
mod packet;
mod refusals;
mod replayed;
#[path = "../support/mod.rs"]
mod support;
mod totals;
mod wire;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::ExitCode;

use ftpnat::facts::snapshot::Snapshot;
use ftpnat::ruleset::eval::{Evaluation, Prepared, State, Told};
use ftpnat::ruleset::live::Ruleset;
use ftpnat::sys::ruleset;
use libtest_mimic::{Failed, Trial};

use cases::{Case, cases, undecided};
use generate::{Count, Generated, generate};
use judge::{Trying, Verdict, first, told};
use lab::{Lab, Probe, Seen};
use packet::{Data, SYN, Segment};
use refusals::may_be_lost;
use support::dice::Dice;
use totals::Totals;
use wire::forget_connections;

/// Rulesets of a trial.
const EACH: u64 = 50;

/// Trials, of which each fourth has iptables-legacy.
const TRIALS: u64 = 8;

/// The same of `./dev test --long`.
const LONG_TRIALS: u64 = 400;

/// How many disagreements a trial tells in full.
const TOLD: usize = 3;

fn main() -> ExitCode {
    support::enter();
    let decided = cases().map(|case| (case, true));
    let mut trials: Vec<Trial> = decided
        .chain(undecided().map(|case| (case, false)))
        .map(|(case, decided)| {
            Trial::test(format!("cases/{}", case.name), move || {
                play_case(case, decided)
            })
        })
        .collect();
    let seeds = std::env::var("FTPNAT_SEED").ok();
    if let Some(seeds) = &seeds {
        trials.extend(chosen(seeds));
    } else {
        trials.extend(blocks(0, trials_wanted() * EACH));
        trials.extend(replayed::trials());
    }
    let code = support::play_rules(trials);
    let totals = Totals::all();
    eprintln!("{totals}");
    let faults = totals.faults();
    if faults.is_empty() || seeds.is_some() {
        return code;
    }
    eprintln!("{}", faults.join("\n"));
    ExitCode::FAILURE
}

/// How many trials there are.
fn trials_wanted() -> u64 {
    if std::env::var_os("FTPNAT_LONG").is_some() {
        LONG_TRIALS
    } else {
        TRIALS
    }
}

/// Trials of the seeds from `first` to before `end`.
fn blocks(first: u64, end: u64) -> impl Iterator<Item = Trial> {
    (first..end)
        .step_by(usize::try_from(EACH).expect("small"))
        .map(move |first| {
            let end = end.min(first + EACH);
            let name = format!("generated/{first}-{}", end - 1);
            Trial::test(name, move || play_generated(first, end))
        })
}

/// Those of `FTPNAT_SEED`: one, whose rules are printed, or from one to another.
fn chosen(seeds: &str) -> Vec<Trial> {
    let number = |text: &str| text.parse().expect("a seed is a number");
    if let Some((first, last)) = seeds.split_once('-') {
        return blocks(number(first), number(last) + 1).collect();
    }
    let seed = number(seeds);
    vec![Trial::test(format!("generated/{seed}"), move || {
        eprintln!("{:#?}", generate(seed, is_legacy(seed)).load);
        play_generated(seed, seed + 1)
    })]
}

/// Tables of iptables-legacy stay once they are there, so they have namespaces of their
/// own.
fn is_legacy(seed: u64) -> bool {
    seed / EACH % 4 == 3
}

fn play_generated(first: u64, end: u64) -> Result<(), Failed> {
    Lab::with(move |lab| {
        let mut totals = Totals::default();
        let mut failures = Vec::new();
        for seed in first..end {
            let generated = generate(seed, is_legacy(seed));
            if let Err(differs) = play_ruleset(lab, &generated, &mut totals) {
                failures.push(format!("seed {seed}: {differs}"));
            }
        }
        totals.report();
        if failures.is_empty() {
            return Ok(());
        }
        let more = failures.len().saturating_sub(TOLD);
        failures.truncate(TOLD);
        Err(format!("{}\nand {more} rulesets more", failures.join("\n")).into())
    })
}

/// The probes of one ruleset, the answers to those that arrive, and what follows on these.
fn play_ruleset(lab: &mut Lab, generated: &Generated, totals: &mut Totals) -> Result<(), String> {
    lab.load(&generated.load)?;
    let ruleset = ruleset::read(&Snapshot::default(), true);
    let host = lab.facts().clone();
    let mut round = Round {
        lab,
        prepared: Prepared::new(&ruleset, &host),
        ruleset: &ruleset,
        rules: generated.rules,
        totals,
        failures: String::new(),
    };
    round.totals.ruleset(generated.rules);
    let syns: Vec<Trying> = generated.probes.iter().copied().map(first).collect();
    round.play_corners(&syns, &mut Dice(generated.seed));
    let seen = round.play(&syns, true);
    let (syns, answers): (Vec<_>, Vec<_>) = syns
        .iter()
        .zip(&seen)
        .filter(|(syn, _)| round.is_tracked(syn))
        .filter_map(|(syn, seen)| Some((syn, syn.answer(seen)?)))
        .unzip();
    let seen = round.play(&answers, false);
    let (connections, acknowledgements): (Vec<_>, Vec<_>) = answers
        .iter()
        .zip(syns)
        .zip(&seen)
        .filter(|((answer, _), _)| round.is_tracked(answer))
        .filter_map(|((answer, syn), seen)| Some(((syn, answer), answer.acknowledge(syn, seen)?)))
        .unzip();
    round.play(&acknowledgements, false);
    round.play_transfers(&connections);
    if round.failures.is_empty() {
        Ok(())
    } else {
        Err(round.failures)
    }
}

/// Packets through one ruleset.
struct Round<'a> {
    lab: &'a Lab,
    prepared: Prepared<'a>,
    ruleset: &'a Ruleset,
    rules: Count,
    totals: &'a mut Totals,
    failures: String,
}

impl Round<'_> {
    /// Plays a batch and compares. `first`: of each connection the first packet.
    fn play(&mut self, batch: &[Trying], first: bool) -> Vec<Seen> {
        let evaluations: Vec<Evaluation> = batch
            .iter()
            .map(|trying| self.prepared.evaluate(&trying.packet))
            .collect();
        self.compare(batch, &evaluations, first)
    }

    /// Of the control connections that rules gave the helper of FTP: the server's
    /// greeting, its answer to EPSV, and the data connection that this leads to.
    fn play_transfers(&mut self, connections: &[(&Trying, &Trying)]) {
        let control: Vec<_> = connections
            .iter()
            .filter(|(syn, _)| {
                let helper = self.prepared.evaluate(&syn.packet).helper;
                matches!(helper, Told::Known(Some(assigned)) if assigned.helper == "ftp")
            })
            .collect();
        for says in [Trying::greet, Trying::offer] {
            let said: Vec<Trying> = control.iter().map(|(_, answer)| says(answer)).collect();
            let seen = self.play(&said, false);
            if !seen.iter().all(|seen| matches!(seen, Seen::Arrived { .. })) {
                return;
            }
        }
        let transfers: Vec<Trying> = control
            .iter()
            .map(|(syn, answer)| syn.transfer(answer))
            .collect();
        self.totals.transfers += transfers.len();
        self.play(&transfers, false);
    }

    /// Plays, of the region around each probe for which the same shall hold, another end;
    /// and forgets it again.
    fn play_corners(&mut self, batch: &[Trying], dice: &mut Dice) {
        let ports = batch
            .iter()
            .map(|trying| trying.probe.segment.source.port());
        let mut used: BTreeSet<u16> = ports.collect();
        let (corners, evaluations): (Vec<_>, Vec<_>) = batch
            .iter()
            .filter_map(|trying| {
                let evaluation = self.prepared.evaluate(&trying.packet);
                let corner = trying.corner(&evaluation, dice, &mut used)?;
                Some((corner, evaluation))
            })
            .unzip();
        self.compare(&corners, &evaluations, false);
        forget_connections();
    }

    fn compare(&mut self, batch: &[Trying], evaluations: &[Evaluation], first: bool) -> Vec<Seen> {
        let probes: Vec<Probe> = batch.iter().map(|trying| trying.probe).collect();
        let seen = self.lab.play(&probes);
        for ((trying, evaluation), seen) in batch.iter().zip(evaluations).zip(&seen) {
            let lossy = may_be_lost(self.ruleset, trying.probe.from);
            let verdict = trying.compare(evaluation, lossy, seen);
            self.totals.probe(&verdict, self.rules, first);
            if let Verdict::Differs(_) = verdict {
                let expected = told(evaluation, &self.prepared, self.ruleset);
                let Segment {
                    source,
                    destination,
                    flags,
                    ..
                } = trying.probe.segment;
                let _ = write!(
                    self.failures,
                    "\n{:?}: {source} to {destination}, flags {flags}: {seen:?}, not\n{expected}",
                    trying.probe.from
                );
            }
        }
        seen
    }

    /// Whether conntrack saw it, so that what follows belongs to its connection.
    fn is_tracked(&self, trying: &Trying) -> bool {
        let evaluation = self.prepared.evaluate(&trying.packet);
        matches!(evaluation.state, Some(State::New | State::Established))
            && matches!(evaluation.notrack, Told::Known(None))
    }
}

/// A row: what the kernel does, and that the evaluation says the same, or that it cannot
/// tell.
fn play_case(case: &'static Case, decided: bool) -> Result<(), Failed> {
    Lab::with(move |lab| {
        lab.load(&(case.load)())?;
        let (from, source, destination) = case.probe;
        let probe = Probe {
            from,
            segment: Segment {
                source: source.parse().expect("a source"),
                destination: destination.parse().expect("a destination"),
                flags: SYN,
                sequence: 0x4654_0000,
                acknowledged: 0,
                data: Data::None,
            },
        };
        let ruleset = ruleset::read(&Snapshot::default(), true);
        let seen = lab.play(&[probe]);
        let expected = (case.seen)();
        if seen != [expected] {
            return Err(format!("the kernel: {expected:?} expected, {seen:?} seen").into());
        }
        let prepared = Prepared::new(&ruleset, lab.facts());
        let trying = first(probe);
        match trying.compare(&prepared.evaluate(&trying.packet), false, &seen[0]) {
            Verdict::Agrees(_) if decided => Ok(()),
            Verdict::Undecided(_) if !decided => Ok(()),
            other => Err(format!("{seen:?}, not {other:?}").into()),
        }
    })
}
