//! The helper on a gateway: what the live ruleset does with it, and whether a plain
//! client's PASV works.

use ftpnat::model::ftp::{ClientMode, Tls};
use libtest_mimic::Failed;

use crate::support::client::{self, Session, SessionTls};
use crate::support::outcome::{Outcome, Stage};
use crate::support::rules::{nft, restore};
use crate::support::scene::{BehindGateway, Forwarding, PUBLIC};
use crate::support::server::Config;
use crate::support::{self, emitted, proftpd};
use crate::{Played, Said};

pub(crate) fn trials() -> [Played; 5] {
    [
        ("helper-assigned", || {
            played(str::to_owned, None, &Outcome::Works)
        }),
        ("helper-not-assigned", || {
            played(without_helper, Some("FN203"), &Outcome::Unreachable)
        }),
        ("helper-assigned-too-early", || {
            let early = |rules: &str| rules.replace("priority -150", "priority -300");
            played(early, Some("FN204"), &Outcome::Unreachable)
        }),
        ("helper-assigned-after-dnat", || {
            // This kernel adjusts sequence numbers there as well, and FN205 knows it.
            played(behind_dnat, None, &Outcome::Works)
        }),
        ("helper-assigned-by-iptables", by_iptables),
    ]
}

const GATEWAY: &str = "name: lab\nserver: { address: 10.77.0.21, software: proftpd }\n\
                       control: { port: 21, tls: none }\npassive: { ports: 50000-50010 }\n\
                       nat:\n  mode: dnat\n  external: { address: 198.51.100.1, interface: eth0 }\n";

fn without_helper(rules: &str) -> String {
    let lines = rules.lines().filter(|line| !line.contains("ct helper set"));
    lines.fold(String::new(), |all, line| all + line + "\n")
}

/// There the packet has the server's address already.
fn behind_dnat(rules: &str) -> String {
    let line = |line: &str| {
        if line.contains("ct helper set") {
            line.replace("198.51.100.1", "10.77.0.21")
        } else {
            line.replace("priority -150", "priority -50")
        }
    };
    rules
        .lines()
        .fold(String::new(), |all, l| all + &line(l) + "\n")
}

/// The planned rules, changed; what `check` says of them, and the client.
fn played(
    change: fn(&str) -> String,
    fires: Option<&str>,
    expected: &Outcome,
) -> Result<(), Failed> {
    let arguments = ["nft", "--base", "none", "--profile", "-"];
    judged(fires, expected, |scene| {
        let rules = emitted(support::BackEnd::Nft, &scene.gateway, &arguments, GATEWAY)?;
        let changed = change(&rules);
        if fires.is_some() && changed == rules {
            return Err("the change changes nothing".into());
        }
        nft(&scene.gateway, &changed);
        Ok(())
    })
}

fn by_iptables() -> Result<(), Failed> {
    let arguments = ["iptables", "--base", "none", "--profile", "-"];
    for back_end in [support::BackEnd::Nft, support::BackEnd::Legacy] {
        judged(None, &Outcome::Works, |scene| {
            let rules = emitted(back_end, &scene.gateway, &arguments, GATEWAY)?;
            let program = back_end.program("iptables", "restore");
            restore(&scene.gateway, &program, &[], &rules);
            Ok(())
        })?;
    }
    Ok(())
}

fn judged(
    fires: Option<&str>,
    expected: &Outcome,
    load: impl FnOnce(&BehindGateway) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let server = proftpd::start(
        &scene.server,
        &Config {
            control: vec![(21, Tls::None)],
            ..Config::default()
        },
    );
    load(&scene)?;
    let said = Said::of(&scene.gateway, GATEWAY)?;
    for id in ["FN203", "FN204", "FN205"] {
        if fires == Some(id) {
            said.fires(id)?;
        } else {
            said.silent(id)?;
        }
    }
    let session = Session::new(ClientMode::Pasv, SessionTls::Plain, PUBLIC);
    client::expect(&scene.client, &server, &session, expected, Stage::Data)
}
