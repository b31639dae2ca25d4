//! The programs that load and unload modules: recorded stand-ins in `PATH`, since a test must
//! not load modules into the machine's kernel, and this one may have none.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use ftpnat::apply::perform::{load_modules, unload_modules};
use ftpnat::apply::system::ModuleStep;
use ftpnat::sys::kmod::Host;
use libtest_mimic::Trial;

use crate::state::private;
use crate::{another, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("modules/recorded-programs", recorded_programs),
        trial("modules/programs-that-fail", programs_that_fail),
    ]
}

/// Loads and unloads what the argument names, and prints what came of it; in a process of
/// its own, with another `PATH`.
pub(crate) fn load(name: &str) -> ExitCode {
    let (name, why) = (name.to_owned(), String::new());
    let steps = [
        ModuleStep::Load {
            name: name.clone(),
            is_missing: true,
            why: why.clone(),
        },
        ModuleStep::Unload { name, why },
    ];
    match load_modules(&steps, &Host) {
        Ok(done) => println!("loaded {:?}", done.notes.len()),
        Err(error) => println!("not loaded: {}", error.source),
    }
    let done = unload_modules(&steps, &Host);
    let notes: Vec<String> = done.notes.iter().map(ToString::to_string).collect();
    println!("unloaded {}", notes.join("; "));
    ExitCode::SUCCESS
}

/// A module that no kernel has loaded.
const MODULE: &str = "ftpnat_no_such_module";

/// What [`load`] prints where the programs do as `script` says, and what they were given.
fn with(script: &str) -> (String, String) {
    let dir = private();
    let log = dir.path().join("log");
    for program in ["modprobe", "rmmod"] {
        let path = dir.path().join(program);
        let text = format!(
            "#!/bin/sh\necho \"{program} $*\" >>{}\n{script}\n",
            log.display()
        );
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    }
    let output = another("load", MODULE)
        .env("PATH", dir.path())
        .output()
        .expect("another process");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    (told, fs::read_to_string(&log).unwrap_or_default())
}

/// Where the kernel lists its modules, it does not list this one: nothing is unloaded that
/// is not there.
fn unloads(log_line: &str) -> String {
    if Path::new("/proc/modules").exists() {
        String::new()
    } else {
        log_line.to_owned()
    }
}

fn recorded_programs() {
    let (told, log) = with("exit 0");
    assert_eq!(told, "loaded 0\nunloaded \n");
    let unloads = unloads(&format!("rmmod -- {MODULE}\n"));
    assert_eq!(log, format!("modprobe -- {MODULE}\n{unloads}"));
}

fn programs_that_fail() {
    let (told, _) = with("echo 'no such module' >&2; exit 1");
    let failed = format!("not loaded: modprobe {MODULE}: exit status: 1: no such module\n");
    assert!(told.starts_with(&failed), "{told}");
    let note = unloads(&format!("rmmod {MODULE}: exit status: 1: no such module"));
    assert!(told.ends_with(&format!("unloaded {note}\n")), "{told}");
}
