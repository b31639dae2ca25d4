//! How long whole processes run, and how much memory they take at most.

#![allow(dead_code, reason = "each benchmark uses a part")]

use std::iter::repeat_with;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

pub(crate) const FTPNAT: &str = env!("CARGO_BIN_EXE_ftpnat");
/// How often [`is_kept`] runs a program.
pub(crate) const ROUNDS: usize = 5;
/// Makes a benchmark measure one run of a program; see [`apart`].
const MEASURE: &str = "--measure-one-run";

/// What some runs of one program took.
#[derive(Default)]
pub(crate) struct Runs {
    walls: Vec<Duration>,
    /// The highest peak of them.
    pub(crate) kib: i64,
}

impl Runs {
    /// Runs a program once more, which must end with one of these statuses. The kernel
    /// keeps one peak for all children that a process has waited for, so each run gets a
    /// parent of its own: this benchmark again. Its own few MiB are the least that can be
    /// seen.
    pub(crate) fn add(&mut self, program: &str, arguments: &[&str], statuses: &[i32]) {
        let this = std::env::current_exe().expect("this program");
        let statuses: Vec<String> = statuses.iter().map(i32::to_string).collect();
        let output = Command::new(this)
            .args([MEASURE, &statuses.join(","), program])
            .args(arguments)
            .output()
            .expect("this program runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<i64> = text.split_whitespace().flat_map(str::parse).collect();
        let [micros, kib] = numbers[..] else {
            panic!("{}", String::from_utf8_lossy(&output.stderr));
        };
        self.walls
            .push(Duration::from_micros(micros.unsigned_abs()));
        self.kib = self.kib.max(kib);
    }

    /// The median wall time.
    pub(crate) fn wall(&mut self) -> Duration {
        median(&mut self.walls)
    }
}

/// Where a benchmark was started by [`Runs::add`], does what it asks and says so: measures
/// one run, and prints microseconds and KiB. Call it first in `main`.
pub(crate) fn measures_one_run() -> bool {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mark, statuses, program, arguments @ ..] = &arguments[..] else {
        return false;
    };
    if mark != MEASURE {
        return false;
    }
    let statuses: Vec<i32> = statuses.split(',').flat_map(str::parse).collect();
    let wall = wall(Command::new(program).args(arguments), &statuses);
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage of children");
    println!("{} {}", wall.as_micros(), usage.max_rss());
    true
}

/// The time from start to end of a run that must end with one of these statuses.
#[track_caller]
pub(crate) fn wall(command: &mut Command, statuses: &[i32]) -> Duration {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let ended = command.status().expect("the program runs");
    let wall = start.elapsed();
    let status = ended.code().unwrap_or(-1);
    assert!(statuses.contains(&status), "{command:?}: {ended}");
    wall
}

/// Sorts them, too.
pub(crate) fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Prints the median of some runs beside the most that it may be; whether it is kept.
pub(crate) fn is_kept(name: &str, limit: Duration, run: impl FnMut() -> Duration) -> bool {
    let mut walls: Vec<Duration> = repeat_with(run).take(ROUNDS).collect();
    let wall = median(&mut walls);
    let kept = wall <= limit;
    println!(
        "{name:<28} {:>6.0} ms, at most {:.0} ms: {}",
        ms(wall),
        ms(limit),
        verdict(kept)
    );
    kept
}

pub(crate) fn verdict(kept: bool) -> &'static str {
    if kept { "kept" } else { "MISSED" }
}
