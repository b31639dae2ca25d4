//! By which way answers leave.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::check::definition::{Judge, Subject, Verdict, check};
use crate::check::{Evidence, Finding, Severity};
use crate::facts::routes::{Address, Way};
use crate::facts::{Fact, sysctl};
use crate::model::check::{
    ASYMMETRIC_RETURN_PATH as ASYMMETRIC, CheckId, STRICT_RP_FILTER as STRICT,
};
use crate::model::net::{Family, is_public};
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
    /// For each address that clients use, the route of an answer is looked up as the kernel does:
    /// policy rules first, then the longest prefix. The clients come in by
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
    /// The address that clients call.
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
                            seen("ip address", format!("{address} on {}", detour.arrives)),
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
        format!("packets to {address} by {arrives} are dropped: answers would leave by {leaves}")
    } else {
        format!("clients reach {address} by {arrives}, and answers leave by {leaves}")
    }
}

fn remedy(subject: &Subject, id: CheckId, detour: &Detour) -> Vec<crate::check::Remedy> {
    let version = if detour.address.is_ipv4() { "" } else { "-6 " };
    let gateway = "GATEWAY   # the router on that interface";
    let mut all = vec![
        command(format!(
            "ip {version}rule add from {} lookup 100",
            detour.address
        )),
        command(format!(
            "ip {version}route add default dev {} table 100 via {gateway}",
            detour.arrives
        )),
    ];
    let general = rp_filter(subject, &detour.arrives).map(|(path, _)| path);
    if let (true, Some(path)) = (id == STRICT, general) {
        let key = path.trim_start_matches("/proc/sys/").to_owned();
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

/// The addresses of this host that outside clients call, and by which interface they
/// come. On a host with one interface there is nothing to ask.
fn called(subject: &Subject, family: Family) -> Vec<(IpAddr, String)> {
    let addresses = subject.facts.addresses.as_deref().unwrap_or_default();
    let of_family = || {
        addresses.iter().filter(move |a| {
            a.is_global && Family::of(a.net.addr()) == family && !a.net.addr().is_loopback()
        })
    };
    let named = external_interface(subject.profile);
    let wanted = wanted(subject.profile, family);
    let is_called = |address: &&Address| {
        let ip = address.net.addr();
        match (&named, wanted.is_empty()) {
            (Some(interface), _) => address.interface == *interface,
            (None, false) => wanted.contains(&ip),
            // Which one the world uses is not said: a public one it can.
            (None, true) => is_public(ip),
        }
    };
    of_family()
        .filter(is_called)
        .map(|a| (a.net.addr(), a.interface.clone()))
        .collect()
}

fn external_interface(profile: &Profile) -> Option<String> {
    match &profile.nat {
        Nat::None | Nat::Masquerade { .. } => None,
        Nat::Upstream { external, .. } | Nat::Dnat { external, .. } => external
            .iter()
            .find_map(|e| e.interfaces.first())
            .map(ToString::to_string),
    }
}

/// The addresses that the profile says clients call on this host.
fn wanted(profile: &Profile, family: Family) -> Vec<IpAddr> {
    match &profile.nat {
        Nat::None | Nat::Upstream { .. } => profile.server_address(family).into_iter().collect(),
        Nat::Dnat { external, .. } => external
            .iter()
            .filter_map(|e| e.address)
            .filter(|a| Family::of(*a) == family)
            .collect(),
        // Clients behind this host come in where they live, and answers go back there.
        Nat::Masquerade { .. } => Vec::new(),
    }
}

/// An answer from `address` to clients in general, and to the first of each network of
/// clients that the profile names.
fn ways(subject: &Subject, address: IpAddr, arrives: &str) -> Ways {
    let Some(routing) = &subject.facts.routing else {
        return Ways::Straight;
    };
    let family = Family::of(address);
    let clients: Vec<IpAddr> = subject
        .profile
        .clients_of(family)
        .iter()
        .map(|net| match (net.prefix_len(), family) {
            (0, Family::Ipv4) => SOMEONE4.into(),
            (0, Family::Ipv6) => SOMEONE6.into(),
            _ => net.hosts().next().unwrap_or(net.addr()),
        })
        .collect();
    for client in clients {
        match routing.way(address, client) {
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

/// Someone on the Internet: an address that has a default route's way and no other,
/// of the ranges for documentation that no host has (RFC 5737, RFC 3849).
const SOMEONE4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 123);
const SOMEONE6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 123);
