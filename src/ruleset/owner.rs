//! Whose a table is, told from what stands in it.

use super::live::Table;
use super::live::table::{Maker, TableFamily};

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
