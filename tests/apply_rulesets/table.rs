//! What something came to on each real ruleset: a table to be read, `UPDATE_GOLDEN=1` writes
//! it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use libtest_mimic::Failed;

use crate::TABLE;

/// A table.
pub(crate) struct Table {
    /// Its file in the project.
    pub(crate) file: &'static str,
    /// What it says of itself.
    pub(crate) head: &'static str,
}

static FOUND: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE.file)
}

fn is_updated() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// Compares what was found on a ruleset with the table: each line and what belongs to it is
/// there, and where all was played nothing else.
pub(crate) fn agrees(ruleset: &str, found: &str, is_all: bool) -> Result<(), Failed> {
    if is_updated() {
        let mut all = FOUND.lock().expect("nobody panics with it");
        all.insert(ruleset.to_owned(), found.to_owned());
        return Ok(());
    }
    let known = known();
    let expected = known.get(ruleset).map_or("", String::as_str);
    let is_there = |block: &str| blocks(expected).any(|known| known == block);
    if blocks(found).all(is_there) && (!is_all || expected.trim_end() == found.trim_end()) {
        return Ok(());
    }
    Err(format!(
        "{ruleset}: this differs from {}; read it, then rerun with UPDATE_GOLDEN=1\n\
         expected:\n{expected}\nfound:\n{found}",
        file().display()
    )
    .into())
}

/// The parts of a ruleset's part: a line at its edge, with those that are set in behind it.
fn blocks(part: &str) -> impl Iterator<Item = &str> {
    let mut rest = part.trim_end();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let next = rest.match_indices('\n').map(|(at, _)| at + 1);
        let mut next = next.filter(|&at| !rest[at..].starts_with(' '));
        let (block, left) = rest.split_at(next.next().unwrap_or(rest.len()));
        rest = left;
        Some(block.trim_end())
    })
}

/// The parts of the table, by ruleset.
fn known() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file()).unwrap_or_default();
    let parts = text.split("\n# ").skip(1);
    let named = parts.filter_map(|part| part.split_once('\n'));
    named
        .map(|(name, part)| (name.to_owned(), part.to_owned()))
        .collect()
}

/// Writes the table where that is asked for; what was not played stays.
pub(crate) fn update() {
    if !is_updated() {
        return;
    }
    let mut all = known();
    all.append(&mut FOUND.lock().expect("nobody panics with it"));
    let mut text = TABLE.head.to_owned();
    for (name, part) in &all {
        let _ = write!(text, "\n# {name}\n{}\n", part.trim_end());
    }
    let file = file();
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    std::fs::write(file, text).expect("the table");
}
