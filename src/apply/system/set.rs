//! Sysctls that profiles need.

use crate::apply::record::{ChangedSysctl, Setting};
use crate::facts::ports;
use crate::facts::{Facts, sysctl};
use crate::model::net::{Family, PortRange};
use crate::plan::forwarding::{self, Switch};
use crate::plan::served_families;

use super::put_back::{self, RESERVED_PORTS};
use super::{SysctlStep, SystemChange, Wanted, recorded, silent, value};

/// Makes this host route what the profiles need.
pub(super) fn routes(
    change: &mut SystemChange,
    wanted: &Wanted,
    facts: &Facts,
    made: &[ChangedSysctl],
) {
    let mut seen: Vec<String> = Vec::new();
    for profile in wanted.profiles {
        for family in served_families(profile) {
            for Switch { key, is_on } in forwarding::switches(profile, family, &facts.snapshot) {
                if seen.contains(&key) {
                    continue;
                }
                match is_on {
                    Some(true) => continue,
                    Some(false) => switch_on(change, &key, facts, made),
                    None => change.obstacles.push(format!(
                        "whether this host routes {family} is not known: {key}: {}",
                        silent(facts, &key)
                    )),
                }
                seen.push(key);
            }
        }
    }
}

fn switch_on(change: &mut SystemChange, key: &str, facts: &Facts, made: &[ChangedSysctl]) {
    if key == forwarding::general(Family::Ipv6) {
        keep_listening_to_routers(change, facts, made);
    }
    let step = SysctlStep {
        key: key.to_owned(),
        from: "0".to_owned(),
        to: "1".to_owned(),
        why: "this host routes between clients and server".to_owned(),
        overwrites: put_back::overwritten(facts, key, "0"),
        then: Vec::new(),
    };
    change.set(step, made);
}

/// A host that forwards IPv6 takes no router advertisements by an interface unless its
/// `accept_ra` is 2 (ip-sysctl.rst), and loses at once the default routes that it has of
/// them. A host that lives on those goes on doing so: its `accept_ra` becomes 2, which is
/// 1 for a host that forwards. An `accept_ra` of 0 is a program's that listens itself
/// (systemd-networkd, `NetworkManager`), whose routes the kernel does not take away.
fn keep_listening_to_routers(change: &mut SystemChange, facts: &Facts, made: &[ChangedSysctl]) {
    let Some(routing) = &facts.routing else {
        change.warnings.push(
            "IPv6 forwarding makes a host deaf to router advertisements, and whether this one \
             has its routes by them is not known: set accept_ra=2 on such interfaces before"
                .to_owned(),
        );
        return;
    };
    for interface in routing.by_router_advertisements() {
        let key = sysctl::key_of_interface("ipv6", interface, "accept_ra");
        match value(facts, &key).as_deref() {
            Some("1") => {
                change.warnings.push(format!(
                    "this host has its IPv6 default route by router advertisements on \
                     {interface}, which it would lose when it forwards: accept_ra of \
                     {interface} becomes 2"
                ));
                let step = SysctlStep {
                    key,
                    from: "1".to_owned(),
                    to: "2".to_owned(),
                    why: format!(
                        "{interface} goes on listening to router advertisements although \
                         the host forwards"
                    ),
                    overwrites: Vec::new(),
                    then: Vec::new(),
                };
                change.set(step, made);
            }
            Some(_) => {}
            None => change.warnings.push(format!(
                "this host may lose its IPv6 default route on {interface} when it forwards: \
                 {key}: {}",
                silent(facts, &key)
            )),
        }
    }
}

/// Keeps the profiles' ranges out of the ports that outgoing connections take. The sysctl
/// is one list for all programs: what others put there stays.
pub(super) fn reserved_ports(
    change: &mut SystemChange,
    wanted: &Wanted,
    facts: &Facts,
    made: &[ChangedSysctl],
) {
    let plans = wanted.plan.profiles.iter().flat_map(|plan| &plan.sysctls);
    let needed: Vec<PortRange> = plans
        .filter(|s| s.key == RESERVED_PORTS)
        .filter_map(|s| sysctl::list(&s.value))
        .flatten()
        .collect();
    let before = recorded(made, RESERVED_PORTS);
    if needed.is_empty() && before.is_none() {
        return;
    }
    let Some(current) = &facts.reserved_ports else {
        change.warnings.push(format!(
            "outgoing connections of this host may take ports of the passive range: \
             {RESERVED_PORTS}: {}",
            silent(facts, RESERVED_PORTS)
        ));
        change.after.sysctls.extend(before.cloned());
        return;
    };
    // Ours are those that ftpnat added and that are still there; what an administrator has
    // set for the next boot is no longer ours to take out.
    let ours = before.map(|b| ports::common(&b.added, current));
    let ours = ports::without(&ours.unwrap_or_default(), &at_boot(facts));
    let outdated = ports::without(&ours, &needed);
    let missing = ports::without(&needed, current);
    let target = ports::union(&ports::without(current, &outdated), &needed);
    let from = value(facts, RESERVED_PORTS).unwrap_or_default();
    if target != ports::merged(current) {
        change.sysctls.push(SysctlStep {
            key: RESERVED_PORTS.to_owned(),
            from: from.clone(),
            to: ports::words(&target),
            why: reason(&missing, &outdated),
            overwrites: Vec::new(),
            then: Vec::new(),
        });
    }
    let added = ports::common(&ports::union(&ours, &missing), &needed);
    if !added.is_empty() {
        change.after.sysctls.push(ChangedSysctl {
            key: RESERVED_PORTS.to_owned(),
            from: before.map_or(from, |b| b.from.clone()),
            to: ports::words(&target),
            added,
            overwrote: Vec::new(),
        });
    }
}

fn at_boot(facts: &Facts) -> Vec<PortRange> {
    put_back::set_at_boot(facts, RESERVED_PORTS)
        .and_then(|set| sysctl::list(&set.value))
        .unwrap_or_default()
}

fn reason(missing: &[PortRange], outdated: &[PortRange]) -> String {
    let keeps = "keeps this host's outgoing connections off the passive ranges";
    match (ports::words(missing), ports::words(outdated)) {
        (added, none) if none.is_empty() => format!("{keeps}: {added} joined with what is there"),
        (none, taken) if none.is_empty() => {
            format!("no installed profile needs {taken}, which ftpnat added")
        }
        (added, taken) => format!("{keeps}: {added} in, {taken} out, the rest as it is"),
    }
}

impl SystemChange {
    /// Adds a step, and to the record what was there before ftpnat came first.
    fn set(&mut self, step: SysctlStep, made: &[ChangedSysctl]) {
        self.after.sysctls.retain(|changed| changed.key != step.key);
        let before = recorded(made, &step.key);
        let first = |ours: Option<&Vec<Setting>>| ours.unwrap_or(&step.overwrites).clone();
        self.after.sysctls.push(ChangedSysctl {
            key: step.key.clone(),
            from: before.map_or(&step.from, |b| &b.from).clone(),
            to: step.to.clone(),
            added: Vec::new(),
            overwrote: first(before.map(|b| &b.overwrote)),
        });
        self.sysctls.push(step);
    }
}
