//! FN316: limits that were meant for logins and floods.

use std::net::SocketAddr;

use ftpnat::model::ftp::ClientMode::Epsv;
use libtest_mimic::{Failed, Trial};

use crate::host::Kind;
use crate::support::client::Session;
use crate::support::client::SessionTls::Explicit;
use crate::support::netns::Namespace;
use crate::support::outcome::Outcome::{Hangs, Works};
use crate::support::rules::Reach::Silent;
use crate::support::rules::connect;
use crate::support::scene::{Direct, PUBLIC};
use crate::support::server::Config;
use crate::support::{BackEnd, proftpd};
use crate::{PROFILE, Said, advice, each_kind, expect, same, shell};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = each_kind("connection-limit/count", count);
    trials.extend(each_kind("connection-limit/rate", rate));
    trials.extend(each_kind("connection-limit/of-logins", of_logins));
    trials
}

fn load(kind: Kind, server: &Namespace, native: &str, iptables: &str) {
    kind.load(
        server,
        &format!(
            "table inet theirs {{
                set clients {{ type ipv4_addr; flags dynamic; }}
                chain input {{
                    type filter hook input priority 0; policy drop;
                    ct state established,related accept
                    {native}
                    tcp dport 21 accept
                }}
            }}\n"
        ),
        &format!(
            "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n\
             -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
             {iptables}\n-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\nCOMMIT\n"
        ),
    );
}

/// Puts the advised rule in the place of the second one, or before it.
fn follow(kind: Kind, host: &Namespace, rule: &str, replaces: bool) -> Result<(), Failed> {
    let command = match kind {
        Kind::Native => {
            let listing = host.run("nft -a list chain inet theirs input");
            let handles = listing.lines().filter_map(|l| l.split("# handle ").nth(1));
            // That of the chain comes first.
            let handle = handles.skip(1).nth(1).ok_or("no second rule")?;
            let (verb, word) = if replaces {
                ("replace", "handle")
            } else {
                ("insert", "position")
            };
            format!("nft '{verb} rule inet theirs input {word} {handle} {rule}'")
        }
        Kind::Iptables(back_end) => {
            let word = match back_end {
                BackEnd::Nft => "nft",
                BackEnd::Legacy => "legacy",
            };
            let rule = rule.strip_prefix("-A INPUT ").ok_or("another chain")?;
            let verb = if replaces { "-R" } else { "-I" };
            format!("iptables-{word} {verb} INPUT 2 {rule}")
        }
    };
    shell(host, &command)
}

fn count(kind: Kind) -> Result<(), Failed> {
    let scene = Direct::new();
    load(
        kind,
        &scene.server,
        "meta l4proto tcp ct state new add @clients { ip saddr ct count over 1 } drop\n\
         tcp dport 50000-50010 accept",
        "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m connlimit \
         --connlimit-above 1 --connlimit-mask 32 --connlimit-saddr -j DROP\n\
         -A INPUT -p tcp -m tcp --dport 50000:50010 -j ACCEPT",
    );
    let server = proftpd::start(&scene.server, &Config::default());
    let session = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Hangs)?;
    let said = Said::of(&scene.server, PROFILE)?;
    let found = said.only("FN316")?;
    let summary = found["summary"].as_str().unwrap_or_default();
    if !summary.contains("a client has at most 1 connection at once") {
        return Err(summary.into());
    }
    let told = advice(found)?.split("is not counted: ").nth(1);
    let rule = told.ok_or("no rule")?.to_owned();
    follow(kind, &scene.server, &rule, true)?;
    expect(&scene.client, &server, &session, &Works)?;
    Said::of(&scene.server, PROFILE)?.silent()?;
    // What it was for is so still.
    let to = SocketAddr::new(PUBLIC, 21);
    let control = scene
        .client
        .inside(move || std::net::TcpStream::connect(to).expect("one"));
    same("a second one", &connect(&scene.client, to), &Silent)?;
    drop(control);
    Ok(())
}

fn rate(kind: Kind) -> Result<(), Failed> {
    let scene = Direct::new();
    load(
        kind,
        &scene.server,
        "tcp dport 50000-50010 ct state new limit rate 2/hour burst 1 packets accept",
        "-A INPUT -p tcp -m tcp --dport 50000:50010 -m conntrack --ctstate NEW -m limit \
         --limit 2/hour --limit-burst 1 -j ACCEPT",
    );
    let server = proftpd::start(&scene.server, &Config::default());
    let session = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Works)?;
    expect(&scene.client, &server, &session, &Hangs)?;
    let said = Said::of(&scene.server, PROFILE)?;
    let found = said.only("FN316")?;
    let told = advice(found)?
        .split("no longer counts passive data: ")
        .nth(1);
    let rule = told.ok_or("no rule")?.to_owned();
    follow(kind, &scene.server, &rule, false)?;
    expect(&scene.client, &server, &session, &Works)?;
    expect(&scene.client, &server, &session, &Works)?;
    Said::of(&scene.server, PROFILE)?.silent()
}

/// Data is not counted there.
fn of_logins(kind: Kind) -> Result<(), Failed> {
    let scene = Direct::new();
    load(
        kind,
        &scene.server,
        "tcp dport 21 ct state new add @clients { ip saddr ct count over 1 } drop\n\
         tcp dport 50000-50010 accept",
        "-A INPUT -p tcp -m tcp --dport 21 -m connlimit --connlimit-above 1 \
         --connlimit-mask 32 --connlimit-saddr -j DROP\n\
         -A INPUT -p tcp -m tcp --dport 50000:50010 -j ACCEPT",
    );
    let server = proftpd::start(&scene.server, &Config::default());
    let session = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Works)?;
    Said::of(&scene.server, PROFILE)?.silent()
}
