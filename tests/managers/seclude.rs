//! Programs that believe to be on a machine of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;

use crate::support::fetched;
use crate::support::netns::Namespace;
use crate::support::server::libraries;

/// Debian's own: its modules are none of another Python's.
const PYTHON: &str = "/usr/bin/python3";

/// Whether there is time for what is much like something else.
pub(crate) fn is_long() -> bool {
    std::env::var_os("FTPNAT_LONG").is_some()
}

/// The trials, or where something is missing all of them as ignored, and why aloud.
pub(crate) fn unless(missing: Option<String>, trials: Vec<Trial>) -> Vec<Trial> {
    let Some(reason) = missing else {
        return trials;
    };
    #[expect(clippy::print_stderr, reason = "a skipped trial is said aloud")]
    {
        eprintln!("ignored: {reason}");
    }
    let ignored = |trial: Trial| trial.with_ignored_flag(true).with_kind("no manager");
    trials.into_iter().map(ignored).collect()
}

/// The first of these files that is not there, in words.
pub(crate) fn absent(files: &[&str]) -> Option<String> {
    let here = files.iter().map(|file| fetched().join(file));
    let mut all = here.chain([PathBuf::from(PYTHON)]);
    let absent = all.find(|path| !path.exists())?;
    Some(format!("no {}; `./dev test` fetches it", absent.display()))
}

/// `program` inside, with a `/run` and mounts of its own; `mount`: shell commands that make
/// more of those. It becomes the program by exec(2): the child's id is the program's.
pub(crate) fn secluded(namespace: &Namespace, mount: &str, program: &Path) -> Command {
    let mut command = namespace.command("unshare");
    let script = format!("mount -t tmpfs tmpfs /run && {mount} exec \"$@\"");
    command
        .args(["--mount", "--", "sh", "-c", &script, "sh"])
        .arg(program);
    let lib = fetched().join("usr/lib");
    command
        .env("LD_LIBRARY_PATH", libraries())
        .env("PYTHONPATH", lib.join("python3/dist-packages"))
        .env("GI_TYPELIB_PATH", typelibs(&lib));
    command
}

/// A Python program that was fetched, the same way.
pub(crate) fn python(namespace: &Namespace, mount: &str, program: &str) -> Command {
    let mut command = secluded(namespace, mount, Path::new(PYTHON));
    command.arg(fetched().join(program));
    command
}

/// Descriptions of libraries for Python: a directory for each architecture.
fn typelibs(lib: &Path) -> String {
    let entries = std::fs::read_dir(lib).expect("unpacked libraries");
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path().join("girepository-1.0")));
    let there = folders.filter(|path| path.exists());
    let paths: Vec<String> = there.map(|path| path.display().to_string()).collect();
    paths.join(":")
}
