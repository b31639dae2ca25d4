//! A listing that hung arrives: the truth table's rulesets, then ours over them.

use std::net::Ipv4Addr;
use std::path::Path;

use ftpnat::model::ftp::ClientMode::{Epsv, Pasv};
use libtest_mimic::{Failed, Trial};

use crate::support::client::SessionTls::{Explicit, Plain};
use crate::support::client::{self, Session, SessionTls};
use crate::support::netns::Namespace;
use crate::support::outcome::Outcome;
use crate::support::outcome::Outcome::{Hangs, Works};
use crate::support::proftpd;
use crate::support::rules::{nft, restore, save};
use crate::support::scene::{BehindGateway, Direct, Forwarding, PUBLIC};
use crate::support::server::{Config, Server};
use crate::support::{BackEnd, emitted, ftpnat_beside};

/// How the administrator gets our text loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// `emit | restore -c`
    Bare,
    /// `emit | restore -c --noflush`
    Noflush,
    /// Emitted once and loaded twice, each way.
    Twice,
    /// Emitted, loaded, emitted again, loaded again.
    Again,
    /// `save -c | emit --base - | restore -c`
    Base,
}

impl Load {
    const ALL: [Self; 5] = [
        Self::Bare,
        Self::Noflush,
        Self::Twice,
        Self::Again,
        Self::Base,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Noflush => "noflush",
            Self::Twice => "twice",
            Self::Again => "again",
            Self::Base => "base",
        }
    }
}

/// A server's own firewall, as most have it: the seed of this program.
pub(crate) const SERVER_RULES: &str = "*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT
COMMIT
";

/// What the truth table's second row has besides: the helper, assigned.
const HELPER_RULES: &str = "*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
COMMIT
";

/// A gateway that translates and forwards the control port alone.
const GATEWAY_RULES: &str = "*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 198.51.100.1/32 -i eth0 -p tcp -m tcp --dport 21 -j DNAT --to-destination 10.77.0.21
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -d 10.77.0.21/32 -i eth0 -p tcp -m tcp --dport 21 -m conntrack --ctstate NEW -j ACCEPT
COMMIT
";

const SERVER_PROFILE: &str = "name: lab
server: { software: proftpd }
passive: { ports: 50000-50010 }
active: true
";

const GATEWAY_PROFILE: &str = "name: lab
server: { address: 10.77.0.21, software: proftpd }
passive: { ports: 50000-50010, advertise: 198.51.100.1 }
active: true
nat: { mode: dnat, external: { address: 198.51.100.1, interface: eth0 } }
";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for back_end in BackEnd::BOTH {
        for load in Load::ALL {
            let name = format!("{}/{}", back_end.word(), load.word());
            for (row, more) in [("established", ""), ("helper", HELPER_RULES)] {
                trials.push(Trial::test(format!("server/{row}/{name}"), move || {
                    on_server(back_end, load, &format!("{more}{SERVER_RULES}"))
                }));
            }
            trials.push(Trial::test(format!("gateway/{name}"), move || {
                through_gateway(back_end, load)
            }));
        }
    }
    trials.push(Trial::test("gateway/nft-base-none", native_gateway));
    trials.push(Trial::test(
        "server/nft-base-none-does-not-overrule",
        no_overruling,
    ));
    trials.push(Trial::test("seed/profiles/own-firewall.yaml", the_seed));
    for back_end in BackEnd::BOTH {
        let name = format!("two-servers/{}", back_end.word());
        trials.push(Trial::test(name, move || two_servers(back_end)));
    }
    trials
}

/// Emits with this profile on this host and loads the text.
pub(crate) fn emit_and_load(
    host: &Namespace,
    back_end: BackEnd,
    load: Load,
    profile: &str,
) -> Result<(), Failed> {
    let (restorer, saver) = (
        back_end.program("iptables", "restore"),
        back_end.program("iptables", "save"),
    );
    let live = || emitted(back_end, host, &["iptables", "--profile", "-"], profile);
    match load {
        Load::Bare => restore(host, &restorer, &["-c"], &live()?),
        Load::Noflush => restore(host, &restorer, &["-c", "--noflush"], &live()?),
        Load::Twice => {
            let text = live()?;
            let mut seen = Vec::new();
            for arguments in [
                &["-c"][..],
                &["-c", "--noflush"],
                &["-c", "--noflush"],
                &["-c"],
            ] {
                restore(host, &restorer, arguments, &text);
                seen.push(save(host, &saver, &[]));
            }
            same(&seen)?;
        }
        Load::Again => {
            let mut seen = Vec::new();
            for _ in 0..3 {
                restore(host, &restorer, &["-c"], &live()?);
                seen.push(save(host, &saver, &[]));
            }
            same(&seen)?;
        }
        Load::Base => {
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), profile).expect("the profile");
            let path = file.path().display().to_string();
            let base = save(host, &saver, &["-c"]);
            let text = emitted(
                back_end,
                host,
                &["iptables", "--base", "-", "--profile", &path],
                &base,
            )?;
            restore(host, &restorer, &["-c"], &text);
        }
    }
    Ok(())
}

fn same(seen: &[String]) -> Result<(), Failed> {
    match seen.windows(2).find(|pair| pair[0] != pair[1]) {
        None => Ok(()),
        Some(pair) => Err(format!("loaded again:\n{}\nbefore:\n{}", pair[1], pair[0]).into()),
    }
}

/// Every chain and rule of `before` is still there, in its order, table by table.
pub(crate) fn holds_every_line(before: &str, after: &str) -> Result<(), Failed> {
    for table in before.split('*').skip(1) {
        let name = table.lines().next().unwrap_or_default();
        let same = after.split('*').find(|t| t.lines().next() == Some(name));
        let mut lines = same.unwrap_or_default().lines();
        // Counters are no part of what must stay.
        let plain = |line: &str| match line.split_once("] -A ") {
            Some((_, rule)) => format!("-A {rule}"),
            None => line.split(" [").next().unwrap_or(line).to_owned(),
        };
        for line in table
            .lines()
            .filter(|l| l.starts_with([':', '[']) || l.starts_with("-A"))
        {
            if !lines.any(|l| plain(l) == plain(line)) {
                return Err(format!("`{line}` is gone, or has moved:\n{after}").into());
            }
        }
    }
    Ok(())
}

/// Both passive modes, plain and under TLS.
fn list_all(client: &Namespace, server: &Server, outcome: &Outcome) -> Result<(), Failed> {
    for mode in [Epsv, Pasv] {
        for tls in [Plain, Explicit] {
            expect(client, server, &Session::new(mode, tls, PUBLIC), outcome)?;
        }
    }
    Ok(())
}

pub(crate) fn expect(
    client: &Namespace,
    server: &Server,
    session: &Session,
    expected: &Outcome,
) -> Result<(), Failed> {
    let report = client::play(client, server, session, expected);
    if report.outcome == *expected {
        return Ok(());
    }
    Err(format!(
        "{session:?}: {expected:?} expected: {report}\n{}",
        server.log()
    )
    .into())
}

fn on_server(back_end: BackEnd, load: Load, rules: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    restore(
        &scene.server,
        &back_end.program("iptables", "restore"),
        &[],
        rules,
    );
    let server = proftpd::start(&scene.server, &Config::default());
    let tls = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &tls, &Hangs)?;
    emit_and_load(&scene.server, back_end, load, SERVER_PROFILE)?;
    let after = save(&scene.server, &back_end.program("iptables", "save"), &[]);
    holds_every_line(rules, &after)?;
    list_all(&scene.client, &server, &Works)?;
    for tls in [Plain, Explicit] {
        let port = Session::new(ftpnat::model::ftp::ClientMode::Port, tls, PUBLIC);
        expect(&scene.client, &server, &port, &Works)?;
    }
    Ok(())
}

fn through_gateway(back_end: BackEnd, load: Load) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    restore(
        &scene.gateway,
        &back_end.program("iptables", "restore"),
        &[],
        GATEWAY_RULES,
    );
    let server = proftpd::start(&scene.server, &announcing(21));
    let tls = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &tls, &Outcome::Refused)?;
    emit_and_load(&scene.gateway, back_end, load, GATEWAY_PROFILE)?;
    let after = save(&scene.gateway, &back_end.program("iptables", "save"), &[]);
    holds_every_line(GATEWAY_RULES, &after)?;
    list_all(&scene.client, &server, &Works)
}

fn announcing(port: u16) -> Config {
    Config {
        control: vec![(port, ftpnat::model::ftp::Tls::Optional)],
        advertise: Some(Ipv4Addr::new(198, 51, 100, 1)),
        ..Config::default()
    }
}

/// `emit nft --base none` on a gateway: DNAT is all of it where nothing drops, and
/// where another table drops all but what DNAT translated.
fn native_gateway() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    nft(
        &scene.gateway,
        "table inet theirs {
            chain forward {
                type filter hook forward priority 0; policy drop;
                ct state established,related accept
                ct status dnat accept
            }
        }\n",
    );
    let server = proftpd::start(&scene.server, &announcing(21));
    let tls = Session::new(Epsv, Explicit, PUBLIC);
    expect(&scene.client, &server, &tls, &Outcome::Refused)?;
    load_native(&scene.gateway, GATEWAY_PROFILE)?;
    list_all(&scene.client, &server, &Works)
}

/// Another table's drop is stronger than our accept, as the text and a warning say;
/// the iptables back end puts the accept where the drop is.
fn no_overruling() -> Result<(), Failed> {
    let scene = Direct::new();
    restore(&scene.server, "iptables-nft-restore", &[], SERVER_RULES);
    let server = proftpd::start(&scene.server, &Config::default());
    let tls = Session::new(Epsv, Explicit, PUBLIC);
    let said = load_native(&scene.server, SERVER_PROFILE)?;
    if !said.contains("do not overrule a drop in another table") {
        return Err(format!("no warning: {said}").into());
    }
    expect(&scene.client, &server, &tls, &Hangs)?;
    emit_and_load(&scene.server, BackEnd::Nft, Load::Bare, SERVER_PROFILE)?;
    expect(&scene.client, &server, &tls, &Works)
}

/// Loads `emit nft --base none`; gives what it said on stderr.
fn load_native(host: &Namespace, profile: &str) -> Result<String, Failed> {
    let arguments = ["emit", "nft", "--base", "none", "--profile", "-"];
    let run = ftpnat_beside(BackEnd::Nft, host, &arguments, profile);
    if run.status != 0 {
        return Err(format!("{run:?}").into());
    }
    nft(host, &run.stdout);
    Ok(run.stderr)
}

/// The story on the README's first screen, to the letter.
fn the_seed() -> Result<(), Failed> {
    let scene = Direct::new();
    restore(&scene.server, "iptables-nft-restore", &[], SERVER_RULES);
    let config = Config {
        control: vec![(21, ftpnat::model::ftp::Tls::Required)],
        passive: ftpnat::model::net::PortRange::new(50000, 51000),
        advertise: None,
    };
    let server = proftpd::start(&scene.server, &config);
    let session = Session::new(Epsv, SessionTls::Explicit, PUBLIC);
    expect(&scene.client, &server, &session, &Hangs)?;
    let profile = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/own-firewall.yaml");
    let profile = profile.display().to_string();
    let text = emitted(
        BackEnd::Nft,
        &scene.server,
        &["iptables", "--profile", &profile],
        "",
    )?;
    restore(&scene.server, "iptables-nft-restore", &[], &text);
    expect(&scene.client, &server, &session, &Works)?;
    holds_every_line(SERVER_RULES, &save(&scene.server, "iptables-nft-save", &[]))
}

/// Two servers behind one address, told apart by control port and range.
fn two_servers(back_end: BackEnd) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let second = scene.join("server-b", "10.77.0.22".parse().expect("an address"));
    restore(
        &scene.gateway,
        &back_end.program("iptables", "restore"),
        &[],
        GATEWAY_RULES,
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let files = ["two-servers-a.yaml", "two-servers-b.yaml"]
        .map(|file| folder.join(file).display().to_string());
    let arguments = ["iptables", "--profile", &files[0], "--profile", &files[1]];
    let text = emitted(back_end, &scene.gateway, &arguments, "")?;
    restore(
        &scene.gateway,
        &back_end.program("iptables", "restore"),
        &["-c"],
        &text,
    );
    let range = |first, last| ftpnat::model::net::PortRange::new(first, last);
    for (host, port, passive) in [
        (&scene.server, 21, range(50000, 51000)),
        (&second, 2121, range(52000, 53000)),
    ] {
        let server = proftpd::start(
            host,
            &Config {
                passive,
                ..announcing(21)
            },
        );
        for mode in [Epsv, Pasv] {
            let session = Session {
                port,
                ..Session::new(mode, Explicit, PUBLIC)
            };
            expect(&scene.client, &server, &session, &Works)?;
        }
    }
    Ok(())
}
