//! The server's own firewall: the truth table's first row, with every kind of rules
//! there, and every kind of ours.

use ftpnat::model::ftp::ClientMode::{Epsv, Pasv, Port};
use libtest_mimic::{Failed, Trial};

use crate::expect;
use crate::host::{Host, Kind, everything};
use crate::support::client::Session;
use crate::support::client::SessionTls::{Explicit, Plain};
use crate::support::outcome::Outcome::{Hangs, Works};
use crate::support::proftpd;
use crate::support::scene::{Direct, PUBLIC};
use crate::support::server::Config;

/// Established, the control port, and nothing else.
pub(crate) const NATIVE: &str = "table inet theirs {
    chain input {
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        tcp dport 21 accept
    }
}
";

/// The same of iptables.
pub(crate) const IPTABLES: &str = "*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT
COMMIT
";

/// The server's profile.
pub(crate) const PROFILE: &str = "name: lab
server: { software: proftpd }
passive: { ports: 50000-50010 }
active: true
";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for theirs in Kind::ALL {
        for ours in Kind::ALL {
            let name = format!("server/{}-before-{}", ours.word(), theirs.word());
            trials.push(Trial::test(name, move || listing_arrives(theirs, ours)));
        }
    }
    trials
}

fn listing_arrives(theirs: Kind, ours: Kind) -> Result<(), Failed> {
    let scene = Direct::new();
    theirs.load(&scene.server, NATIVE, IPTABLES);
    let before = everything(&scene.server);
    let server = proftpd::start(&scene.server, &Config::default());
    let tls = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &tls, &Hangs)?;
    let host = Host::new(&scene.server, ours);
    host.apply(PROFILE)?;
    host.is_settled(PROFILE)?;
    for (mode, tls) in [
        (Epsv, Explicit),
        (Pasv, Explicit),
        (Epsv, Plain),
        (Pasv, Plain),
        (Port, Plain),
    ] {
        // Every kind once with all columns; the rest with the one that hung.
        if theirs == ours || (mode, tls) == (Epsv, Explicit) {
            expect(
                &scene.client,
                &server,
                &Session::new(mode, tls, PUBLIC),
                &Works,
            )?;
        }
    }
    host.remove()?;
    expect(&scene.client, &server, &tls, &Hangs)?;
    let after = everything(&scene.server);
    // Empty tables that an iptables program made for ours are no rules.
    if ours == Kind::Native && after != before {
        return Err(format!("not as before:\n{after}\nbefore:\n{before}").into());
    }
    Ok(())
}
