//! Rulesets as people post them when FTP fails, and what their threads came to: `check
//! --rules` must name that cause, and none where the thread's cure is applied.
//!
//! The rulesets are written anew in the structure of those threads; `ORIGIN` in each folder
//! says which thread, and what its answer was.
#![allow(clippy::disallowed_methods, reason = "tests run the program")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Error findings in their order, and the exit status.
fn errors(rules: &Path, profile: &Path) -> (Vec<String>, i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ftpnat"))
        .args(["check", "--output", "json", "--rules"])
        .arg(rules)
        .arg("--profile")
        .arg(profile)
        .output()
        .expect("ftpnat runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|e| {
        let said = String::from_utf8_lossy(&output.stderr);
        panic!("{}: {e}: {text}{said}", rules.display())
    });
    let findings = report["findings"].as_array().expect("a list");
    let errors = findings.iter().filter(|f| f["severity"] == "error");
    let ids = errors.map(|f| f["id"].as_str().expect("text").to_owned());
    (
        ids.collect(),
        output.status.code().expect("no signal"),
        text,
    )
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/forum");
    let entries = std::fs::read_dir(&root).expect("a folder");
    let mut folders: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    folders.sort();
    folders
}

/// Where the server's own settings are a part of the cure, it has one of its own.
fn profile_of_the_cure(folder: &Path) -> PathBuf {
    let fixed = folder.join("profile.fixed.yaml");
    if fixed.exists() {
        fixed
    } else {
        folder.join("profile.yaml")
    }
}

#[test]
fn the_verdict_is_the_threads_answer() {
    let mut wrong = Vec::new();
    let folders = folders();
    for folder in &folders {
        let expected = std::fs::read_to_string(folder.join("expected")).expect("text");
        let expected: Vec<&str> = expected.lines().collect();
        let (found, status, text) =
            errors(&folder.join("rules.save"), &folder.join("profile.yaml"));
        let expected_status = if expected.is_empty() { 3 } else { 1 };
        if found != expected || status != expected_status {
            let name = folder.display();
            wrong.push(format!(
                "{name}: {expected:?}, not {found:?} ({status}): {text}"
            ));
        }
    }
    assert!(folders.len() >= 10, "the rulesets were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Nothing of the host was seen, so that the status is 3 and not 0.
#[test]
fn the_threads_cure_leaves_nothing() {
    let mut wrong = Vec::new();
    for folder in folders() {
        let profile = profile_of_the_cure(&folder);
        let (found, status, text) = errors(&folder.join("rules.fixed.save"), &profile);
        if !found.is_empty() || status != 3 {
            wrong.push(format!(
                "{}: {found:?} ({status}): {text}",
                folder.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whole tables come out of `emit`, so that its text can be judged as well.
#[test]
fn what_emit_makes_of_it_lets_clients_in() {
    let mut judged = 0;
    for folder in folders() {
        let rules = folder.join("rules.save");
        let is_list = std::fs::read_to_string(&rules).is_ok_and(|text| text.starts_with("-P"));
        if is_list {
            continue;
        }
        let profile = profile_of_the_cure(&folder);
        let output = Command::new(env!("CARGO_BIN_EXE_ftpnat"))
            .args(["emit", "iptables", "--base"])
            .arg(&rules)
            .arg("--profile")
            .arg(&profile)
            .output()
            .expect("ftpnat runs");
        assert!(output.status.success(), "{}: {output:?}", folder.display());
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("forum");
        std::fs::create_dir_all(&place).expect("made");
        let cured = place.join(folder.file_name().expect("a name"));
        std::fs::write(&cured, output.stdout).expect("written");
        let (found, status, text) = errors(&cured, &profile);
        assert!(
            found.is_empty() && status == 3,
            "{}: {text}",
            folder.display()
        );
        judged += 1;
    }
    assert!(judged >= 9, "most are saved texts");
}

#[test]
fn every_ruleset_says_where_it_is_from() {
    for folder in folders() {
        let origin = std::fs::read_to_string(folder.join("ORIGIN")).expect("text");
        assert!(origin.lines().count() >= 4, "{}", folder.display());
    }
}
