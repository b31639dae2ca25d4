//! Every text loads, loads twice, and reads back as it was written.

use std::path::Path;

use ftpnat::facts::{Facts, KernelRelease};
use ftpnat::plan::plan;
use ftpnat::profile::{Nat, parse};
use ftpnat::render::nftables::own_table;
use libtest_mimic::{Failed, Trial};

use crate::listings::{Load, SERVER_RULES, emit_and_load, holds_every_line};
use crate::support::netns::Namespace;
use crate::support::rules::{nft, restore, save};
use crate::support::{BackEnd, directory, emitted, ftpnat_beside};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = shipped()
        .into_iter()
        .map(|name| Trial::test(format!("loads/{name}"), move || loads(&name)))
        .collect();
    assert!(trials.len() > 10, "the shipped profiles were found");
    for back_end in BackEnd::BOTH {
        for (file, iptables, profile) in [
            ("ufw.save", "iptables", OWN),
            ("ufw6.save", "ip6tables", OWN),
            ("docker.save", "iptables", GATEWAY),
        ] {
            let name = format!("comes-through/{file}/{}", back_end.word());
            trials.push(Trial::test(name, move || {
                comes_through(back_end, file, iptables, profile)
            }));
        }
    }
    trials.push(Trial::test(
        "refused/native-rules-in-the-table",
        native_rules,
    ));
    trials.push(Trial::test(
        "refused/native-sets-read-wrong-by-save",
        native_set,
    ));
    trials.push(Trial::test("refused/native-base-chain", native_chain));
    trials.push(Trial::test("warned/other-back-end", other_back_end));
    trials.push(Trial::test("empty-host", empty_host));
    trials.push(Trial::test(
        "loads/for-a-kernel-before-5.2",
        for_an_old_kernel,
    ));
    trials
}

const OWN: &str = "name: lab\npassive: { ports: 50000-50010 }\n";
const GATEWAY: &str = "name: lab
server: { address: 10.77.0.21 }
passive: { ports: 50000-50010, advertise: 198.51.100.1 }
nat: { mode: dnat, external: { address: 198.51.100.1, interface: eth0 } }
";

fn shipped() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("profiles")
        .map(|entry| entry.expect("an entry").path().display().to_string())
        .collect();
    names.sort();
    names
        .into_iter()
        .map(|path| path.rsplit('/').next().unwrap_or_default().to_owned())
        .collect()
}

fn host() -> (tempfile::TempDir, Namespace) {
    let dir = directory();
    let host = Namespace::new("host", dir.path());
    (dir, host)
}

fn loads(name: &str) -> Result<(), Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("profiles")
        .join(name);
    let path = path.display().to_string();
    let (_dir, host) = host();
    let text = emitted(
        BackEnd::Nft,
        &host,
        &["nft", "--base", "none", "-p", &path],
        "",
    )?;
    nft(&host, &text);
    let once = host.run("nft list ruleset");
    nft(&host, &text);
    if host.run("nft list ruleset") != once {
        return Err("nft: loaded again it differs".into());
    }
    reads_back(&text, &once)?;
    for back_end in BackEnd::BOTH {
        for iptables in ["iptables", "ip6tables"] {
            fragment_and_live(back_end, iptables, &path)?;
        }
    }
    Ok(())
}

/// The kernel's listing is our text, but for what nft adds or names otherwise.
fn reads_back(text: &str, listing: &str) -> Result<(), Failed> {
    let plain = |text: &str| -> Vec<String> {
        text.replace(" packets 0 bytes 0", "")
            .replace("priority mangle", "priority -150")
            .replace("priority dstnat - 10", "priority -110")
            .replace("priority srcnat - 10", "priority 90")
            .replace("priority filter", "priority 0")
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty() && !l.starts_with('#') && !l.starts_with("l3proto"))
            .map(str::to_owned)
            .collect()
    };
    let from = text.find("table inet ftpnat {").unwrap_or_default();
    let (ours, theirs) = (plain(&text[from..]), plain(listing));
    if ours == theirs {
        Ok(())
    } else {
        Err(format!(
            "written:\n{}\nlisted:\n{}",
            ours.join("\n"),
            theirs.join("\n")
        )
        .into())
    }
}

/// A fragment into an empty host, and a whole text twice: each rule reads back to
/// the letter.
fn fragment_and_live(back_end: BackEnd, iptables: &str, profile: &str) -> Result<(), Failed> {
    let (_dir, host) = host();
    let (restorer, saver) = (
        back_end.program(iptables, "restore"),
        back_end.program(iptables, "save"),
    );
    let rules = |text: &str| -> Vec<String> {
        let rule = |l: &str| l.trim_start_matches("[0:0] ").starts_with("-A FTPNAT-");
        text.lines()
            .filter(|l| rule(l))
            .map(|l| l.trim_start_matches("[0:0] ").to_owned())
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect()
    };
    let fragment = emitted(
        back_end,
        &host,
        &[iptables, "--base", "none", "-p", profile],
        "",
    )?;
    restore(&host, &restorer, &["--noflush"], &fragment);
    let loaded = save(&host, &saver, &[]);
    if rules(&fragment) != rules(&loaded) {
        return Err(format!("{saver}: written:\n{fragment}\nsaved:\n{loaded}").into());
    }
    restore(&host, &restorer, &["--noflush"], &fragment);
    let live = emitted(back_end, &host, &[iptables, "-p", profile], "")?;
    restore(&host, &restorer, &["-c"], &live);
    let once = save(&host, &saver, &[]);
    restore(&host, &restorer, &["-c", "--noflush"], &live);
    if save(&host, &saver, &[]) != once || once.matches("ftpnat::jump").count() > 8 {
        return Err(format!("{saver}: loaded again it differs, or jumps pile up:\n{once}").into());
    }
    Ok(())
}

fn comes_through(
    back_end: BackEnd,
    file: &str,
    iptables: &str,
    profile: &str,
) -> Result<(), Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/rulesets")
        .join(file);
    let text = std::fs::read_to_string(path).expect("a recorded ruleset");
    let (_dir, host) = host();
    let (restorer, saver) = (
        back_end.program(iptables, "restore"),
        back_end.program(iptables, "save"),
    );
    restore(&host, &restorer, &["-c"], &text);
    let before = save(&host, &saver, &["-c"]);
    let emitted = emitted(back_end, &host, &[iptables, "-p", "-"], profile)?;
    restore(&host, &restorer, &["-c"], &emitted);
    let after = save(&host, &saver, &["-c"]);
    let others = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|l| !l.to_ascii_lowercase().contains("ftpnat"))
            .map(str::to_owned)
            .collect()
    };
    if others(&before) != others(&after) {
        return Err(format!("before:\n{before}\nafter:\n{after}").into());
    }
    if !after.contains("50000:50010") {
        return Err(format!("the range is not there:\n{after}").into());
    }
    holds_every_line(&text, &save(&host, &saver, &[]))
}

/// `ct state` in a table of iptables: iptables-save prints nothing at all.
fn native_rules() -> Result<(), Failed> {
    refuses(
        "add rule ip filter INPUT ct state new tcp dport 80 accept",
        "did not print the whole",
    )
}

/// `tcp dport { 80 }`: iptables-save prints it as every port.
fn native_set() -> Result<(), Failed> {
    refuses(
        "add rule ip filter INPUT tcp dport { 80, 443 } counter accept",
        "rule with handle",
    )
}

/// A base chain that iptables never made.
fn native_chain() -> Result<(), Failed> {
    refuses(
        "add chain ip filter early { type filter hook input priority -5; }",
        "",
    )
}

fn refuses(native: &str, words: &str) -> Result<(), Failed> {
    let (_dir, host) = host();
    restore(&host, "iptables-nft-restore", &[], SERVER_RULES);
    nft(&host, &format!("{native}\n"));
    let before = host.run("nft list ruleset");
    let run = ftpnat_beside(BackEnd::Nft, &host, &["emit", "iptables", "-p", "-"], OWN);
    if run.status != 3 || !run.stdout.is_empty() || !run.stderr.contains(words) {
        return Err(format!("{native}: {run:?}").into());
    }
    if host.run("nft list ruleset") != before {
        return Err("the look changed the host".into());
    }
    // A table that does not change may hold what it likes.
    let elsewhere = native.replace("ip filter", "ip elsewhere");
    let (_dir, host) = self::host();
    restore(&host, "iptables-nft-restore", &[], SERVER_RULES);
    nft(
        &host,
        &format!("add table ip elsewhere\nadd chain ip elsewhere INPUT\n{elsewhere}\n"),
    );
    emit_and_load(&host, BackEnd::Nft, Load::Bare, OWN)
}

/// Rules of the other back end are in force too, and not in this text.
fn other_back_end() -> Result<(), Failed> {
    for (here, there) in [
        (BackEnd::Nft, BackEnd::Legacy),
        (BackEnd::Legacy, BackEnd::Nft),
    ] {
        let (_dir, host) = host();
        restore(
            &host,
            &there.program("iptables", "restore"),
            &[],
            SERVER_RULES,
        );
        let run = ftpnat_beside(here, &host, &["emit", "iptables", "-p", "-"], OWN);
        let warning = format!("iptables-{} has tables in force too (filter)", there.word());
        if run.status != 0 || !run.stderr.contains(&warning) {
            return Err(format!("{here:?}: {run:?}").into());
        }
    }
    Ok(())
}

/// A host without a rule: the text holds ours, and the policies stay ACCEPT.
fn empty_host() -> Result<(), Failed> {
    for back_end in BackEnd::BOTH {
        let (_dir, host) = host();
        emit_and_load(&host, back_end, Load::Twice, OWN)?;
        let after = save(&host, &back_end.program("iptables", "save"), &[]);
        if !after.contains(":INPUT ACCEPT") || !after.contains("50000:50010") {
            return Err(after.into());
        }
    }
    Ok(())
}

/// Where `inet` has no NAT, it stands in `ip` and `ip6`; newer kernels take it too.
fn for_an_old_kernel() -> Result<(), Failed> {
    let kernel = KernelRelease::parse("4.19.0-27-amd64");
    for name in shipped() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("profiles")
            .join(&name);
        let text = std::fs::read(path).expect("a profile");
        let profile = parse(&name, &text).map_err(|e| e.to_string())?;
        let gateway = matches!(profile.nat, Nat::Dnat { .. } | Nat::Masquerade { .. });
        let text = own_table(&plan(
            &[profile],
            &Facts {
                kernel,
                ..Facts::default()
            },
        ));
        let (_dir, host) = host();
        nft(&host, &text);
        nft(&host, &text);
        let inet = host.run("nft list table inet ftpnat");
        let ip = host.run("nft list table ip ftpnat");
        if inet.contains("type nat") || ip.contains("type nat") != gateway {
            return Err(format!("{name}:\n{inet}{ip}").into());
        }
    }
    Ok(())
}
