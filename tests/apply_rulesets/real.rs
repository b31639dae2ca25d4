//! Real rulesets: applied, applied again, removed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use ftpnat::apply::ours::{is_own_table, is_tagged};
use ftpnat::output::apply::blocked as in_words;
use ftpnat::plan::reach::blocked;
use ftpnat::profile::Profile;
use ftpnat::ruleset::eval::{HostFacts, Prepared};
use ftpnat::ruleset::live::table::Policy;
use ftpnat::ruleset::live::{Chain, Ruleset, Table, print};
use libtest_mimic::{Failed, Trial};

use crate::host::{Host, SAVES, Seen, differing, feed, read_profile, uncounted};
use crate::rulesets::{Text, folders, load, name, texts};
use crate::support;
use crate::support::rules::{Reach, reach};
use crate::table;

/// The profiles that are applied.
const PROFILES: [&str; 2] = ["own-firewall", "gateway"];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for folder in folders() {
        let name = name(&folder);
        trials.push(Trial::test(format!("real/{name}"), move || played(&folder)));
    }
    trials
}

/// Whether every back end is played with every profile: it takes minutes.
fn is_all() -> bool {
    ["FTPNAT_LONG", "UPDATE_GOLDEN"]
        .iter()
        .any(|name| std::env::var_os(name).is_some())
}

/// What loads the ruleset, of the programs of iptables, and the back end of `apply`. Else
/// each profile has two of the four.
fn ways(profile: &str, of_iptables: bool, is_all: bool) -> Vec<(&'static str, &'static str)> {
    if !of_iptables {
        return vec![("", "nft")];
    }
    let one = [("nft", "nft"), ("legacy", "iptables-legacy")];
    let other = [("nft", "iptables-nft"), ("legacy", "nft")];
    match profile {
        _ if is_all => [one, other].concat(),
        "gateway" => one.to_vec(),
        _ => other.to_vec(),
    }
}

fn played(folder: &Path) -> Result<(), Failed> {
    let ruleset = name(folder);
    let of_iptables = texts(folder, None)
        .iter()
        .any(|text| text.program.contains("tables-"));
    let is_all = is_all();
    let mut found = String::new();
    let mut faults = String::new();
    for profile in PROFILES {
        for (loaded_by, back_end) in ways(profile, of_iptables, is_all) {
            let by = Some(loaded_by).filter(|by| !by.is_empty());
            let loaded = by.map_or_else(|| "nft".to_owned(), |by| format!("iptables-{by}"));
            let _ = write!(
                found,
                "{profile}, loaded by {loaded}, --backend {back_end}: "
            );
            let texts = texts(folder, by);
            match through(profile, &texts, back_end) {
                Ok(line) => found.push_str(&line),
                Err(fault) => {
                    let fault = fault.message().unwrap_or_default();
                    let _ = writeln!(faults, "{profile}, {loaded}, {back_end}: {fault}");
                }
            }
        }
    }
    if faults.is_empty() {
        table::agrees(&ruleset, &found, is_all)
    } else {
        Err(faults.into())
    }
}

/// Applies, looks, applies again, removes; gives what the table says of it.
fn through(name: &str, texts: &[Text], back_end: &str) -> Result<String, Failed> {
    let (yaml, profile) = read_profile(name)?;
    let host = Host::new(&profile);
    load(&host.namespace, texts);
    let before = host.seen();
    let apply = ["apply", "--profile", "-", "--backend", back_end];
    let dry = host.ftpnat(&[&apply[..], &["--dry-run"]].concat(), &yaml);
    before.is_as(&host.seen(), "after apply --dry-run")?;
    let run = host.ftpnat(&[&apply[..], &["--yes"]].concat(), &yaml);
    if dry.status != run.status {
        return Err(format!("a dry run ends otherwise: {dry:?}\n{run:?}").into());
    }
    match run.status {
        0 => {}
        3 => {
            before.is_as(&host.seen(), "after a refusal")?;
            let words = run.stderr.trim_end().replace('\n', "\n    ");
            return Ok(format!("refused\n    {words}\n"));
        }
        _ => return Err(format!("{run:?}").into()),
    }
    let after = host.seen();
    let (facts, ruleset) = host.read();
    let facts_of_host = HostFacts::of(&facts);
    let still = blocked(
        std::slice::from_ref(&profile),
        &facts,
        &Prepared::new(&ruleset, &facts_of_host),
    );
    let mut found = String::from("applied\n");
    found.push_str(&places(&ruleset));
    for line in run.stderr.lines() {
        let _ = writeln!(found, "    {line}");
    }
    for blocked in &still {
        let _ = writeln!(found, "    stays out: {}", in_words(blocked, &ruleset));
    }
    saves_are_whole(&host, texts, &before, &after)?;
    packets_pass(&host, &profile)?;

    let listing = uncounted(&host.namespace.run("nft list ruleset"));
    let generation = host.generation();
    let again = host.done(&[&apply[..], &["--yes"]].concat(), &yaml)?;
    if !again.stdout.contains("nothing to do") {
        return Err(format!("again: {again:?}").into());
    }
    after.is_as(&host.seen(), "after the second apply")?;
    if host.generation() != generation {
        return Err("the second apply committed something".into());
    }
    host.done(&["status"], "")?;
    host.done(&["remove"], "")?;
    before.is_as(&host.seen(), "after remove")?;
    if back_end == "nft" && texts.iter().all(|text| text.program.starts_with("nft")) {
        emitted_alike(&host, &yaml, &listing)?;
        before.is_as(&host.seen(), "after remove of what was emitted")?;
    }
    Ok(found)
}

/// Where ours stand in tables of others: chain, rules, and what comes next.
fn places(ruleset: &Ruleset) -> String {
    let mut text = String::new();
    for table in ruleset.tables.iter().filter(|table| !is_own_table(table)) {
        for chain in &table.chains {
            if chain.name.starts_with("FTPNAT-") {
                continue;
            }
            let mut names: Vec<&str> = Vec::new();
            for rule in &chain.rules {
                if is_tagged(rule) {
                    let comment = rule.comment.as_deref().unwrap_or_default();
                    names.push(comment.rsplit(':').next().unwrap_or_default());
                } else if !names.is_empty() {
                    let next = print::rule(rule, &chain.name, table);
                    stands(&mut text, (table, chain), &names, &next);
                    names.clear();
                }
            }
            if !names.is_empty() {
                stands(&mut text, (table, chain), &names, end(chain));
            }
        }
    }
    if text.is_empty() {
        text.push_str("    in no chain of others\n");
    }
    text
}

fn stands(text: &mut String, (table, chain): (&Table, &Chain), names: &[&str], next: &str) {
    let _ = writeln!(
        text,
        "    {}: {} before `{next}`",
        print::place(table, chain),
        names.join(", ")
    );
}

fn end(chain: &Chain) -> &'static str {
    match chain.base.as_ref().map(|base| base.policy) {
        Some(Policy::Drop) => "policy drop",
        Some(Policy::Accept) => "policy accept",
        None => "its end",
    }
}

/// Every table that a program saved before is saved still, and what is saved loads to the
/// same.
fn saves_are_whole(host: &Host, texts: &[Text], before: &Seen, after: &Seen) -> Result<(), Failed> {
    for line in SAVES {
        let (old, new) = (before.listing(line), after.listing(line));
        for table in old.lines().filter(|line| line.starts_with('*')) {
            if !new.lines().any(|line| line == table) {
                return Err(format!("{line} does not list {table} any more:\n{new}").into());
            }
        }
        for rule in old.lines().filter(|line| line.starts_with('-')) {
            if !new.lines().any(|line| line == rule) {
                return Err(format!("{line} does not list {rule} any more").into());
            }
        }
        if new.is_empty() {
            continue;
        }
        let another = host.another();
        for text in texts
            .iter()
            .filter(|text| text.program.starts_with("ipset"))
        {
            feed(&another, &text.program, &text.text);
        }
        feed(&another, &line.replace("-save", "-restore"), new);
        let reloaded = uncounted(&another.run(line));
        // iptables-legacy lists its tables in the order in which they came.
        if tables(&reloaded) != tables(new) {
            let differing = differing(new, &reloaded);
            return Err(format!("{line} reloads to another: {differing:#?}").into());
        }
    }
    Ok(())
}

/// What `emit nft --base live` prints loads to the same as `apply` makes.
fn emitted_alike(host: &Host, yaml: &str, applied: &str) -> Result<(), Failed> {
    let arguments = ["emit", "nft", "--base", "live", "--profile", "-"];
    let run = support::ftpnat(&host.namespace, &arguments, yaml);
    if run.status != 0 {
        return Err(format!("emit: {run:?}").into());
    }
    host.load("nft -f -", &run.stdout);
    let loaded = uncounted(&host.namespace.run("nft list ruleset"));
    if loaded != applied {
        let differing = differing(applied, &loaded);
        return Err(format!("emitted, it loads to another: {differing:#?}").into());
    }
    // Nothing is recorded of it: found by its comments.
    host.done(&["remove"], "").map(drop)
}

fn tables(save: &str) -> BTreeSet<&str> {
    save.split("COMMIT\n").collect()
}

/// A client beyond the router reaches the server, on the control port and in the range.
fn packets_pass(host: &Host, profile: &Profile) -> Result<(), Failed> {
    let first = profile.passive.ports.first();
    let last = profile.passive.ports.last();
    for port in [profile.control[0].port, first, last] {
        let found = reach(&host.client, host.called, &host.server, port);
        if found != Reach::Open {
            return Err(format!("port {port} is {found:?}").into());
        }
    }
    Ok(())
}
