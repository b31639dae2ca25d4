//! What is installed in this network namespace, as it was recorded.

use std::path::PathBuf;
use std::time::Duration;

use crate::apply::record::{self, Backend, Changed, InstalledProfile, Record};
use crate::apply::system;
use crate::cli::StateDirectory;
use crate::output::{Failure, human, one_line};
use crate::profile::{self, Profile};
use crate::sys::state::{self, Locked, StateError, SubState};

/// How long another ftpnat is waited for: one that is just about done.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the record says; `None`: nothing is installed.
pub(super) struct Installation {
    /// As it was read.
    pub(super) record: Option<Record>,
    /// Modules that ftpnat loaded for other network namespaces.
    pub(super) modules_elsewhere: Vec<String>,
    /// What tells this namespace from any other, and this boot of it from the next.
    pub(super) epoch: String,
}

impl Installation {
    /// What ftpnat changed of the kernel's state in this boot.
    pub(super) fn changed(&self) -> Changed {
        self.record
            .as_ref()
            .map(|record| record.changed_in(&self.epoch))
            .unwrap_or_default()
    }

    /// The installed profiles, as they were given.
    pub(super) fn installed(&self) -> &[InstalledProfile] {
        self.record.as_ref().map_or(&[], |record| &record.profiles)
    }

    /// The installed profiles but for those of these names.
    pub(super) fn others(&self, names: &[&str]) -> Result<Vec<Profile>, Failure> {
        let others = self.installed().iter();
        others
            .filter(|installed| !names.contains(&installed.name.as_str()))
            .map(valid)
            .collect()
    }

    /// What rules are put into so far.
    pub(super) fn back_end(&self) -> Option<Backend> {
        self.record.as_ref().map(|record| record.backend)
    }
}

/// The sub-state of this network namespace.
pub(super) fn sub_state(asked: &StateDirectory) -> Result<SubState, Failure> {
    let root = asked
        .state_dir
        .as_ref()
        .map_or_else(state::usual_directory, PathBuf::from);
    SubState::of_this_namespace(&root).map_err(|e| unkept(&e))
}

/// Works under the lock: one ftpnat at a time changes a namespace. Where nothing is
/// installed afterwards, no file is left either.
pub(super) fn under_lock<T>(
    sub_state: &SubState,
    work: impl FnOnce(&Locked) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    work_under(sub_state, sub_state.lock_within(PATIENCE), work)
}

/// The same to undo something, where even that can be done that cannot be written down.
pub(super) fn under_lock_to_undo<T>(
    sub_state: &SubState,
    work: impl FnOnce(&Locked) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    work_under(sub_state, sub_state.lock_to_undo(PATIENCE), work)
}

fn work_under<T>(
    sub_state: &SubState,
    locked: Result<Locked, StateError>,
    work: impl FnOnce(&Locked) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let locked = locked.map_err(|e| unkept(&e))?;
    let done = work(&locked);
    if matches!(sub_state.read(record::FILE), Ok(None)) {
        locked.leave_no_trace();
    }
    done
}

/// Reads the record.
pub(super) fn read(sub_state: &SubState) -> Result<Installation, Failure> {
    let path = sub_state.folder().join(record::FILE);
    let shown = one_line(&path.display().to_string());
    let bytes = sub_state.read(record::FILE).map_err(|e| unkept(&e))?;
    let parsed = bytes.map(|bytes| Record::parse(&bytes)).transpose();
    let record = parsed.map_err(|e| {
        Failure::cannot(format!(
            "cannot use {shown}, the record of what is installed: {e}"
        ))
        .help("move that file away; `ftpnat remove` then finds its rules by their comments")
    })?;
    let boot = state::boot_id().map_err(|e| unkept(&e))?;
    let epoch = sub_state.epoch().to_owned();
    Ok(Installation {
        // Another namespace had that number, and is gone with all that was in it.
        record: record.filter(|r| sub_state.is_of_host() || r.epoch == epoch),
        modules_elsewhere: modules_elsewhere(sub_state, &boot),
        epoch,
    })
}

fn valid(installed: &InstalledProfile) -> Result<Profile, Failure> {
    let label = format!("installed profile {}", installed.name);
    profile::parse(&label, installed.yaml.as_bytes()).map_err(|errors| {
        let name = &installed.name;
        let rendered = format!(
            "{}\n{}",
            errors.render(true).trim_end(),
            human::error(
                &format!("the installed profile {name} is not valid for this version of ftpnat"),
                Some(&format!(
                    "apply a new one of that name, or `ftpnat remove {name}`"
                )),
            )
        );
        Failure {
            rendered: Some(rendered),
            ..Failure::cannot(format!(
                "the installed profile {name} is not valid for this version of ftpnat"
            ))
        }
    })
}

/// A state that cannot be read says nothing: then its modules are not known, and unloading
/// one that is in use fails by itself.
fn modules_elsewhere(sub_state: &SubState, boot: &str) -> Vec<String> {
    let others = sub_state.others().unwrap_or_default();
    let records: Vec<Record> = others
        .iter()
        .filter_map(|other| Record::parse(&other.read(record::FILE).ok()??).ok())
        .collect();
    system::modules_needed(&records, boot)
}

/// Writes the record, or takes it away where nothing is installed any more.
pub(super) fn write(locked: &Locked, record: Option<&Record>) -> Result<(), Failure> {
    let Some(record) = record else {
        return locked.remove(record::FILE).map_err(|e| unkept(&e));
    };
    let bytes = record
        .to_json()
        .map_err(|e| Failure::cannot(format!("cannot write down what is installed: {e}")))?;
    locked.write(record::FILE, &bytes).map_err(|e| unkept(&e))
}

/// What cannot be kept or read of the state: nothing was changed.
pub(super) fn unkept(error: &StateError) -> Failure {
    let mut words = error.to_string();
    if let StateError::Failed { source, .. } = error {
        words = format!("{words}: {source}");
    }
    Failure::cannot(words)
}
