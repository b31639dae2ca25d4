//! `rehearse`, as a whole process: the profile that `./dev run` plays, and a gateway of both
//! families with hairpin, active mode and two control ports. As root or not, in namespaces
//! that it makes itself. Ends with status 1 where a target is missed.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark runs programs and prints what it saw"
)]

mod measure;

use std::process::{Command, ExitCode};
use std::time::Duration;

use measure::{FTPNAT, ROUNDS, is_kept, wall};

/// Each profile, and how long it may take.
const CASES: [(&str, &str, Duration); 2] = [
    (
        "own-firewall",
        concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/own-firewall.yaml"),
        Duration::from_secs(3),
    ),
    (
        "dual-stack hairpin gateway",
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/data/variants/dnat-dual-hairpin.yaml"
        ),
        Duration::from_secs(6),
    ),
];

fn main() -> ExitCode {
    println!("ftpnat rehearse --usual, median of {ROUNDS} runs");
    let mut all_kept = true;
    for (name, profile, limit) in CASES {
        let mut rehearse = Command::new(FTPNAT);
        rehearse.args(["rehearse", "--usual", "--profile", profile]);
        all_kept &= is_kept(name, limit, || wall(&mut rehearse, &[0]));
    }
    ExitCode::from(u8::from(!all_kept))
}
