//! `apply` beside `nft -f` of the same text: of one profile, as whole processes; of ten
//! thousand servers, the batch with its reading and comparing.
//!
//! In network namespaces of its own. Ends with status 1 where a target is missed.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark runs programs and prints what it saw"
)]

mod measure;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use ftpnat::facts::{Facts, KernelRelease};
use ftpnat::plan::plan;
use ftpnat::profile::{Profile, parse};
use ftpnat::render::{native, nftables};
use ftpnat::ruleset::change::Operation;
use ftpnat::ruleset::difference::differences;
use ftpnat::sys::{netlink, nft};

use measure::{FTPNAT, median, ms, verdict, wall};

const ROUNDS: usize = 40;
const WARM_UP: usize = 5;
/// How many times as long as `nft -f` of our table `apply` may take, reading and verifying
/// included.
const ONE: f64 = 1.5;
const MANY_ROUNDS: usize = 5;
const SERVERS: u16 = 10_000;
const MANY: f64 = 0.5;
const PROFILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/own-firewall.yaml");
/// Makes this program measure in the namespace that it is in.
const WITHIN: &str = "--within";

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(WITHIN) {
        let one = one();
        println!();
        let many = many();
        return ExitCode::from(u8::from(!(one && many)));
    }
    let this = std::env::current_exe().expect("this program");
    let ended = Command::new("unshare")
        .args(["--net", "--"])
        .arg(this)
        .arg(WITHIN)
        .status()
        .expect("unshare runs");
    ExitCode::from(u8::from(!ended.success()))
}

/// One profile on a host with a firewall of its own: `apply`, and `nft -f` of the rules
/// that it writes, in turns; each is taken out again between.
fn one() -> bool {
    set_up_host();
    let directory = tempfile::tempdir().expect("a directory");
    let state = directory.path().join("state").display().to_string();
    let text = directory.path().join("rules.nft").display().to_string();
    let emitted = Command::new(FTPNAT)
        .args(["emit", "nft", "--base", "none", "--profile", PROFILE])
        .output()
        .expect("ftpnat runs");
    std::fs::write(&text, emitted.stdout).expect("a file");
    let mut apply = Command::new(FTPNAT);
    apply.args([
        "apply",
        "--yes",
        "--profile",
        PROFILE,
        "--state-dir",
        &state,
    ]);
    let mut remove = Command::new(FTPNAT);
    remove.args(["remove", "--state-dir", &state]);
    let mut load = Command::new("nft");
    load.args(["-f", &text]);
    let mut flush = Command::new("nft");
    flush.args(["delete", "table", "inet", "ftpnat"]);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + ROUNDS {
        let nft = wall(&mut load, &[0]);
        wall(&mut flush, &[0]);
        let ftpnat = wall(&mut apply, &[0]);
        wall(&mut remove, &[0]);
        if round >= WARM_UP {
            ours.push(ftpnat);
            theirs.push(nft);
        }
    }
    report(
        "one profile: ftpnat apply, nft -f",
        &mut ours,
        &mut theirs,
        ONE,
    )
}

/// Ten thousand servers behind as many addresses: our table written, read back and
/// compared, beside `nft -f` of its text.
fn many() -> bool {
    let profiles: Vec<Profile> = (0..SERVERS).map(server).collect();
    let facts = Facts {
        kernel: Some(KernelRelease { major: 6, minor: 1 }),
        ..Facts::default()
    };
    let plan = plan(&profiles, &facts);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("servers.nft");
    std::fs::write(&path, nftables::own_table(&plan)).expect("a file");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..MANY_ROUNDS {
        let mut load = Command::new("nft");
        theirs.push(wall(load.arg("-f").arg(&path), &[0]));
        delete_ours();
        ours.push(write_and_verify(&plan));
        delete_ours();
    }
    report(
        "10,000 servers: written, read and compared; nft -f",
        &mut ours,
        &mut theirs,
        MANY,
    )
}

fn write_and_verify(plan: &ftpnat::plan::Plan) -> Duration {
    let start = Instant::now();
    let (_, generation) = netlink::read_everything().expect("rules are read");
    let tables = native::own_tables(plan);
    let operations: Vec<Operation> = tables
        .iter()
        .cloned()
        .map(Operation::ReplaceTable)
        .collect();
    nft::commit(&operations, generation).expect("rules are written");
    let (read, _) = netlink::read_everything().expect("rules are read");
    for planned in &tables {
        let found = read.tables.iter().find(|t| t.name == planned.name);
        let found = found.expect("the table is there");
        assert_eq!(differences(planned, found), []);
    }
    start.elapsed()
}

fn delete_ours() {
    wall(
        Command::new("nft").args(["delete", "table", "inet", "ftpnat"]),
        &[0],
    );
}

/// Each with an address of its own outside and inside.
fn server(number: u16) -> Profile {
    let [high, low] = number.to_be_bytes();
    let inside = high + 128;
    let text = format!(
        "name: s{number}\nserver: {{ address: 10.77.{inside}.{low} }}\n\
         passive: {{ ports: 50000-50100, advertise: 10.77.{high}.{low} }}\n\
         nat: {{ mode: dnat, external: {{ address: 10.77.{high}.{low}, interface: eth0 }} }}\n"
    );
    parse("server.yaml", text.as_bytes()).expect("a profile")
}

fn report(what: &str, ours: &mut [Duration], theirs: &mut [Duration], target: f64) -> bool {
    let mut line = format!("{what}, in turns, {} runs each\n", ours.len());
    let (ftpnat, nft) = (median(ours), median(theirs));
    let ratio = ftpnat.as_secs_f64() / nft.as_secs_f64();
    let kept = ratio <= target;
    let _ = write!(
        line,
        "  median {:.2} ms and {:.2} ms: {ratio:.2} times, target {target}: {}",
        ms(ftpnat),
        ms(nft),
        verdict(kept)
    );
    println!("{line}");
    kept
}

/// An address, and a firewall that lets the control port in and drops the rest.
fn set_up_host() {
    const RULES: &str = "table inet filter {\n chain input {\n  type filter hook input priority 0; \
                         policy drop;\n  ct state established,related accept\n  iif lo accept\n  \
                         ip saddr 192.0.2.0/24 drop\n  tcp dport { 21, 22 } accept\n }\n}\n";
    for words in [
        "link set lo up",
        "link add eth0 type veth peer name peer0",
        "link set eth0 up",
        "link set peer0 up",
        "address add 203.0.113.10/24 dev eth0",
        "route add default via 203.0.113.1",
    ] {
        wall(Command::new("ip").args(words.split(' ')), &[0]);
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("filter.nft");
    std::fs::write(&path, RULES).expect("a file");
    wall(Command::new("nft").arg("-f").arg(Path::new(&path)), &[0]);
}
