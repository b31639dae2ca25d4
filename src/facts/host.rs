//! Smaller facts: who looks, from where, and what else is on the host.

use super::snapshot::Snapshot;
use super::sources::Asked;

/// Effective capabilities and user of who looked (`/proc/self/status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Privileges {
    /// The effective user.
    pub uid: u32,
    capabilities: u64,
}

/// `CAP_NET_ADMIN` and `CAP_SYS_PTRACE` (capability.h).
const NET_ADMIN: u32 = 12;
const SYS_PTRACE: u32 = 19;

impl Privileges {
    /// From the lines `Uid:` and `CapEff:` (proc(5)).
    #[must_use]
    pub fn parse(status: &str) -> Option<Self> {
        let field = |name: &str, at: usize| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .and_then(|rest| rest.split_whitespace().nth(at))
        };
        Some(Self {
            uid: field("Uid:", 1)?.parse().ok()?,
            capabilities: u64::from_str_radix(field("CapEff:", 0)?, 16).ok()?,
        })
    }

    /// Whether firewall and network may be changed.
    #[must_use]
    pub fn net_admin(&self) -> bool {
        self.capabilities & (1 << NET_ADMIN) != 0
    }

    /// Whether every process can be looked into.
    #[must_use]
    pub fn sees_processes(&self) -> bool {
        self.capabilities & (1 << SYS_PTRACE) != 0
    }
}

/// What kind of container this is, in words; `None` where nothing says that it is
/// one. Absence of a sign proves nothing.
#[must_use]
pub fn container(snapshot: &Snapshot) -> Option<String> {
    let systemd = snapshot.text("/run/systemd/container").map(str::trim);
    if snapshot.text("/.dockerenv").is_some() {
        return Some("a Docker container".to_owned());
    }
    if snapshot.text("/run/.containerenv").is_some() {
        return Some("a Podman container".to_owned());
    }
    match systemd {
        Some(name) if !name.is_empty() => Some(format!("a container ({name})")),
        _ => other_namespaces(snapshot),
    }
}

/// Whether this is another network namespace than the host's; where that is not known, it
/// is not.
#[must_use]
pub fn is_other_network(snapshot: &Snapshot) -> bool {
    let text = snapshot.text(&Asked::Namespaces.to_string());
    text.is_some_and(|text| text.lines().any(|line| line == "net other"))
}

fn other_namespaces(snapshot: &Snapshot) -> Option<String> {
    let text = snapshot.text(&Asked::Namespaces.to_string())?;
    let has = |line: &str| text.lines().any(|l| l == line);
    if has("user other") {
        Some("a user namespace".to_owned())
    } else if has("net other") {
        Some("a network namespace beside the host's".to_owned())
    } else {
        None
    }
}

/// Sums of the counters of `/proc/net/stat/nf_conntrack`, one row a processor, in
/// hexadecimal, under a line of names.
#[must_use]
pub fn conntrack_counter(stat: &str, name: &str) -> Option<u64> {
    let mut lines = stat.lines();
    let column = lines.next()?.split_whitespace().position(|n| n == name)?;
    lines.try_fold(0_u64, |sum, line| {
        let value = line.split_whitespace().nth(column)?;
        Some(sum.saturating_add(u64::from_str_radix(value, 16).ok()?))
    })
}

/// Firewall programs and managers in words, such as `iptables (nf_tables)`.
#[must_use]
pub fn firewalls(snapshot: &Snapshot) -> Vec<String> {
    let programs = snapshot
        .text(&Asked::Programs.to_string())
        .unwrap_or_default();
    let running = snapshot
        .text(&Asked::Running.to_string())
        .unwrap_or_default();
    let mut found: Vec<String> = programs.lines().filter_map(program).collect();
    let daemon = |name: &str| running.lines().any(|l| l.split(' ').next() == Some(name));
    for (process, words) in DAEMONS {
        if daemon(process) {
            found.push((*words).to_owned());
        }
    }
    if snapshot.text("/etc/ufw/ufw.conf").map(str::trim) == Some("ENABLED=yes") {
        found.push("ufw enabled".to_owned());
    }
    found.dedup();
    found
}

/// Processes of firewall managers, and their words.
const DAEMONS: &[(&str, &str)] = &[
    ("firewalld", "firewalld running"),
    ("dockerd", "Docker running"),
    ("kube-proxy", "kube-proxy running"),
    ("fail2ban-server", "fail2ban running"),
];

/// `NAME PATH REALPATH`: both back ends of iptables are one program each, by links
/// (`xtables-nft-multi`, `xtables-legacy-multi`).
fn program(line: &str) -> Option<String> {
    let mut words = line.split(' ');
    let (name, _, target) = (words.next()?, words.next()?, words.next()?);
    match name {
        "nft" => Some("nft".to_owned()),
        "iptables" if target.contains("nft") => Some("iptables (nf_tables)".to_owned()),
        "iptables" => Some("iptables (legacy)".to_owned()),
        "iptables-nft" | "iptables-legacy" => Some(name.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::snapshot::State;

    #[test]
    fn privileges_of_who_looks() {
        let root =
            Privileges::parse("Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n").expect("read");
        assert!(root.net_admin() && root.sees_processes());
        let user = Privileges::parse("Uid:\t1000\t1000\t0\t0\nCapEff:\t0000000000000000\n");
        let user = user.expect("read");
        assert!(!user.net_admin() && user.uid == 1000);
        assert_eq!(Privileges::parse("Uid:\t0\n"), None);
    }

    #[test]
    fn counters_are_hexadecimal_and_summed() {
        let stat = "entries  clashres drop early_drop\n0000000a  00000000 0000000f 00000001\n\
                    0000000a  00000000 00000001 00000000\n";
        assert_eq!(conntrack_counter(stat, "drop"), Some(16));
        assert_eq!(conntrack_counter(stat, "none"), None);
        assert_eq!(conntrack_counter("drop\nx\n", "drop"), None);
    }

    #[test]
    fn signs_of_a_container_and_of_firewalls() {
        let mut snapshot = Snapshot::default();
        assert_eq!(container(&snapshot), None);
        snapshot.insert(
            "asked:namespaces",
            State::Held("user initial\nnet other\n".into()),
        );
        assert!(container(&snapshot).is_some_and(|c| c.contains("network namespace")));
        snapshot.insert("/.dockerenv", State::Held(String::new()));
        assert_eq!(container(&snapshot).as_deref(), Some("a Docker container"));
        let programs = "nft /usr/sbin/nft /usr/sbin/nft\n\
                        iptables /usr/sbin/iptables /usr/sbin/xtables-legacy-multi\n";
        snapshot.insert("asked:programs", State::Held(programs.into()));
        snapshot.insert("asked:running", State::Held("firewalld 700\n".into()));
        assert_eq!(
            firewalls(&snapshot),
            ["nft", "iptables (legacy)", "firewalld running"]
        );
    }
}
