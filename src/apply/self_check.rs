//! Calls the server over the rules, from this host itself: what answered before a change
//! answers after it, and so does what the change leads there.

use std::net::SocketAddr;

use crate::facts::Facts;
use crate::model::net::Family;
use crate::plan::flows::{Purpose, connections};
use crate::plan::predict::From;
use crate::profile::{Nat, Profile};
use crate::sys::connect;

/// Addresses that are called, of one profile.
const MOST: usize = 8;

/// A server that is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The profile that it is of.
    pub profile: String,
    /// Whom to.
    pub to: SocketAddr,
}

/// A server that does not answer any more.
#[derive(Debug, thiserror::Error)]
#[error("{profile}: no answer from {to}, which this host called to see whether its server can \
         still be reached{}", if *.is_new { "" } else { "; it answered before" })]
pub struct NoAnswer {
    /// The profile that it is of.
    pub profile: String,
    /// Whom to.
    pub to: SocketAddr,
    /// Whether it is an address that leads to the server since the change.
    pub is_new: bool,
    /// What came of it.
    #[source]
    pub source: std::io::Error,
}

/// Who answered before a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    answered: Vec<Call>,
    /// What leads to those by the change.
    new: Vec<Call>,
}

impl Calls {
    /// Calls the profiles' servers. Where nobody listens nothing is learnt.
    #[must_use]
    pub fn before(profiles: &[Profile], facts: &Facts) -> Self {
        let mut calls = Self::default();
        for profile in profiles {
            let to = addresses(profile, facts).into_iter().take(MOST);
            let call = |to| Call {
                profile: profile.name.clone(),
                to,
            };
            let answered: Vec<SocketAddr> = to.filter(|to| connect::call(*to).is_ok()).collect();
            calls
                .new
                .extend(led(profile, facts, &answered).into_iter().map(call));
            calls.answered.extend(answered.into_iter().map(call));
        }
        calls
    }

    /// Calls again.
    ///
    /// # Errors
    /// [`NoAnswer`] for the first that does not answer.
    pub fn after(&self) -> Result<(), NoAnswer> {
        let old = self.answered.iter().map(|call| (call, false));
        let new = self.new.iter().map(|call| (call, true));
        for (call, is_new) in old.chain(new) {
            connect::call(call.to).map_err(|source| NoAnswer {
                profile: call.profile.clone(),
                to: call.to,
                is_new,
                source,
            })?;
        }
        Ok(())
    }
}

/// The server's own addresses, with each control port.
fn addresses(profile: &Profile, facts: &Facts) -> Vec<SocketAddr> {
    let mut all: Vec<SocketAddr> = match &profile.nat {
        Nat::None | Nat::Upstream { .. } => connections(profile, facts)
            .iter()
            .filter(|c| c.purpose == Purpose::Control)
            .map(|c| c.opening.flow.destination.into())
            .collect(),
        Nat::Dnat { .. } => [Family::Ipv4, Family::Ipv6]
            .into_iter()
            .filter_map(|family| profile.server_address(family))
            .flat_map(|address| {
                let ports = profile.control.iter().map(|c| c.port);
                ports.map(move |port| SocketAddr::new(address, port))
            })
            .collect(),
        Nat::Masquerade { .. } => Vec::new(),
    };
    all.sort_unstable();
    all.dedup();
    all
}

/// The outside addresses that lead this host to servers that answered.
fn led(profile: &Profile, facts: &Facts, answered: &[SocketAddr]) -> Vec<SocketAddr> {
    if !matches!(profile.nat, Nat::Dnat { .. }) {
        return Vec::new();
    }
    let leads = |to: &SocketAddr, control: Option<u16>| {
        let same = |a: &&SocketAddr| Family::of(a.ip()) == Family::of(to.ip());
        answered
            .iter()
            .filter(same)
            .any(|a| Some(a.port()) == control)
    };
    let mut all = Vec::new();
    for c in connections(profile, facts) {
        let to: SocketAddr = c.opening.flow.destination.into();
        let is_own = c.purpose == Purpose::Control && c.from == From::Gateway;
        if is_own && leads(&to, c.control_port) && !answered.contains(&to) && !all.contains(&to) {
            all.push(to);
        }
    }
    all.truncate(MOST);
    all
}
