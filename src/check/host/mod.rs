//! Checks of this host: helpers, sysctls, listeners, addresses.

mod conntrack;
mod forwarding;
mod helpers;
mod installed;
mod ports;
mod return_path;
mod selinux;

use crate::facts::sysctl;
use crate::profile::{Nat, Profile};

use super::definition::Subject;
use super::{Evidence, Remedy};

pub(super) use conntrack::CONNTRACK_TABLE_NEARLY_FULL;
pub(super) use forwarding::IP_FORWARDING_OFF;
pub(super) use helpers::{
    CONNTRACK_HELPER_MISSING, HELPER_CONFLICTS_WITH_ADVERTISE, MODULES_NOT_PERSISTENT,
    NAT_HELPER_MISSING,
};
pub(super) use installed::PROFILES_OVERLAP;
pub(super) use ports::{
    CONTROL_PORT_NOT_LISTENING, FOREIGN_LISTENER_IN_PASSIVE_RANGE, PASSIVE_RANGE_IN_EPHEMERAL_RANGE,
};
pub(super) use return_path::{ASYMMETRIC_RETURN_PATH, STRICT_RP_FILTER};
pub(super) use selinux::SELINUX_DENIES_PASSIVE_RANGE;

/// Whether the server runs on this host.
fn server_is_here(profile: &Profile) -> bool {
    matches!(profile.nat, Nat::None | Nat::Upstream { .. })
}

fn seen(source: impl Into<String>, text: impl Into<String>) -> Evidence {
    Evidence {
        source: source.into(),
        text: text.into(),
    }
}

fn command(text: impl Into<String>) -> Remedy {
    Remedy::Command(text.into())
}

fn lines(file: &str, text: impl Into<String>) -> Remedy {
    Remedy::Config {
        file: Some(file.to_owned()),
        text: text.into(),
    }
}

/// Sets a sysctl now and at each boot: in the file that has the last word about it,
/// or one of its own.
fn set_sysctl(subject: &Subject, key: &str, value: &str) -> Vec<Remedy> {
    let snapshot = &subject.facts.snapshot;
    let file = sysctl::at_boot(snapshot, key)
        .map(|set| set.place)
        .filter(|place| place.starts_with("/etc/"))
        .unwrap_or_else(|| "/etc/sysctl.d/90-ftpnat.conf".to_owned());
    vec![
        command(format!("sysctl -w {key}={}", quoted(value))),
        lines(&file, format!("{key} = {value}")),
    ]
}

/// A comma is harmless to a shell, a blank is not.
fn quoted(value: &str) -> String {
    if value.contains(char::is_whitespace) {
        format!("\"{value}\"")
    } else {
        value.to_owned()
    }
}

/// The passive range as the profile has it.
fn in_profile_range(profile: &Profile) -> Evidence {
    super::profile::evidence(
        profile,
        &format!("passive.ports: {}", profile.passive.ports),
    )
}
