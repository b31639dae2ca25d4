//! The evaluation of rulesets against the kernel: rules loaded into a router, real
//! segments sent, and what became of each compared with what was computed.
#![allow(clippy::disallowed_methods, reason = "tests touch the host")]

mod cases;
mod generate;
mod lab;
mod packet;
#[path = "../support/mod.rs"]
mod support;
mod wire;

use std::process::ExitCode;

use libtest_mimic::{Failed, Trial};

use cases::{CASES, Case};
use lab::{Lab, Probe};
use packet::{SYN, Segment};

fn main() -> ExitCode {
    support::enter();
    let mut trials = Vec::new();
    trials.push(Trial::test("cases", || {
        Lab::with(0, |lab| {
            let failures: Vec<String> = CASES
                .iter()
                .filter_map(|case| play(lab, case).err())
                .collect();
            if failures.is_empty() {
                Ok(())
            } else {
                Err(Failed::from(failures.join("\n")))
            }
        })
    }));
    for legacy in [false, true] {
        trials.push(Trial::test(format!("generated/{legacy}"), move || {
            Lab::with(usize::from(legacy), move |lab| {
                let start = std::time::Instant::now();
                let mut counts = std::collections::BTreeMap::new();
                let mut bad = Vec::new();
                for seed in 0..600 {
                    let generated = generate::generate(seed, legacy);
                    if let Err(error) = lab.load(&generated.load) {
                        bad.push(format!(
                            "seed {seed}: {}",
                            error.lines().take(4).collect::<Vec<_>>().join("\n")
                        ));
                        continue;
                    }
                    for seen in lab.play(&generated.probes) {
                        let key = match seen {
                            lab::Seen::Arrived { .. } => "arrived".to_owned(),
                            other => format!("{other:?}"),
                        };
                        *counts.entry(key).or_insert(0) += 1;
                    }
                }
                eprintln!("{legacy} {counts:#?} {:?}", start.elapsed());
                if bad.is_empty() {
                    Ok(())
                } else {
                    Err(Failed::from(bad.join("\n")))
                }
            })
        }));
    }
    support::play_rules(trials)
}

fn play(lab: &mut Lab, case: &Case) -> Result<(), String> {
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
        },
    };
    let seen = lab.play(&[probe]);
    let expected = (case.seen)();
    if seen == [expected] {
        Ok(())
    } else {
        Err(format!(
            "{}: {expected:?} expected, {seen:?} seen",
            case.name
        ))
    }
}
