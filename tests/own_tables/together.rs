//! Several servers by sets and maps do with every packet what the rules one by one do.

use std::net::IpAddr;

use ftpnat::facts::Facts;
use ftpnat::model::net::Family;
use ftpnat::plan::{Plan, plan};
use ftpnat::profile::{Nat, Profile};
use ftpnat::render::native::own_tables;
use ftpnat::render::nftables::own_table;
use ftpnat::ruleset::eval::{
    Doubt, Evaluation, Flow, HostFacts, Outcome, OwnAddress, Packet, Port, Prepared, Route, State,
    Told, Translation, Translations, Where,
};
use ftpnat::ruleset::live::table::{Kind, Policy};
use ftpnat::ruleset::live::{Ruleset, Table};
use libtest_mimic::{Failed, Trial};

use crate::support::dice::Dice;
use crate::{read, servers, shipped};

/// Groups of servers a trial.
const EACH: u64 = 12;
/// Connections a group.
const FLOWS: usize = 150;

pub(crate) fn trials() -> Vec<Trial> {
    let blocks: u64 = if std::env::var_os("FTPNAT_LONG").is_some() {
        100
    } else {
        4
    };
    let mut trials: Vec<Trial> = (0..blocks)
        .map(|block| {
            Trial::test(format!("together/servers-{block}"), move || {
                let (mut apart, mut together) = (0, 0);
                for seed in block * EACH..(block + 1) * EACH {
                    let profiles = servers(seed)?;
                    let rules = equal(&profiles, FLOWS, seed).map_err(|e| {
                        let why = e.message().unwrap_or_default();
                        Failed::from(format!("seed {seed}: {why}"))
                    })?;
                    apart += rules.0;
                    together += rules.1;
                }
                println!("{apart} rules one by one are {together} together");
                (together * 3 < apart * 2)
                    .then_some(())
                    .ok_or_else(|| format!("of {apart} rules {together} are left").into())
            })
        })
        .collect();
    trials.push(Trial::test("together/two-servers", || {
        equal(
            &shipped(&["two-servers-a", "two-servers-b"])?,
            usize::MAX,
            0,
        )
        .map(|_| ())
    }));
    for (name, profiles) in ORDER {
        trials.push(Trial::test(format!("together/{name}"), move || {
            let profiles: Result<Vec<Profile>, Failed> = profiles.iter().map(|t| read(t)).collect();
            equal(&profiles?, usize::MAX, 0).map(|_| ())
        }));
    }
    trials.push(Trial::test("together/every-element-counts", every_element));
    trials
}

/// Where the order of rules matters, as far as profiles can stand together so; in each
/// case another order gives another translation.
const ORDER: &[(&str, &[&str])] = &[
    (
        "one-server-behind-two-addresses",
        &[
            "name: a\nserver: { address: 10.77.0.21 }\nactive: true\npassive: { ports: 50000-50499 }\nnat: { mode: dnat, external: { address: 198.51.100.2 } }\n",
            "name: b\nserver: { address: 10.77.0.21 }\nactive: true\npassive: { ports: 50200-50699 }\nnat: { mode: dnat, external: { address: 198.51.100.1 } }\n",
            "name: c\nserver: { address: 10.77.0.22 }\nactive: true\npassive: { ports: 50500-50999 }\nnat: { mode: dnat, external: { address: 198.51.100.3 } }\n",
        ],
    ),
    (
        "active-data-to-a-server-that-hairpins",
        &[
            "name: a\nserver: { address: 10.77.0.21 }\npassive: { ports: 51000-51499 }\nnat: { mode: dnat, external: { address: 198.51.100.1 }, internal: { interface: eth1, networks: 10.77.0.0/16 }, hairpin: true }\n",
            "name: b\nserver: { address: 10.77.0.22 }\nactive: true\npassive: { ports: 51000-51499 }\nnat: { mode: dnat, external: { address: 198.51.100.2 } }\n",
            "name: c\nserver: { address: 10.77.0.23 }\npassive: { ports: 51000-51499 }\nnat: { mode: dnat, external: { address: 198.51.100.3 }, internal: { interface: eth1, networks: 10.77.0.0/16 }, hairpin: true }\n",
            "name: d\nserver: { address: 10.77.0.24 }\nactive: true\npassive: { ports: 51000-51499 }\nnat: { mode: dnat, external: { address: 198.51.100.4 } }\n",
        ],
    ),
];

/// The table one by one and together, in which what no rule of a filter chain accepts is
/// dropped: else nobody saw an accept.
fn both(profiles: &[Profile]) -> (Ruleset, Ruleset) {
    let plan = plan(profiles, &Facts::default());
    let form = |maps: bool| {
        let plan = Plan {
            maps,
            ..plan.clone()
        };
        closed(own_tables(&plan))
    };
    (form(false), form(true))
}

fn closed(mut tables: Vec<Table>) -> Ruleset {
    for chain in tables.iter_mut().flat_map(|table| &mut table.chains) {
        let base = chain.base.as_mut().expect("a base chain");
        if base.kind == Kind::Filter && base.priority == 0 {
            base.policy = Policy::Drop;
        }
    }
    Ruleset {
        tables,
        unread: Vec::new(),
    }
}

/// How many rules the two forms have. `most`: connections that are compared, of
/// all that there are.
fn equal(profiles: &[Profile], most: usize, seed: u64) -> Result<(usize, usize), Failed> {
    let (apart, together) = both(profiles);
    let host = host();
    let one_by_one = Prepared::new(&apart, &host);
    let by_maps = Prepared::new(&together, &host);
    let mut dice = Dice(seed);
    let mut all = flows(profiles);
    all.sort_by_cached_key(|_| dice.next());
    let (mut known, mut asked) = (0, 0);
    for packet in &all.into_iter().take(most).flat_map(of).collect::<Vec<_>>() {
        let wanted = made(packet, &one_by_one.evaluate(packet));
        let found = made(packet, &by_maps.evaluate(packet));
        if wanted != found {
            let names: Vec<&str> = profiles.iter().map(|p| p.name.as_str()).collect();
            return Err(format!(
                "{names:?}: {packet:?}\none by one {wanted:?}\ntogether {found:?}\n{}",
                own_table(&plan(profiles, &Facts::default()))
            )
            .into());
        }
        asked += 1;
        known += usize::from(wanted.outcome != "undecided");
    }
    if known * 10 < asked * 9 {
        return Err(format!("only {known} of {asked} packets are decided").into());
    }
    let rules = |ruleset: &Ruleset| {
        let chains = ruleset.tables.iter().flat_map(|table| &table.chains);
        chains.map(|chain| chain.rules.len()).sum()
    };
    Ok((rules(&apart), rules(&together)))
}

/// What is made of a packet, without by which rule.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    outcome: &'static str,
    translations: Option<Translations>,
    helper: Told<Option<String>>,
    to: Option<Where>,
}

fn made(packet: &Packet, evaluation: &Evaluation) -> Made {
    Made {
        outcome: match evaluation.outcome {
            Outcome::Accept => "accept",
            Outcome::Drop { .. } => "drop",
            Outcome::Reject { .. } => "reject",
            Outcome::Elsewhere { .. } => "elsewhere",
            Outcome::Undecided(_) => "undecided",
        },
        translations: evaluation.nat.known().map(|nat| Translations {
            destination: plain(nat.translations.destination, packet.flow.destination.1),
            ..nat.translations
        }),
        helper: match &evaluation.helper {
            Told::Known(assigned) => Told::Known(assigned.as_ref().map(|a| a.helper.clone())),
            Told::Undecided(doubt) => Told::Undecided(Doubt {
                at: None,
                expression: None,
                ..*doubt
            }),
        },
        to: evaluation.to.clone(),
    }
}

/// To the port that it is for: the same port.
fn plain(translation: Translation, port: u16) -> Translation {
    if translation.port == Port::Within(port, port) {
        Translation {
            port: Port::Same,
            ..translation
        }
    } else {
        translation
    }
}

/// A gateway with two ways out.
fn host() -> HostFacts {
    let own = |interface: &str, net: &str| OwnAddress {
        interface: interface.to_owned(),
        net: net.parse().expect("a network"),
    };
    let route = |to: &str, interface: &str| Route {
        to: to.parse().expect("a network"),
        interface: Some(interface.to_owned()),
    };
    HostFacts {
        addresses: Some(vec![
            own("lo", "127.0.0.1/8"),
            own("eth0", "198.51.100.1/24"),
            own("ppp0", "198.51.200.9/32"),
            own("eth1", "10.77.0.1/16"),
            own("eth0", "2001:db8:51::1/64"),
            own("eth1", "2001:db8:77::ffff/64"),
        ]),
        routes: Some(vec![
            route("0.0.0.0/0", "eth0"),
            route("203.0.113.0/24", "ppp0"),
            route("198.51.100.0/24", "eth0"),
            route("10.77.0.0/16", "eth1"),
            route("::/0", "eth0"),
            route("2001:db8:77::/64", "eth1"),
        ]),
        interfaces: None,
    }
}

/// From everybody to every address and its neighbour, on every port that begins or ends
/// something and those beside it.
fn flows(profiles: &[Profile]) -> Vec<Flow> {
    let mut to: Vec<IpAddr> = Vec::new();
    let mut ports: Vec<u16> = vec![40000];
    for profile in profiles {
        let externals = match &profile.nat {
            Nat::Dnat { external, .. } | Nat::Upstream { external, .. } => &external[..],
            _ => &[],
        };
        let servers = Family::BOTH.map(|family| profile.server_address(family));
        to.extend(servers.into_iter().flatten());
        to.extend(externals.iter().filter_map(|external| external.address));
        let range = profile.passive.ports;
        let ends = profile.control.iter().map(|control| control.port);
        let ends = ends.chain(externals.iter().filter_map(|external| external.port));
        for port in ends.chain([range.first(), range.last(), range.first() + 7]) {
            ports.extend([port - 1, port, port + 1]);
        }
    }
    let mut from = to.clone();
    to.extend(ips(&[
        "198.51.200.9",
        "10.77.0.1",
        "198.51.100.250",
        "192.0.2.9",
        "203.0.113.7",
    ]));
    from.extend(ips(&[
        "192.0.2.1",
        "203.0.113.7",
        "203.0.113.200",
        "10.77.0.50",
        "10.77.250.1",
        "2001:db8::9",
        "2001:db8:77::50",
    ]));
    for list in [&mut to, &mut from] {
        list.sort();
        list.dedup();
    }
    ports.sort_unstable();
    ports.dedup();
    let mut flows = Vec::new();
    for source in &from {
        for destination in to.iter().filter(|to| to.is_ipv4() == source.is_ipv4()) {
            for port in &ports {
                flows.push(Flow::tcp((*source, 40001), (*destination, *port)));
            }
        }
    }
    flows
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts
        .iter()
        .map(|t| t.parse().expect("an address"))
        .collect()
}

/// The packets of a flow, by every way.
fn of(flow: Flow) -> Vec<Packet> {
    let mut packets: Vec<Packet> = ["eth0", "ppp0", "eth1"]
        .into_iter()
        .map(|input| Packet::arriving(flow, Some(input)))
        .collect();
    packets.push(Packet {
        state: State::Related,
        master_helper: Some("ftp".to_owned()),
        ..packets[0].clone()
    });
    let own = IpAddr::from([198, 51, 100, 1]);
    if flow.source.0 == own {
        packets = vec![Packet::leaving(flow)];
    }
    packets
}

/// An element that is taken out is missed: the packets that are compared would tell of any
/// that is wrong.
fn every_element() -> Result<(), Failed> {
    let texts = [
        "name: a\nserver: { address: 10.77.0.21 }\ncontrol: { port: 21, tls: none }\nactive: true\npassive: { ports: 50000-50499 }\nnat: { mode: dnat, external: { address: 198.51.100.1 }, internal: { interface: eth1, networks: 10.77.0.0/16 }, hairpin: true }\n",
        "name: b\nserver: { address: 10.77.0.22 }\ncontrol: { port: 21, tls: none }\nactive: true\npassive: { ports: 50500-50999 }\nnat: { mode: dnat, external: { address: 198.51.100.2, port: 2121 }, internal: { interface: eth1, networks: 10.77.0.0/16 }, hairpin: true }\n",
        "name: c\nserver: { address: 10.77.0.23 }\ncontrol: { port: 21, tls: none }\nactive: true\npassive: { ports: 50500-50999 }\nnat: { mode: dnat, external: { address: 198.51.100.3 }, internal: { interface: eth1, networks: 10.77.0.0/16 }, hairpin: true }\n",
    ];
    let profiles: Result<Vec<Profile>, Failed> = texts.iter().map(|t| read(t)).collect();
    let profiles = profiles?;
    let (_, together) = both(&profiles);
    let host = host();
    let whole = Prepared::new(&together, &host);
    let mut packets: Vec<Packet> = flows(&profiles).into_iter().flat_map(of).collect();
    packets.retain(|p| p.input.as_deref() != Some("ppp0"));
    let told: Vec<Made> = packets
        .iter()
        .map(|p| made(p, &whole.evaluate(p)))
        .collect();
    let mut taken = 0;
    for (set, of) in together.tables[0].sets.iter().enumerate() {
        for element in 0..of.elements.len() {
            if of.flags.anonymous {
                continue;
            }
            let mut less = together.clone();
            less.tables[0].sets[set].elements.remove(element);
            let less = Prepared::new(&less, &host);
            let mut beside = packets.iter().zip(&told);
            if beside.all(|(packet, told)| made(packet, &less.evaluate(packet)) == *told) {
                let element = &of.elements[element];
                return Err(format!("nobody misses {element:?} of {}", of.name).into());
            }
            taken += 1;
        }
    }
    println!(
        "each of {taken} elements is missed by some of {} packets",
        packets.len()
    );
    (taken > 20)
        .then_some(())
        .ok_or_else(|| "no elements".into())
}
