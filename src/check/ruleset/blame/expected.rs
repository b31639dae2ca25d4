//! Which data connections a helper expects, and which must be let in as NEW.

use crate::model::net::Family;
use crate::plan::announce::{Announced, announced};
use crate::plan::flows::{Connections, Purpose};
use crate::plan::reach::{Reached, reached};
use crate::plan::{Outcome as Predicted, needs_of_helper, predict};
use crate::profile::{Nat, Profile};
use crate::ruleset::eval::{Address, Prepared, Translation, Translations};

use super::super::early::FTP;
use super::is_translated;

/// The same data connections as a helper expects them, where a rule assigns it to the
/// control connection of clients without TLS, or must: they are RELATED then, and no longer
/// NEW.
pub(super) fn expected(
    profile: &Profile,
    prepared: &Prepared,
    traffic: &[Reached],
) -> Vec<Reached> {
    if !profile.control.iter().any(|c| c.tls.offers_plain()) {
        return Vec::new();
    }
    traffic
        .iter()
        .map(|r| &r.connections)
        .filter(|c| c.purpose != Purpose::Control)
        .filter(|c| helped(c, traffic).contains(&true) || lacks_helper(profile, c))
        // Where the clients are behind this host, active data is expected to begin with.
        .filter(|c| c.opening.master_helper.is_none())
        .map(|c| {
            let mut expected = c.expected();
            expected.opening.settled = followed(profile, c);
            reached(profile, expected, prepared)
        })
        .collect()
}

/// Whether clients need data connections let in as NEW: those with TLS always do, others
/// where no helper expects them. It does not follow a reply that announces another address
/// than the server's own (`nf_conntrack_ftp.c`, `help`).
pub(super) fn must_be_new(profile: &Profile, data: &Connections, traffic: &[Reached]) -> bool {
    if data.purpose == Purpose::ActiveData && data.opening.master_helper.is_none() {
        let is_hidden = opens_itself(profile, data, |_, tls| tls);
        return is_hidden || !helped(data, traffic).contains(&true);
    }
    let names_itself = match profile.nat {
        Nat::None => announced(profile) == Announced::External,
        Nat::Upstream { .. } | Nat::Dnat { .. } => announced(profile) == Announced::Inside,
        // Servers of others, that nothing on this side translates: what they announce is
        // where they are called.
        Nat::Masquerade { .. } => true,
    };
    data.purpose != Purpose::PassiveData
        || profile.control.iter().any(|c| c.tls.offers_tls())
        || !names_itself
        || helped(data, traffic).contains(&false) && !lacks_helper(profile, data)
}

/// Whether data connections wait for nothing but the helper: no client has TLS, and some
/// need it. That it is not assigned FN203 says.
fn lacks_helper(profile: &Profile, data: &Connections) -> bool {
    let family = data.opening.flow.family();
    data.purpose == Purpose::PassiveData
        && !profile.control.iter().any(|c| c.tls.offers_tls())
        && needs_of_helper(profile).iter().any(|c| c.family == family)
}

/// Of each part of the same clients' control connections, whether a rule assigns the helper.
fn helped(data: &Connections, traffic: &[Reached]) -> Vec<bool> {
    let called = |c: &Connections| c.opening.flow.destination.0;
    let is_same = |c: &Connections| match data.purpose {
        Purpose::ActiveData => c.opening.flow.family() == data.opening.flow.family(),
        Purpose::Control | Purpose::PassiveData => called(c) == called(data),
    };
    let is_control =
        |c: &Connections| c.purpose == Purpose::Control && c.from == data.from && is_same(c);
    let controls = traffic.iter().filter(|r| is_control(&r.connections));
    let parts = controls.flat_map(|r| &r.parts);
    parts
        .map(|(part, _)| {
            let helper = part.opening.helper.known().and_then(Option::as_ref);
            helper.is_some_and(|assigned| assigned.helper == FTP)
        })
        .collect()
}

/// Whether a client that works needs the server's connection let through as NEW: under TLS
/// no helper expects it, and in plain none does where the plan does not assign it.
pub(super) fn must_open_itself(profile: &Profile, active: &Connections) -> bool {
    let helped = crate::plan::helper_ports(profile, active.opening.flow.family());
    opens_itself(profile, active, |port, tls| tls || !helped.contains(&port))
}

/// Whether active mode works for a client of such a control port, with TLS or without.
pub(super) fn opens_itself(
    profile: &Profile,
    active: &Connections,
    is_such: impl Fn(u16, bool) -> bool,
) -> bool {
    let family = active.opening.flow.family();
    predict::predictions(profile).iter().any(|c| {
        c.client.is_active()
            && c.family == family
            && c.outcome == Predicted::Works
            && is_such(c.control_port, c.tls)
    })
}

/// What `nf_nat_follow_master` makes of a data connection that the helper expects: it goes
/// where its control connection went.
fn followed(profile: &Profile, data: &Connections) -> Option<Translations> {
    let family = data.opening.flow.family();
    if !is_translated(profile, family) {
        return None;
    }
    let server = profile.server_address(family)?;
    if data.purpose == Purpose::ActiveData {
        let Nat::Dnat { external, .. } = &profile.nat else {
            return None;
        };
        let mut named = external.iter().filter_map(|e| e.address);
        let called = named.find(|a| Family::of(*a) == family);
        return Some(Translations {
            source: Translation {
                address: called.map_or(Address::Unknown, |a| Address::Within(a, a)),
                ..Translation::default()
            },
            ..Translations::default()
        });
    }
    Some(Translations {
        destination: Translation {
            address: Address::Within(server, server),
            ..Translation::default()
        },
        ..Translations::default()
    })
}
