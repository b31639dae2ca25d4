//! What of the kernel's state changes beside the rules: modules and sysctls, as a value.
//!
//! One function for every verb: [`change`] goes from what is now to what the profiles need
//! that are installed afterwards. With none left that is the way back to what was before
//! ftpnat came. It undoes what ftpnat did and nothing else: a value that somebody changed
//! since is left, of a list only the ports go that ftpnat added, and a module is unloaded
//! only if ftpnat loaded it.
//!
//! Order, which the steps keep: modules come before rules that name a helper. `accept_ra`
//! comes before IPv6 forwarding, which takes away routes that routers told
//! (`rt6_purge_dflt_routers`), and goes after it.

mod back;
mod modules;
mod put_back;
mod set;

use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::plan::Plan;
use crate::profile::Profile;

pub use back::back;
pub use modules::modules_needed;

use super::record::{Changed, ChangedSysctl, Setting};

/// What the host shall serve.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The profiles that are installed afterwards, in any order.
    pub profiles: &'a [Profile],
    /// Their plan.
    pub plan: &'a Plan,
    /// Modules that ftpnat needs in other network namespaces ([`modules_needed`]): those are
    /// not unloaded.
    pub modules_elsewhere: &'a [String],
}

/// Modules and sysctls that change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemChange {
    /// Modules, in order; to load before the rules come, to unload after they are gone.
    pub modules: Vec<ModuleStep>,
    /// Sysctls, in order.
    pub sysctls: Vec<SysctlStep>,
    /// What whoever asked for it should know, a sentence each.
    pub warnings: Vec<String>,
    /// Why the profiles cannot work, a sentence each; with any, nothing is to be changed.
    pub obstacles: Vec<String>,
    after: Changed,
}

/// A module that comes or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleStep {
    /// To load.
    Load {
        /// Its name.
        name: String,
        /// Whether it is known to be missing. Where it is not, it may be built in, and
        /// a failure says nothing until a probe says that it is missing.
        is_missing: bool,
        /// Why.
        why: String,
    },
    /// To unload if nobody uses it: ftpnat loaded it. A failure is worth a note.
    Unload {
        /// Its name.
        name: String,
        /// Why.
        why: String,
    },
}

/// A sysctl that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SysctlStep {
    /// Its name, as [`crate::facts::sysctl::path`] takes it.
    pub key: String,
    /// What it is.
    pub from: String,
    /// What it is set to.
    pub to: String,
    /// Why.
    pub why: String,
    /// What the kernel overwrites with that, as it is: what must be written besides to
    /// take the step back.
    pub overwrites: Vec<Setting>,
    /// What is written right after it, for the same reason.
    pub then: Vec<Setting>,
}

/// The change from what is now to what is wanted. `made`: what ftpnat changed in this
/// boot ([`super::record::Record::changed_in`]).
#[must_use]
pub fn change(wanted: &Wanted, facts: &Facts, made: &Changed) -> SystemChange {
    let mut change = SystemChange::default();
    modules::all(&mut change, wanted, facts, &made.modules);
    put_back::all(&mut change, wanted, facts, &made.sysctls);
    set::routes(&mut change, wanted, facts, &made.sysctls);
    set::reserved_ports(&mut change, wanted, facts, &made.sysctls);
    change
}

impl SystemChange {
    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.modules.is_empty() && self.sysctls.is_empty()
    }

    /// What to record once it is done. `loaded`: which modules it was that were loaded by
    /// it, and not there before.
    #[must_use]
    pub fn recorded(&self, loaded: &[String]) -> Changed {
        let mut changed = self.after.clone();
        for name in loaded {
            if !changed.modules.contains(name) {
                changed.modules.push(name.clone());
            }
        }
        changed
    }
}

impl SysctlStep {
    /// The step that takes this one back.
    #[must_use]
    pub fn undone(&self) -> Self {
        Self {
            key: self.key.clone(),
            from: self.to.clone(),
            to: self.from.clone(),
            why: "the change failed".to_owned(),
            overwrites: self.then.clone(),
            then: self.overwrites.clone(),
        }
    }
}

/// A sysctl as it is, without the end of its line; `None` where it was not read.
fn value(facts: &Facts, key: &str) -> Option<String> {
    let path = crate::facts::sysctl::path(key);
    Some(facts.snapshot.text(&path)?.trim().to_owned())
}

/// Why a sysctl was not read, in words.
fn silent(facts: &Facts, key: &str) -> String {
    facts.snapshot.why_silent(&crate::facts::sysctl::path(key))
}

fn recorded<'a>(made: &'a [ChangedSysctl], key: &str) -> Option<&'a ChangedSysctl> {
    made.iter().find(|changed| changed.key == key)
}

#[cfg(test)]
mod tests;
