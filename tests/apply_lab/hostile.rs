//! Firewalls that would make `apply` do harm, or say what is not so.

use libtest_mimic::{Failed, Trial};

use crate::host::{Host, Kind, everything};
use crate::placement::GATEWAY;
use crate::server::PROFILE;
use crate::support::BackEnd;
use crate::support::netns::Namespace;
use crate::support::rules::nft;
use crate::support::scene::{BehindGateway, Direct, Forwarding};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        Trial::test("hostile/chain-named-like-ours", chain_named_like_ours),
        Trial::test("hostile/table-named-like-ours", table_named_like_ours),
        Trial::test("hostile/no-trace-beside-a-native-drop", no_trace),
        Trial::test("hostile/remove-of-an-unknown-name", remove_unknown),
        Trial::test(
            "hostile/remove-beside-a-stopped-profile",
            remove_beside_stopped,
        ),
    ];
    for kind in Kind::ALL {
        trials.push(Trial::test(
            format!("hostile/remove-beside-a-misplaced-profile/{}", kind.word()),
            move || remove_beside_misplaced(kind),
        ));
    }
    for case in NOBODY_GETS_IN {
        let name = format!("hostile/refused/{}", case.name);
        trials.push(Trial::test(name, move || refused(case)));
    }
    for case in SOME_GET_IN {
        let name = format!("hostile/done/{}", case.name);
        trials.push(Trial::test(name, move || noted(case)));
    }
    trials
}

/// A native chain is never ours: what leads there is the administrator's, and counts where
/// guests are placed.
fn chain_named_like_ours() -> Result<(), Failed> {
    let scene = Direct::new();
    nft(
        &scene.server,
        "table inet theirs {
            chain FTPNAT-log { counter; }
            chain input {
                type filter hook input priority 0;
                jump FTPNAT-log
                ip saddr 192.0.2.7 drop
                tcp dport 1-65535 drop
            }
        }\n",
    );
    let host = Host::new(&scene.server, Kind::Native);
    host.apply(PROFILE)?;
    let chain = scene.server.run("nft list chain inet theirs input");
    let at = |words: &str| chain.find(words);
    let (ban, ours, drop) = (at("192.0.2.7 drop"), at("ftpnat:lab:"), at("65535 drop"));
    if ban.is_some() && ban < ours && ours < drop {
        Ok(())
    } else {
        Err(format!("not between the ban and the drop:\n{chain}").into())
    }
}

/// Somebody else's table of our name is neither replaced nor deleted.
fn table_named_like_ours() -> Result<(), Failed> {
    let scene = Direct::new();
    nft(
        &scene.server,
        "table inet ftpnat {
            set banned { type ipv4_addr; elements = { 192.0.2.7 }; }
            chain input {
                type filter hook input priority 0; policy drop;
                ip saddr @banned drop
                tcp dport 22 accept
            }
        }\n",
    );
    let before = everything(&scene.server);
    let host = Host::new(&scene.server, Kind::Native);
    for run in [host.try_apply(PROFILE), host.try_remove(&[])] {
        if run.status != 3 || !run.stderr.contains("table inet ftpnat is there") {
            return Err(format!("{run:?}").into());
        }
    }
    is_same(&scene.server, &before)
}

/// What iptables-nft loads makes another generation: the guests behind it are written all
/// the same, everything is shown, and nothing stays after `remove`.
fn no_trace() -> Result<(), Failed> {
    let scene = Direct::new();
    nft(&scene.server, crate::server::NATIVE);
    let before = everything(&scene.server);
    let host = Host::new(&scene.server, Kind::Iptables(BackEnd::Nft));
    let run = host.apply(PROFILE)?;
    for place in ["table inet theirs, chain input", "chain FTPNAT-INPUT"] {
        if !run.stdout.contains(place) {
            return Err(format!("{place} is not shown: {run:?}").into());
        }
    }
    host.is_settled(PROFILE)?;
    host.remove()?;
    is_same(&scene.server, &before)
}

/// What was not there is not said to be removed.
fn remove_unknown() -> Result<(), Failed> {
    let scene = Direct::new();
    let host = Host::new(&scene.server, Kind::Native);
    host.apply(PROFILE)?;
    let run = host.try_remove(&["lab", "nope"]);
    if run.status == 0 && run.stdout.contains("lab: removed") && run.stderr.contains("nope") {
        Ok(())
    } else {
        Err(format!("{run:?}").into())
    }
}

/// A profile goes, whatever stops another that stays.
fn remove_beside_stopped() -> Result<(), Failed> {
    let scene = Direct::new();
    let host = Host::new(&scene.server, Kind::Native);
    host.apply(PROFILE)?;
    host.apply("name: other\ncontrol: { port: 2121 }\npassive: { ports: 51000-51010 }\n")?;
    nft(
        &scene.server,
        "table inet theirs { chain c {
            type filter hook prerouting priority -300; tcp dport 21 drop;
        }; }\n",
    );
    let run = host.try_remove(&["other"]);
    let rules = scene.server.run("nft list ruleset");
    if run.status == 0 && run.stderr.contains("dropped by") && !rules.contains("2121") {
        Ok(())
    } else {
        Err(format!("{run:?}\n{rules}").into())
    }
}

/// The same where the other cannot be placed any more, for each kind of rules.
fn remove_beside_misplaced(kind: Kind) -> Result<(), Failed> {
    let scene = Direct::new();
    kind.load(
        &scene.server,
        "table inet theirs { chain c {
            type filter hook input priority 0; policy drop;
            ip saddr 192.0.2.7 drop
        }; }\n",
        "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
         -A INPUT -s 192.0.2.7/32 -j DROP\nCOMMIT\n",
    );
    if kind == Kind::Iptables(BackEnd::Legacy) {
        // A table of iptables-legacy stays once it was looked at.
        scene.server.run("ip6tables-legacy -nL");
    }
    let before = everything(&scene.server);
    let host = Host::new(&scene.server, kind);
    host.apply(PROFILE)?;
    host.apply("name: other\ncontrol: { port: 2121 }\npassive: { ports: 51000-51010 }\n")?;
    let line = match kind {
        Kind::Native => "nft insert rule inet theirs c tcp dport 21 drop".to_owned(),
        Kind::Iptables(back_end) => format!(
            "iptables-{} -I INPUT -p tcp --dport 21 -j DROP",
            back_end.word()
        ),
    };
    scene.server.run(&line);
    let run = host.try_remove(&["other"]);
    let rules = everything(&scene.server);
    if run.status != 0 || rules.contains("2121") || !rules.contains("50000") {
        return Err(format!("{run:?}\n{rules}").into());
    }
    let undo = match kind {
        Kind::Native => {
            let listing = scene.server.run("nft -a list chain inet theirs c");
            let handle = listing
                .lines()
                .find_map(|l| l.trim().strip_prefix("tcp dport 21 drop # handle "));
            let handle = handle.ok_or_else(|| format!("no such rule: {listing}"))?;
            format!("nft delete rule inet theirs c handle {handle}")
        }
        Kind::Iptables(_) => line.replace("-I INPUT", "-D INPUT"),
    };
    scene.server.run(&undo);
    host.remove()?;
    is_same(&scene.server, &before)
}

fn is_same(host: &Namespace, before: &str) -> Result<(), Failed> {
    let after = everything(host);
    if after == before {
        Ok(())
    } else {
        Err(format!("{before}\nthen:\n{after}").into())
    }
}

struct Case {
    name: &'static str,
    profile: &'static str,
    /// A base chain, without its table.
    chain: &'static str,
}

/// With every rule of ours in place no client would get to the server.
const NOBODY_GETS_IN: &[Case] = &[
    Case {
        name: "answers-dropped-by-the-port",
        profile: PROFILE,
        chain: "type filter hook postrouting priority 0; tcp sport 21 drop;",
    },
    Case {
        name: "answers-dropped-by-the-source",
        profile: PROFILE,
        chain: "type filter hook postrouting priority 0; ip saddr 198.51.100.1 drop;",
    },
    Case {
        name: "every-source",
        profile: PROFILE,
        chain: "type filter hook input priority 0;
            ip saddr 0.0.0.0/1 drop; ip saddr 128.0.0.0/1 drop;",
    },
    Case {
        name: "dnat-taken",
        profile: GATEWAY,
        chain: "type nat hook prerouting priority -150; tcp dport 21 dnat ip to 10.77.0.50;",
    },
    Case {
        name: "dnat-to-other-ports",
        profile: GATEWAY,
        chain: "type nat hook prerouting priority -150; tcp dport 50000-50010 redirect to :80;",
    },
    Case {
        name: "dnat-of-untracked",
        profile: GATEWAY,
        chain: "type filter hook prerouting priority -300; tcp dport 50000-50010 notrack;",
    },
    Case {
        name: "forwarded-answers",
        profile: GATEWAY,
        chain: "type filter hook forward priority 0; ip saddr 10.77.0.0/24 drop;",
    },
];

/// Some are kept out, and that is said.
const SOME_GET_IN: &[Case] = &[
    Case {
        name: "answers-to-a-banned-network",
        profile: PROFILE,
        chain: "type filter hook output priority 0; ip daddr 0.0.0.0/5 drop;",
    },
    Case {
        name: "all-but-one-network",
        profile: PROFILE,
        chain: "type filter hook input priority 0; ip saddr != 192.0.2.0/24 tcp dport != 22 drop;",
    },
];

fn tried(
    case: &Case,
    is_done: impl FnOnce(&Host, &Namespace) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let rules = format!("table inet theirs {{ chain c {{ {} }}; }}\n", case.chain);
    let on = |namespace: &Namespace| {
        nft(namespace, &rules);
        is_done(&Host::new(namespace, Kind::Native), namespace)
    };
    if case.profile == GATEWAY {
        on(&BehindGateway::new(Forwarding::On).gateway)
    } else {
        on(&Direct::new().server)
    }
}

fn refused(case: &Case) -> Result<(), Failed> {
    tried(case, |host, namespace| {
        let before = everything(namespace);
        let run = host.try_apply(case.profile);
        if run.status != 3 || !run.stderr.contains("table inet theirs, chain c") {
            return Err(format!("{run:?}").into());
        }
        is_same(namespace, &before)
    })
}

fn noted(case: &Case) -> Result<(), Failed> {
    tried(case, |host, _| {
        let run = host.apply(case.profile)?;
        let noted = run.stderr.contains("keeps some") && run.stdout.contains("is noted");
        if noted {
            Ok(())
        } else {
            Err(format!("{run:?}").into())
        }
    })
}
