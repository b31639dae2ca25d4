//! When the conntrack helper is assigned, and on which control ports.

use crate::facts::{Facts, sysctl};
use crate::model::net::Family;
use crate::profile::{HelperPolicy, Nat, Profile};

use super::families::translated;

/// The server's control ports on which the `ftp` helper is assigned for
/// `family`; empty where it is not.
///
/// `auto` assigns only where a served plain client needs it: a gateway of
/// clients (their PORT names an inside address), and DNAT where the 227 reply
/// names the inside address or the client names its own in PORT. Never on a port
/// that speaks TLS only: the helper cannot read it (RFC 4217).
#[must_use]
pub fn helper_ports(profile: &Profile, family: Family) -> Vec<u16> {
    let ports = |plain_only: bool| {
        profile
            .control
            .iter()
            .filter(|c| !plain_only || c.tls.offers_plain())
            .map(|c| c.port)
            .collect()
    };
    match (profile.helper, &profile.nat) {
        (HelperPolicy::Never, _) | (HelperPolicy::Auto, Nat::None | Nat::Upstream { .. }) => {
            Vec::new()
        }
        // Routed: nothing is translated, and nobody asks this host for more than to pass.
        (HelperPolicy::Always, Nat::Dnat { .. }) if !translated(profile, family) => Vec::new(),
        (HelperPolicy::Always, _) => ports(false),
        (HelperPolicy::Auto, Nat::Masquerade { .. }) => ports(true),
        (HelperPolicy::Auto, Nat::Dnat { .. }) => {
            let pasv_needs_it = family == Family::Ipv4 && profile.passive.advertise.is_none();
            if translated(profile, family) && (pasv_needs_it || profile.active) {
                ports(true)
            } else {
                Vec::new()
            }
        }
    }
}

/// Whether the kernel assigns the helper by itself: before Linux 6.0 a sysctl made it do so
/// by the server's own port, also behind DNAT (`nf_conntrack_alter_reply`), `ports=` of the module aside.
#[must_use]
pub fn is_automatic(facts: &Facts, port: Option<u16>) -> bool {
    let path = "/proc/sys/net/netfilter/nf_conntrack_helper";
    port == Some(21) && sysctl::number(&facts.snapshot, path) == Some(1)
}
