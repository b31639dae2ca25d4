//! The networks that profiles are played in, with the model server where the profile
//! has it, and one more host behind a path of 1280 bytes.

use std::net::{IpAddr, SocketAddr};

use ftpnat::model::ftp::Tls;
use ftpnat::model::net::{Family, PortRange};
use ftpnat::plan::translated;
use ftpnat::profile::{Advertise, Nat, Profile};
use tempfile::TempDir;

use crate::in_family;
use crate::missed::{Seat, Sign};
use crate::model::{Config, Server, Session};
use crate::support::directory;
use crate::support::netns::Namespace;
use crate::support::scene::{
    BehindGateway, CLIENT, CLIENT6, Direct, FAR, FAR6, Forwarding, PUBLIC, PUBLIC6, SERVER,
    SERVER6, lead_far_away,
};

enum Scene {
    Direct(Direct),
    Behind(BehindGateway),
}

/// Everything that a profile is played with.
pub(crate) struct Stage {
    scene: Scene,
    /// All of one kind of NAT.
    profiles: Vec<Profile>,
    far: Namespace,
    /// Servers that are none of the scene's hosts, with their addresses.
    others: Vec<(IpAddr, Namespace)>,
    _servers: Vec<Server>,
    _dir: TempDir,
}

impl Stage {
    /// The network of profiles, without any rule, and their servers.
    pub(crate) fn of(profiles: Vec<Profile>) -> Self {
        let dir = directory();
        let scene = match &profiles[0].nat {
            Nat::None => Scene::Direct(Direct::new()),
            Nat::Upstream { .. } => Scene::Behind(BehindGateway::new(Forwarding::On)),
            Nat::Dnat { .. } | Nat::Masquerade { .. } => {
                Scene::Behind(BehindGateway::new(Forwarding::Off))
            }
        };
        let mut others = Vec::new();
        if let Scene::Behind(scene) = &scene {
            let own = profiles
                .iter()
                .filter_map(|p| p.server_address(Family::Ipv4));
            for own in own.filter(|own| *own != SERVER) {
                others.push((own, scene.join("server-b", own)));
            }
        }
        let stage = Self {
            far: Namespace::new("far", dir.path()),
            scene,
            profiles,
            others,
            _servers: Vec::new(),
            _dir: dir,
        };
        lead_far_away(stage.outside(), stage.front(), &stage.far);
        if matches!(stage.scene, Scene::Behind(_)) {
            stage.front().ip(&format!(
                "route add {CLIENT}/32 dev eth0 mtu lock 1280\n\
                 route add {CLIENT6}/128 dev eth0 mtu lock 1280"
            ));
        }
        if let (Nat::Upstream { external, .. }, Scene::Behind(scene)) =
            (&stage.profiles[0].nat, &stage.scene)
        {
            scene.translate_one_to_one(external[0].address.expect("an address"));
        }
        let mut servers = Vec::new();
        for profile in &stage.profiles {
            let hosts = match &profile.nat {
                Nat::Masquerade { .. } => vec![stage.outside(), &stage.far],
                _ => vec![stage.server(profile)],
            };
            let config = config(profile);
            servers.extend(hosts.into_iter().map(|host| Server::start(host, &config)));
        }
        Self {
            _servers: servers,
            ..stage
        }
    }

    /// The profiles that a rule is of, by the name in its comment; without one, it serves all.
    pub(crate) fn profiles(&self, name: &str) -> impl Iterator<Item = &Profile> {
        let name = name.to_owned();
        let is_of = move |p: &&Profile| name.is_empty() || p.name == name;
        self.profiles.iter().filter(is_of)
    }

    /// The host that the profile is applied to.
    pub(crate) fn firewall(&self) -> &Namespace {
        match (&self.scene, &self.profiles[0].nat) {
            (Scene::Direct(scene), _) => &scene.server,
            (Scene::Behind(scene), Nat::Upstream { .. }) => &scene.server,
            (Scene::Behind(scene), _) => &scene.gateway,
        }
    }

    fn outside(&self) -> &Namespace {
        match &self.scene {
            Scene::Direct(scene) => &scene.client,
            Scene::Behind(scene) => &scene.client,
        }
    }

    fn server(&self, profile: &Profile) -> &Namespace {
        let own = profile.server_address(Family::Ipv4);
        let other = self.others.iter().find(|(at, _)| Some(*at) == own);
        match (other, &self.scene) {
            (Some((_, other)), _) => other,
            (None, Scene::Direct(scene)) => &scene.server,
            (None, Scene::Behind(scene)) => &scene.server,
        }
    }

    fn masquerades(&self) -> bool {
        matches!(self.profiles[0].nat, Nat::Masquerade { .. })
    }

    /// What is next to the outside, and not the client.
    fn front(&self) -> &Namespace {
        match &self.scene {
            Scene::Direct(scene) => &scene.server,
            Scene::Behind(scene) => &scene.gateway,
        }
    }

    /// Who sits there.
    pub(crate) fn client(&self, seat: Seat) -> &Namespace {
        let masquerades = self.masquerades();
        match (&self.scene, seat) {
            (Scene::Behind(scene), Seat::Gateway | Seat::GatewayNarrow) => &scene.gateway,
            (Scene::Behind(scene), Seat::Inside) => &scene.inside,
            (Scene::Behind(scene), _) if masquerades => &scene.inside,
            (_, Seat::Narrow) => &self.far,
            (_, _) => self.outside(),
        }
    }

    /// Forgets what was learnt of path MTUs.
    pub(crate) fn forget_paths(&self) {
        let senders: Vec<&Namespace> = if self.masquerades() {
            vec![self.client(Seat::Client), self.client(Seat::Gateway)]
        } else {
            self.profiles.iter().map(|p| self.server(p)).collect()
        };
        for sender in senders {
            sender.ip("route flush cache");
            sender.run("ip -6 route flush cache");
        }
    }

    /// The sessions that a sign stands for in a family, one for each control port; none
    /// where that family has no such thing.
    pub(crate) fn sessions(&self, profile: &Profile, sign: Sign, family: Family) -> Vec<Session> {
        let Some(mode) = in_family(sign.mode, family) else {
            return Vec::new();
        };
        let inside_out = sign.seat == Seat::Inside && !translated(profile, family);
        // Nothing translates what TLS hides of an inside client's address.
        if inside_out || self.masquerades() && sign.veiled && mode.is_active() {
            return Vec::new();
        }
        let address = called(profile, sign.seat, family);
        let session = |(number, control): (usize, &ftpnat::profile::Control)| Session {
            mode,
            veiled: sign.veiled,
            to: SocketAddr::new(address, outer_port(profile, number, control.port)),
            implicit: control.tls == Tls::Implicit,
            privileged: sign.privileged,
            bytes: if sign.seat.is_narrow() { 60_000 } else { 100 },
        };
        profile.control.iter().enumerate().map(session).collect()
    }
}

fn called(profile: &Profile, seat: Seat, family: Family) -> IpAddr {
    let by = |ipv4, ipv6| match family {
        Family::Ipv4 => ipv4,
        Family::Ipv6 => ipv6,
    };
    match &profile.nat {
        Nat::None => by(PUBLIC, PUBLIC6),
        Nat::Upstream { external, .. } => external[0].address.expect("an address"),
        Nat::Dnat { .. } if translated(profile, family) => by(PUBLIC, PUBLIC6),
        Nat::Dnat { .. } => by(SERVER, SERVER6),
        Nat::Masquerade { .. } if matches!(seat, Seat::Narrow | Seat::GatewayNarrow) => {
            by(FAR, FAR6)
        }
        Nat::Masquerade { .. } => by(CLIENT, CLIENT6),
    }
}

fn outer_port(profile: &Profile, number: usize, own: u16) -> u16 {
    match &profile.nat {
        Nat::Dnat { external, .. } if number == 0 => external[0].port.unwrap_or(own),
        _ => own,
    }
}

/// The server, set as the plan says. A name is announced as what it stands for.
fn config(profile: &Profile) -> Config {
    let external = match &profile.nat {
        Nat::Upstream { external, .. } | Nat::Dnat { external, .. } => external[0].address,
        _ => None,
    };
    let advertise =
        profile
            .passive
            .advertise
            .as_ref()
            .map(|advertise| match (advertise, external) {
                (Advertise::Address(address), _) => *address,
                (Advertise::Name(_), Some(IpAddr::V4(address))) => address,
                _ => panic!("what the name stands for is not known"),
            });
    let control = profile.control.iter();
    let masquerades = matches!(profile.nat, Nat::Masquerade { .. });
    Config {
        control: control.map(|c| (c.port, c.tls == Tls::Implicit)).collect(),
        passive: if masquerades {
            PortRange::new(40000, 40100).expect("a range")
        } else {
            profile.passive.ports
        },
        advertise,
        // Other people's servers are of every kind.
        from_port_20: masquerades,
    }
}
