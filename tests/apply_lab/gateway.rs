//! A gateway that forwards nothing: shipped profiles translate and let through, from
//! nothing.

use std::net::{IpAddr, Ipv4Addr};

use ftpnat::model::ftp::ClientMode::{Epsv, Pasv, Port};
use ftpnat::model::ftp::Tls;
use ftpnat::model::net::PortRange;
use libtest_mimic::{Failed, Trial};

use crate::expect;
use crate::host::{Host, Kind};
use crate::support::client::Session;
use crate::support::client::SessionTls::{Explicit, Plain};
use crate::support::netns::Namespace;
use crate::support::outcome::Outcome::{Hangs, Works};
use crate::support::proftpd;
use crate::support::scene::{BehindGateway, Forwarding, PUBLIC, SERVER6};
use crate::support::server::{Config, Server};

const NATIVE: &str = "table inet theirs {
    chain forward {
        type filter hook forward priority 0; policy drop;
    }
    chain input {
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    }
}
";

const IPTABLES: &str = "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
COMMIT
";

type Play = fn(&BehindGateway, &Host) -> Result<(), Failed>;

pub(crate) fn trials() -> Vec<Trial> {
    let plays: [(&str, Play); 5] = [
        ("gateway", one_server),
        ("gateway-hairpin", hairpin),
        ("two-servers", two_servers),
        ("legacy-active", legacy_active),
        ("dual-stack", dual_stack),
    ];
    let mut trials = Vec::new();
    for (name, play) in plays {
        for kind in Kind::ALL {
            let name = format!("gateway/{name}/{}", kind.word());
            trials.push(Trial::test(name, move || {
                let scene = BehindGateway::new(Forwarding::Off);
                kind.load(&scene.gateway, NATIVE, IPTABLES);
                play(&scene, &Host::new(&scene.gateway, kind))
            }));
        }
    }
    trials
}

fn serve(host: &Namespace, tls: Tls, passive: (u16, u16), advertise: bool) -> Server {
    proftpd::start(
        host,
        &Config {
            control: vec![(21, tls)],
            passive: PortRange::new(passive.0, passive.1),
            advertise: advertise.then_some(Ipv4Addr::new(198, 51, 100, 1)),
        },
    )
}

fn one_server(scene: &BehindGateway, host: &Host) -> Result<(), Failed> {
    let server = serve(&scene.server, Tls::Required, (50000, 51000), true);
    let session = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Hangs)?;
    host.apply_shipped(&["gateway"])?;
    expect(&scene.client, &server, &session, &Works)?;
    expect(
        &scene.client,
        &server,
        &Session::new(Pasv, Explicit, PUBLIC),
        &Works,
    )?;
    expect(&scene.gateway, &server, &session, &Works)?;
    host.remove()?;
    expect(&scene.client, &server, &session, &Hangs)
}

fn hairpin(scene: &BehindGateway, host: &Host) -> Result<(), Failed> {
    let server = serve(&scene.server, Tls::Required, (50000, 51000), true);
    host.apply_shipped(&["gateway-hairpin"])?;
    for client in [&scene.client, &scene.inside] {
        expect(
            client,
            &server,
            &Session::new(Pasv, Explicit, PUBLIC),
            &Works,
        )?;
    }
    Ok(())
}

/// One after the other: the first stays where the second comes, and where it goes.
fn two_servers(scene: &BehindGateway, host: &Host) -> Result<(), Failed> {
    let second = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 22));
    let second = scene.join("server-b", second);
    let first = serve(&scene.server, Tls::Required, (50000, 51000), true);
    let other = serve(&second, Tls::Required, (52000, 53000), true);
    let at = |port| Session {
        port,
        ..Session::new(Pasv, Explicit, PUBLIC)
    };
    host.apply_shipped(&["two-servers-a"])?;
    expect(&scene.client, &first, &at(21), &Works)?;
    host.apply_shipped(&["two-servers-b"])?;
    expect(&scene.client, &first, &at(21), &Works)?;
    expect(&scene.client, &other, &at(2121), &Works)
}

/// Without TLS, the helper: it rewrites 227, and lets the server call back.
fn legacy_active(scene: &BehindGateway, host: &Host) -> Result<(), Failed> {
    let server = serve(&scene.server, Tls::None, (50000, 51000), false);
    host.apply_shipped(&["legacy-active"])?;
    for mode in [Port, Pasv, Epsv] {
        expect(
            &scene.client,
            &server,
            &Session::new(mode, Plain, PUBLIC),
            &Works,
        )?;
    }
    Ok(())
}

fn dual_stack(scene: &BehindGateway, host: &Host) -> Result<(), Failed> {
    let server = serve(&scene.server, Tls::Required, (50000, 51000), true);
    host.apply_shipped(&["dual-stack"])?;
    for address in [PUBLIC, SERVER6] {
        expect(
            &scene.client,
            &server,
            &Session::new(Epsv, Explicit, address),
            &Works,
        )?;
    }
    Ok(())
}
