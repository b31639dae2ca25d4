//! Our own rules, where somebody else's chains drop the rest: no check has a word to say.

use libtest_mimic::{Failed, Trial};

use crate::Said;
use crate::host::{Host, Kind};
use crate::support::netns::Namespace;
use crate::support::rules::{nft, restore};
use crate::support::scene::{BehindGateway, CLIENT, CLIENT6, Direct, Forwarding};
use crate::support::{BackEnd, emitted};

/// A mode, what is served, and whether this host is a gateway.
const PROFILES: &[(&str, &str, bool)] = &[
    (
        "none",
        "name: lab\nserver: { address: [ 198.51.100.1, \"2001:db8:51::1\" ] }\n\
         passive: { ports: 50000-50010 }\nactive: true\n",
        false,
    ),
    (
        "none-helper",
        "name: lab\ncontrol: { port: 21, tls: none }\npassive: { ports: 50000-50010 }\n\
         helper: always\nclients: [ 198.51.100.0/24, \"2001:db8:51::/48\" ]\n",
        false,
    ),
    (
        "upstream",
        "name: lab\npassive: { ports: 50000-50010, advertise: 203.0.113.10 }\n\
         nat: { mode: upstream, external: { address: 203.0.113.10 } }\n",
        false,
    ),
    (
        "dnat",
        "name: lab\nserver: { address: [ 10.77.0.21, \"2001:db8:77::21\" ] }\n\
         passive: { ports: 50000-50010, advertise: 198.51.100.1 }\nactive: true\n\
         helper: always\nnat:\n  mode: dnat\n  \
         external: { address: 198.51.100.1, interface: eth0 }\n  \
         internal: { interface: eth1, networks: [ 10.77.0.0/24 ] }\n  hairpin: true\n",
        true,
    ),
    (
        "dnat-tls",
        "name: lab\nserver: { address: [ 10.77.0.21, \"2001:db8:77::21\" ] }\n\
         control: { port: 21, tls: required }\n\
         passive: { ports: 50000-50010, advertise: 198.51.100.1 }\nnat:\n  mode: dnat\n  \
         external: { address: 198.51.100.1, interface: eth0 }\n",
        true,
    ),
    (
        "masquerade",
        "name: lab\nactive: true\nnat:\n  mode: masquerade\n  external: { interface: eth0 }\n  \
         internal: { interface: eth1, networks: [ 10.77.0.0/24, \"2001:db8:77::/64\" ] }\n",
        true,
    ),
];

const NATIVE: &str = "table inet theirs {
    chain input {
        type filter hook input priority 0; policy drop;
        iifname lo accept
        ct state established accept
    }
    chain forward {
        type filter hook forward priority 0; policy drop;
        ct state established accept
    }
}
";

const IPTABLES: &str = "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT
COMMIT
";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (mode, yaml, is_gateway) in PROFILES {
        for kind in Kind::ALL {
            for applied in [false, true] {
                let how = if applied { "applied" } else { "emitted" };
                let name = format!("silent/{mode}-{}-{how}", kind.word());
                let run = move || ours(kind, yaml, *is_gateway, applied);
                trials.push(Trial::test(name, run));
            }
        }
    }
    trials
}

fn ours(kind: Kind, yaml: &str, is_gateway: bool, applied: bool) -> Result<(), Failed> {
    if is_gateway {
        let scene = BehindGateway::new(Forwarding::On);
        scene.gateway.ip(&format!(
            "route add default via {CLIENT}\nroute add default via {CLIENT6}"
        ));
        judged(kind, &scene.gateway, yaml, applied)
    } else {
        let scene = Direct::new();
        judged(kind, &scene.server, yaml, applied)
    }
}

fn judged(kind: Kind, host: &Namespace, yaml: &str, applied: bool) -> Result<(), Failed> {
    kind.load(host, NATIVE, IPTABLES);
    if let Kind::Iptables(back_end) = kind {
        restore(
            host,
            &back_end.program("ip6tables", "restore"),
            &[],
            IPTABLES,
        );
    }
    let applying = Host::new(host, kind);
    if applied {
        applying.apply(yaml)?;
    } else {
        load_emitted(kind, host, yaml)?;
    }
    Said::of(host, yaml)?.says_nothing_of_ours()
}

fn load_emitted(kind: Kind, host: &Namespace, yaml: &str) -> Result<(), Failed> {
    match kind {
        Kind::Native => {
            let arguments = ["nft", "--base", "live", "--profile", "-"];
            nft(host, &emitted(BackEnd::Nft, host, &arguments, yaml)?);
        }
        Kind::Iptables(back_end) => {
            for iptables in ["iptables", "ip6tables"] {
                let arguments = [iptables, "--base", "live", "--profile", "-"];
                let text = emitted(back_end, host, &arguments, yaml)?;
                restore(host, &back_end.program(iptables, "restore"), &[], &text);
            }
        }
    }
    Ok(())
}
