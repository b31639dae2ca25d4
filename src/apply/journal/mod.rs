//! The journal of a change: what was before it, and how far it came, so that whatever
//! happens it can be taken back. One file of JSON, versioned. Pure; `sys::state` carries the
//! bytes.
//!
//! It is written before anything else is, and says [`Stage::Begun`] then. A change that asks
//! to be confirmed is [`Stage::Waiting`] when it is in force, and [`Stage::Kept`] once it is
//! confirmed; one that does not ask is kept at once. Whoever takes it back says
//! [`Stage::Undoing`] first, and [`Stage::Undone`] at the end. Killed in between, each stage
//! says what is true, and the undo can be done from the beginning again.

mod wire;

use crate::render::restore::step;
use crate::ruleset::live::Ruleset;
use crate::ruleset::live::decode::{self, Dump};
use crate::ruleset::live::table::Maker;
use crate::ruleset::save::Save;

use super::intent::Program;
use super::ours::is_tagged;
use super::record::{Record, RecordError};
use super::system::SysctlStep;

/// The format that is written, and the only one that is read so far.
pub const FORMAT: &str = "ftpnat.journal/1";
/// The name of the journal in the state directory.
pub const FILE: &str = "journal.json";

/// A change, and how it is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// What no other change has.
    pub id: String,
    /// What was asked for.
    pub verb: Verb,
    /// The epoch that it was made in, as [`Record::epoch`].
    pub epoch: String,
    /// The process that made it.
    pub pid: u32,
    /// Since when, in seconds since 1970.
    pub since: u64,
    /// The profiles that came or went.
    pub profiles: Vec<String>,
    /// Who takes it back where nobody confirms it.
    pub watch: Option<Watch>,
    /// How far it came.
    pub stage: Stage,
    /// What was before.
    pub before: Before,
}

/// What a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// `ftpnat apply`.
    Apply,
    /// `ftpnat remove`.
    Remove,
}

/// Who takes a change back where nobody confirms it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// How long it waits, in seconds.
    pub seconds: u64,
    /// Its process.
    pub pid: u32,
    /// When that started, in ticks since the boot (proc(5), `starttime`): with the number
    /// it tells the process from one that has its number later.
    pub started: u64,
    /// systemd's timer that does it where the process does not.
    pub timer: Option<String>,
}

/// How far a change came.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is", deny_unknown_fields)]
pub enum Stage {
    /// It is being made; some of it may be in force.
    Begun,
    /// It is in force, and is taken back unless it is confirmed.
    Waiting {
        /// When, in milliseconds of the time since boot (`CLOCK_BOOTTIME`), which no clock
        /// that is set moves.
        until: u64,
    },
    /// It is in force, and stays.
    Kept,
    /// It is being taken back; some of it may be in force.
    Undoing {
        /// Why.
        why: String,
    },
    /// It is taken back.
    Undone {
        /// Why.
        why: String,
        /// When, in seconds since 1970.
        at: u64,
    },
}

/// What of ours was there before a change, and what the change does beside the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Before {
    /// The record.
    pub record: Option<Record>,
    /// Of `nf_tables`: our own tables, the chains with guests of ours as far as they are
    /// needed to find their places again, and the names of all tables and base chains.
    /// `None`: there is no `nf_tables`.
    pub nft: Option<Dump>,
    /// What each iptables program saved that had rules of ours, the tables without any left
    /// out.
    pub saves: Vec<(Program, Save)>,
    /// Modules that the change loads where they are missing, in that order.
    pub modules: Vec<String>,
    /// Sysctls that the change sets, in that order.
    pub sysctls: Vec<SysctlStep>,
}

impl Before {
    /// Ours of `nf_tables`, among the names of the rest.
    #[must_use]
    pub fn ruleset(&self) -> Ruleset {
        let mut ruleset = self.nft.as_ref().map(decode::decode).unwrap_or_default();
        // Whose a table is cannot be told by the few rules that are kept of it: native
        // guests stand in native tables.
        for table in &mut ruleset.tables {
            if table.chains.iter().any(|c| c.rules.iter().any(is_tagged)) {
                table.maker = Maker::Nft;
            }
        }
        ruleset
    }

    /// Sets down what a program saved.
    pub fn add_save(&mut self, program: Program, save: &Save) {
        let ours = step::tables_with_ours(save);
        if !ours.tables.is_empty() {
            self.saves.push((program, ours));
        }
    }
}

impl Journal {
    /// Whether what was begun was neither finished nor taken back.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self.stage {
            Stage::Begun | Stage::Waiting { .. } | Stage::Undoing { .. } => true,
            Stage::Kept | Stage::Undone { .. } => false,
        }
    }

    /// The journal as it is written.
    ///
    /// # Errors
    /// Only as `serde_json` has them; text and lists have none.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec(&wire::Wire::of(self)?)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads what [`Self::to_json`] wrote. As a record's, what it names is looked at: root
    /// obeys it.
    ///
    /// # Errors
    /// [`RecordError`], of any other bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        wire::parse(bytes)
    }
}

#[cfg(test)]
mod tests;
