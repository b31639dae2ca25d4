//! Does what a [`SystemChange`](super::system::SystemChange) says.

use crate::sys::kmod::{self, Kmod, ModuleError};
use crate::sys::sysctls::{self, SysctlError};

use super::system::{ModuleStep, SysctlStep};

/// What came of the steps with modules.
#[derive(Debug, Default)]
pub struct ModulesDone {
    /// Modules that were not there before and are now, in the order in which they came.
    pub loaded: Vec<String>,
    /// Modules that were unloaded.
    pub unloaded: Vec<String>,
    /// What failed that is no fault by itself: one that may be built in and was not
    /// loaded, one that was not unloaded.
    pub notes: Vec<ModuleError>,
}

/// A module that is missing and was not loaded.
#[derive(Debug, thiserror::Error)]
#[error("a kernel module that the profile needs was not loaded")]
pub struct NotLoaded {
    /// Why.
    #[source]
    pub source: ModuleError,
    /// What was loaded before that; to be taken back with [`unload_again`].
    pub loaded: Vec<String>,
}

/// Loads the modules of `steps`, before the rules that need them come.
///
/// # Errors
/// [`NotLoaded`] at the first one that is known to be missing and does not load.
pub fn load_modules(steps: &[ModuleStep], kmod: &impl Kmod) -> Result<ModulesDone, NotLoaded> {
    let mut done = ModulesDone::default();
    for step in steps {
        let ModuleStep::Load {
            name, is_missing, ..
        } = step
        else {
            continue;
        };
        match kmod::load(kmod, name) {
            Ok(is_new) => done.loaded.extend(is_new.then(|| name.clone())),
            Err(source) if *is_missing => {
                let loaded = done.loaded;
                return Err(NotLoaded { source, loaded });
            }
            Err(source) => done.notes.push(source),
        }
    }
    Ok(done)
}

/// Unloads the modules of `steps`, after the rules that used them are gone. What does not
/// go stays, with a note.
#[must_use]
pub fn unload_modules(steps: &[ModuleStep], kmod: &impl Kmod) -> ModulesDone {
    let names = steps.iter().filter_map(|step| match step {
        ModuleStep::Unload { name, .. } => Some(name),
        ModuleStep::Load { .. } => None,
    });
    unload(names, kmod)
}

/// Unloads what [`load_modules`] loaded, where the change failed afterwards.
#[must_use]
pub fn unload_again(loaded: &[String], kmod: &impl Kmod) -> ModulesDone {
    unload(loaded.iter().rev(), kmod)
}

fn unload<'a>(names: impl Iterator<Item = &'a String>, kmod: &impl Kmod) -> ModulesDone {
    let mut done = ModulesDone::default();
    for name in names {
        match kmod::unload(kmod, name) {
            Ok(was_there) => done.unloaded.extend(was_there.then(|| name.clone())),
            Err(error) => done.notes.push(error),
        }
    }
    done
}

/// Sysctls that could not be set.
#[derive(Debug, thiserror::Error)]
#[error("the sysctls that the profile needs were not set")]
pub struct NotSet {
    /// Why the first one failed.
    #[source]
    pub source: SysctlError,
    /// What could not be taken back of the steps before: empty where all is as it was.
    pub left: Vec<SysctlError>,
}

/// Sets sysctls step by step. Where one fails, those before it are taken back.
///
/// # Errors
/// [`NotSet`].
pub fn set_sysctls(steps: &[SysctlStep]) -> Result<(), NotSet> {
    for (index, step) in steps.iter().enumerate() {
        let (source, begun) = match set(step) {
            Ok(()) => continue,
            Err(Failed::AtOnce(error)) => (error, &steps[..index]),
            Err(Failed::Halfway(error)) => (error, &steps[..=index]),
        };
        return Err(NotSet {
            source,
            left: take_back(begun),
        });
    }
    Ok(())
}

/// Takes back steps that were done, the last one first. Gives what could not be: empty where
/// all is as it was.
#[must_use]
pub fn take_back(steps: &[SysctlStep]) -> Vec<SysctlError> {
    let failed = |step: &SysctlStep| match set(&step.undone()) {
        Ok(()) => None,
        Err(Failed::AtOnce(error) | Failed::Halfway(error)) => Some(error),
    };
    steps.iter().rev().filter_map(failed).collect()
}

/// How far a step came.
enum Failed {
    /// Nothing was written.
    AtOnce(SysctlError),
    /// Something was.
    Halfway(SysctlError),
}

/// Sets one; some of it may be written where it fails.
pub(super) fn set_one(step: &SysctlStep) -> Result<(), SysctlError> {
    set(step).map_err(|failed| match failed {
        Failed::AtOnce(error) | Failed::Halfway(error) => error,
    })
}

fn set(step: &SysctlStep) -> Result<(), Failed> {
    sysctls::write(&step.key, &step.to).map_err(|error| match error {
        SysctlError::Write { .. } => Failed::AtOnce(error),
        SysctlError::Read { .. } | SysctlError::NotTaken { .. } => Failed::Halfway(error),
    })?;
    step.then
        .iter()
        .try_for_each(|setting| sysctls::write(&setting.key, &setting.value))
        .map_err(Failed::Halfway)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::io;

    use super::*;
    use crate::sys::process::Finished;

    /// A recorded stand-in of kmod: modprobe loads what can be loaded, with what it needs;
    /// rmmod unloads what is not used.
    struct Recorded {
        loadable: &'static [&'static str],
        used: &'static [&'static str],
        loaded: RefCell<BTreeSet<String>>,
        lines: RefCell<Vec<String>>,
    }

    impl Recorded {
        fn new(loadable: &'static [&'static str], used: &'static [&'static str]) -> Self {
            Self {
                loadable,
                used,
                loaded: RefCell::default(),
                lines: RefCell::default(),
            }
        }

        fn done(&self) -> String {
            self.lines.take().join("; ")
        }
    }

    impl Kmod for Recorded {
        fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Finished> {
            self.lines
                .borrow_mut()
                .push(format!("{program} {}", arguments.join(" ")));
            let name = arguments[1];
            let mut loaded = self.loaded.borrow_mut();
            let success = match program {
                "modprobe" if self.loadable.contains(&name) => {
                    loaded.insert("nf_conntrack_ftp".to_owned());
                    loaded.insert(name.to_owned());
                    true
                }
                "rmmod" if !self.used.contains(&name) => loaded.remove(name),
                _ => false,
            };
            Ok(Finished {
                success,
                status: "exit status: 1".to_owned(),
                stdout: Vec::new(),
                stderr: "said".to_owned(),
            })
        }

        fn loaded(&self) -> Option<BTreeSet<String>> {
            Some(self.loaded.borrow().clone())
        }
    }

    /// A host without kmod, whose kernel does not say what is loaded.
    struct Bare;

    impl Kmod for Bare {
        fn run(&self, _: &str, _: &[&str]) -> io::Result<Finished> {
            Err(io::ErrorKind::NotFound.into())
        }

        fn loaded(&self) -> Option<BTreeSet<String>> {
            None
        }
    }

    fn loads(is_missing: bool) -> [ModuleStep; 2] {
        ["nf_conntrack_ftp", "nf_nat_ftp"].map(|name| ModuleStep::Load {
            name: name.to_owned(),
            is_missing,
            why: String::new(),
        })
    }

    fn unloads() -> [ModuleStep; 2] {
        ["nf_nat_ftp", "nf_conntrack_ftp"].map(|name| ModuleStep::Unload {
            name: name.to_owned(),
            why: String::new(),
        })
    }

    const BOTH: &[&str] = &["nf_conntrack_ftp", "nf_nat_ftp"];

    #[test]
    fn modules_come_and_go() {
        let kmod = Recorded::new(BOTH, &[]);
        let done = load_modules(&loads(true), &kmod).expect("loaded");
        assert_eq!(done.loaded, BOTH);
        assert_eq!(
            kmod.done(),
            "modprobe -- nf_conntrack_ftp; modprobe -- nf_nat_ftp"
        );
        // What is there already is not ours.
        let again = load_modules(&loads(true), &kmod).expect("loaded");
        assert_eq!(again.loaded, [""; 0]);
        kmod.done();
        let gone = unload_modules(&unloads(), &kmod);
        assert_eq!(gone.unloaded, ["nf_nat_ftp", "nf_conntrack_ftp"]);
        assert_eq!(
            kmod.done(),
            "rmmod -- nf_nat_ftp; rmmod -- nf_conntrack_ftp"
        );
        // Somebody else unloaded them.
        let gone = unload_modules(&unloads(), &kmod);
        assert_eq!((gone.unloaded.len(), gone.notes.len()), (0, 0));
        assert_eq!(kmod.done(), "");
    }

    #[test]
    fn a_module_in_use_stays_with_a_note() {
        let kmod = Recorded::new(BOTH, &["nf_conntrack_ftp"]);
        load_modules(&loads(true), &kmod).expect("loaded");
        let gone = unload_modules(&unloads(), &kmod);
        assert_eq!(gone.unloaded, ["nf_nat_ftp"]);
        assert_eq!(
            gone.notes[0].to_string(),
            "rmmod nf_conntrack_ftp: exit status: 1: said"
        );
    }

    #[test]
    fn a_missing_module_is_an_error_and_one_that_may_be_built_in_is_not() {
        let kmod = Recorded::new(&BOTH[..1], &[]);
        let error = load_modules(&loads(true), &kmod).expect_err("nf_nat_ftp is missing");
        assert!(error.source.to_string().starts_with("modprobe nf_nat_ftp"));
        assert_eq!(error.loaded, ["nf_conntrack_ftp"]);
        assert_eq!(unload_again(&error.loaded, &kmod).unloaded, error.loaded);
        let done = load_modules(&loads(false), &kmod).expect("not known to be missing");
        assert_eq!((done.loaded.len(), done.notes.len()), (1, 1));
    }

    #[test]
    fn without_kmod_it_says_what_to_install() {
        let error = load_modules(&loads(true), &Bare).expect_err("no modprobe");
        assert!(error.source.to_string().contains("the package kmod"));
        let gone = unload_modules(&unloads(), &Bare);
        assert!(gone.notes[0].to_string().contains("cannot find rmmod"));
    }
}
