//! Several profiles, applied and removed in any order; changed ones; conflicting ones.

use std::fmt::Write as _;

use libtest_mimic::{Failed, Trial};

use crate::host::{Host, differing, read_profile};
use crate::texts::{BACK_ENDS, OFFICE, OFFICE_CHANGED, RIVAL, SHOP, dropping};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for back_end in BACK_ENDS {
        let mut add = |name: &str, run: fn(&str) -> Result<(), Failed>| {
            let name = format!("again/{name}/{back_end}");
            trials.push(Trial::test(name, move || run(back_end)));
        };
        add("any-order", any_order);
        add("one-of-two-removed", one_of_two_removed);
        add("changed", changed);
        add("conflict", conflict);
    }
    trials
}

/// A host whose chains drop, with its listing before.
fn host(back_end: &str) -> Result<Host, Failed> {
    let (_, profile) = read_profile("own-firewall")?;
    let host = Host::new(&profile);
    for (program, text) in dropping(back_end) {
        host.load(&program, text);
    }
    Ok(host)
}

fn apply(host: &Host, back_end: &str, texts: &[&str]) -> Result<(), Failed> {
    let files = host.files(texts);
    let mut line = vec!["apply", "--yes", "--backend", back_end];
    for file in &files {
        line.extend(["--profile", file.as_str()]);
    }
    host.done(&line, "").map(drop)
}

/// What all programs list, without handles.
fn listed(host: &Host) -> String {
    let seen = host.seen();
    let mut all = host.namespace.run("nft list ruleset");
    for (line, text) in &seen.listings[1..] {
        let _ = writeln!(all, "{line}\n{text}");
    }
    crate::host::uncounted(&all)
}

fn same(one: &str, other: &str, when: &str) -> Result<(), Failed> {
    if one == other {
        return Ok(());
    }
    Err(format!("{when}: {:#?}\n{one}\n{other}", differing(one, other)).into())
}

fn any_order(back_end: &str) -> Result<(), Failed> {
    let together = host(back_end)?;
    apply(&together, back_end, &[OFFICE, SHOP])?;
    let expected = listed(&together);
    for name in ["ftpnat:office:", "ftpnat:shop:"] {
        if !expected.contains(name) {
            return Err(format!("no rule of {name}\n{expected}").into());
        }
    }
    for order in [[OFFICE, SHOP], [SHOP, OFFICE]] {
        let one_by_one = host(back_end)?;
        for text in order {
            apply(&one_by_one, back_end, &[text])?;
            one_by_one.done(&["status"], "")?;
        }
        same(&expected, &listed(&one_by_one), "one after the other")?;
    }
    Ok(())
}

fn one_of_two_removed(back_end: &str) -> Result<(), Failed> {
    let host = host(back_end)?;
    let bare = host.seen();
    apply(&host, back_end, &[OFFICE])?;
    let alone = listed(&host);
    apply(&host, back_end, &[SHOP])?;
    host.done(&["remove", "shop"], "")?;
    same(&alone, &listed(&host), "without the second")?;
    host.done(&["status"], "")?;
    let unknown = host.ftpnat(&["remove", "shop"], "");
    if unknown.status != 2 || !unknown.stderr.contains("shop") {
        return Err(format!("what is not installed: {unknown:?}").into());
    }
    same(&alone, &listed(&host), "after what is not installed")?;
    host.done(&["remove", "office"], "")?;
    bare.is_as(&host.seen(), "with none left")
}

fn changed(back_end: &str) -> Result<(), Failed> {
    let fresh = host(back_end)?;
    apply(&fresh, back_end, &[OFFICE_CHANGED, SHOP])?;
    let host = host(back_end)?;
    apply(&host, back_end, &[OFFICE, SHOP])?;
    apply(&host, back_end, &[OFFICE_CHANGED])?;
    let found = listed(&host);
    if found.contains("50000") {
        return Err(format!("the old range is there still\n{found}").into());
    }
    same(&listed(&fresh), &found, "changed")?;
    host.done(&["status"], "").map(drop)
}

fn conflict(back_end: &str) -> Result<(), Failed> {
    let host = host(back_end)?;
    apply(&host, back_end, &[OFFICE])?;
    let before = host.seen();
    let generation = host.generation();
    let files = host.files(&[RIVAL]);
    let line = [
        "apply",
        "--yes",
        "--backend",
        back_end,
        "--profile",
        &files[0],
    ];
    let run = host.ftpnat(&line, "");
    let names = ["office", "rival"];
    if run.status != 2 || !names.iter().all(|name| run.stderr.contains(name)) {
        return Err(format!("{run:?}").into());
    }
    before.is_as(&host.seen(), "after a conflict")?;
    if host.generation() != generation {
        return Err("a conflict committed something".into());
    }
    Ok(())
}
