//! What is on the way and not judged, and what of it is not on the way; two back ends;
//! whose drift counts.

use ftpnat::check::{Firewall, examine};
use ftpnat::facts::Facts;
use ftpnat::facts::snapshot::{Snapshot, State};
use ftpnat::plan;
use ftpnat::ruleset::eval::HostFacts;
use ftpnat::ruleset::live::table::{Base, Hook, Kind, Maker, Policy, TableFamily};
use ftpnat::ruleset::live::{Chain, Expression, Rule, Ruleset, Table};

use crate::host::{ASSIGNS, healthy, load, set};
use crate::{finding, profile, report};

/// What a check says: these words, nothing, or that it cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Fires(&'static str),
    Silent,
    Open,
}
use Says::{Fires, Open, Silent};

const OWN: &str = "name: t\nserver: { address: 203.0.113.10 }\n\
                   control: { port: 21, tls: required }\npassive: { ports: 50000-51000 }\n";
const ANYWHERE: &str =
    "name: t\ncontrol: { port: 21, tls: required }\npassive: { ports: 50000-51000 }\n";
/// An address of no interface of this host.
const INSIDE: &str = "name: t\nserver: { address: 10.77.0.21 }\npassive: { ports: 50000-51000 }\n";
const DNAT: &str = "name: t\nserver: { address: 10.77.0.21 }\npassive: { ports: 50000-51000 }\n\
                    nat:\n  mode: dnat\n  external: { address: 203.0.113.10, interface: eth0 }\n";
const CLIENTS: &str = "name: t\nnat:\n  mode: masquerade\n  external: { interface: eth0 }\n  \
                       internal: { interface: eth1, networks: [ 10.77.0.0/24 ] }\n";

/// A check, a profile, what is changed about the healthy host, and what it says then.
type Row = (&'static str, &'static str, fn(&mut Snapshot), Says);

const ROWS: &[Row] = &[
    // The other end of the clients' cable is their own affair, that of the server's is not.
    (
        "FN324",
        OWN,
        |host| has(host, "eth0 leads elsewhere"),
        Silent,
    ),
    (
        "FN324",
        DNAT,
        |host| has(host, "eth0 leads elsewhere"),
        Silent,
    ),
    (
        "FN324",
        DNAT,
        |host| has(host, "eth1 leads elsewhere"),
        Fires("another network namespace behind eth1"),
    ),
    (
        "FN324",
        INSIDE,
        |host| has(host, "eth1 leads elsewhere"),
        Fires("behind eth1"),
    ),
    // A bridge of containers, as Docker has it.
    (
        "FN324",
        DNAT,
        |host| {
            has(
                host,
                "eth1 bridge\nveth0 port of eth1\nveth0 leads elsewhere",
            );
        },
        Fires("behind veth0"),
    ),
    (
        "FN324",
        DNAT,
        |host| has(host, "br0 bridge\nveth0 port of br0\nveth0 leads elsewhere"),
        Silent,
    ),
    // The address stands on the upper interface, the program on the cable's.
    (
        "FN324",
        OWN,
        |host| {
            has(
                host,
                "eth0 over bond0\neth9 port of bond0\neth9 xdp driver 17",
            );
        },
        Fires("XDP on eth9"),
    ),
    (
        "FN324",
        OWN,
        |host| {
            has(
                host,
                "eth0 port of br0\neth9 port of br0\neth9 xdp driver 17",
            );
        },
        Silent,
    ),
    // Where no address is named, any interface may be the one.
    (
        "FN324",
        ANYWHERE,
        |host| has(host, "eth1 xdp several"),
        Fires("eth1"),
    ),
    (
        "FN324",
        ANYWHERE,
        |host| has(host, "lo xdp generic 3"),
        Silent,
    ),
    (
        "FN324",
        CLIENTS,
        |host| has(host, "eth1 filter egress bpf"),
        Fires("eth1"),
    ),
    (
        "FN324",
        CLIENTS,
        |host| has(host, "eth2 filter egress bpf"),
        Silent,
    ),
    // A qdisc without filters is not told, and a bridge alone does nothing.
    ("FN324", OWN, |host| has(host, "eth0 bridge"), Silent),
    (
        "FN324",
        OWN,
        |host| {
            has(host, "eth0 bridge");
            set(host, NF_CALL, "1\n");
        },
        Fires("what eth0 passes from port to port"),
    ),
    ("FN324", OWN, |host| set(host, NF_CALL, "1\n"), Silent),
    // Rules count where a connection of the profile comes to them.
    (
        "FN324",
        OWN,
        |host| {
            legacy(
                host,
                "-A INPUT -p tcp -m tcp --dport 21 -j NFQUEUE --queue-num 0",
            );
        },
        Fires("a program that a rule asks"),
    ),
    (
        "FN324",
        OWN,
        |host| {
            legacy(
                host,
                "-A INPUT -p tcp -m tcp --dport 22 -j NFQUEUE --queue-num 0",
            );
        },
        Silent,
    ),
    (
        "FN324",
        OWN,
        |host| {
            // Answers count too.
            legacy(
                host,
                "-A OUTPUT -p tcp -m tcp --sport 50000:51000 -j NFQUEUE --queue-num 0",
            );
        },
        Fires("a program that a rule asks"),
    ),
    // What was found is said, whatever else is not known.
    (
        "FN324",
        OWN,
        |host| {
            has(host, "eth0 xdp driver 17");
            host.insert("asked:nft-tables", unreadable());
        },
        Fires("XDP on eth0"),
    ),
    (
        "FN324",
        OWN,
        |host| host.insert("asked:nft-tables", unreadable()),
        Open,
    ),
    // A policy is in force without any rule.
    (
        "FN313",
        OWN,
        |host| {
            load(host, "helper-late");
            set(host, LEGACY, "*filter\n:INPUT DROP [0:0]\nCOMMIT\n");
        },
        Fires("iptables-legacy"),
    ),
    // That of the other family.
    (
        "FN313",
        OWN,
        |host| {
            load(host, "helper-late");
            set(host, "asked:ip6tables-legacy-save", ASSIGNS);
        },
        Silent,
    ),
    (
        "FN313",
        OWN,
        |host| host.insert("asked:nft-tables", unreadable()),
        Open,
    ),
    (
        "FN317",
        OWN,
        |host| set(host, INSTALLED, "profile\tt\n"),
        Silent,
    ),
    // It was installed once, under that name; the rule serves it no more.
    (
        "FN317",
        OWN,
        |host| {
            set(
                host,
                INSTALLED,
                "profile\tu\ndrift\tmissing\tt\tcontrol\tp\tx\n",
            );
        },
        Silent,
    ),
    (
        "FN317",
        OWN,
        |host| {
            set(
                host,
                INSTALLED,
                "profile\tt\ndrift\tshadowed\tt\tcontrol\tp\tx\n",
            );
        },
        Fires("1 rule is not as it was installed"),
    ),
    (
        "FN317",
        OWN,
        |host| set(host, INSTALLED, "something else\n"),
        Open,
    ),
    (
        "FN317",
        OWN,
        |host| host.insert(INSTALLED, unreadable()),
        Open,
    ),
];

const LEGACY: &str = "asked:iptables-legacy-save";
const INSTALLED: &str = "asked:installed-rules";
const NF_CALL: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";

fn has(host: &mut Snapshot, features: &str) {
    set(host, "asked:devices", features);
}

/// One rule of iptables-legacy beside nothing else.
fn legacy(host: &mut Snapshot, rule: &str) {
    let head = "*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n";
    set(host, LEGACY, format!("{head}{rule}\nCOMMIT\n"));
}

fn unreadable() -> State {
    State::Unreadable("Permission denied (os error 13)".to_owned())
}

#[test]
fn what_is_on_the_way_and_what_is_not() {
    for (number, (id, yaml, change, says)) in ROWS.iter().enumerate() {
        let mut host = healthy();
        change(&mut host);
        let report = report(yaml, host);
        let open = report.not_checked.iter().find(|n| n.id.to_string() == *id);
        let found = finding(&report, id);
        let fits = match says {
            Fires(words) => found.is_some_and(|f| f.summary.contains(words)),
            Silent => found.is_none() && open.is_none(),
            Open => found.is_none() && open.is_some(),
        };
        assert!(fits, "row {number}, {id}: {says:?}: {report:#?}");
    }
}

/// Neither note nor warning changes what a script is told.
#[test]
fn none_of_it_changes_the_exit_status() {
    for state in [
        unreadable(),
        State::Held("profile\tt\ndrift\tmissing\tt\tcontrol\tp\tx\n".into()),
    ] {
        let mut host = healthy();
        host.insert("asked:devices", unreadable());
        host.insert(INSTALLED, state);
        assert_eq!(report(OWN, host).status(), 0);
    }
}

/// Names of interfaces come from whoever made them: none becomes part of a command.
#[test]
fn a_hostile_name_is_not_pasted() {
    let mut host = healthy();
    has(&mut host, "eth0 over a;reboot\na;reboot filter ingress bpf");
    let report = report(OWN, host);
    let found = finding(&report, "FN324").expect("on the way");
    assert!(found.summary.contains("a;reboot"), "{found:#?}");
    assert!(
        !format!("{:?}", found.remedy).contains("reboot"),
        "{found:#?}"
    );
}

/// `queue` of nft, which not every kernel has (`nft_queue`): every packet of input.
#[test]
fn a_queue_of_nft() {
    let facts = Facts::of(healthy());
    let queue = Expression::Queue {
        first: 7,
        total: 1,
        flags: 0,
        from: None,
    };
    let summary = |expressions: Vec<Expression>| {
        let mut table = Table::new(TableFamily::Inet, "t", Maker::Nft);
        table.chains.push(Chain {
            name: "c".to_owned(),
            handle: 1,
            base: Some(Base {
                hook: Hook::Input,
                priority: 0,
                kind: Kind::Filter,
                policy: Policy::Accept,
                devices: Vec::new(),
            }),
            comment: None,
            rules: vec![Rule {
                handle: 2,
                comment: None,
                expressions,
                line: String::new(),
            }],
        });
        let ruleset = Ruleset {
            tables: vec![table],
            unread: Vec::new(),
        };
        let profile = profile(OWN);
        let plan = plan::plan(std::slice::from_ref(&profile), &facts);
        let host = HostFacts::of(&facts);
        let firewall = Firewall::new(&ruleset, &host);
        let report = examine(&profile, &plan.profiles[0], &facts, &firewall);
        finding(&report, "FN324").map(|found| found.summary.clone())
    };
    assert!(summary(vec![queue]).is_some_and(|s| s.contains("(queue)")));
    assert_eq!(summary(Vec::new()), None);
}
