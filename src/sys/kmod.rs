//! Kernel modules, loaded by modprobe(8) and unloaded by rmmod(8), both of kmod.

use std::collections::BTreeSet;
use std::io;

use crate::facts::modules;

use super::process::{self, Finished};

/// Why a module is not loaded, or not unloaded.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// There is no such program.
    #[error(
        "cannot find {program}, which {act}s {module}: install the package kmod, or {act} it \
         by other means"
    )]
    NoProgram {
        /// `modprobe` or `rmmod`.
        program: &'static str,
        /// `load` or `unload`.
        act: &'static str,
        /// The module.
        module: String,
    },
    /// The program did not start.
    #[error("cannot start {program} {module}")]
    Start {
        /// `modprobe` or `rmmod`.
        program: &'static str,
        /// The module.
        module: String,
        /// Why.
        source: io::Error,
    },
    /// The program failed.
    #[error("{program} {module}: {status}{}", told(.stderr))]
    Failed {
        /// `modprobe` or `rmmod`.
        program: &'static str,
        /// The module.
        module: String,
        /// Its exit status in words.
        status: String,
        /// What it said.
        stderr: String,
    },
}

fn told(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": {stderr}")
    }
}

/// What loads and unloads; a test has another than the host's.
pub trait Kmod {
    /// Runs a program with its arguments to its end.
    ///
    /// # Errors
    /// Where it cannot be started; `NotFound` where there is no such program.
    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Finished>;

    /// The modules that are loaded; `None` where the kernel does not say, as one that was
    /// built without modules.
    fn loaded(&self) -> Option<BTreeSet<String>>;
}

/// The host's own programs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Host;

impl Kmod for Host {
    /// From `PATH`, or from where kmod has them, which a plain user's `PATH` leaves out.
    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Finished> {
        let usual = [program.to_owned(), format!("/usr/sbin/{program}")];
        let usual = usual.into_iter().chain([format!("/sbin/{program}")]);
        for path in usual {
            match process::run(&path, arguments) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => return done,
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    fn loaded(&self) -> Option<BTreeSet<String>> {
        modules::loaded(&std::fs::read_to_string("/proc/modules").ok()?)
    }
}

/// Loads a module by its name, which works where it is blacklisted too. Gives whether it was
/// not there and is now; one that is built in was there.
///
/// # Errors
/// [`ModuleError`].
pub fn load(kmod: &impl Kmod, module: &str) -> Result<bool, ModuleError> {
    let before = kmod.loaded();
    run(kmod, "modprobe", "load", module)?;
    let is_new = |before: BTreeSet<String>, after: BTreeSet<String>| {
        !before.contains(module) && after.contains(module)
    };
    Ok(before.zip(kmod.loaded()).is_some_and(|(b, a)| is_new(b, a)))
}

/// Unloads this module alone, if nobody uses it: `modprobe -r` would unload with it what it
/// needs, which others may have loaded. Gives whether it was there.
///
/// # Errors
/// [`ModuleError`]; a module in use is `Failed`.
pub fn unload(kmod: &impl Kmod, module: &str) -> Result<bool, ModuleError> {
    if kmod.loaded().is_some_and(|names| !names.contains(module)) {
        return Ok(false);
    }
    run(kmod, "rmmod", "unload", module).map(|()| true)
}

fn run(
    kmod: &impl Kmod,
    program: &'static str,
    act: &'static str,
    module: &str,
) -> Result<(), ModuleError> {
    let module = module.to_owned();
    match kmod.run(program, &["--", &module]) {
        Ok(finished) if finished.success => Ok(()),
        Ok(Finished { status, stderr, .. }) => Err(ModuleError::Failed {
            program,
            module,
            status,
            stderr,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ModuleError::NoProgram {
            program,
            act,
            module,
        }),
        Err(source) => Err(ModuleError::Start {
            program,
            module,
            source,
        }),
    }
}
