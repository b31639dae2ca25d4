//! Rules as the tools of the host print them: in the words of `nft list ruleset` and of
//! `iptables-save`.
//!
//! Evidence in these words can be searched for in the output of those programs. Names of
//! users and groups, and of interfaces that a rule has by their number, are the host's:
//! here they stay numbers.

mod iptables;

use super::table::{Maker, Rule, Table};

pub use iptables::{Folded, fold};

/// A rule of the chain of that name as iptables-save prints it, from `-A` on.
#[must_use]
pub fn rule(rule: &Rule, chain: &str, table: &Table) -> String {
    match table.maker {
        Maker::IptablesNft | Maker::IptablesLegacy => {
            iptables::rule(rule, chain, table.family).unwrap_or_default()
        }
        Maker::Nft => String::new(),
    }
}
