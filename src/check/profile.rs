//! Checks that need no more than the profile and its plan.

use std::net::IpAddr;

use crate::model::check::{
    ACTIVE_DATA_BLOCKED, ACTIVE_WITH_TLS_BEHIND_NAT, ADVERTISE_DIFFERS_FROM_EXTERNAL,
    ADVERTISE_MISSING, ADVERTISE_NOT_PUBLIC, CheckId, HAIRPIN_MISSING, HELPER_USELESS_UNDER_TLS,
    PASSIVE_RANGE_TOO_SMALL, PASSWORDS_IN_PLAIN,
};
use crate::model::ftp::{Software, Tls};
use crate::model::net::PortRange;
use crate::plan::{From, Outcome, ProfilePlan, helper_ports, served_families};
use crate::profile::{Advertise, Nat, Profile};

use super::{Evidence, Finding, Remedy, RemedyKind, Severity};

/// What is wrong with a profile, or worth knowing, worst first.
#[must_use]
pub fn profile_findings(profile: &Profile, plan: &ProfilePlan) -> Vec<Finding> {
    let checks = [
        advertise_missing,
        advertise_not_public,
        advertise_differs,
        active_with_tls,
        range_too_small,
        hairpin_missing,
        gateway_active,
        passwords_in_plain,
        helper_useless,
    ];
    let mut findings: Vec<Finding> = checks.iter().filter_map(|c| c(profile, plan)).collect();
    findings.sort_by_key(|f| f.severity);
    findings
}

fn advertise_missing(profile: &Profile, plan: &ProfilePlan) -> Option<Finding> {
    fails_outside(plan, ADVERTISE_MISSING).then(|| Finding {
        id: ADVERTISE_MISSING,
        severity: Severity::Error,
        summary: "the server is behind NAT and announces its inside address: clients that use \
                  PASV fail"
            .to_owned(),
        evidence: vec![evidence(profile, "passive: no advertise")],
        remedy: vec![advertise_remedy(profile)],
    })
}

fn advertise_not_public(profile: &Profile, plan: &ProfilePlan) -> Option<Finding> {
    fails_outside(plan, ADVERTISE_NOT_PUBLIC).then(|| Finding {
        id: ADVERTISE_NOT_PUBLIC,
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
    fails_outside(plan, ADVERTISE_DIFFERS_FROM_EXTERNAL).then(|| Finding {
        id: ADVERTISE_DIFFERS_FROM_EXTERNAL,
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

fn active_with_tls(profile: &Profile, _: &ProfilePlan) -> Option<Finding> {
    let under_tls = profile.active && profile.control.iter().any(|c| c.tls.offers_tls());
    let severity = match profile.nat {
        Nat::None => return None,
        Nat::Masquerade { .. } => Severity::Error,
        Nat::Upstream { .. } | Nat::Dnat { .. } => Severity::Note,
    };
    under_tls.then(|| Finding {
        id: ACTIVE_WITH_TLS_BEHIND_NAT,
        severity,
        summary: "active mode under TLS fails for every client behind a NAT; no server and no \
                  gateway can cure that"
            .to_owned(),
        evidence: vec![evidence(profile, "active: true, with TLS")],
        remedy: vec![Remedy {
            kind: RemedyKind::Config,
            file: None,
            text: "in the client: passive mode (EPSV or PASV)".to_owned(),
        }],
    })
}

/// How many ports a peak of transfers takes: `ProFTPD` (`inet.c`) holds a port
/// only while a connection is awaited; vsftpd tries nine random ports, Pure-FTPd
/// keeps one a session and caps sessions at half the range.
fn range_too_small(profile: &Profile, _: &ProfilePlan) -> Option<Finding> {
    let transfers = profile.transfers?;
    let factor = match profile.server.software {
        Software::Proftpd => 1,
        Software::Vsftpd | Software::PureFtpd | Software::Filezilla | Software::Other => 2,
    };
    let needed = transfers.saturating_mul(factor);
    let range = profile.passive.ports;
    (range.count() < needed).then(|| Finding {
        id: PASSIVE_RANGE_TOO_SMALL,
        severity: Severity::Warning,
        summary: format!(
            "{} ports for {transfers} simultaneous transfers; {} needs {needed}",
            range.count(),
            profile.server.software
        ),
        evidence: vec![evidence(
            profile,
            &format!("passive.ports: {range}, transfers: {transfers}"),
        )],
        remedy: vec![in_profile(
            profile,
            &format!("passive:\n  ports: {}", grown(range, needed)),
        )],
    })
}

/// A range of that many ports, from the same first port where they fit.
fn grown(range: PortRange, count: u32) -> String {
    let first = u32::from(range.first())
        .min(65536_u32.saturating_sub(count))
        .max(1024);
    let last = first.saturating_add(count).saturating_sub(1).min(65535);
    format!("{first}-{last}")
}

/// Inside clients that call the external address, or are sent there by PASV.
fn hairpin_missing(profile: &Profile, plan: &ProfilePlan) -> Option<Finding> {
    let cell = plan
        .predictions
        .iter()
        .find(|c| c.because == Some(HAIRPIN_MISSING))?;
    let is_gateway = matches!(profile.nat, Nat::Dnat { .. });
    let remedy = if is_gateway {
        in_profile(profile, "nat:\n  hairpin: true")
    } else {
        Remedy {
            kind: RemedyKind::Config,
            file: None,
            text: "EPSV in the inside clients, or a router that turns them back (NAT loopback)"
                .to_owned(),
        }
    };
    let who = match cell.from {
        From::InsideExternal => "inside clients that use the external address fail",
        _ => "inside clients that use PASV are sent to the external address and fail",
    };
    Some(Finding {
        id: HAIRPIN_MISSING,
        severity: Severity::Warning,
        summary: who.to_owned(),
        evidence: vec![evidence(profile, "nat: no hairpin on this host")],
        remedy: vec![remedy],
    })
}

/// Only the gateway's own clients: rules never open its high ports to a server.
fn gateway_active(_: &Profile, plan: &ProfilePlan) -> Option<Finding> {
    let fails = plan
        .predictions
        .iter()
        .any(|c| c.from == From::Gateway && c.because == Some(ACTIVE_DATA_BLOCKED));
    fails.then(|| Finding {
        id: ACTIVE_DATA_BLOCKED,
        severity: Severity::Note,
        summary: "clients on this gateway cannot use active mode where no helper reads it: its \
                  high ports stay closed"
            .to_owned(),
        evidence: Vec::new(),
        remedy: vec![Remedy {
            kind: RemedyKind::Config,
            file: None,
            text: "passive mode (EPSV or PASV) in clients on this host".to_owned(),
        }],
    })
}

fn passwords_in_plain(profile: &Profile, _: &ProfilePlan) -> Option<Finding> {
    let port = profile.control.iter().find(|c| c.tls == Tls::None)?.port;
    Some(Finding {
        id: PASSWORDS_IN_PLAIN,
        severity: Severity::Warning,
        summary: format!("port {port} has no TLS: passwords cross the network in plain text"),
        evidence: vec![evidence(
            profile,
            &format!("control: port {port}, tls: none"),
        )],
        remedy: vec![in_profile(
            profile,
            &format!("control:\n  - {{ port: {port}, tls: required }}"),
        )],
    })
}

fn helper_useless(profile: &Profile, _: &ProfilePlan) -> Option<Finding> {
    let helped: Vec<u16> = served_families(profile)
        .into_iter()
        .flat_map(|f| helper_ports(profile, f))
        .collect();
    let control = profile
        .control
        .iter()
        .find(|c| helped.contains(&c.port) && !c.tls.offers_plain())?;
    Some(Finding {
        id: HELPER_USELESS_UNDER_TLS,
        severity: Severity::Note,
        summary: format!(
            "the helper cannot read port {}, which speaks TLS only",
            control.port
        ),
        evidence: vec![evidence(profile, "helper: always")],
        remedy: vec![in_profile(profile, "helper: auto")],
    })
}

fn fails_outside(plan: &ProfilePlan, id: CheckId) -> bool {
    plan.predictions
        .iter()
        .any(|c| c.from == From::Outside && c.outcome == Outcome::Fails && c.because == Some(id))
}

/// Lines for the profile's own file.
fn in_profile(profile: &Profile, text: &str) -> Remedy {
    Remedy {
        kind: RemedyKind::Config,
        file: Some(profile.file.clone()),
        text: text.to_owned(),
    }
}

fn evidence(profile: &Profile, text: &str) -> Evidence {
    Evidence {
        source: profile.file.clone(),
        text: text.to_owned(),
    }
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
