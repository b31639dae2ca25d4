//! The firewall that is in force, as the kernel holds it: `nf_tables` as dumped over
//! netlink, tables of iptables-legacy as saved, one model for both.
//!
//! - [`table`] has tables, chains, rules, sets, objects, flowtables.
//! - [`expression`] has what a rule of `nf_tables` is made of.
//! - [`xt`] has the matches and targets of iptables, of either back end.
//! - [`decode`] reads what the kernel dumped, with [`xt_blob`] for iptables' blobs.
//! - [`saved`] reads the text of `iptables-save`.

pub mod decode;
pub mod expression;
pub mod saved;
pub mod table;
pub mod xt;
pub mod xt_blob;

pub use expression::Expression;
pub use table::{Chain, Rule, Set, Table};

use crate::model::net::Family;
use crate::ruleset::save::Save;
use table::Maker;

/// Everything that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// The tables, in the order of the dump, those of iptables-legacy after the others.
    pub tables: Vec<Table>,
    /// What could not be read, each with the reason: an evaluation is undecided where it
    /// would matter.
    pub unread: Vec<Unread>,
}

/// The firewall as the kernel and iptables gave it: what a snapshot keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// `nf_tables`.
    pub nftables: decode::Dump,
    /// The tables of iptables-legacy that were in force, as `iptables-legacy-save` and
    /// `ip6tables-legacy-save` print them: one text for each table.
    pub legacy: Vec<(Family, String)>,
    /// What could not be had.
    pub unread: Vec<Unread>,
}

impl Recorded {
    /// The model of all of it.
    #[must_use]
    pub fn ruleset(&self) -> Ruleset {
        let mut ruleset = decode::decode(&self.nftables);
        for (family, text) in &self.legacy {
            match Save::parse(text) {
                Ok(save) => {
                    let read = saved::read(&save, *family, Maker::IptablesLegacy);
                    ruleset.tables.extend(read.tables);
                    ruleset.unread.extend(read.unread);
                }
                Err(error) => ruleset.unread.push(Unread {
                    what: "a table of iptables-legacy".to_owned(),
                    why: error.to_string(),
                }),
            }
        }
        ruleset.unread.extend(self.unread.iter().cloned());
        ruleset
    }
}

/// A part of the firewall that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Which, such as `iptables-legacy table nat`.
    pub what: String,
    /// Why not.
    pub why: String,
}
