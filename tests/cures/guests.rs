//! Accepts in chains of others.

use ftpnat::check::RuleChange;
use ftpnat::model::filter::{Match, Rule};
use ftpnat::model::net::Family;
use ftpnat::ruleset::live::table::TableFamily;
use libtest_mimic::{Failed, Trial};

use crate::host::{Host, Kind, everything, saves_and_reloads};
use crate::pasted::{Chain, expect, paste, rule, rules, ruleset};
use crate::support::BackEnd;
use crate::support::netns::Namespace;
use crate::support::rules::Reach::{Open, Silent};
use crate::support::rules::{Reach, nft, restore, save};
use crate::support::scene::{BehindGateway, Direct, Forwarding, PUBLIC, PUBLIC6, SERVER6};

/// Two control ports, one range, two networks of clients in IPv4 and one in IPv6.
pub(crate) const PROFILE: &str = "name: lab
control: [ { port: 21, tls: required }, { port: 990, tls: implicit } ]
passive: { ports: 50000-50010 }
clients: [ 192.0.2.0/24, 198.51.100.0/25, \"2001:db8:51::/64\" ]
";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("guests/native/before-the-drop", || native(true)),
        Trial::test("guests/native/at-the-end", || native(false)),
        Trial::test("guests/netdev", netdev),
        Trial::test("guests/docker/nft", || in_docker(BackEnd::Nft)),
        Trial::test("guests/docker/legacy", || in_docker(BackEnd::Legacy)),
    ];
    for back_end in BackEnd::BOTH {
        for (word, family) in [("ipv4", TableFamily::Ip), ("ipv6", TableFamily::Ip6)] {
            for (place, with_drop) in [("before-the-drop", true), ("at-the-end", false)] {
                let name = format!("guests/{}/{word}/{place}", back_end.word());
                trials.push(Trial::test(name, move || {
                    in_iptables(back_end, family, with_drop)
                }));
            }
        }
    }
    trials
}

const OPEN: [(u16, Reach); 5] = [
    (21, Open),
    (990, Open),
    (50000, Open),
    (50010, Open),
    (50011, Silent),
];
const CLOSED: [(u16, Reach); 1] = [(50005, Silent)];

/// All rules of the profile for this host, each before the same place; but of ICMP.
fn guests(chain: Chain, scene: &Direct, index: usize) -> Result<Vec<RuleChange>, Failed> {
    let ruleset = ruleset(&scene.server);
    let rules = rules(PROFILE)?;
    let rules = rules.iter().filter(|rule| rule.is_required());
    let guests = rules.map(|rule| chain.guest(&ruleset, rule, index));
    guests.collect()
}

fn native(with_drop: bool) -> Result<(), Failed> {
    let scene = Direct::new();
    let drop = if with_drop { "counter drop" } else { "" };
    nft(
        &scene.server,
        &format!(
            "table inet filter {{
                set banned {{ type ipv4_addr; elements = {{ 198.51.100.66 }} }}
                chain input {{ type filter hook input priority 0; policy drop;
                    meta l4proto ipv6-icmp accept
                    ct state established accept
                    ip saddr @banned drop
                    tcp dport 22 accept
                    {drop}
                }}
            }}"
        ),
    );
    let before = everything(&scene.server);
    let chain = Chain {
        kind: Kind::Native,
        family: TableFamily::Inet,
        table: "filter",
        name: "input",
    };
    let both = |ports: &[(u16, Reach)]| {
        expect(&scene.client, PUBLIC, &scene.server, ports)?;
        expect(&scene.client, PUBLIC6, &scene.server, ports)
    };
    both(&CLOSED)?;
    paste(&scene.server, guests(chain, &scene, 4)?)?;
    both(&OPEN)?;

    // It stands behind the bans.
    scene
        .server
        .run("nft add element inet filter banned {198.51.100.10}");
    expect(&scene.client, PUBLIC, &scene.server, &CLOSED)?;
    scene
        .server
        .run("nft delete element inet filter banned {198.51.100.10}");

    let host = Host::new(&scene.server, Kind::Native);
    host.apply(PROFILE)?;
    both(&OPEN)?;
    host.is_settled(PROFILE)?;
    host.remove()?;
    both(&CLOSED)?;
    same(&before, &everything(&scene.server))
}

/// Before the hooks of the families, where no connection has a state yet.
fn netdev() -> Result<(), Failed> {
    let scene = Direct::new();
    nft(
        &scene.server,
        "table netdev early {
            chain c { type filter hook ingress device eth0 priority 0; policy drop;
                ip protocol icmp accept
                meta protocol arp accept
            }
        }",
    );
    let chain = Chain {
        kind: Kind::Native,
        family: TableFamily::Netdev,
        table: "early",
        name: "c",
    };
    expect(&scene.client, PUBLIC, &scene.server, &CLOSED)?;
    let ruleset = ruleset(&scene.server);
    let mut range = rule(PROFILE, "passive-range")?;
    range.matches.retain(|m| !matches!(m, Match::CtState(_)));
    paste(&scene.server, vec![chain.guest(&ruleset, &range, 2)?])?;
    expect(
        &scene.client,
        PUBLIC,
        &scene.server,
        &[(50005, Open), (50011, Silent)],
    )
}

/// What would stand in a chain of Docker's stands in `DOCKER-USER`, behind its bans.
fn in_docker(back_end: BackEnd) -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    let gateway = &scene.gateway;
    let own = "-A DOCKER-USER -s 2001:db8:51::66/128 -j DROP\n-A DOCKER-USER -j RETURN\n";
    restore(
        gateway,
        &back_end.program("ip6tables", "restore"),
        &[],
        &format!(
            "*filter\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\n:DOCKER-USER - [0:0]\n\
             -A FORWARD -j DOCKER-USER\n\
             -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n\
             -A FORWARD -j DOCKER\n-A DOCKER -j DROP\n{own}COMMIT\n"
        ),
    );
    let chain = Chain {
        kind: Kind::Iptables(back_end),
        family: TableFamily::Ip6,
        table: "filter",
        name: "DOCKER",
    };
    expect(&scene.client, SERVER6, &scene.server, &CLOSED)?;
    let ruleset = ruleset(gateway);
    let rules = rules(PROFILE)?;
    let is_range = |r: &&Rule| r.name == "passive-range" && r.families == [Family::Ipv6];
    let range = rules.iter().find(is_range).ok_or("no rule")?;
    paste(gateway, vec![chain.guest(&ruleset, range, 0)?])?;
    expect(&scene.client, SERVER6, &scene.server, &[(50005, Open)])?;
    let saved = save(gateway, &back_end.program("ip6tables", "save"), &[]);
    let of_users: Vec<&str> = saved
        .lines()
        .filter(|line| line.starts_with("-A DOCKER-USER"))
        .collect();
    let is_between = of_users.len() == 3 && of_users[1].contains("ftpnat:lab:passive-range");
    if is_between {
        Ok(())
    } else {
        Err(saved.into())
    }
}

fn in_iptables(back_end: BackEnd, family: TableFamily, with_drop: bool) -> Result<(), Failed> {
    let scene = Direct::new();
    let (iptables, icmp, to, banned) = match family {
        TableFamily::Ip => ("iptables", "icmp", PUBLIC, "198.51.100.66"),
        _ => ("ip6tables", "ipv6-icmp", PUBLIC6, "2001:db8:51::66"),
    };
    let drop = if with_drop { "-A INPUT -j DROP\n" } else { "" };
    restore(
        &scene.server,
        &back_end.program(iptables, "restore"),
        &[],
        &format!(
            "*filter\n:INPUT DROP [0:0]\n-A INPUT -p {icmp} -j ACCEPT\n\
             -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n\
             -A INPUT -s {banned} -j DROP\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n\
             {drop}COMMIT\n"
        ),
    );
    let saver = back_end.program(iptables, "save");
    let before = save(&scene.server, &saver, &[]);
    let chain = Chain {
        kind: Kind::Iptables(back_end),
        family,
        table: "filter",
        name: "INPUT",
    };
    let meets = |ports: &[(u16, Reach)]| expect(&scene.client, to, &scene.server, ports);
    meets(&CLOSED)?;
    let text = paste(&scene.server, guests(chain, &scene, 4)?)?;
    meets(&OPEN)?;
    if iptables == "iptables" {
        saves_and_reloads(&scene.server, back_end, &before)?;
    }
    // One rule for each source and range, in the order of the plan, behind the ban.
    let after = save(&scene.server, &saver, &[]);
    let lines: Vec<&str> = after
        .lines()
        .filter(|line| line.starts_with("-A INPUT"))
        .collect();
    let sources = if iptables == "iptables" { 2 } else { 1 };
    let ours = lines.iter().position(|line| line.contains("ftpnat:lab:"));
    if text.lines().count() != 3 * sources || ours != Some(4) {
        return Err(format!("{text}\n{after}").into());
    }

    let command = format!(
        "{} -w -I INPUT 3 -s",
        back_end.program(iptables, "x").replace("-x", "")
    );
    let client = if iptables == "iptables" {
        "198.51.100.10"
    } else {
        "2001:db8:51::10"
    };
    scene.server.run(&format!("{command} {client} -j DROP"));
    meets(&CLOSED)?;
    scene.server.run(&format!(
        "{} -j DROP",
        command.replace("-I INPUT 3 -s", &format!("-D INPUT -s {client}"))
    ));

    let host = Host::new(&scene.server, Kind::Iptables(back_end));
    host.apply(PROFILE)?;
    meets(&OPEN)?;
    host.is_settled(PROFILE)?;
    host.remove()?;
    meets(&CLOSED)?;
    same(&before, &save(&scene.server, &saver, &[]))?;
    nothing_left(&scene.server)
}

/// # Errors
/// Where anything of ours is left, in whatever table.
pub(crate) fn nothing_left(host: &Namespace) -> Result<(), Failed> {
    let everything = everything(host);
    if everything.to_lowercase().contains("ftpnat") {
        return Err(everything.into());
    }
    Ok(())
}

/// # Errors
/// Where the two differ.
pub(crate) fn same(before: &str, after: &str) -> Result<(), Failed> {
    let plain = |text: &str| {
        let lines = text.lines();
        let plain = lines.map(|line| line.split(" [").next().unwrap_or(line).trim().to_owned());
        plain.collect::<Vec<_>>()
    };
    if plain(before) == plain(after) {
        Ok(())
    } else {
        Err(format!("before:\n{before}\nafter:\n{after}").into())
    }
}
