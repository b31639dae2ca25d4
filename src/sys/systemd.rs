//! systemd's transient timers: what happens even where no process of ours is left.

use std::path::Path;

use super::process;

/// Is there where systemd is process 1 (`sd_booted(3)`).
const BOOTED: &str = "/run/systemd/system";

/// Whether systemd runs this host.
#[must_use]
pub fn is_running() -> bool {
    Path::new(BOOTED).is_dir()
}

/// Has systemd run this program with `arguments` in `seconds`, unless [`disarm`] comes first.
///
/// # Errors
/// What `systemd-run` said, or why it did not start.
pub fn arm(unit: &str, seconds: u64, arguments: &[&str]) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let program = program
        .to_str()
        .ok_or("the path of this program is no UTF-8")?;
    let unit = format!("--unit={unit}");
    let after = format!("--on-active={seconds}s");
    let own = [
        "--quiet",
        "--collect",
        &unit,
        &after,
        "--timer-property=AccuracySec=1s",
        "--",
        program,
    ];
    run("systemd-run", &[&own, arguments].concat())
}

/// Takes the timer back; one that is gone will do.
pub fn disarm(unit: &str) {
    let _ = run("systemctl", &["--quiet", "stop", &format!("{unit}.timer")]);
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let finished = process::run(program, arguments).map_err(|e| format!("{program}: {e}"))?;
    if finished.success {
        Ok(())
    } else {
        Err(format!(
            "{program}: {}: {}",
            finished.status, finished.stderr
        ))
    }
}
