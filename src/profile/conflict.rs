//! Two profiles that cannot stand on one host together.
//!
//! A packet is known by its address and port. So two profiles collide where a
//! packet could be meant for either: the same control port, or the same passive
//! port, at an address that both answer to.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;

use super::Profile;
use super::claim::{Claim, claims};
use super::error::escape;
use crate::model::net::PortRange;

/// What two profiles claim both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The profile that was given first.
    pub first: Claimant,
    /// The profile that was given later.
    pub second: Claimant,
    /// What both claim, such as `control port 21 of 203.0.113.10`.
    pub claim: String,
    /// What to change.
    pub help: String,
}

/// A profile in a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimant {
    /// Its name.
    pub name: String,
    /// The file that it came from.
    pub file: String,
}

impl Claimant {
    fn of(profile: &Profile) -> Self {
        Self {
            name: profile.name.clone(),
            file: profile.file.clone(),
        }
    }
}

impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, escape(&self.file))
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} and {} both claim {}",
            self.first, self.second, self.claim
        )
    }
}

/// Every conflict among profiles that are given together, in their order.
#[must_use]
pub fn conflicts(profiles: &[Profile]) -> Vec<Conflict> {
    let mut found = Vec::new();
    let mut before = Before::default();
    for (index, second) in profiles.iter().enumerate() {
        let claims = claims(second);
        for at in before.that_may_meet(second, &claims) {
            let (Some(first), Some(theirs)) = (profiles.get(at), before.claims.get(at)) else {
                continue;
            };
            let report = |(claim, help)| Conflict {
                first: Claimant::of(first),
                second: Claimant::of(second),
                claim,
                help,
            };
            let collisions = collisions((first, theirs), (second, &claims));
            found.extend(collisions.into_iter().map(report));
        }
        before.add(index, second, claims);
    }
    found
}

/// The profiles before one, by what they may share with it: ten thousand are not compared
/// each with each.
#[derive(Default)]
struct Before<'a> {
    claims: Vec<Vec<Claim>>,
    of_name: HashMap<&'a str, Vec<usize>>,
    at_address: HashMap<IpAddr, Vec<usize>>,
    /// Those that claim a place without an address.
    anywhere: Vec<usize>,
}

impl<'a> Before<'a> {
    fn that_may_meet(&self, profile: &Profile, claims: &[Claim]) -> BTreeSet<usize> {
        if claims.iter().any(|claim| claim.place.address().is_none()) {
            return (0..self.claims.len()).collect();
        }
        let mut met: BTreeSet<usize> = self.anywhere.iter().copied().collect();
        met.extend(
            self.of_name
                .get(profile.name.as_str())
                .into_iter()
                .flatten(),
        );
        for address in claims.iter().filter_map(|claim| claim.place.address()) {
            met.extend(self.at_address.get(&address).into_iter().flatten());
        }
        met
    }

    fn add(&mut self, index: usize, profile: &'a Profile, claims: Vec<Claim>) {
        self.of_name.entry(&profile.name).or_default().push(index);
        for claim in &claims {
            match claim.place.address() {
                Some(address) => self.at_address.entry(address).or_default().push(index),
                None => self.anywhere.push(index),
            }
        }
        self.claims.push(claims);
    }
}

/// What two profiles claim both, and what to change about it.
fn collisions(
    (first, claims): (&Profile, &[Claim]),
    (second, others): (&Profile, &[Claim]),
) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if first.name == second.name {
        let claim = format!("the name {}", first.name);
        let help = "give one of them another name: installed rules are told apart by it";
        found.push((claim, help.to_owned()));
    }
    let mut report = |collision: (String, String)| {
        if !found.contains(&collision) {
            found.push(collision);
        }
    };
    for (one, other) in pairs(claims, others) {
        let Some(place) = one.place.meets(&other.place) else {
            continue;
        };
        for port in one
            .control
            .iter()
            .filter(|port| other.control.contains(port))
        {
            report((
                format!("control port {port} of {place}"),
                one.place.cure(&other.place).to_owned(),
            ));
        }
        if one.passive.overlaps(other.passive) {
            let claim = format!(
                "passive ports of {place}: {} and {} overlap",
                one.passive, other.passive
            );
            report((
                claim,
                another_range(one.passive, other.passive, &second.name),
            ));
        }
        for (passive, control) in [(one.passive, &other.control), (other.passive, &one.control)] {
            for port in control.iter().filter(|port| passive.contains(**port)) {
                let claim = format!("port {port} of {place}: for control, and in {passive}");
                report((claim, format!("choose passive.ports without {port}")));
            }
        }
    }
    found
}

fn pairs<'a>(
    first: &'a [Claim],
    second: &'a [Claim],
) -> impl Iterator<Item = (&'a Claim, &'a Claim)> {
    first
        .iter()
        .flat_map(move |one| second.iter().map(move |other| (one, other)))
}

/// A range for the later profile that the two do not share.
fn another_range(first: PortRange, second: PortRange, name: &str) -> String {
    let width = second.last() - second.first();
    let above = first.last().max(second.last()).checked_add(1);
    let next = above.and_then(|from| PortRange::new(from, from.checked_add(width)?));
    match next {
        Some(range) => format!("change the ports of one, such as {range} for {name}"),
        None => "change passive.ports of one: passive ports cannot be translated".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::parse;

    fn profile(name: &str, body: &str) -> Profile {
        let text = format!("name: {name}\n{body}");
        parse(&format!("{name}.yaml"), text.as_bytes()).unwrap_or_else(|e| panic!("{e}"))
    }

    /// The claims that two profiles share.
    fn shared(one: &str, other: &str) -> Vec<String> {
        let found = conflicts(&[profile("a", one), profile("b", other)]);
        found.into_iter().map(|conflict| conflict.claim).collect()
    }

    fn dnat(external: &str, ports: &str) -> String {
        format!(
            "server: {{ address: 10.77.0.21 }}\npassive: {{ ports: {ports} }}\n\
             nat: {{ mode: dnat, external: {{ {external} }} }}\n"
        )
    }

    fn here(server: &str, control: u16, ports: &str) -> String {
        format!(
            "server: {{ {server} }}\ncontrol: {{ port: {control} }}\npassive: {{ ports: {ports} }}\n"
        )
    }

    const A: &str = "address: 198.51.100.1, interface: eth0";
    const NONE: [&str; 0] = [];

    #[test]
    fn one_external_address_has_each_port_once() {
        let one = dnat(A, "50000-51000");
        let same = shared(&one, &dnat(A, "52000-53000"));
        assert_eq!(same, ["control port 21 of 198.51.100.1"]);
        let port = "address: 198.51.100.1, port: 2121";
        assert_eq!(shared(&one, &dnat(port, "52000-53000")), NONE);
        let overlap = shared(&one, &dnat(port, "51000-52000"));
        assert_eq!(
            overlap,
            ["passive ports of 198.51.100.1: 50000-51000 and 51000-52000 overlap"]
        );
        let inside = shared(
            &one,
            &dnat("address: 198.51.100.1, port: 50500", "52000-53000"),
        );
        assert_eq!(
            inside,
            ["port 50500 of 198.51.100.1: for control, and in 50000-51000"]
        );
        let other = "address: 198.51.100.2, interface: eth0";
        assert_eq!(shared(&one, &dnat(other, "50000-51000")), NONE);
    }

    #[test]
    fn a_dynamic_address_may_be_any_of_its_interface() {
        let dynamic = dnat("interface: eth0", "50000-51000");
        assert_eq!(
            shared(&dynamic, &dnat("interface: eth1", "50000-51000")),
            NONE
        );
        let same = shared(&dynamic, &dnat("interface: [ eth1, eth0 ]", "52000-53000"));
        assert_eq!(same, ["control port 21 of eth0"]);
        assert_eq!(shared(&dynamic, &dnat(A, "50000-51000")).len(), 2);
        assert_eq!(
            shared(&dnat("address: 198.51.100.1", "50000-51000"), &dynamic).len(),
            2
        );
        let elsewhere = "address: 198.51.100.1, interface: eth1";
        assert_eq!(shared(&dynamic, &dnat(elsewhere, "50000-51000")), NONE);
    }

    #[test]
    fn servers_on_this_host_share_its_ports() {
        let anywhere = here("software: other", 21, "50000-51000");
        let same = shared(&anywhere, &here("software: other", 21, "50500-51500"));
        assert_eq!(
            same,
            [
                "control port 21 of this host",
                "passive ports of this host: 50000-51000 and 50500-51500 overlap",
            ],
        );
        let one = here("address: 192.0.2.1", 21, "50000-51000");
        assert_eq!(
            shared(&one, &here("address: 192.0.2.2", 21, "50000-51000")),
            NONE
        );
        assert_eq!(
            shared(&one, &here("address: 192.0.2.1", 2121, "52000-53000")),
            NONE
        );
        assert_eq!(
            shared(&one, &here("address: 192.0.2.1", 21, "52000-53000")).len(),
            1
        );
        assert_eq!(shared(&anywhere, &one).len(), 2);
        assert_eq!(
            shared(
                &here("address: 198.51.100.1", 21, "50000-51000"),
                &dnat(A, "52000-53000")
            )
            .len(),
            1
        );
    }

    #[test]
    fn the_box_in_front_has_each_port_once_too() {
        let upstream = |address: &str, external: &str| {
            format!(
                "server: {{ address: {address} }}\npassive: {{ ports: 50000-51000 }}\n\
                 nat: {{ mode: upstream, external: {{ address: {external} }} }}\n"
            )
        };
        let one = upstream("10.77.0.21", "203.0.113.10");
        assert_eq!(
            shared(&one, &upstream("10.77.0.22", "203.0.113.10")).len(),
            2
        );
        assert_eq!(
            shared(&one, &upstream("10.77.0.21", "203.0.113.11")).len(),
            2
        );
        assert_eq!(shared(&one, &upstream("10.77.0.22", "203.0.113.11")), NONE);
    }

    #[test]
    fn the_gateway_of_clients_claims_only_its_name() {
        let out = "nat: { mode: masquerade, external: { interface: eth0 }, internal: { interface: eth1 } }\n";
        assert_eq!(shared(out, out), NONE);
        assert_eq!(shared(out, &dnat("interface: eth0", "50000-51000")), NONE);
        let twins = conflicts(&[profile("a", out), profile("a", out)]);
        assert_eq!(
            twins[0].to_string(),
            "a (a.yaml) and a (a.yaml) both claim the name a"
        );
        assert_eq!(twins.len(), 1);
    }

    #[test]
    fn another_range_is_named_where_there_is_room() {
        let range = |first, last| PortRange::new(first, last).expect("in order");
        let help = another_range(range(50000, 51000), range(50500, 51500), "b");
        assert_eq!(help, "change the ports of one, such as 51501-52501 for b");
        let help = another_range(range(1024, 65535), range(50000, 51000), "b");
        assert_eq!(
            help,
            "change passive.ports of one: passive ports cannot be translated"
        );
    }
}
