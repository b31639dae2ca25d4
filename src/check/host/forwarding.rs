//! Whether a gateway routes.

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Evidence, Finding, Severity};
use crate::facts::sysctl;
use crate::model::check::IP_FORWARDING_OFF as ID;
use crate::model::net::{Family, InterfaceName};
use crate::plan::served_families;
use crate::profile::{Nat, Profile};

use super::{seen, server_is_here, set_sysctl};

check! {
    /// This host must route between clients and server, and does not.
    ///
    /// ## What happens
    /// Connections from outside time out: the packet is translated, and then dropped, because it
    /// is not for this host. The gateway's own clients get through.
    ///
    /// ## How it is judged
    /// `net.ipv4.ip_forward` and the `forwarding` of the interfaces that the profile names; for
    /// IPv6 `net.ipv6.conf.all.forwarding`. Firewall programs and container runtimes set these
    /// behind one's back, in both directions.
    ///
    /// ## Cure
    /// The sysctl, now and in a file below /etc/sysctl.d. With IPv6, forwarding makes the host
    /// deaf to router advertisements: set `accept_ra=2` where its own address comes by them.
    IP_FORWARDING_OFF, Error, moot by &[], Judge::Host {
        applies: |subject| !server_is_here(subject.profile),
        needs: &[],
        find: forwarding_off,
    }
}

/// A sysctl that is off, or why it is not known.
enum Off {
    No,
    Yes(String, Evidence),
    Unknown(String),
}

fn forwarding_off(subject: &Subject) -> Verdict {
    let mut evidence = Vec::new();
    let mut remedy = Vec::new();
    let mut silent = None;
    let mut off_for = Vec::new();
    for family in served_families(subject.profile) {
        for (key, path) in asked(subject.profile, family) {
            match is_off(subject, key, &path) {
                Off::No => {}
                Off::Unknown(why) => silent = silent.or(Some(why)),
                Off::Yes(key, seen) => {
                    evidence.push(seen);
                    remedy.extend(set_sysctl(subject, &key, "1"));
                    off_for.push(family);
                }
            }
        }
    }
    off_for.dedup();
    if let (true, Some(why)) = (evidence.is_empty(), silent) {
        return Verdict::Unknown(why);
    }
    for family in &off_for {
        let at_boot = sysctl::at_boot(&subject.facts.snapshot, general(*family));
        evidence.extend(
            at_boot
                .filter(|s| s.value == "0")
                .map(|s| seen(s.place, s.text)),
        );
    }
    let families: Vec<String> = off_for.iter().map(ToString::to_string).collect();
    Verdict::from((!evidence.is_empty()).then(|| Finding {
        id: ID,
        severity: Severity::Error,
        summary: format!(
            "this host does not route {}: what clients send ends here",
            families.join(" and ")
        ),
        evidence,
        remedy,
    }))
}

fn general(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "net.ipv4.ip_forward",
        Family::Ipv6 => "net.ipv6.conf.all.forwarding",
    }
}

/// What must be 1: keys (with `None` the general one) and their files. IPv4 asks the
/// interface that a packet comes in by (`ip_route_input_slow`), which follows the
/// general one unless set by itself; IPv6 asks `all` (`ip6_forward`).
fn asked(profile: &Profile, family: Family) -> Vec<(Option<&InterfaceName>, String)> {
    let mut asked = vec![(None, sysctl::path(general(family)))];
    if family == Family::Ipv4 {
        asked.extend(interfaces(profile).into_iter().map(|interface| {
            let path = sysctl::of_interface("ipv4", interface.as_str(), "forwarding");
            (Some(interface), path)
        }));
    }
    asked
}

fn is_off(subject: &Subject, interface: Option<&InterfaceName>, path: &str) -> Off {
    let snapshot = &subject.facts.snapshot;
    match (sysctl::number(snapshot, path), interface) {
        (Some(0), None) if every_way_forwards(subject, path) => Off::No,
        (Some(0), None) => Off::Yes(
            path["/proc/sys/".len()..].replace('/', "."),
            seen(path, "0"),
        ),
        // The general one is off as well, and has been said.
        (Some(0), Some(_))
            if sysctl::number(snapshot, "/proc/sys/net/ipv4/ip_forward") == Some(0) =>
        {
            Off::No
        }
        (Some(0), Some(interface)) => {
            // sysctl(8) reads dots in a name as slashes where the key has slashes.
            Off::Yes(
                format!("net/ipv4/conf/{interface}/forwarding"),
                seen(path, "0"),
            )
        }
        // An interface that is not there now forwards nothing.
        (Some(_), _) | (None, Some(_)) => Off::No,
        (None, None) => Off::Unknown(snapshot.why_silent(path)),
    }
}

/// IPv4 forwards what comes in by an interface whose own value says so, whatever the
/// general one says: both ways must be named, or every interface must.
fn every_way_forwards(subject: &Subject, path: &str) -> bool {
    if path != sysctl::path(general(Family::Ipv4)) {
        return false;
    }
    let snapshot = &subject.facts.snapshot;
    let named = interfaces(subject.profile);
    let (outside, inside) = sides(subject.profile);
    let on = |path: &str| sysctl::number(snapshot, path) == Some(1);
    if outside && inside {
        let of = |name: &InterfaceName| sysctl::of_interface("ipv4", name.as_str(), "forwarding");
        return named.iter().all(|name| on(&of(name)));
    }
    let folder = "/proc/sys/net/ipv4/conf/";
    let every: Vec<&str> = snapshot
        .below(folder)
        .map(|(path, _)| path)
        .filter(|path| path.ends_with("/forwarding"))
        .filter(|path| {
            !["all/", "default/", "lo/"]
                .iter()
                .any(|n| path[folder.len()..].starts_with(n))
        })
        .collect();
    !every.is_empty() && every.iter().all(|path| on(path))
}

/// Whether the profile names the interface outside, and the one inside.
fn sides(profile: &Profile) -> (bool, bool) {
    match &profile.nat {
        Nat::None | Nat::Upstream { .. } => (false, false),
        Nat::Dnat {
            external, internal, ..
        } => (
            external.iter().any(|e| !e.interfaces.is_empty()),
            internal.as_ref().is_some_and(|i| !i.interfaces.is_empty()),
        ),
        Nat::Masquerade { .. } => (true, true),
    }
}

/// The interfaces by which clients and server are reached, as far as they are named.
fn interfaces(profile: &Profile) -> Vec<&InterfaceName> {
    let (external, internal) = match &profile.nat {
        Nat::None | Nat::Upstream { .. } => return Vec::new(),
        Nat::Dnat {
            external, internal, ..
        } => (external, internal.as_ref()),
        Nat::Masquerade { external, internal } => (external, Some(internal)),
    };
    external
        .iter()
        .flat_map(|e| &e.interfaces)
        .chain(internal.into_iter().flat_map(|i| &i.interfaces))
        .collect()
}
