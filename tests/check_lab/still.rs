//! `check` and `snapshot` change nothing, say the same of what was saved, and say what
//! they can where they may see little.

use libtest_mimic::Failed;

use crate::support::netns::Namespace;
use crate::support::scene::{BehindGateway, Direct, Forwarding};
use crate::support::server::Config;
use crate::support::{self, directory, proftpd};
use crate::{Played, same};

pub(crate) fn trials() -> [Played; 4] {
    [
        ("nothing-changes", nothing_changes),
        ("saved-says-the-same-of-a-server", saved_server),
        ("saved-says-the-same-of-a-gateway", saved_gateway),
        ("little-is-seen-as-another-user", little_is_seen),
    ]
}

const OWN: &str = "profiles/own-firewall.yaml";

/// Everything of a namespace and of the machine that either might touch.
fn state(namespace: &Namespace) -> String {
    let script = r#"
        nft -a list ruleset
        cat /proc/net/ip_tables_names /proc/net/ip6_tables_names
        ip -details address; ip route show table all; ip -6 route show table all; ip rule
        find /proc/sys/net/ipv4 /proc/sys/net/ipv6 /proc/sys/net/netfilter -type f \
            ! -name '*nf_conntrack_count' ! -name stable_secret \
            ! -name flush ! -path '*/route/*' 2>/dev/null | sort | while read -r file; do
            printf '%s ' "$file"; cat "$file" 2>/dev/null; echo
        done
        ls /sys/module; cut -d ' ' -f 1 /proc/modules 2>/dev/null
        ls -A /run /run/netns /var/lib /etc 2>/dev/null
        find /etc /usr/lib/modprobe.d /usr/lib/sysctl.d -newer "$0" 2>/dev/null
    "#;
    let stamp = std::env::current_exe().expect("this program");
    let output = namespace.feed("sh", &["-c", script, &stamp.to_string_lossy()], "");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn nothing_changes() -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = proftpd::start(&scene.server, &Config::default());
    support::rules::nft(
        &scene.server,
        "table inet t {\nchain c {\nct state new accept\n}\n}",
    );
    let dir = directory();
    let saved = dir.path().join("host");
    let before = (state(&scene.server), namespaces());
    let machine = machine();
    let looked = ["chain c", "/rp_filter", "198.51.100.1/24"]
        .iter()
        .all(|w| before.0.contains(w));
    same("the state was looked at", &looked, &true)?;
    for arguments in [
        &["check", "-p", OWN][..],
        &["check", "-p", "profiles/gateway.yaml", "--output", "json"],
        &["check", "-p", OWN, "--probe"],
        &["snapshot", saved.to_str().expect("UTF-8")],
    ] {
        let run = support::ftpnat(&scene.server, arguments, "");
        if run.status > 3 {
            return Err(format!("{run:?}").into());
        }
    }
    same(
        "rules, sysctls, modules, files",
        &state(&scene.server),
        &before.0,
    )?;
    same("the machine's own namespace", &self::machine(), &machine)?;
    // The probe's own namespace ends with its process; the kernel takes it down later.
    let gone = support::wait_until(std::time::Duration::from_secs(10), || {
        namespaces().iter().all(|n| before.1.contains(n))
    });
    same("no process stays in a namespace of ours", &gone, &true)
}

/// What a process that forgot its namespace would change in the one it came from.
fn machine() -> String {
    let script = "ip -details link; ip -4 address; ip route show table all; ip rule
        cat /proc/net/ip_tables_names /proc/net/ip6_tables_names
        cat /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv4/ip_local_reserved_ports";
    let output = support::command("sh").args(["-c", script]).output();
    String::from_utf8_lossy(&output.expect("a shell").stdout).into_owned()
}

/// The network namespaces of all processes called ftpnat.
fn namespaces() -> Vec<String> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let of = |path: std::path::PathBuf| {
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let link = std::fs::read_link(path.join("ns/net")).ok()?;
        (name.trim() == "ftpnat").then(|| link.display().to_string())
    };
    entries.filter_map(|entry| of(entry.path())).collect()
}

fn saved_server() -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = proftpd::start(&scene.server, &Config::default());
    says_the_same(&scene.server, &scene.client, OWN, "FN207")
}

fn saved_gateway() -> Result<(), Failed> {
    let scene = BehindGateway::new(Forwarding::Off);
    // Rules of all three programs, of which one assigns the helper too early.
    support::rules::nft(
        &scene.gateway,
        "table inet t {\nct helper ftp {\ntype \"ftp\" protocol tcp\n}\nchain c {\n\
         type filter hook prerouting priority -300\ntcp dport 21 ct helper set \"ftp\"\n}\n}",
    );
    for back_end in support::BackEnd::BOTH {
        let table = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 23 -j DROP\nCOMMIT\n";
        let program = back_end.program("iptables", "restore");
        support::rules::restore(&scene.gateway, &program, &[], table);
    }
    says_the_same(
        &scene.gateway,
        &scene.client,
        "profiles/legacy-active.yaml",
        "tcp dport 21 ct helper set \"ftp\"",
    )
}

/// Live on one host, and on another from what the first one saved.
fn says_the_same(
    host: &Namespace,
    elsewhere: &Namespace,
    profile: &str,
    words: &str,
) -> Result<(), Failed> {
    let profile = format!("{}/{profile}", env!("CARGO_MANIFEST_DIR"));
    let profile = profile.as_str();
    let dir = directory();
    let saved = dir.path().join("host");
    let saved = saved.to_str().expect("UTF-8");
    same(
        "saved",
        &support::ftpnat(host, &["snapshot", saved], "").status,
        &0,
    )?;
    for format in ["human", "json"] {
        let with = ["-p", profile, "--output", format];
        let live = support::ftpnat(host, &[&["check"][..], &with].concat(), "");
        // By its name alone, in the directory that holds it.
        let mut command = elsewhere.command(env!("CARGO_BIN_EXE_ftpnat"));
        command
            .args(["check", "--snapshot", "host"])
            .args(with)
            .current_dir(dir.path());
        let read = elsewhere.feed_to(command, "");
        same("status", &read.status.code(), &Some(live.status))?;
        let read = String::from_utf8_lossy(&read.stdout).into_owned();
        same("what is said", &read, &live.stdout)?;
        let said = live.stdout.replace('\\', "");
        same("it says something", &said.contains(words), &true)?;
    }
    Ok(())
}

/// Another user's processes cannot be looked into, nor the rules; the rest can be told. Root of a user
/// namespace of its own sees no more, and takes itself for root.
fn little_is_seen() -> Result<(), Failed> {
    let scene = Direct::new();
    let _server = proftpd::start(&scene.server, &Config::default());
    scene.server.sysctl("net.ipv4.ip_forward", "1");
    let gateway = "profiles/legacy-active.yaml";
    for (inside, profile, status) in [
        (&[][..], OWN, 3),
        (&[], gateway, 3),
        (&["unshare", "--user", "--map-root-user", "--"], OWN, 3),
        (&["unshare", "--user", "--map-root-user", "--"], gateway, 3),
    ] {
        let mut command = scene.server.command("setpriv");
        command
            .args(["--reuid", "65534", "--regid", "65534"])
            .args(["--clear-groups", "--"])
            .args(inside)
            .arg(env!("CARGO_BIN_EXE_ftpnat"))
            .args(["check", "-p", profile]);
        let output = scene.server.feed_to(command, "");
        let said = String::from_utf8_lossy(&output.stdout);
        let words = if profile == OWN {
            said.contains("FN207") && !said.contains("FN209")
        } else {
            said.contains("cannot read nf_tables")
                && (said.contains("run it as root") || !inside.is_empty())
        };
        if output.status.code() != Some(status) || !words {
            return Err(format!("{inside:?} {output:?}\n{said}").into());
        }
    }
    Ok(())
}
