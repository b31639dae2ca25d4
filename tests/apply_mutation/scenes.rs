//! The networks that profiles are played in, with the model server where the profile
//! has it, and one more host behind a path of 1280 bytes.
//!
//! ```text
//! far eth0 198.51.100.200 ---- 198.51.100.129 far0 client eth0 198.51.100.10 ---- ...
//!          2001:db8:52::200                          (mtu 1280 towards far)
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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
use crate::support::rules::nft;
use crate::support::scene::{
    BehindGateway, CLIENT, CLIENT6, Direct, Forwarding, PUBLIC, PUBLIC6, SERVER, SERVER6,
};

const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 200));
const FAR6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x52, 0, 0, 0, 0, 0x200));

enum Scene {
    Direct(Direct),
    Behind(BehindGateway),
}

/// Everything that a profile is played with.
pub(crate) struct Stage {
    scene: Scene,
    profile: Profile,
    far: Namespace,
    /// The server, where it is none of the scene's hosts.
    other: Option<Namespace>,
    _servers: Vec<Server>,
    _dir: TempDir,
}

impl Stage {
    /// The network of a profile, without any rule, and its server.
    pub(crate) fn of(profile: &Profile) -> Self {
        let dir = directory();
        let scene = match &profile.nat {
            Nat::None => Scene::Direct(Direct::new()),
            Nat::Upstream { .. } => Scene::Behind(BehindGateway::new(Forwarding::On)),
            Nat::Dnat { .. } | Nat::Masquerade { .. } => {
                Scene::Behind(BehindGateway::new(Forwarding::Off))
            }
        };
        let other = match &scene {
            Scene::Behind(scene) => profile
                .server_address(Family::Ipv4)
                .filter(|own| *own != SERVER)
                .map(|own| scene.join("server-b", own)),
            Scene::Direct(_) => None,
        };
        let mut stage = Self {
            far: Namespace::new("far", dir.path()),
            scene,
            profile: profile.clone(),
            other,
            _servers: Vec::new(),
            _dir: dir,
        };
        stage.lead_far_away();
        if let Nat::Upstream { external, .. } = &profile.nat {
            stage.translate_upstream(external[0].address.expect("an address"));
        }
        let config = config(profile);
        let hosts = match &profile.nat {
            Nat::Masquerade { .. } => vec![stage.outside(), &stage.far],
            _ => vec![stage.server()],
        };
        stage._servers = hosts
            .into_iter()
            .map(|host| Server::start(host, &config))
            .collect();
        stage
    }

    /// The profile that is played.
    pub(crate) fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The host that the profile is applied to.
    pub(crate) fn firewall(&self) -> &Namespace {
        match (&self.scene, &self.profile.nat) {
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

    fn server(&self) -> &Namespace {
        match (&self.other, &self.scene) {
            (Some(other), _) => other,
            (None, Scene::Direct(scene)) => &scene.server,
            (None, Scene::Behind(scene)) => &scene.server,
        }
    }

    /// What is next to the outside, and not the client.
    fn front(&self) -> &Namespace {
        match &self.scene {
            Scene::Direct(scene) => &scene.server,
            Scene::Behind(scene) => &scene.gateway,
        }
    }

    fn lead_far_away(&self) {
        let (far, router, front) = (&self.far, self.outside(), self.front());
        router.ip(&format!(
            "link add far0 type veth peer name eth0 netns {}\n\
             link set far0 up\n\
             addr add 198.51.100.129/25 dev far0\n\
             addr add 2001:db8:52::1/64 dev far0 nodad noprefixroute\n\
             route replace 198.51.100.128/25 dev far0 mtu lock 1280\n\
             route replace 2001:db8:52::/64 dev far0 mtu lock 1280",
            far.path()
        ));
        far.ip(&format!(
            "link set eth0 up\n\
             addr add {FAR}/25 dev eth0\n\
             addr add {FAR6}/64 dev eth0 nodad\n\
             route add default via 198.51.100.129\n\
             route add default via 2001:db8:52::1"
        ));
        front.ip(&format!(
            "route add 198.51.100.128/25 via {CLIENT}\nroute add 2001:db8:52::/64 via {CLIENT6}"
        ));
        router.sysctl("net.ipv4.ip_forward", "1");
        router.sysctl("net.ipv6.conf.all.forwarding", "1");
        router.sysctl("net.ipv4.icmp_ratelimit", "0");
        router.sysctl("net.ipv6.icmp.ratelimit", "0");
    }

    /// The box in front: one address to one, from outside.
    fn translate_upstream(&self, external: IpAddr) {
        let gateway = self.front();
        gateway.ip(&format!("addr add {external}/32 dev eth0"));
        self.outside()
            .ip(&format!("route add {external}/32 via {PUBLIC}"));
        nft(
            gateway,
            &format!(
                "table ip upstream {{
                    chain in {{
                        type nat hook prerouting priority -100;
                        iifname eth0 ip daddr {external} dnat to {SERVER}
                    }}
                    chain out {{
                        type nat hook postrouting priority 100;
                        oifname eth0 ip saddr {SERVER} snat to {external}
                    }}
                }}\n"
            ),
        );
    }

    /// Who sits there.
    pub(crate) fn client(&self, seat: Seat) -> &Namespace {
        let masquerades = matches!(self.profile.nat, Nat::Masquerade { .. });
        match (&self.scene, seat) {
            (Scene::Behind(scene), Seat::Inside) => &scene.inside,
            (Scene::Behind(scene), _) if masquerades && seat != Seat::Gateway => &scene.inside,
            (Scene::Behind(scene), Seat::Gateway) => &scene.gateway,
            (_, Seat::Narrow) => &self.far,
            (_, _) => self.outside(),
        }
    }

    /// Forgets what was learnt of path MTUs.
    pub(crate) fn forget_paths(&self) {
        let sender = match &self.profile.nat {
            Nat::Masquerade { .. } => self.client(Seat::Client),
            _ => self.server(),
        };
        sender.ip("route flush cache");
        sender.run("ip -6 route flush cache");
    }

    /// The sessions that a sign stands for in a family, one for each control port; none
    /// where that family has no such thing.
    pub(crate) fn sessions(&self, sign: Sign, family: Family) -> Vec<Session> {
        let Some(mode) = in_family(sign.mode, family) else {
            return Vec::new();
        };
        let inside_out = sign.seat == Seat::Inside && !translated(&self.profile, family);
        // Nothing translates what TLS hides of an inside client's address.
        let masquerades = matches!(self.profile.nat, Nat::Masquerade { .. });
        if inside_out || masquerades && sign.veiled && mode.is_active() {
            return Vec::new();
        }
        let address = self.called(sign.seat, family);
        let session = |(number, control): (usize, &ftpnat::profile::Control)| Session {
            mode,
            veiled: sign.veiled,
            to: SocketAddr::new(address, self.outer_port(number, control.port)),
            implicit: control.tls == Tls::Implicit,
            privileged: sign.privileged,
            bytes: if sign.seat == Seat::Narrow {
                60_000
            } else {
                100
            },
        };
        self.profile
            .control
            .iter()
            .enumerate()
            .map(session)
            .collect()
    }

    fn called(&self, seat: Seat, family: Family) -> IpAddr {
        let by = |ipv4, ipv6| match family {
            Family::Ipv4 => ipv4,
            Family::Ipv6 => ipv6,
        };
        match &self.profile.nat {
            Nat::None => by(PUBLIC, PUBLIC6),
            Nat::Upstream { external, .. } => external[0].address.expect("an address"),
            Nat::Dnat { .. } if translated(&self.profile, family) => by(PUBLIC, PUBLIC6),
            Nat::Dnat { .. } => by(SERVER, SERVER6),
            Nat::Masquerade { .. } if seat == Seat::Narrow => by(FAR, FAR6),
            Nat::Masquerade { .. } => by(CLIENT, CLIENT6),
        }
    }

    fn outer_port(&self, number: usize, own: u16) -> u16 {
        match &self.profile.nat {
            Nat::Dnat { external, .. } if number == 0 => external[0].port.unwrap_or(own),
            _ => own,
        }
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
