//! `ftpnat snapshot`: what the checks read, saved to a directory.

use std::io;
use std::path::Path;

use crate::cli::StateDirectory;
use crate::facts::helper;
use crate::facts::snapshot::{MANIFEST, Snapshot, State};
use crate::facts::sources::Asked;
use crate::output::{self, Failure, one_line};
use crate::ruleset::live::recorded;
use crate::sys::collect::About;
use crate::sys::terminal::{Color, write_stdout};
use crate::sys::{collect, files, ruleset, scratch};

use super::installed;

/// The longest file of a snapshot that is read.
const MOST: usize = 64 * 1024 * 1024;

/// Takes a snapshot and saves it.
pub(super) fn run(directory: &str, state: &StateDirectory, color: Color) -> anyhow::Result<()> {
    let shown = one_line(directory);
    let path = Path::new(directory);
    files::make_private(path).map_err(|e| cannot_make(&shown, &e))?;
    let mut snapshot = take(false);
    ruleset::record_into(&mut snapshot, false);
    installed::record_into(&mut snapshot, state, recorded::ruleset);
    for (name, bytes) in snapshot.files() {
        files::write_below(path, &name, &bytes).map_err(|e| {
            Failure::cannot(format!("cannot write {shown}/{name}: {e}"))
                .help("what was written so far is in that directory; remove it")
        })?;
    }
    write_stdout(&output::snapshot::saved(&shown, &snapshot), color)?;
    Ok(())
}

fn cannot_make(shown: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory => Failure::usage(format!(
            "{shown} is there already, and not an empty directory"
        ))
        .help("name one that is not there yet"),
        _ => Failure::cannot(format!("cannot make the directory {shown}: {error}")),
    }
}

/// The sources of this host but for its ruleset, with what functional probes tell. These
/// run where they make the kernel load no module, or where `may_load` allows that; they
/// may have loaded what a reading of the ruleset asks, which therefore comes after.
pub(super) fn take(may_load: bool) -> Snapshot {
    let mut snapshot = collect::snapshot(About::Everything);
    let probe = match helper::probe_loads_nothing(&snapshot) {
        Err(module) if !may_load => State::Unreadable(format!(
            "{module} is not loaded, and a probe would make the kernel load it"
        )),
        _ => State::Held(scratch::report()),
    };
    snapshot.insert(Asked::Probe.to_string(), probe);
    snapshot
}

/// A snapshot that was saved.
pub(super) fn read(directory: &Path) -> anyhow::Result<Snapshot> {
    let shown = one_line(&directory.display().to_string());
    let bytes = |name: &str| files::read_plain(&directory.join(name), MOST);
    let manifest = bytes(MANIFEST)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| io::Error::other("it is not text")));
    let manifest = manifest.map_err(|e| {
        Failure::usage(format!(
            "{shown} is no snapshot: cannot read its {MANIFEST}: {e}"
        ))
        .help("`ftpnat snapshot DIR` makes one")
    })?;
    let snapshot = Snapshot::parse(&manifest, |name| bytes(name).map_err(|e| e.to_string()));
    snapshot.map_err(|e| Failure::usage(format!("{shown} is no snapshot: {e}")).into())
}
