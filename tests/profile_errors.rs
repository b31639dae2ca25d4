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

#[test]
fn a_file_over_one_mebibyte_is_not_parsed() {
    let text = vec![b'\n'; MAX_BYTES + 1];
    let errors = profile::parse("big.yaml", &text).expect_err("too large");
    assert_eq!(
        errors.to_string(),
        "big.yaml:1:1: the file is 1048577 bytes long"
    );
    let shown = errors.render(false);
    assert!(shown.contains("a profile has at most 1 MiB"), "{shown}");
}

#[test]
fn the_label_of_a_file_cannot_reach_the_terminal() {
    let errors = profile::parse("a\u{1b}[2J.yaml", b"").expect_err("empty");
    for text in [errors.render(false), errors.to_string()] {
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
    assert!(errors.render(true).contains("\u{1b}["), "colours");
}

#[test]
fn shipped_profiles_are_valid_and_differ() {
    let profiles: Vec<_> = data("profiles")
        .iter()
        .map(|path| {
            let text = fs::read(path).expect("a profile");
            profile::parse(&path.to_string_lossy(), &text)
                .unwrap_or_else(|e| panic!("{}", e.render(false)))
        })
        .collect();
    assert!(profiles.len() >= 11, "{} profiles", profiles.len());
    let mut names: Vec<_> = profiles.iter().map(|profile| &profile.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), profiles.len());
}

#[test]
fn the_two_servers_of_the_examples_stand_together() {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("profiles")
            .join(name);
        profile::parse(name, &fs::read(path).expect("a profile")).expect("valid")
    };
    let (a, b) = (read("two-servers-a.yaml"), read("two-servers-b.yaml"));
    assert_eq!(profile::conflicts(&[a.clone(), b]), []);
    let found = profile::conflicts(&[a, read("gateway.yaml")]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        found[0].to_string(),
        "two-servers-a (two-servers-a.yaml) and gateway (gateway.yaml) both claim \
         control port 21 of 198.51.100.1",
    );
}

/// Places of every error are inside the text, and the rendering holds nothing
/// that a terminal would obey.
fn refused_or_accepted(text: &[u8]) -> Result<(), TestCaseError> {
    let Err(errors) = profile::parse("p.yaml", text) else {
        return Ok(());
    };
    prop_assert!(!errors.errors().is_empty());
    for error in errors.errors() {
        let before = errors.text().get(..error.span.start);
        prop_assert!(before.is_some() && errors.text().get(error.span.clone()).is_some());
        let before = before.unwrap_or_default();
        prop_assert_eq!(error.line, before.matches('\n').count() + 1);
        let line = before.rsplit('\n').next().unwrap_or_default();
        prop_assert_eq!(error.column, line.chars().count() + 1);
    }
    let shown = errors.render(false);
    prop_assert!(shown.ends_with('\n'));
    prop_assert!(
        !shown.contains(|c: char| c.is_control() && c != '\n'),
        "{:?}",
        shown
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
        refused_or_accepted(&text)?;
    }

    #[test]
    fn random_yaml_never_panics(text in "([a-z0-9é:\\-\\[\\]{},&*!#|>'\"%@\\\\/ .\t\r\n\u{85}\u{2028}]|name: |passive: |  |- ){0,60}") {
        refused_or_accepted(text.as_bytes())?;
    }

    #[test]
    fn mutated_profiles_never_panic(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..20_usize, prop::collection::vec(any::<u8>(), 0..6)),
            1..6,
        ),
    ) {
        let files = data("profiles");
        let mut text = fs::read(which.get(&files)).expect("a profile");
        for (at, length, with) in cuts {
            let at = at.index(text.len() + 1);
            let end = (at + length).min(text.len());
            text.splice(at..end, with);
        }
        refused_or_accepted(&text)?;
    }
}
