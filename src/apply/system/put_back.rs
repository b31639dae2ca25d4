//! Sysctls that ftpnat set and that no installed profile needs any more.

use crate::apply::record::{ChangedSysctl, Setting};
use crate::facts::host;
use crate::facts::{Facts, sysctl};
use crate::model::net::Family;
use crate::plan::forwarding;
use crate::plan::served_families;

use super::{SysctlStep, SystemChange, Wanted, silent, value};

/// The list that is joined and parted, not set.
pub(super) const RESERVED_PORTS: &str = "net.ipv4.ip_local_reserved_ports";
/// Follows `ip_forward` at each change of it, the other way round (`inet_forward_change`).
const ACCEPT_REDIRECTS: &str = "net.ipv4.conf.all.accept_redirects";

const ALL_FORWARDING: &str = "net.ipv4.conf.all.forwarding";

/// Puts back each value that is still the one that ftpnat set, the last one first.
pub(super) fn all(
    change: &mut SystemChange,
    wanted: &Wanted,
    facts: &Facts,
    made: &[ChangedSysctl],
) {
    let needed: Vec<String> = wanted
        .profiles
        .iter()
        .flat_map(|p| served_families(p).into_iter().map(move |f| (p, f)))
        .flat_map(|(profile, family)| forwarding::asked(profile, family))
        .collect();
    let mut kept = Vec::new();
    for changed in made.iter().rev().filter(|c| c.key != RESERVED_PORTS) {
        if needed.contains(&changed.key) {
            kept.push(changed.clone());
        } else if is_accept_ra(&changed.key) && goes_on_forwarding(&needed, facts, change) {
            if !needed
                .iter()
                .any(|key| key == forwarding::general(Family::Ipv6))
            {
                change.warnings.push(format!(
                    "{} is left at {}: this host goes on forwarding IPv6, and would lose its \
                     default route",
                    changed.key, changed.to
                ));
            }
            kept.push(changed.clone());
        } else {
            one(change, changed, facts);
        }
    }
    kept.reverse();
    change.after.sysctls = kept;
}

fn is_accept_ra(key: &str) -> bool {
    key.ends_with("/accept_ra")
}

/// Whether the host forwards IPv6 after the change, for whomever.
fn goes_on_forwarding(needed: &[String], facts: &Facts, change: &SystemChange) -> bool {
    let general = forwarding::general(Family::Ipv6);
    let goes_off = |step: &SysctlStep| step.key == general && step.to == "0";
    let is_on = value(facts, general).as_deref() != Some("0");
    needed.iter().any(|key| key == general) || is_on && !change.sysctls.iter().any(goes_off)
}

fn one(change: &mut SystemChange, changed: &ChangedSysctl, facts: &Facts) {
    let ChangedSysctl { key, from, to, .. } = changed;
    let Some(current) = value(facts, key) else {
        // An interface that is gone took its sysctls with it.
        if !key.contains('/') {
            let why = silent(facts, key);
            change
                .warnings
                .push(format!("{key} is not put back to {from}: {why}"));
        }
        return;
    };
    if current == *from {
        return;
    }
    if current != *to {
        change.warnings.push(format!(
            "{key} is left as it is: it is {current}, which is not what ftpnat set ({to})"
        ));
        return;
    }
    if let Some(set) = set_at_boot(facts, key).filter(|set| set.value == current) {
        change.warnings.push(format!(
            "{key} is left at {current}: {} sets it ({}); it was {from} before",
            set.place, set.text
        ));
        return;
    }
    change.sysctls.push(SysctlStep {
        key: key.clone(),
        from: current,
        to: from.clone(),
        why: "as it was before ftpnat set it".to_owned(),
        overwrites: overwritten(facts, key, to),
        then: still_as_overwritten(changed, facts),
    });
}

/// What the files of this host set at boot; in another network namespace than the host's
/// they say nothing.
pub(super) fn set_at_boot(facts: &Facts, key: &str) -> Option<sysctl::Set> {
    if host::is_other_network(&facts.snapshot) {
        return None;
    }
    let at_boot = |key: &str| sysctl::at_boot(&facts.snapshot, &key.replace('/', "."));
    // The same value by another name (`devinet.c`).
    let other = (key == forwarding::general(Family::Ipv4)).then_some(ALL_FORWARDING);
    at_boot(key).or_else(|| other.and_then(at_boot))
}

/// What the kernel overwrites with a write of `key`, as it is now; only what would not be
/// so if `back` were written afterwards. The general switches of forwarding set that of every
/// interface (`inet_forward_change`, `addrconf_fixup_forwarding`).
pub(super) fn overwritten(facts: &Facts, key: &str, back: &str) -> Vec<Setting> {
    let version = match key {
        _ if key == forwarding::general(Family::Ipv4) => "ipv4",
        _ if key == forwarding::general(Family::Ipv6) => "ipv6",
        _ => return Vec::new(),
    };
    let folder = format!("/proc/sys/net/{version}/conf/");
    let mut settings: Vec<Setting> = facts
        .snapshot
        .below(&folder)
        .filter_map(|(path, text)| {
            let interface = path[folder.len()..].strip_suffix("/forwarding")?;
            let value = text.trim();
            (interface != "all" && value != back).then(|| Setting {
                key: sysctl::key_of_interface(version, interface, "forwarding"),
                value: value.to_owned(),
            })
        })
        .collect();
    if version == "ipv4" {
        let redirects = value(facts, ACCEPT_REDIRECTS);
        settings.extend(
            redirects
                .filter(|value| *value != follows(ACCEPT_REDIRECTS, back))
                .map(|value| Setting {
                    key: ACCEPT_REDIRECTS.to_owned(),
                    value,
                }),
        );
    }
    settings
}

/// What the kernel sets a sysctl to with the general switch of forwarding.
pub(super) fn follows(key: &str, switch: &str) -> String {
    let is_inverted = key == ACCEPT_REDIRECTS;
    match (is_inverted, switch) {
        (true, "0") => "1".to_owned(),
        (true, _) => "0".to_owned(),
        (false, switch) => switch.to_owned(),
    }
}

/// What was overwritten and nobody has set since.
fn still_as_overwritten(changed: &ChangedSysctl, facts: &Facts) -> Vec<Setting> {
    let untouched = |s: &&Setting| value(facts, &s.key) == Some(follows(&s.key, &changed.to));
    changed
        .overwrote
        .iter()
        .filter(untouched)
        .cloned()
        .collect()
}
