//! Checks whose answer is in the live ruleset. It is not read yet: `plan` speaks
//! two of them from its predictions, the others stand under "not checked".

use crate::model::check as id;
use crate::plan::{From, ProfilePlan};
use crate::profile::{Nat, Profile};

use super::definition::{Judge, check};
use super::profile::{evidence, in_profile};
use super::{Finding, Remedy, RemedyKind, Severity};

check! {
    /// A transfer needs the helper, and no rule assigns it.
    ///
    /// ## What happens
    /// Plain FTP through a NAT hangs or is refused although `lsmod` shows `nf_conntrack_ftp`.
    ///
    /// ## Why
    /// No kernel since Linux 6.0 assigns the helper by itself, and none since 4.7 did by default:
    /// a loaded helper does nothing until a rule assigns it to the control connection. An
    /// established control connection never gets one.
    ///
    /// ## Look
    /// `nft list ruleset | grep "ct helper set"`; `iptables -t raw -S | grep CT`.
    ///
    /// ## Cure
    /// The rule named `helper` that `ftpnat plan` prints; then log in anew.
    HELPER_NOT_ASSIGNED, Error, moot by &[id::CONNTRACK_HELPER_MISSING], Judge::Ruleset
}

check! {
    /// The helper is assigned before conntrack knows the connection.
    ///
    /// ## What happens
    /// The rule loads, its counter counts, and no expectation ever appears
    /// (`conntrack -L expect`).
    ///
    /// ## Why
    /// `ct helper set` works on a connection, which exists only behind priority -200. At -200, in
    /// `raw` (-300) or before, nft takes the rule and the kernel ignores it (nft(8), `nft_ct.c`).
    ///
    /// ## Cure
    /// A prerouting chain of priority -150, and one in output where this host is a client.
    HELPER_ASSIGNED_TOO_EARLY, Error, moot by &[id::CONNTRACK_HELPER_MISSING], Judge::Ruleset
}

check! {
    /// The helper is assigned after DNAT, on a kernel that then loses count.
    ///
    /// ## What happens
    /// `227 …`, then `421 Service not available, remote server has closed connection`; the kernel
    /// logs `Missing nfct_seqadj_ext_add() setup call`.
    ///
    /// ## Why
    /// Where a rewritten reply changes its length, sequence numbers must be adjusted. The
    /// extension for that is only added where the helper is there before the translation. Fixed
    /// in Linux 6.18, 6.12.64, 6.1.167.
    ///
    /// ## Cure
    /// Assign the helper at priority -150, before DNAT at -100.
    HELPER_ASSIGNED_AFTER_DNAT, Warning, moot by &[id::CONNTRACK_HELPER_MISSING], Judge::Ruleset
}

check! {
    /// Inside clients use the external address, and nothing turns them back.
    ///
    /// ## What happens
    /// The server works from outside. From its own network, by the name that everyone uses,
    /// clients hang or are refused.
    ///
    /// ## Why
    /// The gateway translates what comes in from outside. An inside client's packet must be
    /// translated as well, and its source too: else the server answers it directly, from an
    /// address that the client did not call.
    ///
    /// ## Cure
    /// `nat.hairpin: true` and the rules that `ftpnat plan` then prints; or a name that resolves
    /// to the inside address inside (split DNS) and EPSV.
    HAIRPIN_MISSING, Warning, moot by &[], Judge::Prediction(hairpin_missing)
}

check! {
    /// The server's data connection to the client is not let through.
    ///
    /// ## What happens
    /// In active mode the server opens the data connection, to a high port of the client. Where
    /// no rule accepts that and no helper expects it, it is dropped.
    ///
    /// ## Cure
    /// Passive mode in the client. Rules that open every high port of a host to servers are not
    /// worth it.
    ACTIVE_DATA_BLOCKED, Error, moot by &[], Judge::Prediction(gateway_active)
}

check! {
    /// The server refuses a data connection from another address than the control connection's.
    ///
    /// ## What happens
    /// `425 Security: Bad IP connecting` (vsftpd), or the data connection is closed at once
    /// (Pure-FTPd, FileZilla Server).
    ///
    /// ## Why
    /// One of the two connections is translated on its way and the other is not, or to another
    /// address: hairpin for one of them only, a proxy, two ways out.
    ///
    /// ## Cure
    /// Let both take the same way: EPSV for inside clients, hairpin for both connections. The
    /// server's switch for it (`pasv_promiscuous`) lets others take over data connections.
    DATA_SOURCE_REJECTED, Error, moot by &[], Judge::Cause
}

/// Inside clients that call the external address, or are sent there by PASV.
fn hairpin_missing(profile: &Profile, plan: &ProfilePlan) -> Option<Finding> {
    let cell = plan
        .predictions
        .iter()
        .find(|c| c.because == Some(id::HAIRPIN_MISSING))?;
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
        id: id::HAIRPIN_MISSING,
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
        .any(|c| c.from == From::Gateway && c.because == Some(id::ACTIVE_DATA_BLOCKED));
    fails.then(|| Finding {
        id: id::ACTIVE_DATA_BLOCKED,
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
