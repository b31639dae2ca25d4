//! The network of a fault, with its firewall loaded and its server running.

use std::net::{IpAddr, Ipv4Addr};

use ftpnat::model::net::PortRange;
use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::fault::{Ends, Fault, Play, Rules, Scene, Seat};
use crate::support::client::{self, Session};
use crate::support::netns::{Namespace, succeed};
use crate::support::outcome::Outcome;
use crate::support::rules::{nft, restore, save};
use crate::support::scene::{BehindGateway, CLIENT, CLIENT6, Direct, Forwarding, lead_far_away};
use crate::support::server::{Config, Server};
use crate::support::{BackEnd, Run, directory, ftpnat_beside, proftpd, vsftpd};

/// The address that a box in front of an upstream server translates.
pub(crate) const FRONT: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 10));

/// What PASV names.
const ANNOUNCED: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// A network with its firewall and its server.
pub(crate) struct Stage {
    scene: Scene,
    network: Network,
    server: Server,
    back_end: BackEnd,
    far: Option<Namespace>,
    profile: String,
    dir: TempDir,
}

enum Network {
    Direct(Direct),
    Behind(BehindGateway),
}

impl Stage {
    /// A new network with these rules.
    pub(crate) fn of(fault: &Fault, firewall: &[Rules]) -> Self {
        let network = match fault.scene {
            Scene::Server => Network::Direct(Direct::new()),
            Scene::Upstream | Scene::Gateway | Scene::Clients => {
                let scene = BehindGateway::new(Forwarding::On);
                if fault.scene == Scene::Upstream {
                    scene.translate_one_to_one(FRONT);
                }
                Network::Behind(scene)
            }
        };
        let dir = directory();
        let profile = dir.path().join("lab.yaml");
        std::fs::write(&profile, fault.profile).expect("the profile");
        let far = far(fault, &network, &dir);
        let own = own(fault.scene, &network);
        // As a healthy host has it: nothing but the fault is to be found. Clients are
        // anywhere, and the way to them is by the one that plays.
        if fault.scene != Scene::Upstream {
            own.ip(&format!(
                "route add default via {CLIENT}\nroute add default via {CLIENT6}"
            ));
        }
        own.sysctl("net.ipv4.ip_local_reserved_ports", "50000-50100");
        for rules in firewall {
            load(own, *rules);
        }
        let server = serve(fault, &network);
        Self {
            scene: fault.scene,
            network,
            server,
            back_end: back_end(firewall),
            far,
            profile: profile.display().to_string(),
            dir,
        }
    }

    /// The profile's file.
    pub(crate) fn profile(&self) -> &str {
        &self.profile
    }

    /// The ftpnat program on the host that the firewall is on.
    pub(crate) fn ftpnat(&self, arguments: &[&str]) -> Run {
        ftpnat_beside(self.back_end, self.own(), arguments, "")
    }

    pub(crate) fn apply(&self) -> Run {
        let state = self.dir.path().join("state").display().to_string();
        let arguments = ["apply", "--yes", "--profile", &self.profile];
        self.ftpnat(&[&arguments[..], &["--state-dir", &state]].concat())
    }

    /// Does what a finding says, as an administrator does: into a shell.
    pub(crate) fn paste(&self, text: &str) -> Result<(), Failed> {
        let mut shell = self.own().command("sh");
        shell
            .args(["-c", text])
            .env("PATH", self.back_end.search_path());
        let output = self.own().feed_to(shell, "");
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        Err(format!("`{text}` fails:\n{words}\n{}", self.rules()).into())
    }

    /// Plays a session, which must end so.
    pub(crate) fn plays(&self, play: &Play, ends: Ends) -> Result<(), Failed> {
        let session = Session::new(play.mode, play.tls, play.to);
        let expected = match ends {
            Ends::Lists => Outcome::Works,
            Ends::Hangs(_) => Outcome::Hangs,
            Ends::Refused(_) => Outcome::Refused,
            Ends::Unreachable(_) => Outcome::Unreachable,
            Ends::Rejected(words) => Outcome::Rejected(words.to_owned()),
        };
        let report = client::play(self.seat(play.seat), &self.server, &session, &expected);
        let is_so = match (ends, &report.outcome) {
            (Ends::Rejected(words), Outcome::Rejected(line)) => line.contains(words),
            (Ends::Lists, seen) => *seen == Outcome::Works,
            (Ends::Hangs(at) | Ends::Refused(at) | Ends::Unreachable(at), seen) => {
                *seen == expected && report.stage == at
            }
            (Ends::Rejected(_), _) => false,
        };
        if is_so {
            return Ok(());
        }
        let log = self.server.log();
        Err(format!("{play:?}\n{ends:?} expected, seen {report}server:\n{log}").into())
    }

    /// Each of these must list.
    pub(crate) fn lists_all(&self, plays: &[Play]) -> Result<(), Failed> {
        plays
            .iter()
            .try_for_each(|play| self.plays(play, Ends::Lists))
    }

    /// All rules there.
    pub(crate) fn rules(&self) -> String {
        let mut text = self.own().run("nft -a list ruleset");
        for iptables in ["iptables", "ip6tables"] {
            text += &save(self.own(), &BackEnd::Legacy.program(iptables, "save"), &[]);
        }
        text
    }

    fn own(&self) -> &Namespace {
        own(self.scene, &self.network)
    }

    fn seat(&self, seat: Seat) -> &Namespace {
        match (seat, &self.network, self.scene) {
            (Seat::Itself, ..) => self.own(),
            (Seat::Far, ..) => self.far.as_ref().expect("a far client"),
            (Seat::Inside, Network::Behind(scene), _)
            | (Seat::Client, Network::Behind(scene), Scene::Clients) => &scene.inside,
            (Seat::Client, Network::Behind(scene), _) => &scene.client,
            (Seat::Client | Seat::Inside, Network::Direct(scene), _) => &scene.client,
        }
    }
}

/// The host that the firewall is on.
fn own(scene: Scene, network: &Network) -> &Namespace {
    match network {
        Network::Direct(direct) => &direct.server,
        Network::Behind(behind) if scene == Scene::Upstream => &behind.server,
        Network::Behind(behind) => &behind.gateway,
    }
}

fn far(fault: &Fault, network: &Network, dir: &TempDir) -> Option<Namespace> {
    if fault.play.seat != Seat::Far {
        return None;
    }
    let far = Namespace::new("far", dir.path());
    match network {
        Network::Direct(direct) => lead_far_away(&direct.client, &direct.server, &far),
        Network::Behind(behind) => lead_far_away(&behind.client, &behind.gateway, &far),
    }
    Some(far)
}

fn serve(fault: &Fault, network: &Network) -> Server {
    let host = match (network, fault.scene) {
        (Network::Direct(direct), _) => &direct.server,
        (Network::Behind(behind), Scene::Clients) => &behind.client,
        (Network::Behind(behind), _) => &behind.server,
    };
    let announced = match fault.scene {
        Scene::Upstream => Ipv4Addr::new(203, 0, 113, 10),
        Scene::Server | Scene::Gateway | Scene::Clients => ANNOUNCED,
    };
    let serves = fault.serves;
    let config = Config {
        control: vec![(21, serves.tls)],
        passive: PortRange::new(serves.ports.0, serves.ports.1),
        advertise: serves.announces.then_some(announced),
    };
    if serves.needs_users {
        vsftpd::start(host, &config)
    } else {
        proftpd::start(host, &config)
    }
}

/// What an administrator has under the plain name: the one that the first rules are of.
fn back_end(firewall: &[Rules]) -> BackEnd {
    let of = |rules: &Rules| match rules {
        Rules::Ip(back_end, _) | Rules::Ip6(back_end, _) => Some(*back_end),
        Rules::Nft(_) | Rules::Input(_) | Rules::Forward(_) | Rules::Ipset(_) => None,
    };
    firewall.iter().find_map(of).unwrap_or(BackEnd::Nft)
}

fn load(host: &Namespace, rules: Rules) {
    let chain = |hook, rules| {
        let text = format!(
            "table inet theirs {{
                chain {hook} {{
                    type filter hook {hook} priority 0; policy drop;
                    {rules}
                }}
            }}\n"
        );
        nft(host, &text);
    };
    match rules {
        Rules::Nft(text) => nft(host, text),
        Rules::Ipset(text) => drop(succeed("ipset", &host.feed("ipset", &["restore"], text))),
        Rules::Input(rules) => chain("input", rules),
        Rules::Forward(rules) => chain("forward", rules),
        Rules::Ip(back_end, text) => {
            restore(
                host,
                &back_end.program("iptables", "restore"),
                &["--noflush"],
                text,
            );
        }
        Rules::Ip6(back_end, text) => {
            restore(
                host,
                &back_end.program("ip6tables", "restore"),
                &["--noflush"],
                text,
            );
        }
    }
}
