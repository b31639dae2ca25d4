//! Each planned rule taken out in turn: a cell changes. On a firewall that drops everything all
//! of them are needed.

use std::collections::BTreeMap;
use std::fs;

use ftpnat::facts::snapshot::Snapshot;
use ftpnat::lab::play::{Attempt, Came};
use ftpnat::lab::rehearsal::Stage;
use ftpnat::lab::rules::Firewall;
use ftpnat::profile::{Profile, parse};
use ftpnat::ruleset::change::{ChainAt, Operation};
use ftpnat::ruleset::live::table::Maker;
use ftpnat::sys::{nft, ruleset};
use libtest_mimic::{Failed, Trial};

use crate::support::profiles::{files, name_of};
use crate::{apply, rehearsed};

/// Rules that sessions here do not miss: those of ICMP are for narrow paths (`tests/width_lab`
/// has one).
fn is_for_narrow_paths(name: &str) -> bool {
    name.ends_with("icmp")
}

/// What the helper expects is let in without the other rules: where it helps, those are missed
/// once it does not.
const HELPERS: [&str; 3] = ["helper", "gateway-helper", "hairpin-helper"];

pub(crate) fn trials() -> Vec<Trial> {
    files("profiles")
        .into_iter()
        .map(|file| {
            let name = name_of(&file);
            Trial::test(format!("missed/{name}"), move || {
                let text = fs::read_to_string(&file).expect("a profile");
                let profile = parse(&file.display().to_string(), text.as_bytes());
                each_is_missed(&profile.expect("valid"), &text)
            })
        })
        .collect()
}

fn each_is_missed(profile: &Profile, text: &str) -> Result<(), Failed> {
    let (stage, report) = rehearsed(profile, text, Firewall::Closed, "nft")?;
    if !report.agrees() {
        return Err("it is not as predicted before anything is taken out".into());
    }
    let whole = stage.play(profile);
    let mut unmissed = Vec::new();
    let names: Vec<String> = rules(&stage).into_keys().collect();
    for name in &names {
        if is_for_narrow_paths(name) {
            continue;
        }
        take_out(&stage, &[name])?;
        let mut is_needed = is_missed(&stage, profile, &whole);
        apply(&stage, text, "nft")?;
        if !is_needed
            && HELPERS
                .iter()
                .any(|helper| names.iter().any(|n| n == helper))
        {
            take_out(&stage, &HELPERS)?;
            // What lets the server's active data out lets its answers out as well.
            if name.ends_with("-replies") {
                take_out(&stage, &["active-data"])?;
            }
            let unhelped = stage.play(profile);
            take_out(&stage, &[name])?;
            is_needed = is_missed(&stage, profile, &unhelped);
            apply(&stage, text, "nft")?;
        }
        if !is_needed {
            unmissed.push(name.as_str());
        }
    }
    if unmissed.is_empty() && names.len() > 3 {
        Ok(())
    } else {
        Err(format!("of {names:?} nobody misses {unmissed:?}").into())
    }
}

fn take_out(stage: &Stage, names: &[&str]) -> Result<(), String> {
    let mut rules = rules(stage);
    let operations: Vec<Operation> = names
        .iter()
        .filter_map(|name| rules.remove(*name))
        .flatten()
        .collect();
    let taken = stage
        .firewall()
        .inside(|| nft::commit(&operations, 0).map_err(std::io::Error::other));
    taken.map_err(|e| format!("{names:?}: {e}"))
}

/// Whether something is seen otherwise than with all rules; twice, since a busy machine may
/// look like a rule that is missing.
fn is_missed(stage: &Stage, profile: &Profile, whole: &[(Attempt, Came)]) -> bool {
    let differs = || {
        let played = stage.play(profile);
        let mut pairs = whole.iter().zip(&played);
        pairs.any(|((_, was), (_, is))| was.seen != is.seen)
    };
    differs() && differs()
}

/// The deletions of our rules by their names: in our own table and as guests.
fn rules(stage: &Stage) -> BTreeMap<String, Vec<Operation>> {
    let held = stage
        .firewall()
        .inside(|| Ok(ruleset::read(&Snapshot::default(), true)));
    let mut found: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
    for table in held.expect("read").tables {
        assert_eq!(table.maker, Maker::Nft);
        for chain in &table.chains {
            for rule in &chain.rules {
                let comment = rule.comment.as_deref().unwrap_or_default();
                let Some((_, name)) = comment
                    .strip_prefix("ftpnat:")
                    .and_then(|c| c.split_once(':'))
                else {
                    continue;
                };
                let deletion = Operation::DeleteRule {
                    at: ChainAt {
                        family: table.family,
                        table: table.name.clone(),
                        chain: chain.name.clone(),
                    },
                    handle: rule.handle,
                };
                found.entry(name.to_owned()).or_default().push(deletion);
            }
        }
    }
    found
}
