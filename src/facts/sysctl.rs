//! Sysctls of the running kernel, and the files that set them at boot.

use crate::model::net::PortRange;

use super::snapshot::Snapshot;
use super::sources::UFW_SYSCTLS;

/// The file of a sysctl such as `net.ipv4.ip_forward`. Interfaces may have dots in their
/// names: where the first separator is a slash, slashes are what separates (sysctl(8)),
/// as in [`key_of_interface`].
#[must_use]
pub fn path(key: &str) -> String {
    match key.find(['.', '/']) {
        Some(at) if key[at..].starts_with('/') => format!("/proc/sys/{key}"),
        _ => format!("/proc/sys/{}", key.replace('.', "/")),
    }
}

/// The name of an interface's sysctl, which sysctl(8) takes too: `ipv4` or `ipv6`,
/// interface, sysctl.
#[must_use]
pub fn key_of_interface(version: &str, interface: &str, name: &str) -> String {
    format!("net/{version}/conf/{interface}/{name}")
}

/// The file of an interface's sysctl: `ipv4` or `ipv6`, name, sysctl.
#[must_use]
pub fn of_interface(version: &str, interface: &str, name: &str) -> String {
    path(&key_of_interface(version, interface, name))
}

/// A number in a file of `/proc/sys`.
#[must_use]
pub fn number(snapshot: &Snapshot, path: &str) -> Option<u64> {
    snapshot.text(path)?.trim().parse().ok()
}

/// Two numbers, as `ip_local_port_range` has them.
#[must_use]
pub fn range(text: &str) -> Option<PortRange> {
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(last)), None) => PortRange::new(first, last),
        _ => None,
    }
}

/// A list of ports and ranges, as `ip_local_reserved_ports` has it; empty is none.
#[must_use]
pub fn list(text: &str) -> Option<Vec<PortRange>> {
    text.trim()
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            PortRange::new(first.trim().parse().ok()?, last.trim().parse().ok()?)
        })
        .collect()
}

/// A line of sysctl.conf(5) and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// `FILE:LINE`.
    pub place: String,
    /// The line.
    pub text: String,
    /// The value.
    pub value: String,
}

/// Folders in the order of precedence of sysctl.d(5): a file hides those of its name
/// in later ones, and all are read in the order of their names.
const FOLDERS: [&str; 4] = [
    "/etc/sysctl.d/",
    "/run/sysctl.d/",
    "/usr/lib/sysctl.d/",
    "/lib/sysctl.d/",
];

/// The line that has the last word about a sysctl at boot, as far as the files were
/// read. `key` with dots, also where an interface's name has some.
#[must_use]
pub fn at_boot(snapshot: &Snapshot, key: &str) -> Option<Set> {
    let mut files: Vec<(&str, &str, &str)> = Vec::new();
    for folder in FOLDERS {
        for (path, text) in snapshot.below(folder) {
            let name = path.rsplit('/').next().unwrap_or_default();
            if files.iter().all(|(known, ..)| *known != name) {
                files.push((name, path, text));
            }
        }
    }
    files.sort_unstable_by_key(|(name, ..)| *name);
    // procps reads /etc/sysctl.conf last; systemd reads it where a link leads to it.
    let last = ["/etc/sysctl.conf", UFW_SYSCTLS];
    let last = last
        .into_iter()
        .filter_map(|path| Some((path, snapshot.text(path)?)));
    let files = files
        .into_iter()
        .map(|(_, path, text)| (path, text))
        .chain(last);
    files
        .filter_map(|(path, text)| last_in(path, text, key))
        .next_back()
}

fn last_in(path: &str, text: &str, key: &str) -> Option<Set> {
    let of_line = |(index, line): (usize, &str)| {
        let line = line.trim();
        let (name, value) = line.split_once('=')?;
        let name = name.trim().trim_start_matches('-').replace('/', ".");
        (name == key && !line.starts_with(['#', ';'])).then(|| Set {
            place: format!("{path}:{}", index + 1),
            text: line.to_owned(),
            value: value.trim().to_owned(),
        })
    };
    text.lines().enumerate().filter_map(of_line).last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::snapshot::State;

    #[test]
    fn an_interface_may_have_dots_in_its_name() {
        let forward = "/proc/sys/net/ipv4/ip_forward";
        assert_eq!(path("net.ipv4.ip_forward"), forward);
        assert_eq!(path("net/ipv4/ip_forward"), forward);
        let of_vlan = "/proc/sys/net/ipv4/conf/eth0.7/forwarding";
        assert_eq!(of_interface("ipv4", "eth0.7", "forwarding"), of_vlan);
    }

    #[test]
    fn lists_of_ports() {
        let of = |text: &str| list(text).map(|all| all.iter().map(ToString::to_string).collect());
        assert_eq!(of("\n"), Some(Vec::<String>::new()));
        assert_eq!(
            of("8080,50000-51000\n"),
            Some(vec!["8080".into(), "50000-51000".into()])
        );
        assert_eq!(of("a"), None);
        assert_eq!(of("2-1"), None);
        assert_eq!(range("32768\t60999\n"), PortRange::new(32768, 60999));
        assert_eq!(range("1 2 3"), None);
    }

    #[test]
    fn the_last_word_at_boot() {
        let mut snapshot = Snapshot::default();
        let mut file = |path: &str, text: &str| {
            snapshot.insert(path, State::Held(text.to_owned()));
        };
        file("/usr/lib/sysctl.d/50-a.conf", "net.ipv4.ip_forward = 1\n");
        file("/usr/lib/sysctl.d/90-b.conf", "net.ipv4.ip_forward = 1\n");
        file(
            "/etc/sysctl.d/90-b.conf",
            "# hides the other\n\n-net/ipv4/ip_forward=0\n",
        );
        let set = at_boot(&snapshot, "net.ipv4.ip_forward").expect("set");
        assert_eq!(
            (set.place.as_str(), set.value.as_str()),
            ("/etc/sysctl.d/90-b.conf:3", "0")
        );
        snapshot.insert(
            "/etc/sysctl.conf",
            State::Held("net.ipv4.ip_forward=2\n".into()),
        );
        let set = at_boot(&snapshot, "net.ipv4.ip_forward").expect("set");
        assert_eq!(set.place, "/etc/sysctl.conf:1");
        assert_eq!(at_boot(&snapshot, "net.ipv4.ip_local_port_range"), None);
    }
}
