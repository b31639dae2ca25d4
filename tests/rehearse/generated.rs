//! Shipped profiles, their variants, and generated ones.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use ftpnat::lab::play::Seen;
use ftpnat::lab::rules::Firewall;
use ftpnat::plan::Outcome;
use ftpnat::profile::{Profile, parse};
use libtest_mimic::{Failed, Trial};

use crate::support::dice::Dice;
use crate::support::profiles::{any, files, name_of};
use crate::{faults, rehearsed};

/// Generated profiles of one trial.
const TOGETHER: u64 = 5;

/// Cells that came out as predicted, by what was predicted; and profiles that apply refuses.
static WORK: AtomicUsize = AtomicUsize::new(0);
static FAIL: AtomicUsize = AtomicUsize::new(0);
static PLAYED: AtomicUsize = AtomicUsize::new(0);
static REFUSED: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn total() {
    let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    println!(
        "{} profiles rehearsed: {} cells work and {} fail as predicted; {} generated profiles \
         are refused by apply",
        of(&PLAYED),
        of(&WORK),
        of(&FAIL),
        of(&REFUSED)
    );
}

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    let shipped = files("profiles")
        .into_iter()
        .chain(files("tests/data/variants"));
    for (number, file) in (0_u64..).zip(shipped) {
        let name = name_of(&file);
        for (firewall, word) in FIREWALLS {
            // Each back end with each firewall, over all profiles; with time, with each of them.
            let back_ends = match std::env::var_os("FTPNAT_LONG") {
                Some(_) => BACK_ENDS.to_vec(),
                None => vec![BACK_ENDS[usize::try_from(number % 3).expect("small")]],
            };
            for back_end in back_ends {
                let file = file.clone();
                trials.push(Trial::test(
                    format!("{name}/{word}/{back_end}"),
                    move || {
                        let text = fs::read_to_string(&file).expect("a profile");
                        let profile = parse(&file.display().to_string(), text.as_bytes());
                        play(&profile.expect("valid"), &text, firewall, back_end)
                            .map_err(Failed::from)
                    },
                ));
            }
        }
    }
    let count = if std::env::var_os("FTPNAT_LONG").is_some() {
        2000
    } else {
        100
    };
    for first in (0..count).step_by(usize::try_from(TOGETHER).expect("small")) {
        trials.push(Trial::test(format!("generated/{first}"), move || {
            let mut told = Vec::new();
            for seed in first..first + TOGETHER {
                told.extend(one(seed).err());
            }
            if told.is_empty() {
                Ok(())
            } else {
                Err(told.join("\n").into())
            }
        }));
    }
    trials
}

const FIREWALLS: [(Firewall, &str); 3] = [
    (Firewall::Usual, "usual"),
    (Firewall::Closed, "closed"),
    (Firewall::Open, "open"),
];
const BACK_ENDS: [&str; 3] = ["nft", "iptables-nft", "iptables-legacy"];

fn play(profile: &Profile, text: &str, firewall: Firewall, back_end: &str) -> Result<(), String> {
    let (stage, report) = rehearsed(profile, text, firewall, back_end)?;
    if let Some(faults) = faults(profile, &report, &stage) {
        return Err(faults);
    }
    let count = |outcome| {
        let of = report
            .cells
            .iter()
            .filter(|judged| judged.cell.outcome == outcome);
        of.count()
    };
    WORK.fetch_add(count(Outcome::Works), Ordering::Relaxed);
    FAIL.fetch_add(count(Outcome::Fails), Ordering::Relaxed);
    PLAYED.fetch_add(1, Ordering::Relaxed);
    // A cell that is offered was played.
    let is_unplayed = |judged: &&ftpnat::lab::verdict::Judged| {
        judged.cell.outcome != Outcome::NotOffered && judged.after == Seen::NotOffered
    };
    match report.cells.iter().find(is_unplayed) {
        Some(judged) => Err(format!("nobody played {:?}", judged.cell)),
        None => Ok(()),
    }
}

fn one(seed: u64) -> Result<(), String> {
    let text = any(seed);
    let Ok(profile) = parse("generated.yaml", text.as_bytes()) else {
        return Ok(());
    };
    let mut dice = Dice(seed ^ 0x7e57);
    let firewall = FIREWALLS[usize::try_from(dice.count(0, 2)).expect("small")].0;
    let back_end = dice.one(&BACK_ENDS);
    let told = play(&profile, &text, firewall, back_end);
    match told {
        Err(told) if told.contains("serves nobody") => Ok(()),
        Err(told) if told.starts_with("exit status: 3") => {
            REFUSED.fetch_add(1, Ordering::Relaxed);
            println!("seed {seed}, {firewall:?}, {back_end}: {told}\n{text}");
            Ok(())
        }
        told => {
            told.map_err(|told| format!("seed {seed}, {firewall:?}, {back_end}:\n{text}\n{told}"))
        }
    }
}
