//! FN314: ports beyond the range, and clients that are none.

use ftpnat::model::ftp::ClientMode::Epsv;
use libtest_mimic::{Failed, Trial};

use crate::host::Kind;
use crate::support::client::Session;
use crate::support::client::SessionTls::Explicit;
use crate::support::netns::Namespace;
use crate::support::outcome::Outcome::Works;
use crate::support::rules::Reach::{Open, Silent};
use crate::support::scene::{BehindGateway, Direct, Forwarding, PUBLIC, lead_far_away};
use crate::support::server::Config;
use crate::support::{directory, proftpd};
use crate::{PROFILE, Said, each_kind, expect, paste, reached};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = each_kind("range-open-wider/ports", |kind| {
        wider(kind, "tcp dport 50000-60000 accept", "--dport 50000:60000")
    });
    trials.extend(each_kind("range-open-wider/beside-others", |kind| {
        let native = "tcp dport { 22, 3000-3010, 50000-60000 } accept";
        let iptables = "--dport 22 -j ACCEPT\n-A INPUT -p tcp -m multiport --dports \
                        3000:3010,50000:60000";
        wider(kind, native, iptables)
    }));
    trials.extend(each_kind("range-open-wider/all-high", |kind| {
        wider(kind, "tcp dport 1024-65535 accept", "--dport 1024:65535")
    }));
    trials.extend(each_kind("range-open-wider/sources", to_others));
    trials.extend(each_kind("range-open-wider/dnat", by_dnat));
    trials.extend(each_kind("range-open-wider/not", not_wider));
    trials
}

fn rules(native: &str, iptables: &str) -> (String, String) {
    let native = format!(
        "table inet theirs {{
            chain input {{
                type filter hook input priority 0; policy drop;
                ct state established,related accept
                tcp dport 21 accept
                {native}
            }}
        }}\n"
    );
    let iptables = format!(
        "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
         -A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n\
         -A INPUT -p tcp -m tcp {iptables} -j ACCEPT\nCOMMIT\n"
    );
    (native, iptables)
}

fn wider(kind: Kind, native: &str, iptables: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    let (native, iptables) = rules(native, iptables);
    kind.load(&scene.server, &native, &iptables);
    reached(&scene.client, &scene.server, 55000, Open)?;
    let said = Said::of(&scene.server, PROFILE)?;
    paste(&scene.server, said.only("FN314")?)?;
    reached(&scene.client, &scene.server, 55000, Silent)?;
    reached(&scene.client, &scene.server, 50011, Silent)?;
    if native.contains("3000") {
        reached(&scene.client, &scene.server, 3005, Open)?;
    }
    Said::of(&scene.server, PROFILE)?.silent()?;
    let server = proftpd::start(&scene.server, &Config::default());
    let session = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Works)
}

const NEAR_ONLY: &str = "name: lab\nserver: { software: proftpd }\n\
                         passive: { ports: 50000-50010 }\nclients: 198.51.100.0/25\n";

fn to_others(kind: Kind) -> Result<(), Failed> {
    let scene = Direct::new();
    let dir = directory();
    let far = Namespace::new("far", dir.path());
    lead_far_away(&scene.client, &scene.server, &far);
    let (native, iptables) = rules("tcp dport 50000-50010 accept", "--dport 50000:50010");
    kind.load(&scene.server, &native, &iptables);
    reached(&far, &scene.server, 50005, Open)?;
    let said = Said::of(&scene.server, NEAR_ONLY)?;
    paste(&scene.server, said.only("FN314")?)?;
    reached(&far, &scene.server, 50005, Silent)?;
    reached(&scene.client, &scene.server, 50005, Open)?;
    Said::of(&scene.server, NEAR_ONLY)?.silent()
}

const GATEWAY: &str = "name: lab\nserver: { address: 10.77.0.21, software: proftpd }\n\
                       control: { port: 21, tls: required }\n\
                       passive: { ports: 50000-50010, advertise: 198.51.100.1 }\n\
                       nat:\n  mode: dnat\n  external: { address: 198.51.100.1, interface: eth0 }\n";

/// The rule that translates opens it: forwarding is open, this host is not.
fn by_dnat(kind: Kind) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    kind.load(
        &scene.gateway,
        "table ip theirs {
            chain prerouting {
                type nat hook prerouting priority -100;
                ip daddr 198.51.100.1 tcp dport { 21, 50000-60000 } dnat to 10.77.0.21
            }
            chain input {
                type filter hook input priority 0; policy drop;
                ct state established,related accept
            }
        }\n",
        "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         :POSTROUTING ACCEPT [0:0]\n\
         -A PREROUTING -d 198.51.100.1/32 -p tcp -m multiport --dports 21,50000:60000 -j DNAT \
         --to-destination 10.77.0.21\nCOMMIT\n\
         *filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n",
    );
    reached(&scene.client, &scene.server, 55000, Open)?;
    let said = Said::of(&scene.gateway, GATEWAY)?;
    paste(&scene.gateway, said.only("FN314")?)?;
    reached(&scene.client, &scene.server, 55000, Silent)?;
    reached(&scene.client, &scene.server, 50005, Open)?;
    Said::of(&scene.gateway, GATEWAY)?.silent()
}

/// What is no wider than is meant: single ports beside the range, a network that is
/// trusted with everything, a host that shuts nothing.
fn not_wider(kind: Kind) -> Result<(), Failed> {
    let silent = |native: &str, iptables: &str| -> Result<(), Failed> {
        let scene = Direct::new();
        kind.load(&scene.server, native, iptables);
        let said = Said::of(&scene.server, PROFILE)?;
        said.silent()
    };
    let (native, iptables) = rules(
        "tcp dport { 22, 80, 443, 50000-50010 } accept\n\
         ip saddr 192.0.2.0/24 accept",
        "--dport 22 -j ACCEPT\n-A INPUT -s 192.0.2.0/24 -j ACCEPT\n-A INPUT -p tcp -m multiport \
         --dports 80,443,50000:50010",
    );
    silent(&native, &iptables)?;
    silent(
        "table inet theirs {
            chain input {
                type filter hook input priority 0; policy accept;
                tcp dport 50000-60000 accept
            }
        }\n",
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         -A INPUT -p tcp -m tcp --dport 50000:60000 -j ACCEPT\nCOMMIT\n",
    )
}
