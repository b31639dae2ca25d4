//! `probe --sweep` of 1,001 ports, as a whole process: between two network namespaces, with
//! nothing in the way, and with 22 ports that keep silent. As root or not. Ends with status 1
//! where a target is missed.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark runs programs and prints what it saw"
)]

mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use measure::{FTPNAT, ROUNDS, is_kept, wall};
use support::scene::Direct;

const PROFILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/own-firewall.yaml");

/// Each firewall, its rule, the status that it brings about, and how long the sweep may take.
const CASES: [(&str, &str, i32, Duration); 2] = [
    ("clean path", "", 0, Duration::from_secs(3)),
    // Two batches at most keep silent, and what is silent is tried again.
    (
        "22 ports dropped",
        "tcp dport 50500-50521 drop",
        1,
        Duration::from_secs(8),
    ),
];

fn main() -> ExitCode {
    support::enter();
    println!("ftpnat probe --sweep, 1,001 ports, median of {ROUNDS} runs");
    let mut all_kept = true;
    for (name, rule, status, limit) in CASES {
        all_kept &= is_kept(name, limit, || swept(rule, status));
    }
    ExitCode::from(u8::from(!all_kept))
}

fn swept(rule: &str, status: i32) -> Duration {
    let scene = Direct::new();
    let chain = format!("chain input {{\ntype filter hook input priority 0;\n{rule}\n}}");
    support::rules::nft(
        &scene.server,
        &format!("table inet filter {{\n{chain}\n}}\n"),
    );
    let mut answer = scene.server.command(FTPNAT);
    let answer = answer.args(["answer", "--profile", PROFILE]);
    let answer = answer.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut answer = answer.spawn().expect("ftpnat answer");
    let mut token = String::new();
    let mut stdout = BufReader::new(answer.stdout.take().expect("a pipe"));
    stdout.read_line(&mut token).expect("a token");
    let mut sweep = scene.client.command(FTPNAT);
    sweep.args(["probe", "--sweep", "--token", token.trim(), "198.51.100.1"]);
    sweep.args(["--profile", PROFILE]);
    let wall = wall(&mut sweep, &[status]);
    answer.wait().expect("ftpnat answer ends");
    wall
}
