//! Whether the live ruleset assigns the helper, and where.

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Evidence, Finding, Remedy, Severity};
use crate::facts::KernelVersion;
use crate::model::check as id;
use crate::model::filter::{Chain, Purpose};
use crate::plan::flows::{Connections, Purpose as For, connections};
use crate::plan::{Cell, From, is_automatic, needs_of_helper};
use crate::profile::Profile;
use crate::ruleset::eval::{Assigned, Evaluation, Outcome, Place, Prepared, Told};
use crate::ruleset::live::expression::Expression;
use crate::ruleset::live::table::Hook;

use super::blame::own;
use super::early::{FIRST, FTP, behind_conntrack};
use super::{place, unread};

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
    /// The rules that the finding prints, or `ftpnat apply`; then log in anew.
    HELPER_NOT_ASSIGNED, Error, moot by &[
        id::ADVERTISE_MISSING,
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
    /// ## How it is judged
    /// A control connection that needs the helper gets none, and would get it if such a chain
    /// stood behind that priority.
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
    /// extension for that is only added by a translation, source NAT too, that finds the helper
    /// there. Fixed in Linux 6.18, 6.12.64, 6.1.167.
    ///
    /// ## Cure
    /// Assign the helper at priority -150, before DNAT at -100.
    HELPER_ASSIGNED_AFTER_DNAT, Warning, moot by &[id::CONNTRACK_HELPER_MISSING], Judge::Host {
        applies: |subject| needs_helper(subject.profile),
        needs: &[],
        find: after_dnat,
    }
}

/// Pieces of a flow that are told apart; rules that split it further are beyond a glance.
pub(in crate::check) const PIECES: usize = 64;

fn needs_helper(profile: &Profile) -> bool {
    !needs_of_helper(profile).is_empty()
}

/// The control connections whose replies or commands the helper must read.
fn helped(subject: &Subject) -> Vec<Connections> {
    let Subject { profile, facts, .. } = *subject;
    let own = subject
        .plan
        .rules
        .iter()
        .any(|r| r.chain == Chain::HELPER_OUTPUT);
    let cells = needs_of_helper(profile);
    let is_helped = |c: &Connections| {
        c.purpose == For::Control
            && cells.iter().any(|cell| is_of(cell, c))
            && (c.from != From::Gateway || own)
    };
    let mut all = connections(profile, facts);
    all.retain(is_helped);
    all
}

/// Whether a client has such a control connection. Where this host is the gateway of the
/// clients, these are inside, and their servers anywhere.
fn is_of(cell: &Cell, connections: &Connections) -> bool {
    let flow = &connections.opening.flow;
    let from = match cell.from {
        From::InsideDirect => From::Outside,
        from => from,
    };
    (cell.family, cell.control_port, from) == (flow.family(), flow.destination.1, connections.from)
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
        if is_automatic(subject.facts, connections.control_port) {
            all.push((connections, Said::Automatic));
            continue;
        }
        for piece in connections.open(&subject.firewall.prepared, PIECES) {
            all.push((connections.clone(), said_of(subject, piece.evaluation)));
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
        if let Some(unknown) = unread(subject) {
            return unknown;
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
    if let Some(unknown) = unread(subject) {
        return unknown;
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

/// Whether rules that were read assign it to all that need it: others take nothing away.
fn is_assigned(all: &[(Connections, Said)]) -> bool {
    let fine =
        |(_, said): &(Connections, Said)| matches!(said, Said::Assigned(..) | Said::Automatic);
    !all.is_empty() && all.iter().all(fine)
}

fn too_early(subject: &Subject) -> Verdict {
    if let Some(unknown) = unread(subject) {
        return if is_assigned(&said(subject)) {
            Verdict::Fine
        } else {
            unknown
        };
    }
    let Some(later) = behind_conntrack(subject.firewall.ruleset) else {
        return Verdict::Fine;
    };
    let prepared = Prepared::new(&later, subject.firewall.host);
    let all = said(subject);
    let missing = all
        .iter()
        .filter(|(_, said)| matches!(said, Said::NotAssigned(_)));
    let assigned_then = missing
        .flat_map(|(connections, _)| connections.open(&prepared, PIECES))
        .find_map(|piece| match piece.evaluation.helper {
            Told::Known(Some(a)) if a.helper == FTP && a.priority == FIRST => Some(a.by),
            Told::Known(_) | Told::Undecided(_) => None,
        });
    let Some(rule) = assigned_then else {
        return Verdict::Fine;
    };
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

fn after_dnat(subject: &Subject) -> Verdict {
    match subject
        .facts
        .kernel_version()
        .map(KernelVersion::adjusts_sequence_numbers)
    {
        Some(true) => return Verdict::Fine,
        Some(false) => {}
        None => {
            let blind = subject.facts.snapshot.why_blind();
            let why = blind.unwrap_or("which kernel it is is not known");
            return Verdict::Unknown(why.to_owned());
        }
    }
    if let Some(unknown) = unread(subject) {
        return unknown;
    }
    let late = said(subject)
        .into_iter()
        .find_map(|(connections, said)| match said {
            Said::Assigned(assigned, evaluation) if is_late(subject, &assigned, &evaluation) => {
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

/// Behind the last translation: each one that finds the helper there makes the connection fit
/// for adjusting (`nf_nat_setup_info`), and a template of iptables' `CT` was there before.
fn is_late(subject: &Subject, assigned: &Assigned, evaluation: &Evaluation) -> bool {
    let rule = subject.firewall.prepared.rule(assigned.by);
    let by_object = rule.is_some_and(|rule| {
        let is_object = |e: &Expression| matches!(e, Expression::Object { .. });
        rule.expressions.iter().any(is_object)
    });
    let Told::Known(nat) = &evaluation.nat else {
        return false;
    };
    let translations = &nat.translations;
    let behind_source = match assigned.hook {
        Hook::Postrouting | Hook::Input => assigned.priority > 100,
        _ => false,
    };
    let behind_destination = match assigned.hook {
        Hook::Prerouting | Hook::Output => assigned.priority > -100,
        _ => true,
    };
    by_object
        && if translations.source.is_none() {
            behind_destination && !translations.destination.is_none()
        } else {
            behind_source
        }
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
            source: subject.firewall.name().to_owned(),
            text: "no base chain that the packet meets".to_owned(),
        });
    }
    met
}

/// The rules of the plan that do it.
fn planned(subject: &Subject) -> Vec<Remedy> {
    let rules = subject.plan.rules.iter();
    let assigning = rules.filter(|rule| rule.chain.purpose == Purpose::Helper);
    let changes = assigning.map(|rule| own(subject, rule)).collect();
    let mut remedies = vec![Remedy::Rules(changes)];
    if subject.profile.file != "<stdin>" && subject.firewall.text.is_none() {
        remedies.push(Remedy::Apply(subject.profile.file.clone()));
    }
    remedies
}
