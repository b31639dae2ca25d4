//! FN306: an expectation that somebody forged.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use ftpnat::model::ftp::ClientMode::{Epsv, Pasv};
use libtest_mimic::{Failed, Trial};

use crate::host::Kind;
use crate::support::client::Session;
use crate::support::client::SessionTls::{Explicit, Plain};
use crate::support::listener::Listener;
use crate::support::netns::Namespace;
use crate::support::outcome::Outcome::Works;
use crate::support::rules::Reach::{Open, Silent};
use crate::support::rules::{Reach, reach};
use crate::support::scene::{Direct, PUBLIC, lead_far_away};
use crate::support::server::Config;
use crate::support::{directory, proftpd};
use crate::{PROFILE, Said, each_kind, expect, paste, same};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = each_kind("related-accepted-too-widely", |kind| played(kind, NATIVE));
    trials.push(Trial::test("related-accepted-too-widely/by-map", || {
        let by_map = "ct state vmap { established : accept, related : accept, invalid : drop }";
        let native = NATIVE.replace("ct state established,related accept", by_map);
        played(Kind::Native, &native)
    }));
    trials
}

/// Plain data gets through as RELATED alone, TLS data as NEW alone.
const NATIVE: &str = "table inet theirs {
    ct helper ftp { type \"ftp\" protocol tcp; }
    chain prerouting {
        type filter hook prerouting priority -150;
        tcp dport 21 ct helper set \"ftp\"
    }
    chain input {
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        tcp dport 21 accept
        tcp dport 50000-50010 ct state new accept
    }
}
";

const IPTABLES: &str = "*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 50000:50010 -m conntrack --ctstate NEW -j ACCEPT
COMMIT
";

fn played(kind: Kind, native: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    let dir = directory();
    let far = Namespace::new("far", dir.path());
    lead_far_away(&scene.client, &scene.server, &far);
    kind.load(&scene.server, native, IPTABLES);
    same(
        "NEW",
        &reach(&scene.client, PUBLIC, &scene.server, 3306),
        &Silent,
    )?;
    same("forged", &forged(&scene), &Open)?;

    let said = Said::of(&scene.server, PROFILE)?;
    let found = said.only("FN306")?;
    paste(&scene.server, found)?;

    same("forged, cured", &forged(&scene), &Silent)?;
    Said::of(&scene.server, PROFILE)?.silent()?;
    let server = proftpd::start(&scene.server, &Config::default());
    for (mode, tls) in [(Pasv, Plain), (Epsv, Plain), (Epsv, Explicit)] {
        let session = Session::new(mode, tls, PUBLIC);
        expect(&scene.client, &server, &session, &Works)?;
    }
    // The path MTU is told still.
    expect(&far, &server, &Session::new(Epsv, Explicit, PUBLIC), &Works)
}

/// A control connection whose server names the port of another service.
fn forged(scene: &Direct) -> Reach {
    let control = Listener::on(&scene.server, (Ipv4Addr::UNSPECIFIED, 21));
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = control.accept().expect("a client");
        stream.write_all(b"220 hello\r\n").expect("greeted");
        let mut line = String::new();
        let mut lines = BufReader::new(stream.try_clone().expect("twice"));
        lines.read_line(&mut line).expect("a command");
        // 3306 is 12 * 256 + 234.
        let reply = b"227 Entering Passive Mode (198,51,100,1,12,234).\r\n";
        stream.write_all(reply).expect("answered");
        line.clear();
        // Until the client goes.
        let _ = lines.read_line(&mut line);
    });
    let control = scene.client.inside(|| {
        let mut control =
            TcpStream::connect_timeout(&SocketAddr::new(PUBLIC, 21), Duration::from_secs(10))
                .expect("logged in");
        let mut lines = BufReader::new(control.try_clone().expect("twice"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a greeting");
        control.write_all(b"PASV\r\n").expect("asked");
        line.clear();
        lines.read_line(&mut line).expect("227");
        control
    });
    let seen = reach(&scene.client, PUBLIC, &scene.server, 3306);
    drop(control);
    serving.join().expect("the forger's end");
    seen
}
