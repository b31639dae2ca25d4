//! Whether this host routes as a profile needs it: which sysctls ask, and which are off.

use crate::facts::snapshot::Snapshot;
use crate::facts::sysctl;
use crate::model::net::{Family, InterfaceName};
use crate::profile::{Nat, Profile};

/// A sysctl that decides whether this host routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Its name, as [`sysctl::path`] takes it.
    pub key: String,
    /// How it stands; `None` where it cannot be read.
    pub is_on: Option<bool>,
}

/// The sysctl for all interfaces.
#[must_use]
pub fn general(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "net.ipv4.ip_forward",
        Family::Ipv6 => "net.ipv6.conf.all.forwarding",
    }
}

/// The names of all that a profile on a gateway asks: IPv4 asks the interface that a packet
/// comes in by (`ip_route_input_slow`), which follows the general one unless set by itself;
/// IPv6 asks `all` (`ip6_forward`). The general one first.
#[must_use]
pub fn asked(profile: &Profile, family: Family) -> Vec<String> {
    if matches!(profile.nat, Nat::None | Nat::Upstream { .. }) {
        return Vec::new();
    }
    let mut keys = vec![general(family).to_owned()];
    if family == Family::Ipv4 {
        keys.extend(interfaces(profile).into_iter().map(of));
    }
    keys
}

/// How those stand. One of an interface counts as on where it is not there, since an
/// interface that is not there now forwards nothing, and where the general one is off,
/// which says it all; the general one where every way has its own on.
#[must_use]
pub fn switches(profile: &Profile, family: Family, snapshot: &Snapshot) -> Vec<Switch> {
    let value = |key: &str| sysctl::number(snapshot, &sysctl::path(key));
    let general_is_off = value(general(family)) == Some(0);
    asked(profile, family)
        .into_iter()
        .map(|key| {
            let is_general = key == general(family);
            let is_on = match value(&key) {
                Some(0) if is_general => Some(every_way_forwards(profile, family, snapshot)),
                Some(0) => Some(general_is_off),
                Some(_) => Some(true),
                None => (!is_general).then_some(true),
            };
            Switch { key, is_on }
        })
        .collect()
}

fn of(interface: &InterfaceName) -> String {
    sysctl::key_of_interface("ipv4", interface.as_str(), "forwarding")
}

/// IPv4 forwards what comes in by an interface whose own value says so, whatever the
/// general one says: both ways must be named, or every interface must.
fn every_way_forwards(profile: &Profile, family: Family, snapshot: &Snapshot) -> bool {
    if family == Family::Ipv6 {
        return false;
    }
    let (outside, inside) = sides(profile);
    let on = |path: &str| sysctl::number(snapshot, path) == Some(1);
    if outside && inside {
        let named = interfaces(profile);
        return named.into_iter().all(|name| on(&sysctl::path(&of(name))));
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
