//! What is the administrator's will stays: bans, rates, and programs that judge.

use ftpnat::model::ftp::ClientMode::Epsv;
use libtest_mimic::{Failed, Trial};

use crate::expect;
use crate::host::{Host, Kind};
use crate::placement::{GATEWAY, announcing};
use crate::server::PROFILE;
use crate::support::BackEnd;
use crate::support::client::Session;
use crate::support::client::SessionTls::Explicit;
use crate::support::outcome::Outcome::{Hangs, Works};
use crate::support::proftpd;
use crate::support::rules::{Reach, connect, nft};
use crate::support::scene::{BehindGateway, Direct, Forwarding, PUBLIC};
use crate::support::server::Config;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for kind in Kind::ALL {
        for (name, banned_before) in [("ban/before", true), ("ban/after", false)] {
            trials.push(Trial::test(
                format!("will/{name}/{}", kind.word()),
                move || ban(kind, banned_before),
            ));
        }
    }
    for kind in Kind::ALL {
        let name = format!("will/ban/at-the-gateway/{}", kind.word());
        trials.push(Trial::test(name, move || banned_at_gateway(kind)));
    }
    for rate in RATES {
        for kind in Kind::ALL {
            let name = format!("will/{}/{}", rate.name, kind.word());
            trials.push(Trial::test(name, move || rate_is_kept(rate, kind)));
        }
    }
    for (name, bypass) in [("nfqueue", ""), ("nfqueue-bypass", " --queue-bypass")] {
        for back_end in BackEnd::BOTH {
            let name = format!("will/{name}/iptables-{}", back_end.word());
            trials.push(Trial::test(name, move || queued(back_end, bypass)));
        }
    }
    trials
}

const SET: &str = "table inet theirs {
    set banned {
        type ipv4_addr
        elements = { 192.0.2.7 }
    }
    chain input {
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        ip saddr @banned drop
        tcp dport 22 accept
    }
}
";

/// As fail2ban has it: a chain that grows and shrinks.
const CHAIN: &str = "*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:f2b-ftp - [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m multiport --dports 21 -j f2b-ftp
-A f2b-ftp -s 192.0.2.7/32 -j REJECT --reject-with icmp-port-unreachable
-A f2b-ftp -j RETURN
COMMIT
";

const CLIENT: &str = "198.51.100.10";

/// Who is banned stays out; with the ban lifted the client gets in, and with it set
/// again it does not.
fn ban(kind: Kind, banned_before: bool) -> Result<(), Failed> {
    let scene = Direct::new();
    let bans = |is_banned: bool| match kind {
        Kind::Native => {
            let verb = if is_banned { "add" } else { "delete" };
            nft(
                &scene.server,
                &format!("{verb} element inet theirs banned {{ {CLIENT} }}\n"),
            );
        }
        Kind::Iptables(back_end) => {
            let verb = if is_banned { "-I" } else { "-D" };
            scene.server.run(&format!(
                "iptables-{} {verb} f2b-ftp -s {CLIENT} -j DROP",
                back_end.word()
            ));
        }
    };
    kind.load(&scene.server, SET, CHAIN);
    let server = proftpd::start(&scene.server, &Config::default());
    let session = Session::new(Epsv, Explicit, PUBLIC);
    if banned_before {
        bans(true);
    }
    Host::new(&scene.server, kind).apply(PROFILE)?;
    if banned_before {
        expect(&scene.client, &server, &session, &Hangs)?;
        bans(false);
    }
    expect(&scene.client, &server, &session, &Works)?;
    bans(true);
    expect(&scene.client, &server, &session, &Hangs)
}

/// A gateway translates, and sees the client's own address still: the ban before the
/// REJECT that ends the chain, as RHEL has it, holds.
fn banned_at_gateway(kind: Kind) -> Result<(), Failed> {
    for (banned, is_banned) in [(CLIENT, true), ("198.51.100.66", false)] {
        let scene = BehindGateway::new(Forwarding::Off);
        kind.load(
            &scene.gateway,
            &format!(
                "table inet theirs {{
                    chain forward {{
                        type filter hook forward priority 0;
                        ct state established,related accept
                        ip saddr {banned} drop
                        reject with icmpx admin-prohibited
                    }}
                }}\n"
            ),
            &format!(
                "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
                 -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
                 -A FORWARD -s {banned} -j DROP\n\
                 -A FORWARD -j REJECT --reject-with icmp-host-prohibited\nCOMMIT\n"
            ),
        );
        Host::new(&scene.gateway, kind).apply(GATEWAY)?;
        let server = proftpd::start(&scene.server, &announcing());
        let session = Session::new(Epsv, Explicit, PUBLIC);
        let expected = if is_banned { Hangs } else { Works };
        expect(&scene.client, &server, &session, &expected)?;
    }
    Ok(())
}

/// A rate on new control connections: three, and then no more for an hour.
struct Rate {
    name: &'static str,
    native: &'static str,
    iptables: &'static str,
    /// Whether an accept holds the rate, so that no place is right for another accept.
    is_accept: bool,
}

const RATES: &[Rate] = &[
    Rate {
        name: "rate-drop",
        native: "tcp dport 21 ct state new limit rate over 1/hour burst 3 packets drop",
        iptables: "-p tcp -m tcp --dport 21 -m conntrack --ctstate NEW -m hashlimit \
                   --hashlimit-above 1/hour --hashlimit-burst 3 --hashlimit-mode srcip \
                   --hashlimit-name lab -j DROP",
        is_accept: false,
    },
    Rate {
        name: "rate-accept",
        native: "tcp dport 21 ct state new limit rate 1/hour burst 3 packets accept",
        iptables: "-p tcp -m tcp --dport 21 -m conntrack --ctstate NEW -m limit \
                   --limit 1/hour --limit-burst 3 -j ACCEPT",
        is_accept: true,
    },
    Rate {
        name: "hashlimit-accept",
        native: "tcp dport 21 ct state new limit rate 1/hour burst 3 packets counter accept",
        iptables: "-p tcp -m tcp --dport 21 -m conntrack --ctstate NEW -m hashlimit \
                   --hashlimit-upto 1/hour --hashlimit-burst 3 --hashlimit-mode srcip \
                   --hashlimit-name lab -j ACCEPT",
        is_accept: true,
    },
];

fn rate_is_kept(rate: &Rate, kind: Kind) -> Result<(), Failed> {
    let scene = Direct::new();
    kind.load(
        &scene.server,
        &format!(
            "table inet theirs {{
                chain input {{
                    type filter hook input priority 0; policy drop;
                    ct state established,related accept
                    {}
                }}
            }}\n",
            rate.native
        ),
        &format!(
            "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
             -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
             -A INPUT {}\nCOMMIT\n",
            rate.iptables
        ),
    );
    let run = Host::new(&scene.server, kind).try_apply(PROFILE);
    if run.status == 3 && rate.is_accept && run.stderr.contains("limit") {
        return Ok(());
    }
    if run.status != 0 {
        return Err(format!("{run:?}").into());
    }
    let server = proftpd::start(&scene.server, &Config::default());
    let session = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Works)?;
    let at = (PUBLIC, 21).into();
    let reached: Vec<Reach> = (0..4).map(|_| connect(&scene.client, at)).collect();
    let kept = reached.contains(&Reach::Open) && reached.last() == Some(&Reach::Silent);
    if kept {
        Ok(())
    } else {
        Err(format!("the rate is not kept: {reached:?}; {run:?}").into())
    }
}

/// A program judges each packet; none listens here, so that each is dropped, but where
/// the rule itself says that it may pass then.
fn queued(back_end: BackEnd, bypass: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    let kind = Kind::Iptables(back_end);
    kind.load(
        &scene.server,
        "",
        &format!(
            "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
             -A INPUT -i lo -j ACCEPT\n\
             -A INPUT -p tcp -m tcp --dport 21 -m conntrack --ctstate NEW \
             -j NFQUEUE --queue-num 7{bypass}\nCOMMIT\n"
        ),
    );
    let run = Host::new(&scene.server, kind).try_apply(PROFILE);
    if !matches!(run.status, 0 | 3) || !run.stderr.contains("NFQUEUE") {
        return Err(format!("nothing is said of the queue: {run:?}").into());
    }
    let server = proftpd::start(&scene.server, &Config::default());
    let at = (PUBLIC, 21).into();
    let seen = connect(&scene.client, at);
    drop(server);
    if bypass.is_empty() && seen != Reach::Silent {
        return Err(format!("the queue is bypassed: {seen:?}; {run:?}").into());
    }
    Ok(())
}
