//! One rule that takes a part away, and the partition that tells which.

use std::net::IpAddr;

use ftpnat::model::net::Family;
use ftpnat::plan::flows::{Part, Purpose};
use ftpnat::ruleset::eval::{Axis, Outcome, Region, Rejection, address, number};
use libtest_mimic::{Failed, Trial};

use crate::support::rules::nft;
use crate::{Host, read_profile, traced};

/// Rules of an input chain, and what they leave of the passive range for everyone.
const CASES: &[(&str, &str, &[Says])] = &[
    ("the-whole-range-passes", "", &[all("accept")]),
    (
        "a-hole-in-the-range",
        "tcp dport 50040-50060 drop",
        &[
            ports(50000, 50039, "accept"),
            ports(50040, 50060, "drop"),
            ports(50061, 51000, "accept"),
        ],
    ),
    (
        "only-the-first-half",
        "tcp dport 50000-50499 accept\ntcp dport 50000-51000 reject with tcp reset",
        &[ports(50000, 50499, "accept"), ports(50500, 51000, "reset")],
    ),
    (
        "a-banned-network",
        "ip saddr 198.51.100.0/24 drop",
        &[
            sources("0.0.0.0", "198.51.99.255", "accept"),
            sources("198.51.100.0", "198.51.100.255", "drop"),
            sources("198.51.101.0", "255.255.255.255", "accept"),
        ],
    ),
    (
        "a-set-of-ports-and-a-source",
        "ip saddr 192.0.2.7 tcp dport { 50001, 50003 } drop",
        &[
            both("192.0.2.7", 50001, "drop"),
            both("192.0.2.7", 50002, "accept"),
            both("192.0.2.7", 50003, "drop"),
            both("192.0.2.8", 50001, "accept"),
        ],
    ),
    (
        "answers-of-what-is-untracked-one-way",
        "}\nchain raw { type filter hook prerouting priority -300\n\
         tcp dport 50000-50499 notrack\n}\n\
         chain out { type filter hook output priority 0\nct state invalid drop",
        &[ports(50000, 50499, "drop"), ports(50500, 51000, "accept")],
    ),
    (
        "a-rate-cannot-be-told",
        "tcp dport 50500-51000 limit rate over 10/second drop",
        &[
            ports(50000, 50499, "accept"),
            ports(50500, 51000, "undecided"),
        ],
    ),
];

/// What must be said of a range of ports and of sources.
struct Says {
    ports: (u16, u16),
    sources: (&'static str, &'static str),
    outcome: &'static str,
}

const fn all(outcome: &'static str) -> Says {
    ports(50000, 51000, outcome)
}

const fn ports(first: u16, last: u16, outcome: &'static str) -> Says {
    Says {
        ports: (first, last),
        sources: ("0.0.0.0", "255.255.255.255"),
        outcome,
    }
}

const fn sources(first: &'static str, last: &'static str, outcome: &'static str) -> Says {
    Says {
        ports: (50000, 51000),
        sources: (first, last),
        outcome,
    }
}

const fn both(source: &'static str, port: u16, outcome: &'static str) -> Says {
    Says {
        ports: (port, port),
        sources: (source, source),
        outcome,
    }
}

/// Rules about zones, and what becomes of the whole: an answer that is looked for in
/// another zone than its connection is in is of none.
const ZONES: &[(&str, &str, &str)] = &[
    (
        "zone-of-both-ways",
        "chain a {\ntype filter hook prerouting priority -300\nct zone set 5\n}\n\
         chain b {\ntype filter hook output priority -300\nct zone set 5\n}",
        "accept",
    ),
    (
        "zone-of-one-way",
        "chain a {\ntype filter hook prerouting priority -300\nct zone set 5\n}",
        "undecided",
    ),
];

fn zoned(chains: &str, outcome: &str) -> Result<(), Failed> {
    let (_, profile) = read_profile("profiles/own-firewall.yaml")?;
    let host = Host::new(&profile);
    let established = "chain c {\ntype filter hook output priority 0; policy drop;\n\
                       ct state established accept\n}";
    nft(
        &host.namespace,
        &format!("table inet t {{\n{chains}\n{established}\n}}"),
    );
    for (connections, parts) in traced(&profile, &host) {
        for part in parts {
            if word(part.outcome()) != outcome || word(&part.opening.outcome) != "accept" {
                return Err(format!("not {outcome}: {connections:#?} {part:#?}").into());
            }
        }
    }
    Ok(())
}

pub(crate) fn trials() -> Vec<Trial> {
    let zone = |(name, chains, outcome): &'static (&str, &str, &str)| {
        Trial::test(format!("parts/{name}"), move || zoned(chains, outcome))
    };
    let trial = |(name, rules, says): &'static (&str, &str, &[Says])| {
        Trial::test(format!("parts/{name}"), move || played(rules, says))
    };
    let cases = CASES.iter().map(trial);
    cases.chain(ZONES.iter().map(zone)).collect()
}

fn played(rules: &str, says: &[Says]) -> Result<(), Failed> {
    let (_, profile) = read_profile("profiles/own-firewall.yaml")?;
    let host = Host::new(&profile);
    nft(
        &host.namespace,
        &format!(
            "table inet t {{
chain input {{
type filter hook input priority 0;
{rules}
}}
}}"
        ),
    );
    let parts: Vec<Part> = traced(&profile, &host)
        .into_iter()
        .filter(|(c, _)| {
            c.purpose == Purpose::PassiveData && c.opening.flow.family() == Family::Ipv4
        })
        .flat_map(|(_, parts)| parts)
        .collect();
    for Says {
        ports,
        sources,
        outcome,
    } in says
    {
        let at = |text: &str| -> Result<u128, Failed> { Ok(number(text.parse::<IpAddr>()?)) };
        let (first, last) = (at(sources.0)?, at(sources.1)?);
        let within = |region: &Region| {
            let (port, source) = (
                region.span(Axis::DestinationPort),
                region.span(Axis::Source),
            );
            port.first <= ports.1.into()
                && u128::from(ports.0) <= port.last
                && source.first <= last
                && first <= source.last
        };
        for part in parts.iter().filter(|part| within(&part.region)) {
            let said = word(part.outcome());
            if said != *outcome {
                let from = address(part.region.span(Axis::Source).first, Family::Ipv4);
                return Err(format!("{said}, not {outcome}, from {from}: {part:#?}").into());
            }
        }
    }
    Ok(())
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accept => "accept",
        Outcome::Drop { .. } => "drop",
        Outcome::Reject {
            kind: Rejection::Reset,
            ..
        } => "reset",
        Outcome::Reject { .. } => "reject",
        Outcome::Elsewhere { .. } => "elsewhere",
        Outcome::Undecided(_) => "undecided",
    }
}
