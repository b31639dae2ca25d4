//! FN323: a client behind a narrower link.

use std::net::IpAddr;

use ftpnat::model::ftp::ClientMode::Epsv;
use libtest_mimic::{Failed, Trial};

use crate::host::Kind;
use crate::support::client::Session;
use crate::support::client::SessionTls::Explicit;
use crate::support::netns::Namespace;
use crate::support::outcome::Outcome::{Hangs, Works};
use crate::support::rules::restore;
use crate::support::scene::{BehindGateway, Direct, Forwarding, PUBLIC, PUBLIC6, lead_far_away};
use crate::support::server::{Config, Server};
use crate::support::{directory, proftpd};
use crate::{PROFILE, Said, each_kind, expect, paste};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = each_kind("icmp-needed-for-pmtu/own-ipv4", |kind| own(kind, PUBLIC));
    trials.extend(each_kind("icmp-needed-for-pmtu/own-ipv6", |kind| {
        own(kind, PUBLIC6)
    }));
    trials.extend(each_kind("icmp-needed-for-pmtu/gateway", gateway));
    trials
}

const IPTABLES: &str = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n\
                        -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n\
                        -A INPUT -p tcp -m multiport --dports 21,50000:50010 -j ACCEPT\nCOMMIT\n";

/// Neighbours must be found.
const IP6TABLES: &str = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n\
                         -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n\
                         -A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT\n\
                         -A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j ACCEPT\n\
                         -A INPUT -p tcp -m multiport --dports 21,50000:50010 -j ACCEPT\nCOMMIT\n";

fn own(kind: Kind, address: IpAddr) -> Result<(), Failed> {
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
                icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
                tcp dport { 21, 50000-50010 } accept
            }
        }\n",
        IPTABLES,
    );
    if let Kind::Iptables(back_end) = kind {
        let program = back_end.program("ip6tables", "restore");
        restore(&scene.server, &program, &[], IP6TABLES);
    }
    let server = proftpd::start(&scene.server, &Config::default());
    cured(
        &scene.client,
        &far,
        &scene.server,
        (&server, address),
        PROFILE,
    )
}

const GATEWAY: &str = "name: lab\nserver: { address: 10.77.0.21, software: proftpd }\n\
                       control: { port: 21, tls: required }\n\
                       passive: { ports: 50000-50010, advertise: 198.51.100.1 }\n\
                       nat:\n  mode: dnat\n  external: { address: 198.51.100.1, interface: eth0 }\n";

fn gateway(kind: Kind) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let dir = directory();
    let far = Namespace::new("far", dir.path());
    lead_far_away(&scene.client, &scene.gateway, &far);
    kind.load(
        &scene.gateway,
        "table ip theirs {
            chain prerouting {
                type nat hook prerouting priority -100;
                ip daddr 198.51.100.1 tcp dport { 21, 50000-50010 } dnat to 10.77.0.21
            }
            chain forward {
                type filter hook forward priority 0; policy drop;
                ct state established accept
                tcp dport { 21, 50000-50010 } accept
            }
        }\n",
        "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         :POSTROUTING ACCEPT [0:0]\n\
         -A PREROUTING -d 198.51.100.1/32 -p tcp -m multiport --dports 21,50000:50010 -j DNAT \
         --to-destination 10.77.0.21\nCOMMIT\n\
         *filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n\
         -A FORWARD -p tcp -m multiport --dports 21,50000:50010 -j ACCEPT\nCOMMIT\n",
    );
    let config = Config {
        advertise: Some([198, 51, 100, 1].into()),
        ..Config::default()
    };
    let server = proftpd::start(&scene.server, &config);
    cured(
        &scene.client,
        &far,
        &scene.gateway,
        (&server, PUBLIC),
        GATEWAY,
    )
}

fn cured(
    client: &Namespace,
    far: &Namespace,
    host: &Namespace,
    (server, address): (&Server, IpAddr),
    profile: &str,
) -> Result<(), Failed> {
    let session = Session::new(Epsv, Explicit, address);
    expect(client, server, &session, &Works)?;
    expect(far, server, &session, &Hangs)?;
    let said = Said::of(host, profile)?;
    paste(host, said.only("FN323")?)?;
    expect(far, server, &session, &Works)?;
    Said::of(host, profile)?.silent()
}
