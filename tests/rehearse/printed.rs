//! What is printed: of the profile that the README shows, as recorded, and of a fault.

use std::path::Path;

use ftpnat::lab::account::Account;
use ftpnat::lab::rules::Firewall;
use ftpnat::lab::verdict::Beyond;
use ftpnat::output::rehearse::{human, json};
use ftpnat::profile::parse;
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::set;
use crate::support::command;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("printed/own-firewall", || recorded("own-firewall")),
        Trial::test("printed/dual-stack", || recorded("dual-stack")),
        Trial::test("printed/fault", fault),
    ]
}

fn recorded(name: &str) -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let profile = format!("profiles/{name}.yaml");
    let output = command(env!("CARGO_BIN_EXE_ftpnat"))
        .current_dir(root)
        .args(["rehearse", "--usual", "--profile", &profile])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let golden = root.join(format!("tests/data/rehearse/{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &text)?;
    }
    let wanted = std::fs::read_to_string(&golden).unwrap_or_default();
    if text == wanted && output.status.success() {
        Ok(())
    } else {
        Err(format!("rerun with UPDATE_GOLDEN=1, then read it:\n{text}").into())
    }
}

/// A plan that was not put in: every prediction of a listing is wrong then, and all that is
/// needed to report it is said, at 80 columns.
fn fault() -> Result<(), Failed> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/own-firewall.yaml");
    let profile = parse("own-firewall.yaml", &std::fs::read(file)?).expect("valid");
    let stage = set(&profile)?;
    stage
        .lay(Firewall::Usual, &profile)
        .map_err(|e| e.to_string())?;
    let before = stage.play(&profile);
    let after = stage.play_expecting(&profile, &Beyond::default());
    let report = stage.report(&before, &after, &Beyond::default());
    let account = Account::of(&report, &stage.scene, String::new());
    let text = anstream::adapter::strip_str(&human(&profile, &account)).to_string();
    let object: Value = serde_json::from_str(&json(&profile, &account))?;
    for part in [
        "own-firewall: ",
        "packets do not do what ftpnat predicted",
        "outside, IPv4, port 21, TLS, PASV: predicted works, seen hangs",
        "data port 50000",
        "Please report it",
    ] {
        if !text
            .replace("\n    ", " ")
            .replace("\n  ", " ")
            .contains(part)
        {
            return Err(format!("no `{part}` in\n{text}").into());
        }
    }
    let wide = text.lines().find(|line| line.chars().count() > 80);
    if object["agreed"] == false && account.agrees() == report.agrees() && wide.is_none() {
        Ok(())
    } else {
        Err(format!("{wide:?}\n{object:#}").into())
    }
}
