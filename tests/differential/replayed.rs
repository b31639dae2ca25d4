//! Generated rulesets, taken down and laid again as `rehearse` does it: the same packets fare
//! the same in both.

use ftpnat::facts::snapshot::Snapshot;
use ftpnat::lab::live::Live;
use ftpnat::ruleset::eval::Prepared;
use ftpnat::sys::ruleset::{read, record_into};
use libtest_mimic::{Failed, Trial};

use crate::generate::generate;
use crate::judge::{Verdict, first};
use crate::lab::{Lab, Probe, Seen};
use crate::refusals::may_be_lost;
use crate::{EACH, is_legacy};

/// Rulesets of a trial, and trials: every fourth is of iptables-legacy.
const RULESETS: u64 = 20;
const TRIALS: u64 = 8;

pub(crate) fn trials() -> impl Iterator<Item = Trial> {
    (0..TRIALS).map(|trial| {
        let first = trial * EACH;
        Trial::test(
            format!("replayed/{first}-{}", first + RULESETS - 1),
            move || {
                for seed in first..first + RULESETS {
                    one(seed).map_err(|told| format!("seed {seed}: {told}"))?;
                }
                Ok::<(), Failed>(())
            },
        )
    })
}

fn one(seed: u64) -> Result<(), String> {
    let generated = generate(seed, is_legacy(seed));
    let probes: Vec<Probe> = generated.probes.clone();
    let played = probes.clone();
    // What is not decided by the rules alone may come out otherwise twice.
    let (live, was_seen, is_decided) = Lab::with(move |lab| -> Result<_, String> {
        lab.load(&generated.load)?;
        let mut snapshot = Snapshot::default();
        record_into(&mut snapshot, true);
        let live = Live::of_host(&snapshot)?;
        let ruleset = read(&Snapshot::default(), true);
        let came = lab.play(&played);
        let prepared = Prepared::new(&ruleset, lab.facts());
        let is_decided: Vec<bool> = played
            .iter()
            .zip(&came)
            .map(|(probe, came)| {
                let trying = first(*probe);
                let lossy = may_be_lost(&ruleset, probe.from);
                let verdict = trying.compare(&prepared.evaluate(&trying.packet), lossy, came);
                matches!(verdict, Verdict::Agrees(_))
            })
            .collect();
        Ok((live, came, is_decided))
    })?;
    let again = probes.clone();
    let again: Vec<Seen> = Lab::with(move |lab| -> Result<_, String> {
        live.lay_here()?;
        Ok(lab.play(&again))
    })?;
    for (((probe, was), is), is_decided) in probes.iter().zip(&was_seen).zip(&again).zip(is_decided)
    {
        let [was, is] = [was, is].map(|seen| without_picked_ports(probe, *seen));
        if is_decided && was != is {
            return Err(format!("{probe:?}: {was:?} on the host, {is:?} in the lab"));
        }
    }
    Ok(())
}

/// Of a range of ports the kernel picks one; which one says nothing.
fn without_picked_ports(probe: &Probe, seen: Seen) -> Seen {
    let Seen::Arrived {
        side,
        mut source,
        mut destination,
    } = seen
    else {
        return seen;
    };
    for (end, sent) in [
        (&mut source, probe.segment.source),
        (&mut destination, probe.segment.destination),
    ] {
        if end.port() != sent.port() {
            end.set_port(0);
        }
    }
    Seen::Arrived {
        side,
        source,
        destination,
    }
}
