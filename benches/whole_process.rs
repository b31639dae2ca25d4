//! Whole processes of the built program: how long a run takes beside `true`, and
//! what hostile profiles cost.
//!
//! Ends with status 1 where a target is missed.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark runs programs and prints what it saw"
)]

mod measure;

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use measure::{FTPNAT, Runs, median, ms, verdict, wall};

const ROUNDS: usize = 250;
const WARM_UP: usize = 20;
/// What is run in turns with `true`: its arguments, the status that it ends with, and
/// how many times as long as `true` it may take.
const BESIDE_TRUE: &[(&str, &[&str], &[i32], f64)] = &[
    (
        "emit nft --base none",
        &["emit", "nft", "--base", "none", "--profile", PROFILE],
        &[0],
        3.0,
    ),
    // Functional probes included.
    ("check", &["check", "--profile", PROFILE], &[1, 3], 30.0),
    ("scratch-probe", &["scratch-probe"], &[0], 30.0),
];
const PROFILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/own-firewall.yaml");
const HOSTILE_ROUNDS: usize = 5;
const HOSTILE_WALL: Duration = Duration::from_millis(50);
const HOSTILE_KIB: i64 = 32 * 1024;

fn main() -> ExitCode {
    if measure::measures_one_run() {
        return ExitCode::SUCCESS;
    }
    let mut kept = true;
    for (name, arguments, statuses, target) in BESIDE_TRUE {
        kept &= beside_true(name, arguments, statuses, *target);
    }
    println!();
    kept &= hostile();
    ExitCode::from(u8::from(!kept))
}

/// `true` and a verb in turns, so that both meet the same machine.
fn beside_true(name: &str, arguments: &[&str], statuses: &[i32], target: f64) -> bool {
    let mut verb = Command::new(FTPNAT);
    verb.args(arguments);
    let mut nothing = Command::new("true");
    let (mut verbs, mut nothings) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + ROUNDS {
        let (a, b) = (wall(&mut nothing, &[0]), wall(&mut verb, statuses));
        if round >= WARM_UP {
            nothings.push(a);
            verbs.push(b);
        }
    }
    println!("{ROUNDS} runs each, in turns      min    median       max   (ms)");
    let (nothing, middle) = (median(&mut nothings), median(&mut verbs));
    for (name, times) in [("true", &nothings), (name, &verbs)] {
        let (min, max) = (times[0], times[times.len() - 1]);
        let middle = times[times.len() / 2];
        println!(
            "{name:<24} {:>9.3} {:>9.3} {:>9.3}",
            ms(min),
            ms(middle),
            ms(max)
        );
    }
    let ratio = middle.as_secs_f64() / nothing.as_secs_f64();
    let kept = ratio <= target;
    println!(
        "ratio of medians {ratio:.2}, target {target:.0}: {}",
        verdict(kept)
    );
    kept
}

/// Profiles made to exhaust who reads them.
fn hostile() -> bool {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile");
    std::fs::create_dir_all(&directory).expect("a directory for profiles");
    println!(
        "hostile profile                 wall ms  peak KiB   (targets {}, {HOSTILE_KIB})",
        HOSTILE_WALL.as_millis()
    );
    let mut all_kept = true;
    for (name, text) in hostile_profiles() {
        let file = directory.join(format!("{}.yaml", name.replace(' ', "-")));
        std::fs::write(&file, text).expect("written");
        let file = file.to_str().expect("a path in UTF-8");
        let mut runs = Runs::default();
        for _ in 0..HOSTILE_ROUNDS {
            runs.add(FTPNAT, &["plan", "--profile", file], &[2]);
        }
        let (wall, kib) = (runs.wall(), runs.kib);
        let kept = wall <= HOSTILE_WALL && kib <= HOSTILE_KIB;
        all_kept &= kept;
        println!("{name:<29} {:>9.3} {kib:>9}   {}", ms(wall), verdict(kept));
    }
    all_kept
}

fn hostile_profiles() -> Vec<(&'static str, String)> {
    let head = "name: a\npassive:\n  ports: 50000-51000\n";
    let bomb: Vec<String> = (1..10)
        .map(|n| {
            let alias = format!("*a{}", n - 1);
            format!("a{n}: &a{n} [{}]", [alias.as_str(); 10].join(", "))
        })
        .collect();
    let keys: String = (0..10_000).map(|_| "name: a\n").collect();
    let numbered: Vec<String> = (0..10_000).map(|n| format!("key{n}: a")).collect();
    let (bomb, numbered) = (bomb.join("\n"), numbered.join("\n"));
    let entries: String = (0..10_000)
        .map(|_| "  - { port: 99999, tls: maybe }\n")
        .collect();
    let networks: String = (0..60_000).map(|_| "  - 10.0.0.1/8\n").collect();
    vec![
        ("10 MB of comment", "#".repeat(10 << 20)),
        ("10 MB of keys", "a: 1\n".repeat(2 << 20)),
        ("alias bomb", format!("a0: &a0 [a, a]\n{bomb}\n{head}")),
        ("20,000 brackets", "[".repeat(20_000)),
        ("20,000 braces", "{a: ".repeat(20_000)),
        ("10,000 duplicate keys", keys),
        ("10,000 unknown keys", format!("{head}{numbered}")),
        ("line of 1 MiB", "x".repeat(1 << 20)),
        ("name of 1 MB", format!("name: {}\n", "x".repeat(1_000_000))),
        (
            "10,000 broken controls",
            format!("{head}control:\n{entries}"),
        ),
        (
            "60,000 broken networks",
            format!("{head}clients:\n{networks}"),
        ),
        ("1 MiB of control characters", "\u{1}".repeat(1 << 20)),
        (
            "1 MiB of quotes",
            format!("name: \"{}\"\n", "\\\"".repeat(500_000)),
        ),
    ]
}
