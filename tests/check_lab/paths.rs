//! Ways through hosts: forwarding, two uplinks, and our route look-up beside the
//! kernel's.

use std::net::IpAddr;

use ftpnat::facts::routes::{Routing, Way};
use ftpnat::model::net::PortRange;
use libtest_mimic::Failed;

use crate::support::netns::Namespace;
use crate::support::outcome::{Outcome, Stage};
use crate::support::rules::nft;
use crate::support::scene::{BehindGateway, Forwarding, PUBLIC};
use crate::support::server::Config;
use crate::support::{directory, emitted, proftpd};
use crate::{Played, Said, commands, cure, lists, same, support};

pub(crate) fn trials() -> [Played; 4] {
    [
        ("forwarding-off", || forwarding("net.ipv4.ip_forward")),
        ("forwarding-off-on-one-interface", || {
            forwarding("net.ipv4.conf.eth0.forwarding")
        }),
        ("two-uplinks", two_uplinks),
        ("ways-of-the-kernel", ways_of_the_kernel),
    ]
}

const GATEWAY: &str = "name: lab\nserver: { address: 10.77.0.21, software: proftpd }\n\
                       passive: { ports: 50000-50010, advertise: 198.51.100.1 }\n\
                       nat:\n  mode: dnat\n  external: { address: 198.51.100.1, interface: eth0 }\n";

/// A gateway with every rule, on which one sysctl is off.
fn forwarding(off: &str) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let server = proftpd::start(
        &scene.server,
        &Config {
            advertise: Some([198, 51, 100, 1].into()),
            ..Config::default()
        },
    );
    let arguments = ["nft", "--base", "none", "--profile", "-"];
    let rules = emitted(support::BackEnd::Nft, &scene.gateway, &arguments, GATEWAY)?;
    nft(&scene.gateway, &rules);
    Said::of(&scene.gateway, GATEWAY)?.silent("FN206")?;
    lists(&scene.client, &server, PUBLIC, &Outcome::Works, Stage::Data)?;
    scene.gateway.sysctl(off, "0");
    lists(
        &scene.client,
        &server,
        PUBLIC,
        &Outcome::Hangs,
        Stage::Control,
    )?;
    let said = Said::of(&scene.gateway, GATEWAY)?;
    for command in commands(said.fires("FN206")?) {
        cure(&scene.gateway, &command);
    }
    Said::of(&scene.gateway, GATEWAY)?.silent("FN206")?;
    lists(&scene.client, &server, PUBLIC, &Outcome::Works, Stage::Data)
}

/// A server with two uplinks, and a client behind both:
///
/// ```text
/// client eth0 198.51.100.10 ---- 198.51.100.1 eth0 server
///        eth1 203.0.113.10  ---- 203.0.113.1  eth1
///        lo   192.0.2.77
/// ```
pub(crate) struct TwoUplinks {
    pub(crate) client: Namespace,
    pub(crate) server: Namespace,
    _dir: tempfile::TempDir,
}

/// The address of the second uplink.
pub(crate) const SECOND: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 1));

impl TwoUplinks {
    /// The client calls the second uplink from its own address, and the server's way to
    /// that is by the first.
    pub(crate) fn new() -> Self {
        let dir = directory();
        let client = Namespace::new("client", dir.path());
        let server = Namespace::new("server", dir.path());
        for interface in ["eth0", "eth1"] {
            client.ip(&format!(
                "link add {interface} type veth peer name {interface} netns {}",
                server.path()
            ));
        }
        for (namespace, last) in [(&client, 10), (&server, 1)] {
            namespace.ip(&format!(
                "link set eth0 up\nlink set eth1 up\naddr add 198.51.100.{last}/24 dev eth0\n\
                 addr add 203.0.113.{last}/24 dev eth1"
            ));
        }
        client.ip(
            "addr add 192.0.2.77/32 dev lo\nroute replace 203.0.113.0/24 dev eth1 src 192.0.2.77",
        );
        // It asks for the server's hardware address as a router would, from the address
        // on that cable: the filter drops other questions too.
        client.sysctl("net.ipv4.conf.all.arp_announce", "2");
        server.ip("route add default via 198.51.100.10 dev eth0");
        Self {
            client,
            server,
            _dir: dir,
        }
    }
}

/// Strict filtering drops the question; without it, the provider of the first uplink
/// drops the answer for its source. What the finding says to do cures both.
fn two_uplinks() -> Result<(), Failed> {
    let yaml = format!(
        "name: lab\nserver: {{ address: {SECOND}, software: proftpd }}\n\
         passive: {{ ports: 50000-50010 }}\n"
    );
    let (fails, works) = (Outcome::Hangs, Outcome::Works);
    for strict in [true, false] {
        let scene = TwoUplinks::new();
        let config = Config {
            passive: PortRange::new(50000, 50010),
            ..Config::default()
        };
        let server = proftpd::start(&scene.server, &config);
        let (fired, moot) = if strict {
            scene.server.sysctl("net.ipv4.conf.eth1.rp_filter", "1");
            ("FN213", "FN212")
        } else {
            nft(
                &scene.client,
                "table ip provider {
                    chain input {
                        type filter hook input priority 0;
                        iifname eth0 ip saddr 203.0.113.0/24 drop
                    }
                }",
            );
            ("FN212", "FN213")
        };
        lists(&scene.client, &server, SECOND, &fails, Stage::Control)?;
        let said = Said::of(&scene.server, &yaml)?;
        said.silent(moot)?;
        let remedy = commands(said.fires(fired)?);
        // The rule and the route; the gateway is the reader's to fill in.
        for command in remedy.iter().filter(|c| c.starts_with("ip ")) {
            cure(&scene.server, &command.replace("GATEWAY", "203.0.113.10"));
        }
        let said = Said::of(&scene.server, &yaml)?;
        said.silent("FN212")?;
        said.silent("FN213")?;
        lists(&scene.client, &server, SECOND, &works, Stage::Data)?;
        if strict {
            // The other cure: loose filtering, and the answers go by the first uplink.
            scene.server.run("ip rule del lookup 100");
            lists(&scene.client, &server, SECOND, &fails, Stage::Control)?;
            let loose = remedy
                .iter()
                .find(|c| c.starts_with("sysctl"))
                .ok_or("no sysctl")?;
            cure(&scene.server, loose);
            let said = Said::of(&scene.server, &yaml)?;
            said.silent("FN213")?;
            said.fires("FN212")?;
            lists(&scene.client, &server, SECOND, &works, Stage::Data)?;
        }
    }
    Ok(())
}

/// What `ip route get` says, and what we make of the text that a snapshot holds.
fn ways_of_the_kernel() -> Result<(), Failed> {
    let scene = TwoUplinks::new();
    scene.server.ip("route add 10.77.8.0/24 via 203.0.113.10\n\
         route add 10.77.9.0/24 nexthop via 198.51.100.10 nexthop via 203.0.113.10\n\
         route add unreachable 10.77.10.0/24\nroute add blackhole 10.77.11.0/24\n\
         route add prohibit 10.77.12.0/24\nroute add throw 10.77.13.0/24 table 7\n\
         route add default via 203.0.113.10 table 7\n\
         route add 10.77.8.128/25 via 198.51.100.10 metric 5\n\
         route add 10.77.8.128/25 via 203.0.113.10 metric 50\n\
         rule add from 203.0.113.1 lookup 7 priority 100\n\
         rule add fwmark 9 lookup 7 priority 50\n\
         rule add to 10.77.14.0/24 lookup 7 priority 60\n\
         rule add not from all to 10.77.0.0/16 lookup 7 priority 70\n\
         rule add iif eth1 lookup 7 priority 80\n\
         rule add to 10.77.15.0/24 blackhole priority 61\n\
         rule add to 10.77.16.0/24 unreachable priority 62");
    compare(
        &scene.server,
        &["198.51.100.1", "203.0.113.1"],
        &[
            "192.0.2.77",
            "198.51.100.10",
            "198.51.100.1",
            "203.0.113.10",
            "10.77.8.1",
            "10.77.8.200",
            "10.77.9.1",
            "10.77.10.1",
            "10.77.11.1",
            "10.77.12.1",
            "10.77.13.1",
            "10.77.14.1",
            "10.77.15.1",
            "10.77.16.1",
            "10.77.99.1",
            "127.0.0.1",
        ],
    )
}

/// Looks each pair up in what a snapshot holds, and asks the kernel.
pub(crate) fn compare(host: &Namespace, from: &[&str], to: &[&str]) -> Result<(), Failed> {
    let dir = directory();
    let saved = dir.path().join("host");
    let saved = saved.to_str().expect("UTF-8");
    let run = support::ftpnat(host, &["snapshot", saved], "");
    same("saved", &run.status, &0)?;
    let read = |name: &str| std::fs::read_to_string(format!("{saved}/asked/{name}"));
    let routing = Routing::parse(&read("routes")?, &read("rules")?);
    let mut differ = Vec::new();
    for from in from {
        for to in to {
            let arguments = ["route", "get", to, "from", from];
            let output = host.feed("ip", &arguments, "");
            let kernel = String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr);
            let ours = routing.way(from.parse()?, to.parse()?, None);
            if !agree(&ours, &kernel) {
                differ.push(format!("{from} to {to}: {ours:?}, the kernel: {kernel}"));
            }
        }
    }
    same("ways that differ", &differ, &Vec::new())
}

fn agree(ours: &Way, kernel: &str) -> bool {
    let words: Vec<&str> = kernel.split_whitespace().collect();
    let device = words
        .iter()
        .position(|w| *w == "dev")
        .and_then(|at| words.get(at + 1));
    match ours {
        Way::Local => words.first() == Some(&"local"),
        Way::Out { interfaces, .. } => device.is_some_and(|d| interfaces.iter().any(|i| i == d)),
        Way::Nowhere(_) => device.is_none() || kernel.contains("unreachable"),
        Way::Unclear(_) => false,
    }
}
