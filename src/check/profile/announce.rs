//! The address that PASV replies announce.

use std::net::IpAddr;

use crate::check::definition::{Judge, check};
use crate::check::{Finding, Remedy, Severity};
use crate::model::check::{self as id, CheckId};
use crate::plan::{From, Outcome, ProfilePlan};
use crate::profile::{Advertise, Nat, Profile};

use super::{evidence, in_profile};

check! {
    /// The server stands behind a translation and announces its inside address.
    ///
    /// ## What happens
    /// A client logs in, asks PASV, and is told `227 Entering Passive Mode` with an address
    /// such as 10.77.0.21. It connects there and gets nowhere. Some clients (curl, FileZilla)
    /// notice and use the control connection's address instead, so that it "works here".
    ///
    /// ## Why
    /// In plain FTP a helper on the translator could rewrite the reply. TLS hides the reply, so
    /// the server itself must name the address that clients reach. EPSV names no address and
    /// does not fail by this.
    ///
    /// ## Cure
    /// Set `passive.advertise` in the profile, and the address that `ftpnat plan` prints in the
    /// server: `MasqueradeAddress` (ProFTPD), `pasv_address` (vsftpd), `ForcePassiveIP`
    /// (Pure-FTPd).
    ADVERTISE_MISSING, Error, moot by &[], Judge::Profile(advertise_missing)
}

check! {
    /// The announced address cannot be reached from outside the private network.
    ///
    /// ## What happens
    /// PASV replies name a private address (RFC 1918, RFC 6598, loopback, link-local) that the
    /// administrator wrote down. Outside clients that obey it time out or reach a machine of
    /// their own network.
    ///
    /// ## Cure
    /// Announce the address that clients use from outside. Where inside clients must get another
    /// one, give them EPSV, or a virtual host of their own. Documentation addresses count as
    /// public.
    ADVERTISE_NOT_PUBLIC, Error, moot by &[], Judge::Profile(advertise_not_public)
}

check! {
    /// The announced address is not one that leads to this server.
    ///
    /// ## What happens
    /// PASV replies name a public address, but another one than those in `nat.external` (or, with
    /// `nat.mode: none`, the server's own). Data connections go to a stranger.
    ///
    /// ## Why
    /// Often the provider changed the address, or the profile of another site was copied.
    ///
    /// ## Cure
    /// Make `passive.advertise`, the server's setting and `nat.external.address` the same.
    ADVERTISE_DIFFERS_FROM_EXTERNAL, Error, moot by &[], Judge::Profile(advertise_differs)
}

fn advertise_missing(profile: &Profile, plan: &ProfilePlan) -> Option<Finding> {
    fails_outside(plan, id::ADVERTISE_MISSING).then(|| Finding {
        id: id::ADVERTISE_MISSING,
        severity: Severity::Error,
        summary: "the server is behind NAT and announces its inside address: clients that use \
                  PASV fail"
            .to_owned(),
        evidence: vec![evidence(profile, "passive: no advertise")],
        remedy: vec![advertise_remedy(profile)],
    })
}

fn advertise_not_public(profile: &Profile, plan: &ProfilePlan) -> Option<Finding> {
    fails_outside(plan, id::ADVERTISE_NOT_PUBLIC).then(|| Finding {
        id: id::ADVERTISE_NOT_PUBLIC,
        severity: Severity::Error,
        summary: format!(
            "{} is a private address: outside clients that use PASV fail",
            advertised(profile)
        ),
        evidence: vec![evidence(
            profile,
            &format!("passive.advertise: {}", advertised(profile)),
        )],
        remedy: vec![advertise_remedy(profile)],
    })
}

fn advertise_differs(profile: &Profile, plan: &ProfilePlan) -> Option<Finding> {
    fails_outside(plan, id::ADVERTISE_DIFFERS_FROM_EXTERNAL).then(|| Finding {
        id: id::ADVERTISE_DIFFERS_FROM_EXTERNAL,
        severity: Severity::Error,
        summary: format!(
            "{} is not the address that clients reach the server by: PASV fails",
            advertised(profile)
        ),
        evidence: vec![evidence(
            profile,
            &format!("passive.advertise: {}", advertised(profile)),
        )],
        remedy: vec![advertise_remedy(profile)],
    })
}

fn fails_outside(plan: &ProfilePlan, id: CheckId) -> bool {
    plan.predictions
        .iter()
        .any(|c| c.from == From::Outside && c.outcome == Outcome::Fails && c.because == Some(id))
}

fn advertised(profile: &Profile) -> String {
    match &profile.passive.advertise {
        Some(Advertise::Address(address)) => address.to_string(),
        Some(Advertise::Name(name)) => name.clone(),
        None => "the server's own address".to_owned(),
    }
}

fn advertise_remedy(profile: &Profile) -> Remedy {
    let external = match &profile.nat {
        Nat::Upstream { external, .. } | Nat::Dnat { external, .. } => external
            .iter()
            .find_map(|e| e.address.filter(IpAddr::is_ipv4)),
        Nat::None => profile
            .server
            .addresses
            .iter()
            .copied()
            .find(IpAddr::is_ipv4),
        Nat::Masquerade { .. } => None,
    };
    let address = external.map_or("<the public address>".to_owned(), |a| a.to_string());
    in_profile(profile, &format!("passive:\n  advertise: {address}"))
}
