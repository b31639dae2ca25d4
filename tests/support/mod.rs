//! The lab: real kernel, real servers, real clients, in namespaces of our own.
//!
//! A test crate without libtest's harness calls [`enter`] first and [`play`]
//! last. What cannot be played here is reported as ignored and said aloud.
#![allow(dead_code, reason = "each test crate uses a part")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the host: that is what they are for"
)]
#![allow(clippy::print_stderr, reason = "a skipped trial is said aloud")]

pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod dice;
pub(crate) mod listener;
pub(crate) mod netns;
pub(crate) mod outcome;
pub(crate) mod profiles;
pub(crate) mod proftpd;
pub(crate) mod pure_ftpd;
pub(crate) mod pyftpdlib;
pub(crate) mod rules;
pub(crate) mod scene;
pub(crate) mod server;
pub(crate) mod vsftpd;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use tempfile::TempDir;

use netns::Namespace;

/// Says that this process is already in a user namespace of ours.
const ENTERED: &str = "FTPNAT_LAB_ENTERED";

/// Most of a trial's time is waiting for a hang to be one.
const THREADS: usize = 16;

/// Without root, becomes itself again as root of a new user namespace; there
/// the lab works too. Call it first in `main`.
pub(crate) fn enter() {
    let entered = std::env::var_os(ENTERED).is_some();
    if entered || can(&["--net"]) || !can(&["--user", "--map-root-user", "--net", "--mount"]) {
        return;
    }
    // A tmpfs on /run: iptables-legacy wants its lock there.
    let error = command("unshare")
        .args(["--user", "--map-root-user", "--net", "--mount", "--"])
        .args(["sh", "-c", r#"mount -t tmpfs tmpfs /run && exec "$0" "$@""#])
        .arg(std::env::current_exe().expect("this program's path"))
        .args(std::env::args_os().skip(1))
        .env(ENTERED, "1")
        .exec();
    panic!("unshare: {error}");
}

/// Whether unshare(1) with these namespaces works here.
fn can(namespaces: &[&str]) -> bool {
    command("unshare")
        .args(namespaces)
        .args(["--", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether network namespaces can be made here.
pub(crate) fn can_unshare() -> bool {
    can(&["--net"])
}

/// Runs the trials as libtest would; or, where the lab cannot stand, reports
/// every one as ignored and says why.
pub(crate) fn play(trials: Vec<Trial>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    play_unless(missing(), &arguments, trials)
}

/// The same for trials that want rules and packets, but neither servers nor clients;
/// as many at a time as there are CPUs.
pub(crate) fn play_rules(trials: Vec<Trial>) -> ExitCode {
    let missing = missing_programs(&["nft", "iptables-restore", "iptables-legacy-restore", "ip"]);
    play_unless(missing, &Arguments::from_args(), trials)
}

fn play_unless(missing: Option<String>, arguments: &Arguments, trials: Vec<Trial>) -> ExitCode {
    let trials = match missing {
        None => trials,
        Some(reason) => {
            eprintln!("ignored: {reason}");
            trials
                .into_iter()
                .map(|trial| trial.with_ignored_flag(true).with_kind("no lab"))
                .collect()
        }
    };
    libtest_mimic::run(arguments, trials).exit_code()
}

/// What the lab needs and this machine lacks, with the way to get it.
fn missing() -> Option<String> {
    let programs = [
        "nft",
        "iptables-restore",
        "ip",
        "nsenter",
        "curl",
        "lftp",
        "openssl",
    ];
    missing_programs(&programs).or_else(|| {
        let servers = [proftpd::program(), vsftpd::program()];
        let absent = servers.iter().find(|program| !program.exists());
        absent.map(|program| format!("no {}; `./dev test` fetches it", program.display()))
    })
}

fn missing_programs(programs: &[&str]) -> Option<String> {
    if !can(&["--net"]) {
        return Some(
            "no network namespace can be made here, neither as root nor in a user namespace".into(),
        );
    }
    let absent: Vec<_> = programs
        .iter()
        .copied()
        .filter(|program| !installed(program))
        .collect();
    if absent.is_empty() {
        return None;
    }
    Some(format!(
        "not installed: {}; `./dev test` installs it",
        absent.join(", ")
    ))
}

fn installed(program: &str) -> bool {
    search_path()
        .split(':')
        .any(|directory| Path::new(directory).join(program).exists())
}

/// `PATH`, with the places of nft and iptables: a user's lacks them on Debian.
fn search_path() -> String {
    format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    )
}

/// A program outside of any namespace, in a plain environment.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env("PATH", search_path())
        .env("LC_ALL", "C")
        .env("HOME", "/nonexistent");
    command
}

/// A directory for one scene or server, gone with it. Everybody may pass it:
/// an FTP session has the rights of its user.
pub(crate) fn directory() -> TempDir {
    let dir = tempfile::Builder::new()
        .prefix("ftpnat-lab-")
        .tempdir()
        .expect("a temporary directory");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711))
        .expect("its permissions");
    dir
}

/// A word that nobody guesses.
pub(crate) fn secret() -> String {
    let uuid = std::fs::read_to_string("/proc/sys/kernel/random/uuid").expect("random bits");
    uuid.trim().replace('-', "")
}

/// Files that `./dev test` fetched.
pub(crate) fn fetched() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/lab/root")
}

/// Where the fetched modules of Python are.
pub(crate) fn python_packages() -> PathBuf {
    fetched().join("usr/lib/python3/dist-packages")
}

/// Asks every 20 ms until `ready` says yes; `false` after `limit`.
pub(crate) fn wait_until(limit: Duration, mut ready: impl FnMut() -> bool) -> bool {
    let start = std::time::Instant::now();
    while !ready() {
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// What the ftpnat program did.
#[derive(Debug)]
pub(crate) struct Run {
    /// Exit status; -1 where a signal ended it.
    pub(crate) status: i32,
    /// Its stdout.
    pub(crate) stdout: String,
    /// Its stderr.
    pub(crate) stderr: String,
}

/// Which iptables programs an administrator has under their plain names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BackEnd {
    /// iptables-nft: rules in `nf_tables`.
    Nft,
    /// iptables-legacy: rules in `ip_tables`.
    Legacy,
}

impl BackEnd {
    /// Both.
    pub(crate) const BOTH: [Self; 2] = [Self::Nft, Self::Legacy];

    /// The word in the names of its programs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::Legacy => "legacy",
        }
    }

    /// `iptables-legacy-restore` for `iptables` and `restore`.
    pub(crate) fn program(self, iptables: &str, verb: &str) -> String {
        format!("{iptables}-{}-{verb}", self.word())
    }

    /// A `PATH` in which `iptables`, `iptables-save` and their like are this back end's, as
    /// `update-alternatives` sets it.
    pub(crate) fn search_path(self) -> String {
        static LINKS: OnceLock<TempDir> = OnceLock::new();
        let links = LINKS.get_or_init(|| {
            let dir = directory();
            for back_end in Self::BOTH {
                let folder = dir.path().join(back_end.word());
                std::fs::create_dir(&folder).expect("a folder of links");
                for iptables in ["iptables", "ip6tables"] {
                    let word = back_end.word();
                    for verb in ["", "-save", "-restore"] {
                        std::os::unix::fs::symlink(
                            format!("/usr/sbin/{iptables}-{word}{verb}"),
                            folder.join(format!("{iptables}{verb}")),
                        )
                        .expect("a link");
                    }
                }
            }
            dir
        });
        format!(
            "{}:{}",
            links.path().join(self.word()).display(),
            search_path()
        )
    }
}

/// Runs the ftpnat program under test in a namespace, `input` on its stdin.
pub(crate) fn ftpnat(namespace: &Namespace, arguments: &[&str], input: &str) -> Run {
    ftpnat_beside(BackEnd::Nft, namespace, arguments, input)
}

/// The same on a host whose iptables is of this back end.
pub(crate) fn ftpnat_beside(
    back_end: BackEnd,
    namespace: &Namespace,
    arguments: &[&str],
    input: &str,
) -> Run {
    let mut command = namespace.command(env!("CARGO_BIN_EXE_ftpnat"));
    command.args(arguments).env("PATH", back_end.search_path());
    let output = namespace.feed_to(command, input);
    Run {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What the ftpnat program prints where it succeeds; the run where it does not.
pub(crate) fn emitted(
    back_end: BackEnd,
    namespace: &Namespace,
    arguments: &[&str],
    input: &str,
) -> Result<String, Failed> {
    let run = ftpnat_beside(back_end, namespace, &[&["emit"], arguments].concat(), input);
    if run.status == 0 {
        Ok(run.stdout)
    } else {
        Err(format!("{arguments:?}: {run:?}").into())
    }
}
