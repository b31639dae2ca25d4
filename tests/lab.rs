//! The lab itself: what it calls `Works` works without a firewall, and each
//! kind of "no" is told from the others. Else no other test here means anything.

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use ftpnat::model::ftp::{ClientMode, Tls};
use libtest_mimic::{Failed, Trial};

use support::client::{self, Session, SessionTls};
use support::netns::Namespace;
use support::outcome::Outcome::{self, Hangs, Refused, Rejected, Unreachable, Works};
use support::outcome::Stage::{self, Control, Data};
use support::proftpd;
use support::rules::{Reach, connect, nft, reach, restore, save};
use support::scene::{BehindGateway, Direct, Forwarding, PUBLIC, PUBLIC6, SERVER, SERVER6};
use support::server::{Config, has_other_users};
use support::vsftpd;

fn main() -> ExitCode {
    support::enter();
    let mut trials = every_session();
    trials.extend(every_refusal());
    trials.push(Trial::test(
        "gateway/routes-where-asked",
        the_gateway_routes,
    ));
    trials.push(Trial::test(
        "gateway/inside-is-one-network",
        inside_is_one_network,
    ));
    trials.push(Trial::test("server/ends-with-its-owner", the_server_ends));
    let no_users = !has_other_users();
    trials.push(
        Trial::test(
            "server/vsftpd-announces-0.0.0.0-on-an-ipv6-socket",
            vsftpd_on_ipv6,
        )
        .with_ignored_flag(no_users),
    );
    for (program, address) in [
        ("iptables-nft", PUBLIC),
        ("iptables-legacy", PUBLIC),
        ("ip6tables-nft", PUBLIC6),
        ("ip6tables-legacy", PUBLIC6),
    ] {
        let name = format!("rules/{program}");
        trials.push(Trial::test(name, move || iptables(program, address, 4000)));
    }
    support::play(trials)
}

/// Plain and explicit TLS on 21, implicit on 990, enforced on 2121.
fn config() -> Config {
    Config {
        control: vec![
            (21, Tls::Optional),
            (990, Tls::Implicit),
            (2121, Tls::Required),
        ],
        ..Config::default()
    }
}

/// All that the clients can play, without any rule.
fn every_session() -> Vec<Trial> {
    let mut trials = Vec::new();
    for mode in ClientMode::ALL {
        for (tls, port) in [
            (SessionTls::Plain, 21),
            (SessionTls::Explicit, 21),
            (SessionTls::Explicit, 2121),
            (SessionTls::Implicit, 990),
        ] {
            for address in [PUBLIC, PUBLIC6] {
                let session = Session {
                    port,
                    ..Session::new(mode, tls, address)
                };
                if session.playable() {
                    let name = format!("session/{mode}-{tls:?}-{port}-{address}").to_lowercase();
                    trials.push(Trial::test(name, move || {
                        direct("", &session, &Works, Data)
                    }));
                }
            }
        }
    }
    trials
}

/// Each way to say no, on the passive range or the control port.
fn every_refusal() -> Vec<Trial> {
    let epsv = |address| Session::new(ClientMode::Epsv, SessionTls::Explicit, address);
    let plain = Session {
        port: 2121,
        ..Session::new(ClientMode::Epsv, SessionTls::Plain, PUBLIC)
    };
    let required = Rejected("550 SSL/TLS required on the control channel".into());
    let cases = [
        (
            "data-drop",
            "tcp dport 50000-50010 drop",
            epsv(PUBLIC),
            Hangs,
            Data,
        ),
        (
            "data-drop-6",
            "tcp dport 50000-50010 drop",
            epsv(PUBLIC6),
            Hangs,
            Data,
        ),
        (
            "data-reset",
            "tcp dport 50000-50010 reject with tcp reset",
            epsv(PUBLIC),
            Refused,
            Data,
        ),
        (
            "data-icmp",
            "tcp dport 50000-50010 reject with icmpx admin-prohibited",
            epsv(PUBLIC),
            Unreachable,
            Data,
        ),
        (
            "data-icmp-6",
            "tcp dport 50000-50010 reject with icmpx admin-prohibited",
            epsv(PUBLIC6),
            Unreachable,
            Data,
        ),
        (
            "control-drop",
            "tcp dport 21 drop",
            epsv(PUBLIC),
            Hangs,
            Control,
        ),
        (
            "control-reset",
            "tcp dport 21 reject with tcp reset",
            epsv(PUBLIC),
            Refused,
            Control,
        ),
        (
            "control-icmp",
            "tcp dport 21 reject with icmpx admin-prohibited",
            epsv(PUBLIC),
            Unreachable,
            Control,
        ),
        ("tls-required", "", plain, required, Control),
    ];
    let trial =
        |(name, rule, session, outcome, stage): (_, &'static str, Session, Outcome, Stage)| {
            Trial::test(format!("refusal/{name}"), move || {
                direct(rule, &session, &outcome, stage)
            })
        };
    cases.into_iter().map(trial).collect()
}

/// A session with a server whose input chain has one rule.
fn direct(rule: &str, session: &Session, expected: &Outcome, stage: Stage) -> Result<(), Failed> {
    let scene = Direct::new();
    let server = proftpd::start(&scene.server, &config());
    nft(
        &scene.server,
        &format!(
            "table inet filter {{
                chain input {{
                    type filter hook input priority 0;
                    {rule}
                }}
            }}"
        ),
    );
    client::expect(&scene.client, &server, session, expected, stage)
}

fn the_gateway_routes() -> Result<(), Failed> {
    let routed = SocketAddr::new(SERVER6, 21);
    let on = BehindGateway::new(Forwarding::On);
    same(
        "with forwarding",
        &connect(&on.client, routed),
        &Reach::Refused,
    )?;
    let private = SocketAddr::new(SERVER, 21);
    same(
        "a private address from outside",
        &connect(&on.client, private),
        &Reach::Unreachable,
    )?;
    let off = BehindGateway::new(Forwarding::Off);
    same(
        "without forwarding",
        &connect(&off.client, routed),
        &Reach::Silent,
    )
}

/// A gateway that drops all is no matter between the inside client and the server.
fn inside_is_one_network() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    nft(
        &scene.gateway,
        "table inet f {\nchain f {\ntype filter hook forward priority 0; policy drop;\n}\n}",
    );
    let server = proftpd::start(&scene.server, &config());
    for address in [SERVER, SERVER6] {
        let session = Session::new(ClientMode::Epsv, SessionTls::Explicit, address);
        client::expect(&scene.inside, &server, &session, &Works, Data)?;
    }
    Ok(())
}

/// `pasv_address` counts on an IPv4 socket only; Debian's vsftpd.conf has the other.
fn vsftpd_on_ipv6() -> Result<(), Failed> {
    let config = Config {
        advertise: Some(Ipv4Addr::new(198, 51, 100, 1)),
        ..Config::default()
    };
    let session = Session::new(ClientMode::Pasv, SessionTls::Explicit, PUBLIC);
    for (ipv6, outcome) in [(true, Refused), (false, Works)] {
        let scene = Direct::new();
        let server = vsftpd::start_on(&scene.server, &config, ipv6);
        client::expect(&scene.client, &server, &session, &outcome, Data)?;
    }
    Ok(())
}

fn the_server_ends() -> Result<(), Failed> {
    let scene = Direct::new();
    drop(proftpd::start(&scene.server, &config()));
    same(
        "listeners",
        &support::server::listening(&scene.server),
        &Vec::new(),
    )
}

/// Text loaded by one of the four iptables programs drops its port and no
/// other, and is saved as it was loaded.
fn iptables(program: &str, address: IpAddr, port: u16) -> Result<(), Failed> {
    let scene = Direct::new();
    let text = format!(
        "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         -A INPUT -p tcp -m tcp --dport {port} -j DROP\nCOMMIT\n"
    );
    restore(&scene.server, &format!("{program}-restore"), &[], &text);
    same("saved", &saved(&scene.server, program), &text)?;
    same(
        "dropped",
        &reach(&scene.client, address, &scene.server, port),
        &Reach::Silent,
    )?;
    same(
        "beside",
        &reach(&scene.client, address, &scene.server, port + 10),
        &Reach::Open,
    )
}

/// The filter table as saved, counters at zero.
fn saved(namespace: &Namespace, program: &str) -> String {
    let text = save(namespace, &format!("{program}-save"), &["-t", "filter"]);
    let plain = |line: &str| match line.split_once(" [") {
        Some((chain, _)) => format!("{chain} [0:0]"),
        None => line.to_owned(),
    };
    text.lines().map(plain).collect::<Vec<_>>().join("\n") + "\n"
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, seen: &T, expected: &T) -> Result<(), Failed> {
    if seen == expected {
        return Ok(());
    }
    Err(format!("{what}: {expected:?} expected, {seen:?} seen").into())
}
