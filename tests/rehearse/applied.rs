//! `rehearse --live` and `apply --rehearse` on hosts whose firewall is replayed.

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::support::netns::Namespace;
use crate::support::rules::{nft, restore};
use crate::support::{directory, ftpnat};

const PROFILE: &str = "name: own
server: { address: 198.51.100.1, software: proftpd }
control: { port: 21, tls: required }
passive: { ports: 50000-51000 }
";

/// A firewall that knows its interface by number, and has sets, maps and a chain of its own.
const FIREWALL: &str = "table inet filter {
    set banned { type ipv4_addr; flags interval; elements = { 192.0.2.0/25, BANNED }; }
    map fates { type inet_service : verdict; elements = { 22 : accept, 25 : goto mail }; }
    chain mail { ip saddr 198.51.100.7 accept; }
    chain input {
        type filter hook input priority 0; policy drop;
        iif lo accept
        ct state established,related accept
        ip saddr @banned drop
        tcp dport vmap @fates
        iif eth0 tcp dport 21 accept
    }
}
";

const SAVE: &str = "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -i eth0 -p tcp -m tcp --dport 21 -j ACCEPT
COMMIT
";

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for firewall in ["nft", "iptables-nft-restore", "iptables-legacy-restore"] {
        trials.push(Trial::test(format!("live/{firewall}"), move || {
            live(firewall)
        }));
    }
    trials.push(Trial::test("live/banned", banned));
    trials.push(Trial::test("apply/rehearsed", applied));
    trials.push(Trial::test("apply/refused", refused));
    trials
}

/// A host with an uplink, in which nothing changes while others rehearse on it.
fn host(dir: &std::path::Path) -> Namespace {
    let host = Namespace::new("host", dir);
    host.ip("link add eth0 index 77 type veth peer name far0\n\
         link set eth0 up\nlink set far0 up\n\
         addr add 198.51.100.1/24 dev eth0\n\
         route add default via 198.51.100.254");
    host
}

fn load(host: &Namespace, firewall: &str, banned: &str) {
    if firewall == "nft" {
        nft(host, &FIREWALL.replace("BANNED", banned));
    } else {
        restore(host, firewall, &[], SAVE);
    }
}

fn listing(host: &Namespace) -> String {
    ["nft list ruleset", "iptables-legacy-save"]
        .map(|line| host.run(line))
        .concat()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n")
}

fn live(firewall: &str) -> Result<(), Failed> {
    let dir = directory();
    let host = host(dir.path());
    load(&host, firewall, "203.0.113.77");
    let before = listing(&host);
    let run = ftpnat(
        &host,
        &["rehearse", "--live", "--output", "json", "--profile", "-"],
        PROFILE,
    );
    let report: Value = serde_json::from_str(&run.stdout).map_err(|e| format!("{e}: {run:?}"))?;
    let cells = report["cells"].as_array().cloned().unwrap_or_default();
    let offered: Vec<&Value> = cells
        .iter()
        .filter(|c| c["outcome"] != "not-offered")
        .collect();
    let is_cured = |cell: &&&Value| cell["before"] == "hangs" && cell["after"] == "works";
    // Not the control connection, which the firewall lets in by the number of its interface.
    let human = ftpnat(&host, &["rehearse", "--live", "--profile", "-"], PROFILE);
    if !human
        .stdout
        .replace("\n    ", " ")
        .contains("PASV: the data connection")
    {
        return Err(format!("{human:?}").into());
    }
    let cured = offered.iter().filter(is_cured).count();
    if run.status != 0 || report["agreed"] != true || cured != 2 || offered.len() != 2 {
        return Err(format!("{report:#}\n{run:?}").into());
    }
    if listing(&host) != before {
        return Err("the host's own rules changed".into());
    }
    Ok(())
}

/// The lab's client happens to be banned: that is the administrator's will, and no fault.
fn banned() -> Result<(), Failed> {
    let dir = directory();
    let host = host(dir.path());
    load(&host, "nft", "198.51.100.0/24");
    let run = ftpnat(&host, &["rehearse", "--live", "--profile", "-"], PROFILE);
    let says = "a rule of this host's own keeps a client out";
    if run.status == 0 && run.stdout.contains(says) {
        Ok(())
    } else {
        Err(format!("{run:?}").into())
    }
}

fn applied() -> Result<(), Failed> {
    let dir = directory();
    let host = host(dir.path());
    load(&host, "nft", "203.0.113.77");
    let state = dir.path().join("state").display().to_string();
    let profile = dir.path().join("own.yaml");
    std::fs::write(&profile, PROFILE)?;
    let profile = profile.display().to_string();
    let arguments = [
        "apply",
        "--rehearse",
        "--yes",
        "--state-dir",
        &state,
        "--profile",
        &profile,
    ];
    let run = ftpnat(&host, &arguments, "");
    if run.status != 0 || !run.stderr.contains("hangs -> works") {
        return Err(format!("{run:?}").into());
    }
    if !listing(&host).contains("ftpnat:own:passive-range") {
        return Err("it is not installed".into());
    }
    // Again, with what is installed: it works before and after.
    let run = ftpnat(&host, &arguments, "");
    let says_so = run
        .stderr
        .contains("2 of 2 kinds of client get their listing, 2 before");
    if run.status == 0 && says_so && run.stdout.contains("nothing to do") {
        Ok(())
    } else {
        Err(format!("{run:?}").into())
    }
}

/// What apply refuses, it refuses in the lab, and the host is never asked.
fn refused() -> Result<(), Failed> {
    let dir = directory();
    let host = host(dir.path());
    nft(
        &host,
        "table inet early { chain c { type filter hook prerouting priority -300; \
         tcp dport 50000-51000 drop; }; }",
    );
    let before = listing(&host);
    let state = dir.path().join("state").display().to_string();
    let arguments = [
        "apply",
        "--rehearse",
        "--yes",
        "--state-dir",
        &state,
        "--profile",
        "-",
    ];
    let run = ftpnat(&host, &arguments, PROFILE);
    let is_refused = run.status == 3 && run.stderr.contains("tcp dport 50000-51000 drop");
    if is_refused && listing(&host) == before && !dir.path().join("state").exists() {
        Ok(())
    } else {
        Err(format!("{run:?}").into())
    }
}
