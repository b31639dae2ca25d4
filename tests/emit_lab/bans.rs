//! Random firewalls with bans in them, judged by packets: who was banned before
//! stays out, who was not gets in, and no other port changes.
//!
//! Whom a ban means is found by packets too: the same rules without their general
//! drops, under policy ACCEPT, still drop who is banned.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use crate::support::dice::Dice;
use crate::support::netns::Namespace;
use crate::support::rules::restore;
use crate::support::scene::{BehindGateway, Forwarding, SERVER};
use crate::support::{BackEnd, ftpnat_beside};

const PROFILE: &str = "name: lab\npassive: { ports: 50000-51000 }\n";
/// Ports that the profile opens.
const OURS: [u16; 4] = [21, 50000, 50500, 51000];
/// Ports that it does not.
const OTHERS: [u16; 4] = [22, 3306, 49999, 51001];
/// Who may be banned.
const BANNED: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 66));
/// Firewalls a trial.
const EACH: u64 = 4;

/// How many firewalls got our rules, and how many were refused.
static PLACED: Mutex<(u32, u32)> = Mutex::new((0, 0));

pub(crate) fn trials() -> Vec<Trial> {
    let trials: u64 = if std::env::var_os("FTPNAT_LONG").is_some() {
        250
    } else {
        15
    };
    (0..trials)
        .map(|block| {
            let first = block * EACH;
            Trial::test(format!("bans/{first}-{}", first + EACH - 1), move || {
                (first..first + EACH).try_for_each(judge)?;
                let (placed, refused) = *PLACED.lock().expect("the count");
                // A tool that refuses everything lets nobody in either.
                if placed + refused > 40 && placed < refused {
                    return Err(format!("{placed} placed, {refused} refused").into());
                }
                Ok(())
            })
        })
        .collect()
}

/// What a client reaches, port by port.
type Reached = Vec<(u16, bool)>;

fn judge(seed: u64) -> Result<(), Failed> {
    let mut dice = Dice(seed);
    let rules = firewall(&mut dice);
    let back_end = if dice.chance() {
        BackEnd::Nft
    } else {
        BackEnd::Legacy
    };
    let scene = BehindGateway::new(Forwarding::Off);
    let banned = scene.join("banned", BANNED);
    let listeners = listen(&scene.server);
    let look = |text: &str, arguments: &[&str]| {
        restore(
            &scene.server,
            &back_end.program("iptables", "restore"),
            arguments,
            text,
        );
        (reached(&banned), reached(&scene.inside))
    };
    let (meant, _) = look(&without_general_drops(&rules), &[]);
    let (banned_before, inside_before) = look(&rules, &[]);
    let run = ftpnat_beside(
        back_end,
        &scene.server,
        &["emit", "iptables", "-p", "-"],
        PROFILE,
    );
    {
        let mut counts = PLACED.lock().expect("the count");
        let (placed, refused) = &mut *counts;
        *if run.status == 0 { placed } else { refused } += 1;
    }
    if run.status == 3 && run.stdout.is_empty() {
        return Ok(());
    }
    let (banned_after, inside_after) = look(&run.stdout, &["-c"]);
    drop(listeners);
    let fault = |what: &str, port: u16| -> Failed {
        format!(
            "seed {seed}, port {port}: {what}\n{rules}\n{}\n{}",
            run.stderr, run.stdout
        )
        .into()
    };
    for (index, &port) in OURS.iter().enumerate() {
        if !meant[index].1 && !banned_before[index].1 && banned_after[index].1 {
            return Err(fault("a banned client gets in", port));
        }
        if !inside_after[index].1 {
            return Err(fault("a welcome client stays out", port));
        }
    }
    for (index, &port) in OTHERS.iter().enumerate() {
        let at = OURS.len() + index;
        if banned_before[at] != banned_after[at] || inside_before[at] != inside_after[at] {
            return Err(fault("another port changed", port));
        }
    }
    Ok(())
}

fn listen(server: &Namespace) -> Vec<TcpListener> {
    server.inside(|| {
        OURS.iter()
            .chain(&OTHERS)
            .map(|port| TcpListener::bind((Ipv6Addr::UNSPECIFIED, *port)).expect("a listener"))
            .collect()
    })
}

/// All ports at once: a drop is silence.
fn reached(client: &Namespace) -> Reached {
    let tries: Vec<_> = OURS
        .iter()
        .chain(&OTHERS)
        .map(|&port| {
            let client = client.clone();
            std::thread::spawn(move || {
                let to = SocketAddr::new(SERVER, port);
                // One retransmission of the SYN (after 1 s) fits.
                let open = client.inside(move || {
                    TcpStream::connect_timeout(&to, Duration::from_millis(1500)).is_ok()
                });
                (port, open)
            })
        })
        .collect();
    tries
        .into_iter()
        .map(|one| one.join().expect("a try"))
        .collect()
}

/// The comment of a drop that means everyone.
const GENERAL: &str = "-m comment --comment general";

fn without_general_drops(rules: &str) -> String {
    let kept: Vec<&str> = rules.lines().filter(|l| !l.contains(GENERAL)).collect();
    kept.join("\n").replace(":INPUT DROP", ":INPUT ACCEPT") + "\n"
}

fn firewall(dice: &mut Dice) -> String {
    let policy = dice.one(&["ACCEPT", "DROP", "DROP"]);
    let mut chains = vec![(String::from("INPUT"), dice.count(2, 7))];
    for name in ["one", "two"] {
        if dice.chance() {
            chains.push((name.to_owned(), dice.count(1, 4)));
        }
    }
    let mut text = format!(
        "*filter\n:INPUT {policy} [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:f2b - [0:0]\n:logdrop - [0:0]\n"
    );
    for (name, _) in &chains[1..] {
        let _ = writeln!(text, ":{name} - [0:0]");
    }
    for (at, (name, rules)) in chains.iter().enumerate() {
        for _ in 0..*rules {
            let deeper: Vec<&str> = chains[at + 1..].iter().map(|(n, _)| n.as_str()).collect();
            let _ = writeln!(text, "-A {name} {}", rule(dice, &deeper));
        }
    }
    text +=
        "-A f2b -s 10.77.0.66/32 -j REJECT --reject-with icmp-port-unreachable\n-A f2b -j RETURN\n";
    text + &format!("-A logdrop -j LOG\n-A logdrop -j DROP {GENERAL}\nCOMMIT\n")
        .replace(&format!("-j DROP {GENERAL}"), &format!("{GENERAL} -j DROP"))
}

fn rule(dice: &mut Dice, chains: &[&str]) -> String {
    if !chains.is_empty() && dice.count(0, 3) == 0 {
        let test = dice.one(&[
            "",
            "-p tcp ",
            "-p tcp -m tcp --dport 21 ",
            "-p tcp -m multiport --dports 21,50000:51000 ",
        ]);
        return format!(
            "{test}{} {}",
            dice.one(&["-j", "-j", "-g"]),
            dice.one(chains)
        );
    }
    match dice.count(0, 13) {
        0 | 1 => "-s 10.77.0.66/32 -j DROP".to_owned(),
        2 => dice
            .one(&[
                "-s 10.77.0.64/26 -p tcp -j DROP",
                "-s 10.77.0.66/32 -p tcp -m tcp --dport 21 -j DROP",
                "-j f2b",
                "-p tcp -m multiport --dports 21,50000:51000 -j f2b",
            ])
            .to_owned(),
        3 | 10 => "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT".to_owned(),
        4 | 11 | 12 => dice
            .one(&[
                "-p tcp -m tcp --dport 22 -j ACCEPT",
                "-p tcp -m tcp --dport 3306 -j ACCEPT",
                "-i lo -j ACCEPT",
                "-p udp -j DROP",
            ])
            .to_owned(),
        5 | 13 => dice
            .one(&[
                "-j LOG",
                "-p tcp -m tcp --dport 22 -j RETURN",
                "-s 10.77.0.50/32 -p tcp -m tcp --dport 22 -j ACCEPT",
            ])
            .to_owned(),
        6 => format!("{GENERAL} -j DROP"),
        7 => format!("-p tcp {GENERAL} -j REJECT --reject-with icmp-port-unreachable"),
        8 => format!("-p tcp -m tcp --dport 1024:65535 {GENERAL} -j DROP"),
        _ => format!("-p tcp -m tcp --dport 21 {GENERAL} -j DROP"),
    }
}
