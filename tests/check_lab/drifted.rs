//! What became of what `apply` installed: `check` and `status` say the same of it.

use std::path::Path;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::support::netns::Namespace;
use crate::support::rules::{nft, restore, save};
use crate::support::scene::Direct;
use crate::support::{self, Run, directory};
use crate::{Played, commands, same};

pub(crate) fn trials() -> [Played; 6] {
    [
        ("drift-of-nft", || drift("nft")),
        ("drift-of-iptables-nft", || drift("iptables-nft")),
        ("drift-of-iptables-legacy", || drift("iptables-legacy")),
        ("drift-of-another-profile", of_another_profile),
        ("drift-cannot-be-told", cannot_be_told),
        ("drift-looked-for-as-another-user", as_another_user),
    ]
}

const OWN: &str = "name: lab\nserver: { address: 198.51.100.1, software: proftpd }\n\
                   control: { port: 21, tls: required }\npassive: { ports: 50000-50010 }\n";
const OTHER: &str = "name: other\nserver: { address: 198.51.100.1, software: proftpd }\n\
                     control: { port: 2121, tls: required }\npassive: { ports: 51000-51010 }\n";

/// A server with a firewall that drops, and a place for state and profiles.
struct Host {
    scene: Direct,
    dir: tempfile::TempDir,
}

impl Host {
    /// Nothing is installed yet; the firewall stands in this back end's table.
    fn new(back_end: &str) -> Result<Self, Failed> {
        let (scene, dir) = (Direct::new(), directory());
        for (name, yaml) in [("lab", OWN), ("other", OTHER)] {
            std::fs::write(dir.path().join(format!("{name}.yaml")), yaml)?;
        }
        if back_end == "nft" {
            nft(
                &scene.server,
                "table inet filter {
                    chain input {
                        type filter hook input priority 0; policy drop;
                        ct state established,related accept
                    }
                }",
            );
        } else {
            let text = "*filter\n:INPUT DROP [0:0]\n-A INPUT -m conntrack --ctstate \
                        RELATED,ESTABLISHED -j ACCEPT\nCOMMIT\n";
            restore(&scene.server, &format!("{back_end}-restore"), &[], text);
        }
        Ok(Self { scene, dir })
    }

    fn server(&self) -> &Namespace {
        &self.scene.server
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// ftpnat with the state directory.
    fn run(&self, arguments: &[&str]) -> Run {
        let state = self.path("state");
        let arguments = [arguments, &["--state-dir", &state]].concat();
        support::ftpnat(self.server(), &arguments, "")
    }

    fn apply(&self, profile: &str, back_end: &str) -> Result<(), Failed> {
        let file = self.path(profile);
        let run = self.run(&["apply", "--yes", "--backend", back_end, "--profile", &file]);
        same(&format!("{run:?}"), &run.status, &0)
    }

    /// What `check` says of a profile, and whether it is a finding or an open question.
    fn check(&self, profile: &str) -> Result<Value, Failed> {
        let run = self.run(&["check", "-p", &self.path(profile), "--output", "json"]);
        Ok(serde_json::from_str(&run.stdout).map_err(|e| format!("{e}: {run:?}"))?)
    }

    /// The drift that `status` tells of a profile: rule, state, text.
    fn status(&self, name: &str) -> Result<Vec<[String; 2]>, Failed> {
        let run = self.run(&["status", "--output", "json"]);
        let said: Value = serde_json::from_str(&run.stdout).map_err(|e| format!("{e}: {run:?}"))?;
        let profiles = said["profiles"].as_array().into_iter().flatten();
        let drift = profiles
            .filter(|p| p["name"] == name)
            .filter_map(|p| p["drift"].as_array())
            .flatten();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(drift
            .map(|d| [word(&d["state"]), word(&d["text"])])
            .collect())
    }
}

fn fn317(said: &Value) -> Option<&Value> {
    let findings = said["findings"].as_array()?;
    findings.iter().find(|f| f["id"] == "FN317")
}

fn is_open(said: &Value) -> bool {
    let open = said["not_checked"].as_array().into_iter().flatten();
    open.into_iter().any(|n| n["id"] == "FN317")
}

/// Neither found nor open.
fn silent(said: &Value) -> Result<(), Failed> {
    if fn317(said).is_none() && !is_open(said) {
        return Ok(());
    }
    Err(format!("FN317 is not silent: {said}").into())
}

/// What `status` tells and the evidence of `check` are the same, one by one.
fn agrees(host: &Host, name: &str) -> Result<Value, Failed> {
    let said = host.check(&format!("{name}.yaml"))?;
    let told = host.status(name)?;
    let finding = fn317(&said).ok_or_else(|| format!("FN317 did not fire: {said}"))?;
    same(
        "it is a warning",
        &finding["severity"],
        &Value::from("warning"),
    )?;
    let evidence: Vec<&str> = finding["evidence"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|e| e["text"].as_str())
        .collect();
    same(
        &format!("{told:?}, {evidence:?}"),
        &evidence.len(),
        &told.len(),
    )?;
    for ([state, text], evidence) in told.iter().zip(&evidence) {
        let state = match state.as_str() {
            "shadowed" => "a drop comes before it",
            state => state,
        };
        let is_same = evidence.contains(state) && evidence.ends_with(text.as_str());
        same(&format!("{state} {text}: {evidence}"), &is_same, &true)?;
    }
    Ok(finding.clone())
}

/// Takes out the rule that lets the control port in.
fn delete(host: &Host, back_end: &str) {
    if back_end == "nft" {
        let listed = host.server().run("nft -a list chain inet filter input");
        let line = listed.lines().find(|l| l.contains("ftpnat:lab:control"));
        let handle = line.and_then(|l| l.rsplit(' ').next()).expect("a guest");
        nft(
            host.server(),
            &format!("delete rule inet filter input handle {handle}"),
        );
        return;
    }
    let saved = save(
        host.server(),
        &format!("{back_end}-save"),
        &["-t", "filter"],
    );
    let line = saved.lines().find(|l| l.contains("ftpnat:lab:control"));
    let line = line.expect("our rule");
    let text = format!("*filter\n{}\nCOMMIT\n", line.replacen("-A", "-D", 1));
    restore(
        host.server(),
        &format!("{back_end}-restore"),
        &["--noflush"],
        &text,
    );
}

fn drift(back_end: &str) -> Result<(), Failed> {
    let host = Host::new(back_end)?;
    silent(&host.check("lab.yaml")?)?;
    // Nothing was made by looking.
    same("no state", &Path::new(&host.path("state")).exists(), &false)?;
    host.apply("lab.yaml", back_end)?;
    silent(&host.check("lab.yaml")?)?;

    delete(&host, back_end);
    let finding = agrees(&host, "lab")?;
    let evidence = finding["evidence"].to_string();
    same(&evidence, &evidence.contains("control, missing"), &true)?;

    // Saved, it says the same, on a host where nothing is installed.
    let saved = host.path("saved");
    same("saved", &host.run(&["snapshot", &saved]).status, &0)?;
    let elsewhere = [
        "check",
        "--snapshot",
        &saved,
        "-p",
        &host.path("lab.yaml"),
        "--output",
        "json",
    ];
    let read = support::ftpnat(&host.scene.client, &elsewhere, "");
    let read: Value = serde_json::from_str(&read.stdout)?;
    same("a saved host", &fn317(&read), &Some(&finding))?;

    // Its remedy, as it is typed, off a terminal.
    let command = commands(&finding).remove(0);
    let mut words: Vec<&str> = command.split_whitespace().skip(1).collect();
    words.push("--yes");
    same(&command, &host.run(&words).status, &0)?;
    silent(&host.check("lab.yaml")?)?;
    same("status", &host.run(&["status"]).status, &0)?;

    // A drop before ours.
    if back_end == "nft" {
        nft(
            host.server(),
            "insert rule inet filter input tcp dport 21 drop",
        );
    } else {
        let text = "*filter\n-I INPUT -p tcp -m tcp --dport 21 -j DROP\nCOMMIT\n";
        restore(
            host.server(),
            &format!("{back_end}-restore"),
            &["--noflush"],
            text,
        );
    }
    let finding = agrees(&host, "lab")?;
    let evidence = finding["evidence"].to_string();
    same(
        &evidence,
        &evidence.contains("a drop comes before it"),
        &true,
    )
}

fn of_another_profile() -> Result<(), Failed> {
    let host = Host::new("nft")?;
    host.apply("lab.yaml", "nft")?;
    // Not installed: the drift of others is not its own.
    delete(&host, "nft");
    silent(&host.check("other.yaml")?)?;
    host.apply("other.yaml", "nft")?;
    silent(&host.check("other.yaml")?)?;
    delete(&host, "nft");
    agrees(&host, "lab")?;
    silent(&host.check("other.yaml")?)?;
    same("status", &host.run(&["status"]).status, &1)
}

/// A record that cannot be used: not checked, and nothing else changes.
fn cannot_be_told() -> Result<(), Failed> {
    let host = Host::new("nft")?;
    host.apply("lab.yaml", "nft")?;
    let before = host.check("lab.yaml")?;
    let state = host.path("state");
    let folder = std::fs::read_dir(&state)?.next().ok_or("no sub-state")??;
    let record = folder.path().join("record.json");
    std::fs::write(&record, "{}")?;
    let said = host.check("lab.yaml")?;
    same(
        "not checked",
        &(fn317(&said).is_none() && is_open(&said)),
        &true,
    )?;
    same("the rest", &said["findings"], &before["findings"])?;
    let run = host.run(&["check", "-p", &host.path("lab.yaml")]);
    same(&format!("{run:?}"), &matches!(run.status, 0 | 1), &true)?;
    // status fails there.
    same("status", &host.run(&["status"]).status, &3)
}

/// Who may not read the record is not told that nothing is installed.
fn as_another_user() -> Result<(), Failed> {
    let host = Host::new("nft")?;
    host.apply("lab.yaml", "nft")?;
    let (state, profile) = (host.path("state"), host.path("lab.yaml"));
    let check = || -> Result<Value, Failed> {
        let mut command = host.server().command("setpriv");
        command
            .args(["--reuid", "65534", "--regid", "65534"])
            .args([
                "--clear-groups",
                "--",
                env!("CARGO_BIN_EXE_ftpnat"),
                "check",
            ])
            .args(["-p", &profile, "--state-dir", &state, "--output", "json"]);
        let output = host.server().feed_to(command, "");
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    same("a hidden record", &is_open(&check()?), &true)?;
    std::fs::remove_dir_all(&state)?;
    same("none", &is_open(&check()?), &false)
}
