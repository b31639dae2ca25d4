//! By which way answers leave.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Evidence, Finding, Remedy, Severity};
use crate::facts::routes::{Address, Routing, Way};
use crate::facts::{Fact, sysctl};
use crate::model::check::{
    ASYMMETRIC_RETURN_PATH as ASYMMETRIC, CheckId, STRICT_RP_FILTER as STRICT,
};
use crate::model::net::{Family, InterfaceName, is_public};
use crate::plan::served_families;
use crate::profile::{Nat, Profile};

use super::{command, lines, seen};

check! {
    /// Answers leave by another interface than the one that clients come in by.
    ///
    /// ## What happens
    /// Connections hang, or work from some networks only: a firewall or a NAT on the other way never
    /// saw the first packet and drops the answer, or the provider drops it for its source
    /// address.
    ///
    /// ## How it is judged
    /// Where everyone is a client, the route of an answer to the Internet is looked up as the kernel
    /// does: policy rules first, then the longest prefix; on a gateway from the server's address,
    /// since the translation is taken back later. The clients come in by
    /// `nat.external.interface`, or else by the interface that has the address.
    ///
    /// ## Cure
    /// A rule and a table for answers from that address.
    ASYMMETRIC_RETURN_PATH, Warning, moot by &[STRICT], Judge::Host {
        applies: |subject| !matches!(subject.profile.nat, Nat::Masquerade { .. }),
        needs: &[Fact::Addresses, Fact::Routing],
        find: asymmetric,
    }
}

check! {
    /// Strict reverse path filtering drops what clients send.
    ///
    /// ## What happens
    /// Connections from outside time out, and no rule's counter moves: the kernel drops the packet
    /// before any chain of input or forward sees it.
    ///
    /// ## Why
    /// With `rp_filter` 1 a packet is dropped unless the route back to its source leaves by
    /// the interface that it came in by (RFC 3704). The kernel takes the higher one of `all` and the
    /// interface's own value. Only IPv4 has it.
    ///
    /// ## How it is judged
    /// As FN212, on an interface where the filter is strict.
    ///
    /// ## Cure
    /// Mend the route; or loose filtering (2) on that interface.
    STRICT_RP_FILTER, Warning, moot by &[], Judge::Host {
        applies: |subject| !matches!(subject.profile.nat, Nat::Masquerade { .. }),
        needs: &[Fact::Addresses, Fact::Routing],
        find: strict,
    }
}

/// An answer that leaves by another way than its question came.
struct Detour {
    /// The address that answers come from.
    address: IpAddr,
    /// By which interface they come.
    arrives: String,
    /// By which answers leave.
    leaves: String,
    /// The route that says so.
    route: String,
}

enum Ways {
    Straight,
    Detour(Detour),
    Unclear(String),
}

fn asymmetric(subject: &Subject) -> Verdict {
    judge(subject, ASYMMETRIC, |_| Ok(true), |_, _| Vec::new())
}

fn strict(subject: &Subject) -> Verdict {
    let is_strict = |detour: &Detour| {
        if detour.address.is_ipv6() {
            return Ok(false);
        }
        let path = sysctl::of_interface("ipv4", &detour.arrives, "rp_filter");
        rp_filter(subject, &detour.arrives)
            .map(|(_, value)| value == 1)
            .ok_or_else(|| subject.facts.snapshot.why_silent(&path))
    };
    let filter = |subject: &Subject, detour: &Detour| {
        let filter = rp_filter(subject, &detour.arrives);
        filter
            .into_iter()
            .map(|(path, value)| seen(path, value.to_string()))
            .collect()
    };
    judge(subject, STRICT, is_strict, filter)
}

fn judge(
    subject: &Subject,
    id: CheckId,
    counts: impl Fn(&Detour) -> Result<bool, String>,
    more: impl Fn(&Subject, &Detour) -> Vec<Evidence>,
) -> Verdict {
    let mut unclear = None;
    for family in served_families(subject.profile) {
        for (address, interface) in called(subject, family) {
            match ways(subject, address, &interface) {
                Ways::Detour(detour) => match counts(&detour) {
                    Err(why) => return Verdict::Unknown(why),
                    Ok(false) => {}
                    Ok(true) => {
                        let mut evidence = more(subject, &detour);
                        evidence.extend([
                            seen("ip route get", &detour.route),
                            seen(
                                "profile and ip address",
                                format!("clients come in by {}", detour.arrives),
                            ),
                        ]);
                        return Verdict::Found(Finding {
                            id,
                            severity: Severity::Warning,
                            summary: summary(id, &detour),
                            evidence,
                            remedy: remedy(subject, id, &detour),
                        });
                    }
                },
                Ways::Straight => {}
                Ways::Unclear(rule) => unclear = unclear.or(Some(rule)),
            }
        }
    }
    match unclear {
        Some(rule) => Verdict::Unknown(format!(
            "a routing rule decides that is not understood here: {rule}"
        )),
        None => Verdict::Fine,
    }
}

fn summary(id: CheckId, detour: &Detour) -> String {
    let Detour {
        address,
        arrives,
        leaves,
        ..
    } = detour;
    if id == STRICT {
        format!("packets by {arrives} are dropped: answers from {address} would leave by {leaves}")
    } else {
        format!("clients come in by {arrives}, and answers from {address} leave by {leaves}")
    }
}

fn remedy(subject: &Subject, id: CheckId, detour: &Detour) -> Vec<Remedy> {
    let version = if detour.address.is_ipv4() { "" } else { "-6 " };
    let family = Family::of(detour.address);
    let routing = subject.facts.routing.as_ref();
    let table = routing.map_or(100, Routing::free_table);
    let gateway = routing.and_then(|r| r.gateway_by(family, &detour.arrives));
    let arrives = &detour.arrives;
    let route = match gateway {
        Some(gateway) => {
            format!("ip {version}route add default via {gateway} dev {arrives} table {table}")
        }
        None => format!(
            "ip {version}route add default via GATEWAY dev {arrives} table {table}   \
             # GATEWAY: the router on {arrives}"
        ),
    };
    let mut all = vec![command(route)];
    let address = detour.address;
    all.push(command(format!(
        "ip {version}rule add from {address} lookup {table}"
    )));
    if id == STRICT {
        // The kernel takes the higher of this one and that of `all`.
        let key = format!("net/ipv4/conf/{}/rp_filter", detour.arrives);
        all.push(command(format!("sysctl -w {key}=2")));
        all.push(lines("/etc/sysctl.d/90-ftpnat.conf", format!("{key} = 2")));
    }
    all
}

/// The file that decides about filtering on an interface, and its value: the higher
/// of `all` and its own (`IN_DEV_RPFILTER`, ip-sysctl.rst).
fn rp_filter(subject: &Subject, interface: &str) -> Option<(String, u64)> {
    let of = |name: &str| {
        let path = sysctl::of_interface("ipv4", name, "rp_filter");
        let value = sysctl::number(&subject.facts.snapshot, &path)?;
        Some((path, value))
    };
    let (all, own) = (of("all"), of(interface));
    if all.as_ref().map(|(_, v)| v) > own.as_ref().map(|(_, v)| v) {
        all
    } else {
        own
    }
}

/// Addresses that answers to clients come from, and by which interface clients come.
///
/// A gateway's answers are the server's: the kernel looks up their way before it takes
/// the translation back. Whether a packet is let in by `rp_filter` is looked up from
/// there as well, behind DNAT (`fib_validate_source`).
fn called(subject: &Subject, family: Family) -> Vec<(IpAddr, String)> {
    let addresses = subject.facts.addresses.as_deref().unwrap_or_default();
    let own: Vec<&Address> = addresses
        .iter()
        .filter(|a| a.is_global && Family::of(a.net.addr()) == family && arrives_by(subject, a))
        .collect();
    let named = external_interfaces(subject.profile);
    match &subject.profile.nat {
        Nat::Dnat { external, .. } => {
            let Some(server) = subject.profile.server_address(family) else {
                return Vec::new();
            };
            let is_external = |a: &&&Address| {
                let ip = Some(a.net.addr());
                named.contains(&a.interface)
                    || named.is_empty() && external.iter().any(|e| e.address == ip)
            };
            let mut by: Vec<String> = own
                .iter()
                .filter(is_external)
                .map(|a| a.interface.clone())
                .collect();
            by.dedup();
            by.into_iter()
                .map(|interface| (server, interface))
                .collect()
        }
        Nat::None | Nat::Upstream { .. } | Nat::Masquerade { .. } => {
            let wanted = subject.profile.server_address(family);
            let is_called = |a: &&&Address| match (named.is_empty(), wanted) {
                (false, _) => named.contains(&a.interface),
                (true, Some(wanted)) => a.net.addr() == wanted,
                // Which one the world uses is not said: a public one it can.
                (true, None) => is_public(a.net.addr()),
            };
            own.iter()
                .filter(is_called)
                .map(|a| (a.net.addr(), a.interface.clone()))
                .collect()
        }
    }
}

/// Whether packets to an address come in by the interface that has it: not where it
/// stands on loopback or on one that no route leaves by, as addresses do that are
/// announced elsewhere.
fn arrives_by(subject: &Subject, address: &Address) -> bool {
    let name = &address.interface;
    let routing = subject.facts.routing.as_ref();
    name != "lo" && !name.starts_with("dummy") && routing.is_some_and(|r| r.leaves_by(name))
}

fn external_interfaces(profile: &Profile) -> Vec<String> {
    match &profile.nat {
        Nat::None | Nat::Masquerade { .. } => Vec::new(),
        Nat::Upstream { external, .. } | Nat::Dnat { external, .. } => external
            .iter()
            .flat_map(|e| &e.interfaces)
            .map(ToString::to_string)
            .collect(),
    }
}

/// An answer from `address` to clients in general. By which way clients of a named
/// network come is not known: it may be another one than the world's.
fn ways(subject: &Subject, address: IpAddr, arrives: &str) -> Ways {
    let Some(routing) = &subject.facts.routing else {
        return Ways::Straight;
    };
    let family = Family::of(address);
    let everyone = |net: &&ipnet::IpNet| net.prefix_len() == 0;
    let clients = subject.profile.clients_of(family);
    let clients = clients.iter().filter(everyone).map(|_| match family {
        Family::Ipv4 => IpAddr::from(SOMEONE4),
        Family::Ipv6 => IpAddr::from(SOMEONE6),
    });
    for client in clients {
        match routing.way(address, client, came_in(subject.profile)) {
            Way::Out { interfaces, route } if !interfaces.iter().any(|i| i == arrives) => {
                return Ways::Detour(Detour {
                    address,
                    arrives: arrives.to_owned(),
                    leaves: interfaces.join(" or "),
                    route: format!("{client} from {address}: {route}"),
                });
            }
            Way::Unclear(rule) => return Ways::Unclear(rule),
            // No way back at all is a plain fault of routing, which no check here has.
            Way::Out { .. } | Way::Local | Way::Nowhere(_) => {}
        }
    }
    Ways::Straight
}

/// Whether answers are this host's own, or come in from the server.
fn came_in(profile: &Profile) -> Option<&[InterfaceName]> {
    match &profile.nat {
        Nat::Dnat { internal, .. } => Some(internal.as_ref().map_or(&[], |i| &i.interfaces)),
        Nat::None | Nat::Upstream { .. } | Nat::Masquerade { .. } => None,
    }
}

/// Someone on the Internet: an address that has a default route's way and no other,
/// of the ranges for documentation that no host has (RFC 5737, RFC 3849).
const SOMEONE4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 123);
const SOMEONE6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 123);
