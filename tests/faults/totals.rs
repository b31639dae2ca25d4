//! How many faults there are, of which kinds.

#![allow(clippy::print_stderr, reason = "the totals are printed")]

use std::collections::BTreeMap;

use libtest_mimic::Failed;

use crate::fault::{Fault, Rules, Says, Scene};
use crate::rows;
use crate::support::BackEnd;

/// The fewest faults that prove anything.
const FEWEST: usize = 60;

pub(crate) fn printed() -> Result<(), Failed> {
    let faults: Vec<&Fault> = rows::all().collect();
    let count = faults
        .iter()
        .filter(|f| !matches!(f.says, Says::Nothing))
        .count();
    let mut by: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for fault in &faults {
        *by.entry(("mode", mode(fault.scene))).or_default() += 1;
        *by.entry(("rules of", back_ends(fault))).or_default() += 1;
        *by.entry(("says", says(fault))).or_default() += 1;
    }
    let mut names: Vec<&str> = faults.iter().map(|f| f.name).collect();
    names.sort_unstable();
    names.dedup();
    eprintln!("{count} faults, and {} that are none", faults.len() - count);
    for ((what, of), count) in by {
        eprintln!("  {what} {of}: {count}");
    }
    if names.len() == faults.len() && count >= FEWEST {
        return Ok(());
    }
    Err(format!("{count} faults with {} names", names.len()).into())
}

fn mode(scene: Scene) -> &'static str {
    match scene {
        Scene::Server => "none",
        Scene::Upstream => "upstream",
        Scene::Gateway => "dnat",
        Scene::Clients => "masquerade",
    }
}

fn back_ends(fault: &Fault) -> &'static str {
    let mut kinds: Vec<&str> = fault.firewall.iter().filter_map(kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    match kinds[..] {
        [] => "nobody",
        [one] => one,
        _ => "several",
    }
}

fn kind(rules: &Rules) -> Option<&'static str> {
    match rules {
        Rules::Nft(_) | Rules::Input(_) | Rules::Forward(_) => Some("nft"),
        Rules::Ip(BackEnd::Nft, _) | Rules::Ip6(BackEnd::Nft, _) => Some("iptables-nft"),
        Rules::Ip(BackEnd::Legacy, _) | Rules::Ip6(BackEnd::Legacy, _) => Some("iptables-legacy"),
        Rules::Ipset(_) => None,
    }
}

fn says(fault: &Fault) -> &'static str {
    match fault.says {
        Says::Error(id, _) | Says::Warning(id) | Says::Note(id) => id,
        Says::Nothing => "nothing",
    }
}
