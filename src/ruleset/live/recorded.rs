//! The firewall in a snapshot: bytes of `nf_tables`, texts of iptables-legacy.

use crate::facts::snapshot::{Snapshot, State};
use crate::facts::sources::Asked;
use crate::model::net::Family;
use crate::ruleset::save::Save;

use super::decode::{self, Dump};
use super::table::Maker;
use super::{Ruleset, Unread, saved};

/// The parts of a dump, in the order of [`Dump`]'s fields.
pub const NFTABLES: [Asked; 7] = [
    Asked::NftTables,
    Asked::NftChains,
    Asked::NftRules,
    Asked::NftSets,
    Asked::NftElements,
    Asked::NftObjects,
    Asked::NftFlowtables,
];

/// iptables-legacy's tables by family.
pub const LEGACY: [(Family, Asked); 2] = [
    (Family::Ipv4, Asked::LegacySave),
    (Family::Ipv6, Asked::LegacySave6),
];

/// The sources that a dump becomes.
#[must_use]
pub fn sources(dump: Dump) -> [(Asked, State); 7] {
    let bytes = [
        dump.tables,
        dump.chains,
        dump.rules,
        dump.sets,
        dump.elements,
        dump.objects,
        dump.flowtables,
    ];
    let mut bytes = bytes.into_iter();
    NFTABLES.map(|part| (part, State::Raw(bytes.next().unwrap_or_default())))
}

/// The ruleset that a snapshot holds. What it does not hold, and is not known to be
/// absent, is said in [`Ruleset::unread`].
#[must_use]
pub fn ruleset(snapshot: &Snapshot) -> Ruleset {
    joined(None, snapshot)
}

/// The same where `nf_tables` may have been read already, so that the snapshot need not
/// hold it.
#[must_use]
pub fn joined(read: Option<Ruleset>, snapshot: &Snapshot) -> Ruleset {
    let read = read.map_or_else(|| nftables(snapshot), Ok);
    let mut ruleset = read.unwrap_or_else(|unread| Ruleset {
        tables: Vec::new(),
        unread: vec![unread],
    });
    for (family, asked) in LEGACY {
        match legacy(snapshot, family, asked) {
            Ok(read) => {
                ruleset.tables.extend(read.tables);
                ruleset.unread.extend(read.unread);
            }
            Err(why) => ruleset.unread.push(Unread {
                what: format!("iptables-legacy, {family}"),
                why,
            }),
        }
    }
    ruleset
}

/// Absent: there is no `nf_tables`, and so nothing in it.
fn nftables(snapshot: &Snapshot) -> Result<Ruleset, Unread> {
    if snapshot.is_absent(&Asked::NftTables.to_string()) {
        return Ok(Ruleset::default());
    }
    let part = |asked: Asked| {
        let name = asked.to_string();
        snapshot.bytes(&name).ok_or_else(|| Unread {
            what: "nf_tables".to_owned(),
            why: why_silent(snapshot, &name),
        })
    };
    Ok(decode::decode(&Dump {
        tables: part(Asked::NftTables)?,
        chains: part(Asked::NftChains)?,
        rules: part(Asked::NftRules)?,
        sets: part(Asked::NftSets)?,
        elements: part(Asked::NftElements)?,
        objects: part(Asked::NftObjects)?,
        flowtables: part(Asked::NftFlowtables)?,
    }))
}

/// The reason alone, where one was given.
fn why_silent(snapshot: &Snapshot, name: &str) -> String {
    match snapshot.state(name) {
        Some(State::Unreadable(why)) => why.clone(),
        _ => snapshot.why_silent(name),
    }
}

fn legacy(snapshot: &Snapshot, family: Family, asked: Asked) -> Result<Ruleset, String> {
    let name = asked.to_string();
    if snapshot.is_absent(&name) {
        return Ok(Ruleset::default());
    }
    let text = snapshot
        .text(&name)
        .ok_or_else(|| why_silent(snapshot, &name))?;
    let save = Save::parse(text).map_err(|error| error.to_string())?;
    Ok(saved::read(&save, family, Maker::IptablesLegacy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_held_is_not_taken_for_nothing() {
        let said = ruleset(&Snapshot::default()).unread;
        let said: Vec<&str> = said.iter().map(|u| u.what.as_str()).collect();
        assert_eq!(
            said,
            [
                "nf_tables",
                "iptables-legacy, IPv4",
                "iptables-legacy, IPv6"
            ]
        );
    }

    #[test]
    fn what_is_absent_holds_nothing() {
        let mut snapshot = Snapshot::default();
        for asked in NFTABLES.into_iter().chain(LEGACY.map(|(_, asked)| asked)) {
            snapshot.insert(asked.to_string(), State::Absent);
        }
        assert_eq!(ruleset(&snapshot), Ruleset::default());
    }

    #[test]
    fn a_saved_table_is_read() {
        let mut snapshot = Snapshot::default();
        for (asked, state) in sources(Dump::default()) {
            snapshot.insert(asked.to_string(), state);
        }
        let text = "*filter\n:INPUT DROP [0:0]\n[1:60] -A INPUT -i lo -j ACCEPT\nCOMMIT\n";
        snapshot.insert("asked:iptables-legacy-save", State::Held(text.to_owned()));
        snapshot.insert("asked:ip6tables-legacy-save", State::Absent);
        let read = ruleset(&snapshot);
        assert_eq!(read.tables[0].chains[0].rules.len(), 1);
        assert_eq!(read.tables[0].maker, Maker::IptablesLegacy);
    }
}
