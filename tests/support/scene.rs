//! The two networks that the tests play in.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tempfile::TempDir;

use super::netns::Namespace;

/// The client on the Internet.
pub(crate) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 10));
/// The same over IPv6.
pub(crate) const CLIENT6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x51, 0, 0, 0, 0, 0x10));
/// The machine that clients connect to: the server itself, or the gateway.
pub(crate) const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
/// The same over IPv6.
pub(crate) const PUBLIC6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x51, 0, 0, 0, 0, 1));
/// The gateway as the inside network sees it.
pub(crate) const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));
/// The same over IPv6.
pub(crate) const GATEWAY6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 1));
/// The server behind the gateway.
pub(crate) const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 21));
/// The same over IPv6.
pub(crate) const SERVER6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0x21));
/// The client beside the server.
pub(crate) const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 50));
/// The same over IPv6.
pub(crate) const INSIDE6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0x50));

/// Beyond the client, where [`lead_far_away`] leads.
pub(crate) const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 200));
/// The same over IPv6.
pub(crate) const FAR6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x52, 0, 0, 0, 0, 0x200));

/// A client and a server whose firewall is under test:
///
/// ```text
/// client eth0 198.51.100.10 ---- 198.51.100.1 eth0 server
///        2001:db8:51::10          2001:db8:51::1
/// ```
pub(crate) struct Direct {
    /// On the Internet.
    pub(crate) client: Namespace,
    /// The firewall under test, and the FTP server.
    pub(crate) server: Namespace,
    _dir: TempDir,
}

impl Direct {
    /// The network, without any rule.
    pub(crate) fn new() -> Self {
        let dir = super::directory();
        let client = Namespace::new("client", dir.path());
        let server = Namespace::new("server", dir.path());
        connect(&client, "eth0", &server, "eth0");
        address(&client, "eth0", &[CLIENT, CLIENT6]);
        address(&server, "eth0", &[PUBLIC, PUBLIC6]);
        Self {
            client,
            server,
            _dir: dir,
        }
    }
}

/// Whether the gateway routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forwarding {
    /// `ip_forward` and IPv6 `forwarding` are on.
    On,
    /// As a fresh kernel has it.
    Off,
}

/// A gateway whose firewall is under test, a server behind it and a client
/// beside the server. The inside machines share one Ethernet: what they send
/// to each other never meets the gateway.
///
/// ```text
/// client eth0 198.51.100.10 ---- 198.51.100.1 eth0 gateway eth1 10.77.0.1 --+-- 10.77.0.21 eth0 server
///        2001:db8:51::10          2001:db8:51::1          2001:db8:77::1   |   2001:db8:77::21
///                                                                          +-- 10.77.0.50 eth0 inside
///                                                                              2001:db8:77::50
/// ```
pub(crate) struct BehindGateway {
    /// On the Internet. It has no way to 10.77.0.0/16: nobody outside has.
    pub(crate) client: Namespace,
    /// The firewall under test.
    pub(crate) gateway: Namespace,
    /// Where the FTP server runs.
    pub(crate) server: Namespace,
    /// A client in the server's network.
    pub(crate) inside: Namespace,
    lan: Namespace,
    dir: TempDir,
}

impl BehindGateway {
    /// The network, without any rule.
    pub(crate) fn new(forwarding: Forwarding) -> Self {
        let dir = super::directory();
        let new = |name| Namespace::new(name, dir.path());
        let (client, gateway, server, inside, lan) = (
            new("client"),
            new("gateway"),
            new("server"),
            new("inside"),
            new("lan"),
        );

        // Without STP a port forwards at once; without snooping, neighbour
        // discovery does not wait for a multicast querier.
        lan.ip("link add br0 type bridge stp_state 0 mcast_snooping 0\nlink set br0 up");
        for (port, host, interface) in [
            ("gw", &gateway, "eth1"),
            ("srv", &server, "eth0"),
            ("in", &inside, "eth0"),
        ] {
            connect(&lan, port, host, interface);
            lan.ip(&format!("link set {port} master br0\nlink set {port} up"));
        }
        connect(&client, "eth0", &gateway, "eth0");

        address(&client, "eth0", &[CLIENT, CLIENT6]);
        address(&gateway, "eth0", &[PUBLIC, PUBLIC6]);
        address(&gateway, "eth1", &[GATEWAY, GATEWAY6]);
        address(&server, "eth0", &[SERVER, SERVER6]);
        address(&inside, "eth0", &[INSIDE, INSIDE6]);
        // The Internet does not route private addresses; IPv6 it routes.
        client.ip(&format!(
            "route add unreachable 10.77.0.0/16\nroute add default via {PUBLIC6}"
        ));
        for host in [&server, &inside] {
            host.ip(&format!(
                "route add default via {GATEWAY}\nroute add default via {GATEWAY6}"
            ));
        }
        if forwarding == Forwarding::On {
            gateway.sysctl("net.ipv4.ip_forward", "1");
            gateway.sysctl("net.ipv6.conf.all.forwarding", "1");
        }
        Self {
            client,
            gateway,
            server,
            inside,
            lan,
            dir,
        }
    }

    /// The gateway as the box in front of an upstream server: one address to one, from
    /// outside.
    pub(crate) fn translate_one_to_one(&self, external: IpAddr) {
        self.gateway.ip(&format!("addr add {external}/32 dev eth0"));
        self.client
            .ip(&format!("route add {external}/32 via {PUBLIC}"));
        super::rules::nft(
            &self.gateway,
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

    /// One more machine in the server's network.
    pub(crate) fn join(&self, name: &'static str, own: IpAddr) -> Namespace {
        let host = Namespace::new(name, self.dir.path());
        connect(&self.lan, name, &host, "eth0");
        self.lan
            .ip(&format!("link set {name} master br0\nlink set {name} up"));
        address(&host, "eth0", &[own]);
        host.ip(&format!("route add default via {GATEWAY}"));
        host
    }
}

/// Puts `far` behind the client, on a path of 1280 bytes; `front` is what the client is
/// connected to:
///
/// ```text
/// far eth0 198.51.100.200 ---- 198.51.100.129 far0 client eth0 198.51.100.10 ---- front
///          2001:db8:52::200    (mtu 1280 towards far)
/// ```
pub(crate) fn lead_far_away(client: &Namespace, front: &Namespace, far: &Namespace) {
    // Both ends announce 1460 bytes and only the route in between has less: that is what
    // ICMP has to tell. IPv6's own route of the interface would come first.
    client.ip(&format!(
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
    client.sysctl("net.ipv4.ip_forward", "1");
    client.sysctl("net.ipv6.conf.all.forwarding", "1");
    client.sysctl("net.ipv4.icmp_ratelimit", "0");
    client.sysctl("net.ipv6.icmp.ratelimit", "0");
}

/// A cable: a veth pair with one end in each namespace.
fn connect(a: &Namespace, a_end: &str, b: &Namespace, b_end: &str) {
    a.ip(&format!(
        "link add {a_end} type veth peer name {b_end} netns {}",
        b.path()
    ));
}

/// Sets addresses and brings the interface up.
fn address(namespace: &Namespace, interface: &str, addresses: &[IpAddr]) {
    let mut batch = format!("link set {interface} up\n");
    for address in addresses {
        let (prefix, flags) = if address.is_ipv4() {
            (24, "")
        } else {
            (64, "nodad")
        };
        let _ = writeln!(batch, "addr add {address}/{prefix} dev {interface} {flags}");
    }
    namespace.ip(&batch);
}
