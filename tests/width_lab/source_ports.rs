//! FN319: who picks the right source port gets through.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;

use ftpnat::model::ftp::ClientMode::Epsv;
use libtest_mimic::{Failed, Trial};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::host::Kind;
use crate::support::client::Session;
use crate::support::client::SessionTls::Explicit;
use crate::support::listener::Listener;
use crate::support::netns::Namespace;
use crate::support::outcome::Outcome::Works;
use crate::support::proftpd;
use crate::support::rules::Reach::Silent;
use crate::support::scene::{BehindGateway, Direct, Forwarding, PUBLIC, SERVER};
use crate::support::server::Config;
use crate::{PROFILE, Said, each_kind, expect, paste, reached, same};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = each_kind("accept-matches-source-port/howto", |kind| {
        here(
            kind,
            "tcp sport 50000-50010 ct state new accept\ntcp dport 50000-50010 accept",
            "-A INPUT -p tcp -m state --state NEW -m multiport --ports 50000:50010 -j ACCEPT",
            50005,
        )
    });
    trials.extend(each_kind("accept-matches-source-port/active", |kind| {
        here(
            kind,
            "tcp sport 20 tcp dport 1024-65535 accept\ntcp dport 50000-50010 accept",
            "-A INPUT -p tcp -m tcp --sport 20 --dport 1024:65535 -j ACCEPT\n\
             -A INPUT -p tcp -m tcp --dport 50000:50010 -j ACCEPT",
            20,
        )
    }));
    trials.extend(each_kind("accept-matches-source-port/forward", forwarded));
    trials.extend(each_kind("accept-matches-source-port/replies", replies));
    trials
}

fn rules(native: &str, iptables: &str) -> (String, String) {
    (
        format!(
            "table inet theirs {{
                chain input {{
                    type filter hook input priority 0; policy drop;
                    ct state established,related accept
                    tcp dport 21 accept
                    {native}
                }}
            }}\n"
        ),
        format!(
            "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n\
             -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
             -A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n{iptables}\nCOMMIT\n"
        ),
    )
}

fn here(kind: Kind, native: &str, iptables: &str, source: u16) -> Result<(), Failed> {
    let scene = Direct::new();
    let (native, iptables) = rules(native, iptables);
    kind.load(&scene.server, &native, &iptables);
    reached(&scene.client, &scene.server, 3306, Silent)?;
    let get_through = || through(&scene.client, source, PUBLIC, &scene.server);
    same("by the source port", &get_through(), &true)?;
    let said = Said::of(&scene.server, PROFILE)?;
    paste(&scene.server, said.only("FN319")?)?;
    same("cured", &get_through(), &false)?;
    Said::of(&scene.server, PROFILE)?.silent()?;
    let server = proftpd::start(&scene.server, &Config::default());
    let session = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Works)
}

const GATEWAY: &str = "name: lab\nserver: { address: 10.77.0.21, software: proftpd }\n\
                       control: { port: 21, tls: required }\n\
                       passive: { ports: 50000-50010, advertise: 198.51.100.1 }\n\
                       nat:\n  mode: dnat\n  external: { address: 198.51.100.1, interface: eth0 }\n";

/// A neighbour on the outside network, who sends to the inside address.
fn forwarded(kind: Kind) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    scene.client.ip(&format!("route add {SERVER} via {PUBLIC}"));
    kind.load(
        &scene.gateway,
        "table ip theirs {
            chain prerouting {
                type nat hook prerouting priority -100;
                ip daddr 198.51.100.1 tcp dport { 21, 50000-50010 } dnat to 10.77.0.21
            }
            chain forward {
                type filter hook forward priority 0; policy drop;
                ct state established,related accept
                tcp dport { 21, 50000-50010 } accept
                tcp sport 50000-50010 ct state new accept
            }
        }\n",
        "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         :POSTROUTING ACCEPT [0:0]\n\
         -A PREROUTING -d 198.51.100.1/32 -p tcp -m multiport --dports 21,50000:50010 -j DNAT \
         --to-destination 10.77.0.21\nCOMMIT\n\
         *filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
         -A FORWARD -p tcp -m tcp --dport 21 -j ACCEPT\n\
         -A FORWARD -p tcp -m state --state NEW -m multiport --ports 50000:50010 -j ACCEPT\n\
         COMMIT\n",
    );
    let get_through = || through(&scene.client, 50005, SERVER, &scene.server);
    same("by the source port", &get_through(), &true)?;
    let said = Said::of(&scene.gateway, GATEWAY)?;
    paste(&scene.gateway, said.only("FN319")?)?;
    same("cured", &get_through(), &false)?;
    Said::of(&scene.gateway, GATEWAY)?.silent()?;
    let server = proftpd::start(
        &scene.server,
        &Config {
            advertise: Some([198, 51, 100, 1].into()),
            ..Config::default()
        },
    );
    let session = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Works)
}

/// Packets of connections that are there are nobody's choice.
fn replies(kind: Kind) -> Result<(), Failed> {
    let scene = Direct::new();
    let (native, iptables) = rules(
        "tcp sport 20 ct state established accept\ntcp dport 50000-50010 accept",
        "-A INPUT -p tcp -m tcp --sport 20 -m state --state ESTABLISHED -j ACCEPT\n\
         -A INPUT -p tcp -m tcp --dport 50000:50010 -j ACCEPT",
    );
    kind.load(&scene.server, &native, &iptables);
    let is_through = through(&scene.client, 20, PUBLIC, &scene.server);
    same("by the source port", &is_through, &false)?;
    Said::of(&scene.server, PROFILE)?.silent()
}

/// Whether a connection from a source port gets to a listener on port 3306.
fn through(client: &Namespace, source: u16, to: IpAddr, server: &Namespace) -> bool {
    let _listener = Listener::on(server, (Ipv4Addr::UNSPECIFIED, 3306));
    let IpAddr::V4(to) = to else {
        panic!("IPv4 only");
    };
    client.inside(move || {
        let socket = socket(
            AddressFamily::Inet,
            SockType::Stream,
            SockFlag::empty(),
            None,
        )
        .expect("a socket");
        setsockopt(&socket, sockopt::ReuseAddr, &true).expect("an option");
        // Two retransmissions of the SYN fit.
        let wait = TimeVal::milliseconds(3500);
        setsockopt(&socket, sockopt::SendTimeout, &wait).expect("a timeout");
        // Closed by a reset, so that the port is free at once.
        let linger = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        setsockopt(&socket, sockopt::Linger, &linger).expect("an option");
        bind(socket.as_raw_fd(), &SockaddrIn::new(0, 0, 0, 0, source)).expect("bound");
        connect(
            socket.as_raw_fd(),
            &SockaddrIn::from(std::net::SocketAddrV4::new(to, 3306)),
        )
        .is_ok()
    })
}
