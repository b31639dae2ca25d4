//! What `check --verbose` draws of a host, and what `plan` says of it, whole; and that the
//! packet ends where the picture does.

#![allow(clippy::disallowed_methods, reason = "tests touch the host")]

#[path = "../support/mod.rs"]
mod support;

mod cases;
mod unread;

use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use cases::{CASES, Case, Load};
use support::netns::Namespace;
use support::rules::{Reach, nft, reach, restore};
use support::scene::{BehindGateway, CLIENT, CLIENT6, Direct, Forwarding, PUBLIC, PUBLIC6};

fn main() -> ExitCode {
    support::enter();
    let trials = CASES
        .iter()
        .map(|case| Trial::test(case.name, move || play(case)));
    let unread = Trial::test("unread", unread::unread);
    support::play_rules(trials.chain([unread]).collect())
}

/// Where the firewall stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// On the server.
    Server,
    /// On a gateway before it.
    Gateway,
}

/// A client, the firewall under test, and the server.
struct Scene {
    client: Namespace,
    firewall: Namespace,
    server: Namespace,
    _whole: Box<dyn std::any::Any>,
}

impl Scene {
    fn new(stage: Stage) -> Self {
        match stage {
            Stage::Server => {
                let scene = Direct::new();
                Self {
                    client: scene.client.clone(),
                    firewall: scene.server.clone(),
                    server: scene.server.clone(),
                    _whole: Box::new(scene),
                }
            }
            Stage::Gateway => {
                let scene = BehindGateway::new(Forwarding::On);
                Self {
                    client: scene.client.clone(),
                    firewall: scene.gateway.clone(),
                    server: scene.server.clone(),
                    _whole: Box::new(scene),
                }
            }
        }
    }
}

fn play(case: &Case) -> Result<(), Failed> {
    let scene = Scene::new(case.stage);
    let firewall = &scene.firewall;
    // Clients are everyone: answers to all of them have a way.
    firewall.ip(&format!(
        "route add default via {CLIENT}\nroute add default via {CLIENT6}"
    ));
    for load in case.rules {
        match load {
            Load::Nft(text) => nft(firewall, text),
            Load::Sets(text) => {
                let output = firewall.feed("ipset", &["restore"], text);
                support::netns::succeed("ipset restore", &output);
            }
            Load::Restore(program, text) => restore(firewall, program, &[], text),
        }
    }
    let check = ["check", "--profile", "-"];
    let usual = said(firewall, &check, case)?;
    let drawn = said(firewall, &[&check[..], &["--verbose"]].concat(), case)?;
    let drawn = drawn.strip_prefix(&usual).ok_or("the report differs")?;
    let words = said(firewall, &["plan", "--profile", "-"], case)?;
    let now = section(&words, "\nThis host (").ok_or("nothing of this host")?;
    let shown = format!("{}\n{now}\n", drawn.trim_start());
    fits(&shown)?;
    let json = [&check[..], &["--output", "json"]].concat();
    if said(firewall, &json, case)? != said(firewall, &[&json[..], &["--verbose"]].concat(), case)?
    {
        return Err("--verbose changes the JSON".into());
    }
    agrees(&planned(firewall, case)?, now)?;
    if let Some(port) = case.port {
        let to: IpAddr = if case.is_ipv6 { PUBLIC6 } else { PUBLIC };
        let seen = reach(&scene.client, to, &scene.server, port);
        let end = end(drawn).ok_or_else(|| format!("no end:\n{drawn}"))?;
        if end != seen {
            return Err(format!("{end:?} drawn, {seen:?} seen\n{drawn}").into());
        }
    }
    golden(case.name, &shown)?;
    cured(firewall, case)
}

/// What is missing is what `apply` adds; and then nothing is.
fn cured(firewall: &Namespace, case: &Case) -> Result<(), Failed> {
    let plan = planned(firewall, case)?;
    let dir = support::directory();
    let state = dir.path().to_str().ok_or("a path")?;
    let apply = ["apply", "--yes", "--state-dir", state, "--profile", "-"];
    let shown = support::ftpnat(firewall, &[&apply[..], &["--dry-run"]].concat(), case.yaml);
    if !case.is_curable {
        let is_refused = shown.status == 3;
        return if is_refused {
            Ok(())
        } else {
            Err(format!("{shown:?}").into())
        };
    }
    for name in missing(&plan)? {
        if !shown.stdout.contains(&format!("ftpnat:lab:{name}\"")) {
            return Err(format!("{name} is missing, and apply adds {shown:?}").into());
        }
    }
    let done = support::ftpnat(firewall, &apply, case.yaml);
    if done.status != 0 {
        return Err(format!("{done:?}").into());
    }
    let plan = planned(firewall, case)?;
    let states = plan["host"].as_array().ok_or("no host")?;
    let is_open = |standing: &Value| standing["state"] == "open";
    if !missing(&plan)?.is_empty() || !states.iter().all(is_open) {
        return Err(format!("after apply: {plan}").into());
    }
    Ok(())
}

fn planned(host: &Namespace, case: &Case) -> Result<Value, Failed> {
    let plan = ["plan", "--output", "json", "--profile", "-"];
    Ok(serde_json::from_str(&said(host, &plan, case)?)?)
}

fn missing(plan: &Value) -> Result<Vec<&str>, Failed> {
    let names = plan["missing"]
        .as_array()
        .ok_or("not known what is missing")?;
    Ok(names.iter().filter_map(Value::as_str).collect())
}

/// What `check` or `plan` prints.
fn said(host: &Namespace, arguments: &[&str], case: &Case) -> Result<String, Failed> {
    let run = support::ftpnat(host, arguments, case.yaml);
    let is_plan = arguments[0] == "plan";
    let may_be = run.status == 0 || !is_plan && matches!(run.status, 1 | 3);
    if may_be && run.stderr.is_empty() {
        Ok(run.stdout)
    } else {
        Err(format!("{run:?}").into())
    }
}

/// From a heading to the next.
fn section<'a>(text: &'a str, heading: &str) -> Option<&'a str> {
    let start = text.find(heading)? + 1;
    let rest = &text[start..];
    Some(rest.split_once("\n\n").map_or(rest, |(section, _)| section))
}

fn fits(text: &str) -> Result<(), Failed> {
    for line in text.lines() {
        let words = line.split_whitespace().count();
        if line.chars().count() > 80 && words > 2 || line != line.trim_end() {
            return Err(format!("too long, or a space at its end: {line:?}\n{text}").into());
        }
    }
    Ok(())
}

/// The JSON of `plan` says what its words say.
fn agrees(plan: &Value, now: &str) -> Result<(), Failed> {
    let states = plan["host"].as_array().ok_or("no host")?;
    for (state, words) in [
        ("open", ": open"),
        ("blocked", ": blocked"),
        ("unknown", ": cannot tell"),
    ] {
        let is_said = states.iter().any(|standing| standing["state"] == state);
        if is_said != now.contains(words) {
            return Err(format!("{state}: {states:?}\n{now}").into());
        }
    }
    let names = missing(plan)?;
    let is_said = |name: &&&str| now.contains(&format!("\n    {name}: "));
    let added = now.contains("missing, of what `ftpnat apply` adds:");
    if names.iter().filter(is_said).count() != names.len() || names.is_empty() == added {
        return Err(format!("{names:?}\n{now}").into());
    }
    Ok(())
}

/// How the picture of passive data ends.
fn end(drawn: &str) -> Option<Reach> {
    let titled = drawn.split("\n\n").find(|block| {
        block
            .lines()
            .any(|line| line.contains("passive data, port"))
    })?;
    let marked = |line: &&str| ["  v ", "  X "].iter().any(|mark| line.starts_with(mark));
    let last = titled.lines().rfind(marked)?;
    if last.starts_with("  v ") {
        return Some(Reach::Open);
    }
    let words: String = titled.split_once(last).map(|(_, rest)| rest.to_owned())?;
    let words = last.to_owned() + &words;
    Some(
        if words.contains("REJECTED (TCP reset)") || words.contains("leads it to the server") {
            Reach::Refused
        } else if words.contains("REJECTED") {
            Reach::Unreachable
        } else {
            Reach::Silent
        },
    )
}

fn golden(name: &str, text: &str) -> Result<(), Failed> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/pictures/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().ok_or("no folder")?)?;
        std::fs::write(&path, text)?;
        return Ok(());
    }
    if std::fs::read_to_string(&path).ok().as_deref() == Some(text) {
        return Ok(());
    }
    Err(format!("{name} differs; read it, then rerun with UPDATE_GOLDEN=1\n{text}").into())
}
