//! Takes a snapshot of this host: reads every source that the table of sources
//! names. Changes nothing, and loads no module.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use flate2::read::GzDecoder;

use crate::facts::helper;
use crate::facts::keep::Keep;
use crate::facts::snapshot::{Snapshot, State};
use crate::facts::sources::{
    Asked, CONFIG_GZ, DIRECTORIES, Directory, FILES, INTERFACE_SYSCTLS, KALLSYMS, SYS_MODULE,
};

use super::{devices, processes, routes};

/// More than any of these sources has; what lies beyond is not read.
const MOST: u64 = 64 * 1024 * 1024;

/// What a snapshot is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Every check.
    Everything,
    /// A change of rules and settings: not who listens and what runs, and what the kernel
    /// has of helpers only where `helper` asks for that. Quicker: no process is looked at.
    Change {
        /// Whether a helper is needed.
        helper: bool,
    },
}

impl About {
    fn wants_helper(self) -> bool {
        self != Self::Change { helper: false }
    }

    fn wants(self, keep: Keep) -> bool {
        match keep {
            Keep::ModuleLines | Keep::ModuleFiles | Keep::NetfilterOptions => self.wants_helper(),
            Keep::Listening => self == Self::Everything,
            _ => true,
        }
    }
}

/// Reads everything that `about` asks for but what the probes tell.
#[must_use]
pub fn snapshot(about: About) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    for file in FILES.iter().filter(|file| about.wants(file.keep)) {
        let path = file.path.replace("RELEASE", release.trim());
        let state = file_state(Path::new(&path), file.keep);
        snapshot.insert(path, state);
    }
    for directory in DIRECTORIES {
        directory_into(&mut snapshot, directory);
    }
    for (folder, names) in INTERFACE_SYSCTLS {
        interfaces_into(&mut snapshot, folder, names);
    }
    network_into(&mut snapshot);
    if about.wants_helper() {
        snapshot.insert(CONFIG_GZ, config());
        snapshot.insert(Asked::SysModule.to_string(), modules_in_sys());
    }
    if about == About::Everything {
        snapshot.insert(Asked::Devices.to_string(), state(devices::features()));
        processes_into(&mut snapshot);
    }
    if about.wants_helper() && helper::wants_symbols(&snapshot) {
        snapshot.insert(
            KALLSYMS,
            file_state(Path::new(KALLSYMS), Keep::HelperSymbols),
        );
    }
    snapshot
}

fn file_state(path: &Path, keep: Keep) -> State {
    if keep == Keep::Nothing {
        return state(fs::metadata(path).map(|_| String::new()));
    }
    state(read(path).map(|text| keep.of(&text)))
}

/// What is not there is absent; a kernel says so of a sysctl, a file system of a file.
fn state(result: io::Result<String>) -> State {
    match result {
        Ok(text) => State::Held(text),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => State::Absent,
            _ => State::Unreadable(error.to_string()),
        },
    }
}

/// Text; other bytes in it are replaced.
fn read(path: &Path) -> io::Result<String> {
    text(File::open(path)?)
}

fn text(from: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(MOST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn config() -> State {
    state(File::open(CONFIG_GZ).and_then(|file| {
        let config = text(GzDecoder::new(file))?;
        Ok(Keep::NetfilterOptions.of(&config))
    }))
}

fn modules_in_sys() -> State {
    state(entries(Path::new(SYS_MODULE)).map(|mut names| {
        names.sort();
        Keep::ModuleLines.of(&(names.join("\n") + "\n"))
    }))
}

fn entries(folder: &Path) -> io::Result<Vec<String>> {
    let name = |entry: io::Result<fs::DirEntry>| {
        Ok(String::from_utf8_lossy(entry?.file_name().as_bytes()).into_owned())
    };
    fs::read_dir(folder)?.map(name).collect()
}

fn directory_into(snapshot: &mut Snapshot, directory: &Directory) {
    // On merged systems /lib is /usr/lib: the same files are not read twice.
    if directory.path.starts_with("/lib/") && Path::new("/lib").is_symlink() {
        return;
    }
    let names = match entries(Path::new(directory.path)) {
        Ok(names) => names,
        Err(error) => {
            snapshot.insert(directory.path, state(Err(error)));
            return;
        }
    };
    for name in names {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        // A name with what a manifest cannot hold is nobody's file of settings.
        let plain = !name.chars().any(char::is_control);
        if plain && ending.is_some_and(|e| directory.endings.contains(&e)) {
            let path = format!("{}/{name}", directory.path);
            let state = file_state(Path::new(&path), directory.keep);
            snapshot.insert(path, state);
        }
    }
}

fn interfaces_into(snapshot: &mut Snapshot, folder: &str, names: [&str; 2]) {
    let interfaces = match entries(Path::new(folder)) {
        Ok(interfaces) => interfaces,
        Err(error) => {
            snapshot.insert(folder, state(Err(error)));
            return;
        }
    };
    for interface in interfaces {
        for name in names {
            let path = format!("{folder}/{interface}/{name}");
            let state = file_state(Path::new(&path), Keep::All);
            snapshot.insert(path, state);
        }
    }
}

fn network_into(snapshot: &mut Snapshot) {
    let told = routes::network();
    let of = |part: fn(&routes::Network) -> &String| match &told {
        Ok(network) => State::Held(part(network).clone()),
        Err(error) => State::Unreadable(error.to_string()),
    };
    for (asked, state) in [
        (Asked::Links, of(|n| &n.links)),
        (Asked::Addresses, of(|n| &n.addresses)),
        (Asked::Routes, of(|n| &n.routes)),
        (Asked::Rules, of(|n| &n.rules)),
    ] {
        snapshot.insert(asked.to_string(), state);
    }
}

fn processes_into(snapshot: &mut Snapshot) {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| snapshot.text(path).unwrap_or_default());
    let seen = processes::look(&tables);
    for (asked, text) in [
        (Asked::Listeners, seen.listeners),
        (Asked::Running, seen.running),
        (Asked::Programs, processes::programs()),
        (Asked::Namespaces, processes::namespaces()),
    ] {
        snapshot.insert(asked.to_string(), State::Held(text));
    }
}
