//! What README.md shows of `apply` is what it prints on the ruleset that is shown.

use libtest_mimic::{Failed, Trial};

use crate::host::{Host, read_profile};

pub(crate) fn trial() -> Trial {
    Trial::test("readme/dry-run", dry_run)
}

fn dry_run() -> Result<(), Failed> {
    let readme = include_str!("../../README.md");
    let after = |mark: &str| readme.split_once(mark).map(|(_, rest)| rest);
    let until = |text: &str, end: &str| text.split_once(end).map(|(part, _)| part.to_owned());
    let command = "$ ftpnat apply --profile profiles/own-firewall.yaml --dry-run\n";
    let ruleset = after("$ nft list table inet filter\n").and_then(|rest| until(rest, command));
    let expected = after(command).and_then(|rest| until(rest, "```"));
    let (ruleset, expected) = ruleset.zip(expected).ok_or("README.md does not show it")?;
    let (_, profile) = read_profile("own-firewall")?;
    let host = Host::new(&profile);
    host.load("nft -f -", &ruleset);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/own-firewall.yaml");
    let run = host.done(&["apply", "--profile", file, "--dry-run"], "")?;
    let printed = format!("{}{}", run.stderr, run.stdout);
    if printed == expected {
        return Ok(());
    }
    Err(format!("README.md shows\n{expected}\nand it prints\n{printed}").into())
}
