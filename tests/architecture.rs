//! The direction of the modules, held by reading their text: effects stay in
//! `sys`, and the core does not look up to those who use it.
#![allow(clippy::disallowed_methods, reason = "this test reads the sources")]

use std::fs;
use std::path::{Path, PathBuf};

/// Who may name whom; a module may always name itself.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("profile", &["model"]),
    ("facts", &["model"]),
    ("ruleset", &["model", "facts"]),
    ("plan", &["model", "profile", "facts", "ruleset"]),
    ("probe", &["model", "sys"]),
    (
        "lab",
        &[
            "model", "profile", "facts", "ruleset", "plan", "render", "probe", "sys",
        ],
    ),
    ("render", &["model", "profile", "facts", "ruleset", "plan"]),
    (
        "check",
        &["model", "profile", "facts", "ruleset", "plan", "probe"],
    ),
    (
        "apply",
        &[
            "model", "profile", "facts", "ruleset", "plan", "render", "sys",
        ],
    ),
    (
        "output",
        &[
            "model", "profile", "facts", "ruleset", "plan", "render", "check", "apply", "lab",
            "probe",
        ],
    ),
    ("cli", &[]),
    ("sys", &["model", "facts", "ruleset"]),
    (
        "commands",
        &[
            "model", "profile", "facts", "ruleset", "plan", "render", "check", "apply", "output",
            "cli", "sys", "probe", "lab",
        ],
    ),
];

/// The longest a file may be before it has more than one subject.
const MOST_LINES: usize = 400;

#[test]
fn modules_name_only_what_is_below_them() {
    let mut faults = Vec::new();
    for (file, module, text) in sources() {
        let depth = file.components().count() - usize::from(file.ends_with("mod.rs"));
        faults.extend(
            upward(&module, depth, &text)
                .into_iter()
                .map(|f| format!("{}:{f}", file.display())),
        );
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_planted_look_upward_is_seen() {
    assert_eq!(upward("plan", 2, "use crate::sys::files;").len(), 1);
    assert_eq!(
        upward("plan", 2, "fn f() { crate::render::nftables::x() }").len(),
        1
    );
    assert_eq!(upward("plan", 2, "use super::super::sys;").len(), 1);
    assert_eq!(
        upward("plan", 2, "use crate::model::net; use super::parts;").len(),
        0
    );
    assert_eq!(upward("plan", 2, "/// see [`crate::sys`]").len(), 0);
}

#[test]
fn every_module_is_listed_says_what_it_is_and_keeps_to_one_subject() {
    for (file, module, text) in sources() {
        assert!(
            MAY_NAME.iter().any(|(m, _)| *m == module),
            "{} is in no known module",
            file.display()
        );
        assert!(
            text.starts_with("//!"),
            "{} does not begin with what it is",
            file.display()
        );
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines", file.display());
    }
}

/// What `probe` decides has no socket: only what plays it has.
#[test]
fn only_the_runners_of_probe_touch_the_host() {
    let mut found = 0;
    for (file, module, text) in sources() {
        let is_runner = file.ends_with("runner.rs") || file.starts_with("probe/runner");
        if module == "probe" && !is_runner {
            assert!(!text.contains("crate::sys"), "{}", file.display());
            found += 1;
        }
    }
    assert!(found > 3, "the files were found");
}

/// Files below `src/`, but for `lib.rs` and `main.rs`: path, top module, text.
fn sources() -> Vec<(PathBuf, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src is readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let file = path.strip_prefix(&root).expect("below src").to_owned();
            let top = file
                .components()
                .next()
                .expect("a name")
                .as_os_str()
                .to_string_lossy();
            let module = top.trim_end_matches(".rs").to_owned();
            if module != "lib" && module != "main" {
                found.push((file, module, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    assert!(found.len() > 30, "the sources were found");
    found
}

/// Lines that name a module which `module` may not, with their numbers. `depth`:
/// how many `super` lead from the file to the crate's root.
fn upward(module: &str, depth: usize, text: &str) -> Vec<String> {
    let allowed = MAY_NAME
        .iter()
        .find(|(m, _)| *m == module)
        .map_or(&[][..], |(_, a)| a);
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let to_root = "super::".repeat(depth);
        for prefix in ["crate::", to_root.as_str()] {
            for (at, _) in code.match_indices(prefix) {
                let rest = &code[at + prefix.len()..];
                let named: String = rest
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                let known = MAY_NAME.iter().any(|(m, _)| *m == named);
                if known && named != module && !allowed.contains(&named.as_str()) {
                    faults.push(format!(
                        "{}: {module} names {named}: {}",
                        number + 1,
                        line.trim()
                    ));
                }
            }
        }
    }
    faults
}
