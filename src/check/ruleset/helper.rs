//! Whether the live ruleset assigns the helper, and where.

use std::collections::HashMap;

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Evidence, Finding, Remedy, RemedyKind, Severity};
use crate::facts::{Facts, KernelVersion, sysctl};
use crate::model::check as id;
use crate::model::filter::Chain;
use crate::plan::flows::{Connections, Purpose, connections};
use crate::plan::helper_ports;
use crate::plan::{From, served_families};
use crate::profile::Profile;
use crate::ruleset::eval::{Assigned, Evaluation, Outcome, Place, Told};
use crate::ruleset::live::expression::{Expression, ObjectRef, Verdict as Says};
use crate::ruleset::live::table::{Base, Chain as LiveChain, Hook, ObjectKind, Table};

use super::place;

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
    /// ## How it is judged
    /// Where a client of the profile needs the helper, the first packet of its control connection
    /// is sent through the live ruleset, as the kernel would. Where a rule drops it before, or
    /// something decides that nobody can foresee, nothing is said.
    ///
    /// ## Look
    /// `nft list ruleset | grep "ct helper set"`; `iptables -t raw -S | grep CT`.
    ///
    /// ## Cure
    /// The rule named `helper` that `ftpnat plan` prints; then log in anew.
    HELPER_NOT_ASSIGNED, Error, moot by &[
        id::CONNTRACK_HELPER_MISSING,
        id::HELPER_ASSIGNED_TOO_EARLY,
    ], Judge::Host {
        applies: |subject| needs_helper(subject.profile),
        needs: &[],
        find: not_assigned,
    }
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
    HELPER_ASSIGNED_TOO_EARLY, Error, moot by &[id::CONNTRACK_HELPER_MISSING], Judge::Host {
        applies: |subject| needs_helper(subject.profile),
        needs: &[],
        find: too_early,
    }
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
    HELPER_ASSIGNED_AFTER_DNAT, Warning, moot by &[id::CONNTRACK_HELPER_MISSING], Judge::Host {
        applies: |subject| needs_helper(subject.profile),
        needs: &[],
        find: after_dnat,
    }
}

/// The kernel's name of it.
const FTP: &str = "ftp";
/// Parts of a flow that are told apart; rules that split it further are beyond a glance.
const PARTS: usize = 64;

fn needs_helper(profile: &Profile) -> bool {
    let families = served_families(profile);
    families
        .iter()
        .any(|f| !helper_ports(profile, *f).is_empty())
}

/// The control connections whose replies the helper must read.
fn helped(subject: &Subject) -> Vec<Connections> {
    let Subject { profile, facts, .. } = *subject;
    let own = subject
        .plan
        .rules
        .iter()
        .any(|r| r.chain == Chain::HELPER_OUTPUT);
    let is_helped = |c: &Connections| {
        let port = c.control_port.unwrap_or_default();
        let ports = helper_ports(profile, c.opening.flow.family());
        c.purpose == Purpose::Control && ports.contains(&port) && (c.from != From::Gateway || own)
    };
    let mut all = connections(profile, facts);
    all.retain(is_helped);
    all
}

/// Before Linux 6.0 a sysctl made the kernel assign it by the port, `ports=` of the module
/// aside.
fn is_automatic(facts: &Facts, port: u16) -> bool {
    let path = "/proc/sys/net/netfilter/nf_conntrack_helper";
    port == 21 && sysctl::number(&facts.snapshot, path) == Some(1)
}

/// What is said of one part of a control connection.
enum Said {
    Automatic,
    Assigned(Assigned, Evaluation),
    NotAssigned(Evaluation),
    Blocked(Place),
    Unclear(String),
}

fn said(subject: &Subject) -> Vec<(Connections, Said)> {
    let mut all = Vec::new();
    for connections in helped(subject) {
        if is_automatic(subject.facts, connections.opening.flow.destination.1) {
            all.push((connections, Said::Automatic));
            continue;
        }
        for part in connections.trace(&subject.firewall.prepared, PARTS) {
            all.push((connections.clone(), said_of(subject, part.opening)));
        }
    }
    all
}

fn said_of(subject: &Subject, evaluation: Evaluation) -> Said {
    match (&evaluation.helper, &evaluation.outcome) {
        (Told::Known(Some(assigned)), _) if assigned.helper == FTP => {
            Said::Assigned(assigned.clone(), evaluation)
        }
        (_, Outcome::Undecided(doubt)) | (Told::Undecided(doubt), Outcome::Accept) => {
            let at = doubt.at.map(|at| format!(": {}", place(subject, at).text));
            Said::Unclear(format!("{}{}", doubt.why, at.unwrap_or_default()))
        }
        (_, Outcome::Drop { by: Some(by) } | Outcome::Reject { by, .. }) => Said::Blocked(*by),
        (_, Outcome::Elsewhere { by, .. }) => Said::Unclear(format!(
            "it leaves the packet filter: {}",
            place(subject, *by).text
        )),
        (_, Outcome::Drop { by: None } | Outcome::Accept) => Said::NotAssigned(evaluation),
    }
}

fn not_assigned(subject: &Subject) -> Verdict {
    let all = said(subject);
    let missing = all.iter().find_map(|(connections, said)| match said {
        Said::NotAssigned(evaluation) => Some((connections, evaluation)),
        _ => None,
    });
    if let Some((connections, evaluation)) = missing {
        if let Some(unread) = subject.firewall.ruleset.unread.first() {
            return Verdict::Unknown(format!("cannot read {}: {}", unread.what, unread.why));
        }
        return Verdict::Found(Finding {
            id: id::HELPER_NOT_ASSIGNED,
            severity: match connections.from {
                // One client of many.
                From::Gateway => Severity::Warning,
                From::Outside | From::InsideExternal | From::InsideDirect => Severity::Error,
            },
            summary: format!(
                "{} get no helper: plain FTP through this host needs it",
                words(connections)
            ),
            evidence: met(subject, evaluation),
            remedy: planned(subject),
        });
    }
    if all
        .iter()
        .any(|(_, said)| matches!(said, Said::Assigned(..) | Said::Automatic))
    {
        return Verdict::Fine;
    }
    unclear(subject, &all)
}

/// Where nothing was found and nothing is in order either.
fn unclear(subject: &Subject, all: &[(Connections, Said)]) -> Verdict {
    if let Some(unread) = subject.firewall.ruleset.unread.first() {
        return Verdict::Unknown(format!("cannot read {}: {}", unread.what, unread.why));
    }
    let blocked = |by: &Place| {
        let Evidence { source, text } = place(subject, *by);
        format!("the control connection does not get there: {source}: {text}")
    };
    match all.first() {
        None => Verdict::Unknown("no address is known that clients call".to_owned()),
        Some((_, Said::Unclear(why))) => Verdict::Unknown(why.clone()),
        Some((_, Said::Blocked(by))) => Verdict::Unknown(blocked(by)),
        Some((_, Said::Automatic | Said::Assigned(..) | Said::NotAssigned(_))) => Verdict::Fine,
    }
}

fn too_early(subject: &Subject) -> Verdict {
    let Some(rule) = assigned_before_conntrack(subject) else {
        return Verdict::Fine;
    };
    let early = |(_, said): &(Connections, Said)| matches!(said, Said::NotAssigned(_));
    if !said(subject).iter().any(early) {
        return Verdict::Fine;
    }
    Verdict::Found(Finding {
        id: id::HELPER_ASSIGNED_TOO_EARLY,
        severity: Severity::Error,
        summary: "the helper is assigned at a priority where no connection is known yet, so it \
                  is not"
            .to_owned(),
        evidence: vec![place(subject, rule)],
        remedy: planned(subject),
    })
}

/// The first rule that assigns the helper in a chain that the kernel enters before it
/// knows the connection (`NF_IP_PRI_CONNTRACK`, -200).
fn assigned_before_conntrack(subject: &Subject) -> Option<Place> {
    let tables = subject.firewall.ruleset.tables.iter().enumerate();
    tables
        .filter(|(_, table)| !table.dormant)
        .find_map(|(number, table)| {
            let is_early = |chain: &LiveChain| chain.base.as_ref().is_some_and(is_early);
            let (at, rule) = assigning_rule(table, is_early)?;
            Some(Place {
                table: number,
                chain: at,
                rule: Some(rule),
            })
        })
}

fn is_early(base: &Base) -> bool {
    matches!(base.hook, Hook::Prerouting | Hook::Output) && base.priority <= -200
}

/// The first rule that assigns the helper, and its chain, in the chains that `starts` or
/// those that they lead to.
fn assigning_rule(table: &Table, starts: impl Fn(&LiveChain) -> bool) -> Option<(usize, usize)> {
    let chains = &table.chains;
    // The chains still to be gone through, each with its next rule; the first one is last.
    let mut open: Vec<(usize, usize)> = (0..chains.len())
        .rev()
        .filter(|&at| starts(&chains[at]))
        .map(|at| (at, 0))
        .collect();
    if open.is_empty() {
        return None;
    }
    let names = chains.iter().enumerate();
    let names: HashMap<&str, usize> = names.map(|(at, c)| (c.name.as_str(), at)).collect();
    let mut seen = vec![false; chains.len()];
    while let Some((at, next)) = open.pop() {
        let Some(rule) = chains[at].rules.get(next) else {
            continue;
        };
        open.push((at, next + 1));
        for expression in &rule.expressions {
            match expression {
                Expression::Object {
                    which: ObjectRef::Name(object),
                    ..
                } if is_ftp(table, object) => return Some((at, next)),
                Expression::Verdict(Says::Jump(to) | Says::Goto(to)) => {
                    let to = names.get(to.as_str()).copied();
                    if let Some(to) = to.filter(|&to| !std::mem::replace(&mut seen[to], true)) {
                        open.push((to, 0));
                    }
                }
                _ => {}
            }
        }
    }
    None
}

fn is_ftp(table: &Table, name: &str) -> bool {
    let object = table.objects.iter().find(|object| object.name == name);
    object.is_some_and(|o| matches!(&o.what, ObjectKind::Helper { helper, .. } if helper == FTP))
}

fn after_dnat(subject: &Subject) -> Verdict {
    if subject
        .facts
        .kernel_version()
        .is_none_or(KernelVersion::adjusts_sequence_numbers)
    {
        return Verdict::Fine;
    }
    let late = said(subject)
        .into_iter()
        .find_map(|(connections, said)| match said {
            Said::Assigned(assigned, evaluation)
                if is_late(subject, &assigned) && is_translated(&evaluation) =>
            {
                Some((connections, assigned))
            }
            _ => None,
        });
    Verdict::from(late.map(|(connections, assigned)| Finding {
        id: id::HELPER_ASSIGNED_AFTER_DNAT,
        severity: Severity::Warning,
        summary: format!(
            "{} get the helper after DNAT: this kernel may cut them at the first PASV",
            words(&connections)
        ),
        evidence: vec![place(subject, assigned.by)],
        remedy: planned(subject),
    }))
}

/// Behind the NAT chains of its hook, or behind prerouting; a template of iptables' `CT`
/// was there before.
fn is_late(subject: &Subject, assigned: &Assigned) -> bool {
    let rule = subject.firewall.prepared.rule(assigned.by);
    let by_object = rule.is_some_and(|rule| {
        let is_object = |e: &Expression| matches!(e, Expression::Object { .. });
        rule.expressions.iter().any(is_object)
    });
    let is_first = matches!(assigned.hook, Hook::Prerouting | Hook::Output);
    by_object && (!is_first || assigned.priority > -100)
}

fn is_translated(evaluation: &Evaluation) -> bool {
    let Told::Known(nat) = &evaluation.nat else {
        return false;
    };
    !nat.translations.source.is_none() || !nat.translations.destination.is_none()
}

fn words(connections: &Connections) -> String {
    let (to, port) = connections.opening.flow.destination;
    let from = match connections.from {
        From::Outside => "",
        From::InsideExternal | From::InsideDirect => "from inside ",
        From::Gateway => "from this gateway ",
    };
    format!("control connections {from}to {to} port {port}")
}

/// Where the packet went without one.
fn met(subject: &Subject, evaluation: &Evaluation) -> Vec<Evidence> {
    let mut met: Vec<Evidence> = evaluation
        .trail
        .iter()
        .map(|m| place(subject, m.by))
        .collect();
    if met.is_empty() {
        met.push(Evidence {
            source: "live ruleset".to_owned(),
            text: "no base chain that the packet meets".to_owned(),
        });
    }
    met
}

/// The rules of the plan that do it.
fn planned(subject: &Subject) -> Vec<Remedy> {
    let file = &subject.profile.file;
    vec![Remedy {
        kind: RemedyKind::Command,
        file: None,
        text: format!("ftpnat plan --profile {file}   # its rule named helper"),
    }]
}
