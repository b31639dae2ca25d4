//! Faults of a gateway between the client and the server: NAT, helpers, boxes that read FTP,
//! paths with small packets.

use std::net::Ipv4Addr;

use ftpnat::model::ftp::Tls;
use libtest_mimic::{Failed, Trial};

use crate::seat::Probe;
use crate::setup::{Kind, Setup, trial};
use crate::support::netns::Namespace;
use crate::support::rules::nft;
use crate::support::scene::{self, BehindGateway, Direct, FAR, Forwarding};

const HOST: &str = "198.51.100.1";
pub(crate) const PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const PROFILE: &str = "name: a
server: { address: 10.77.0.21, software: vsftpd }
passive: { ports: 50000-50010, advertise: 198.51.100.1 }
nat:
  mode: dnat
  external: { address: 198.51.100.1, interface: eth0 }
";

/// DNAT of the control port and the passive range, as it should be.
pub(crate) const DNAT: &str = "table ip nat {
    chain in {
        type nat hook prerouting priority -100;
        iifname eth0 tcp dport { 21, 50000-50010 } dnat to 10.77.0.21
    }
}\n";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("behind/healthy", Kind::Vsftpd, healthy),
        trial("behind/FN405-reset", Kind::Vsftpd, || {
            cut("reject with tcp reset")
        }),
        trial("behind/FN405-silent", Kind::Vsftpd, || cut("drop")),
        trial("behind/FN411", Kind::Proftpd, private_address),
        trial("behind/FN414-helper", Kind::Vsftpd, needs_helper),
        trial("behind/FN415", Kind::Vsftpd, only_control_port),
        trial("behind/FN416", Kind::Vsftpd, other_source),
        trial("behind/FN417", Kind::Vsftpd, || {
            rewritten(None, &["FN411", "FN417"])
        }),
        trial("behind/FN417-and-FN413", Kind::Vsftpd, || {
            let profile = PROFILE.replace("50000-50010", "51000-51010");
            rewritten(Some(&profile), &["FN411", "FN413", "FN417"])
        }),
        trial("behind/FN420", Kind::Vsftpd, source_rejected),
        trial("behind/FN421", Kind::Vsftpd, no_end),
        trial("behind/FN423", Kind::Vsftpd, forgets),
        trial("behind/FN427", Kind::Vsftpd, stalls),
        trial("behind/follow", Kind::Vsftpd, followed),
    ]
}

fn server(scene: &BehindGateway, setup: &Setup) -> crate::support::server::Server {
    setup.start(&scene.server)
}

fn announcing() -> Setup {
    Setup {
        advertise: Some(PUBLIC),
        ..Setup::new(Kind::Vsftpd)
    }
}

fn healthy() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let _server = server(&scene, &announcing());
    nft(&scene.gateway, DNAT);
    let profile = Some(PROFILE);
    let said = Probe {
        profile,
        ..Probe::of(HOST)
    }
    .at(&scene.client);
    said.finds(&[])?;
    said.has_status(0)?;
    said.ok(&[
        "epsv-list",
        "pasv-list",
        "file",
        "more-ports",
        "new-tls-session",
    ])
}

/// A box that does not let TLS begin: the packet that says `AUTH` is the fifth word behind a
/// TCP header with timestamps.
fn cut(how: &str) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let _server = server(&scene, &announcing());
    nft(&scene.gateway, DNAT);
    nft(
        &scene.gateway,
        &format!(
            "table ip fw {{ chain forward {{ type filter hook forward priority 0;
             tcp dport 21 @th,256,32 0x41555448 {how}
            }}\n}}\n"
        ),
    );
    let said = Probe::of(HOST).at(&scene.client);
    said.finds(&["FN405"])
}

fn private_address() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let server = server(&scene, &Setup::new(Kind::Proftpd));
    let login = Some((server.user, server.password.as_str()));
    nft(&scene.gateway, DNAT);
    let said = Probe {
        login,
        ..Probe::of(HOST)
    }
    .at(&scene.client);
    said.finds(&["FN411"])?;
    said.ok(&["epsv-list"])
}

/// The hang of them all: in plain a helper lets data in, under TLS nothing does.
fn needs_helper() -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = Setup::new(Kind::Vsftpd).start(&scene.server);
    nft(&scene.server, HELPER);
    let said = Probe::of(HOST).at(&scene.client);
    said.finds(&["FN414"])?;
    if said.text.contains("its FTP helper reads") {
        Ok(())
    } else {
        Err(format!("the helper is not told:\n{said}").into())
    }
}

/// A firewall with the helper assigned, closed for what it does not announce.
pub(crate) const HELPER: &str = "table inet fw {
    ct helper ftp { type \"ftp\" protocol tcp; }
    chain pre {
        type filter hook prerouting priority -150;
        tcp dport 21 ct helper set \"ftp\"
    }
    chain in {
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        tcp dport 21 accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    }
}\n";

fn only_control_port() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let _server = server(&scene, &announcing());
    nft(&scene.gateway, &DNAT.replace("{ 21, 50000-50010 }", "21"));
    Probe::of(HOST).at(&scene.client).finds(&["FN415"])
}

fn other_source() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let setup = Setup {
        more: "port_enable=YES",
        ..announcing()
    };
    let _server = server(&scene, &setup);
    scene.gateway.ip("addr add 198.51.100.2/24 dev eth0");
    nft(&scene.gateway, DNAT);
    nft(
        &scene.gateway,
        "table ip out { chain post { type nat hook postrouting priority 100;
         oifname eth0 ip saddr 10.77.0.21 snat to 198.51.100.2
        }\n}\n",
    );
    let arguments = &["--active"];
    let said = Probe {
        arguments,
        ..Probe::of(HOST)
    }
    .at(&scene.client);
    said.finds(&["FN416"])
}

/// The server announces its inside address, and the gateway's helper makes the plain reply right.
/// A helper on the gateway, which sees the plain replies alone; `profile`: what is expected.
fn rewritten(profile: Option<&str>, expected: &[&str]) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let _server = server(&scene, &Setup::new(Kind::Vsftpd).on_ipv4());
    nft(&scene.gateway, DNAT);
    nft(
        &scene.gateway,
        "table ip help {
            ct helper ftp { type \"ftp\" protocol tcp; }
            chain pre { type filter hook prerouting priority -150;
                tcp dport 21 ct helper set \"ftp\"
            }
        }\n",
    );
    Probe {
        profile,
        ..Probe::of(HOST)
    }
    .at(&scene.client)
    .finds(expected)
}

/// Data comes to the server from the gateway, control from the client.
fn source_rejected() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let _server = server(&scene, &announcing());
    nft(&scene.gateway, DNAT);
    nft(
        &scene.gateway,
        "table ip out { chain post { type nat hook postrouting priority 100;
         oifname eth1 tcp dport 50000-50010 masquerade
        }\n}\n",
    );
    Probe::of(HOST).at(&scene.client).finds(&["FN420"])
}

/// A box that loses the server's `226`.
fn no_end() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let setup = Setup {
        tls: Tls::None,
        ..announcing()
    };
    let _server = server(&scene, &setup);
    nft(&scene.gateway, DNAT);
    nft(
        &scene.gateway,
        "table ip fw { chain forward { type filter hook forward priority 0;
         tcp sport 21 @th,256,24 0x323236 drop
        }\n}\n",
    );
    Probe::of(HOST).at(&scene.client).finds(&["FN421"])
}

/// A box that forgets idle connections and drops what it does not know.
fn forgets() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let _server = server(&scene, &announcing());
    nft(&scene.gateway, DNAT);
    forgetful(&scene.gateway);
    let arguments = &["--idle", "6"];
    let said = Probe {
        arguments,
        ..Probe::of(HOST)
    }
    .at(&scene.client);
    said.finds(&["FN423"])?;
    let arguments = &["--idle", "1"];
    Probe {
        arguments,
        ..Probe::of(HOST)
    }
    .at(&scene.client)
    .finds(&[])
}

fn forgetful(gateway: &Namespace) {
    nft(
        gateway,
        "table ip fw { chain forward { type filter hook forward priority 0; policy drop;
         ct state established accept
         ct status dnat tcp flags & (fin | syn | rst | ack) == syn accept
        }\n}\n",
    );
    gateway.sysctl("net.netfilter.nf_conntrack_tcp_timeout_established", "3");
    gateway.sysctl("net.netfilter.nf_conntrack_tcp_loose", "0");
}

/// A path of 1280 bytes behind a firewall that drops ICMP: listings work, files stall.
fn stalls() -> Result<(), Failed> {
    let scene = Direct::new();
    let dir = crate::support::directory();
    let far = Namespace::new("far", dir.path());
    scene::lead_far_away(&scene.client, &scene.server, &far);
    let setup = Setup {
        tls: Tls::None,
        ..Setup::new(Kind::Vsftpd)
    };
    let _server = setup.start(&scene.server);
    nft(
        &scene.server,
        "table inet fw { chain in { type filter hook input priority 0;
         icmp type destination-unreachable drop
        }\n}\n",
    );
    assert!(FAR.is_ipv4(), "the far client speaks IPv4");
    let said = Probe::of(HOST).at(&far);
    said.finds(&["FN427"])?;
    said.ok(&["epsv-list", "pasv-list"])
}

/// Obeyed, a reply that points elsewhere may well work.
fn followed() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    scene.gateway.ip("addr add 198.51.100.2/24 dev eth0");
    let setup = Setup {
        advertise: Some([198, 51, 100, 2].into()),
        ..Setup::new(Kind::Vsftpd)
    };
    let _server = server(&scene, &setup);
    nft(&scene.gateway, DNAT);
    let arguments = &["--follow"];
    let said = Probe {
        arguments,
        ..Probe::of(HOST)
    }
    .at(&scene.client);
    said.finds(&["FN412"])?;
    said.has_status(0)
}
