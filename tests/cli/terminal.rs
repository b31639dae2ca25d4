//! Colours, and readers that go away.

use std::fs::File;
use std::process::Stdio;

use crate::{ftpnat, program, ran};

const PLAN: [&str; 3] = ["plan", "-p", "profiles/gateway.yaml"];

#[test]
fn colours_are_for_terminals_or_on_demand() {
    let plain = ftpnat(&PLAN).done();
    assert!(!plain.contains('\u{1b}'));
    let always = [&PLAN[..], &["--color", "always"]].concat();
    let coloured = ftpnat(&always).done();
    assert!(coloured.contains("\u{1b}["));
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    let demanded = ran(program().args(&always).env("NO_COLOR", "1")).done();
    assert_eq!(demanded, coloured, "what is typed comes before NO_COLOR");
    let never = ran(program()
        .args(PLAN)
        .args(["--color", "never"])
        .env("CLICOLOR_FORCE", "1"));
    assert_eq!(never.done(), plain);
    let no_color = ran(program().args(PLAN).env("NO_COLOR", "1"));
    assert_eq!(no_color.done(), plain);
}

#[test]
fn rules_and_json_have_no_colours() {
    for arguments in [
        &[
            "emit",
            "nft",
            "--base",
            "none",
            "-p",
            "profiles/gateway.yaml",
        ][..],
        &["plan", "--output", "json", "-p", "profiles/gateway.yaml"],
        &["schema"],
    ] {
        let text = ftpnat(&[arguments, &["--color", "always"]].concat()).done();
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn errors_are_coloured_on_demand() {
    let arguments = ["plan", "-p", "no-such.yaml", "--color"];
    let always = ftpnat(&[&arguments[..], &["always"]].concat()).refused(2);
    assert!(always.contains("\u{1b}["), "{always}");
    let never = ftpnat(&[&arguments[..], &["never"]].concat()).refused(2);
    assert!(never.starts_with("error: "), "{never}");
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    for arguments in [
        &PLAN[..],
        &["plan", "--output", "json", "-p", "profiles/gateway.yaml"],
        &[
            "emit",
            "nft",
            "--base",
            "none",
            "-p",
            "profiles/gateway.yaml",
        ],
        &["schema"],
        &["completions", "bash"],
        &["--help"],
        &["--version"],
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let status = program()
            .args(arguments)
            .stdout(writer)
            .stderr(Stdio::null())
            .status()
            .expect("ftpnat runs");
        assert_eq!(status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    for arguments in [&PLAN[..], &["schema"], &["--help"]] {
        let full = File::create("/dev/full").expect("a device");
        let output = program().args(arguments).stdout(full).output();
        let status = output.expect("ftpnat runs").status.code();
        assert_eq!(status, Some(3), "{arguments:?}");
    }
}
