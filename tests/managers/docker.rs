//! Docker's chains, as a real `dockerd` made them (recorded, `tests/data/rulesets/real`):
//! no engine runs here. What it does to them when it starts again is done by hand, as
//! libnetwork does: its jumps go to the head of `FORWARD`, `DOCKER-USER` first, and
//! nothing else of `FORWARD` or of `DOCKER-USER` changes.

use std::net::Ipv4Addr;
use std::path::Path;

use libtest_mimic::{Failed, Trial};

use crate::installed::{Host, ON_GATEWAY, ON_SERVER, config, list, same};
use crate::seclude::is_long;
use crate::support::BackEnd;
use crate::support::netns::Namespace;
use crate::support::outcome::Outcome::{Hangs, Refused, Works};
use crate::support::proftpd;
use crate::support::rules::{nft, restore};
use crate::support::scene::{BehindGateway, Direct, Forwarding};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    let swarm = is_long().then_some("docker-iptables-swarm");
    for recorded in std::iter::once("docker-iptables").chain(swarm) {
        for back_end in BackEnd::BOTH {
            let name = |what: &str| format!("{recorded}/{what}/{}", back_end.word());
            trials.push(Trial::test(name("server"), move || {
                on_server(recorded, back_end)
            }));
            for (what, user) in [("policy", POLICY), ("user-drop", USER_DROP)] {
                trials.push(Trial::test(name(&format!("gateway-{what}")), move || {
                    on_gateway(recorded, back_end, user)
                }));
            }
        }
    }
    let routed = is_long().then_some("docker-nftables-routed");
    for recorded in std::iter::once("docker-nftables").chain(routed) {
        trials.push(Trial::test(format!("{recorded}/server"), move || {
            on_native_server(recorded)
        }));
        trials.push(Trial::test(format!("{recorded}/gateway"), move || {
            on_native_gateway(recorded)
        }));
    }
    trials
}

/// What was recorded of a Docker.
fn recorded(name: &str, file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("tests/data/rulesets/real").join(name).join(file);
    std::fs::read_to_string(path).expect("a recorded ruleset")
}

/// The server's own firewall, in front of Docker's chains.
const INPUT: &str = "*filter
:INPUT DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -s 198.51.100.66/32 -j DROP
-A INPUT -p tcp -m multiport --dports 21,22 -j ACCEPT
COMMIT
";

/// The control port through the gateway, by Docker's own way in; the policy that Docker
/// sets where it turned forwarding on drops the rest.
const POLICY: &str = "*filter
:FORWARD DROP [0:0]
-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-USER -s 198.51.100.66/32 -j DROP
-A DOCKER-USER -d 10.77.0.21/32 -i eth0 -p tcp -m tcp --dport 21 -j ACCEPT
COMMIT
";

/// The same where the administrator closed everything there that comes from outside, as
/// Docker's documentation shows it.
const USER_DROP: &str = "*filter
:FORWARD DROP [0:0]
-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-USER -s 198.51.100.66/32 -j DROP
-A DOCKER-USER -d 10.77.0.21/32 -i eth0 -p tcp -m tcp --dport 21 -j ACCEPT
-A DOCKER-USER -i eth0 -j DROP
COMMIT
";

const TRANSLATED: &str = "*nat
-A PREROUTING -d 198.51.100.1/32 -i eth0 -p tcp -m tcp --dport 21 -j DNAT --to-destination 10.77.0.21
COMMIT
";

fn load(host: &Namespace, back_end: BackEnd, name: &str, more: &[&str]) {
    let program = back_end.program("iptables", "restore");
    restore(host, &program, &[], &recorded(name, "iptables.save"));
    for text in more {
        restore(host, &program, &["--noflush"], text);
    }
}

/// What a start of Docker's does with its jumps.
fn docker_starts(host: &Namespace, back_end: BackEnd) {
    for chain in ["DOCKER-FORWARD", "DOCKER-USER"] {
        for (verb, place) in [("-D", ""), ("-I", "")] {
            let iptables = format!("iptables-{}", back_end.word());
            host.run(&format!("{iptables} -w {verb} FORWARD {place} -j {chain}"));
        }
    }
}

fn on_server(name: &str, back_end: BackEnd) -> Result<(), Failed> {
    let scene = Direct::new();
    load(&scene.server, back_end, name, &[INPUT]);
    let host = Host::new(&scene.server, ON_SERVER);
    let server = proftpd::start(&scene.server, &config(None));
    list(&scene.client, &server, &Hangs)?;
    let without = host.listing();
    host.apply()?;
    list(&scene.client, &server, &Works)?;
    docker_starts(&scene.server, back_end);
    list(&scene.client, &server, &Works)?;
    host.expect_no_drift()?;
    host.remove()?;
    same("removed", &without, &host.listing())
}

/// Hang, apply, listing; Docker starts again; who is banned in its own chain stays out.
fn on_gateway(name: &str, back_end: BackEnd, user: &str) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    load(&scene.gateway, back_end, name, &[user, TRANSLATED]);
    let host = Host::new(&scene.gateway, ON_GATEWAY);
    let advertise = Some(Ipv4Addr::new(198, 51, 100, 1));
    let server = proftpd::start(&scene.server, &config(advertise));
    // The gateway itself answers for ports that nothing translates.
    list(&scene.client, &server, &Refused)?;
    let without = host.listing();
    host.apply()?;
    list(&scene.client, &server, &Works)?;
    docker_starts(&scene.gateway, back_end);
    list(&scene.client, &server, &Works)?;
    host.expect_no_drift()?;

    let iptables = format!("iptables-{}", back_end.word());
    let ban = |verb: &str| {
        let line = format!("{iptables} -w {verb} DOCKER-USER -s 198.51.100.10/32 -j DROP");
        scene.gateway.run(&line);
    };
    ban("-I");
    list(&scene.client, &server, &Hangs)?;
    ban("-D");
    list(&scene.client, &server, &Works)?;
    host.remove()?;
    list(&scene.client, &server, &Refused)?;
    same("removed", &without, &host.listing())
}

/// Docker has a table of its own, which drops nothing but what goes to its bridges; the
/// administrator's is another.
fn on_native_server(name: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    nft(&scene.server, &recorded(name, "ruleset.nft"));
    nft(
        &scene.server,
        "table inet filter {
            chain input {
                type filter hook input priority 0; policy drop;
                iif lo accept
                ct state established,related accept
                ip saddr 198.51.100.66 drop
                tcp dport { 21, 22 } accept
            }
        }\n",
    );
    let host = Host::new(&scene.server, ON_SERVER);
    let server = proftpd::start(&scene.server, &config(None));
    list(&scene.client, &server, &Hangs)?;
    native(&scene.server, &host, || {
        list(&scene.client, &server, &Works)
    })?;
    list(&scene.client, &server, &Hangs)
}

fn on_native_gateway(name: &str) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    nft(&scene.gateway, &recorded(name, "ruleset.nft"));
    nft(
        &scene.gateway,
        "table inet filter {
            chain forward {
                type filter hook forward priority 0; policy drop;
                ct state established,related accept
                iifname \"docker0\" accept
                ip saddr 198.51.100.66 drop
                ip daddr 10.77.0.21 tcp dport 21 accept
            }
        }
        table ip translated {
            chain prerouting {
                type nat hook prerouting priority -100;
                iifname \"eth0\" ip daddr 198.51.100.1 tcp dport 21 dnat to 10.77.0.21
            }
        }\n",
    );
    let host = Host::new(&scene.gateway, ON_GATEWAY);
    let advertise = Some(Ipv4Addr::new(198, 51, 100, 1));
    let server = proftpd::start(&scene.server, &config(advertise));
    list(&scene.client, &server, &Refused)?;
    native(&scene.gateway, &host, || {
        list(&scene.client, &server, &Works)
    })?;
    list(&scene.client, &server, &Refused)
}

/// Apply and remove; Docker's table stays as it is all the time.
fn native(
    namespace: &Namespace,
    host: &Host,
    works: impl Fn() -> Result<(), Failed>,
) -> Result<(), Failed> {
    let dockers = || namespace.run("nft -s -a list table ip docker-bridges");
    let (before, without) = (dockers(), host.listing());
    host.apply()?;
    works()?;
    same("Docker's table", &before, &dockers())?;
    host.expect_no_drift()?;
    host.remove()?;
    same("removed", &without, &host.listing())
}
