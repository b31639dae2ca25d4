//! The functional probes of the FTP helpers, on this kernel: what works is seen to
//! work, what is not there is seen to be missing, and nothing stays behind.

#![allow(
    clippy::disallowed_methods,
    reason = "tests touch the host: that is what they are for"
)]

mod support;

use std::process::{Command, ExitCode};

use ftpnat::facts::probe::{ProbeReport, Probed};
use ftpnat::sys::scratch::{Trial, in_new_namespace};
use libtest_mimic::Failed;

const PROGRAM: &str = env!("CARGO_BIN_EXE_ftpnat");

fn main() -> ExitCode {
    support::enter();
    let no_users = !support::server::has_other_users();
    let trial = |name: &str, run: fn() -> Result<(), Failed>| libtest_mimic::Trial::test(name, run);
    support::play(vec![
        trial("works-here", works_here),
        trial("no-such-helper", no_such_helper),
        trial("nothing-to-rewrite", nothing_to_rewrite),
        trial("nobody-reads", nobody_reads),
        trial("nothing-stays", nothing_stays),
        // A user namespace of one id has no other user to become.
        trial("without-root", without_root).with_ignored_flag(no_users),
        trial("without-namespaces", without_namespaces).with_ignored_flag(no_users),
    ])
}

/// On a thread of its own, which the namespace ends with.
fn probe(trial: Trial) -> ProbeReport {
    std::thread::spawn(move || in_new_namespace(&trial))
        .join()
        .expect("the probing thread")
}

fn works_here() -> Result<(), Failed> {
    let report = run(&mut Command::new(PROGRAM))?;
    all_works(&report)
}

fn no_such_helper() -> Result<(), Failed> {
    let report = probe(Trial {
        helper: "no-such-helper",
        ..Trial::default()
    });
    let fits = report.nf_tables == Probed::Works
        && report.nft_ct == Probed::Works
        && matches!(report.conntrack_ftp, Probed::Missing(_))
        && matches!(report.nat_ftp, Probed::Unknown(_));
    told(fits, &report)
}

/// Without a translation the reply stays as it is, although the helper reads it: so
/// the probe can see that.
fn nothing_to_rewrite() -> Result<(), Failed> {
    let report = probe(Trial {
        translate: false,
        ..Trial::default()
    });
    let fits =
        report.conntrack_ftp == Probed::Works && matches!(report.nat_ftp, Probed::Missing(_));
    told(fits, &report)
}

/// A reply that the helper did not read says nothing of `nf_nat_ftp`.
fn nobody_reads() -> Result<(), Failed> {
    for translate in [true, false] {
        let report = probe(Trial {
            assign: false,
            translate,
            ..Trial::default()
        });
        let fits =
            report.conntrack_ftp == Probed::Works && matches!(report.nat_ftp, Probed::Unknown(_));
        told(fits, &report)?;
    }
    Ok(())
}

/// In the namespace that the program is started in, and on the machine.
fn nothing_stays() -> Result<(), Failed> {
    let before = seen();
    run(&mut Command::new(PROGRAM))?;
    probe(Trial::default());
    let after = seen();
    if before == after {
        return Ok(());
    }
    Err(format!("before:\n{before}\nafter:\n{after}").into())
}

/// Rules, links and modules.
fn seen() -> String {
    let output = |program: &str, arguments: &[&str]| {
        let output = support::command(program).args(arguments).output();
        String::from_utf8_lossy(&output.expect(program).stdout).into_owned()
    };
    let modules = std::fs::read_to_string("/proc/modules").unwrap_or_default();
    output("nft", &["list", "ruleset"]) + &output("ip", &["-brief", "link"]) + &modules
}

fn without_root() -> Result<(), Failed> {
    let mut user = support::command("setpriv");
    user.args([
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "--",
        PROGRAM,
    ]);
    let report = run(&mut user)?;
    told(
        report.namespace == Ok("made in a user namespace".to_owned()),
        &report,
    )?;
    all_works(&report)
}

/// Where a system forbids user namespaces: it is said, and nothing is claimed.
fn without_namespaces() -> Result<(), Failed> {
    // In a user namespace of its own, whose limit is nobody else's.
    let script = r#"echo 0 >/proc/sys/user/max_net_namespaces && exec "$0" scratch-probe"#;
    let mut command = support::command("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--",
        "sh",
        "-c",
        script,
        PROGRAM,
    ]);
    let report = parsed(&mut command)?;
    let fits = report.namespace.is_err()
        && matches!(report.conntrack_ftp, Probed::Unknown(_))
        && matches!(report.nat_ftp, Probed::Unknown(_));
    told(fits, &report)
}

fn run(command: &mut Command) -> Result<ProbeReport, Failed> {
    parsed(command.arg("scratch-probe"))
}

fn parsed(command: &mut Command) -> Result<ProbeReport, Failed> {
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    ProbeReport::parse(&text).ok_or_else(|| format!("no report: {output:?}").into())
}

fn all_works(report: &ProbeReport) -> Result<(), Failed> {
    let parts = [
        &report.nf_tables,
        &report.nft_ct,
        &report.conntrack_ftp,
        &report.nat_ftp,
    ];
    told(parts.into_iter().all(|part| *part == Probed::Works), report)
}

fn told(fits: bool, report: &ProbeReport) -> Result<(), Failed> {
    if fits {
        Ok(())
    } else {
        Err(report.to_string().into())
    }
}
