//! What is known of this host. `None` is "not known", never "no".
//!
//! A [`Snapshot`] holds raw sources as text; one pure parser each makes facts of
//! them. Live or saved, the same sources give the same facts.

pub mod devices;
pub mod helper;
pub mod host;
pub mod installed;
pub mod keep;
mod kernel;
pub mod modules;
pub mod ports;
pub mod probe;
pub mod routes;
pub mod snapshot;
pub mod sockets;
pub mod sources;
pub mod sysctl;

use std::collections::BTreeMap;
use std::fmt;

use crate::model::net::{Family, PortRange};

use devices::Devices;
use helper::{Availability, CONNTRACK_FTP, NAT_FTP};
use host::Privileges;
use installed::Installed;
use routes::{Address, Routing};
use snapshot::{Snapshot, State};
use sockets::Listener;
use sources::{Asked, PROFILES};

pub use kernel::{KernelRelease, KernelVersion};

/// Everything that the planner and the checks may ask about the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The running kernel; unknown where the rules are for another machine.
    pub kernel: Option<KernelRelease>,
    /// How far away `nf_conntrack_ftp` is.
    pub conntrack_ftp: Option<Availability>,
    /// How far away `nf_nat_ftp` is.
    pub nat_ftp: Option<Availability>,
    /// Listening TCP sockets.
    pub listeners: Option<Vec<Listener>>,
    /// The ports that outgoing connections take (`ip_local_port_range`).
    pub ephemeral_ports: Option<PortRange>,
    /// The ports that they leave alone (`ip_local_reserved_ports`).
    pub reserved_ports: Option<Vec<PortRange>>,
    /// Interfaces with their numbers.
    pub interfaces: Option<Vec<(u32, String)>>,
    /// Addresses of interfaces.
    pub addresses: Option<Vec<Address>>,
    /// Routes and routing policy.
    pub routing: Option<Routing>,
    /// Connections that conntrack knows, and how many it may.
    pub conntrack_entries: Option<Entries>,
    /// How `SELinux` deals with FTP servers.
    pub selinux: Option<Selinux>,
    /// What packets meet on interfaces besides the packet filter.
    pub devices: Option<Devices>,
    /// What ftpnat installed here, and what became of it.
    pub installed: Option<Installed>,
    /// Families of which it is not known what filters their packets: nothing is said of them.
    pub unseen: Vec<Family>,
    /// The sources themselves, for what is asked of them by name.
    pub snapshot: Snapshot,
}

/// How full the connection tracking table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    /// Conntrack is not at work, so nothing can fill.
    NotTracking,
    /// So many entries of so many that it takes.
    Of {
        /// `nf_conntrack_count`.
        count: u64,
        /// `nf_conntrack_max`; 0 is no limit.
        max: u64,
    },
}

/// Whether `SELinux` lets a server bind what ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selinux {
    /// Not there, or only warning.
    NotEnforcing,
    /// Enforcing.
    Enforcing {
        /// The boolean `ftpd_use_passive_mode`; `None`: this policy has none.
        passive_mode: Option<bool>,
    },
}

/// A kind of fact that a check needs. What is missing is said in its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// [`Facts::conntrack_ftp`].
    ConntrackFtp,
    /// [`Facts::nat_ftp`].
    NatFtp,
    /// [`Facts::listeners`].
    Listeners,
    /// [`Facts::ephemeral_ports`] and [`Facts::reserved_ports`].
    EphemeralPorts,
    /// [`Facts::addresses`].
    Addresses,
    /// [`Facts::routing`].
    Routing,
    /// [`Facts::conntrack_entries`].
    ConntrackEntries,
    /// [`Facts::selinux`].
    Selinux,
    /// [`Facts::devices`].
    Devices,
    /// [`Facts::installed`].
    Installed,
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConntrackFtp => "the ftp conntrack helper",
            Self::NatFtp => "the ftp NAT helper",
            Self::Listeners => "listening sockets",
            Self::EphemeralPorts => "ports of outgoing connections",
            Self::Addresses => "addresses",
            Self::Routing => "routes",
            Self::ConntrackEntries => "the connection tracking table",
            Self::Selinux => "SELinux",
            Self::Devices => "XDP programs, tc filters and bridges",
            Self::Installed => "what is installed",
        })
    }
}

impl Facts {
    /// The facts that a snapshot tells.
    #[must_use]
    pub fn of(snapshot: Snapshot) -> Self {
        let asked = |what: Asked| snapshot.text(&what.to_string());
        let release = snapshot.text("/proc/sys/kernel/osrelease");
        let reserved = snapshot.text("/proc/sys/net/ipv4/ip_local_reserved_ports");
        Self {
            kernel: release.and_then(KernelRelease::parse),
            conntrack_ftp: helper::availability(&snapshot, &CONNTRACK_FTP),
            nat_ftp: helper::availability(&snapshot, &NAT_FTP),
            listeners: listeners(&snapshot),
            ephemeral_ports: snapshot
                .text("/proc/sys/net/ipv4/ip_local_port_range")
                .and_then(sysctl::range),
            reserved_ports: reserved.and_then(sysctl::list),
            interfaces: asked(Asked::Links).map(routes::links),
            addresses: asked(Asked::Addresses).map(routes::addresses),
            routing: asked(Asked::Routes)
                .zip(asked(Asked::Rules))
                .map(|(routes, rules)| Routing::parse(routes, rules)),
            conntrack_entries: conntrack_entries(&snapshot),
            selinux: selinux(&snapshot),
            devices: asked(Asked::Devices).map(Devices::parse),
            installed: installed(&snapshot),
            unseen: Vec::new(),
            snapshot,
        }
    }

    /// Whether NAT chains may stand in an `inet` table: Linux 5.2 and later
    /// (nft(8), "NAT statements"). Unknown counts as yes: kernels before it are
    /// past every distribution's support.
    #[must_use]
    pub fn inet_nat(&self) -> bool {
        self.kernel
            .is_none_or(|k| k >= KernelRelease { major: 5, minor: 2 })
    }

    /// Whether sets of `nf_tables` may hold concatenations with ranges (Linux 5.6,
    /// `nft_set_pipapo.c`). Held for so where the kernel is not known, as every one that
    /// is still maintained has them.
    #[must_use]
    pub fn ranged_concatenations(&self) -> bool {
        self.kernel
            .is_none_or(|k| k >= KernelRelease { major: 5, minor: 6 })
    }

    /// The running kernel's version, as far as it is told; `None` where it is not.
    #[must_use]
    pub fn kernel_version(&self) -> Option<KernelVersion> {
        let release = self.snapshot.text("/proc/sys/kernel/osrelease")?;
        KernelVersion::parse(release, self.snapshot.text("/proc/version"))
    }

    /// Why a kind of fact is not known, in words; `None` where it is known.
    #[must_use]
    pub fn gap(&self, fact: Fact) -> Option<String> {
        let silent = |name: &str| self.snapshot.why_silent(name);
        let asked = |what: Asked| silent(&what.to_string());
        match fact {
            Fact::ConntrackFtp => self.conntrack_ftp.is_none().then(|| self.untold()),
            Fact::NatFtp => self.nat_ftp.is_none().then(|| self.untold()),
            Fact::Listeners => self.listeners.is_none().then(|| silent("/proc/net/tcp")),
            Fact::EphemeralPorts if self.ephemeral_ports.is_none() => {
                Some(silent("/proc/sys/net/ipv4/ip_local_port_range"))
            }
            Fact::EphemeralPorts => self
                .reserved_ports
                .is_none()
                .then(|| silent("/proc/sys/net/ipv4/ip_local_reserved_ports")),
            Fact::Addresses => self.addresses.is_none().then(|| asked(Asked::Addresses)),
            Fact::Routing => self.routing.is_none().then(|| asked(Asked::Routes)),
            Fact::ConntrackEntries => self
                .conntrack_entries
                .is_none()
                .then(|| silent("/proc/sys/net/netfilter/nf_conntrack_count")),
            Fact::Selinux => self
                .selinux
                .is_none()
                .then(|| silent("/sys/fs/selinux/enforce")),
            Fact::Devices => self.devices.is_none().then(|| asked(Asked::Devices)),
            Fact::Installed => self.installed.is_none().then(|| asked(Asked::Installed)),
        }
    }

    /// Why nothing tells of a helper.
    fn untold(&self) -> String {
        if let Some(why) = self.snapshot.why_blind() {
            return why.to_owned();
        }
        let probe = match self.snapshot.text(&Asked::Probe.to_string()) {
            Some(_) => "and a functional probe could not tell",
            None => "and a probe might load modules: `--probe` allows it",
        };
        format!("no file here tells what this kernel has, {probe}")
    }

    /// Whether IPv6 sockets leave IPv4 alone by default (`bindv6only`).
    #[must_use]
    pub fn v6only(&self) -> bool {
        sysctl::number(&self.snapshot, "/proc/sys/net/ipv6/bindv6only") == Some(1)
    }

    /// Who looked; `None` where that is not known.
    #[must_use]
    pub fn privileges(&self) -> Option<Privileges> {
        Privileges::parse(self.snapshot.text("/proc/self/status")?)
    }

    /// The host's own profiles: their texts by their paths.
    #[must_use]
    pub fn installed_profiles(&self) -> BTreeMap<&str, &str> {
        self.snapshot.below("/etc/ftpnat/profiles/").collect()
    }

    /// One of them, or their directory, that is there and cannot be read, and why.
    #[must_use]
    pub fn unreadable_profile(&self) -> Option<String> {
        self.snapshot.iter().find_map(|(name, state)| match state {
            State::Unreadable(why) if name.starts_with(PROFILES) => Some(format!("{name}: {why}")),
            _ => None,
        })
    }
}

/// A host without IPv6 has no `tcp6`.
fn listeners(snapshot: &Snapshot) -> Option<Vec<Listener>> {
    let tcp = snapshot.text("/proc/net/tcp")?;
    let mut tables = vec![("/proc/net/tcp", tcp)];
    match snapshot.text("/proc/net/tcp6") {
        Some(tcp6) => tables.push(("/proc/net/tcp6", tcp6)),
        None if snapshot.is_absent("/proc/net/tcp6") => {}
        None => return None,
    }
    let processes = snapshot.text(&Asked::Listeners.to_string());
    sockets::listeners(&tables, processes.unwrap_or_default())
}

/// The sysctls are missing where conntrack is not loaded; and in a network namespace
/// that belongs to an unprivileged user, where it may well be at work.
fn conntrack_entries(snapshot: &Snapshot) -> Option<Entries> {
    let count = "/proc/sys/net/netfilter/nf_conntrack_count";
    if snapshot.is_absent(count) && !helper::has_conntrack(snapshot) {
        return Some(Entries::NotTracking);
    }
    Some(Entries::Of {
        count: sysctl::number(snapshot, count)?,
        max: sysctl::number(snapshot, "/proc/sys/net/netfilter/nf_conntrack_max")?,
    })
}

/// Without a record nothing is installed.
fn installed(snapshot: &Snapshot) -> Option<Installed> {
    let name = Asked::Installed.to_string();
    if snapshot.is_absent(&name) {
        return Some(Installed::default());
    }
    Installed::parse(snapshot.text(&name)?)
}

/// A boolean's file holds its value and the one that is pending (`selinuxfs.c`).
fn selinux(snapshot: &Snapshot) -> Option<Selinux> {
    let enforce = "/sys/fs/selinux/enforce";
    if snapshot.is_absent(enforce) {
        return Some(Selinux::NotEnforcing);
    }
    match snapshot.text(enforce)?.trim() {
        "0" => Some(Selinux::NotEnforcing),
        "1" => {
            let boolean = "/sys/fs/selinux/booleans/ftpd_use_passive_mode";
            let value = |text: &str| text.split_whitespace().next().map(|v| v == "1");
            let passive_mode = match snapshot.text(boolean) {
                Some(text) => Some(value(text)?),
                None if snapshot.is_absent(boolean) => None,
                None => return None,
            };
            Some(Selinux::Enforcing { passive_mode })
        }
        _ => None,
    }
}
