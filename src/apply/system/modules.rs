//! Modules that nothing loads by itself.

use std::collections::BTreeSet;

use crate::apply::record::Record;
use crate::facts::helper::{Availability, CONNTRACK_FTP, NAT_FTP, PROBE, Stage};
use crate::facts::{Facts, modules as files};
use crate::plan;
use crate::profile::{Profile, parse};

use super::{ModuleStep, SystemChange, Wanted};

/// The modules that installed profiles need, such as those of other network namespaces
/// ([`Wanted::modules_elsewhere`]): modules are the whole kernel's. Of records of another boot
/// none, and none of profiles that this ftpnat does not understand.
#[must_use]
pub fn modules_needed(records: &[Record], boot: &str) -> Vec<String> {
    let profiles: Vec<Profile> = records
        .iter()
        .filter(|record| record.is_of_boot(boot))
        .flat_map(|record| &record.profiles)
        .filter_map(|installed| parse(&installed.name, installed.yaml.as_bytes()).ok())
        .collect();
    let plan = plan::plan(&profiles, &Facts::default());
    let names: BTreeSet<&str> = plan
        .profiles
        .iter()
        .flat_map(|p| p.modules.iter().copied())
        .collect();
    names.into_iter().map(str::to_owned).collect()
}

/// Loads what is wanted and not there; unloads what ftpnat loaded and nobody wants.
pub(super) fn all(change: &mut SystemChange, wanted: &Wanted, facts: &Facts, made: &[String]) {
    let plans = &wanted.plan.profiles;
    let mut needed: Vec<&str> = Vec::new();
    for name in plans.iter().flat_map(|plan| &plan.modules) {
        if !needed.contains(name) {
            needed.push(name);
        }
    }
    for name in &needed {
        load(change, name, facts);
    }
    let elsewhere = |name: &String| wanted.modules_elsewhere.contains(name);
    let (stay, go): (Vec<&String>, Vec<&String>) = made
        .iter()
        .partition(|name| needed.contains(&name.as_str()) || elsewhere(name));
    change.after.modules = stay.into_iter().cloned().collect();
    // What was loaded last uses what was loaded before.
    for name in go.into_iter().rev() {
        change.modules.push(ModuleStep::Unload {
            name: name.clone(),
            why: "ftpnat loaded it, and no installed profile needs it".to_owned(),
        });
    }
}

fn load(change: &mut SystemChange, name: &str, facts: &Facts) {
    let Some(known) = availability(facts, name) else {
        change.modules.push(step(name, false));
        return;
    };
    let seen = format!("{} has {:?}", known.source, known.text);
    match known.stage {
        Stage::Works | Stage::Loaded | Stage::BuiltIn => {}
        Stage::Loadable => change.modules.push(step(name, true)),
        Stage::Blacklisted => {
            change.warnings.push(format!(
                "{name} is blacklisted ({seen}): that keeps the kernel from loading it by \
                 itself, so it is loaded by its name"
            ));
            change.modules.push(step(name, true));
        }
        Stage::Replaced => change.obstacles.push(format!(
            "{name} cannot be loaded: modprobe runs a command in its place ({seen})"
        )),
        Stage::Sealed => change.obstacles.push(format!(
            "{name} cannot be loaded before the next boot: {} is {}",
            known.source, known.text
        )),
        // No file knows it, and a probe does not load it: modprobe(8) may.
        Stage::Absent if known.source == PROBE && !is_loaded(facts, name) => {
            change.modules.push(step(name, true));
        }
        Stage::Absent => change.obstacles.push(format!(
            "this kernel has no {name} that works ({}: {})",
            known.source, known.text
        )),
    }
}

fn step(name: &str, is_missing: bool) -> ModuleStep {
    let why = if name == NAT_FTP.name() {
        "translates what the helper reads; nothing loads it by itself"
    } else {
        "the helper that reads control connections in plain FTP"
    };
    ModuleStep::Load {
        name: name.to_owned(),
        is_missing,
        why: why.to_owned(),
    }
}

fn availability<'a>(facts: &'a Facts, name: &str) -> Option<&'a Availability> {
    if name == CONNTRACK_FTP.name() {
        facts.conntrack_ftp.as_ref()
    } else {
        facts.nat_ftp.as_ref()
    }
}

fn is_loaded(facts: &Facts, name: &str) -> bool {
    let text = facts.snapshot.text("/proc/modules");
    let loaded: Option<BTreeSet<String>> = text.and_then(files::loaded);
    loaded.is_some_and(|names| names.contains(name))
}
