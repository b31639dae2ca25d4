//! Nothing is in the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use libtest_mimic::{Failed, Trial};

use crate::pair::{Answer, Profile, RANGE, closed, ends_well, expect, sweep, swept};
use crate::support::netns::Namespace;
use crate::support::scene::Direct;
use crate::support::server::listening;
use crate::support::wait_until;

/// Both families of the one server.
const NAME: &str = "198.51.100.1";

pub(crate) fn trials() -> Vec<Trial> {
    let range = |name: &'static str, range: &'static str, host: &'static str| {
        Trial::test(format!("open/{name}"), move || all_open(range, host))
    };
    vec![
        range("ipv4", RANGE, NAME),
        range("ipv6", RANGE, "2001:db8:51::1"),
        range("tiny", "50000-50010", NAME),
        range("one-port", "50000-50000", NAME),
        Trial::test("open/share", share),
        Trial::test("open/again", again),
        Trial::test("open/interrupted", interrupted),
        Trial::test("open/refused", refused),
    ]
}

fn all_open(range: &str, host: &str) -> Result<(), Failed> {
    let scene = Direct::new();
    let profile = Profile::new(range);
    let report = swept((&scene.client, &scene.server), host, &profile, 0)?;
    let (first, last) = range.split_once('-').expect("two ports");
    let count = last.parse::<u32>()? - first.parse::<u32>()? + 1;
    let (ports, range) = match count {
        1 => ("port", first),
        _ => ("ports", range),
    };
    let detail = format!("{host}: range {range}: {count} {ports} tried, all get through");
    expect(&closed(&report), &Vec::new())?;
    expect(&report["format"], &"ftpnat.probe/1".into())?;
    expect(&report["target"], &host.into())?;
    expect(&report["steps"][0]["outcome"], &"ok".into())?;
    expect(&report["steps"][0]["detail"], &detail.into())
}

/// Never more than one in twenty, from the token to the end.
fn share() -> Result<(), Failed> {
    let scene = Direct::new();
    // Silence holds the same ports for longer than a look takes.
    crate::closed::drop_ports(&scene.server, "50100-50249");
    let profile = Profile::new(RANGE);
    let answer = Answer::start(&scene.server, &profile, &[]);
    let is_over = Arc::new(AtomicBool::new(false));
    let (server, stop) = (scene.server.clone(), Arc::clone(&is_over));
    let watch = std::thread::spawn(move || watched(&server, &stop));
    let run = sweep(&scene.client, NAME, &profile, &answer.token, &[]);
    is_over.store(true, Ordering::SeqCst);
    let seen = watch.join().expect("the watch");
    expect(&run.status, &1)?;
    ends_well(answer, &scene.server)?;
    let most = seen.iter().map(Vec::len).max();
    if seen.len() >= 4 && most.is_some_and(|most| most <= 50) {
        Ok(())
    } else {
        Err(format!("at most {most:?} in {} states", seen.len()).into())
    }
}

/// The ports that listened, one state after the other. A look is no moment: of two that are
/// alike, what they saw was there in between.
fn watched(server: &Namespace, stop: &AtomicBool) -> Vec<Vec<u16>> {
    let look = || {
        let mut ports = listening(server);
        ports.sort_unstable();
        ports.dedup();
        ports
    };
    let mut states: Vec<Vec<u16>> = Vec::new();
    let mut last = look();
    while !stop.load(Ordering::SeqCst) {
        let now = look();
        if now == last && states.last() != Some(&now) {
            states.push(now.clone());
        }
        last = now;
    }
    states
}

/// A client that dies leaves the server waiting for the next one, as it was at first.
fn again() -> Result<(), Failed> {
    let scene = Direct::new();
    let profile = Profile::new(RANGE);
    let answer = Answer::start(&scene.server, &profile, &[]);
    let first = listening(&scene.server);
    // Silence makes the sweep long enough to end it in its midst.
    crate::closed::drop_ports(&scene.server, "50400-50900");
    let mut client = scene.client.command(env!("CARGO_BIN_EXE_ftpnat"));
    client.args(["probe", "--sweep", "--token", &answer.token, NAME]);
    client.args(["--profile", &profile.path()]);
    let mut client = client.spawn()?;
    let is_led = wait_until(std::time::Duration::from_secs(20), || {
        listening(&scene.server) != first
    });
    client.kill()?;
    client.wait()?;
    let is_back = wait_until(std::time::Duration::from_secs(20), || {
        listening(&scene.server) == first
    });
    if !is_led || !is_back {
        return Err(format!("led: {is_led}, back: {is_back}").into());
    }
    crate::support::rules::nft(&scene.server, "delete table inet filter\n");
    let run = sweep(&scene.client, NAME, &profile, &answer.token, &[]);
    expect(&run.status, &0)?;
    ends_well(answer, &scene.server)
}

fn interrupted() -> Result<(), Failed> {
    let scene = Direct::new();
    let answer = Answer::start(&scene.server, &Profile::new(RANGE), &[]);
    answer.interrupt();
    let (status, said) = answer.ended()?;
    expect(&status, &3)?;
    expect(&listening(&scene.server), &Vec::new())?;
    if said.contains("interrupted") && said.contains("nothing listens any more") {
        Ok(())
    } else {
        Err(said.into())
    }
}

/// What ends with a word instead of a sweep; the server waits on.
fn refused() -> Result<(), Failed> {
    let scene = Direct::new();
    let (profile, other) = (Profile::new(RANGE), Profile::new("40000-40500"));
    let wrong = "00112233445566778899aabbccddeeff";
    let nobody = sweep(&scene.client, NAME, &profile, wrong, &[]);
    let mut answer = Answer::start(&scene.server, &profile, &[]);
    let token = answer.token.clone();
    let runs = [
        (nobody, 3, "refused (48 ports)"),
        (
            sweep(&scene.client, NAME, &profile, wrong, &[]),
            3,
            "has another token",
        ),
        (
            sweep(&scene.client, NAME, &other, &token, &[]),
            3,
            "none of the 24 ports",
        ),
        (
            sweep(&scene.client, NAME, &profile, "secret", &[]),
            2,
            "32 hexadecimal digits",
        ),
        (
            sweep(&scene.client, "203.0.113.1", &profile, &token, &[]),
            3,
            "no route",
        ),
    ];
    for (run, status, words) in runs {
        if run.status != status || !run.stderr.contains(words) || !run.stdout.is_empty() {
            return Err(format!("{words}: {run:?}").into());
        }
    }
    let same_sample = Profile::new("50000-50999");
    let run = sweep(&scene.client, NAME, &same_sample, &token, &[]);
    if run.status != 3 || !run.stderr.contains("50000-51000") || !answer.runs() {
        return Err(format!("another range: {run:?}").into());
    }
    expect(
        &sweep(&scene.client, NAME, &profile, &token, &[]).status,
        &0,
    )?;
    ends_well(answer, &scene.server)
}
