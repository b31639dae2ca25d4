//! What is said where the rules in force cannot be read.

use ftpnat::facts::Facts;
use ftpnat::output::host::{Now, host};
use ftpnat::output::{json, path};
use ftpnat::plan::plan;
use ftpnat::plan::reach::{reach, standings};
use ftpnat::profile::parse;
use ftpnat::ruleset::eval::{HostFacts, OwnAddress, Prepared};
use ftpnat::ruleset::live::{Ruleset, Unread};
use libtest_mimic::Failed;

pub(crate) fn unread() -> Result<(), Failed> {
    let yaml = "name: lab\nserver: { address: 198.51.100.1 }\npassive: { ports: 50000-50100 }\n";
    let profile = parse("lab.yaml", yaml.as_bytes()).map_err(|e| e.render(false))?;
    let facts = Facts::default();
    let known = HostFacts {
        addresses: Some(vec![OwnAddress {
            interface: "eth0".to_owned(),
            net: "198.51.100.1/24".parse()?,
        }]),
        ..HostFacts::default()
    };
    let ruleset = Ruleset {
        unread: vec![Unread {
            what: "nf_tables".to_owned(),
            why: "Operation not permitted (os error 1)".to_owned(),
        }],
        ..Ruleset::default()
    };
    let prepared = Prepared::new(&ruleset, &known);
    let traffic = reach(&profile, &facts, &prepared);
    let standings = standings(&traffic);
    let now = Now {
        standings: &standings,
        missing: &[],
        ruleset: &ruleset,
        facts: &facts,
    };
    let expected = "  cannot tell: the rules that are in force were not read (nf_tables: Operation\n    \
                    not permitted (os error 1))\n";
    let said = anstream::adapter::strip_str(&host(&profile, now)).to_string();
    same(
        &said,
        &format!("\nThis host (what its rules do now)\n{expected}"),
    )?;
    let drawn = path::paths(&profile, &traffic, &prepared);
    let drawn = anstream::adapter::strip_str(&drawn).to_string();
    let heading = "\nThe way through this host (hooks and chains in the kernel's order)\n";
    same(&drawn, &format!("{heading}{expected}"))?;

    let plan = plan(std::slice::from_ref(&profile), &facts);
    let line = json::plan(&plan.profiles[0], &[], now);
    let json: serde_json::Value = serde_json::from_str(&line)?;
    let all = json["host"].as_array().ok_or("no host")?;
    let is_unknown = |s: &serde_json::Value| {
        s["state"] == "unknown"
            && s["why"]
                .as_str()
                .is_some_and(|why| why.contains("nf_tables"))
    };
    if all.is_empty() || !all.iter().all(is_unknown) || !json["missing"].is_null() {
        return Err(line.into());
    }
    Ok(())
}

fn same(seen: &str, expected: &str) -> Result<(), Failed> {
    if seen == expected {
        return Ok(());
    }
    Err(format!("{expected}\nexpected, seen:\n{seen}").into())
}
