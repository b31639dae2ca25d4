//! RELATED that the helper's expectations open to every port.

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Evidence, Finding, Remedy, RuleChange, Severity};
use crate::model::check::RELATED_ACCEPTED_TOO_WIDELY as ID;
use crate::model::filter::{self, CtState, Match};
use crate::model::net::{Family, PortRange};
use crate::plan::From;
use crate::plan::flows::Purpose;
use crate::plan::reach::Stopped;
use crate::profile::Nat;
use crate::ruleset::eval::{Axis, Flow, Outcome, Packet, Place, State, Translation, Translations};
use crate::ruleset::live::expression::{Expression, ObjectRef};
use crate::ruleset::live::table::{Hook, ObjectKind};
use crate::ruleset::live::xt::Target;
use crate::ruleset::live::{Ruleset, Table};

use super::early::FTP;
use super::narrower;
use super::opened::{InGeneral, all_port_words, is_shut, opened_by, passive, ports_of, without};
use super::path_mtu::guest;
use super::{place, unread};

check! {
    /// RELATED is accepted to ports that no data connection may use.
    ///
    /// ## What happens
    /// Everything works. Whoever makes the server, or a client, say `227` or `PORT` with a port of
    /// another service gets through the firewall to that service.
    ///
    /// ## Why
    /// The helper expects whatever port the control connection names, also 22 or 3306; no kernel
    /// bounds it. `ct state established,related accept` lets in all that is expected.
    ///
    /// ## How it is judged
    /// Where a rule assigns the helper, connections that it expects are sent through the live
    /// ruleset to every port. It is said where a rule accepts them to ports outside of the passive
    /// range, and new connections to the same ports are dropped.
    ///
    /// ## Look
    /// `nft list ruleset | grep related`; `iptables-save | grep RELATED`; `conntrack -L expect`.
    ///
    /// ## Cure
    /// RELATED for ICMP of both families, which path MTU discovery needs; RELATED with
    /// `ct helper "ftp"` (`-m helper --helper ftp`) to the passive range; the rule that is there
    /// without RELATED.
    RELATED_ACCEPTED_TOO_WIDELY, Warning, moot by &[], Judge::Host {
        applies: may_be_assigned,
        needs: &[],
        find,
    }
}

/// Parts of one question.
const PIECES: usize = 256;

/// A rule that accepts what is expected, to ports that nobody needs.
struct Wide {
    by: Place,
    hook: Hook,
    ports: Vec<(u16, u16)>,
}

/// Whether the helper reads any connection here, as far as rules tell.
fn may_be_assigned(subject: &Subject) -> bool {
    assigns(subject.firewall.ruleset, |helper| helper == FTP) || unread(subject).is_some()
}

/// Whether a rule assigns such a helper.
fn assigns(ruleset: &Ruleset, is_it: impl Fn(&str) -> bool) -> bool {
    let has = |table: &Table, wanted: Option<&str>| {
        table.objects.iter().any(|object| {
            let is_such = matches!(
                &object.what, ObjectKind::Helper { helper, .. } if is_it(helper)
            );
            is_such && wanted.is_none_or(|name| object.name == name)
        })
    };
    ruleset.tables.iter().any(|table| {
        let rules = table.chains.iter().flat_map(|chain| &chain.rules);
        let mut expressions = rules.flat_map(|rule| &rule.expressions);
        expressions.any(|expression| match expression {
            Expression::Object {
                which: ObjectRef::Name(name),
                ..
            } => has(table, Some(name)),
            Expression::Object {
                which: ObjectRef::Map { .. },
                ..
            } => has(table, None),
            Expression::Target(Target::Ct { helper, .. }) => helper.as_deref().is_some_and(&is_it),
            _ => false,
        })
    })
}

fn find(subject: &Subject) -> Verdict {
    let mut all: Vec<Wide> = Vec::new();
    for (expected, needed) in expected(subject) {
        for (by, hook, span) in wider(subject, &expected, needed) {
            match all.iter_mut().find(|wide| wide.by == by) {
                Some(wide) if wide.ports.contains(&span) => {}
                Some(wide) => wide.ports.push(span),
                None => all.push(Wide {
                    by,
                    hook,
                    ports: vec![span],
                }),
            }
        }
    }
    let Some(first) = all.first() else {
        return unread(subject).unwrap_or(Verdict::Fine);
    };
    let evidence = all.iter().flat_map(|wide| {
        let seen = Evidence {
            source: "sent through the live ruleset".to_owned(),
            text: format!(
                "RELATED TCP by the ftp helper to ports {} gets through by it, NEW is dropped",
                all_port_words(&wide.ports)
            ),
        };
        [place(subject, wide.by), seen]
    });
    Verdict::Found(Finding {
        id: ID,
        severity: Severity::Warning,
        summary: format!(
            "connections that the ftp helper expects are accepted to ports {}, which no data \
             connection may use",
            all_port_words(&first.ports)
        ),
        evidence: evidence.collect(),
        remedy: all.iter().flat_map(|wide| remedy(subject, wide)).collect(),
    })
}

/// What the helper expects from outside, with the ports that it may come to.
fn expected(subject: &Subject) -> Vec<(Packet, PortRange)> {
    let range = subject.profile.passive.ports;
    let mut all = Vec::new();
    for packet in passive(subject) {
        let Some(settled) = translations(subject, &packet) else {
            continue;
        };
        all.push((related(&packet, settled), range));
        if let Nat::Masquerade { external, .. } = &subject.profile.nat {
            // Their servers open active data connections, by the helper's own translation.
            let (client, server) = (packet.flow.source.0, packet.flow.destination.0);
            let inputs = external.iter().flat_map(|e| &e.interfaces);
            for input in inputs {
                let flow = Flow::tcp((server, 20), (client, 1));
                let opening = Packet::arriving(flow, Some(input.as_str()));
                let back = related(&opening, Translations::default());
                all.push((back, PortRange::UNPRIVILEGED));
            }
        }
    }
    all
}

fn related(opening: &Packet, settled: Translations) -> Packet {
    Packet {
        state: State::Related,
        master_helper: Some(FTP.to_owned()),
        connection_mark: None,
        settled: Some(settled),
        ..opening.clone()
    }
}

/// What NAT made of the control connection to the same address: what it expects follows.
/// `None`: it comes to somebody else.
fn translations(subject: &Subject, packet: &Packet) -> Option<Translations> {
    let called = packet.flow.destination.0;
    let mut control = subject.traffic.iter().filter(|reached| {
        let c = &reached.connections;
        (c.purpose, c.from, c.opening.flow.destination.0)
            == (Purpose::Control, From::Outside, called)
    });
    let (part, stopped) = control.find_map(|reached| reached.parts.first())?;
    if matches!(stopped, Some(Stopped::Astray(_))) {
        return None;
    }
    let known = part.opening.nat.known().map(|nat| nat.translations);
    let known = known.unwrap_or_default();
    let of_address = |translation: Translation| Translation {
        address: translation.address,
        ..Translation::default()
    };
    Some(Translations {
        source: of_address(known.source),
        destination: of_address(known.destination),
    })
}

/// The rule, the hook that it stands at, and the ports.
type Accepted = (Place, Hook, (u16, u16));

fn wider(subject: &Subject, expected: &Packet, needed: PortRange) -> Vec<Accepted> {
    let new = Packet {
        state: State::New,
        master_helper: None,
        ..expected.clone()
    };
    let prepared = InGeneral::of(&subject.firewall.prepared, &new);
    let region = expected.flow.region();
    let region = region.with(Axis::DestinationPort, 1, u16::MAX.into());
    let spans = |packet: &Packet, open: bool| -> Vec<(u16, u16)> {
        let pieces = prepared.partition(packet, &region, PIECES);
        let wanted = pieces.iter().filter(|piece| {
            if open {
                piece.evaluation.outcome == Outcome::Accept
            } else {
                is_shut(&piece.evaluation)
            }
        });
        wanted
            .map(|piece| ports_of(piece.region.span(Axis::DestinationPort)))
            .collect()
    };
    let (open, shut) = (spans(expected, true), spans(&new, false));
    let mut found = Vec::new();
    for (first, last) in open {
        let meets = shut.iter().map(|s| (s.0.max(first), s.1.min(last)));
        let both: Vec<(u16, u16)> = meets.filter(|(a, b)| a <= b).collect();
        for span in without(&both, (needed.first(), needed.last())) {
            let at = |packet: &Packet| {
                let mut packet = packet.clone();
                packet.flow.destination.1 = span.0;
                prepared.evaluate(&packet)
            };
            let open = at(expected);
            let Some(by) = opened_by(&open, &at(&new)) else {
                continue;
            };
            let met = open.trail.iter().find(|met| met.by == by);
            found.extend(met.map(|met| (by, met.hook, span)));
        }
    }
    found
}

fn remedy(subject: &Subject, wide: &Wide) -> Vec<Remedy> {
    changes(subject, wide).map_or_else(
        || {
            let Evidence { source, text } = place(subject, wide.by);
            vec![Remedy::Config {
                file: None,
                text: format!(
                    "{source}: RELATED for ICMP and ICMPv6, RELATED with the helper ftp to ports \
                     {} only, and no RELATED in: {text}",
                    subject.profile.passive.ports
                ),
            }]
        },
        |changes| vec![Remedy::Rules(changes)],
    )
}

/// The narrow accepts come first, so that nothing is shut in between.
fn changes(subject: &Subject, wide: &Wide) -> Option<Vec<RuleChange>> {
    let by = wide.by;
    let firewall = subject.firewall;
    let (table, _) = firewall.prepared.chain(by)?;
    let rule = firewall.prepared.rule(by)?;
    if assigns(firewall.ruleset, |helper| helper != FTP) {
        // What they expect is RELATED as well.
        return None;
    }
    let left = narrower::without_state(table, rule, narrower::RELATED)?;
    let rest = narrower::change(subject, by, left)?;
    let mut changes = Vec::new();
    let accepts = accepts(subject, hook(wide.hook)?);
    // Path MTU must not be lost for what else passes there.
    if !accepts
        .iter()
        .any(|rule| rule.matches.contains(&Match::Icmp))
    {
        return None;
    }
    for rule in accepts {
        changes.extend(guest(subject, &rule, (by.table, by.chain), by.rule?));
    }
    changes.push(rest);
    Some(changes)
}

fn hook(hook: Hook) -> Option<filter::Hook> {
    match hook {
        Hook::Input => Some(filter::Hook::Input),
        Hook::Forward => Some(filter::Hook::Forward),
        Hook::Output => Some(filter::Hook::Output),
        _ => None,
    }
}

/// The plan's accepts of RELATED; where its helper is not to be assigned, one for data that a
/// helper expects all the same.
fn accepts(subject: &Subject, hook: filter::Hook) -> Vec<filter::Rule> {
    let rules = subject.plan.rules.iter();
    let here = rules.filter(|r| (r.chain.purpose, r.chain.hook) == (filter::Purpose::Filter, hook));
    let is_related = |rule: &&filter::Rule| {
        let mut matches = rule.matches.iter();
        matches.any(|m| matches!(m, Match::CtState(states) if states.contains(&CtState::Related)))
    };
    let mut accepts: Vec<filter::Rule> = here.clone().filter(is_related).cloned().collect();
    for rule in &mut accepts {
        if rule.matches.contains(&Match::Icmp) {
            // The rule that is there may be for both families, and for more than FTP.
            rule.families = Family::BOTH.to_vec();
        }
    }
    if accepts
        .iter()
        .any(|rule| rule.matches.contains(&Match::CtHelperFtp))
    {
        return accepts;
    }
    for range in here.filter(|rule| rule.name == "passive-range") {
        let mut rule = filter::Rule {
            name: "related",
            why: "with the helper assigned, plain data connections are RELATED, not NEW".to_owned(),
            ..range.clone()
        };
        rule.matches.retain(|m| !matches!(m, Match::CtState(_)));
        let states = vec![CtState::Related, CtState::Established];
        rule.matches
            .extend([Match::CtState(states), Match::CtHelperFtp]);
        accepts.push(rule);
    }
    accepts
}
