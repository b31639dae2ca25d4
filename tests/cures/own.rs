//! Rules in tables of our own.

use std::net::IpAddr;

use ftpnat::check::RuleChange;
use libtest_mimic::{Failed, Trial};

use crate::guests::nothing_left;
use crate::host::{Host, Kind};
use crate::pasted::{expect, own, paste, rules, ruleset};
use crate::support::netns::Namespace;
use crate::support::rules::Reach::{self, Open, Refused};
use crate::support::scene::{BehindGateway, Forwarding, PUBLIC, PUBLIC6};

/// Everything that a gateway may need: both families, a helper, hairpin, active mode.
const PROFILE: &str = "name: lab
server: { address: [ 10.77.0.21, \"2001:db8:77::21\" ] }
control: { port: 21, tls: optional }
passive: { ports: 50000-50010 }
active: true
nat:
  mode: dnat
  external:
    - { address: 198.51.100.1, interface: eth0 }
    - { address: \"2001:db8:51::1\", interface: eth0 }
  internal: { interface: eth1, networks: [ 10.77.0.0/24, \"2001:db8:77::/64\" ] }
  hairpin: true
";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![Trial::test("own/nft-without-inet-nat", || {
        play(Kind::Native, false)
    })];
    for kind in Kind::ALL {
        let name = format!("own/{}", kind.word());
        trials.push(Trial::test(name, move || play(kind, true)));
    }
    trials
}

fn play(kind: Kind, inet_nat: bool) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let gateway = &scene.gateway;
    let all = |expected: Reach| {
        let from = |client: &Namespace, to: IpAddr| {
            let ports = [(21, expected), (50000, expected), (50010, expected)];
            expect(client, to, &scene.server, &ports)?;
            expect(client, to, &scene.server, &[(50011, Refused)])
        };
        for to in [PUBLIC, PUBLIC6] {
            for client in [&scene.client, &scene.inside, gateway] {
                from(client, to)?;
            }
        }
        Ok::<(), Failed>(())
    };
    all(Refused)?;
    let changes = || {
        let ruleset = ruleset(gateway);
        let rules = rules(PROFILE)?;
        let changes = rules.iter().map(|rule| own(&ruleset, rule, kind, inet_nat));
        Ok::<Vec<RuleChange>, Failed>(changes.collect())
    };
    let text = paste(gateway, changes()?)?;
    all(Open)?;

    let host = Host::new(gateway, kind);
    if inet_nat {
        // It is what apply puts there, to the letter.
        let run = host.apply(PROFILE)?;
        if !run.stdout.contains("nothing to do") {
            return Err(format!("{text}\n{run:?}").into());
        }
    }

    // Once more, with what leads to our chains there already: for another profile.
    paste(gateway, changes()?)?;
    all(Open)?;
    host.apply(PROFILE)?;
    all(Open)?;
    host.is_settled(PROFILE)?;
    host.remove()?;
    all(Refused)?;
    nothing_left(gateway)?;

    // Without apply in between: what was pasted is recognised by itself.
    paste(gateway, changes()?)?;
    host.remove()?;
    nothing_left(gateway)
}
