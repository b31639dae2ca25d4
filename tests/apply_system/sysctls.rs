//! Sysctls of a network namespace, there and back.

use std::collections::BTreeMap;
use std::fs;

use ftpnat::apply::perform::{set_sysctls, take_back};
use ftpnat::apply::record::Changed;
use ftpnat::apply::system::{SysctlStep, SystemChange, Wanted, change};
use ftpnat::facts::Facts;
use ftpnat::profile::{Profile, parse};
use ftpnat::sys::collect;
use ftpnat::sys::sysctls::{SysctlError, read, write};
use libtest_mimic::Trial;

use crate::support::{self, command, netns::Namespace};
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("sysctls/there-and-back", there_and_back),
        trial("sysctls/interfaces-by-themselves", interfaces_by_themselves),
        trial("sysctls/others-change-the-list", others_change_the_list),
        trial("sysctls/outgoing-connections", outgoing_connections),
        trial("sysctls/a-step-fails", a_step_fails),
        trial("sysctls/what-the-kernel-keeps", what_the_kernel_keeps),
        trial("sysctls/read-only", read_only),
    ]
}

const RESERVED: &str = "net.ipv4.ip_local_reserved_ports";

pub(crate) fn gateway() -> Profile {
    profile(
        "name: gateway\nserver: { address: [10.77.0.21, \"2001:db8:77::21\"] }\n\
         passive: { ports: 50000-51000 }\n\
         nat:\n  mode: dnat\n  external: { address: 198.51.100.1, interface: eth0 }\n  \
         internal: { interface: eth1, networks: 10.77.0.0/24 }\n",
    )
}

fn own(name: &str, ports: &str) -> Profile {
    profile(&format!("name: {name}\npassive: {{ ports: {ports} }}\n"))
}

fn profile(text: &str) -> Profile {
    parse("p.yaml", text.as_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

/// A host with two interfaces and their neighbours.
pub(crate) fn host() -> (Namespace, tempfile::TempDir) {
    let dir = support::directory();
    let host = Namespace::new("host", dir.path());
    host.ip("link add eth0 type veth peer name out\n\
         link add eth1 type veth peer name in\n\
         link set eth0 up\nlink set eth1 up\nlink set out up\nlink set in up\n");
    (host, dir)
}

/// The change in the calling thread's namespace.
pub(crate) fn planned(profiles: &[Profile], made: &Changed) -> SystemChange {
    let facts = Facts::of(collect::snapshot(collect::About::Everything));
    let wanted = Wanted {
        profiles,
        plan: &ftpnat::plan::plan(profiles, &facts),
        modules_elsewhere: &[],
    };
    change(&wanted, &facts, made)
}

/// Makes the change in the calling thread's namespace; again is no change.
pub(crate) fn serve(profiles: &[Profile], made: &Changed) -> Changed {
    let change = planned(profiles, made);
    assert_eq!(change.obstacles, [""; 0]);
    set_sysctls(&change.sysctls).expect("the sysctls set");
    let made = change.recorded(&[]);
    assert_eq!(planned(profiles, &made).sysctls, []);
    made
}

/// Every sysctl of routing and of ports, by its path.
pub(crate) fn all() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for version in ["ipv4", "ipv6"] {
        let mut folders = vec![format!("/proc/sys/net/{version}")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a directory of sysctls") {
                let entry = entry.expect("an entry");
                let path = entry.path().to_string_lossy().into_owned();
                if entry.file_type().expect("a type").is_dir() {
                    folders.push(path);
                } else if let Ok(text) = fs::read_to_string(&path) {
                    found.insert(path, text);
                }
            }
        }
    }
    // It counts by itself.
    found.retain(|path, _| !path.ends_with("/fib_multipath_hash_seed"));
    assert!(found.len() > 200, "sysctls were found: {}", found.len());
    found
}

/// Sysctls are what they were.
pub(crate) fn assert_same(now: &BTreeMap<String, String>, before: &BTreeMap<String, String>) {
    let paths = now.keys().chain(before.keys());
    let differ: BTreeMap<_, _> = paths
        .map(|path| (path, (before.get(path), now.get(path))))
        .filter(|(_, (before, now))| before != now)
        .collect();
    assert!(differ.is_empty(), "before and now: {differ:#?}");
}

fn there_and_back() {
    let (host, _dir) = host();
    host.inside(|| {
        write("net.ipv4.conf.all.accept_redirects", "0").expect("written");
        write(RESERVED, "8080,50500-50600").expect("written");
        let before = all();
        let made = serve(&[gateway(), own("own", "50550-50700")], &Changed::default());
        for (key, value) in [
            ("net.ipv4.ip_forward", "1"),
            ("net.ipv6.conf.all.forwarding", "1"),
            (RESERVED, "8080,50500-50700"),
        ] {
            assert_eq!(read(key).expect("read"), value, "{key}");
        }
        assert!(all() != before);
        serve(&[], &made);
        assert_same(&all(), &before);
    });
}

/// The general switch overwrites what interfaces have by themselves, both ways.
fn interfaces_by_themselves() {
    let (host, _dir) = host();
    host.inside(|| {
        for key in [
            "net/ipv4/conf/eth1/forwarding",
            "net/ipv4/conf/default/forwarding",
            "net/ipv6/conf/eth0/forwarding",
        ] {
            write(key, "1").expect("written");
        }
        let before = all();
        let made = serve(&[gateway()], &Changed::default());
        assert_eq!(read("net.ipv4.ip_forward").expect("read"), "1");
        serve(&[], &made);
        assert_same(&all(), &before);
        // Both ways named by the profile forward by themselves: IPv4 needs nothing.
        write("net/ipv4/conf/eth0/forwarding", "1").expect("written");
        let change = planned(&[gateway()], &Changed::default());
        let keys: Vec<&str> = change.sysctls.iter().map(|s| s.key.as_str()).collect();
        assert_eq!(keys, ["net.ipv6.conf.all.forwarding"]);
        // Half done and taken back.
        let before = all();
        set_sysctls(&change.sysctls).expect("set");
        assert!(all() != before);
        assert!(take_back(&change.sysctls).is_empty());
        assert_same(&all(), &before);
    });
}

fn others_change_the_list() {
    let (host, _dir) = host();
    host.inside(|| {
        write(RESERVED, "8080").expect("written");
        let all = [own("a", "50000-50100"), own("b", "50090-50200")];
        let made = serve(&all, &Changed::default());
        assert_eq!(read(RESERVED).expect("read"), "8080,50000-50200");
        // Somebody takes one of theirs out and puts another in, beside ours.
        write(RESERVED, "9090,49990-50200").expect("written");
        let made = serve(&all[1..], &made);
        assert_eq!(
            read(RESERVED).expect("read"),
            "9090,49990-49999,50090-50200"
        );
        serve(&[], &made);
        assert_eq!(read(RESERVED).expect("read"), "9090,49990-49999");
    });
}

/// What the list is for: with all but the range reserved, a connection that leaves finds no
/// port; and before it takes one of the range.
fn outgoing_connections() {
    let (host, _dir) = host();
    host.inside(|| {
        fs::write("/proc/sys/net/ipv4/ip_local_port_range", "50000 50001").expect("written");
        let port = || {
            let server = std::net::TcpListener::bind("127.0.0.1:2121").expect("a server");
            let client = std::net::TcpStream::connect("127.0.0.1:2121");
            drop(server);
            client.and_then(|c| c.local_addr()).map(|a| a.port())
        };
        assert!((50000..=50001).contains(&port().expect("a port")));
        let made = serve(&[own("own", "50000-50010")], &Changed::default());
        let none = port().expect_err("no port is left");
        assert_eq!(none.kind(), std::io::ErrorKind::AddrNotAvailable);
        serve(&[], &made);
        port().expect("a port again");
    });
}

fn step(key: &str, from: &str, to: &str) -> SysctlStep {
    SysctlStep {
        key: key.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        why: String::new(),
        overwrites: Vec::new(),
        then: Vec::new(),
    }
}

fn a_step_fails() {
    let (host, _dir) = host();
    host.inside(|| {
        let before = all();
        let mut steps = planned(&[gateway()], &Changed::default()).sysctls;
        assert_eq!(steps.len(), 2);
        steps.push(step("net.ipv4.no_such_sysctl", "0", "1"));
        let error = set_sysctls(&steps).expect_err("there is no such sysctl");
        assert!(error.left.is_empty(), "{:?}", error.left);
        let words = error.source.to_string();
        assert!(
            words.contains("/proc/sys/net/ipv4/no_such_sysctl"),
            "{words}"
        );
        assert_same(&all(), &before);
    });
}

/// A value that the kernel takes and does not have afterwards is a fault, and taken back.
fn what_the_kernel_keeps() {
    let (host, _dir) = host();
    host.inside(|| {
        let before = all();
        let steps = [
            step("net.ipv4.ip_forward", "0", "1 "),
            step(RESERVED, "", "2,1"),
        ];
        let error = set_sysctls(&steps[..1]).expect_err("another value");
        assert!(
            matches!(error.source, SysctlError::NotTaken { .. }),
            "{error:?}"
        );
        assert!(error.left.is_empty(), "{:?}", error.left);
        assert_same(&all(), &before);
        let error = set_sysctls(&steps[1..]).expect_err("it is sorted");
        assert!(
            matches!(error.source, SysctlError::NotTaken { .. }),
            "{error:?}"
        );
        assert_same(&all(), &before);
    });
}

/// As in a container.
fn read_only() {
    let (host, _dir) = host();
    host.inside(|| {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        for line in [
            "--make-rprivate /",
            "--bind /proc/sys /proc/sys",
            "-o remount,bind,ro /proc/sys",
        ] {
            let status = command("mount").args(line.split(' ')).status();
            assert!(status.expect("mount").success(), "mount {line}");
        }
        let error = set_sysctls(&planned(&[gateway()], &Changed::default()).sysctls);
        let error = error.expect_err("read-only");
        assert!(error.left.is_empty(), "{:?}", error.left);
        let words = error.source.to_string();
        assert!(words.contains("/proc/sys/net/ipv4/ip_forward"), "{words}");
        assert!(words.contains("--sysctl"), "{words}");
    });
}
