//! Help, version, misuse, and names that a terminal would obey.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use crate::{directory, ftpnat, profile, program, ran, write};

#[test]
fn help_and_version_are_answers() {
    let version = ftpnat(&["--version"]).done();
    assert_eq!(version, concat!("ftpnat ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(ftpnat(&["-V"]).done(), version);
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["help"],
        &["plan", "--help"],
        &["plan", "-h"],
        &["emit", "--help"],
        &["emit", "-h"],
        &["check", "--help"],
        &["check", "-h"],
        &["explain", "--help"],
        &["snapshot", "--help"],
        &["schema", "--help"],
        &["completions", "--help"],
        &["help", "emit"],
    ] {
        let help = ftpnat(arguments).done();
        assert!(help.contains("Usage: ftpnat"), "{help}");
        for line in help.lines() {
            let width = line.chars().count();
            assert!(width <= 80, "{arguments:?}: {width} columns: {line}");
        }
    }
}

#[test]
fn misuse_has_status_2() {
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["plan"],
        &["plan", "-p"],
        &["emit", "-p", "profiles/gateway.yaml"],
        &["emit", "pf", "-p", "profiles/gateway.yaml"],
        &["plan", "-p", "profiles/gateway.yaml", "--color", "mauve"],
        &[
            "check",
            "--probe",
            "--snapshot",
            "x",
            "-p",
            "profiles/gateway.yaml",
        ],
        &["check", "--rules", "Cargo.toml"],
        &[
            "check",
            "--rules",
            "Cargo.toml",
            "--probe",
            "-p",
            "profiles/gateway.yaml",
        ],
        &[
            "check",
            "--rules",
            "Cargo.toml",
            "--snapshot",
            "x",
            "-p",
            "profiles/gateway.yaml",
        ],
        &["check", "--rules", "-", "-p", "-"],
        &["snapshot"],
        &["completions"],
        &["completions", "tcsh"],
    ] {
        ftpnat(arguments).refused(2);
    }
}

#[test]
fn schema_and_completions_are_printed() {
    let schema = ftpnat(&["schema"]).done();
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    assert_eq!(schema["title"], "ftpnat profile");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(ftpnat(&["completions", shell]).done().contains("ftpnat"));
    }
}

/// Nothing that a terminal would obey, but line breaks and the colours that
/// ftpnat makes itself.
#[track_caller]
fn harmless(text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && c != '\n') {
        let colour = rest[at..].strip_prefix("\u{1b}[").and_then(|after| {
            let end = after.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            after[end..].strip_prefix('m')
        });
        rest = colour.unwrap_or_else(|| panic!("{text:?}"));
    }
}

#[test]
fn names_of_files_cannot_reach_the_terminal() {
    let directory = directory("names");
    for name in ["a\u{1b}[2J\u{9b}31m\r.yaml", "b\nerror: c.yaml"] {
        let missing = directory.join(name);
        let missing = missing.to_str().expect("UTF-8");
        let empty = directory.join(format!("{name}.d"));
        std::fs::create_dir(&empty).expect("made");
        let broken = write(&directory.join(name.replace('a', "x")), "name: A\n");
        let same = write(
            &directory.join(name.replace('a', "y")),
            profile("same", 50000),
        );
        let other = write(&directory.join("other.yaml"), profile("same", 51000));
        for arguments in [
            &["plan", "-p", missing][..],
            &["plan", "-p", empty.to_str().expect("UTF-8")],
            &["plan", "-p", &broken],
            &["plan", "-p", &same, "-p", &other],
            &["emit", "iptables", "-p", &other, "--base", missing],
            &["emit", "iptables", "-p", &other, "--base", &broken],
            &["emit", "nft", "-p", &other, "--base", missing],
            &["check", "-p", &other, "--rules", missing],
            &["check", "-p", &other, "--rules", &broken],
            &["plan", missing],
            &["plan", "-p", &other, "--output", missing],
            &[missing],
        ] {
            for color in ["always", "never"] {
                let ran = ftpnat(&[arguments, &["--color", color]].concat());
                assert!(ran.status >= 2, "{ran:#?}");
                harmless(&ran.stderr);
                let forged = ran.stderr.lines().any(|l| l.starts_with("error: c.yaml"));
                assert!(!forged, "{ran:#?}");
            }
        }
    }
}

#[test]
fn the_name_in_the_next_commands_can_be_pasted() {
    let directory = directory("paste");
    let path = write(
        &directory.join("it's my\u{1b}[2J $(x).yaml"),
        profile("a", 50000),
    );
    let plan = ftpnat(&["plan", "--color", "always", "-p", &path]).done();
    harmless(&plan);
    let path = write(&directory.join("it's $(x).yaml"), profile("a", 50000));
    let plan = ftpnat(&["plan", "-p", &path]).done();
    assert!(plan.contains(r"it'\''s $(x).yaml'"), "{plan}");
}

#[test]
fn arguments_need_not_be_text() {
    let ran = ran(program()
        .args(["plan", "-p"])
        .arg(OsStr::from_bytes(b"\xff.yaml")));
    ran.refused(2);
}
