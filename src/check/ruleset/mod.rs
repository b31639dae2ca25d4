//! Checks whose answer is in the live ruleset. Those that are not made of it yet `plan`
//! speaks from its predictions.

mod early;
mod helper;

use crate::model::check as id;
use crate::plan::{From, ProfilePlan};
use crate::profile::{Nat, Profile};
use crate::ruleset::eval::Place;
use crate::ruleset::live::print;
use crate::ruleset::live::table::Policy;

use super::definition::{Judge, Subject, Verdict, check};
use super::profile::{evidence, in_profile};
use super::{Evidence, Finding, Remedy, Severity};

pub(super) use helper::{
    HELPER_ASSIGNED_AFTER_DNAT, HELPER_ASSIGNED_TOO_EARLY, HELPER_NOT_ASSIGNED, PIECES,
};

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
    /// Rules that ftpnat installed are not there as they were.
    ///
    /// ## What happens
    /// It worked once, and works no more: another program loaded its ruleset anew and took ours
    /// out with it, somebody changed a rule of ours, or a new rule drops what comes before ours
    /// is reached.
    ///
    /// ## How it is judged
    /// By `ftpnat status`: what is installed is planned anew for this host as it is, and compared
    /// with what the kernel holds, rule by rule. `missing`: it is gone. `changed`: it is another,
    /// or a rule that is not ours stands in our table. `moved`: it stands elsewhere, and still
    /// does its work. `shadowed`: it is there, and a drop comes before it; packets are sent
    /// through the ruleset to know that.
    ///
    /// ## Cure
    /// `ftpnat apply` with the same profile puts ours back in place. Where it says that a drop
    /// leaves no place, that rule must go, or change. A manager of the firewall (firewalld, ufw)
    /// that loads its rules anew needs the ports opened by its own means.
    INSTALLED_RULES_DRIFTED, Warning, moot by &[], Judge::Status
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
        Remedy::Config {
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
        remedy: vec![Remedy::Config {
            file: None,
            text: "passive mode (EPSV or PASV) in clients on this host".to_owned(),
        }],
    })
}

/// A rule or a policy, as evidence.
pub(in crate::check) fn place(subject: &Subject, at: Place) -> Evidence {
    let Some((table, chain)) = subject.firewall.prepared.chain(at) else {
        return Evidence {
            source: "live ruleset".to_owned(),
            text: "a rule".to_owned(),
        };
    };
    let source = print::place(table, chain);
    let text = match (subject.firewall.prepared.rule(at), &chain.base) {
        (Some(rule), _) => print::rule(rule, &chain.name, table),
        (None, Some(base)) => match base.policy {
            Policy::Accept => "policy accept".to_owned(),
            Policy::Drop => "policy drop".to_owned(),
        },
        (None, None) => "its end".to_owned(),
    };
    Evidence { source, text }
}

/// Where a part of the firewall could not be read.
pub(in crate::check) fn unread(subject: &Subject) -> Option<Verdict> {
    let unread = subject.firewall.ruleset.unread.first()?;
    let why = format!("cannot read {}: {}", unread.what, unread.why);
    Some(Verdict::Unknown(why))
}
