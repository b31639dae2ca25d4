//! Broken profiles, and the whole text that their author gets to read.

#![allow(clippy::disallowed_methods, reason = "tests touch files")]

use std::fs;
use std::path::{Path, PathBuf};

use ftpnat::profile::{self, MAX_BYTES, ProfileErrors};
use proptest::prelude::*;

fn data(below: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(below);
    let entries = fs::read_dir(&directory).expect("a directory of profiles");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "bin"))
        .collect();
    files.sort();
    files
}

fn refuse(path: &Path) -> ProfileErrors {
    let name = path.file_name().expect("a name").to_string_lossy();
    let text = fs::read(path).expect("a profile");
    match profile::parse(&name, &text) {
        Err(errors) => errors,
        Ok(profile) => panic!("{name} was accepted: {profile:#?}"),
    }
}

#[test]
fn every_broken_profile_says_what_it_said() {
    let mut wrong = Vec::new();
    let files = data("tests/data/profile-errors");
    for path in &files {
        let got = refuse(path).render(false);
        let golden = path.with_extension("stderr");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &got).expect("written");
        } else if fs::read_to_string(&golden).ok().as_deref() != Some(got.as_str()) {
            wrong.push(format!("--- {}\n{got}", golden.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "these differ; read them, then rerun with UPDATE_GOLDEN=1\n{}",
        wrong.join("\n"),
    );
    assert!(files.len() >= 45, "{} cases", files.len());
}

#[test]
fn renderings_are_safe_and_fit_a_terminal() {
    for path in data("tests/data/profile-errors") {
        let errors = refuse(&path);
        let plain = errors.render(false);
        for line in plain.lines() {
            let width = line.chars().count();
            assert!(width <= 80, "{}: {width} columns: {line}", path.display());
            assert!(
                !line.contains(char::is_control),
                "{}: {line:?}",
                path.display()
            );
        }
        for error in errors.errors() {
            for text in std::iter::once(&error.message).chain(&error.help) {
                assert!(!text.contains(char::is_control), "{text:?}");
                assert!(!text.ends_with('.'), "{text}");
            }
        }
    }
}
