//! Whether this kernel has the FTP helpers, in stages: files tell part of it, and a
//! functional probe tells the rest.
//!
//! No single file answers. `/proc/modules` lacks what is built in, a built-in
//! `nf_nat_ftp` leaves no trace in `/sys` (its one parameter has no permissions), and
//! in a container `/lib/modules` is the image's. So "absent" is only said where a
//! source that would have to name it does not.

use super::modules::{self, Obstacle};
use super::probe::{ProbeReport, Probed};
use super::snapshot::Snapshot;
use super::sources::{Asked, CONFIG_GZ, KALLSYMS, SYS_MODULE};

/// A module of the kernel and the option that it is built by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module {
    /// Its names, today's first (Linux 2.6.20 renamed `ip_*` to `nf_*`).
    pub names: &'static [&'static str],
    option: &'static str,
}

impl Module {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.names[0]
    }
}

/// Reads the control connection (`net/netfilter/nf_conntrack_ftp.c`).
pub const CONNTRACK_FTP: Module = Module {
    names: &["nf_conntrack_ftp", "ip_conntrack_ftp"],
    option: "CONFIG_NF_CONNTRACK_FTP",
};
/// Translates what the other reads (`net/netfilter/nf_nat_ftp.c`).
pub const NAT_FTP: Module = Module {
    names: &["nf_nat_ftp", "ip_nat_ftp"],
    option: "CONFIG_NF_NAT_FTP",
};

/// The source of what a functional probe saw.
pub const PROBE: &str = "functional probe";

/// What the functional probes use besides the helpers. A probe that finds one of
/// them not loaded makes the kernel load it.
const PROBE_USES: [Module; 7] = [
    module(&["nfnetlink"], "CONFIG_NETFILTER_NETLINK"),
    NF_TABLES,
    NF_CONNTRACK,
    module(&["nf_nat"], "CONFIG_NF_NAT"),
    module(&["nft_ct"], "CONFIG_NFT_CT"),
    module(&["nft_nat"], "CONFIG_NFT_NAT"),
    // Before Linux 5.2 a module for each family; built with nft_nat since.
    module(&["nft_chain_nat", "nft_chain_nat_ipv4"], "CONFIG_NFT_NAT"),
];

const NF_TABLES: Module = module(&["nf_tables"], "CONFIG_NF_TABLES");
const NF_CONNTRACK: Module = module(&["nf_conntrack"], "CONFIG_NF_CONNTRACK");

const fn module(names: &'static [&'static str], option: &'static str) -> Module {
    Module { names, option }
}

/// Whether `nf_conntrack` is loaded or built in, as far as is known.
#[must_use]
pub fn has_conntrack(snapshot: &Snapshot) -> bool {
    present(snapshot, &NF_CONNTRACK).is_some()
}

/// Whether `nf_tables` is loaded or built in; `None` where that is not known, so that
/// to ask it for its rules might make the kernel load it.
#[must_use]
pub fn has_nf_tables(snapshot: &Snapshot) -> Option<bool> {
    match present(snapshot, &NF_TABLES) {
        Some(_) => Some(true),
        None => as_module(snapshot, &NF_TABLES).map(|_| false),
    }
}

/// Whether functional probes would load no module; the first one that they might
/// load where they could.
///
/// # Errors
/// The name of a module that is neither loaded nor built in, as far as is known.
pub fn probe_loads_nothing(snapshot: &Snapshot) -> Result<(), &'static str> {
    PROBE_USES
        .iter()
        .chain([&CONNTRACK_FTP])
        .find(|module| present(snapshot, module).is_none())
        .map_or(Ok(()), |module| Err(module.name()))
}

/// Whether the kernel's symbols are worth their length: nothing shorter tells of a
/// helper, or of what the probes use.
#[must_use]
pub fn wants_symbols(snapshot: &Snapshot) -> bool {
    [CONNTRACK_FTP, NAT_FTP]
        .iter()
        .any(|helper| availability(snapshot, helper).is_none())
}

/// How far away a helper is. Orders the nearest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It was seen at work, whatever the files say.
    Works,
    /// Loaded as a module.
    Loaded,
    /// Part of the kernel.
    BuiltIn,
    /// A module that can be loaded.
    Loadable,
    /// A module that only `modprobe` by its name loads: it is blacklisted.
    Blacklisted,
    /// A module that modprobe.d replaces by a command.
    Replaced,
    /// A module, on a kernel that loads none any more (`kernel.modules_disabled`).
    Sealed,
    /// Not there.
    Absent,
}

impl Stage {
    /// Whether the kernel can use it now.
    #[must_use]
    pub fn is_present(&self) -> bool {
        matches!(self, Self::Works | Self::Loaded | Self::BuiltIn)
    }
}

/// A helper's stage and what says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// How far away it is.
    pub stage: Stage,
    /// The source that says so.
    pub source: String,
    /// What it says.
    pub text: String,
}

impl Availability {
    fn new(stage: Stage, source: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            stage,
            source: source.into(),
            text: text.into(),
        }
    }
}

/// What the sources together say of a helper; `None`: they do not tell. What a
/// probe saw counts before what files say: a module that was loaded with `ports=`
/// other than 21 has no helper named `ftp` (before Linux 7.3).
#[must_use]
pub fn availability(snapshot: &Snapshot, helper: &Module) -> Option<Availability> {
    let by_files = present(snapshot, helper).or_else(|| as_module(snapshot, helper));
    let probe = |stage, text| Availability::new(stage, PROBE, text);
    match (probed(snapshot, helper), by_files) {
        (Some(Probed::Works), Some(files)) if files.stage.is_present() => Some(files),
        (Some(Probed::Works), _) => Some(probe(Stage::Works, format!("{} works", helper.name()))),
        (Some(Probed::Missing(why)), Some(files)) if files.stage.is_present() => Some(probe(
            Stage::Absent,
            format!("{why}, although {} has {}", files.source, files.text),
        )),
        (Some(Probed::Missing(why)), None) => Some(probe(Stage::Absent, why)),
        (_, files) => files,
    }
}

fn probed(snapshot: &Snapshot, helper: &Module) -> Option<Probed> {
    let report = ProbeReport::parse(snapshot.text(&Asked::Probe.to_string())?)?;
    Some(if *helper == CONNTRACK_FTP {
        report.conntrack_ftp
    } else {
        report.nat_ftp
    })
}

/// Loaded or built in.
fn present(snapshot: &Snapshot, helper: &Module) -> Option<Availability> {
    let names = helper.names;
    let module = helper.name();
    let in_list = |list: &std::collections::BTreeSet<String>| {
        names.iter().find(|name| list.contains(**name)).copied()
    };
    let has_modules = snapshot.text("/proc/modules");
    if let Some(name) = has_modules
        .and_then(modules::loaded)
        .as_ref()
        .and_then(in_list)
    {
        return Some(Availability::new(Stage::Loaded, "/proc/modules", name));
    }
    // A loaded module is in both lists, so this one is part of the kernel.
    let listed = snapshot.text(&Asked::SysModule.to_string());
    let listed = listed.unwrap_or_default();
    if let Some(name) = listed.lines().find(|line| names.contains(line)) {
        return Some(Availability::new(Stage::BuiltIn, SYS_MODULE, name));
    }
    if let Some((source, Configured::Yes)) = option(snapshot, helper) {
        return Some(Availability::new(
            Stage::BuiltIn,
            source,
            format!("{}=y", helper.option),
        ));
    }
    let builtin = release_file(snapshot, "modules.builtin");
    if let Some((source, text)) = &builtin
        && in_list(&modules::files(text)).is_some()
    {
        return Some(Availability::new(Stage::BuiltIn, source, module));
    }
    symbol(snapshot, helper)
}

/// A symbol without `[module]` behind it is part of the kernel (proc(5)).
fn symbol(snapshot: &Snapshot, helper: &Module) -> Option<Availability> {
    let module = helper.name();
    // Not by its beginning: `nf_nat_ftp_hook` is a symbol of `nf_conntrack_ftp`.
    let own = ["", "_init", "_fini"].map(|end| format!("{module}{end}"));
    let line = snapshot.text(KALLSYMS)?.lines().find(|line| {
        let mut words = line.split_whitespace().skip(2);
        let is_own = words
            .next()
            .is_some_and(|symbol| own.iter().any(|o| o == symbol));
        is_own && words.next().is_none_or(|of| of == format!("[{module}]"))
    })?;
    let loaded = line.trim_end().ends_with(']');
    let stage = if loaded {
        Stage::Loaded
    } else {
        Stage::BuiltIn
    };
    Some(Availability::new(stage, KALLSYMS, line.trim()))
}

/// A module that is not loaded, or none at all.
fn as_module(snapshot: &Snapshot, helper: &Module) -> Option<Availability> {
    let module = helper.name();
    let dep = release_file(snapshot, "modules.dep");
    let installed = dep
        .as_ref()
        .map(|(source, text)| (source.clone(), modules::files(text).contains(module)));
    match (installed, option(snapshot, helper)) {
        (Some((source, true)), _) => Some(loadable(snapshot, helper, source)),
        (_, Some((source, Configured::No))) => Some(Availability::new(
            Stage::Absent,
            source,
            format!("{} is not set", helper.option),
        )),
        // Both lists of the running kernel are there and neither has it.
        (Some((source, false)), _) if release_file(snapshot, "modules.builtin").is_some() => {
            Some(Availability::new(
                Stage::Absent,
                source,
                format!("no {module} among the modules of this kernel"),
            ))
        }
        _ => None,
    }
}

fn loadable(snapshot: &Snapshot, helper: &Module, source: String) -> Availability {
    let module = helper.name();
    let disabled = "/proc/sys/kernel/modules_disabled";
    if snapshot.text(disabled).map(str::trim) == Some("1") {
        return Availability::new(Stage::Sealed, disabled, "1");
    }
    let files = modprobe_files(snapshot);
    match modules::obstacle(files.into_iter(), helper.names) {
        Some(Obstacle::Install(setting)) => {
            Availability::new(Stage::Replaced, setting.place, setting.text)
        }
        Some(Obstacle::Blacklist(setting)) => {
            Availability::new(Stage::Blacklisted, setting.place, setting.text)
        }
        None => Availability::new(Stage::Loadable, source, module),
    }
}

/// The files of modprobe.d, as far as they were read.
#[must_use]
pub fn modprobe_files(snapshot: &Snapshot) -> Vec<(&str, &str)> {
    [
        "/etc/modprobe.d/",
        "/run/modprobe.d/",
        "/usr/lib/modprobe.d/",
        "/lib/modprobe.d/",
    ]
    .into_iter()
    .flat_map(|folder| snapshot.below(folder))
    .collect()
}

/// A list of modules of the *running* kernel.
fn release_file<'a>(snapshot: &'a Snapshot, name: &str) -> Option<(String, &'a str)> {
    let release = snapshot.text("/proc/sys/kernel/osrelease")?.trim();
    let path = format!("/lib/modules/{release}/{name}");
    let text = snapshot.text(&path)?;
    Some((path, text))
}

/// How an option of the kernel's configuration is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Configured {
    Yes,
    Module,
    No,
}

/// The helper's option in the configuration of the running kernel. A whole
/// configuration that does not mention it says no: what it depends on is off.
fn option(snapshot: &Snapshot, helper: &Module) -> Option<(String, Configured)> {
    let release = snapshot.text("/proc/sys/kernel/osrelease").map(str::trim);
    let boot = release.map(|release| format!("/boot/config-{release}"));
    let sources = [Some(CONFIG_GZ.to_owned()), boot];
    let (source, text) = sources
        .into_iter()
        .flatten()
        .find_map(|name| snapshot.text(&name).map(|text| (name.clone(), text)))?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(helper.option)?.strip_prefix('='));
    let is_whole = text.contains("CONFIG_NETFILTER");
    match value.map(str::trim) {
        Some("y") => Some((source, Configured::Yes)),
        Some("m") => Some((source, Configured::Module)),
        None if is_whole => Some((source, Configured::No)),
        _ => None,
    }
}
