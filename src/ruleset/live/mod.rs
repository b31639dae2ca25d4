//! The firewall that is in force, as the kernel holds it: `nf_tables` as dumped over
//! netlink, tables of iptables-legacy as saved, one model for both.
//!
//! - [`table`] has tables, chains, rules, sets, objects, flowtables.
//! - [`expression`] has what a rule of `nf_tables` is made of.
//! - [`xt`] has the matches and targets of iptables, of either back end.
//! - [`decode`] reads what the kernel dumped, with [`xt_blob`] for iptables' blobs.
//! - [`saved`] reads the text of `iptables-save`.
//! - [`recorded`] is how a snapshot keeps all of it.
//! - [`mod@print`] writes rules as the host's own tools print them.

pub mod decode;
pub mod expression;
pub mod print;
pub mod recorded;
pub mod saved;
pub mod table;
mod verdict;
pub mod xt;
pub mod xt_blob;
mod xt_names;
mod xt_net;

pub use expression::Expression;
pub use table::{Chain, Rule, Set, Table};

/// Everything that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// The tables, in the order of the dump, those of iptables-legacy after the others.
    pub tables: Vec<Table>,
    /// What could not be read, each with the reason: an evaluation is undecided where it
    /// would matter.
    pub unread: Vec<Unread>,
}

/// A part of the firewall that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Which, such as `iptables-legacy table nat`.
    pub what: String,
    /// Why not.
    pub why: String,
}
