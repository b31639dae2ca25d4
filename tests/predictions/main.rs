//! Every shipped profile, played: what `emit` prints is loaded before a firewall
//! that drops, and each cell that `plan` predicts is a session of a real client
//! with a real server. A cell that comes out otherwise fails the test, and so does `check`
//! where it finds fault with the rules that ftpnat itself made.

#![allow(clippy::disallowed_methods, reason = "tests touch files")]

mod silence;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;

use ftpnat::model::ftp::{Software, Tls};
use ftpnat::model::net::Family;
use ftpnat::plan::predict::predictions;
use ftpnat::plan::{Cell, From, Outcome as Predicted, translated};
use ftpnat::profile::{Advertise, Nat, Profile, parse};
use libtest_mimic::{Failed, Trial};

use support::client::{self, Session, SessionTls};
use support::netns::Namespace;
use support::outcome::Outcome;
use support::profiles::{files, name_of};
use support::proftpd;
use support::rules::{Reach, nft, reach, restore};
use support::scene::{
    BehindGateway, CLIENT, CLIENT6, Direct, Forwarding, PUBLIC, PUBLIC6, SERVER, SERVER6,
};
use support::server::{Config, Server, has_other_users};
use support::vsftpd;
use support::{BackEnd, emitted};

fn main() -> ExitCode {
    support::enter();
    let mut trials = Vec::new();
    let shipped = files("profiles").into_iter().map(|file| (file, WAYS));
    let variants = files("tests/data/variants")
        .into_iter()
        .map(|file| (file, &WAYS[..2]));
    for (file, ways) in shipped.chain(variants) {
        let name = name_of(&file);
        for way in ways {
            let file = file.clone();
            trials.push(Trial::test(format!("{name}/{}", way.name), move || {
                play(&file, way)
            }));
        }
    }
    support::play(trials)
}

/// How the rules get into the kernel, and what stands there before.
struct Way {
    name: &'static str,
    load: Load,
    before: &'static str,
    before6: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Load {
    /// `emit iptables --base live | iptables-restore -c`, with this back end.
    Iptables(BackEnd),
    /// `emit nft --base none | nft -f -`.
    Nft,
}

/// The first two play the variants as well.
const WAYS: &[Way] = &[
    Way {
        name: "iptables-nft/strict",
        load: Load::Iptables(BackEnd::Nft),
        before: STRICT,
        before6: STRICT6,
    },
    Way {
        name: "nft/open",
        load: Load::Nft,
        before: "",
        before6: "",
    },
    Way {
        name: "iptables-legacy/strict",
        load: Load::Iptables(BackEnd::Legacy),
        before: STRICT,
        before6: STRICT6,
    },
    Way {
        name: "iptables-nft/usual",
        load: Load::Iptables(BackEnd::Nft),
        before: USUAL,
        before6: USUAL6,
    },
    Way {
        name: "iptables-legacy/usual",
        load: Load::Iptables(BackEnd::Legacy),
        before: USUAL,
        before6: USUAL6,
    },
];

/// Everything dropped, stateless: whatever the profile needs must be in our rules.
const STRICT: &str = "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -s 198.51.100.66/32 -j DROP
-A OUTPUT -o lo -j ACCEPT
COMMIT
";
/// The same; IPv6 needs neighbour discovery.
const STRICT6: &str = "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -p ipv6-icmp -j ACCEPT
-A OUTPUT -o lo -j ACCEPT
-A OUTPUT -p ipv6-icmp -j ACCEPT
COMMIT
";
/// As most servers and gateways have it.
const USUAL: &str = "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
";
const USUAL6: &str = "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -p ipv6-icmp -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
";

/// The profile as shipped, but served by `ProFTPD` where the lab has not its server.
fn profile(file: &Path) -> (String, Profile) {
    let text = fs::read_to_string(file).expect("a profile");
    let absent: &[&str] = if has_other_users() {
        &["pure-ftpd", "filezilla"]
    } else {
        &["pure-ftpd", "filezilla", "vsftpd"]
    };
    let text = absent.iter().fold(text, |text, other| {
        text.replace(&format!("software: {other}"), "software: proftpd")
    });
    let profile = parse(&file.display().to_string(), text.as_bytes()).expect("a valid profile");
    (text, profile)
}

fn serve(host: &Namespace, profile: &Profile, config: &Config) -> Server {
    match profile.server.software {
        Software::Vsftpd => vsftpd::start(host, config),
        _ => proftpd::start(host, config),
    }
}

fn play(file: &Path, way: &Way) -> Result<(), Failed> {
    let (text, profile) = profile(file);
    match &profile.nat {
        Nat::None => {
            let scene = Direct::new();
            silence::connect(&scene.server);
            let at = |_: From, family| (&scene.client, by(family, PUBLIC, PUBLIC6));
            load(&scene.server, &text, &profile, way)?;
            let server = serve(&scene.server, &profile, &config(&profile));
            silence::kept(&scene.server, way, &text)?;
            cells(&profile, way, &server, at)?;
            closed_beside(&profile, way, &scene.client, &scene.server, PUBLIC)
        }
        Nat::Upstream { .. } => {
            let scene = BehindGateway::new(Forwarding::On);
            let external = translate_upstream(&scene, &profile);
            load(&scene.server, &text, &profile, way)?;
            let server = serve(&scene.server, &profile, &config(&profile));
            silence::kept(&scene.server, way, &text)?;
            let at = |from, _: Family| match from {
                From::Outside => (&scene.client, external),
                _ => (&scene.inside, SERVER),
            };
            cells(&profile, way, &server, at)?;
            closed_beside(&profile, way, &scene.client, &scene.server, external)
        }
        Nat::Dnat { .. } => {
            let scene = BehindGateway::new(Forwarding::Off);
            silence::connect(&scene.gateway);
            let own = profile
                .server_address(Family::Ipv4)
                .expect("an IPv4 server");
            let other = (own != SERVER).then(|| scene.join("server-b", own));
            let host = other.as_ref().unwrap_or(&scene.server);
            load(&scene.gateway, &text, &profile, way)?;
            let server = serve(host, &profile, &config(&profile));
            silence::kept(&scene.gateway, way, &text)?;
            let outside6 = if translated(&profile, Family::Ipv6) {
                PUBLIC6
            } else {
                SERVER6
            };
            let called = |family| by(family, PUBLIC, outside6);
            let at = |from, family| match from {
                From::Outside => (&scene.client, called(family)),
                From::InsideExternal => (&scene.inside, called(family)),
                From::InsideDirect => (&scene.inside, by(family, own, SERVER6)),
                From::Gateway => (&scene.gateway, called(family)),
            };
            cells(&profile, way, &server, at)?;
            closed_beside(&profile, way, &scene.client, host, PUBLIC)
        }
        Nat::Masquerade { .. } => {
            let scene = BehindGateway::new(Forwarding::Off);
            silence::connect(&scene.gateway);
            load(&scene.gateway, &text, &profile, way)?;
            let config = Config {
                control: controls(&profile),
                ..Config::default()
            };
            let server = serve(&scene.client, &profile, &config);
            silence::kept(&scene.gateway, way, &text)?;
            let at = |from, family| match from {
                From::Gateway => (&scene.gateway, by(family, CLIENT, CLIENT6)),
                _ => (&scene.inside, by(family, CLIENT, CLIENT6)),
            };
            cells(&profile, way, &server, at)
        }
    }
}

fn by(family: Family, ipv4: IpAddr, ipv6: IpAddr) -> IpAddr {
    match family {
        Family::Ipv4 => ipv4,
        Family::Ipv6 => ipv6,
    }
}

/// What stands there before, then ours, as an administrator loads it; then the
/// sysctls of the plan.
fn load(host: &Namespace, text: &str, profile: &Profile, way: &Way) -> Result<(), Failed> {
    let facts = ftpnat::facts::Facts::default();
    for sysctl in &ftpnat::plan::plan(std::slice::from_ref(profile), &facts).profiles[0].sysctls {
        host.sysctl(sysctl.key, &sysctl.value);
    }
    match way.load {
        Load::Nft => {
            let text = emitted(
                BackEnd::Nft,
                host,
                &["nft", "--base", "none", "--profile", "-"],
                text,
            )?;
            nft(host, &text);
        }
        Load::Iptables(back_end) => {
            for (iptables, before) in [("iptables", way.before), ("ip6tables", way.before6)] {
                let restorer = back_end.program(iptables, "restore");
                restore(host, &restorer, &[], before);
                let text = emitted(back_end, host, &[iptables, "--profile", "-"], text)?;
                restore(host, &restorer, &["-c"], &text);
            }
        }
    }
    Ok(())
}

fn controls(profile: &Profile) -> Vec<(u16, Tls)> {
    profile.control.iter().map(|c| (c.port, c.tls)).collect()
}

/// The server set as the plan says. A name is announced as what it stands for.
fn config(profile: &Profile) -> Config {
    let external = match &profile.nat {
        Nat::Upstream { external, .. } | Nat::Dnat { external, .. } => external[0].address,
        _ => None,
    };
    let advertise = profile
        .passive
        .advertise
        .as_ref()
        .map(|advertise| match advertise {
            Advertise::Address(address) => *address,
            Advertise::Name(_) => ipv4(external.expect("an address")),
        });
    Config {
        control: controls(profile),
        passive: Some(profile.passive.ports),
        advertise,
    }
}

fn ipv4(address: IpAddr) -> Ipv4Addr {
    match address {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => panic!("IPv4 expected"),
    }
}

/// The box in front: one address to one, from outside.
fn translate_upstream(scene: &BehindGateway, profile: &Profile) -> IpAddr {
    let Nat::Upstream { external, .. } = &profile.nat else {
        unreachable!("upstream")
    };
    let external = external[0].address.expect("an address");
    scene.translate_one_to_one(external);
    external
}

/// Plays every cell that is predicted and that a client here can play.
fn cells<'a>(
    profile: &Profile,
    way: &Way,
    server: &Server,
    at: impl Fn(From, Family) -> (&'a Namespace, IpAddr),
) -> Result<(), Failed> {
    let mut played = 0;
    let mut faults = Vec::new();
    for cell in predictions(profile) {
        let (client, address) = at(cell.from, cell.family);
        let Some(session) = session(&cell, profile, address) else {
            continue;
        };
        // Predictions take it that what no rule accepts is dropped; an open
        // firewall lets active data in.
        let by_drop = cell
            .because
            .is_some_and(|check| check.name() == "active-data-blocked");
        if way.load == Load::Nft && by_drop {
            continue;
        }
        let expected = match cell.outcome {
            Predicted::Works => Outcome::Works,
            _ => Outcome::Hangs,
        };
        let report = client::play(client, server, &session, &expected);
        played += 1;
        if (report.outcome == Outcome::Works) != (expected == Outcome::Works) {
            faults.push(format!("predicted {cell:?}\nseen: {report}"));
        }
    }
    if played < 2 {
        faults.push(format!("only {played} cells were played"));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("{}\nserver:\n{}", faults.join("\n"), server.log()).into())
    }
}

/// `None` where the server does not serve it or no client here plays it.
fn session(cell: &Cell, profile: &Profile, address: IpAddr) -> Option<Session> {
    // Behind another outside port there is one control port only.
    let control = profile
        .control
        .iter()
        .find(|c| c.port == cell.control_port)
        .unwrap_or(&profile.control[0]);
    let implicit = control.tls == Tls::Implicit;
    let tls = match (cell.tls, implicit) {
        (false, _) => SessionTls::Plain,
        (true, true) => SessionTls::Implicit,
        (true, false) => SessionTls::Explicit,
    };
    let session = Session {
        port: cell.control_port,
        ..Session::new(cell.client, tls, address)
    };
    (cell.outcome != Predicted::NotOffered && session.playable()).then_some(session)
}

/// The range is open to its last port and not one further.
fn closed_beside(
    profile: &Profile,
    way: &Way,
    client: &Namespace,
    server: &Namespace,
    address: IpAddr,
) -> Result<(), Failed> {
    let range = profile.passive.ports;
    for (port, open) in [
        (range.first() - 1, false),
        (range.first(), true),
        (range.last(), true),
        (range.last() + 1, false),
    ] {
        // Nothing drops on a host whose firewall is open: only DNAT keeps ports in.
        let judged = way.load != Load::Nft || matches!(profile.nat, Nat::Dnat { .. });
        let seen = reach(client, address, server, port);
        if judged && (seen == Reach::Open) != open {
            return Err(format!("port {port}: {seen:?}, should it be open: {open}").into());
        }
    }
    Ok(())
}
