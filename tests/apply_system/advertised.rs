//! A host that has its IPv6 default route by router advertisements (RFC 4861) becomes a
//! gateway: what the kernel does to it, and what apply does about that.

use std::net::SocketAddrV6;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use ftpnat::apply::record::Changed;
use ftpnat::sys::sysctls::{read, write};
use libtest_mimic::Trial;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn6, sendto, setsockopt,
    socket, sockopt,
};

use crate::support::{self, netns::Namespace, wait_until};
use crate::sysctls::{all, assert_same, gateway, planned, serve};
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("advertised/the-kernel-forgets", the_kernel_forgets),
        trial("advertised/the-host-goes-on-listening", goes_on_listening),
        trial(
            "advertised/who-forwards-on-keeps-it",
            who_forwards_on_keeps_it,
        ),
    ]
}

/// The host and the router on its eth0.
struct Scene {
    host: Namespace,
    router: Namespace,
    _dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let dir = support::directory();
        let (host, router) = (
            Namespace::new("host", dir.path()),
            Namespace::new("router", dir.path()),
        );
        host.ip(&format!(
            "link add eth0 type veth peer name lan netns {}\nlink add eth1 type veth peer name in\n\
             link set eth0 up\nlink set eth1 up\nlink set in up\naddress add fe80::2/64 dev eth0\n",
            router.path()
        ));
        router.ip("link set lan up\naddress add fe80::1/64 dev lan\n");
        let scene = Self {
            host,
            router,
            _dir: dir,
        };
        scene.advertise();
        let learned = wait_until(Duration::from_secs(5), || {
            scene.advertise();
            scene.has_route()
        });
        assert!(learned, "the host learns its route");
        scene
    }

    /// A router advertisement of a default route, from the router to the host.
    fn advertise(&self) {
        self.router.inside(|| {
            let socket = socket(
                AddressFamily::Inet6,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC,
                SockProtocol::IcmpV6,
            )
            .expect("a raw socket");
            // From further away it is not believed.
            setsockopt(&socket, sockopt::Ipv6Ttl, &255).expect("the hop limit");
            let index = if_nametoindex("lan").expect("the interface");
            let to = SocketAddrV6::new("fe80::2".parse().expect("an address"), 0, 0, index);
            // Type 134, hop limit 64, lifetime 1800 s; the kernel fills in the checksum.
            let message = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
            let to = SockaddrIn6::from(to);
            // Not while the neighbour is looked for.
            let _ = sendto(socket.as_raw_fd(), &message, &to, MsgFlags::empty());
        });
    }

    fn has_route(&self) -> bool {
        let routes = self.host.run("ip -6 route show default proto ra");
        routes.contains("via fe80::1 dev eth0")
    }

    /// Whether an advertisement still counts: it makes the route again.
    fn listens(&self) -> bool {
        if self.has_route() {
            self.host.run("ip -6 route del default proto ra");
        }
        wait_until(Duration::from_millis(500), || {
            self.advertise();
            self.has_route()
        })
    }
}

/// What there is to cure.
fn the_kernel_forgets() {
    let scene = Scene::new();
    scene
        .host
        .inside(|| write("net.ipv6.conf.all.forwarding", "1").expect("written"));
    assert!(!scene.has_route(), "the route is gone at once");
    assert!(!scene.listens(), "and does not come again");
}

fn goes_on_listening() {
    let scene = Scene::new();
    let before = scene.host.inside(all);
    let made = scene.host.inside(|| {
        let change = planned(&[gateway()], &Changed::default());
        assert_eq!(change.warnings.len(), 1, "{:?}", change.warnings);
        assert!(change.warnings[0].contains("eth0"), "{:?}", change.warnings);
        serve(&[gateway()], &Changed::default())
    });
    assert!(scene.has_route(), "the route was never gone");
    assert!(scene.listens());
    scene.host.inside(move || serve(&[], &made));
    assert!(scene.has_route());
    assert!(scene.listens());
    assert_same(&scene.host.inside(all), &before);
}

/// `accept_ra` stays as long as the host forwards, though no profile needs that any more.
fn who_forwards_on_keeps_it() {
    let scene = Scene::new();
    let made = scene
        .host
        .inside(|| serve(&[gateway()], &Changed::default()));
    scene.host.inside(move || {
        // Somebody has another value of it.
        write("net.ipv6.conf.all.forwarding", "2").expect("written");
        let back = planned(&[], &made);
        assert_eq!(back.warnings.len(), 2, "{:?}", back.warnings);
        serve(&[], &made);
        assert_eq!(read("net/ipv6/conf/eth0/accept_ra").expect("read"), "2");
        assert_eq!(read("net.ipv4.ip_forward").expect("read"), "0");
    });
    assert!(scene.listens());
}
