//! Processes: whose the listening sockets are, which firewall managers run; and the
//! firewall programs that are installed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use procfs::process::{FDTarget, Process, all_processes};

use crate::facts::keep::Keep;

/// What was seen of the processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// `INODE PID NAME PROGRAM` a line: who holds a listening socket.
    pub listeners: String,
    /// `NAME PID` a line: daemons that matter to a firewall.
    pub running: String,
}

/// Names of daemons as `/proc/PID/comm` has them, at most 15 bytes.
const DAEMONS: [&str; 10] = [
    "firewalld",
    "dockerd",
    "containerd",
    "kube-proxy",
    "fail2ban-server",
    "NetworkManager",
    "proftpd",
    "vsftpd",
    "pure-ftpd",
    "filezilla-serve",
];

/// Programs that read or write rules.
const PROGRAMS: [&str; 18] = [
    "nft",
    "iptables",
    "iptables-nft",
    "iptables-legacy",
    "iptables-save",
    "ip6tables",
    "ip6tables-nft",
    "ip6tables-legacy",
    "ufw",
    "firewall-cmd",
    "shorewall",
    "ferm",
    "firehol",
    "fail2ban-client",
    "dockerd",
    "podman",
    "kube-proxy",
    "conntrack",
];

/// Where a user's `PATH` may not lead.
const FOLDERS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/usr/local/bin",
    "/usr/bin",
    "/bin",
];

/// Walks `/proc` once. `tables`: the text of `/proc/net/tcp` and `tcp6`, of which only
/// the listening sockets are looked for. A process that ends meanwhile, or that may
/// not be looked into, is left out.
#[must_use]
pub fn look(tables: &[&str]) -> Seen {
    let mut wanted: BTreeSet<u64> = tables.iter().flat_map(|table| inodes(table)).collect();
    let mut seen = Seen::default();
    let Ok(processes) = all_processes() else {
        return seen;
    };
    for process in processes.flatten() {
        look_into(&process, &mut wanted, &mut seen);
    }
    seen
}

/// `/proc/net/tcp` and `tcp6` of this thread's network namespace, whole; empty where there
/// is none.
#[must_use]
pub fn sockets() -> [String; 2] {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/thread-self/net/{name}"));
    ["tcp", "tcp6"].map(|name| read(name).unwrap_or_default())
}

/// `INODE PID NAME PROGRAM` a line: who holds a listening socket of these tables.
#[must_use]
pub fn listeners(tables: &[String; 2]) -> String {
    let listening = tables.each_ref().map(|text| Keep::Listening.of(text));
    look(&listening.each_ref().map(String::as_str)).listeners
}

fn look_into(process: &Process, wanted: &mut BTreeSet<u64>, seen: &mut Seen) {
    let comm = || std::fs::read_to_string(format!("/proc/{}/comm", process.pid));
    let name = comm()
        .map(|name| one_line(name.trim_end()))
        .unwrap_or_default();
    if DAEMONS.contains(&name.as_str()) {
        let _ = writeln!(seen.running, "{name} {}", process.pid);
    }
    if wanted.is_empty() {
        return;
    }
    let Ok(files) = process.fd() else { return };
    for file in files.flatten() {
        let FDTarget::Socket(inode) = file.target else {
            continue;
        };
        if wanted.remove(&inode) {
            let program = process.exe().map(|path| one_line(&path.to_string_lossy()));
            let program = program.unwrap_or_else(|_| "-".to_owned()).replace(' ', "_");
            let _ = writeln!(seen.listeners, "{inode} {} {name} {program}", process.pid);
        }
    }
}

/// A process names itself as it likes.
fn one_line(name: &str) -> String {
    name.replace(char::is_control, "?")
}

/// The tenth field of each line of a table of sockets.
fn inodes(table: &str) -> Vec<u64> {
    table
        .lines()
        .filter_map(|line| line.split_whitespace().nth(9)?.parse().ok())
        .collect()
}

/// `NAME PATH REALPATH` a line, for each program that is installed.
#[must_use]
pub fn programs() -> String {
    let search = std::env::var("PATH").unwrap_or_default();
    let folders: Vec<&str> = search.split(':').chain(FOLDERS).collect();
    let mut found = String::new();
    for name in PROGRAMS {
        let path = folders
            .iter()
            .filter(|folder| folder.starts_with('/'))
            .map(|folder| Path::new(folder).join(name))
            .find(|path| path.is_file());
        if let Some(path) = path {
            let target = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            let _ = writeln!(found, "{name} {} {}", shown(&path), shown(&target));
        }
    }
    found
}

fn shown(path: &Path) -> String {
    one_line(&path.to_string_lossy()).replace(' ', "_")
}

/// `user initial` where every user of the host exists here (`user_namespaces(7)`), and
/// whether the network namespace is that of process 1.
#[must_use]
pub fn namespaces() -> String {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let words: Vec<&str> = map.split_whitespace().collect();
    let user = match words[..] {
        ["0", "0", "4294967295"] => "initial",
        _ => "other",
    };
    let of = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net"));
    let net = match (of("thread-self"), of("1")) {
        (Ok(own), Ok(first)) if own == first => "host",
        (Ok(_), Ok(_)) => "other",
        _ => "unknown",
    };
    format!("user {user}\nnet {net}\n")
}
