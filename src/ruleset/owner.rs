//! Whose a table is, told from what stands in it.

use super::live::table::{Maker, TableFamily};
use super::live::{Chain, Table};

/// Whether a table is firewalld's, of either of its back ends.
#[must_use]
pub fn is_firewalld(table: &Table) -> bool {
    if table.maker == Maker::Nft {
        table.family == TableFamily::Inet && table.name == "firewalld"
    } else {
        table.chains.iter().any(|chain| chain.name == "INPUT_ZONES")
    }
}

/// Whether nothing may be put into a table, or would last there.
#[must_use]
pub fn is_owned(table: &Table) -> bool {
    table.owned || is_firewalld(table)
}

/// A program that manages a host's firewall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Manager {
    /// It loads its tables anew, without what others put there.
    Firewalld,
    /// It empties its own chains when it starts anew.
    Ufw,
}

/// Who manages a chain, and takes out what others put there; `None`: nobody is known to.
#[must_use]
pub fn manager(table: &Table, chain: &Chain) -> Option<Manager> {
    let is_ufw = |name: &str| name.starts_with("ufw-") || name.starts_with("ufw6-");
    if is_firewalld(table) {
        Some(Manager::Firewalld)
    } else if table.maker != Maker::Nft && is_ufw(&chain.name) {
        Some(Manager::Ufw)
    } else {
        None
    }
}
