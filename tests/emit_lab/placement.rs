//! Placement, judged by packets: who is banned stays out, who is not gets in.

use ftpnat::model::ftp::ClientMode::Epsv;
use libtest_mimic::{Failed, Trial};

use crate::listings::{Load, emit_and_load, expect};
use crate::support::BackEnd;
use crate::support::client::Session;
use crate::support::client::SessionTls::Explicit;
use crate::support::outcome::Outcome;
use crate::support::outcome::Outcome::{Hangs, Works};
use crate::support::proftpd;
use crate::support::rules::restore;
use crate::support::scene::{Direct, PUBLIC};
use crate::support::server::Config;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for back_end in BackEnd::BOTH {
        for (name, rules, listed, banned) in CASES {
            let name = format!("placement/{name}/{}", back_end.word());
            trials.push(Trial::test(name, move || {
                play(back_end, rules, listed, banned)
            }));
        }
    }
    trials
}

const PROFILE: &str = "name: lab
server: { software: proftpd }
control: { port: 21, tls: required }
passive: { ports: 50000-50010 }
";

/// Name; the INPUT rules; what the client comes to with them; and what it comes to
/// where `@` in them is the client's address instead of somebody else's.
const CASES: &[(&str, &str, Outcome, Outcome)] = &[
    (
        "policy",
        ":INPUT DROP [0:0]\n-A INPUT -s @/32 -j DROP",
        Works,
        Hangs,
    ),
    (
        "last-rule",
        ":INPUT ACCEPT [0:0]\n-A INPUT -s @/32 -j DROP\n-A INPUT -i lo -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited",
        Works,
        Hangs,
    ),
    (
        "chain-of-bans",
        ":INPUT DROP [0:0]\n:f2b - [0:0]\n-A INPUT -p tcp -m multiport --dports 21,50000:50010 -j f2b\n-A f2b -s @/32 -j DROP\n-A f2b -j RETURN",
        Works,
        Hangs,
    ),
    (
        "chain-that-bans-and-drops",
        ":INPUT ACCEPT [0:0]\n:mine - [0:0]\n-A INPUT -j mine\n-A mine -s @/32 -j DROP\n-A mine -p tcp -m tcp --dport 22 -j ACCEPT\n-A mine -j LOG\n-A mine -j DROP",
        Works,
        Hangs,
    ),
    (
        "goto",
        ":INPUT DROP [0:0]\n:mine - [0:0]\n-A INPUT -g mine\n-A mine -s @/32 -j DROP",
        Works,
        Hangs,
    ),
    (
        "drop-of-the-ports",
        ":INPUT ACCEPT [0:0]\n-A INPUT -s @/32 -j DROP\n-A INPUT -p tcp -m tcp --dport 1024:65535 -j DROP\n-A INPUT -p tcp -m tcp --dport 21 -j DROP",
        Works,
        Hangs,
    ),
    (
        "ban-before-the-drop-of-the-port",
        ":INPUT DROP [0:0]\n-A INPUT -s @/32 -j DROP\n-A INPUT -p tcp -m tcp --dport 21 -j DROP",
        Works,
        Hangs,
    ),
    (
        "return",
        ":INPUT DROP [0:0]\n-A INPUT -s @/32 -j DROP\n-A INPUT -p tcp -j RETURN\n-A INPUT -j ACCEPT",
        Works,
        Hangs,
    ),
    (
        "recent",
        ":INPUT DROP [0:0]\n-A INPUT -s @/32 -m recent --set --name lab --mask 255.255.255.255 --rsource\n-A INPUT -m recent --rcheck --name lab --mask 255.255.255.255 --rsource -j DROP",
        Works,
        Hangs,
    ),
    (
        "connlimit",
        ":INPUT DROP [0:0]\n-A INPUT -s @/32 -p tcp -m connlimit --connlimit-above 0 --connlimit-mask 32 --connlimit-saddr -j DROP",
        Works,
        Hangs,
    ),
];

fn play(back_end: BackEnd, rules: &str, listed: &Outcome, banned: &Outcome) -> Result<(), Failed> {
    for (address, expected) in [("198.51.100.66", listed), ("198.51.100.10", banned)] {
        let scene = Direct::new();
        let rules = format!("*filter\n{}\nCOMMIT\n", rules.replace('@', address));
        restore(
            &scene.server,
            &back_end.program("iptables", "restore"),
            &[],
            &rules,
        );
        let server = proftpd::start(&scene.server, &Config::default());
        let session = Session::new(Epsv, Explicit, PUBLIC);
        expect(&scene.client, &server, &session, &Hangs)
            .or_else(|_| expect(&scene.client, &server, &session, &Outcome::Unreachable))?;
        emit_and_load(&scene.server, back_end, Load::Bare, PROFILE)?;
        expect(&scene.client, &server, &session, expected)?;
    }
    Ok(())
}
