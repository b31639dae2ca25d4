//! Every shipped profile on every ruleset, both back ends, both families, both modes.

use std::path::Path;

use ftpnat::model::net::Family;
use ftpnat::render::restore::step;
use ftpnat::render::restore::{Onto, onto};
use ftpnat::sys::iptables::{BackEnd, Tried};
use libtest_mimic::{Failed, Trial};

use crate::bases::{self, Base};
use crate::host::{Host, Mode, of_others, planned, step_of};
use crate::support::rules::restore;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for family in [Family::Ipv4, Family::Ipv6] {
        let bases = bases::all(family);
        assert!(bases.len() > 7, "the rulesets are there");
        for (number, base) in bases.into_iter().enumerate() {
            for back_end in [BackEnd::Nft, BackEnd::Legacy] {
                let name = format!("matrix/{}/{family:?}/{back_end:?}", base.name);
                let base = base.clone();
                let all = base.is_made_here || std::env::var_os("FTPNAT_LONG").is_some();
                trials.push(Trial::test(name, move || {
                    let mut profiles = profiles(family);
                    let first = number % profiles.len();
                    profiles.rotate_left(first);
                    let enough = if all { profiles.len() } else { SOME };
                    play(back_end, family, &base, &profiles, enough)
                }));
            }
        }
    }
    trials
}

/// Rulesets in which no shipped profile has a place: their chains ban, drop, and are led
/// to by many rules.
const WITHOUT_PLACE: [&str; 1] = ["shorewall"];

/// How many profiles at least are played on a recorded ruleset, beginning with another
/// one each time; all of them where the time is there (`./dev test --long`).
const SOME: usize = 2;

/// Name and text, in order, of those that have rules for the family.
fn profiles(family: Family) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let mut profiles: Vec<(String, String)> = std::fs::read_dir(folder)
        .expect("the shipped profiles")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("a profile");
            (path.display().to_string(), text)
        })
        .collect();
    profiles.sort();
    let has_rules = |text: &str| {
        let plan = planned(&[text]);
        plan.rules().any(|rule| rule.families.contains(&family))
    };
    profiles.retain(|(_, text)| has_rules(text));
    assert!(profiles.len() > 2, "the shipped profiles were found");
    profiles
}

fn play(
    back_end: BackEnd,
    family: Family,
    base: &Base,
    profiles: &[(String, String)],
    enough: usize,
) -> Result<(), Failed> {
    let host = Host::new(back_end, family, base);
    let mut last = None;
    for (number, (name, profile)) in profiles.iter().enumerate() {
        if number >= enough && last.is_some() {
            break;
        }
        for mode in Mode::BOTH {
            let at = |e: Failed| {
                let why = e.message().unwrap_or_default().to_owned();
                Failed::from(format!("{name}, {mode:?}: {why}"))
            };
            if there_and_back(&host, mode, profile).map_err(at)? {
                last = Some((mode, profile.clone()));
            }
        }
    }
    match last {
        Some((mode, profile)) => reloads(&host, mode, &profile),
        None if WITHOUT_PLACE.contains(&base.name.as_str()) => Ok(()),
        None => Err("no profile found its place".into()),
    }
}

/// Whether there was a step to be taken.
fn there_and_back(host: &Host, mode: Mode, profile: &str) -> Result<bool, Failed> {
    let family = host.iptables.family;
    let plan = planned(&[profile]);
    let (text, listing, ruleset) = (host.text(), host.listing(), host.ruleset());
    let save = host.save();
    let step = match step_of(mode, &save, &plan, family) {
        Ok(Some(step)) => step,
        Ok(None) => return Ok(false),
        // No worse than the text that is merged whole.
        Err(no_place) => {
            return match onto(&save, &plan, family, Onto::default()) {
                Err(_) => Ok(false),
                Ok(_) => Err(no_place.to_string().into()),
            };
        }
    };
    match host.try_step(&save, &step) {
        Ok(Tried::OnAll) if !text.contains("--match-set ") => {}
        Ok(Tried::WithEmptySets(_)) if text.contains("--match-set ") => {}
        other => return Err(format!("tried: {other:?}\n{}", step.text).into()),
    }
    if (host.text(), host.listing()) != (text.clone(), listing.clone()) {
        return Err("the trial changed the host".into());
    }
    host.take(&step)?;
    let after = host.text();
    if host.counted(&of_others(&after, &text)) != host.counted(&text) {
        return Err(format!("before:\n{text}\nafter:\n{after}").into());
    }
    if let Some(again) = host.step(mode, &plan) {
        return Err(format!("again:\n{}\nof\n{after}", again.text).into());
    }
    let with_ours = host.ruleset();
    let removal = step::removal(&host.save(), None, family).ok_or("nothing to remove")?;
    host.take(&removal)?;
    if host.counted(&of_others(&host.text(), &text)) != host.counted(&text)
        || host.text().contains("ftpnat")
    {
        return Err(format!("before:\n{text}\nremoved:\n{}", host.text()).into());
    }
    host.unmake(&ruleset, &with_ours);
    if host.listing() != listing {
        return Err(format!("before:\n{listing}\nremoved:\n{}", host.listing()).into());
    }
    Ok(true)
}

/// The text of `iptables-save` afterwards loads to the same.
fn reloads(host: &Host, mode: Mode, profile: &str) -> Result<(), Failed> {
    let Some(step) = host.step(mode, &planned(&[profile])) else {
        return Err("the step is gone".into());
    };
    host.take(&step)?;
    let text = host.text();
    restore(
        &host.namespace,
        &host.iptables.restore_program(),
        &["-c"],
        &text,
    );
    let reloaded = host.text();
    if text == reloaded {
        Ok(())
    } else {
        Err(format!("saved:\n{text}\nreloaded:\n{reloaded}").into())
    }
}
