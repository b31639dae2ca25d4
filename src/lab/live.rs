//! The host's own firewall, taken down and laid again in the lab: raw netlink of `nf_tables`,
//! save text of iptables, and the sysctls that packets meet.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};

use crate::facts::snapshot::{Snapshot, State};
use crate::facts::sources::Asked;
use crate::model::net::Family;
use crate::ruleset::difference::{Of, differences};
use crate::ruleset::hexadecimal::{bytes, digits};
use crate::ruleset::live::decode::{Dump, decode};
use crate::ruleset::live::recorded::{LEGACY, NFTABLES};
use crate::ruleset::live::table::{Maker, Table, TableFamily};
use crate::ruleset::live::{Ruleset, recorded};
use crate::ruleset::replay;
use crate::ruleset::save::Save;
use crate::sys::iptables::{BackEnd, Iptables};
use crate::sys::namespace::Namespace;
use crate::sys::{in_full, nft, process, ruleset, sysctls};

/// What of the network namespace decides on packets besides rules.
const SYSCTLS: [&str; 6] = [
    "net.ipv4.ip_forward",
    "net.ipv6.conf.all.forwarding",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.default.rp_filter",
    "net.netfilter.nf_conntrack_tcp_loose",
    "net.netfilter.nf_conntrack_helper",
];

/// A firewall, to be laid elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// The sources of `nf_tables` by name, in hexadecimal: bytes are long in JSON.
    nftables: BTreeMap<String, String>,
    /// What iptables-nft saves, by family.
    saves: Vec<(bool, String)>,
    /// What iptables-legacy saves, by family.
    legacy: Vec<(bool, String)>,
    /// What ipset saves.
    sets: String,
    /// Sysctls.
    sysctls: Vec<(String, String)>,
}

impl Live {
    /// That of this network namespace. `snapshot`: a snapshot that holds its ruleset.
    ///
    /// # Errors
    /// What could not be read, in words.
    pub fn of_host(snapshot: &Snapshot) -> Result<Self, String> {
        let mut live = Self::default();
        let ruleset = recorded::ruleset(snapshot);
        if let Some(unread) = ruleset.unread.first() {
            return Err(format!("{}: {}", unread.what, unread.why));
        }
        for asked in NFTABLES {
            let name = asked.to_string();
            if let Some(bytes) = snapshot.bytes(&name) {
                live.nftables.insert(name, digits(bytes));
            }
        }
        for (family, asked) in LEGACY {
            if let Some(text) = snapshot.text(&asked.to_string()) {
                live.legacy.push((family == Family::Ipv4, text.to_owned()));
            }
        }
        for family in Family::BOTH {
            if ruleset
                .tables
                .iter()
                .any(|table| is_of_iptables(table, family))
            {
                let save = Iptables::find(BackEnd::Nft, family).and_then(|i| i.save(None));
                let save = save.map_err(|e| in_full(&e))?;
                live.saves.push((family == Family::Ipv4, save.text()));
            }
        }
        if names_sets(&live) {
            let saved = process::run("ipset", &["save"]);
            let saved =
                saved.map_err(|e| format!("rules name sets of ipset, and it does not run: {e}"))?;
            live.sets = String::from_utf8_lossy(&saved.stdout).into_owned();
        }
        let value = |key: &str| Some((key.to_owned(), sysctls::read(key).ok()?));
        live.sysctls = SYSCTLS.into_iter().filter_map(value).collect();
        Ok(live)
    }

    /// Lays it in a namespace, and reads it back: it must be the same.
    ///
    /// # Errors
    /// What was refused, or differs, in words.
    pub fn lay(&self, namespace: &Namespace) -> Result<(), String> {
        let laid = namespace.inside(|| Ok(self.lay_here()));
        laid.map_err(|e| e.to_string())?
    }

    /// The same in the network namespace of this thread.
    ///
    /// # Errors
    /// As [`Live::lay`].
    pub fn lay_here(&self) -> Result<(), String> {
        for (key, value) in &self.sysctls {
            // A kernel's own that another network namespace has not.
            match sysctls::write(key, value) {
                Err(sysctls::SysctlError::Write { source, .. })
                    if source.kind() == io::ErrorKind::NotFound => {}
                written => written.map_err(|e| in_full(&e))?,
            }
        }
        if !self.sets.is_empty() {
            let fed = process::feed("ipset", &["restore"], &self.sets);
            let fed = fed.map_err(|e| format!("cannot run ipset: {e}"))?;
            if !fed.success {
                return Err(format!("ipset restore: {}", fed.stderr));
            }
        }
        for (is_ipv4, text) in &self.legacy {
            if !text.is_empty() {
                load(BackEnd::Legacy, *is_ipv4, text)?;
            }
        }
        let dump = self.dump();
        let was = decode(&dump);
        let mut numbers = 0;
        let mut waiting = Vec::new();
        for table in replay::tables(&dump) {
            let known = was
                .tables
                .iter()
                .find(|t| (t.family.number(), &t.name) == (table.0, &table.1));
            match known.filter(|t| t.maker == Maker::IptablesNft) {
                // In the order in which they came: of chains with the same priority the
                // order of their making decides.
                None => waiting.extend(replay::messages(&dump, &table, &mut numbers)),
                Some(table) => {
                    nft::replay(&std::mem::take(&mut waiting)).map_err(|e| in_full(&e))?;
                    self.load_table(table)?;
                }
            }
        }
        nft::replay(&waiting).map_err(|e| in_full(&e))?;
        self.compare(&was)
    }

    fn load_table(&self, table: &Table) -> Result<(), String> {
        let is_ipv4 = table.family == TableFamily::Ip;
        let save = self.saves.iter().find(|(of, _)| *of == is_ipv4);
        let save = save
            .and_then(|(_, text)| Save::parse(text).ok())
            .unwrap_or_default();
        let tables = save.tables.into_iter().filter(|t| t.name == table.name);
        let one = Save {
            tables: tables.collect(),
        };
        load(BackEnd::Nft, is_ipv4, &one.text())
    }

    fn dump(&self) -> Dump {
        let part = |asked: Asked| {
            let text = self.nftables.get(&asked.to_string());
            text.and_then(|text| bytes(text)).unwrap_or_default()
        };
        let [tables, chains, rules, sets, elements, objects, flowtables] = NFTABLES.map(part);
        Dump {
            tables,
            chains,
            rules,
            sets,
            elements,
            objects,
            flowtables,
        }
    }

    fn compare(&self, was: &Ruleset) -> Result<(), String> {
        let now = ruleset::read(&Snapshot::default(), true);
        let mut legacy = Snapshot::default();
        for (family, asked) in LEGACY {
            let held = self
                .legacy
                .iter()
                .find(|(of, _)| *of == (family == Family::Ipv4));
            let state = held.map_or(State::Absent, |(_, text)| State::Held(text.clone()));
            legacy.insert(asked.to_string(), state);
        }
        let was = recorded::joined(Some(was.clone()), &legacy);
        for table in &was.tables {
            let is_same = |t: &&Table| {
                (t.family, &t.name, t.maker) == (table.family, &table.name, table.maker)
            };
            let what = format!("table {} {}", table.family.name(), table.name);
            let Some(found) = now.tables.iter().find(is_same) else {
                return Err(format!("{what} is not there"));
            };
            // That a program holds the table is not to be had here.
            let differing = differences(table, found);
            let differing = differing.into_iter().find(|d| d.of != Of::Table);
            if let Some(difference) = differing {
                return Err(format!("{what}: {difference}"));
            }
        }
        Ok(())
    }
}

fn is_of_iptables(table: &Table, family: Family) -> bool {
    let of_family = match family {
        Family::Ipv4 => TableFamily::Ip,
        Family::Ipv6 => TableFamily::Ip6,
    };
    table.maker == Maker::IptablesNft && table.family == of_family
}

fn names_sets(live: &Live) -> bool {
    let mut texts = live.saves.iter().chain(&live.legacy);
    texts.any(|(_, text)| text.contains(" --match-set ") || text.contains("-j SET "))
}

fn load(back_end: BackEnd, is_ipv4: bool, text: &str) -> Result<(), String> {
    let family = if is_ipv4 { Family::Ipv4 } else { Family::Ipv6 };
    let loaded = Iptables::find(back_end, family).and_then(|i| i.load(text));
    loaded.map_err(|e| in_full(&e))
}
