//! Large rulesets: a whole `ftpnat check` beside the tool that lists them, and a split of
//! the passive range into a hundred parts.
//!
//! Each is loaded in a network namespace of its own. Ends with status 1 where a target is
//! missed.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark runs programs and prints what it saw"
)]

mod measure;
mod rulesets;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use ftpnat::facts::snapshot::Snapshot;
use ftpnat::model::net::Family;
use ftpnat::ruleset::eval::{Axis, Flow, HostFacts, OwnAddress, Packet, Prepared};
use ftpnat::sys;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use measure::{FTPNAT, Runs, median, ms, verdict};

/// A ruleset, how it is loaded, what lists it, and whether that must be beaten.
struct Case {
    name: &'static str,
    text: fn() -> String,
    load: &'static [&'static str],
    list: &'static [&'static str],
    must_win: bool,
}

const CASES: &[Case] = &[
    Case {
        name: "100,000 nft rules",
        text: || rulesets::nft_rules(100_000),
        load: &["nft", "-f"],
        list: &["nft", "list", "ruleset"],
        must_win: true,
    },
    Case {
        name: "a set of 100,000 ranges",
        text: || rulesets::nft_ranges(100_000),
        load: &["nft", "-f"],
        list: &["nft", "list", "ruleset"],
        must_win: true,
    },
    Case {
        name: "50,000 Kubernetes rules, nft",
        text: || rulesets::kubernetes(50_000),
        load: &["iptables-nft-restore"],
        list: &["iptables-nft-save"],
        must_win: true,
    },
    Case {
        name: "50,000 Kubernetes rules, legacy",
        text: || rulesets::kubernetes(50_000),
        load: &["iptables-legacy-restore"],
        list: &["iptables-legacy-save"],
        // What it lists `check` reads: it cannot be faster.
        must_win: false,
    },
];
/// Plain FTP through a gateway: whether the helper is assigned is judged by sending
/// packets through the ruleset.
const PROFILE: &str = "\
name: gateway
server:
  address: 10.77.0.21
  software: proftpd
control:
  port: 21
  tls: none
passive:
  ports: 50000-51000
nat:
  mode: dnat
  external:
    address: 198.51.100.1
    interface: eth0
  internal:
    interface: eth1
    networks: 10.77.0.0/24
";
/// The interfaces and addresses of that gateway.
const INTERFACES: &[&[&str]] = &[
    &["link", "set", "lo", "up"],
    &[
        "link", "add", "eth0", "type", "veth", "peer", "name", "eth1",
    ],
    &["link", "set", "eth0", "up"],
    &["link", "set", "eth1", "up"],
    &["address", "add", "198.51.100.1/24", "dev", "eth0"],
    &["address", "add", "10.77.0.1/24", "dev", "eth1"],
];
const ROUNDS: usize = 5;
const SPLIT_ROUNDS: u32 = 200;
const SPLIT_MS: f64 = 5.0;
/// Makes this program load a ruleset in the namespace that it is in, and measure.
const WITHIN: &str = "--within";
const SPLIT: &str = "split";

fn main() -> ExitCode {
    if measure::measures_one_run() {
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mark, name] = &arguments[..]
        && mark == WITHIN
    {
        return ExitCode::from(u8::from(!within(name)));
    }
    println!("{ROUNDS} runs each, in turns; medians, and the highest peaks");
    let mut kept = true;
    for name in CASES.iter().map(|case| case.name).chain([SPLIT]) {
        kept &= in_a_namespace(name);
    }
    ExitCode::from(u8::from(!kept))
}

/// Runs this program again in a new network namespace.
fn in_a_namespace(name: &str) -> bool {
    let mut unshare = Command::new("unshare");
    unshare.arg("--net");
    if !nix::unistd::geteuid().is_root() {
        // A tmpfs on /run: iptables-legacy wants its lock there.
        unshare.args(["--user", "--map-root-user", "--mount", "--"]);
        unshare.args(["sh", "-c", r#"mount -t tmpfs tmpfs /run && exec "$0" "$@""#]);
    }
    unshare.arg(std::env::current_exe().expect("this program"));
    let status = unshare.args([WITHIN, name]).status();
    status.expect("unshare(1) runs").success()
}

fn within(name: &str) -> bool {
    for arguments in INTERFACES {
        run("ip", arguments);
    }
    match CASES.iter().find(|case| case.name == name) {
        Some(case) => beside(case),
        None => split(),
    }
}

/// The tool that lists a ruleset and `check` in turns, so that both meet the same machine.
fn beside(case: &Case) -> bool {
    let profile = file("profile.yaml", PROFILE);
    let [program, options @ ..] = case.load else {
        return false;
    };
    let ruleset = file("ruleset", &(case.text)());
    run(program, &[options, &[&ruleset]].concat());
    let [program, options @ ..] = case.list else {
        return false;
    };
    let (mut listing, mut check) = (Runs::default(), Runs::default());
    for _ in 0..ROUNDS {
        listing.add(program, options, &[0]);
        check.add(FTPNAT, &["check", "--profile", &profile], &[0, 1, 3]);
    }
    let time = check.wall().as_secs_f64() / listing.wall().as_secs_f64();
    let memory = kib(&check) / kib(&listing);
    let kept = !case.must_win || (time < 1.0 && memory <= 1.0);
    println!("\n{:<32} {:>9} {:>9}", case.name, "ms", "MiB");
    for (name, runs) in [
        (case.list.join(" ").as_str(), &mut listing),
        ("check", &mut check),
    ] {
        println!(
            "{name:<32} {:>9.0} {:>9.1}",
            ms(runs.wall()),
            kib(runs) / 1024.0
        );
    }
    let told = if case.must_win {
        format!("targets 1, 1: {}", verdict(kept))
    } else {
        "no target: check runs that program".to_owned()
    };
    println!("{:<32} {time:>9.2} {memory:>9.2}   {told}", "ratio");
    kept
}

fn kib(runs: &Runs) -> f64 {
    f64::from(u32::try_from(runs.kib).unwrap_or(u32::MAX))
}

/// The passive range, from all sources, parted by a host's rules.
fn split() -> bool {
    let ruleset = file("ruleset", &rulesets::split_host(1000));
    run("nft", &["-f", &ruleset]);
    let ruleset = sys::ruleset::read(&Snapshot::default(), true);
    let facts = HostFacts {
        addresses: Some(vec![OwnAddress {
            interface: "eth0".to_owned(),
            net: "198.51.100.1/24".parse().expect("a network"),
        }]),
        ..HostFacts::default()
    };
    let prepared = Prepared::new(&ruleset, &facts);
    let address = |text: &str| text.parse().expect("an address");
    let flow = Flow::tcp(
        (address("192.0.2.1"), 1024),
        (address("198.51.100.1"), 50_000),
    );
    let packet = Packet::arriving(flow, Some("eth0"));
    let region = flow
        .region()
        .any_source(Family::Ipv4)
        .with(Axis::SourcePort, 1024, 65_535)
        .with(Axis::DestinationPort, 50_000, 51_000);
    let (mut walls, mut pieces) = (Vec::new(), 0);
    let before = processor_time();
    for _ in 0..SPLIT_ROUNDS {
        let start = Instant::now();
        pieces = prepared.partition(&packet, &region, 1000).len();
        walls.push(start.elapsed());
    }
    let each = (processor_time() - before) / f64::from(SPLIT_ROUNDS);
    let kept = each < SPLIT_MS && pieces >= 100;
    println!(
        "\n1,000 rules, the passive range in {pieces} pieces: {each:.2} ms of the processor, target \
         {SPLIT_MS}: {} (median wall {:.2} ms)",
        verdict(kept),
        ms(median(&mut walls))
    );
    kept
}

/// Milliseconds that this process has had the processor for: what else the machine does
/// does not count.
fn processor_time() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("usage of this process");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    ms(Duration::from_micros(micros.unsigned_abs()))
}

/// Writes a file below the build's directory, and gives its path.
fn file(name: &str, text: &str) -> String {
    let directory: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join("live-ruleset");
    std::fs::create_dir_all(&directory).expect("a directory for rulesets");
    let file = directory.join(name);
    std::fs::write(&file, text).expect("written");
    file.to_str().expect("a path in UTF-8").to_owned()
}

#[track_caller]
fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    let status = status.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(status.success(), "{program} {arguments:?}: {status}");
}
