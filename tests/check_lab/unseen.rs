//! What is on the way and not judged, on the kernel: where the note stands, it may well be
//! the cause; and two packet filters at once.

use std::net::{SocketAddr, TcpListener};

use libtest_mimic::Failed;
use serde_json::Value;

use crate::support::BackEnd;
use crate::support::netns::{Namespace, succeed};
use crate::support::rules::{Reach, connect, nft, restore, save};
use crate::support::scene::{BehindGateway, Direct, Forwarding, PUBLIC};
use crate::{Played, Said, commands, same};

pub(crate) fn trials() -> [Played; 7] {
    [
        ("handed-to-a-program", handed_to_a_program),
        ("handed-to-another-interface", handed_to_another_interface),
        ("handed-to-a-proxy", handed_to_a_proxy),
        ("tc-filter", tc_filter),
        ("xdp-as-root-of-the-host", xdp),
        ("bridge-and-namespace", bridge_and_namespace),
        ("legacy-and-nft", legacy_and_nft),
    ]
}

const OWN: &str = "name: lab\nserver: { address: 198.51.100.1, software: proftpd }\n\
                   passive: { ports: 50000-50010 }\n";
const GATEWAY: &str = "name: lab\nserver: { address: 10.77.0.21, software: proftpd }\n\
                       passive: { ports: 50000-50010, advertise: 198.51.100.1 }\n\
                       nat:\n  mode: dnat\n  external: { address: 198.51.100.1, interface: eth0 }\n";

/// The evidence of FN324 has these words, and no command of its remedy fails.
fn tells(host: &Namespace, yaml: &str, words: &str) -> Result<(), Failed> {
    let said = Said::of(host, yaml)?;
    let finding = said.fires("FN324")?;
    let evidence = finding["evidence"].to_string();
    same(&evidence, &evidence.contains(words), &true)?;
    same("note", &finding["severity"], &Value::from("note"))
}

/// A connection to the control port, where something listens.
fn calls(scene: &Direct) -> Reach {
    let control = SocketAddr::new(PUBLIC, 21);
    let _listener = scene
        .server
        .inside(move || TcpListener::bind(control).expect("bound"));
    connect(&scene.client, control)
}

/// Rules for another port say nothing; those for the control port are named, and stop it.
fn taken(table: &str, words: &str, reach: Reach) -> Result<(), Failed> {
    let scene = Direct::new();
    Said::of(&scene.server, OWN)?.silent("FN324")?;
    nft(&scene.server, &table.replace("PORT", "22"));
    Said::of(&scene.server, OWN)?.silent("FN324")?;
    same("another port's rule", &calls(&scene), &Reach::Open)?;
    nft(&scene.server, "flush ruleset");
    nft(&scene.server, &table.replace("PORT", "21"));
    tells(&scene.server, OWN, words)?;
    same("the rule", &calls(&scene), &reach)
}

fn handed_to_another_interface() -> Result<(), Failed> {
    let table = "table netdev t {
        chain c {
            type filter hook ingress device eth0 priority 0;
            tcp dport PORT fwd to lo
        }
    }";
    taken(table, "fwd", Reach::Silent)
}

fn handed_to_a_proxy() -> Result<(), Failed> {
    let table = "table ip t {
        chain c {
            type filter hook prerouting priority -150;
            tcp dport PORT tproxy to :2121
        }
    }";
    // No proxy listens, so the rule does nothing.
    taken(table, "tproxy", Reach::Open)
}

/// Nobody reads the queue. (This kernel has no `nft_queue`: the expression is played on a
/// ruleset of its own in tests/checks.)
fn handed_to_a_program() -> Result<(), Failed> {
    for back_end in BackEnd::BOTH {
        let scene = Direct::new();
        let program = back_end.program("iptables", "restore");
        for (port, reach) in [(22, Reach::Open), (21, Reach::Silent)] {
            let text = format!(
                "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport {port} -j NFQUEUE \
                 --queue-num 7\nCOMMIT\n"
            );
            restore(&scene.server, &program, &[], &text);
            same("reach", &calls(&scene), &reach)?;
            if reach == Reach::Open {
                Said::of(&scene.server, OWN)?.silent("FN324")?;
            } else {
                tells(&scene.server, OWN, "NFQUEUE")?;
            }
        }
    }
    Ok(())
}

/// A classic BPF filter that drops everything, by its bytes; on the interface that clients
/// come in by, and on another one.
fn tc_filter() -> Result<(), Failed> {
    let scene = Direct::new();
    let drop_all = ["1,6 0 0 2,"];
    let add = |interface: &str, way: &str| {
        let arguments = [
            "filter", "add", "dev", interface, way, "bpf", "da", "bytecode",
        ];
        let output = scene
            .server
            .feed("tc", &[&arguments[..], &drop_all].concat(), "");
        drop(succeed("tc filter add", &output));
    };
    scene.server.run("tc qdisc add dev lo clsact");
    add("lo", "ingress");
    scene.server.run("tc qdisc add dev eth0 clsact");
    // Nothing is attached to it yet.
    Said::of(&scene.server, OWN)?.silent("FN324")?;
    same("an empty qdisc", &calls(&scene), &Reach::Open)?;
    for way in ["ingress", "egress"] {
        add("eth0", way);
        tells(
            &scene.server,
            OWN,
            &format!("tc filter show dev eth0 {way}"),
        )?;
        let reach = calls(&scene);
        same(
            &format!("{way}: {reach:?}"),
            &(reach == Reach::Open),
            &false,
        )?;
        scene.server.run(&format!("tc filter del dev eth0 {way}"));
        Said::of(&scene.server, OWN)?.silent("FN324")?;
    }
    scene.server.run("tc qdisc del dev eth0 clsact");
    scene.server.run("tc qdisc add dev eth0 ingress");
    add("eth0", "ingress");
    tells(&scene.server, OWN, "a filter of the kind bpf")
}

fn xdp() -> Result<(), Failed> {
    let scene = Direct::new();
    let object = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/xdp/drop.o");
    let set = |what: &str| format!("ip link set dev eth0 xdpgeneric {what}");
    scene.server.run(&set(&format!("obj {object} sec xdp")));
    tells(&scene.server, OWN, "(generic)")?;
    let reach = calls(&scene);
    same(&format!("{reach:?}"), &(reach == Reach::Open), &false)?;
    scene.server.run(&set("off"));
    Said::of(&scene.server, OWN)?.silent("FN324")?;
    same("without it", &calls(&scene), &Reach::Open)
}

/// The inside machines share a bridge in a namespace of its own, and the server is in one.
fn bridge_and_namespace() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::On);
    tells(
        &scene.gateway,
        GATEWAY,
        "its other end is in another network namespace",
    )?;

    // A bridge between the client's cable and the address.
    let scene = Direct::new();
    scene.server.ip(
        "addr flush dev eth0\nlink add br0 type bridge\nlink set br0 up\n\
         link set eth0 master br0\naddr add 198.51.100.1/24 dev br0",
    );
    scene
        .server
        .sysctl("net.bridge.bridge-nf-call-iptables", "0");
    let table = "table bridge t {
        chain c {
            type filter hook input priority 0; policy accept;
            RULE
        }
    }";
    nft(&scene.server, &table.replace("RULE", ""));
    Said::of(&scene.server, OWN)?.silent("FN324")?;
    same("an empty chain", &calls(&scene), &Reach::Open)?;
    nft(&scene.server, &table.replace("RULE", "ether type ip drop"));
    tells(&scene.server, OWN, "table bridge t")?;
    same("a bridge's drop", &calls(&scene), &Reach::Silent)?;
    nft(&scene.server, "flush ruleset");
    scene
        .server
        .sysctl("net.bridge.bridge-nf-call-iptables", "1");
    tells(&scene.server, OWN, "bridge-nf-call-iptables")
}

const ACCEPTS: &str = "*filter\n:INPUT ACCEPT [0:0]\n:OTHERS - [0:0]\n\
                       -A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\nCOMMIT\n";
const DROPS: &str = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p icmp -j ACCEPT\nCOMMIT\n\
                     *mangle\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j DROP\n\
                     COMMIT\n";

/// What one program lists lets the client in, and the other drops it. Where the remedy makes
/// it one, everything is listed, and nothing is opened by it.
fn legacy_and_nft() -> Result<(), Failed> {
    type Load = fn(&Namespace);
    let by_nft: Load = |server| {
        nft(
            server,
            "table inet filter {
                chain input {
                    type filter hook input priority 0;
                    tcp dport 21 accept
                }
            }",
        );
    };
    let by_iptables: Load = |server| restore(server, "iptables-nft-restore", &[], ACCEPTS);
    for (load, other, is_movable) in [
        (by_nft, "table inet filter", true),
        (by_iptables, "iptables-nft filter", false),
    ] {
        let scene = Direct::new();
        let server = &scene.server;
        let by_legacy = |text| restore(server, "iptables-legacy-restore", &[], text);
        load(server);
        Said::of(server, OWN)?.silent("FN313")?;
        same("one of them", &calls(&scene), &Reach::Open)?;
        // In force, and of no consequence.
        by_legacy("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n");
        Said::of(server, OWN)?.silent("FN313")?;
        by_legacy(DROPS);
        same("both", &calls(&scene), &Reach::Silent)?;
        let said = Said::of(server, OWN)?;
        let finding = said.fires("FN313")?;
        let evidence = finding["evidence"].to_string();
        for words in [
            other,
            "1 rule",
            "iptables-legacy filter",
            "policy drop in INPUT",
        ] {
            same(
                &format!("{words} in {evidence}"),
                &evidence.contains(words),
                &true,
            )?;
        }
        for command in commands(finding) {
            drop(succeed(&command, &server.feed("sh", &["-c", &command], "")));
        }
        let said = Said::of(server, OWN)?;
        if !is_movable {
            said.fires("FN313")?;
            continue;
        }
        said.silent("FN313")?;
        same("one again", &calls(&scene), &Reach::Silent)?;
        let listed = save(server, "iptables-nft-save", &[]);
        for line in DROPS.lines().filter(|line| line.starts_with("-A")) {
            same(
                &format!("{line} in {listed}"),
                &listed.contains(line),
                &true,
            )?;
        }
    }
    Ok(())
}
