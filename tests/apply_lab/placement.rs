//! The 'Placement' table of what was tried by hand, through `apply`.

use ftpnat::model::ftp::ClientMode::{Epsv, Pasv};
use libtest_mimic::{Failed, Trial};

use crate::expect;
use crate::host::{Host, Kind};
use crate::server::PROFILE;
use crate::support::client::Session;
use crate::support::client::SessionTls::Explicit;
use crate::support::directory;
use crate::support::netns::Namespace;
use crate::support::outcome::Outcome::{Hangs, Works};
use crate::support::proftpd;
use crate::support::rules::{nft, restore};
use crate::support::scene::{BehindGateway, Direct, Forwarding, PUBLIC, lead_far_away};
use crate::support::server::Config;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("placement/accept-in-another-table", accept_in_another_table),
        Trial::test("placement/notrack", notrack),
        Trial::test("placement/dnat-in-a-later-table", dnat_in_a_later_table),
    ];
    for kind in Kind::ALL {
        let word = kind.word();
        trials.push(Trial::test(
            format!("placement/drops-established-too/{word}"),
            move || drops_established_too(kind),
        ));
        trials.push(Trial::test(
            format!("placement/dnat-taken-by-another-rule/{word}"),
            move || dnat_taken(kind),
        ));
        trials.push(Trial::test(
            format!("placement/related-icmp/{word}"),
            move || path_mtu(kind),
        ));
    }
    trials
}

/// An accept ends its own chain: the drop in the next is not overruled. A guest there is.
fn accept_in_another_table() -> Result<(), Failed> {
    let scene = Direct::new();
    nft(
        &scene.server,
        "table inet earlier {
            chain input {
                type filter hook input priority -10; policy accept;
                ct state new tcp dport { 21, 50000-50010 } accept
            }
        }
        table inet theirs {
            chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                tcp dport 21 accept
            }
        }\n",
    );
    let server = proftpd::start(&scene.server, &Config::default());
    let session = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Hangs)?;
    Host::new(&scene.server, Kind::Native).apply(PROFILE)?;
    expect(&scene.client, &server, &session, &Works)
}

/// Nothing is stateful there: both directions of both connections must be let through.
fn drops_established_too(kind: Kind) -> Result<(), Failed> {
    let scene = Direct::new();
    kind.load(
        &scene.server,
        "table inet theirs {
            chain input {
                type filter hook input priority 0; policy drop;
                tcp dport 22 accept
            }
            chain output {
                type filter hook output priority 0; policy accept;
                tcp sport 22 accept
                drop
            }
        }\n",
        "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n\
         -A OUTPUT -p tcp -m tcp --sport 22 -j ACCEPT\n-A OUTPUT -j DROP\nCOMMIT\n",
    );
    let server = proftpd::start(&scene.server, &Config::default());
    let session = Session::new(Pasv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Hangs)?;
    Host::new(&scene.server, kind).apply(PROFILE)?;
    expect(&scene.client, &server, &session, &Works)
}

/// The ports are open, but nothing tells the server of a narrow path: TLS, whose server
/// has much to say at once, hangs there and nowhere else.
fn path_mtu(kind: Kind) -> Result<(), Failed> {
    let scene = Direct::new();
    let dir = directory();
    let far = Namespace::new("far", dir.path());
    lead_far_away(&scene.client, &scene.server, &far);
    kind.load(
        &scene.server,
        "table inet theirs {
            chain input {
                type filter hook input priority 0; policy drop;
                ct state established accept
                tcp dport { 21, 50000-50010 } accept
            }
        }\n",
        "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n\
         -A INPUT -p tcp -m multiport --dports 21,50000:50010 -j ACCEPT\nCOMMIT\n",
    );
    let server = proftpd::start(&scene.server, &Config::default());
    let session = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Works)?;
    expect(&far, &server, &session, &Hangs)?;
    Host::new(&scene.server, kind).apply(PROFILE)?;
    expect(&far, &server, &session, &Works)
}

/// No `ct state` ever matches what is not tracked: `apply` may not call that done.
fn notrack() -> Result<(), Failed> {
    let scene = Direct::new();
    nft(
        &scene.server,
        "table inet theirs {
            chain prerouting {
                type filter hook prerouting priority -300;
                tcp dport { 21, 50000-50010 } notrack
            }
            chain output {
                type filter hook output priority -300;
                tcp sport { 21, 50000-50010 } notrack
            }
            chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
            }
        }\n",
    );
    let run = Host::new(&scene.server, Kind::Native).try_apply(PROFILE);
    let server = proftpd::start(&scene.server, &Config::default());
    let session = Session::new(Epsv, Explicit, PUBLIC);
    match run.status {
        0 => expect(&scene.client, &server, &session, &Works),
        3 if run.stderr.contains("notrack") => Ok(()),
        _ => Err(format!("{run:?}").into()),
    }
}

/// A gateway's profile.
pub(crate) const GATEWAY: &str = "name: lab
server: { address: 10.77.0.21, software: proftpd }
passive: { ports: 50000-50010, advertise: 198.51.100.1 }
nat: { mode: dnat, external: { address: 198.51.100.1, interface: eth0 } }
";

/// The server behind it.
pub(crate) fn announcing() -> Config {
    Config {
        advertise: Some(std::net::Ipv4Addr::new(198, 51, 100, 1)),
        ..Config::default()
    }
}

/// Somebody translates to another host, in a table that comes after ours did.
fn dnat_in_a_later_table() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let host = Host::new(&scene.gateway, Kind::Native);
    host.apply(GATEWAY)?;
    nft(
        &scene.gateway,
        "table ip later {
            chain prerouting {
                type nat hook prerouting priority -100;
                ip daddr 198.51.100.1 tcp dport { 21, 50000-50010 } dnat to 10.77.0.50
            }
        }\n",
    );
    let server = proftpd::start(&scene.server, &announcing());
    let session = Session::new(Pasv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Works)?;
    host.is_settled(GATEWAY)
}

/// The same was there before.
fn dnat_taken(kind: Kind) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    match kind {
        Kind::Native => nft(
            &scene.gateway,
            "table ip theirs {
                chain prerouting {
                    type nat hook prerouting priority -100;
                    ip daddr 198.51.100.1 tcp dport { 21, 50000-50010 } dnat to 10.77.0.50
                }
            }\n",
        ),
        Kind::Iptables(back_end) => restore(
            &scene.gateway,
            &back_end.program("iptables", "restore"),
            &[],
            "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
             :POSTROUTING ACCEPT [0:0]\n\
             -A PREROUTING -d 198.51.100.1/32 -p tcp -m multiport --dports 21,50000:50010 \
             -j DNAT --to-destination 10.77.0.50\nCOMMIT\n",
        ),
    }
    Host::new(&scene.gateway, kind).apply(GATEWAY)?;
    let server = proftpd::start(&scene.server, &announcing());
    let session = Session::new(Pasv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Works)
}
