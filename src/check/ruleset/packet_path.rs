//! Whether packets meet something that no check here looks into.

use std::net::IpAddr;

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Evidence, Finding, Remedy, Severity};
use crate::facts::devices::{Devices, Feature};
use crate::facts::routes::Way;
use crate::facts::{Fact, sysctl};
use crate::model::check::PACKET_PATH_NOT_VISIBLE as ID;
use crate::model::net::{Family, InterfaceName};
use crate::plan::reach::Stopped;
use crate::plan::served_families;
use crate::profile::{External, Nat};
use crate::ruleset::eval::Place;
use crate::ruleset::live::expression::{Expression, Verdict as RuleVerdict};
use crate::ruleset::live::table::TableFamily;
use crate::ruleset::live::xt::Target;

use super::both_back_ends::{counted, is_in_force};
use super::{place, unread};

check! {
    /// Packets meet something that this program cannot look into.
    ///
    /// ## What happens
    /// As a rule nothing. Where transfers fail and every rule lets them in, look there.
    ///
    /// ## Why
    /// XDP programs and tc filters see packets before the packet filter and may drop or turn them.
    /// A bridge has rules of its own for frames; with `br_netfilter` what it passes from port to
    /// port meets the rules of IP as well. A server in another network namespace, such as a
    /// container, has a firewall of its own there. And a rule may hand packets to a program
    /// (`queue`, NFQUEUE), a transparent proxy (`tproxy`) or another device (`fwd`), which decide
    /// alone.
    ///
    /// ## How it is judged
    /// By the interfaces that clients come in by: `nat.external.interface`, or those that have the
    /// address that they call, or all but `lo`; and on a gateway those on the way to the server.
    /// Of a bridge, a bond, a VLAN also those below. Rules count where a connection of the
    /// profile comes to them. Programs attached by `tcx`, netkit or as netfilter hooks of BPF are
    /// not seen, nor are rules of the older ebtables.
    ///
    /// ## Cure
    /// None is needed. The commands show what is there.
    PACKET_PATH_NOT_VISIBLE, Note, moot by &[], Judge::Host {
        applies: |_| true,
        needs: &[],
        find: not_visible,
    }
}

/// Something on the way that is not judged.
struct Unseen {
    /// It, in a few words.
    what: String,
    evidence: Evidence,
    /// A command that shows it.
    look: String,
}

fn not_visible(subject: &Subject) -> Verdict {
    let mut found = handed_out(subject);
    if let Some(devices) = &subject.facts.devices {
        found.extend(on_interfaces(subject, devices));
    }
    if found.is_empty() {
        let gap = subject.facts.gap(Fact::Devices).map(Verdict::Unknown);
        return gap.or_else(|| unread(subject)).unwrap_or(Verdict::Fine);
    }
    let mut what: Vec<String> = Vec::new();
    let mut evidence: Vec<Evidence> = Vec::new();
    let mut remedy: Vec<Remedy> = Vec::new();
    for unseen in found {
        let look = Remedy::Command(unseen.look);
        if !what.contains(&unseen.what) {
            what.push(unseen.what);
        }
        if !evidence.contains(&unseen.evidence) {
            evidence.push(unseen.evidence);
        }
        if !remedy.contains(&look) {
            remedy.push(look);
        }
    }
    Verdict::Found(Finding {
        id: ID,
        severity: Severity::Note,
        summary: format!("on the way, and not judged here: {}", what.join(", ")),
        evidence,
        remedy,
    })
}

/// The rules that take connections of the profile out of the packet filter's sight.
fn handed_out(subject: &Subject) -> Vec<Unseen> {
    let parts = subject.traffic.iter().flat_map(|reached| &reached.parts);
    let at = |stopped: Stopped| match stopped {
        Stopped::Elsewhere(at) => Some(at),
        Stopped::Unknown(doubt) => doubt.at,
        _ => None,
    };
    let places = parts.filter_map(|(_, stopped)| at((*stopped)?));
    places.filter_map(|at| taker(subject, at)).collect()
}

/// What takes packets at a rule; `None`: nothing does.
fn taker(subject: &Subject, at: Place) -> Option<Unseen> {
    let rule = subject.firewall.prepared.rule(at)?;
    let (what, look) = rule.expressions.iter().find_map(|e| match e {
        Expression::Queue { .. }
        | Expression::Verdict(RuleVerdict::Queue)
        | Expression::Target(Target::Nfqueue { .. } | Target::Verdict(RuleVerdict::Queue)) => {
            Some((
                "a program that a rule asks (queue)",
                "cat /proc/net/netfilter/nfnetlink_queue   # which programs read a queue",
            ))
        }
        Expression::Tproxy { .. } | Expression::Target(Target::Tproxy { .. }) => Some((
            "a transparent proxy",
            "ss -ltnp   # which program listens for it",
        )),
        Expression::Elsewhere { name } if name == "fwd" => Some((
            "a rule that hands packets to another interface (fwd)",
            "ip -d link show   # where it leads",
        )),
        _ => None,
    })?;
    Some(Unseen {
        what: what.to_owned(),
        evidence: place(subject, at),
        look: look.to_owned(),
    })
}

/// What stands on the interfaces of the way.
fn on_interfaces(subject: &Subject, devices: &Devices) -> Vec<Unseen> {
    let (arriving, to_server) = (arriving(subject), to_server(subject));
    let mut found = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for interface in to_server.iter().chain(&arriving) {
        for lower in devices.below(interface) {
            if seen.contains(&lower) {
                continue;
            }
            seen.push(lower);
            for feature in devices.of(lower) {
                match feature {
                    // Clients may come from wherever they like.
                    Feature::LeadsElsewhere if !to_server.contains(interface) => {}
                    Feature::Bridge => found.extend(of_bridge(subject, lower)),
                    feature => found.extend(on_interface(lower, feature)),
                }
            }
        }
    }
    found
}

fn on_interface(interface: &str, feature: &Feature) -> Option<Unseen> {
    // A name that a shell would not take as one is left to the reader.
    let name = InterfaceName::new(interface);
    let shown = name.as_ref().map_or("INTERFACE", InterfaceName::as_str);
    let by_ip = format!("ip -d link show dev {shown}");
    let (what, source, text, look) = match feature {
        Feature::Xdp { mode, program } => {
            let (number, look) = match program {
                Some(id) => (
                    format!("program {id}"),
                    format!("bpftool prog show id {id}"),
                ),
                None => ("programs".to_owned(), by_ip.clone()),
            };
            let text = format!("xdp, {number} ({mode})");
            (format!("XDP on {interface}"), by_ip, text, look)
        }
        Feature::Filter { ingress, kind } => {
            let way = if *ingress { "ingress" } else { "egress" };
            let by_tc = format!("tc filter show dev {shown} {way}");
            let text = format!("a filter of the kind {kind}");
            (
                format!("tc filters on {interface}"),
                by_tc.clone(),
                text,
                by_tc,
            )
        }
        Feature::LeadsElsewhere => (
            format!("another network namespace behind {interface}"),
            by_ip,
            "its other end is in another network namespace".to_owned(),
            "lsns -t net   # the namespaces; nsenter -n -t PID nft list ruleset".to_owned(),
        ),
        Feature::Bridge | Feature::PortOf(_) | Feature::Over(_) => return None,
    };
    let evidence = Evidence { source, text };
    Some(Unseen {
        what,
        evidence,
        look,
    })
}

/// The rules of bridges, and whether those of IP count on them too.
fn of_bridge(subject: &Subject, bridge: &str) -> Vec<Unseen> {
    let tables = subject.firewall.ruleset.tables.iter();
    let of_bridges = tables.filter(|t| t.family == TableFamily::Bridge && is_in_force(t));
    let mut found: Vec<Unseen> = of_bridges
        .map(|table| Unseen {
            what: format!("rules of the bridge {bridge}"),
            evidence: counted(table),
            look: "nft list ruleset bridge".to_owned(),
        })
        .collect();
    for family in served_families(subject.profile) {
        let path = match family {
            Family::Ipv4 => "/proc/sys/net/bridge/bridge-nf-call-iptables",
            Family::Ipv6 => "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
        };
        if sysctl::number(&subject.facts.snapshot, path) == Some(1) {
            found.push(Unseen {
                what: format!("rules of {family} for what {bridge} passes from port to port"),
                evidence: Evidence {
                    source: path.to_owned(),
                    text: "1".to_owned(),
                },
                look: "sysctl net.bridge   # on where br_netfilter is".to_owned(),
            });
        }
    }
    found
}

/// The interfaces that clients come in by; all but `lo` where that is not known.
fn arriving(subject: &Subject) -> Vec<String> {
    let Subject { profile, facts, .. } = *subject;
    let named =
        |external: &[External]| external.iter().flat_map(|e| e.interfaces.clone()).collect();
    let mut interfaces: Vec<InterfaceName> = Vec::new();
    let called: Vec<IpAddr> = match &profile.nat {
        Nat::None => profile.server.addresses.clone(),
        Nat::Upstream { external, .. } => {
            interfaces = named(external);
            profile.server.addresses.clone()
        }
        Nat::Dnat { external, .. } => {
            interfaces = named(external);
            external.iter().filter_map(|e| e.address).collect()
        }
        Nat::Masquerade { external, internal } => {
            interfaces = named(external);
            interfaces.extend(internal.interfaces.clone());
            Vec::new()
        }
    };
    if !interfaces.is_empty() {
        return interfaces.iter().map(ToString::to_string).collect();
    }
    let own = facts.addresses.iter().flatten();
    let found: Vec<String> = own
        .filter(|a| called.contains(&a.net.addr()) && a.interface != "lo")
        .map(|a| a.interface.clone())
        .collect();
    if !found.is_empty() {
        return found;
    }
    let all = facts.interfaces.iter().flatten();
    all.map(|(_, name)| name.clone())
        .filter(|name| name != "lo")
        .collect()
}

/// The interfaces on the way to a server that is not this host itself.
fn to_server(subject: &Subject) -> Vec<String> {
    let Subject { profile, facts, .. } = *subject;
    let (Some(own), Some(routing)) = (&facts.addresses, &facts.routing) else {
        return Vec::new();
    };
    if matches!(profile.nat, Nat::Masquerade { .. }) {
        return Vec::new();
    }
    let is_own = |address: &IpAddr| own.iter().any(|a| a.net.addr() == *address);
    let elsewhere = profile.server.addresses.iter().filter(|a| !is_own(a));
    let by = elsewhere.flat_map(|&server| {
        // From wherever: routes by source are rare, and only choose among its uplinks.
        let from = match Family::of(server) {
            Family::Ipv4 => IpAddr::from([0; 4]),
            Family::Ipv6 => IpAddr::from([0; 16]),
        };
        match routing.way(from, server, Some(&[])) {
            Way::Out { interfaces, .. } => interfaces,
            Way::Local | Way::Nowhere(_) | Way::Unclear(_) => Vec::new(),
        }
    });
    by.collect()
}
