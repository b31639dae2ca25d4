//! Every parser of a host's sources, and every check on what they make of it. The
//! input: `NAME`, a line break, text, a NUL; and so on.
#![no_main]

use std::sync::LazyLock;

use ftpnat::check::{Firewall, examine};
use ftpnat::facts::Facts;
use ftpnat::facts::keep::Keep;
use ftpnat::facts::snapshot::{Snapshot, State};
use ftpnat::facts::sources::FILES;
use ftpnat::plan::{ProfilePlan, plan};
use ftpnat::profile::{Profile, parse};
use ftpnat::ruleset::eval::HostFacts;
use ftpnat::ruleset::live::recorded::ruleset;
use ftpnat::{facts, output};
use libfuzzer_sys::fuzz_target;

/// One of each NAT mode, with its plan.
static PROFILES: LazyLock<Vec<(Profile, ProfilePlan)>> = LazyLock::new(|| {
    [
        include_str!("../../profiles/own-firewall.yaml"),
        include_str!("../../profiles/cloud.yaml"),
        include_str!("../../profiles/legacy-active.yaml"),
        include_str!("../../profiles/masquerade.yaml"),
    ]
    .iter()
    .map(|yaml| {
        let profile = parse("fuzz.yaml", yaml.as_bytes()).expect("valid");
        let mut plan = plan(std::slice::from_ref(&profile), &Facts::default());
        (profile, plan.profiles.remove(0))
    })
    .collect()
});

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut snapshot = Snapshot::default();
    for part in text.split('\0') {
        let (name, text) = part.split_once('\n').unwrap_or((part, ""));
        let keep = FILES
            .iter()
            .find(|f| f.path == name)
            .map_or(Keep::Settings, |f| f.keep);
        // What is kept of what was kept is all of it.
        let kept = keep.of(text);
        assert_eq!(keep.of(&kept), kept);
        snapshot.insert(name, State::Held(text.to_owned()));
    }
    let _ = facts::host::firewalls(&snapshot);
    let facts = Facts::of(snapshot);
    let (ruleset, host) = (ruleset(&facts.snapshot), HostFacts::of(&facts));
    let firewall = Firewall::new(&ruleset, &host);
    for (profile, plan) in PROFILES.iter() {
        let report = examine(profile, plan, &facts, &firewall);
        let human = output::check::report(profile, &report, output::Seen::Host(&facts));
        let json = output::json::check(&profile.name, &report);
        assert!(!human.is_empty() && json.ends_with("}\n"));
    }
});
