//! Connections of a client through the kernel, to servers by rules one by one and by maps.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use ftpnat::facts::Facts;
use ftpnat::plan::{Plan, plan};
use ftpnat::profile::Profile;
use ftpnat::render::nftables::own_table;
use libtest_mimic::{Failed, Trial};

use crate::read;
use crate::support::directory;
use crate::support::listener::Listener;
use crate::support::netns::Namespace;
use crate::support::rules::nft;

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("connections/reach-the-same-server", reach)]
}

/// Three servers: two share an address, one of them by another control port.
const SERVERS: [&str; 3] = [
    "name: a\nserver: { address: 10.77.0.21 }\npassive: { ports: 50000-50009 }\nnat: { mode: dnat, external: { address: 198.51.100.1, interface: eth0 } }\n",
    "name: b\nserver: { address: 10.77.0.22 }\npassive: { ports: 50010-50019 }\nnat: { mode: dnat, external: { address: 198.51.100.1, interface: eth0, port: 2121 } }\n",
    "name: c\nserver: { address: 10.77.0.23 }\npassive: { ports: 50000-50009 }\nnat: { mode: dnat, external: { address: 198.51.100.2, interface: eth0 } }\n",
];

/// Where a client's connection ends: on that server and port, refused by the gateway, or
/// nowhere.
const ENDS: &[(&str, &str)] = &[
    ("198.51.100.1:20", "refused"),
    ("198.51.100.1:21", "10.77.0.21:21"),
    ("198.51.100.1:22", "refused"),
    ("198.51.100.1:2120", "refused"),
    ("198.51.100.1:2121", "10.77.0.22:21"),
    ("198.51.100.1:2122", "refused"),
    ("198.51.100.1:49999", "refused"),
    ("198.51.100.1:50000", "10.77.0.21:50000"),
    ("198.51.100.1:50009", "10.77.0.21:50009"),
    ("198.51.100.1:50010", "10.77.0.22:50010"),
    ("198.51.100.1:50019", "10.77.0.22:50019"),
    ("198.51.100.1:50020", "refused"),
    ("198.51.100.2:21", "10.77.0.23:21"),
    ("198.51.100.2:2121", "refused"),
    ("198.51.100.2:50000", "10.77.0.23:50000"),
    ("198.51.100.2:50009", "10.77.0.23:50009"),
    ("198.51.100.2:50010", "refused"),
    ("198.51.100.3:21", "refused"),
    ("198.51.100.3:50000", "refused"),
    // Routed: what is not accepted is dropped.
    ("10.77.0.21:50009", "10.77.0.21:50009"),
    ("10.77.0.21:50010", "silent"),
    ("10.77.0.22:50009", "silent"),
    ("10.77.0.22:50010", "10.77.0.22:50010"),
    ("10.77.0.22:2121", "silent"),
    ("10.77.0.24:21", "silent"),
];

fn reach() -> Result<(), Failed> {
    let profiles: Result<Vec<Profile>, Failed> = SERVERS.iter().map(|t| read(t)).collect();
    let plan = plan(&profiles?, &Facts::default());
    for maps in [false, true] {
        let text = own_table(&Plan {
            maps,
            ..plan.clone()
        });
        if text.contains(" map @") != maps {
            return Err(format!("maps or not: {text}").into());
        }
        let lab = Lab::new(&text);
        for (to, end) in ENDS {
            let found = lab.connect(to.parse()?);
            if found != *end {
                return Err(format!("{to} ends {found}, not {end}\n{text}").into());
            }
        }
    }
    Ok(())
}

struct Lab {
    client: Namespace,
    server: Namespace,
    _gateway: Namespace,
    _dir: tempfile::TempDir,
}

impl Lab {
    /// A client, a gateway with three addresses, and all servers in one namespace. What the
    /// gateway's own table does not accept, it drops.
    fn new(text: &str) -> Self {
        let dir = directory();
        let client = Namespace::new("client", dir.path());
        let gateway = Namespace::new("gateway", dir.path());
        let server = Namespace::new("server", dir.path());
        gateway.ip(&format!(
            "link add eth0 type veth peer name eth0 netns {}\n\
             link add eth1 type veth peer name eth0 netns {}\n\
             addr add 198.51.100.1/24 dev eth0\naddr add 198.51.100.2/24 dev eth0\n\
             addr add 198.51.100.3/24 dev eth0\naddr add 10.77.0.1/24 dev eth1\n\
             link set eth0 up\nlink set eth1 up",
            client.path(),
            server.path()
        ));
        gateway.sysctl("net.ipv4.ip_forward", "1");
        client.ip(
            "addr add 198.51.100.10/24 dev eth0\nlink set eth0 up\nroute add default via 198.51.100.1",
        );
        server.ip(
            "addr add 10.77.0.21/24 dev eth0\naddr add 10.77.0.22/24 dev eth0\n\
             addr add 10.77.0.23/24 dev eth0\naddr add 10.77.0.24/24 dev eth0\n\
             link set eth0 up\nroute add default via 10.77.0.1",
        );
        let open = "hook forward priority 0; policy accept;";
        let closed = "hook forward priority 0; policy drop;\n\t\tct direction reply accept";
        assert!(text.contains(open), "{text}");
        nft(&gateway, &text.replace(open, closed));
        Self {
            client,
            server,
            _gateway: gateway,
            _dir: dir,
        }
    }

    fn connect(&self, to: SocketAddr) -> String {
        let mut ports = vec![to.port(), 21];
        ports.dedup();
        let listen = |port| Listener::on(&self.server, (Ipv4Addr::UNSPECIFIED, port));
        let listeners: Vec<Listener> = ports.into_iter().map(listen).collect();
        let timeout = match to.ip() {
            // Most of these are dropped.
            IpAddr::V4(v4) if v4.octets()[0] == 10 => Duration::from_millis(1500),
            _ => Duration::from_millis(3500),
        };
        let found = self
            .client
            .inside(move || TcpStream::connect_timeout(&to, timeout));
        match found {
            Err(error) if error.kind() == ErrorKind::TimedOut => "silent".to_owned(),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => "refused".to_owned(),
            Err(error) => error.to_string(),
            Ok(_stream) => {
                for listener in listeners {
                    listener.set_nonblocking(true).expect("set");
                    if let Ok((stream, _)) = listener.accept() {
                        return stream.local_addr().expect("its own").to_string();
                    }
                }
                "nobody".to_owned()
            }
        }
    }
}
