//! `plan --output json` and `ftpnat.error/1`: exactly the documented keys.

use serde_json::Value;

use crate::golden::{Golden, shipped};
use crate::{directory, ftpnat, ftpnat_reading, profile, write};

#[track_caller]
pub(crate) fn keys(object: &Value, expected: &[&str]) {
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    let mut found: Vec<&str> = object
        .as_object()
        .unwrap_or_else(|| panic!("{object} is no object"))
        .keys()
        .map(String::as_str)
        .collect();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[track_caller]
fn one_of(value: &Value, words: &[&str]) {
    let word = value.as_str().unwrap_or_else(|| panic!("{value}"));
    assert!(words.contains(&word), "{word}");
}

/// The objects of a list.
#[track_caller]
pub(crate) fn list<'a>(object: &'a Value, key: &str) -> &'a Vec<Value> {
    object[key].as_array().unwrap_or_else(|| panic!("{key}"))
}

#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

fn documented_plan(plan: &Value) {
    keys(
        plan,
        &[
            "format",
            "profile",
            "rules",
            "modules",
            "sysctls",
            "server",
            "upstream",
            "predictions",
            "host",
            "missing",
            "findings",
        ],
    );
    assert_eq!(plan["format"], "ftpnat.plan/1");
    for rule in list(plan, "rules") {
        keys(rule, &["name", "hook", "text", "why"]);
        for key in ["name", "hook", "text", "why"] {
            text(&rule[key]);
        }
    }
    for module in list(plan, "modules") {
        text(module);
    }
    for sysctl in list(plan, "sysctls") {
        keys(sysctl, &["key", "value", "why"]);
    }
    for setting in list(plan, "server") {
        keys(setting, &["file", "text", "why"]);
    }
    for upstream in list(plan, "upstream") {
        keys(upstream, &["ports", "sources", "to", "why"]);
    }
    list(plan, "predictions").iter().for_each(documented_cell);
    list(plan, "host").iter().for_each(documented_standing);
    for name in plan["missing"].as_array().into_iter().flatten() {
        text(name);
    }
    list(plan, "findings").iter().for_each(documented_finding);
}

fn documented_standing(standing: &Value) {
    keys(
        standing,
        &[
            "connections",
            "family",
            "from",
            "ports",
            "state",
            "by",
            "why",
        ],
    );
    one_of(
        &standing["connections"],
        &["control", "passive-data", "active-data"],
    );
    one_of(&standing["family"], &["ipv4", "ipv6"]);
    one_of(&standing["from"], &FROM);
    text(&standing["ports"]);
    one_of(&standing["state"], &["open", "blocked", "unknown"]);
    if !standing["by"].is_null() {
        keys(&standing["by"], &["source", "text"]);
    }
    let is_told = standing["by"].is_object() || standing["why"].is_string();
    assert!(is_told || standing["state"] == "open", "{standing}");
}

/// From where clients call.
const FROM: [&str; 4] = ["outside", "inside-external", "inside-direct", "gateway"];

fn documented_cell(cell: &Value) {
    keys(
        cell,
        &[
            "client",
            "tls",
            "family",
            "from",
            "control_port",
            "outcome",
            "because",
        ],
    );
    one_of(&cell["client"], &["pasv", "epsv", "port", "eprt"]);
    assert!(cell["tls"].is_boolean(), "{cell}");
    one_of(&cell["family"], &["ipv4", "ipv6"]);
    one_of(&cell["from"], &FROM);
    assert!(cell["control_port"].is_u64(), "{cell}");
    one_of(&cell["outcome"], &["works", "fails", "not-offered"]);
    assert_eq!(
        cell["because"].is_null(),
        cell["outcome"] != "fails",
        "{cell}"
    );
    if let Some(check) = cell["because"].as_str() {
        check_id(check);
    }
}

pub(crate) fn documented_finding(finding: &Value) {
    keys(
        finding,
        &["id", "name", "severity", "summary", "evidence", "remedy"],
    );
    check_id(text(&finding["id"]));
    one_of(&finding["severity"], &["error", "warning", "note"]);
    for evidence in list(finding, "evidence") {
        keys(evidence, &["source", "text"]);
    }
    for remedy in list(finding, "remedy") {
        keys(remedy, &["kind", "file", "text"]);
        one_of(&remedy["kind"], &["command", "config"]);
    }
}

fn check_id(id: &str) {
    let number = id.strip_prefix("FN").unwrap_or_default();
    assert!(
        number.len() == 3 && number.chars().all(|c| c.is_ascii_digit()),
        "{id}"
    );
}

#[test]
fn plans_have_exactly_the_documented_keys() {
    let mut golden = Golden::default();
    for name in shipped() {
        let path = format!("profiles/{name}.yaml");
        let line = ftpnat(&["plan", "--output", "json", "--profile", &path]).done();
        assert_eq!(line.matches('\n').count(), 1, "one line: {line}");
        let mut plan: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(plan["profile"], name);
        documented_plan(&plan);
        // What is said of the host that the test runs on.
        for key in ["host", "missing"] {
            plan.as_object_mut().and_then(|o| o.remove(key)).expect(key);
        }
        let pretty = serde_json::to_string_pretty(&plan).expect("JSON") + "\n";
        golden.compare(&format!("plan/{name}.json"), &pretty);
    }
    golden.finish();
}

#[test]
fn several_profiles_are_one_object_a_line() {
    let lines = ftpnat(&[
        "plan",
        "--output=json",
        "-p",
        "profiles/two-servers-b.yaml",
        "-p",
        "profiles/two-servers-a.yaml",
    ])
    .done();
    let names: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["profile"].clone())
        .collect();
    assert_eq!(names, ["two-servers-a", "two-servers-b"]);
}

#[track_caller]
fn documented_error(text: &str, status: i32) -> Value {
    assert_eq!(text.matches('\n').count(), 1, "one line: {text}");
    let error: Value = serde_json::from_str(text).expect("JSON");
    keys(&error, &["format", "status", "message", "places"]);
    assert_eq!(error["format"], "ftpnat.error/1");
    assert_eq!(error["status"], status);
    for place in list(&error, "places") {
        keys(place, &["file", "line", "column", "text"]);
        assert!(place["line"].is_u64() && place["column"].is_u64());
    }
    let message = error["message"].as_str().expect("text");
    assert!(
        !message.is_empty() && !message.contains('\u{1b}'),
        "{message}"
    );
    error
}

#[test]
fn a_broken_profile_is_told_with_its_places() {
    let broken = "name: Office\npassive:\n  ports: 50000-40000\n";
    let ran = ftpnat_reading(&["plan", "--output", "json", "-p", "-"], broken);
    assert_eq!((ran.status, ran.stderr.as_str()), (2, ""), "{ran:#?}");
    let error = documented_error(&ran.stdout, 2);
    let places = list(&error, "places");
    assert_eq!(places.len(), 2, "{error}");
    assert_eq!(places[0]["file"], "<stdin>");
    assert_eq!(
        (&places[0]["line"], &places[0]["column"]),
        (&1.into(), &7.into())
    );
    assert_eq!(
        (&places[1]["line"], &places[1]["column"]),
        (&3.into(), &10.into())
    );
}

#[test]
fn emit_keeps_its_standard_output_for_rules() {
    let asked = ftpnat(&[
        "emit",
        "nft",
        "--base",
        "none",
        "--output",
        "json",
        "-p",
        "profiles/gateway.yaml",
    ]);
    documented_error(&asked.refused(2), 2);
    let misused = ftpnat(&[
        "emit",
        "pf",
        "--output",
        "json",
        "-p",
        "profiles/gateway.yaml",
    ]);
    documented_error(&misused.refused(2), 2);
    let behind = ftpnat(&["--output", "json", "emit", "nft"]);
    documented_error(&behind.refused(2), 2);
}

#[test]
fn commands_without_a_json_type_refuse_it() {
    for arguments in [&["schema"][..], &["completions", "bash"]] {
        let ran = ftpnat(&[arguments, &["--output", "json"]].concat());
        assert_eq!(ran.status, 2);
        documented_error(&ran.stdout, 2);
    }
}

#[test]
fn misuse_is_an_object_too() {
    for arguments in [
        &["plan", "--output", "json"][..],
        &["--output=json", "frobnicate"],
        &["plan", "-p", "a.yaml", "--output", "json", "--bogus"],
    ] {
        let ran = ftpnat(arguments);
        assert_eq!((ran.status, ran.stderr.as_str()), (2, ""), "{ran:#?}");
        documented_error(&ran.stdout, 2);
    }
    // The value itself is wrong, so nobody asked for JSON.
    ftpnat(&["plan", "-p", "a.yaml", "--output", "xml"]).refused(2);
}

#[test]
fn conflicts_and_unreadable_files_are_objects() {
    let missing = ftpnat(&["plan", "--output", "json", "-p", "no-such.yaml"]);
    let error = documented_error(&missing.stdout, 2);
    assert!(text(&error["message"]).contains("no-such.yaml"), "{error}");

    let directory = directory("json-conflict");
    let a = write(&directory.join("a.yaml"), profile("same", 50000));
    let b = write(&directory.join("b.yaml"), profile("same", 51000));
    let conflict = ftpnat(&["plan", "--output", "json", "-p", &a, "-p", &b]);
    let error = documented_error(&conflict.stdout, 2);
    let message = text(&error["message"]);
    assert!(message.contains(&a) && message.contains(&b), "{message}");
    assert!(!message.contains("error:"), "{message}");
}
