//! Profiles and rulesets by chance: where `check` has no error the client lists, and where
//! it has one the client does not, in some session that the profile promises.
//!
//! `FTPNAT_PAIR=NUMBER` plays one pair, and shows it; `FTPNAT_PAIRS_FROM=NUMBER` plays others
//! than those from 0.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the host: that is what they are for"
)]
#![allow(clippy::print_stderr, reason = "a pair that is asked for is shown")]

mod draft;
mod firewall;
mod harm;
mod pair;
mod session;
mod stage;
#[path = "../support/mod.rs"]
mod support;
mod totals;

use std::process::ExitCode;

use libtest_mimic::{Failed, Trial};

use pair::Pair;
use stage::{Stage, shown};
use totals::End;

/// Pairs of a run, and with `FTPNAT_LONG`.
const PAIRS: u64 = 100;
const LONG: u64 = 2000;
/// Pairs of a trial.
const BLOCK: u64 = 5;
/// What `check` may say that it cannot tell, in a hundred.
const UNTOLD: usize = 5;

fn main() -> ExitCode {
    support::enter();
    if let Some(one) = number("FTPNAT_PAIR") {
        return support::play(vec![Trial::test("one", move || played(one, true))]);
    }
    let pairs = if std::env::var_os("FTPNAT_LONG").is_some() {
        LONG
    } else {
        PAIRS
    };
    let block = |first: u64| {
        let name = format!("{first}-{}", first + BLOCK - 1);
        Trial::test(name, move || {
            let all = (first..first + BLOCK).filter_map(|number| played(number, false).err());
            let words: Vec<String> = all.filter_map(|e| e.message().map(str::to_owned)).collect();
            if words.is_empty() {
                Ok(())
            } else {
                Err(words.join("\n\n").into())
            }
        })
    };
    let from = number("FTPNAT_PAIRS_FROM").unwrap_or(0);
    let starts = (0..pairs / BLOCK).map(|number| from + number * BLOCK);
    let mut trials: Vec<Trial> = starts.map(block).collect();
    trials.push(Trial::test("counts-what-is-wrong", counts_what_is_wrong));
    let code = support::play(trials);
    let (wrong, untold) = totals::print();
    let too_many = untold * 100 > UNTOLD * usize::try_from(pairs).unwrap_or(usize::MAX);
    if wrong == 0 && !too_many {
        code
    } else {
        ExitCode::FAILURE
    }
}

/// What a variable of the environment says.
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn played(number: u64, show: bool) -> Result<(), Failed> {
    let pair = Pair::of(number);
    let stage = Stage::of(&pair);
    let said = stage.check()?;
    let (sessions, failed) = stage.play(&said);
    let end = End::of(
        !said.errors.is_empty(),
        said.open.is_empty(),
        failed.is_empty(),
    );
    totals::count(&pair, sessions, end);
    if end.is_right() && !show {
        return Ok(());
    }
    let words = format!(
        "pair {number}: {end:?}\n{}\n{sessions} sessions, {} failed:\n{}\nsaid:\n{}\n{}\n{}",
        shown(&pair),
        failed.len(),
        failed.join("\n"),
        said.errors.join("\n"),
        said.open.join("\n"),
        if show { &said.report } else { "" }
    );
    if show {
        eprintln!("{words}");
    }
    if end.is_right() {
        Ok(())
    } else {
        Err(words.into())
    }
}

/// Were `check` silent, or loud, about everything, it would be counted as wrong.
fn counts_what_is_wrong() -> Result<(), Failed> {
    let silent = End::of(false, true, false);
    let loud = End::of(true, true, true);
    if silent.is_right() || loud.is_right() || End::of(true, false, true).is_right() {
        return Err("what is wrong is not counted".into());
    }
    Ok(())
}
