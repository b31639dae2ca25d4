//! ICMP errors that tell how wide a path is.

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Finding, Guest, Remedy, RuleChange, Severity};
use crate::model::check::ICMP_NEEDED_FOR_PMTU_DROPPED as ID;
use crate::model::filter::{self, Match, Rule};
use crate::model::net::{Family, InterfaceName};
use crate::plan::From;
use crate::plan::flows::Purpose;
use crate::plan::placed::dropped;
use crate::plan::reach::Reached;
use crate::profile::Nat;
use crate::ruleset::eval::{Evaluation, Flow, Outcome, Packet, State};
use crate::ruleset::live::table::TableFamily;
use crate::ruleset::placement::is_will;

use super::opened::{InGeneral, passive, to_port};
use super::{place, unread};

check! {
    /// ICMP errors that path MTU discovery needs are dropped.
    ///
    /// ## What happens
    /// Most clients work. Behind a tunnel, a VPN or a DSL line they connect, and the TLS handshake,
    /// or the first large listing, stalls for good.
    ///
    /// ## Why
    /// Servers send segments as large as their own link takes, and must not be fragmented. A router
    /// with a narrower link says so by ICMP "fragmentation needed" (type 3 code 4), or over IPv6
    /// "packet too big" (type 2). Where the firewall drops that, the segment is sent again and
    /// again (RFC 1191, RFC 8201, RFC 4890).
    ///
    /// ## How it is judged
    /// Where the control and data connections of clients get through, such an error about them is
    /// sent through the live ruleset: conntrack calls it RELATED.
    ///
    /// ## Look
    /// `ping -M do -s 1400` from the server to such a client; `tcpdump icmp` on the firewall.
    ///
    /// ## Cure
    /// The rule named `related-icmp` that `ftpnat plan` prints, before the drop.
    ICMP_NEEDED_FOR_PMTU_DROPPED, Warning, moot by &[], Judge::Host {
        applies: |subject| !matches!(subject.profile.nat, Nat::Masquerade { .. }),
        needs: &[],
        find,
    }
}

/// `IPPROTO_ICMP`, `IPPROTO_ICMPV6`
const ICMP: (u8, u8) = (1, 58);
/// Type and code: fragmentation needed, packet too big.
const TOO_BIG: ((u8, u8), (u8, u8)) = ((3, 4), (2, 0));

fn find(subject: &Subject) -> Verdict {
    let mut lost: Vec<(Family, Evaluation)> = Vec::new();
    let mut unclear = None;
    for data in passive(subject) {
        let Some((error, prepared)) = error_about(subject, &data) else {
            continue;
        };
        let found = prepared.evaluate(&error);
        match &found.outcome {
            Outcome::Drop { by: Some(by) } | Outcome::Reject { by, .. } => {
                let is_new = |(_, other): &(_, Evaluation)| other.outcome != found.outcome;
                if !is_will(&subject.firewall.prepared, *by) && lost.iter().all(is_new) {
                    lost.push((error.flow.family(), found));
                }
            }
            Outcome::Undecided(doubt) => {
                // At a rate they do get through.
                let is_rate = doubt
                    .at
                    .is_some_and(|at| super::limit::is_at(&subject.firewall.prepared, at));
                if !is_rate {
                    let at = doubt.at.map(|at| format!(": {}", place(subject, at).text));
                    unclear = Some(format!("{}{}", doubt.why, at.unwrap_or_default()));
                }
            }
            _ => {}
        }
    }
    if lost.is_empty() {
        return match (unread(subject), unclear) {
            (Some(unknown), _) => unknown,
            (None, Some(why)) => Verdict::Unknown(why),
            (None, None) => Verdict::Fine,
        };
    }
    let families: Vec<Family> = lost.iter().map(|(family, _)| *family).collect();
    let name = |family: &Family| match family {
        Family::Ipv4 => "ICMP \"fragmentation needed\"",
        Family::Ipv6 => "ICMPv6 \"packet too big\"",
    };
    let mut names: Vec<&str> = families.iter().map(name).collect();
    names.dedup();
    let evidence = lost.iter().filter_map(|(_, found)| match &found.outcome {
        Outcome::Drop { by: Some(by) } | Outcome::Reject { by, .. } => Some(place(subject, *by)),
        _ => None,
    });
    Verdict::Found(Finding {
        id: ID,
        severity: Severity::Warning,
        summary: format!(
            "{} about the server's connections is dropped: clients behind a narrower link stall",
            names.join(" and ")
        ),
        evidence: evidence.collect(),
        remedy: remedy(subject, &families),
    })
}

/// An ICMP error about data that goes to clients, where their connections get through; and
/// the firewall as they meet it.
fn error_about<'s, 'r>(
    subject: &'s Subject<'s, 'r>,
    data: &Packet,
) -> Option<(Packet, InGeneral<'s, 'r>)> {
    let prepared = InGeneral::of(&subject.firewall.prepared, data);
    let family = data.flow.family();
    let (called, input) = (data.flow.destination.0, &data.input);
    let is_control = |other: &&Reached| {
        let (c, opening) = (&other.connections, &other.connections.opening);
        (
            c.purpose,
            c.from,
            opening.flow.destination.0,
            &opening.input,
        ) == (Purpose::Control, From::Outside, called, input)
    };
    let mut control = subject.traffic.iter().filter(is_control);
    let gets_in = control.any(|c| {
        let port = c.connections.opening.flow.destination.1;
        prepared.lets_in(&to_port(data, port))
    });
    let opened = prepared.evaluate(data);
    if !gets_in || opened.outcome != Outcome::Accept {
        return None;
    }
    let (protocol, icmp) = match family {
        Family::Ipv4 => (ICMP.0, TOO_BIG.0),
        Family::Ipv6 => (ICMP.1, TOO_BIG.1),
    };
    let flow = Flow {
        protocol,
        source: (data.flow.source.0, 0),
        destination: (called, 0),
    };
    let error = Packet {
        state: State::Related,
        settled: Some(opened.nat.known()?.translations),
        icmp: Some(icmp),
        ..Packet::arriving(flow, input.as_deref())
    };
    Some((error, prepared))
}

fn remedy(subject: &Subject, families: &[Family]) -> Vec<Remedy> {
    let firewall = subject.firewall;
    let is_it = |rule: &&Rule| {
        rule.matches.contains(&Match::Icmp)
            && rule.name == "related-icmp"
            && rule.families.iter().any(|f| families.contains(f))
    };
    let outside = subject.plan.outside.as_ref().map(InterfaceName::as_str);
    let routes = firewall.host.routes.as_deref().unwrap_or_default();
    let rules = subject.plan.rules.iter().filter(is_it);
    let all = dropped(
        rules,
        firewall.ruleset,
        &firewall.prepared,
        &|_| outside,
        routes,
    );
    let mut changes: Vec<RuleChange> = Vec::new();
    let mut words = Vec::new();
    for found in all {
        let guest = found.placed.as_ref().ok().and_then(|placed| {
            let at = placed.position;
            guest(subject, found.rule, (at.table, at.chain), at.index)
        });
        match (guest, &found.placed) {
            (Some(guest), _) => {
                if !changes.contains(&guest) {
                    changes.push(guest);
                }
            }
            (None, Err(why)) => words.push(in_words(&why.to_string())),
            (None, Ok(_)) => {}
        }
    }
    let rules = (!changes.is_empty()).then_some(Remedy::Rules(changes));
    let mut all: Vec<Remedy> = rules.into_iter().chain(words).collect();
    if all.is_empty() {
        all.push(in_words("it is dropped where no rule of ours may stand"));
    }
    all
}

fn in_words(why: &str) -> Remedy {
    Remedy::Config {
        file: None,
        text: format!(
            "accept ICMP errors about connections that are there (conntrack: RELATED) before \
             they are dropped; {why}"
        ),
    }
}

/// A rule of the plan before another, for the families that the table sees; `None` where
/// it sees none of them.
pub(super) fn guest(
    subject: &Subject,
    rule: &Rule,
    (table, chain): (usize, usize),
    index: usize,
) -> Option<RuleChange> {
    let ruleset = subject.firewall.ruleset;
    let of = ruleset.tables.get(table)?.family;
    let sees = |family: &Family| match of {
        TableFamily::Ip => *family == Family::Ipv4,
        TableFamily::Ip6 => *family == Family::Ipv6,
        _ => true,
    };
    let families: Vec<Family> = rule.families.iter().copied().filter(sees).collect();
    if families.is_empty() {
        return None;
    }
    let rule = filter::Rule {
        families,
        ..rule.clone()
    };
    let guest = Guest::new(ruleset, rule, (table, chain), index)?;
    Some(RuleChange::Guest(Box::new(guest)))
}
