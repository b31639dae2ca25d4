//! Hosts whose rules are of two kinds at once: each drops, and each gets what is needed.

use ftpnat::model::ftp::ClientMode::Epsv;
use libtest_mimic::{Failed, Trial};

use crate::expect;
use crate::host::{Host, Kind, saves_and_reloads};
use crate::placement::{GATEWAY, announcing};
use crate::server::{IPTABLES, NATIVE, PROFILE};
use crate::support::BackEnd;
use crate::support::client::Session;
use crate::support::client::SessionTls::Explicit;
use crate::support::outcome::Outcome::{Hangs, Works};
use crate::support::proftpd;
use crate::support::rules::{nft, restore, save};
use crate::support::scene::{BehindGateway, Direct, Forwarding, PUBLIC};
use crate::support::server::Config;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for theirs in BackEnd::BOTH {
        for ours in Kind::ALL {
            let name = format!("mixed/native-and-{}/{}", theirs.word(), ours.word());
            trials.push(Trial::test(name, move || both_let_in(theirs, ours)));
            let name = format!("mixed/gateway/native-and-{}/{}", theirs.word(), ours.word());
            trials.push(Trial::test(name, move || both_forward(theirs, ours)));
        }
    }
    trials
}

fn both_let_in(theirs: BackEnd, ours: Kind) -> Result<(), Failed> {
    let scene = Direct::new();
    nft(&scene.server, NATIVE);
    let program = theirs.program("iptables", "restore");
    restore(&scene.server, &program, &[], IPTABLES);
    let before = save(&scene.server, &theirs.program("iptables", "save"), &[]);
    let server = proftpd::start(&scene.server, &Config::default());
    let session = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Hangs)?;
    let host = Host::new(&scene.server, ours);
    host.apply(PROFILE)?;
    host.is_settled(PROFILE)?;
    expect(&scene.client, &server, &session, &Works)?;
    saves_and_reloads(&scene.server, theirs, &before)?;
    expect(&scene.client, &server, &session, &Works)?;
    host.remove()?;
    expect(&scene.client, &server, &session, &Hangs)?;
    saves_and_reloads(&scene.server, theirs, &before)
}

/// The same of a gateway: both forward.
fn both_forward(theirs: BackEnd, ours: Kind) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::Off);
    nft(&scene.gateway, &NATIVE.replace("input", "forward"));
    let program = theirs.program("iptables", "restore");
    let rules = IPTABLES
        .replace(":INPUT DROP", ":INPUT ACCEPT")
        .replace(":FORWARD ACCEPT", ":FORWARD DROP")
        .replace("-A INPUT", "-A FORWARD");
    restore(&scene.gateway, &program, &[], &rules);
    let before = save(&scene.gateway, &theirs.program("iptables", "save"), &[]);
    let host = Host::new(&scene.gateway, ours);
    host.apply(GATEWAY)?;
    host.is_settled(GATEWAY)?;
    let server = proftpd::start(&scene.server, &announcing());
    let session = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Works)?;
    saves_and_reloads(&scene.gateway, theirs, &before)?;
    expect(&scene.client, &server, &session, &Works)
}
