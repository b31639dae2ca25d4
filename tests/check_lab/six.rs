//! The same over IPv6: forwarding, and ways that depend on the source.

use libtest_mimic::Failed;

use crate::paths::{TwoUplinks, compare};
use crate::support::outcome::{Outcome, Stage};
use crate::support::rules::nft;
use crate::support::scene::{BehindGateway, Forwarding, PUBLIC, PUBLIC6, SERVER6};
use crate::support::server::Config;
use crate::support::{self, emitted, proftpd};
use crate::{Played, Said, commands, cure, lists, same};

pub(crate) fn trials() -> [Played; 4] {
    [
        ("forwarding-off-ipv6-translated", || {
            forwarding(TRANSLATED, "net.ipv6.conf.all.forwarding")
        }),
        ("forwarding-off-ipv6-routed", || {
            forwarding(ROUTED, "net.ipv6.conf.all.forwarding")
        }),
        ("forwarding-off-both", forwarding_off_both),
        ("ways-of-the-kernel-ipv6", ways_of_the_kernel),
    ]
}

/// IPv4 and IPv6 by DNAT.
const TRANSLATED: &str = "name: lab
server: { address: [10.77.0.21, \"2001:db8:77::21\"], software: proftpd }
passive: { ports: 50000-50010, advertise: 198.51.100.1 }
nat:
  mode: dnat
  external:
    - { address: 198.51.100.1, interface: eth0 }
    - { address: \"2001:db8:51::1\", interface: eth0 }
";

/// IPv4 by DNAT; over IPv6 clients call the server's own address.
const ROUTED: &str = "name: lab
server: { address: [10.77.0.21, \"2001:db8:77::21\"], software: proftpd }
passive: { ports: 50000-50010, advertise: 198.51.100.1 }
nat:
  mode: dnat
  external: { address: 198.51.100.1, interface: eth0 }
";

fn gateway(
    yaml: &str,
    forwarding: Forwarding,
) -> Result<(BehindGateway, support::server::Server), Failed> {
    let scene = BehindGateway::new(forwarding);
    let config = Config {
        advertise: Some([198, 51, 100, 1].into()),
        ..Config::default()
    };
    let server = proftpd::start(&scene.server, &config);
    let arguments = ["nft", "--base", "none", "--profile", "-"];
    let rules = emitted(support::BackEnd::Nft, &scene.gateway, &arguments, yaml)?;
    nft(&scene.gateway, &rules);
    Ok((scene, server))
}

/// IPv6 is off and hangs; IPv4 goes on.
fn forwarding(yaml: &str, off: &str) -> Result<(), Failed> {
    let (scene, server) = gateway(yaml, Forwarding::On)?;
    let called = if yaml == TRANSLATED { PUBLIC6 } else { SERVER6 };
    let (works, hangs) = (Outcome::Works, Outcome::Hangs);
    Said::of(&scene.gateway, yaml)?.silent("FN206")?;
    lists(&scene.client, &server, called, &works, Stage::Data)?;
    scene.gateway.sysctl(off, "0");
    lists(&scene.client, &server, called, &hangs, Stage::Control)?;
    lists(&scene.client, &server, PUBLIC, &works, Stage::Data)?;
    let said = Said::of(&scene.gateway, yaml)?;
    let finding = said.fires("FN206")?;
    let summary = finding["summary"].to_string();
    let names = summary.contains("IPv6") && !summary.contains("IPv4");
    same(&summary, &names, &true)?;
    for command in commands(finding) {
        cure(&scene.gateway, &command);
    }
    Said::of(&scene.gateway, yaml)?.silent("FN206")?;
    lists(&scene.client, &server, called, &works, Stage::Data)
}

/// As a fresh kernel has it: one finding and one remedy for both.
fn forwarding_off_both() -> Result<(), Failed> {
    let (scene, server) = gateway(TRANSLATED, Forwarding::Off)?;
    let both = [PUBLIC, PUBLIC6];
    for called in both {
        lists(
            &scene.client,
            &server,
            called,
            &Outcome::Hangs,
            Stage::Control,
        )?;
    }
    let said = Said::of(&scene.gateway, TRANSLATED)?;
    for command in commands(said.fires("FN206")?) {
        cure(&scene.gateway, &command);
    }
    Said::of(&scene.gateway, TRANSLATED)?.silent("FN206")?;
    for called in both {
        lists(&scene.client, &server, called, &Outcome::Works, Stage::Data)?;
    }
    Ok(())
}

/// A default route for each provider's prefix, as home routers have it, and more.
fn ways_of_the_kernel() -> Result<(), Failed> {
    let scene = TwoUplinks::new();
    scene.server.ip(
        "addr add 2001:db8:1::1/64 dev eth0 nodad\naddr add 2001:db8:2::1/64 dev eth1 nodad\n\
         route add default via 2001:db8:1::9 dev eth0\n\
         route add default from 2001:db8:2::/64 via 2001:db8:2::9 dev eth1\n\
         route add 2001:db8:10::/48 nexthop via 2001:db8:1::9 nexthop via 2001:db8:2::9\n\
         route add 2001:db8:20::/48 via 2001:db8:1::9 metric 10\n\
         route append 2001:db8:20::/48 via 2001:db8:2::9 metric 5\n\
         route add 2001:db8:21::/48 from 2001:db8:1::/64 via 2001:db8:2::9 metric 9\n\
         route add 2001:db8:22::/48 from 2001:db8:1::1 via 2001:db8:2::9 metric 9\n\
         route add 2001:db8:22::/48 from 2001:db8:1::/64 via 2001:db8:1::9 metric 1\n\
         route add unreachable 2001:db8:23::/48\nroute add blackhole 2001:db8:24::/48\n\
         route add default via 2001:db8:2::9 table 7",
    );
    for rule in [
        "to 2001:db8:30::/48 blackhole priority 90",
        "to 2001:db8:31::/48 lookup 7 priority 91",
        "from 2001:db8:1::1 to 2001:db8:32::/48 lookup 7 priority 92",
    ] {
        scene.server.run(&format!("ip -6 rule add {rule}"));
    }
    let from = ["2001:db8:1::1", "2001:db8:2::1"];
    let to: Vec<String> = [
        "ffff", "1", "2", "10", "20", "21", "22", "23", "24", "30", "31", "32",
    ]
    .iter()
    .map(|net| format!("2001:db8:{net}::5"))
    .collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    compare(&scene.server, &from, &to)
}
