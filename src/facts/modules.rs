//! Kernel modules: where they are, and what the settings of modprobe(8) and
//! modules-load.d(5) say of them.

use std::collections::BTreeSet;

use procfs::FromBufRead as _;
use procfs::KernelModules;

use super::keep::module_file;

/// A module's name as the kernel writes it: `-` and `_` are the same in names of
/// files and in settings (modprobe(8)).
#[must_use]
pub fn canonical(name: &str) -> String {
    name.replace('-', "_")
}

/// The names in `/proc/modules`, where it can be read as such.
#[must_use]
pub fn loaded(text: &str) -> Option<BTreeSet<String>> {
    let modules = KernelModules::from_buf_read(text.as_bytes()).ok()?;
    let mut names: Vec<String> = modules.0.into_keys().collect();
    names.sort();
    Some(names.into_iter().collect())
}

/// The names in `modules.builtin`, or before the colons in `modules.dep`.
#[must_use]
pub fn files(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(module_file)
        .map(canonical)
        .collect()
}

/// A line of a settings file, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `FILE:LINE`.
    pub place: String,
    /// The line.
    pub text: String,
}

/// What modprobe.d(5) says of a module that keeps it from being loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// `install MODULE COMMAND`: the command runs in place of the load.
    Install(Setting),
    /// `blacklist MODULE`: the kernel's own requests, which go by aliases, do not
    /// load it; `modprobe MODULE` does.
    Blacklist(Setting),
}

/// What stands in a module's way in the files of modprobe.d, by any of its names.
/// `install` counts before `blacklist`: it stops every load.
#[must_use]
pub fn obstacle<'a>(
    files: impl Iterator<Item = (&'a str, &'a str)>,
    names: &[&str],
) -> Option<Obstacle> {
    let mut blacklist = None;
    for (path, text) in files {
        for (setting, words) in settings(path, text) {
            let mut words = words.into_iter();
            let (word, module) = (words.next(), words.next().map(canonical));
            let is_it = module.is_some_and(|m| names.contains(&m.as_str()));
            let command: Vec<&str> = words.collect();
            match word {
                Some("install") if is_it && !loads_all_the_same(&command) => {
                    return Some(Obstacle::Install(setting));
                }
                Some("blacklist") if is_it => {
                    blacklist.get_or_insert(Obstacle::Blacklist(setting));
                }
                _ => {}
            }
        }
    }
    blacklist
}

/// `install MODULE /sbin/modprobe --ignore-install MODULE …` loads it and does more.
fn loads_all_the_same(command: &[&str]) -> bool {
    command.iter().any(|word| word.ends_with("modprobe"))
        && command
            .iter()
            .any(|word| *word == "--ignore-install" || *word == "-i")
}

/// The first line of modules-load.d, `/etc/modules` or modprobe.d that loads a
/// module at boot, by any of its names: a line of its own in the first two, a
/// `softdep` or an `install` that loads it in the last.
#[must_use]
pub fn loaded_at_boot<'a>(
    files: impl Iterator<Item = (&'a str, &'a str)>,
    names: &[&str],
) -> Option<Setting> {
    let is_it = |word: &&str| names.contains(&canonical(word).as_str());
    for (path, text) in files {
        let modprobe = path.contains("/modprobe.d/");
        for (setting, words) in settings(path, text) {
            let loads = match words.split_first() {
                Some((&"softdep" | &"install", rest)) if modprobe => {
                    rest.iter().skip(1).any(&is_it)
                }
                Some((first, _)) if !modprobe => is_it(first),
                _ => false,
            };
            if loads {
                return Some(setting);
            }
        }
    }
    None
}

/// The words of each line that is no comment.
fn settings<'a>(path: &str, text: &'a str) -> Vec<(Setting, Vec<&'a str>)> {
    let of_line = |(index, line): (usize, &'a str)| {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            return None;
        }
        let setting = Setting {
            place: format!("{path}:{}", index + 1),
            text: line.to_owned(),
        };
        Some((setting, line.split_whitespace().collect()))
    };
    text.lines().enumerate().filter_map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 2] = ["nf_nat_ftp", "ip_nat_ftp"];

    #[test]
    fn modules_by_their_files() {
        let dep = "kernel/net/netfilter/nf-nat-ftp.ko.xz: kernel/net/netfilter/nf_nat.ko.xz\n";
        assert_eq!(files(dep), BTreeSet::from(["nf_nat_ftp".to_owned()]));
        let loaded = loaded("nf_nat_ftp 16384 0 - Live 0x0000000000000000\n").expect("modules");
        assert!(loaded.contains("nf_nat_ftp"));
    }

    #[test]
    fn what_stands_in_the_way() {
        let of = |text: &str| obstacle([("/etc/modprobe.d/a.conf", text)].into_iter(), &NAMES);
        let setting = |line: usize, text: &str| Setting {
            place: format!("/etc/modprobe.d/a.conf:{line}"),
            text: text.to_owned(),
        };
        assert_eq!(
            of("\n# x\nblacklist nf-nat-ftp\n"),
            Some(Obstacle::Blacklist(setting(3, "blacklist nf-nat-ftp")))
        );
        assert_eq!(
            of("blacklist nf_nat_ftp\ninstall ip_nat_ftp /bin/true\n"),
            Some(Obstacle::Install(setting(
                2,
                "install ip_nat_ftp /bin/true"
            )))
        );
        for text in [
            "",
            "# blacklist nf_nat_ftp",
            "blacklist nf_nat",
            "options nf_nat_ftp ports=21",
            "install nf_nat_ftp /sbin/modprobe --ignore-install nf_nat_ftp && logger x",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_loaded_at_boot() {
        let of = |path: &str, text: &str| {
            loaded_at_boot([(path, text)].into_iter(), &NAMES).map(|setting| setting.place)
        };
        let place = |path: &str, line: usize| Some(format!("{path}:{line}"));
        let load = "/etc/modules-load.d/ftp.conf";
        assert_eq!(of(load, "; x\nnf_nat_ftp\n"), place(load, 2));
        assert_eq!(
            of("/etc/modules", "ip_nat_ftp ports=21\n"),
            place("/etc/modules", 1)
        );
        assert_eq!(of(load, "nf_nat\n#nf_nat_ftp\n"), None);
        let probe = "/etc/modprobe.d/ftp.conf";
        let soft = "softdep nf_conntrack_ftp post: nf_nat_ftp\n";
        assert_eq!(of(probe, soft), place(probe, 1));
        assert_eq!(of(probe, "softdep nf_nat_ftp pre: nf_nat\n"), None);
        assert_eq!(of(probe, "nf_nat_ftp\n"), None);
    }
}
