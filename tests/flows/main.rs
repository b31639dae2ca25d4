//! The connections of every shipped profile through rulesets that a kernel holds: with
//! the rules that ftpnat emits all of them pass, and without them none does; and which
//! part a single rule takes away is told to the port and to the source.

#![allow(clippy::disallowed_methods, reason = "tests touch the host")]

#[path = "../support/mod.rs"]
mod support;

mod parts;

use std::net::IpAddr;
use std::process::ExitCode;

use ftpnat::facts::Facts;
use ftpnat::facts::snapshot::Snapshot;
use ftpnat::model::net::Family;
use ftpnat::plan::From;
use ftpnat::plan::flows::{Connections, Part, Purpose, connections};
use ftpnat::profile::{self, Nat, Profile};
use ftpnat::ruleset::eval::{Address, Axis, HostFacts, Outcome, Path, Prepared, Told};
use ftpnat::ruleset::live::Ruleset;
use ftpnat::ruleset::live::recorded::ruleset;
use ftpnat::sys::{collect, ruleset::record_into};
use libtest_mimic::{Failed, Trial};
use tempfile::TempDir;

use support::netns::Namespace;
use support::rules::{nft, restore};
use support::{BackEnd, emitted};

fn main() -> ExitCode {
    support::enter();
    let mut trials = parts::trials();
    for name in PROFILES {
        for way in [
            Way::Nft,
            Way::Iptables(BackEnd::Nft),
            Way::Iptables(BackEnd::Legacy),
        ] {
            trials.push(Trial::test(format!("{name}/{}", way.word()), move || {
                shipped(name, way)
            }));
        }
    }
    support::play_rules(trials)
}

const PROFILES: [&str; 11] = [
    "cloud",
    "dual-stack",
    "gateway",
    "gateway-hairpin",
    "home-router",
    "implicit",
    "legacy-active",
    "masquerade",
    "own-firewall",
    "two-servers-a",
    "two-servers-b",
];

/// How rules are loaded.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// By nft, into a table of ftpnat's own.
    Nft,
    /// By an iptables-restore, among chains that drop.
    Iptables(BackEnd),
}

impl Way {
    fn word(self) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::Iptables(BackEnd::Nft) => "iptables-nft",
            Self::Iptables(BackEnd::Legacy) => "iptables-legacy",
        }
    }
}

/// A host as the shipped profiles have it: eth0 faces the outside, eth1 the inside.
pub(crate) struct Host {
    pub(crate) namespace: Namespace,
    _dir: TempDir,
}

impl Host {
    pub(crate) fn new(profile: &Profile) -> Self {
        let dir = support::directory();
        let namespace = Namespace::new("host", dir.path());
        namespace.ip(
            "link add eth0 type veth peer name peer0\nlink add eth1 type veth peer name peer1\n\
             link set eth0 up\nlink set peer0 up\nlink set eth1 up\nlink set peer1 up",
        );
        let outside = match profile.nat {
            Nat::None => "203.0.113.10",
            Nat::Upstream { .. } => "10.77.0.21",
            Nat::Dnat { .. } | Nat::Masquerade { .. } => "198.51.100.1",
        };
        namespace.ip(&format!(
            "addr add {outside}/24 dev eth0\naddr add 2001:db8:113::10/64 dev eth0"
        ));
        if matches!(profile.nat, Nat::Dnat { .. } | Nat::Masquerade { .. }) {
            namespace.ip("addr add 10.77.0.1/24 dev eth1\naddr add 2001:db8:77::1/64 dev eth1");
            namespace.sysctl("net.ipv4.ip_forward", "1");
            namespace.sysctl("net.ipv6.conf.all.forwarding", "1");
        }
        let (router, router6) = match profile.nat {
            Nat::None => ("203.0.113.1", "2001:db8:113::1"),
            Nat::Upstream { .. } => ("10.77.0.1", "2001:db8:113::1"),
            Nat::Dnat { .. } | Nat::Masquerade { .. } => ("198.51.100.254", "2001:db8:113::1"),
        };
        namespace.ip(&format!(
            "route add default via {router}\nroute add default via {router6}"
        ));
        Self {
            namespace,
            _dir: dir,
        }
    }

    /// What is known of it, and its rules.
    pub(crate) fn read(&self) -> (Facts, Ruleset) {
        let snapshot: Snapshot = self.namespace.inside(|| {
            let mut snapshot = collect::snapshot(collect::About::Everything);
            record_into(&mut snapshot, true);
            snapshot
        });
        let ruleset = ruleset(&snapshot);
        (Facts::of(snapshot), ruleset)
    }
}

/// What becomes of all that a profile needs.
pub(crate) fn traced(profile: &Profile, host: &Host) -> Vec<(Connections, Vec<Part>)> {
    let (facts, ruleset) = host.read();
    let host = HostFacts::of(&facts);
    let prepared = Prepared::new(&ruleset, &host);
    let all = connections(profile, &facts);
    all.into_iter()
        .map(|connections| {
            let parts = connections.trace(&prepared, 64);
            (connections, parts)
        })
        .collect()
}

pub(crate) fn read_profile(file: &str) -> Result<(String, Profile), Failed> {
    let yaml = std::fs::read_to_string(file)?;
    let profile = profile::parse(file, yaml.as_bytes()).map_err(|e| e.render(false))?;
    Ok((yaml, profile))
}

fn shipped(name: &str, way: Way) -> Result<(), Failed> {
    let (yaml, profile) = read_profile(&format!("profiles/{name}.yaml"))?;
    let host = Host::new(&profile);
    if let Way::Iptables(back_end) = way {
        drop_all(&host, back_end);
        for (connections, parts) in traced(&profile, &host) {
            // What this host itself sends is accepted.
            let is_own = connections.opening.path == Path::Leaves;
            let passes = |part: &Part| part.outcome() == &Outcome::Accept;
            if !is_own && parts.iter().any(passes) {
                return Err(format!("passes without a rule: {connections:#?}").into());
            }
        }
    }
    load(&host, way, &yaml)?;
    let traced = traced(&profile, &host);
    for purpose in [Purpose::Control, Purpose::PassiveData] {
        if !traced
            .iter()
            .any(|(c, _)| c.purpose == purpose && c.from == From::Outside)
        {
            return Err(format!("nobody needs {purpose:?}").into());
        }
    }
    let is_active = traced.iter().any(|(c, _)| c.purpose == Purpose::ActiveData);
    if is_active != profile.active {
        return Err("active data is told of where it is not asked for, or not where it is".into());
    }
    for (connections, parts) in traced {
        for part in parts {
            passes(&profile, &connections, &part)?;
        }
    }
    Ok(())
}

/// A chain that drops, as administrators have it, in every filter table.
fn drop_all(host: &Host, back_end: BackEnd) {
    let table = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n\
                 -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n\
                 -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\nCOMMIT\n";
    for program in ["iptables", "ip6tables"] {
        restore(
            &host.namespace,
            &back_end.program(program, "restore"),
            &[],
            table,
        );
    }
}

fn load(host: &Host, way: Way, yaml: &str) -> Result<(), Failed> {
    match way {
        Way::Nft => {
            let arguments = ["nft", "--base", "none", "--profile", "-"];
            let text = emitted(BackEnd::Nft, &host.namespace, &arguments, yaml)?;
            nft(&host.namespace, &text);
        }
        Way::Iptables(back_end) => {
            for program in ["iptables", "ip6tables"] {
                let arguments = [program, "--profile", "-"];
                let text = emitted(back_end, &host.namespace, &arguments, yaml)?;
                let restore_by = back_end.program(program, "restore");
                restore(&host.namespace, &restore_by, &["-c"], &text);
            }
        }
    }
    Ok(())
}

/// Opening, answer and what follows get through, to the server.
fn passes(profile: &Profile, connections: &Connections, part: &Part) -> Result<(), Failed> {
    let told = part.answer.is_some() && part.later.is_some();
    if part.outcome() != &Outcome::Accept || !told {
        let spans = [
            Axis::Source,
            Axis::SourcePort,
            Axis::Destination,
            Axis::DestinationPort,
        ]
        .map(|axis| part.region.span(axis))
        .map(|span| format!("{:x}-{:x}", span.first, span.last));
        return Err(format!(
            "{:?} from {:?}, {spans:?} does not pass: {:#?}\nopening {:?}\nanswer {:?}\nlater {:?}",
            connections.purpose,
            connections.from,
            part.outcome(),
            part.opening,
            part.answer,
            part.later
        )
        .into());
    }
    let Told::Known(nat) = &part.opening.nat else {
        return Err(format!("what NAT makes of it is not told: {part:#?}").into());
    };
    let family = connections.opening.flow.family();
    let to_server = connections.purpose != Purpose::ActiveData
        && matches!(profile.nat, Nat::Dnat { .. })
        && ftpnat::plan::translated(profile, family);
    if connections.opening.settled.is_some() {
        // To the client, by the helper.
        return Ok(());
    }
    let expected = match (to_server, server(profile, family)) {
        (true, Some(server)) => Address::Within(server, server),
        _ => Address::Same,
    };
    if nat.translations.destination.address == expected {
        Ok(())
    } else {
        Err(format!("to another address than {expected:?}: {part:#?}").into())
    }
}

fn server(profile: &Profile, family: Family) -> Option<IpAddr> {
    profile.server_address(family)
}
