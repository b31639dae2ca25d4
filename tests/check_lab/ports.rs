//! Ports: a range too small, taken by others, or nobody there at all.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use ftpnat::model::net::PortRange;
use libtest_mimic::Failed;

use crate::support::netns::Namespace;
use crate::support::outcome::{Outcome, Stage};
use crate::support::rules::{Reach, connect, nft};
use crate::support::scene::{CLIENT, Direct, PUBLIC, PUBLIC6};
use crate::support::server::{Config, Server, listening};
use crate::support::{proftpd, vsftpd, wait_until};
use crate::{Played, Said, commands, cure, lists, same};

pub(crate) fn trials() -> [Played; 6] {
    [
        ("range-too-small", range_too_small),
        ("ephemeral-connections-take-the-range", ephemeral),
        ("foreign-listener-is-exposed", foreign_listener),
        ("own-passive-sockets", own_sockets),
        ("own-passive-sockets-as-another-user", vsftpds_sockets),
        ("nobody-listens", nobody_listens),
    ]
}

fn profile(range: &str, more: &str) -> String {
    format!(
        "name: lab\nserver: {{ address: [{PUBLIC}, \"{PUBLIC6}\"], software: proftpd }}\n\
         passive: {{ ports: {range} }}\n{more}"
    )
}

fn config(first: u16, last: u16) -> Config {
    Config {
        passive: PortRange::new(first, last),
        ..Config::default()
    }
}

/// A control connection that is logged in and awaits data connections.
struct Pending {
    _control: BufReader<TcpStream>,
    port: u16,
}

/// Logs in so often, and asks for a data connection each time that nobody makes: by
/// EPSV and PASV in turn.
fn pending(client: &Namespace, server: &Server, count: usize) -> Vec<Pending> {
    let (user, password) = (server.user, server.password.clone());
    client.inside(move || {
        let by = ["EPSV", "PASV"].into_iter().cycle().take(count);
        let session = |by| ask(by, user, &password).expect("a session");
        by.map(session).collect()
    })
}

fn ask(by: &str, user: &str, password: &str) -> std::io::Result<Pending> {
    let address = SocketAddr::new(PUBLIC, 21);
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut control = BufReader::new(stream);
    let mut line = String::new();
    for said in ["", &format!("USER {user}"), &format!("PASS {password}"), by] {
        if !said.is_empty() {
            control
                .get_mut()
                .write_all(format!("{said}\r\n").as_bytes())?;
        }
        line.clear();
        control.read_line(&mut line)?;
    }
    let port = announced(&line);
    let port = port.ok_or_else(|| std::io::Error::other(line))?;
    Ok(Pending {
        _control: control,
        port,
    })
}

/// `229 Entering Extended Passive Mode (|||50000|)`, `227 … (198,51,100,1,195,80).`
fn announced(reply: &str) -> Option<u16> {
    let inside = reply.split_once('(')?.1.split_once(')')?.0;
    if let Some(port) = inside.strip_prefix("|||") {
        return port.strip_suffix('|')?.parse().ok();
    }
    let mut last = inside.rsplit(',').map(str::parse::<u8>);
    let (low, high) = (last.next()?.ok()?, last.next()?.ok()?);
    Some(u16::from_be_bytes([high, low]))
}

/// What the profile's range opens, and no more.
fn firewall(server: &Namespace, range: &str) {
    nft(
        server,
        &format!(
            "table inet filter {{
                chain input {{
                    type filter hook input priority 0; policy drop;
                    ct state established,related accept
                    meta l4proto ipv6-icmp accept
                    tcp dport {{ 21, {range} }} accept
                }}
            }}"
        ),
    );
}

/// A session beyond the ports of the range gets one that no firewall opens; the range
/// of the remedy has one for it.
fn range_too_small() -> Result<(), Failed> {
    let small = Said::of(&Direct::new().server, &profile("50000-50001", SIX))?;
    let remedy = small.fires("FN101")?["remedy"][0]["text"].to_string();
    let larger = remedy
        .split(|c: char| !c.is_ascii_digit() && c != '-')
        .find(|word| word.contains('-'))
        .ok_or_else(|| format!("no range in {remedy}"))?;
    for (range, inside) in [("50000-50001", false), (larger, true)] {
        let scene = Direct::new();
        firewall(&scene.server, range);
        let (first, last) = range.split_once('-').ok_or("a range")?;
        let (first, last) = (first.parse()?, last.parse()?);
        let server = proftpd::start(&scene.server, &config(first, last));
        // Five wait, and the sixth is a client's.
        let waiting = pending(&scene.client, &server, 5);
        let beyond = waiting
            .iter()
            .filter(|p| !(first..=last).contains(&p.port))
            .count();
        same(
            "ports outside the range",
            &beyond,
            &if inside { 0 } else { 3 },
        )?;
        let outcome = if inside {
            Outcome::Works
        } else {
            Outcome::Hangs
        };
        lists(&scene.client, &server, PUBLIC, &outcome, Stage::Data)?;
        if inside {
            Said::of(&scene.server, &profile(range, SIX))?.silent("FN101")?;
        }
    }
    Ok(())
}

const SIX: &str = "transfers: 6\n";

/// Outgoing connections have every port of the range: the server takes another one,
/// which no firewall opens.
fn ephemeral() -> Result<(), Failed> {
    let range = "50000-50003";
    let yaml = profile(range, "");
    for cured in [false, true] {
        let scene = Direct::new();
        firewall(&scene.server, range);
        let ephemeral = "net.ipv4.ip_local_port_range";
        // An even number: of an odd one the kernel's search may leave one out, for a peer
        // for good (`remaining &= ~1U` in `__inet_hash_connect`).
        scene.server.sysctl(ephemeral, "50000 50009");
        let server = proftpd::start(&scene.server, &config(50000, 50003));
        let said = Said::of(&scene.server, &yaml)?;
        let finding = said.fires("FN207")?;
        if cured {
            cure(&scene.server, &commands(finding)[0]);
            Said::of(&scene.server, &yaml)?.silent("FN207")?;
        }
        let far = scene
            .client
            .inside(|| TcpListener::bind((CLIENT, 7000)).expect("bound"));
        let (all, of_range) = if cured { (6, 0) } else { (10, 4) };
        let outgoing = scene.server.inside(move || {
            let far = SocketAddr::new(CLIENT, 7000);
            let connect = || TcpStream::connect_timeout(&far, Duration::from_secs(5));
            let mut outgoing = Vec::new();
            // A port may be taken for a moment longer.
            wait_until(Duration::from_secs(20), || {
                outgoing.extend(connect());
                outgoing.len() >= all
            });
            // There is no port beyond.
            outgoing.extend(connect());
            outgoing
        });
        let ports = outgoing
            .iter()
            .map(|s| s.local_addr().expect("bound").port());
        let taken = ports.filter(|port| (50000..=50003).contains(port)).count();
        same(
            "ports taken, and those of the range among them",
            &(outgoing.len(), taken),
            &(all, of_range),
        )?;
        // A busy host has more of them; the server falls back on these.
        scene.server.sysctl(ephemeral, "50000 50100");
        let port = pending(&scene.client, &server, 1)[0].port;
        let inside = (50000..=50003).contains(&port);
        same(&format!("{port} is in the range"), &inside, &cured)?;
        let outcome = if cured {
            Outcome::Works
        } else {
            Outcome::Hangs
        };
        lists(&scene.client, &server, PUBLIC, &outcome, Stage::Data)?;
        drop((outgoing, far));
    }
    Ok(())
}

/// Asks this program, started again, to listen.
const LISTEN: &str = "FTPNAT_LAB_LISTEN";

/// Whether this process is only there to listen; it does so until its input ends.
pub(crate) fn listens_for_a_trial() -> bool {
    let Ok(address) = std::env::var(LISTEN) else {
        return false;
    };
    let _listener = TcpListener::bind(address).expect("bound");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    true
}

/// Another process that listens; ends with its owner.
struct Listening(Child);

impl Listening {
    fn on(namespace: &Namespace, address: IpAddr, port: u16) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut command = namespace.command(program);
        command
            .env(LISTEN, SocketAddr::new(address, port).to_string())
            .stdin(Stdio::piped());
        let child = Self(command.spawn().expect("started"));
        let ready = wait_until(Duration::from_secs(10), || {
            listening(namespace).contains(&port)
        });
        assert!(ready, "it does not listen on {port}");
        child
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The accept of the range lets the world in to whoever listens there.
fn foreign_listener() -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = proftpd::start(&scene.server, &config(50000, 50010));
    firewall(&scene.server, "50000-50010");
    let yaml = profile("50000-50010", "");
    let target = SocketAddr::new(PUBLIC, 50005);
    Said::of(&scene.server, &yaml)?.silent("FN208")?;
    let foreign = Listening::on(&scene.server, PUBLIC, 50005);
    same("reached", &connect(&scene.client, target), &Reach::Open)?;
    let said = Said::of(&scene.server, &yaml)?;
    let seen = said.fires("FN208")?["evidence"].to_string();
    // The kernel keeps 15 bytes of a name, and nsenter became this program.
    let names_it = seen.contains(&format!("process {} (check_lab", foreign.0.id()));
    same(&format!("the process in {seen}"), &names_it, &true)?;
    drop(foreign);
    same("gone", &connect(&scene.client, target), &Reach::Refused)?;
    Said::of(&scene.server, &yaml)?.silent("FN208")?;
    let _inside = Listening::on(&scene.server, [127, 0, 0, 1].into(), 50005);
    same("loopback", &connect(&scene.client, target), &Reach::Refused)?;
    Said::of(&scene.server, &yaml)?.silent("FN208")
}

/// The server's own sockets while they wait are none of another's.
fn own_sockets() -> Result<(), Failed> {
    let scene = Direct::new();
    let server = proftpd::start(&scene.server, &config(50000, 50010));
    own(&scene, &server)
}

fn vsftpds_sockets() -> Result<(), Failed> {
    let scene = Direct::new();
    let server = vsftpd::start(&scene.server, &config(50000, 50010));
    own(&scene, &server)
}

fn own(scene: &Direct, server: &Server) -> Result<(), Failed> {
    let waiting = pending(&scene.client, server, 2);
    let open = listening(&scene.server);
    let held = waiting.iter().all(|p| open.contains(&p.port));
    same("sockets that wait", &held, &true)?;
    Said::of(&scene.server, &profile("50000-50010", ""))?.silent("FN208")
}

fn nobody_listens() -> Result<(), Failed> {
    let yaml = profile("50000-50010", "");
    let scene = Direct::new();
    let control = SocketAddr::new(PUBLIC, 21);
    Said::of(&scene.server, &yaml)?.fires("FN209")?;
    same("nobody", &connect(&scene.client, control), &Reach::Refused)?;
    let inside = Listening::on(&scene.server, [127, 0, 0, 1].into(), 21);
    Said::of(&scene.server, &yaml)?.fires("FN209")?;
    same(
        "loopback",
        &connect(&scene.client, control),
        &Reach::Refused,
    )?;
    drop(inside);
    // IPv4 alone is not what the profile serves.
    let half = Listening::on(&scene.server, PUBLIC, 21);
    let said = Said::of(&scene.server, &yaml)?;
    let summary = said.fires("FN209")?["summary"].to_string();
    same(
        &summary,
        &(summary.contains("IPv6") && !summary.contains("IPv4")),
        &true,
    )?;
    let control6 = SocketAddr::new(PUBLIC6, 21);
    same("IPv6", &connect(&scene.client, control6), &Reach::Refused)?;
    drop(half);
    let server = proftpd::start(&scene.server, &config(50000, 50010));
    Said::of(&scene.server, &yaml)?.silent("FN209")?;
    for address in [PUBLIC, PUBLIC6] {
        lists(
            &scene.client,
            &server,
            address,
            &Outcome::Works,
            Stage::Data,
        )?;
    }
    Ok(())
}
