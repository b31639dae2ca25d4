//! The manual and the README, kept true: the pages are made of the command line
//! and the profile's schema, and every command that they show can be typed.

#![allow(clippy::disallowed_methods, reason = "tests touch files")]

mod checks_page;
mod command_page;
mod examples;
mod profile_page;
mod readme;
mod roff;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn pages() -> [(PathBuf, String); 3] {
    let man = root().join("man");
    [
        (man.join("ftpnat.8"), command_page::page()),
        (man.join("ftpnat-profile.5"), profile_page::page()),
        (man.join("ftpnat-checks.7"), checks_page::page()),
    ]
}

#[test]
fn the_pages_say_what_the_program_does() {
    for (path, page) in pages() {
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &page).expect("written");
        }
        assert!(
            std::fs::read_to_string(&path).ok().as_deref() == Some(page.as_str()),
            "{} is not what the program's own words make of {}.in; \
             rerun with UPDATE_DOCS=1, then read it: man -l {0}",
            path.display(),
            path.display()
        );
    }
}

#[test]
fn every_command_of_the_manual_can_be_typed() {
    let (path, page) = &pages()[0];
    let commands: Vec<String> = roff::examples(page)
        .iter()
        .flat_map(|line| examples::ftpnat_parts(line))
        .collect();
    assert!(commands.len() >= 8, "{}: {commands:#?}", path.display());
    for command in commands {
        examples::assert_parses(&command);
    }
}

/// What groff makes of the pages on a terminal of 80 columns, without a warning.
#[test]
fn the_pages_fit_a_terminal() {
    for (path, page) in pages() {
        let forgotten = page.lines().find(|line| line.starts_with('@'));
        assert_eq!(forgotten, None, "{}", path.display());
        assert!(page.is_ascii(), "{}: groff reads ASCII", path.display());
        let shown = groff(&page);
        for line in shown.lines() {
            let width = line.chars().count();
            assert!(width <= 80, "{}: {width} columns: {line}", path.display());
        }
    }
}

fn groff(page: &str) -> String {
    let mut child = Command::new("groff")
        .args(["-man", "-Tutf8", "-ww", "-rLL=80n", "-P-cbou"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("groff reads the pages: install groff-base");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(page.as_bytes()).expect("read by groff");
    drop(stdin);
    let output = child.wait_with_output().expect("groff ends");
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && warnings.is_empty(), "{warnings}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
