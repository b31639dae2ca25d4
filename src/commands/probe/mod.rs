//! `ftpnat probe`: an FTP session from the client's seat.

mod login;
mod target;

use anyhow::Context as _;

use crate::check::{Finding, Severity, judge};
use crate::cli::{Output, Probe};
use crate::output::{self, Failure};
use crate::probe::certificate::Trust;
use crate::probe::course::{Errand, Patience, examine};
use crate::probe::engine::Engine;
use crate::probe::runner::{Caller, drive};
use crate::probe::seen::{Account, Try};
use crate::sys::terminal::{Color, show_progress, write_stdout};
use crate::sys::{files, trust};

use super::{profiles, sweep};
use target::Target;

/// The longest file of certificates that is read: those of a whole system are shorter.
const MOST_OF_CA_FILE: usize = 4 * 1024 * 1024;

/// Probes a server, says what was seen and what is wrong, and gives the exit status.
pub(super) fn run(asked: &Probe, format: Output, color: Color) -> anyhow::Result<u8> {
    let profile = asked
        .profile
        .as_deref()
        .map(profiles::read_one)
        .transpose()?;
    if let (true, Some(profile), Some(token)) = (asked.sweep, &profile, &asked.token) {
        return sweep::run(&asked.host, profile, token, format, color);
    }
    let target = Target::of(asked, profile.as_ref())?;
    let user = login::user(asked, &target.host, color)?;
    let trust = trust_of(asked)?;
    let patience = Patience::default();
    let idle = asked.idle.map(std::time::Duration::from_secs);
    let caller = Caller {
        name: target.name.clone(),
        trust: Some(&trust),
        source: None,
        whole: patience.whole + idle.unwrap_or_default(),
    };
    let errand = Errand {
        addresses: target.addresses.clone(),
        encryption: target.encryption,
        user,
        insecure: asked.insecure,
        active: asked.active,
        idle,
        follow: asked.follow,
        patience,
    };
    let engine = Engine::new(|asker| examine(asker, errand));
    let account =
        drive(engine, &caller, &mut |what| show_progress(what, color)).context("cannot set up TLS");
    show_progress("", color);
    let account = account?;
    let findings = judge(&account, profile.as_ref());
    let text = match format {
        Output::Human => output::probe::human(&target.host, &account, &findings, asked.verbose),
        Output::Json => output::probe::json(&target.host, &account, &findings),
    };
    write_stdout(&text, color)?;
    Ok(status(&account, &findings))
}

/// What was told: a fault, nothing, or that all is well.
fn status(account: &Account, findings: &[Finding]) -> u8 {
    let is_broken = findings.iter().any(|f| f.severity == Severity::Error);
    let mut tries = account.sittings.iter().flat_map(|sitting| &sitting.tries);
    match (is_broken, tries.any(Try::works)) {
        (true, _) => 1,
        (false, true) => 0,
        (false, false) => 3,
    }
}

/// Those whom this system trusts, and those of the file.
fn trust_of(asked: &Probe) -> anyhow::Result<Trust> {
    let mut all = trust::authorities();
    if let Some(file) = &asked.ca_file {
        let shown = output::one_line(file);
        let failed = |what: String| Failure::usage(format!("cannot use --ca-file {shown}: {what}"));
        let pem = files::read(std::path::Path::new(file), MOST_OF_CA_FILE);
        let pem = pem.map_err(|error| failed(error.to_string()))?;
        all.extend(Trust::certificates(&pem).map_err(failed)?);
    }
    Ok(Trust::new(all))
}
