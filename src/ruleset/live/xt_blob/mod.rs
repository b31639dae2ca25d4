//! The blobs in which iptables-nft holds matches and targets of iptables: name, revision
//! and a `struct xt_*_info` (`linux/netfilter/xt_*.h`, `linux/netfilter_ipv4/`,
//! `linux/netfilter_ipv6/`).
//!
//! An unknown name, revision or flag, or too few bytes, make it opaque.

mod blob;
mod foreseen;
mod hashlimit;
mod header;
mod passes;
mod target;
mod target_words;
#[cfg(test)]
mod tests;
mod unforeseen;
mod words;

use blob::Blob;
pub(super) use words::rate;

use super::table::TableFamily;
use super::xt::{Match, Target};
use crate::model::net::Family;

/// The match in a blob. `family`: that of the table.
#[must_use]
pub fn read_match(name: &str, revision: u8, info: &[u8], family: TableFamily) -> Match {
    blob(info, family)
        .and_then(|blob| {
            foreseen::read(name, revision, blob).or_else(|| unforeseen::read(name, revision, blob))
        })
        .unwrap_or_else(|| Match::Opaque {
            name: name.to_owned(),
            revision: Some(revision),
            words: String::new(),
        })
}

/// The target in a blob. `family`: that of the table.
#[must_use]
pub fn read_target(name: &str, revision: u8, info: &[u8], family: TableFamily) -> Target {
    blob(info, family)
        .and_then(|blob| target::read(name, revision, blob))
        .unwrap_or_else(|| Target::Opaque {
            name: name.to_owned(),
            revision: Some(revision),
            words: String::new(),
        })
}

/// In tables of other families the same names have other structs (`linux/netfilter_bridge/`).
fn blob(bytes: &[u8], family: TableFamily) -> Option<Blob<'_>> {
    let family = match family {
        TableFamily::Ip => Family::Ipv4,
        TableFamily::Ip6 => Family::Ipv6,
        _ => return None,
    };
    Some(Blob { bytes, family })
}
