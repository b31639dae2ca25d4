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
