//! What ftpnat installed on a host and what it changed there, as it is kept between
//! its runs: one file of JSON, versioned. Pure; `sys::state` carries the bytes.

use serde::{Deserialize, Serialize};

use crate::facts::sysctl;
use crate::model::net::PortRange;
use crate::ruleset::made::Made;

/// The format that is written, and the only one that is read so far.
pub const FORMAT: &str = "ftpnat.state/1";
/// The name of the record in the state directory.
pub const FILE: &str = "record.json";

/// What is installed in a network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What the rules were written by.
    pub backend: Backend,
    /// The epoch that it was written in: `/proc/sys/kernel/random/boot_id`, and of another
    /// network namespace than process 1's `/` and its cookie as well. What it says of the
    /// kernel's state ([`Self::changed_in`]) holds in that epoch alone.
    pub epoch: String,
    /// The profiles, sorted by name.
    pub profiles: Vec<InstalledProfile>,
    /// Sysctls and modules that were changed.
    pub changed: Changed,
    /// Tables and base chains of iptables-nft that were not there before, such as `ip raw`
    /// ([`Made::words`]).
    pub iptables_tables: Vec<String>,
}

/// What wrote the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// `nf_tables` over netlink.
    Nft,
    /// `iptables-nft-restore`.
    IptablesNft,
    /// `iptables-legacy-restore`.
    IptablesLegacy,
}

impl Backend {
    /// Its name, as it is given to `--backend`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::IptablesNft => "iptables-nft",
            Self::IptablesLegacy => "iptables-legacy",
        }
    }
}

/// A profile that is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstalledProfile {
    /// Its name.
    pub name: String,
    /// Its YAML as it was given.
    pub yaml: String,
}

/// What of the kernel's state was changed beside the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    /// Sysctls, in the order in which they were set.
    pub sysctls: Vec<ChangedSysctl>,
    /// Modules that were loaded, in that order.
    pub modules: Vec<String>,
}

/// A sysctl that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedSysctl {
    /// Its name, as [`sysctl::path`] takes it.
    pub key: String,
    /// What it was before ftpnat came.
    pub from: String,
    /// What ftpnat set.
    pub to: String,
    /// What was added, where it is a list of ports; merged.
    #[serde(with = "port_list")]
    pub added: Vec<PortRange>,
    /// What the kernel overwrote with it, as it was before.
    pub overwrote: Vec<Setting>,
}

/// A sysctl and a value of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Its name, as [`sysctl::path`] takes it.
    pub key: String,
    /// The value.
    pub value: String,
}

/// Why bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Another format.
    #[error(
        "it is in the format {0}, which a newer ftpnat writes: use that one, or take its \
         rules off with it first"
    )]
    Newer(String),
    /// No format that ftpnat ever wrote.
    #[error("it is not ftpnat's: its \"format\" is not {0}")]
    Foreign(&'static str),
    /// Not JSON, or not of the format's shape.
    #[error("it is damaged")]
    Damaged(#[from] serde_json::Error),
    /// A value that ftpnat never writes.
    #[error("it is damaged: {0} is no {1}")]
    Value(String, &'static str),
}

/// The file's shape, frozen.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: String,
    backend: Backend,
    boot: String,
    profiles: Vec<InstalledProfile>,
    changed: Changed,
    iptables_tables: Vec<String>,
}

impl Record {
    /// The record as it is written: JSON, for a reader too.
    ///
    /// # Errors
    /// Only as `serde_json` has them; text and lists have none.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(&self.wire())?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The same as a value, to stand within another file.
    pub(super) fn to_value(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::to_value(self.wire())
    }

    fn wire(&self) -> Wire {
        Wire {
            format: FORMAT.to_owned(),
            backend: self.backend,
            boot: self.epoch.clone(),
            profiles: self.profiles.clone(),
            changed: self.changed.clone(),
            iptables_tables: self.iptables_tables.clone(),
        }
    }

    /// Reads what [`Self::to_json`] wrote. A record is obeyed by root, so what it names is
    /// looked at: only sysctls that ftpnat sets, only names.
    ///
    /// # Errors
    /// [`RecordError`], of any other bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        Self::of_value(serde_json::from_slice(bytes)?)
    }

    pub(super) fn of_value(value: serde_json::Value) -> Result<Self, RecordError> {
        require_format(&value, FORMAT)?;
        let wire: Wire = serde_json::from_value(value)?;
        let record = Self {
            backend: wire.backend,
            epoch: wire.boot,
            profiles: wire.profiles,
            changed: wire.changed,
            iptables_tables: wire.iptables_tables,
        };
        record.fault().map_or(Ok(record), Err)
    }

    /// What was changed, as far as it is still so: a kernel that was started anew knows
    /// nothing of it.
    #[must_use]
    pub fn changed_in(&self, epoch: &str) -> Changed {
        if self.epoch == epoch {
            self.changed.clone()
        } else {
            Changed::default()
        }
    }

    /// Whether it was written since the kernel was started that has this boot id.
    #[must_use]
    pub fn is_of_boot(&self, boot: &str) -> bool {
        self.epoch.split('/').next() == Some(boot)
    }

    /// The first value that ftpnat does not write.
    fn fault(&self) -> Option<RecordError> {
        let faulty = |values: Vec<&str>, good: fn(&str) -> bool, what| {
            let value = values.into_iter().find(|value| !good(value))?;
            Some(RecordError::Value(format!("{value:?}"), what))
        };
        let names = self.profiles.iter().map(|p| p.name.as_str()).collect();
        let sysctls = &self.changed.sysctls;
        let overwrote = || sysctls.iter().flat_map(|s| &s.overwrote);
        let keys = sysctls.iter().map(|s| s.key.as_str());
        let keys = keys.chain(overwrote().map(|s| s.key.as_str())).collect();
        let values = sysctls.iter().flat_map(|s| [&s.from[..], &s.to[..]]);
        let values = values
            .chain(overwrote().map(|s| s.value.as_str()))
            .collect();
        let modules = self.changed.modules.iter().map(String::as_str).collect();
        let tables = self.iptables_tables.iter().map(String::as_str).collect();
        faulty(names, is_profile_name, "profile's name")
            .or_else(|| faulty(keys, is_settable, "sysctl that ftpnat sets"))
            .or_else(|| faulty(values, is_value, "value of a sysctl"))
            .or_else(|| faulty(modules, is_module_name, "module's name"))
            .or_else(|| faulty(tables, is_iptables_table, "table of iptables"))
    }
}

/// Refuses what is not in a format, `ftpnat.NAME/1`.
pub(super) fn require_format(
    value: &serde_json::Value,
    format: &'static str,
) -> Result<(), RecordError> {
    let found = value.get("format").and_then(serde_json::Value::as_str);
    let found = found.ok_or(RecordError::Foreign(format))?;
    if found == format {
        return Ok(());
    }
    let kind = format.trim_end_matches(char::is_numeric);
    Err(match found.strip_prefix(kind) {
        Some(version) if version.parse::<u32>().is_ok_and(|v| v > 1) => {
            RecordError::Newer(found.to_owned())
        }
        _ => RecordError::Foreign(format),
    })
}

pub(super) fn is_profile_name(name: &str) -> bool {
    let clean = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(clean) && !name.starts_with('-')
}

/// The sysctls that ftpnat writes: those of a plan and those of an interface.
pub(super) fn is_settable(key: &str) -> bool {
    const GENERAL: [&str; 4] = [
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_forward",
        "net.ipv6.conf.all.forwarding",
        "net.ipv4.conf.all.accept_redirects",
    ];
    let of_interface = || {
        let parts: Vec<&str> = key.split('/').collect();
        let [_, version, _, interface, name] = parts[..] else {
            return false;
        };
        let is_name = !interface.is_empty()
            && ![".", ".."].contains(&interface)
            && !interface.contains(|c: char| c.is_control() || c.is_whitespace());
        is_name
            && sysctl::key_of_interface(version, interface, name) == key
            && matches!(
                (version, name),
                ("ipv4" | "ipv6", "forwarding") | ("ipv6", "accept_ra")
            )
    };
    GENERAL.contains(&key) || of_interface()
}

/// A number, or a list of ports, which may be empty.
pub(super) fn is_value(value: &str) -> bool {
    let clean = |b: u8| b.is_ascii_digit() || b == b',' || b == b'-';
    value.bytes().all(clean)
}

pub(super) fn is_module_name(name: &str) -> bool {
    let clean = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=55).contains(&name.len()) && name.bytes().all(clean)
}

fn is_iptables_table(words: &str) -> bool {
    Made::parse(words).is_some()
}

/// A list of ports in the words of the sysctl.
mod port_list {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::{PortRange, sysctl};
    use crate::facts::ports;

    pub(super) fn serialize<S: Serializer>(
        list: &[PortRange],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&ports::words(list))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<PortRange>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let list = sysctl::list(&text)
            .ok_or_else(|| D::Error::custom(format_args!("{text:?} is no list of ports")))?;
        Ok(ports::merged(&list))
    }
}

#[cfg(test)]
mod tests;
