//! What cures faults: accepts of the plan in their places, rules of the plan for tables of
//! ftpnat's own, rules of others that must go.

use crate::check::cure::{Guest, Own, RuleChange};
use crate::check::definition::Subject;
use crate::check::{Remedy, Severity};
use crate::model::check::{self as id, CheckId};
use crate::model::filter::{Chain, Match, Purpose as ChainPurpose, Rule};
use crate::model::net::{InterfaceName, PortRange};
use crate::plan::From;
use crate::plan::flows::Purpose;
use crate::plan::placed::{Dropped, dropped};
use crate::ruleset::live::table::Maker;
use crate::ruleset::owner::is_owned;

use super::{Fault, Stop, exempt, rule_at};

/// The remedies of a finding: what to do by hand, then what ftpnat does.
pub(super) fn remedy(
    subject: &Subject,
    check: CheckId,
    severity: Severity,
    faults: &[&Fault],
) -> Vec<Remedy> {
    if severity == Severity::Note && check != id::DNAT_MISSING {
        return Vec::new();
    }
    let mut remedies = Vec::new();
    let mut changes = Vec::new();
    match check {
        id::TRAFFIC_UNTRACKED => changes.extend(exempt::from_notrack(subject, faults)),
        id::INBOUND_SNAT_HIDES_CLIENTS => {
            changes.extend(exempt::from_source_nat(subject, faults));
            changes.extend(hairpin(subject));
        }
        id::DNAT_TAKEN_BY_ANOTHER_RULE | id::DNAT_SHIFTS_PORTS if !translates(subject) => {
            changes.extend(deletions(subject, faults));
        }
        _ => {}
    }
    changes.extend(own_rules(subject, check, faults));
    let placed = needed(subject, faults);
    changes.extend(guests(subject, &placed));
    changes.extend(exempt::from_drops(subject, faults));
    let exempted = if changes.is_empty() && placed.is_empty() {
        exempt::from_all_drops(subject, faults)
    } else {
        Vec::new()
    };
    let by_apply = exempted.is_empty() && is_for_apply(subject, check, faults);
    changes.extend(exempted);
    if !changes.is_empty() {
        remedies.push(Remedy::Rules(changes));
    }
    for unplaced in &placed {
        if let Err(why) = &unplaced.placed {
            remedies.push(Remedy::Config {
                file: None,
                text: format!(
                    "the accept named {} has no place that is right: {why}",
                    unplaced.rule.name
                ),
            });
        }
    }
    if by_apply {
        remedies.push(Remedy::Apply(subject.profile.file.clone()));
    }
    remedies
}

/// Whether the plan translates, so that its rules go before those of others.
fn translates(subject: &Subject) -> bool {
    subject
        .plan
        .rules
        .iter()
        .any(|r| r.chain.purpose == ChainPurpose::Nat)
}

/// The accepts of the plan that faults lack, each with the chain that drops them.
fn needed<'a>(subject: &Subject<'a, '_>, faults: &[&Fault]) -> Vec<Dropped<'a>> {
    let firewall = subject.firewall;
    let routes = firewall.host.routes.as_deref().unwrap_or_default();
    let outside = outside(subject);
    let rules = subject.plan.rules.iter();
    let rules = rules.filter(|rule| faults.iter().any(|fault| serves(subject, rule, fault)));
    let mut all = dropped(
        rules,
        firewall.ruleset,
        &firewall.prepared,
        &|_: &str| outside,
        routes,
    );
    all.retain(|d| faults.iter().any(|f| f.family == d.family));
    all
}

/// The interface by which clients come, where it is known.
fn outside<'a>(subject: &Subject<'a, '_>) -> Option<&'a str> {
    let named = subject.plan.outside.as_ref().map(InterfaceName::as_str);
    let routes = subject.firewall.host.routes.as_deref().unwrap_or_default();
    let everyone = || {
        let default = routes.iter().find(|route| route.to.prefix_len() == 0)?;
        default.interface.as_deref()
    };
    named.or_else(|| everyone().filter(|_| subject.plan.serves_everyone))
}

/// Whether a filter rule of the plan is for connections as those of a fault.
fn serves(subject: &Subject, rule: &Rule, fault: &Fault) -> bool {
    let is_expected = rule.matches.contains(&Match::CtHelperFtp);
    let of_gateway = rule.name.starts_with("gateway");
    let of_active = rule.name.contains("active");
    let is_for_ports = |wanted: &[PortRange]| {
        let mut ports = rule.matches.iter().flat_map(|m| match m {
            Match::TcpDestinationPort(ports) | Match::TcpSourcePort(ports) => &ports[..],
            _ => &[],
        });
        ports.any(|have| {
            let meets = |w: &PortRange| w.first() <= have.last() && have.first() <= w.last();
            wanted.iter().any(meets)
        })
    };
    let passive = [subject.profile.passive.ports];
    let control: Vec<PortRange> = subject
        .profile
        .control
        .iter()
        .map(|c| PortRange::one(c.port))
        .collect();
    if rule.chain.purpose != ChainPurpose::Filter || rule.matches.contains(&Match::Icmp) {
        return false;
    }
    if of_gateway && fault.from != From::Gateway {
        return false;
    }
    match fault.purpose {
        Purpose::ActiveData => of_active,
        _ if of_active => false,
        _ if is_expected && fault.id != id::RELATED_NOT_ACCEPTED => false,
        Purpose::Control => is_for_ports(&control) || rule.name == "replies",
        Purpose::PassiveData => is_for_ports(&passive) || rule.name == "replies",
    }
}

fn guests(subject: &Subject, needed: &[Dropped]) -> Vec<RuleChange> {
    let mut changes: Vec<RuleChange> = Vec::new();
    for one in needed {
        let Ok(placement) = &one.placed else { continue };
        let at = placement.position;
        let alike = needed.iter().filter(|other| {
            let same = other.placed.as_ref().is_ok_and(|p| p.position == at);
            std::ptr::eq(other.rule, one.rule) && other.base == one.base && same
        });
        let rule = Rule {
            families: alike.map(|other| other.family).collect(),
            ..one.rule.clone()
        };
        let place = (at.table, at.chain);
        let guest = Guest::new(subject.firewall.ruleset, rule, place, at.index);
        if let Some(guest) = guest {
            let change = RuleChange::Guest(Box::new(guest));
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
    }
    changes
}

/// Rules of the plan for tables of ftpnat's own.
fn own_rules(subject: &Subject, check: CheckId, faults: &[&Fault]) -> Vec<RuleChange> {
    let is_meant = |rule: &&Rule| {
        rule.chain.purpose == ChainPurpose::Nat && faults.iter().any(|f| leads(check, rule, f))
    };
    let rules = subject.plan.rules.iter().filter(is_meant);
    rules.map(|rule| own(subject, rule)).collect()
}

pub(in crate::check) fn own(subject: &Subject, rule: &Rule) -> RuleChange {
    let (ruleset, maker) = (subject.firewall.ruleset, own_maker(subject));
    let own = Own::new(ruleset, rule.clone(), maker, subject.facts.inet_nat());
    RuleChange::Own(Box::new(own))
}

/// What turns inside clients back, who are no longer masqueraded with all others.
fn hairpin(subject: &Subject) -> Vec<RuleChange> {
    let rules = subject.plan.rules.iter();
    let hairpin = rules.filter(|rule| rule.name == "hairpin-snat");
    hairpin.map(|rule| own(subject, rule)).collect()
}

/// Whether a rule of the plan that translates is for connections as those of a fault.
fn leads(check: CheckId, rule: &Rule, fault: &Fault) -> bool {
    let is_source = rule.chain == Chain::NAT_POSTROUTING;
    let purpose = match fault.purpose {
        Purpose::Control => "control",
        Purpose::PassiveData => "passive",
        Purpose::ActiveData => "active",
    };
    let of_inside = rule.name.starts_with("hairpin");
    let of_gateway = rule.name.starts_with("gateway");
    if !rule.families.contains(&fault.family) {
        return false;
    }
    match check {
        id::SNAT_MISSING_FOR_ACTIVE => is_source && rule.name == "active-snat",
        id::HAIRPIN_MISSING => of_inside && (is_source || rule.name.ends_with(purpose)),
        id::DNAT_MISSING | id::DNAT_SHIFTS_PORTS | id::DNAT_TAKEN_BY_ANOTHER_RULE => {
            !is_source
                && rule.name.ends_with(purpose)
                && of_inside == (fault.from == From::InsideExternal)
                && of_gateway == (fault.from == From::Gateway)
        }
        _ => false,
    }
}

/// What our own rules go into: where some of them are; else iptables, where its NAT is in
/// use and nothing native is; else `nf_tables`.
pub(in crate::check) fn own_maker(subject: &Subject) -> Maker {
    let tables = &subject.firewall.ruleset.tables;
    let is_ours = |name: &str| name.starts_with("FTPNAT-");
    let has_ours = |maker: Maker| {
        let mut of_maker = tables.iter().filter(|t| t.maker == maker);
        of_maker.any(|t| t.chains.iter().any(|c| is_ours(&c.name)))
    };
    let has_nat = |maker: Maker| {
        let mut of_maker = tables.iter().filter(|t| t.maker == maker);
        of_maker.any(|t| t.name == "nat" && t.chains.iter().any(|c| !c.rules.is_empty()))
    };
    let is_native = tables.iter().any(|t| t.maker == Maker::Nft);
    let iptables = [Maker::IptablesNft, Maker::IptablesLegacy];
    let in_use = iptables.into_iter().find(|m| has_ours(*m));
    let translating = iptables.into_iter().find(|m| !is_native && has_nat(*m));
    in_use.or(translating).unwrap_or(Maker::Nft)
}

/// The rules of others that are to blame, gone. Those that only drop what the first of
/// them made strange stay.
fn deletions(subject: &Subject, faults: &[&Fault]) -> Vec<RuleChange> {
    let mut changes = Vec::new();
    for stop in faults.iter().filter_map(|f| f.causes.first()) {
        let change = rule_at(subject, stop.at).map(RuleChange::Delete);
        changes.extend(change.filter(|c| !changes.contains(c)));
    }
    changes
}

/// Whether `apply` cures it: not where a rule of others must go, or stands where ftpnat puts
/// none, nor where the table is another program's own, nor where the rules are of a text:
/// it would change this host.
fn is_for_apply(subject: &Subject, check: CheckId, faults: &[&Fault]) -> bool {
    let by_hand = matches!(
        check,
        id::TRAFFIC_UNTRACKED | id::INBOUND_SNAT_HIDES_CLIENTS
    ) || matches!(
        check,
        id::DNAT_TAKEN_BY_ANOTHER_RULE | id::DNAT_SHIFTS_PORTS
    ) && !translates(subject);
    let in_owned = |stop: &Stop| {
        let tables = &subject.firewall.ruleset.tables;
        tables.get(stop.at.table).is_some_and(is_owned)
    };
    let mut causes = faults.iter().flat_map(|f| &f.causes);
    let is_file = subject.profile.file != "<stdin>";
    let is_in_force = subject.firewall.text.is_none();
    is_file
        && is_in_force
        && !by_hand
        && !causes.any(|stop| in_owned(stop) || exempt::odd_hook(subject, *stop).is_some())
}
