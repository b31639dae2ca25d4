//! Rules that assign the helper before conntrack knows the connection.

use crate::ruleset::live::Ruleset;
use crate::ruleset::live::table::{Base, Chain, Hook, Object, ObjectKind, Table};

/// The kernel's name of the helper.
pub(super) const FTP: &str = "ftp";

/// The first priority behind conntrack (`NF_IP_PRI_CONNTRACK`, -200).
pub(super) const FIRST: i32 = -199;

/// The same ruleset with the chains that may assign the helper, and that the kernel enters
/// before it knows the connection, behind that; `None` where there are none.
pub(super) fn behind_conntrack(ruleset: &Ruleset) -> Option<Ruleset> {
    let early = |table: &Table| {
        table.objects.iter().any(is_ftp) && table.chains.iter().filter_map(base).any(is_early)
    };
    if !ruleset.tables.iter().any(early) {
        return None;
    }
    let mut later = ruleset.clone();
    for table in later.tables.iter_mut().filter(|table| early(table)) {
        let bases = table.chains.iter_mut().filter_map(|c| c.base.as_mut());
        for base in bases.filter(|base| is_early(base)) {
            base.priority = FIRST;
        }
    }
    Some(later)
}

fn base(chain: &Chain) -> Option<&Base> {
    chain.base.as_ref()
}

fn is_early(base: &Base) -> bool {
    matches!(base.hook, Hook::Prerouting | Hook::Output) && base.priority < FIRST
}

fn is_ftp(object: &Object) -> bool {
    matches!(&object.what, ObjectKind::Helper { helper, .. } if helper == FTP)
}
