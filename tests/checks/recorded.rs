//! Hosts that were recorded: what `check` prints for them, whole, for people and for
//! programs. Where each comes from stands in its ORIGIN.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder in tests/data/snapshots, the profile, and the exit status.
const HOSTS: &[(&str, &str, i32)] = &[
    ("builtin-kernel", "profiles/legacy-active.yaml", 3),
    ("centos6-old-names", "profiles/legacy-active.yaml", 3),
    ("debian12-gateway", "profiles/legacy-active.yaml", 1),
    ("debian12-helper-by-rule", "profiles/legacy-active.yaml", 1),
    ("debian12-helper-loaded", "profiles/legacy-active.yaml", 3),
    ("debian12-hidepid", "profiles/own-firewall.yaml", 3),
    ("debian12-modules", "profiles/own-firewall.yaml", 3),
    (
        "debian12-modules-disabled",
        "profiles/legacy-active.yaml",
        1,
    ),
    ("debian12-no-conntrack", "profiles/own-firewall.yaml", 3),
    ("debian12-replaced", "profiles/legacy-active.yaml", 1),
    ("debian12-ufw", "profiles/own-firewall.yaml", 0),
    ("docker-container", "profiles/own-firewall.yaml", 3),
    ("docker-host", "profiles/own-firewall.yaml", 3),
    ("firewalld-issue-1049", "profiles/own-firewall.yaml", 3),
    ("openwrt-no-config", "profiles/legacy-active.yaml", 3),
    ("probe-both-work", "profiles/legacy-active.yaml", 3),
    ("probe-nat-missing", "profiles/legacy-active.yaml", 1),
    ("probe-ports-2121", "profiles/legacy-active.yaml", 1),
    (
        "rhel9-firewalld-selinux",
        "tests/data/check-profiles/own-low-range.yaml",
        1,
    ),
    ("ubuntu2204-helper-off", "profiles/legacy-active.yaml", 3),
    ("ubuntu2204-helper-on", "profiles/legacy-active.yaml", 3),
    ("ubuntu2404-ufw", "profiles/own-firewall.yaml", 3),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn folder(host: &str) -> PathBuf {
    root().join("tests/data/snapshots").join(host)
}

/// Runs `check` on a recorded host, from another directory than the last time.
fn check(host: &str, profile: &str, format: &str, from: &Path) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ftpnat"))
        .current_dir(from)
        .args(["check", "--output", format, "--snapshot"])
        .arg(folder(host))
        .args(["--profile", profile])
        .env_remove("CLICOLOR_FORCE")
        .output()
        .expect("ftpnat runs");
    assert_eq!(output.stderr, b"", "{host}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.code().expect("no signal"), text)
}

#[test]
fn recorded_hosts() {
    let mut faults = Vec::new();
    for (host, profile, status) in HOSTS {
        for (format, ending) in [("human", "txt"), ("json", "json")] {
            let (ended, text) = check(host, profile, format, root());
            assert_eq!(ended, *status, "{host}:\n{text}");
            // What is pasted is whole.
            let is_command = |line: &str| {
                let mut programs = ["nft", "iptables", "ip6tables", "ufw", "firewall-cmd"].iter();
                programs.any(|program| line.trim_start().starts_with(program))
            };
            let too_wide = text
                .lines()
                .find(|l| l.chars().count() > 80 && !is_command(l));
            assert!(
                format == "json" || too_wide.is_none(),
                "{host}: {too_wide:?}"
            );
            let path = root().join(format!("tests/data/check/{host}.{ending}"));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
                std::fs::write(&path, &text).expect("written");
            } else if std::fs::read_to_string(&path).ok().as_deref() != Some(&text) {
                faults.push(format!("--- {}\n{text}", path.display()));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "these differ; read them, then rerun with UPDATE_GOLDEN=1\n{}",
        faults.join("\n")
    );
}

/// The report that README shows.
#[test]
fn the_report_of_a_gateway_without_the_range() {
    let (ended, text) = check("debian12-gateway", "profiles/gateway.yaml", "human", root());
    assert_eq!(ended, 1, "{text}");
    let path = root().join("tests/data/check/debian12-gateway-range.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let golden = std::fs::read_to_string(&path).expect("a golden report");
    assert_eq!(golden, text, "read it, then rerun with UPDATE_GOLDEN=1");
}

#[test]
fn every_recorded_host_is_played_and_names_its_origin() {
    let entries = std::fs::read_dir(folder("")).expect("recorded hosts");
    let found: BTreeSet<String> = entries
        .map(|e| {
            e.expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let played: BTreeSet<String> = HOSTS.iter().map(|(host, ..)| (*host).to_owned()).collect();
    assert_eq!(found, played);
    for host in &found {
        let origin = std::fs::read_to_string(folder(host).join("ORIGIN")).expect("an origin");
        let told = origin.contains("Recorded:") || origin.contains("Nothing here is a recording");
        assert!(told, "{host}: {origin}");
    }
}

/// The same words wherever it is asked from, where the profile has the same name.
#[test]
fn a_snapshot_says_the_same_elsewhere() {
    let profile = root().join("profiles/own-firewall.yaml");
    let profile = profile.to_str().expect("UTF-8");
    for format in ["human", "json"] {
        let here = check("debian12-modules", profile, format, root());
        let there = check("debian12-modules", profile, format, Path::new("/"));
        assert_eq!(here, there);
    }
}
