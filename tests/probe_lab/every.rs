//! Every server program, with TLS in each of its ways, behind its own firewall and behind NAT:
//! the same fault is named alike.

use ftpnat::model::ftp::Tls;
use libtest_mimic::{Failed, Trial};

use crate::gateway::{DNAT, PUBLIC};
use crate::seat::Probe;
use crate::setup::{Kind, Setup, trial};
use crate::support::rules::{nft, own_firewall};
use crate::support::scene::{BehindGateway, Direct, Forwarding};

const HOST: &str = "198.51.100.1";

/// What its own firewall does with the passive range, and the check that finds it.
const FIREWALLS: [(&str, &[&str], &str); 5] = [
    ("open", &[], "tcp dport 50000-50010 accept"),
    ("FN414", &["FN414"], "tcp dport 50000-50010 drop"),
    (
        "FN415",
        &["FN415"],
        "tcp dport 50000-50010 reject with tcp reset",
    ),
    ("FN424", &["FN424"], "tcp dport 50005-50010 drop"),
    (
        "FN425",
        &["FN425"],
        "tcp dport 50000-50010 reject with icmpx type admin-prohibited",
    ),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for setup in Kind::ALL.into_iter().flat_map(ways) {
        let kind = setup.kind;
        let name = |what: &str| format!("every/{}/{}/{what}", kind.word(), setup.tls_word());
        for (what, finds, rule) in FIREWALLS {
            let setup = setup.clone();
            trials.push(trial(name(what), kind, move || {
                firewall(&setup, finds, rule)
            }));
        }
        let private = setup.clone().on_ipv4();
        trials.push(trial(name("FN411"), kind, move || {
            behind(&private, &["FN411"])
        }));
        let public = Setup {
            advertise: Some(PUBLIC),
            ..setup.clone()
        };
        trials.push(trial(name("public"), kind, move || behind(&public, &[])));
    }
    trials
}

/// In plain, by AUTH TLS, and from the first byte where the program has that.
fn ways(kind: Kind) -> Vec<Setup> {
    let mut ways = vec![Tls::None, Tls::Required];
    if kind.has_implicit() {
        ways.push(Tls::Implicit);
    }
    let of = |tls| Setup {
        tls,
        ..Setup::new(kind)
    };
    ways.into_iter().map(of).collect()
}

fn firewall(setup: &Setup, finds: &[&str], rule: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    let server = setup.start(&scene.server);
    own_firewall(&scene.server, rule);
    let probe = Probe::of(HOST).with(setup, &server);
    // Servers pick ports by chance, and may pick none of the one half, or none of the other.
    let said = probe.until_mixed(&scene.client, finds == ["FN424"]);
    said.finds(finds)
}

/// A gateway that translates the control port and the range.
fn behind(setup: &Setup, finds: &[&str]) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let server = setup.start(&scene.server);
    nft(&scene.gateway, &DNAT.replace("{ 21,", "{ 21, 990,"));
    let said = Probe::of(HOST).with(setup, &server).at(&scene.client);
    said.finds(finds)?;
    said.ok(&["epsv-list", "more-ports"])
}
