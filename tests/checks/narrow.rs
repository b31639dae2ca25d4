//! Hosts on which a check could easily cry wolf, or miss its wolf: each row was a fault
//! of ours once, or stands beside one.

use ftpnat::facts::snapshot::{Snapshot, State};

use crate::cases::{PLAIN_DNAT, in_range, two_uplinks};
use crate::host::{ANY, HEAD, healthy, load, set};
use crate::{finding, report};

/// What a check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Fires,
    Silent,
    Open,
}
use Says::{Fires, Open, Silent};

const OWN: &str = "name: t\nserver: { address: 203.0.113.10 }\n\
                   control: { port: 21, tls: required }\npassive: { ports: 50000-51000 }\n";
/// No address is named.
const ANYWHERE: &str =
    "name: t\ncontrol: { port: 21, tls: required }\npassive: { ports: 50000-51000 }\n";
const PROFTPD: &str = "name: t\nserver: { software: proftpd }\npassive: { ports: 50000-51000 }\n";
const LOW: &str = "name: t\npassive: { ports: 20000-21000 }\n";
const DNAT: &str = "name: t\nserver: { address: 10.77.0.21 }\npassive: { ports: 50000-51000 }\n\
                    nat:\n  mode: dnat\n  external: { address: 203.0.113.10, interface: eth0 }\n";
const DNAT_SIDES: &str = "name: t\nserver: { address: 10.77.0.21 }\n\
                          passive: { ports: 50000-51000 }\nnat:\n  mode: dnat\n  \
                          external: { address: 203.0.113.10, interface: eth0 }\n  \
                          internal: { interface: eth1, networks: [ 10.77.0.0/24 ] }\n";
const DNAT_TWICE: &str = "name: t\nserver: { address: 10.77.0.21 }\n\
                          passive: { ports: 50000-51000 }\nnat:\n  mode: dnat\n  external:\n  \
                          - { address: 203.0.113.10, interface: eth0 }\n  \
                          - { address: 198.51.100.10, interface: eth2 }\n";
const SECOND_FOR_SOME: &str = "name: t\nserver: { address: 198.51.100.10 }\n\
                               clients: [ 192.0.2.0/24 ]\npassive: { ports: 50000-51000 }\n";
const SECOND: &str = "name: t\nserver: { address: 198.51.100.10 }\n\
                      passive: { ports: 50000-51000 }\n";

/// A check, a profile, what is changed about the healthy host, and what it says then.
type Row = (&'static str, &'static str, fn(&mut Snapshot), Says);

const ROWS: &[Row] = &[
    // A host without IPv6 serves none, whatever the profile's clients are.
    ("FN209", ANYWHERE, ipv4_only, Silent),
    ("FN209", ANYWHERE, deaf_on_ipv6, Fires),
    // IPv4 forwards by the interface that a packet came in by; `ip_forward` only writes
    // those of all.
    ("FN206", DNAT, general_off, Silent),
    ("FN206", DNAT_SIDES, general_off, Silent),
    ("FN206", DNAT, one_way_off, Fires),
    ("FN206", DNAT_SIDES, one_way_off, Fires),
    // A gateway's answers come from the server: a rule for the outside address is for
    // the gateway's own.
    (
        "FN212",
        DNAT,
        |host| policy(host, "from 203.0.113.10"),
        Silent,
    ),
    ("FN212", DNAT, |host| policy(host, "from 10.77.0.21"), Fires),
    (
        "FN212",
        DNAT_SIDES,
        |host| policy(host, "from all iif eth1"),
        Fires,
    ),
    (
        "FN212",
        DNAT_SIDES,
        |host| policy(host, "from all iif eth0"),
        Silent,
    ),
    // By which interface answers come in is not said.
    (
        "FN212",
        DNAT,
        |host| policy(host, "from all iif eth1"),
        Open,
    ),
    (
        "FN212",
        OWN,
        |host| policy(host, "from all iif eth1"),
        Silent,
    ),
    ("FN212", DNAT_TWICE, second_outside, Fires),
    // Clients of one network may well live behind the other interface.
    ("FN212", SECOND, two_uplinks, Fires),
    ("FN212", SECOND_FOR_SOME, two_uplinks, Silent),
    // An address that is announced elsewhere says nothing of the way.
    ("FN212", SECOND, |host| stands_on(host, "lo"), Silent),
    ("FN212", SECOND, |host| stands_on(host, "dummy0"), Silent),
    // The accept names the server's address.
    (
        "FN208",
        OWN,
        |host| in_range(host, "01004D0A", JAVA),
        Silent,
    ),
    ("FN208", OWN, |host| in_range(host, "0A7100CB", JAVA), Fires),
    (
        "FN208",
        ANYWHERE,
        |host| in_range(host, "01004D0A", JAVA),
        Fires,
    ),
    // What stands behind systemd's socket is known where the profile says so.
    ("FN208", OWN, behind_systemd, Open),
    ("FN208", PROFTPD, behind_systemd, Fires),
    // A container's ports are published one by one.
    ("FN208", OWN, published, Silent),
    ("FN208", OWN, |host| in_range(host, ANY, DOCKER), Fires),
    (
        "FN208",
        OWN,
        |host| in_range(host, ANY, "900 in.ftpd /usr/sbin/in.ftpd"),
        Silent,
    ),
    // Only servers that the policy has a domain for are confined.
    ("FN214", LOW, enforcing, Fires),
    ("FN214", LOW, other_server, Silent),
    // Replies that announce another address: harmless where the range is open by itself.
    ("FN105", ANNOUNCED, |_| {}, Silent),
    (
        "FN105",
        ANNOUNCED,
        |host| filter(host, "-p tcp -m tcp --dport 50000:51000 -j DROP"),
        Fires,
    ),
    (
        "FN105",
        ANNOUNCED,
        |host| filter(host, "-p tcp -m tcp --dport 51001 -j DROP"),
        Silent,
    ),
    // A ban of one client is the administrator's will.
    (
        "FN105",
        ANNOUNCED,
        |host| filter(host, "-s 192.0.2.5/32 -j DROP"),
        Silent,
    ),
    (
        "FN105",
        ANNOUNCED,
        |host| filter(host, "! -s 192.0.2.0/24 -p tcp -j DROP"),
        Fires,
    ),
    (
        "FN105",
        ANNOUNCED,
        |host| {
            filter(
                host,
                "-p tcp -m tcp --dport 51000 -m limit --limit 1/sec -j DROP",
            );
        },
        Open,
    ),
    // Passive sessions pass a gateway of clients without it, and a server's own host.
    ("FN203", CLIENTS, no_rules, Silent),
    ("FN203", OWN_HELPED, no_rules, Silent),
    ("FN203", CLIENTS_ACTIVE, no_rules, Fires),
    // A kernel that assigns by itself goes by the server's port, not by the one called.
    ("FN203", CALLED_2121, by_itself, Silent),
    ("FN203", LISTENS_2121, by_itself, Fires),
    // By way of maps; and a rule for another port is not to blame.
    ("FN204", DNAT, |host| load(host, "helper-early-map"), Fires),
    (
        "FN204",
        DNAT,
        |host| load(host, "helper-early-other"),
        Silent,
    ),
    (
        "FN203",
        PLAIN_DNAT,
        |host| load(host, "helper-early-other"),
        Fires,
    ),
    // Source NAT finds the helper there, and adjusts.
    (
        "FN205",
        CLIENTS_ACTIVE,
        |host| load(host, "helper-before-snat"),
        Silent,
    ),
    // A symbol of the one helper with the other's name in it.
    (
        "FN202",
        DNAT,
        |host| built_in(host, "nf_nat_ftp_hook"),
        Open,
    ),
    (
        "FN202",
        DNAT,
        |host| built_in(host, "nf_nat_ftp_init"),
        Silent,
    ),
];

const CLIENTS: &str = "name: t\nnat:\n  mode: masquerade\n  external: { interface: eth0 }\n  \
                       internal: { interface: eth1, networks: [ 10.77.0.0/24 ] }\n";
const CLIENTS_ACTIVE: &str = "name: t\nactive: true\nnat:\n  mode: masquerade\n  \
                              external: { interface: eth0 }\n  \
                              internal: { interface: eth1, networks: [ 10.77.0.0/24 ] }\n";
const OWN_HELPED: &str = "name: t\npassive: { ports: 50000-51000 }\nhelper: always\n";
const CALLED_2121: &str = "name: t\nserver: { address: 10.77.0.21 }\n\
                           passive: { ports: 50000-51000 }\nnat:\n  mode: dnat\n  \
                           external: { address: 203.0.113.10, interface: eth0, port: 2121 }\n";
const LISTENS_2121: &str = "name: t\nserver: { address: 10.77.0.21 }\ncontrol: { port: 2121, tls: none }\n\
                            passive: { ports: 50000-51000 }\nnat:\n  mode: dnat\n  external: \
                            { address: 203.0.113.10, interface: eth0, port: 21 }\n";

fn no_rules(host: &mut Snapshot) {
    for name in ["asked:iptables-legacy-save", "asked:ip6tables-legacy-save"] {
        host.insert(name, State::Absent);
    }
}

fn by_itself(host: &mut Snapshot) {
    no_rules(host);
    set(host, "/proc/sys/net/netfilter/nf_conntrack_helper", "1\n");
}

const ANNOUNCED: &str = "name: t\nserver: { address: 10.77.0.21 }\n\
                         passive: { ports: 50000-51000, advertise: 203.0.113.10 }\n\
                         active: true\nhelper: always\nnat:\n  mode: dnat\n  \
                         external: { address: 203.0.113.10, interface: eth0 }\n";

/// A rule among what comes in for this host, in iptables-legacy.
fn filter(host: &mut Snapshot, rule: &str) {
    let name = "asked:iptables-legacy-save";
    let table = format!("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT {rule}\nCOMMIT\n");
    append(host, name, &table);
}

const JAVA: &str = "900 java /usr/bin/java";

fn text(host: &Snapshot, name: &str) -> String {
    host.text(name).unwrap_or_default().to_owned()
}

fn append(host: &mut Snapshot, name: &str, lines: &str) {
    let all = text(host, name) + lines;
    set(host, name, all);
}

fn ipv4_only(host: &mut Snapshot) {
    deaf_on_ipv6(host);
    set(
        host,
        "asked:addresses",
        "lo inet 127.0.0.1/8 scope host\neth0 inet 203.0.113.10/24 scope global\n\
         eth0 inet6 fe80::1/64 scope link\n",
    );
}

fn deaf_on_ipv6(host: &mut Snapshot) {
    set(host, "/proc/net/tcp6", HEAD);
}

fn general_off(host: &mut Snapshot) {
    set(host, "/proc/sys/net/ipv4/ip_forward", "0\n");
}

fn one_way_off(host: &mut Snapshot) {
    general_off(host);
    set(host, "/proc/sys/net/ipv4/conf/eth1/forwarding", "0\n");
}

/// A rule of policy by which packets leave by eth1.
fn policy(host: &mut Snapshot, selector: &str) {
    append(
        host,
        "asked:routes",
        "inet table 100 default via 10.77.0.254 dev eth1\n",
    );
    let rules = format!(
        "inet 100: {selector} lookup 100\n{}",
        text(host, "asked:rules")
    );
    set(host, "asked:rules", rules);
}

fn second_outside(host: &mut Snapshot) {
    append(
        host,
        "asked:addresses",
        "eth2 inet 198.51.100.10/24 scope global\n",
    );
    append(
        host,
        "asked:routes",
        "inet table main 198.51.100.0/24 dev eth2\n",
    );
}

fn stands_on(host: &mut Snapshot, interface: &str) {
    let line = format!("{interface} inet 198.51.100.10/32 scope global\n");
    append(host, "asked:addresses", &line);
}

fn behind_systemd(host: &mut Snapshot) {
    in_range(host, ANY, JAVA);
    hold_control(host, "1 systemd /usr/lib/systemd/systemd");
}

const DOCKER: &str = "901 docker-proxy /usr/bin/docker-proxy";

fn published(host: &mut Snapshot) {
    in_range(host, ANY, DOCKER);
    hold_control(host, "900 docker-proxy /usr/bin/docker-proxy");
}

fn hold_control(host: &mut Snapshot, owner: &str) {
    let owners = text(host, "asked:listeners").replace("700 proftpd /usr/sbin/proftpd", owner);
    set(host, "asked:listeners", owners);
}

fn enforcing(host: &mut Snapshot) {
    set(host, "/sys/fs/selinux/enforce", "1");
    set(
        host,
        "/sys/fs/selinux/booleans/ftpd_use_passive_mode",
        "0 0",
    );
}

fn other_server(host: &mut Snapshot) {
    enforcing(host);
    hold_control(host, "700 python3 /usr/bin/python3");
}

/// A kernel that tells only its symbols.
fn built_in(host: &mut Snapshot, symbol: &str) {
    for name in [
        "/proc/modules",
        "/boot/config-6.1.0-18-amd64",
        "/lib/modules/6.1.0-18-amd64/modules.dep",
        "/lib/modules/6.1.0-18-amd64/modules.builtin",
    ] {
        host.insert(name, State::Unreadable("Permission denied".to_owned()));
    }
    let line = format!("0000000000000000 T {symbol}\n0000000000000000 t nf_conntrack_ftp_init\n");
    set(host, "/proc/kallsyms", line);
}

#[test]
fn close_calls() {
    let mut faults = Vec::new();
    for (number, (id, profile, change, expected)) in ROWS.iter().enumerate() {
        let mut host = healthy();
        change(&mut host);
        let report = report(profile, host);
        let open = report.not_checked.iter().find(|n| n.id.to_string() == *id);
        let says = match (finding(&report, id), open) {
            (Some(_), _) => Fires,
            (None, Some(_)) => Open,
            (None, None) => Silent,
        };
        if says != *expected {
            faults.push(format!(
                "row {number}, {id}: {says:?}, not {expected:?}: {report:#?}"
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Root does not help where the process is in another namespace.
#[test]
fn a_listener_without_a_process() {
    let why = |status: &str| {
        let mut host = healthy();
        in_range(&mut host, ANY, JAVA);
        set(&mut host, "/proc/self/status", status);
        let owners = text(&host, "asked:listeners").replace("200 900", "999 900");
        set(&mut host, "asked:listeners", owners);
        let report = report(OWN, host);
        let open = report
            .not_checked
            .iter()
            .find(|n| n.id.to_string() == "FN208");
        open.map(|n| n.reason.clone()).unwrap_or_default()
    };
    assert!(why("Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0\n").ends_with("run as root"));
    let root = why("Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n");
    assert!(root.contains("another PID namespace"), "{root}");
}
