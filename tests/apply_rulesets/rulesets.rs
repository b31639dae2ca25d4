//! The real rulesets, and what loads them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::host::feed;
use crate::support::netns::Namespace;

/// The folders of the real rulesets.
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

/// The name of a folder.
pub(crate) fn name(folder: &Path) -> String {
    let name = folder.file_name().expect("a name");
    name.to_string_lossy().into_owned()
}

/// The programs that load the files of a folder, in their order.
pub(crate) struct Text {
    /// With its arguments.
    pub(crate) program: String,
    /// What it loads.
    pub(crate) text: String,
}

/// The files of a folder; those of iptables by its programs of this back end, if any is
/// named.
pub(crate) fn texts(folder: &Path, back_end: Option<&str>) -> Vec<Text> {
    let mut found = Vec::new();
    for (file, program, usual) in [
        ("ipset.save", "ipset restore", ""),
        ("ruleset.nft", "nft -f -", ""),
        ("iptables.save", "iptables", "nft"),
        ("ip6tables.save", "ip6tables", "nft"),
        ("iptables-legacy.save", "iptables", "legacy"),
        ("ip6tables-legacy.save", "ip6tables", "legacy"),
    ] {
        let Ok(text) = fs::read_to_string(folder.join(file)) else {
            continue;
        };
        let program = if usual.is_empty() {
            program.to_owned()
        } else {
            format!("{program}-{}-restore", back_end.unwrap_or(usual))
        };
        let text = if file == "ruleset.nft" {
            without_flowtable(&text)
        } else {
            text
        };
        found.push(Text { program, text });
    }
    found
}

/// Loads them.
pub(crate) fn load(namespace: &Namespace, texts: &[Text]) {
    for text in texts {
        feed(namespace, &text.program, &text.text);
    }
}

/// A ruleset of fw4 without its flowtable, and the rule that uses it: this kernel may have
/// none, and they have no part in what is played here.
fn without_flowtable(text: &str) -> String {
    let Some(start) = text.find("flowtable ft {") else {
        return text.to_owned();
    };
    let end = start + text[start..].find("\n\t}\n").expect("its end") + 3;
    let rest = format!("{}{}", &text[..start], &text[end..]);
    let lines = rest.split_inclusive('\n');
    lines
        .filter(|line| !line.contains("flow offload"))
        .collect()
}
