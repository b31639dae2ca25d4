//! Which sources a snapshot looks for.

use std::fmt;

use super::keep::Keep;

/// A file of the host.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Its path; `RELEASE` stands for the running kernel's release.
    pub path: &'static str,
    /// How much of it is kept.
    pub keep: Keep,
}

/// A directory of the host, of which every file is a source.
#[derive(Debug, Clone, Copy)]
pub struct Directory {
    /// Its path.
    pub path: &'static str,
    /// The endings of the files that count.
    pub endings: &'static [&'static str],
    /// How much of each is kept.
    pub keep: Keep,
}

const fn file(path: &'static str, keep: Keep) -> File {
    File { path, keep }
}

const fn settings(path: &'static str) -> Directory {
    Directory {
        path,
        endings: &["conf"],
        keep: Keep::Settings,
    }
}

/// Single files, in the order in which they are read.
pub const FILES: &[File] = &[
    file("/proc/sys/kernel/osrelease", Keep::All),
    file("/proc/version", Keep::DebianVersion),
    file("/proc/sys/kernel/modules_disabled", Keep::All),
    file("/proc/modules", Keep::ModuleLines),
    file("/lib/modules/RELEASE/modules.builtin", Keep::ModuleFiles),
    file("/lib/modules/RELEASE/modules.dep", Keep::ModuleFiles),
    file("/boot/config-RELEASE", Keep::NetfilterOptions),
    file("/sys/module/nf_conntrack_ftp/parameters/loose", Keep::All),
    file("/proc/sys/net/ipv4/ip_forward", Keep::All),
    file("/proc/sys/net/ipv4/ip_local_port_range", Keep::All),
    file("/proc/sys/net/ipv4/ip_local_reserved_ports", Keep::All),
    file("/proc/sys/net/ipv4/conf/all/accept_redirects", Keep::All),
    file("/proc/sys/net/ipv6/conf/all/forwarding", Keep::All),
    file("/proc/sys/net/ipv6/bindv6only", Keep::All),
    file("/proc/sys/net/bridge/bridge-nf-call-iptables", Keep::All),
    file("/proc/sys/net/bridge/bridge-nf-call-ip6tables", Keep::All),
    file("/proc/sys/net/netfilter/nf_conntrack_helper", Keep::All),
    file("/proc/sys/net/netfilter/nf_conntrack_max", Keep::All),
    file("/proc/sys/net/netfilter/nf_conntrack_count", Keep::All),
    file("/proc/net/stat/nf_conntrack", Keep::All),
    file("/proc/net/tcp", Keep::Listening),
    file("/proc/net/tcp6", Keep::Listening),
    file("/proc/self/status", Keep::LinesOf(&["Uid:", "CapEff:"])),
    file("/sys/fs/selinux/enforce", Keep::All),
    file("/sys/fs/selinux/booleans/ftpd_use_passive_mode", Keep::All),
    file("/.dockerenv", Keep::Nothing),
    file("/run/.containerenv", Keep::Nothing),
    file("/run/systemd/container", Keep::All),
    file("/etc/os-release", Keep::LinesOf(&["PRETTY_NAME="])),
    file("/etc/ufw/ufw.conf", Keep::LinesOf(&["ENABLED="])),
    file("/etc/modules", Keep::Settings),
    file("/etc/sysctl.conf", Keep::Settings),
    file(UFW_SYSCTLS, Keep::Settings),
];

/// The kernel's own configuration, compressed.
pub const CONFIG_GZ: &str = "/proc/config.gz";
/// The kernel's symbols. Long, so read only where nothing else answers.
pub const KALLSYMS: &str = "/proc/kallsyms";
/// Its entries, filtered as [`Keep::ModuleLines`], are what [`Asked::SysModule`] holds.
pub const SYS_MODULE: &str = "/sys/module";
/// The directories of the interfaces' sysctls, and which of each are read.
pub const INTERFACE_SYSCTLS: [(&str, [&str; 2]); 2] = [
    ("/proc/sys/net/ipv4/conf", ["forwarding", "rp_filter"]),
    ("/proc/sys/net/ipv6/conf", ["accept_ra", "forwarding"]),
];

/// Directories.
pub const DIRECTORIES: &[Directory] = &[
    settings("/etc/modules-load.d"),
    settings("/run/modules-load.d"),
    settings("/usr/lib/modules-load.d"),
    settings("/lib/modules-load.d"),
    settings("/etc/modprobe.d"),
    settings("/run/modprobe.d"),
    settings("/usr/lib/modprobe.d"),
    settings("/lib/modprobe.d"),
    settings("/etc/sysctl.d"),
    settings("/run/sysctl.d"),
    settings("/usr/lib/sysctl.d"),
    settings("/lib/sysctl.d"),
    Directory {
        path: PROFILES,
        endings: &["yaml", "yml"],
        keep: Keep::All,
    },
];

/// What ufw sets when it starts, after all others.
pub const UFW_SYSCTLS: &str = "/etc/ufw/sysctl.conf";

/// Where a host's own profiles lie.
pub const PROFILES: &str = "/etc/ftpnat/profiles";

/// What is asked of the kernel otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// The names in `/sys/module`.
    SysModule,
    /// Interfaces and their numbers (rtnetlink).
    Links,
    /// Addresses (rtnetlink).
    Addresses,
    /// Routes of every table (rtnetlink).
    Routes,
    /// Routing policy rules (rtnetlink).
    Rules,
    /// What packets meet on interfaces besides the packet filter (rtnetlink).
    Devices,
    /// The processes of listening sockets (`/proc/PID/fd`).
    Listeners,
    /// Firewall programs that are installed.
    Programs,
    /// Firewall managers and FTP servers that run.
    Running,
    /// Whether this is the initial user namespace and the host's network namespace.
    Namespaces,
    /// What the functional probes found.
    Probe,
    /// The tables of `nf_tables` (netlink), as bytes.
    NftTables,
    /// Their chains.
    NftChains,
    /// Their rules.
    NftRules,
    /// Their sets.
    NftSets,
    /// The elements of those.
    NftElements,
    /// Their objects.
    NftObjects,
    /// Their flowtables.
    NftFlowtables,
    /// The tables of iptables-legacy that are in force, as `iptables-legacy-save -c`
    /// prints them.
    LegacySave,
    /// The same of ip6tables-legacy.
    LegacySave6,
    /// What ftpnat installed, and what became of it, as `ftpnat status` says it.
    Installed,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SysModule => "asked:sys-module",
            Self::Links => "asked:links",
            Self::Addresses => "asked:addresses",
            Self::Routes => "asked:routes",
            Self::Rules => "asked:rules",
            Self::Devices => "asked:devices",
            Self::Listeners => "asked:listeners",
            Self::Programs => "asked:programs",
            Self::Running => "asked:running",
            Self::Namespaces => "asked:namespaces",
            Self::Probe => "asked:probe",
            Self::NftTables => "asked:nft-tables",
            Self::NftChains => "asked:nft-chains",
            Self::NftRules => "asked:nft-rules",
            Self::NftSets => "asked:nft-sets",
            Self::NftElements => "asked:nft-elements",
            Self::NftObjects => "asked:nft-objects",
            Self::NftFlowtables => "asked:nft-flowtables",
            Self::LegacySave => "asked:iptables-legacy-save",
            Self::LegacySave6 => "asked:ip6tables-legacy-save",
            Self::Installed => "asked:installed-rules",
        })
    }
}
