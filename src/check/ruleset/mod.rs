//! Checks whose answer is in the live ruleset.

mod blame;
mod blocked;
mod both_back_ends;
mod drifted;
mod early;
mod helper;
mod limit;
mod narrower;
mod opened;
mod packet_path;
mod path_mtu;
mod related_wide;
mod source_port;
mod states;
mod translated;
mod wide_range;

use crate::model::check as id;
use crate::plan::{From, ProfilePlan};
use crate::profile::{Nat, Profile};
use crate::ruleset::eval::Place;
use crate::ruleset::live::print;
use crate::ruleset::live::table::{Chain, Hook, Kind, Maker, Policy, Table};

use super::definition::{Subject, Verdict};
use super::profile::{evidence, in_profile};
use super::{Evidence, Finding, Remedy, Severity};

pub(super) use blame::{Blame, Fault, blame, found};
pub(super) use blocked::{
    ACCEPT_AFTER_DROP, ACCEPT_OVERRULED_BY_LATER_DROP, ACTIVE_DATA_BLOCKED, CONTROL_PORT_BLOCKED,
    FORWARD_BLOCKED, IPV6_DIFFERS_FROM_IPV4, PASSIVE_RANGE_BLOCKED,
};
pub(super) use both_back_ends::LEGACY_AND_NFT_BOTH_IN_FORCE;
pub(super) use drifted::INSTALLED_RULES_DRIFTED;
pub(super) use helper::{
    HELPER_ASSIGNED_AFTER_DNAT, HELPER_ASSIGNED_TOO_EARLY, HELPER_NOT_ASSIGNED, PIECES,
};
pub(super) use limit::CONNECTION_LIMIT_CUTS_DATA;
pub(super) use packet_path::PACKET_PATH_NOT_VISIBLE;
pub(super) use path_mtu::ICMP_NEEDED_FOR_PMTU_DROPPED;
pub(super) use related_wide::RELATED_ACCEPTED_TOO_WIDELY;
pub(super) use source_port::ACCEPT_MATCHES_SOURCE_PORT;
pub(super) use states::{ESTABLISHED_NOT_ACCEPTED, RELATED_NOT_ACCEPTED, TRAFFIC_UNTRACKED};
pub(super) use translated::{
    DNAT_MISSING, DNAT_SHIFTS_PORTS, DNAT_TAKEN_BY_ANOTHER_RULE, HAIRPIN_MISSING,
    INBOUND_SNAT_HIDES_CLIENTS, SNAT_MISSING_FOR_ACTIVE,
};
pub(super) use wide_range::RANGE_OPEN_WIDER_THAN_NEEDED;

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
    if let Some((posted, name)) = subject.firewall.text
        && let Some((line, text)) = posted.at(subject.firewall.ruleset, at)
    {
        return Evidence {
            source: format!("{name}:{line}"),
            text: text.to_owned(),
        };
    }
    let Some((table, chain)) = subject.firewall.prepared.chain(at) else {
        return Evidence {
            source: subject.firewall.name().to_owned(),
            text: "a rule".to_owned(),
        };
    };
    let source = print::place(table, chain) + &number(table, chain, at);
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

/// Where in its chain a rule stands, as its own tool tells: the handle of nft, the number of
/// iptables.
fn number(table: &Table, chain: &Chain, at: Place) -> String {
    let rule = at
        .rule
        .and_then(|number| Some((number, chain.rules.get(number)?)));
    match (rule, table.maker) {
        (None, _) => String::new(),
        (Some((_, rule)), Maker::Nft) => format!(", handle {}", rule.handle),
        (Some((number, _)), Maker::IptablesNft | Maker::IptablesLegacy) => {
            format!(", rule {}", number + 1)
        }
    }
}

/// That no chain which translates at this point of the way has a rule for connections.
fn nat_chains(subject: &Subject, faults: &[&Fault]) -> Vec<Evidence> {
    let of_gateway = faults.iter().all(|f| f.from == From::Gateway);
    let is_source = faults.iter().all(|f| f.id == id::SNAT_MISSING_FOR_ACTIVE);
    let (hook, name) = match (is_source, of_gateway) {
        (true, _) => (Hook::Postrouting, "postrouting"),
        (false, true) => (Hook::Output, "output"),
        (false, false) => (Hook::Prerouting, "prerouting"),
    };
    let mut found = Vec::new();
    let tables = subject.firewall.ruleset.tables.iter().enumerate();
    for (number, table) in tables.filter(|(_, t)| !t.dormant) {
        let is_there = |chain: &Chain| {
            let base = chain.base.as_ref();
            base.is_some_and(|base| base.kind == Kind::Nat && base.hook == hook)
        };
        for (at, chain) in table.chains.iter().enumerate() {
            if !is_there(chain) {
                continue;
            }
            let policy = Place {
                table: number,
                chain: at,
                rule: None,
            };
            found.push(match subject.firewall.text {
                None => Evidence {
                    source: print::place(table, chain),
                    text: "no rule of it translates them".to_owned(),
                },
                Some(_) => Evidence {
                    text: format!("no rule of chain {} translates them", chain.name),
                    ..place(subject, policy)
                },
            });
        }
    }
    if found.is_empty() {
        found.push(Evidence {
            source: subject.firewall.name().to_owned(),
            text: format!("no chain translates at the {name} hook"),
        });
    }
    found
}

/// Of a check that `plan` has nothing to say about.
fn nothing_foreseen(_: &Profile, _: &ProfilePlan) -> Option<Finding> {
    None
}

/// Where a part of the firewall could not be read.
pub(in crate::check) fn unread(subject: &Subject) -> Option<Verdict> {
    let unread = subject.firewall.ruleset.unread.first()?;
    let why = format!("cannot read {}: {}", unread.what, unread.why);
    Some(Verdict::Unknown(why))
}
