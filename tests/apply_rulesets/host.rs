//! A host with a ruleset of somebody's, and what is seen of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ftpnat::facts::Facts;
use ftpnat::facts::snapshot::Snapshot;
use ftpnat::profile::{self, Nat, Profile};
use ftpnat::ruleset::live::Ruleset;
use ftpnat::ruleset::live::recorded::ruleset;
use ftpnat::sys::collect::{self, About};
use ftpnat::sys::ruleset::{read_with_generation, record_into};
use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::support::netns::{Namespace, succeed};
use crate::support::{self, BackEnd, Run};

/// A host with eth0 to the outside and eth1 to the inside, a client beyond a router, and
/// the server behind.
pub(crate) struct Host {
    /// Whose rules are changed.
    pub(crate) namespace: Namespace,
    /// On the Internet, 192.0.2.77.
    pub(crate) client: Namespace,
    /// Where the server is: behind the gateway, or the host itself.
    pub(crate) server: Namespace,
    /// The host's address that clients call.
    pub(crate) called: IpAddr,
    /// The state directory.
    pub(crate) state: PathBuf,
    /// What eth1 leads to: without it, the interface is gone.
    _inside: Namespace,
    dir: TempDir,
}

/// The client's address.
pub(crate) const CLIENT: &str = "192.0.2.77";

impl Host {
    /// The host that a profile is for, without any rule.
    pub(crate) fn new(profile: &Profile) -> Self {
        let dir = support::directory();
        let new = |name| Namespace::new(name, dir.path());
        let (host, client, inside) = (new("host"), new("client"), new("inside"));
        for (interface, peer) in [("eth0", &client), ("eth1", &inside)] {
            // nsenter's path is that of this process: `ip` runs as its child.
            host.ip(&format!(
                "link add {interface} type veth peer name eth0 netns {}",
                peer.path()
            ));
            host.ip(&format!("link set {interface} up"));
            peer.ip("link set eth0 up");
        }
        let forwards = matches!(profile.nat, Nat::Dnat { .. } | Nat::Masquerade { .. });
        let (called, router) = match profile.nat {
            Nat::None => ("203.0.113.10", "203.0.113.1"),
            Nat::Upstream { .. } => ("10.77.0.21", "10.77.0.1"),
            Nat::Dnat { .. } | Nat::Masquerade { .. } => ("198.51.100.1", "198.51.100.254"),
        };
        host.ip(&format!(
            "addr add {called}/24 dev eth0\naddr add 2001:db8:113::10/64 dev eth0\n\
             route add default via {router}\nroute add default via 2001:db8:113::1"
        ));
        client.ip(&format!(
            "addr add {router}/32 dev eth0\naddr add {CLIENT}/32 dev lo\n\
             route add {called}/32 dev eth0 src {CLIENT}"
        ));
        if forwards {
            host.ip("addr add 10.77.0.1/24 dev eth1\naddr add 2001:db8:77::1/64 dev eth1");
            inside.ip("addr add 10.77.0.21/24 dev eth0\nroute add default via 10.77.0.1");
            host.sysctl("net.ipv4.ip_forward", "1");
            host.sysctl("net.ipv6.conf.all.forwarding", "1");
        }
        Self {
            server: if forwards {
                inside.clone()
            } else {
                host.clone()
            },
            _inside: inside,
            namespace: host,
            client,
            called: called.parse().expect("an address"),
            state: dir.path().join("state"),
            dir,
        }
    }

    /// Loads a text by a program with its arguments.
    ///
    /// # Panics
    /// Where the program does not take it.
    pub(crate) fn load(&self, line: &str, text: &str) {
        feed(&self.namespace, line, text);
    }

    /// Another namespace, empty.
    pub(crate) fn another(&self) -> Namespace {
        Namespace::new("another", self.dir.path())
    }

    /// Runs `ftpnat` here, with this host's state directory.
    pub(crate) fn ftpnat(&self, line: &[&str], input: &str) -> Run {
        let state = self.state.to_string_lossy();
        let arguments = [line, &["--state-dir", &state]].concat();
        support::ftpnat_beside(BackEnd::Nft, &self.namespace, &arguments, input)
    }

    /// The same, where it must succeed.
    pub(crate) fn done(&self, line: &[&str], input: &str) -> Result<Run, Failed> {
        let run = self.ftpnat(line, input);
        if run.status == 0 {
            Ok(run)
        } else {
            Err(format!("{line:?}: {run:?}").into())
        }
    }

    /// Profiles as files.
    pub(crate) fn files(&self, texts: &[&str]) -> Vec<String> {
        let write = |(number, text): (usize, &&str)| {
            let file = self.dir.path().join(format!("profile-{number}.yaml"));
            fs::write(&file, text).expect("a profile");
            file.to_string_lossy().into_owned()
        };
        texts.iter().enumerate().map(write).collect()
    }

    /// What is known of it, and its rules.
    pub(crate) fn read(&self) -> (Facts, Ruleset) {
        let snapshot: Snapshot = self.namespace.inside(|| {
            let mut snapshot = collect::snapshot(About::Everything);
            record_into(&mut snapshot, true);
            snapshot
        });
        let ruleset = ruleset(&snapshot);
        (Facts::of(snapshot), ruleset)
    }

    /// The generation of `nf_tables`: every commit is one more.
    pub(crate) fn generation(&self) -> Option<u32> {
        self.namespace
            .inside(|| read_with_generation(&Snapshot::default(), false).1)
    }

    /// Everything that must be as before.
    pub(crate) fn seen(&self) -> Seen {
        let mut listings = vec![(NFT, uncounted(&self.namespace.run(NFT)))];
        for line in SAVES {
            listings.push((line, uncounted(&self.namespace.run(line))));
        }
        let sysctls = self.namespace.inside(sysctls);
        let mut state = Vec::new();
        files(&self.state, &mut state);
        Seen {
            listings,
            sysctls,
            state,
        }
    }
}

/// The listing with handles.
const NFT: &str = "nft -a list ruleset";

/// Every program that saves.
pub(crate) const SAVES: [&str; 4] = [
    "iptables-nft-save",
    "ip6tables-nft-save",
    "iptables-legacy-save",
    "ip6tables-legacy-save",
];

/// Loads a text by a program with its arguments.
///
/// # Panics
/// Where the program does not take it.
pub(crate) fn feed(namespace: &Namespace, line: &str, text: &str) {
    let mut words = line.split(' ');
    let program = words.next().expect("a program");
    let arguments: Vec<&str> = words.collect();
    succeed(line, &namespace.feed(program, &arguments, text));
}

/// A profile of this repository, with its text.
pub(crate) fn read_profile(name: &str) -> Result<(String, Profile), Failed> {
    let file = format!("profiles/{name}.yaml");
    let yaml = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file))?;
    let profile = profile::parse(&file, yaml.as_bytes()).map_err(|e| e.render(false))?;
    Ok((yaml, profile))
}

/// A host at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// What each program lists.
    pub(crate) listings: Vec<(&'static str, String)>,
    sysctls: BTreeMap<PathBuf, String>,
    state: Vec<PathBuf>,
}

impl Seen {
    /// What a program lists.
    pub(crate) fn listing(&self, line: &str) -> &str {
        let found = self.listings.iter().find(|(of, _)| *of == line);
        found.map_or("", |(_, text)| text)
    }

    /// Says what differs later.
    pub(crate) fn is_as(&self, later: &Self, when: &str) -> Result<(), Failed> {
        let mut fault = String::new();
        for ((line, before), (_, after)) in self.listings.iter().zip(&later.listings) {
            let after = &if line.contains("legacy") {
                without_new_empty(before, after)
            } else {
                after.clone()
            };
            for (sign, line) in differing(before, after) {
                let _ = writeln!(fault, "  {sign} {line}");
            }
            if before != after {
                let _ = writeln!(fault, "in {line}");
            }
        }
        for (path, value) in &self.sysctls {
            let now = later.sysctls.get(path);
            if now != Some(value) {
                let _ = writeln!(fault, "{}: {value:?}, now {now:?}", path.display());
            }
        }
        for path in later.state.iter().filter(|path| !self.state.contains(path)) {
            let _ = writeln!(fault, "{} is left", path.display());
        }
        if fault.is_empty() {
            Ok(())
        } else {
            Err(format!("{when}, this differs:\n{fault}").into())
        }
    }
}

/// A save of iptables-legacy without empty tables that were not there before: once in force,
/// nothing but unloading their modules takes them away.
fn without_new_empty(before: &str, after: &str) -> String {
    let is_left = |table: &&str| {
        let mut lines = table.lines();
        let name = lines.next().unwrap_or_default();
        let is_empty = lines.all(|line| line.ends_with(" ACCEPT") || line == "COMMIT");
        before.lines().any(|line| line == name) || !is_empty
    };
    after.split_inclusive("COMMIT\n").filter(is_left).collect()
}

/// Lines that only one of two texts has.
pub(crate) fn differing<'a>(before: &'a str, after: &'a str) -> Vec<(char, &'a str)> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let gone = old.iter().filter(|l| !new.contains(l)).map(|l| ('-', *l));
    let come = new.iter().filter(|l| !old.contains(l)).map(|l| ('+', *l));
    gone.chain(come).collect()
}

/// A listing without what packets counted, and without the time that elements have left:
/// neighbours are discovered meanwhile.
pub(crate) fn uncounted(text: &str) -> String {
    let mut plain = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(chain) = line.strip_prefix(':') {
            // `:INPUT DROP [12:345]`
            let _ = writeln!(plain, ":{}", chain.split(" [").next().unwrap_or(chain));
            continue;
        }
        let mut counts = 0;
        let words: Vec<&str> = line
            .split(' ')
            .map(|word| {
                let shown = if counts > 0 && word.bytes().all(|b| b.is_ascii_digit()) {
                    "N"
                } else {
                    word
                };
                counts = match word {
                    "packets" | "bytes" | "used" | "expires" => 1,
                    _ => 0,
                };
                shown
            })
            .collect();
        let mut line = words.join(" ");
        // `expires 1h2m3s4ms`
        while let Some(at) = line.find(" expires ") {
            let end = line[at + 9..]
                .find([' ', ','])
                .map_or(line.len(), |end| at + 9 + end);
            line.replace_range(at..end, "");
        }
        plain.push_str(&line);
        plain.push('\n');
    }
    plain
}

/// Settings that change by themselves, or tell nothing twice.
const RESTLESS: [&str; 4] = [
    "nf_conntrack_count",
    "stable_secret",
    "flush",
    "fastopen_key",
];

fn sysctls() -> BTreeMap<PathBuf, String> {
    let mut paths = Vec::new();
    for folder in ["ipv4", "ipv6", "netfilter"] {
        files(&Path::new("/proc/sys/net").join(folder), &mut paths);
    }
    let is_calm = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        !RESTLESS.iter().any(|word| name.contains(word))
    };
    paths
        .into_iter()
        .filter(is_calm)
        .filter_map(|path| fs::read_to_string(&path).ok().map(|value| (path, value)))
        .collect()
}

/// Every file below a folder; none where that is not there.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            found.push(path.clone());
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}
