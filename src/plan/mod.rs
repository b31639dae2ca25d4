//! From profiles and facts to a [`Plan`]: deterministic, without a back end,
//! without the host.

pub mod announce;
pub mod assumed;
mod dnat;
mod families;
pub mod flows;
pub mod forwarding;
mod helper;
mod masquerade;
pub mod missing;
mod needs;
mod parts;
pub mod placed;
pub mod predict;
pub mod reach;
mod server_side;

use crate::facts::Facts;
use crate::model::filter::Rule;
use crate::model::net::InterfaceName;
use crate::profile::{Nat, Profile};

pub use families::{served_families, translated};
pub use helper::{helper_ports, is_automatic};
pub use masquerade::inside as clients_inside;
pub use needs::{ServerSetting, Sysctl, UpstreamRequirement, announce, passive_ports};
pub use predict::{Cell, From, Outcome, needs_of_helper};

/// What profiles need of this host and of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// One part a profile, in the order of their names.
    pub profiles: Vec<ProfilePlan>,
    /// Whether NAT chains may stand in the `inet` table (Linux 5.2 and later).
    pub inet_nat: bool,
    /// Whether rules of several profiles may share sets and maps (Linux 5.6 and later:
    /// the first whose concatenations hold ranges).
    pub maps: bool,
}

/// What one profile needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfilePlan {
    /// The profile's name.
    pub name: String,
    /// The interface by which clients come, where the profile names one.
    pub outside: Option<InterfaceName>,
    /// Whether its clients are everyone, in each family that it serves.
    pub serves_everyone: bool,
    /// Packet-filter rules, in the order of their chains.
    pub rules: Vec<Rule>,
    /// Kernel modules to load, by name, where they are not built in.
    pub modules: Vec<&'static str>,
    /// Sysctls to set.
    pub sysctls: Vec<Sysctl>,
    /// Settings of the FTP server.
    pub server: Vec<ServerSetting>,
    /// What must be opened or forwarded on another box.
    pub upstream: Vec<UpstreamRequirement>,
    /// What each kind of client will see.
    pub predictions: Vec<Cell>,
}

impl ProfilePlan {
    /// That of a profile that needs nothing, as of one that goes.
    #[must_use]
    pub fn of_nothing(name: String) -> Self {
        Self {
            name,
            outside: None,
            serves_everyone: false,
            rules: Vec::new(),
            modules: Vec::new(),
            sysctls: Vec::new(),
            server: Vec::new(),
            upstream: Vec::new(),
            predictions: Vec::new(),
        }
    }
}

impl Plan {
    /// All rules, profile by profile.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.profiles.iter().flat_map(|p| &p.rules)
    }
}

/// Plans `profiles` for the host that `facts` describe. The profiles must not
/// conflict (see [`crate::profile::conflicts`]); their order does not matter.
#[must_use]
pub fn plan(profiles: &[Profile], facts: &Facts) -> Plan {
    let mut parts: Vec<ProfilePlan> = profiles.iter().map(plan_profile).collect();
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    Plan {
        profiles: parts,
        inet_nat: facts.inet_nat(),
        maps: facts.ranged_concatenations(),
    }
}

fn plan_profile(profile: &Profile) -> ProfilePlan {
    ProfilePlan {
        name: profile.name.clone(),
        outside: outside(profile),
        serves_everyone: served_families(profile)
            .into_iter()
            .all(|f| !parts::is_restricted(&profile.clients_of(f))),
        rules: rules(profile),
        modules: needs::modules(profile),
        sysctls: needs::sysctls(profile),
        server: needs::server_settings(profile),
        upstream: needs::upstream(profile),
        predictions: predict::predictions(profile),
    }
}

fn outside(profile: &Profile) -> Option<InterfaceName> {
    match &profile.nat {
        Nat::None | Nat::Masquerade { .. } => None,
        Nat::Upstream { external, .. } | Nat::Dnat { external, .. } => {
            external.iter().find_map(|e| e.interfaces.first().cloned())
        }
    }
}

/// The rules of a profile, family by family, then those that both families
/// share merged into one.
fn rules(profile: &Profile) -> Vec<Rule> {
    let mut merged: Vec<Rule> = Vec::new();
    for family in served_families(profile) {
        let scope = parts::Scope { profile, family };
        let of_family = match &profile.nat {
            Nat::None | Nat::Upstream { .. } => server_side::rules(scope),
            Nat::Dnat {
                external,
                internal,
                hairpin,
            } => dnat::rules(scope, external, internal.as_ref(), *hairpin),
            Nat::Masquerade { external, internal } => masquerade::rules(scope, external, internal),
        };
        for rule in of_family {
            match merged
                .iter_mut()
                .find(|m| parts::differ_in_family_only(m, &rule))
            {
                Some(twin) => twin.families.push(family),
                None => merged.push(rule),
            }
        }
    }
    merged.sort_by_key(|rule| rule.chain);
    merged
}
