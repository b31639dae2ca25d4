//! What the profile offers, and what that costs.

use crate::check::definition::{Judge, check};
use crate::check::{Finding, Remedy, Severity};
use crate::model::check as id;
use crate::model::ftp::{Software, Tls};
use crate::model::net::PortRange;
use crate::plan::{ProfilePlan, helper_ports, served_families};
use crate::profile::{Nat, Profile};

use super::{evidence, in_profile};

check! {
    /// The passive range has fewer ports than the peak of transfers needs.
    ///
    /// ## What happens
    /// At busy times some transfers hang or fail while others work. ProFTPD then takes a port
    /// outside the range, which the firewall drops. vsftpd tries nine random ports and ends the
    /// session with `500 OOPS: vsf_sysutil_bind`. Pure-FTPd answers 425.
    ///
    /// ## How it is judged
    /// Only where `transfers` is set. ProFTPD holds a port while a connection is awaited, so it
    /// needs one a transfer; the others hold theirs longer, or find a free one by luck, and need
    /// two.
    ///
    /// ## Cure
    /// A larger `passive.ports`, in the profile, the server and the firewall alike.
    PASSIVE_RANGE_TOO_SMALL, Warning, moot by &[], Judge::Profile(range_too_small)
}

check! {
    /// The helper is assigned on a port that speaks TLS only.
    ///
    /// ## What happens
    /// Nothing: the helper reads the control connection, and there is nothing to read under TLS
    /// (RFC 4217). Data connections are NEW and need the accept of the passive range.
    ///
    /// ## Cure
    /// `helper: auto` assigns it only where plain clients need it.
    HELPER_USELESS_UNDER_TLS, Note, moot by &[], Judge::Profile(helper_useless)
}

check! {
    /// Active mode under TLS fails for every client behind a NAT.
    ///
    /// ## What happens
    /// The client names its own private address in PORT or EPRT. TLS hides that line, so no
    /// helper can translate it, and the server refuses the address or cannot reach it.
    ///
    /// ## How it is judged
    /// An error where this host is the gateway of the clients, a note where it serves them: no
    /// server and no gateway in front of one can cure it.
    ///
    /// ## Cure
    /// Passive mode in the client.
    ACTIVE_WITH_TLS_BEHIND_NAT, Error, moot by &[], Judge::Profile(active_with_tls)
}

check! {
    /// Passwords cross the network as they are typed.
    ///
    /// ## What happens
    /// A control port has `tls: none`: whoever sees the packets reads user, password and files.
    ///
    /// ## Cure
    /// TLS in the server, and `tls: required` (or `optional`, while old clients remain) in the
    /// profile. The passive range then needs its accept: no helper can read the replies.
    PASSWORDS_IN_PLAIN, Warning, moot by &[], Judge::Profile(passwords_in_plain)
}

fn active_with_tls(profile: &Profile, _: &ProfilePlan) -> Option<Finding> {
    let under_tls = profile.active && profile.control.iter().any(|c| c.tls.offers_tls());
    let severity = match profile.nat {
        Nat::None => return None,
        Nat::Masquerade { .. } => Severity::Error,
        Nat::Upstream { .. } | Nat::Dnat { .. } => Severity::Note,
    };
    under_tls.then(|| Finding {
        id: id::ACTIVE_WITH_TLS_BEHIND_NAT,
        severity,
        summary: "active mode under TLS fails for every client behind a NAT; no server and no \
                  gateway can cure that"
            .to_owned(),
        evidence: vec![evidence(profile, "active: true, with TLS")],
        remedy: vec![Remedy::Config {
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
        id: id::PASSIVE_RANGE_TOO_SMALL,
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

fn passwords_in_plain(profile: &Profile, _: &ProfilePlan) -> Option<Finding> {
    let port = profile.control.iter().find(|c| c.tls == Tls::None)?.port;
    Some(Finding {
        id: id::PASSWORDS_IN_PLAIN,
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
        id: id::HELPER_USELESS_UNDER_TLS,
        severity: Severity::Note,
        summary: format!(
            "the helper cannot read port {}, which speaks TLS only",
            control.port
        ),
        evidence: vec![evidence(profile, "helper: always")],
        remedy: vec![in_profile(profile, "helper: auto")],
    })
}
