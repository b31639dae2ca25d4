//! Real rulesets (tests/data/rulesets/real/*/ORIGIN says whence): loaded, read back,
//! understood, and printed as their own tools print them.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use ftpnat::ruleset::live::Ruleset;
use libtest_mimic::Trial;

use crate::agreement::agree;
use crate::held::{Held, not_understood};

/// What is not understood in them: folder, expression, match or target, and why not.
const NOT_UNDERSTOOD: &[(&str, &str, &str)] = &[];

/// Folders whose flowtable is left out where the kernel has none (`nf_flow_table`).
const WITH_FLOWTABLE: &[&str] = &["fw4"];

/// The folders of all of them, in order.
pub(crate) fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rulesets/real");
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .expect("the rulesets")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.sort();
    assert!(folders.len() > 30, "the rulesets are there");
    folders
}

pub(crate) fn trials() -> Vec<Trial> {
    folders()
        .into_iter()
        .map(|folder| {
            let name = folder.file_name().expect("a name").to_string_lossy();
            Trial::test(format!("real::{name}"), move || {
                play(&folder);
                Ok(())
            })
        })
        .collect()
}

/// The programs that load the files of a folder.
const LOADERS: [(&str, &str); 6] = [
    ("ipset.save", "ipset restore"),
    ("ruleset.nft", "nft -f -"),
    ("iptables.save", "iptables-nft-restore"),
    ("ip6tables.save", "ip6tables-nft-restore"),
    ("iptables-legacy.save", "iptables-legacy-restore"),
    ("ip6tables-legacy.save", "ip6tables-legacy-restore"),
];

fn play(folder: &Path) {
    let name = folder.file_name().expect("a name").to_string_lossy();
    let origin = fs::read_to_string(folder.join("ORIGIN")).expect("whence it is");
    assert!(
        ["Recorded: ", "Generated: "]
            .iter()
            .any(|how| origin.starts_with(how)),
        "{origin}"
    );
    let held = loaded(folder);
    let ruleset = held.recorded();
    assert_eq!(ruleset.unread, []);
    understood(&name, &ruleset);
    agree(&held, &ruleset, &name);
}

/// A namespace with the ruleset of a folder.
pub(crate) fn loaded(folder: &Path) -> Held {
    let name = folder.file_name().expect("a name").to_string_lossy();
    let held = Held::new();
    held.namespace
        .ip("link add eth0 type veth peer name far0\nlink add eth1 type veth peer name far1");
    for (file, program) in LOADERS {
        if let Ok(text) = fs::read_to_string(folder.join(file)) {
            let text = if WITH_FLOWTABLE.contains(&&*name) && !has_flowtables(&held) {
                without_flowtable(&text)
            } else {
                text
            };
            held.feed(program, &text);
        }
    }
    held
}

fn has_flowtables(held: &Held) -> bool {
    let text = "table inet t { flowtable f { hook ingress priority 0; devices = { lo }; }; }";
    let output = held.namespace.feed("nft", &["-c", "-f", "-"], text);
    output.status.success()
}

/// A ruleset of fw4 without its flowtable, and the rule that uses it.
fn without_flowtable(text: &str) -> String {
    println!("this kernel has no flowtables: that of the ruleset is left out");
    let start = text.find("flowtable ft {").expect("a flowtable");
    let end = start + text[start..].find("\n\t}\n").expect("its end") + 3;
    let rest = format!("{}{}", &text[..start], &text[end..]);
    let lines = rest.split_inclusive('\n');
    lines
        .filter(|line| !line.contains("flow offload"))
        .collect()
}

/// Nothing is opaque but what the table lists, and all of that is there.
fn understood(name: &str, ruleset: &Ruleset) {
    let found = not_understood(ruleset);
    let known = NOT_UNDERSTOOD.iter().filter(|(folder, ..)| *folder == name);
    let known: Vec<&str> = known.map(|(_, what, _)| *what).collect();
    let mut fault = String::new();
    for what in &found {
        if !known.contains(&what.as_str()) {
            let _ = writeln!(fault, "{what} is not understood");
        }
    }
    for what in known {
        if !found.iter().any(|found| found == what) {
            let _ = writeln!(fault, "{what} is listed, and understood");
        }
    }
    assert!(fault.is_empty(), "{fault}");
}
