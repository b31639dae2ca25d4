//! A host with a firewall of its own, and ftpnat's hands on it.

use std::path::Path;

use libtest_mimic::Failed;
use tempfile::TempDir;

use crate::support::netns::Namespace;
use crate::support::rules::{nft, restore, save};
use crate::support::{BackEnd, Run, directory, ftpnat_beside};

/// What rules stand in: an administrator's, or ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Native tables of nft.
    Native,
    /// Tables of iptables.
    Iptables(BackEnd),
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [
        Self::Native,
        Self::Iptables(BackEnd::Nft),
        Self::Iptables(BackEnd::Legacy),
    ];

    /// As `--backend` has it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Native => "nft",
            Self::Iptables(BackEnd::Nft) => "iptables-nft",
            Self::Iptables(BackEnd::Legacy) => "iptables-legacy",
        }
    }

    /// Loads an administrator's rules: of those given, the ones of this kind.
    pub(crate) fn load(self, host: &Namespace, native: &str, iptables: &str) {
        match self {
            Self::Native => nft(host, native),
            Self::Iptables(back_end) => {
                restore(
                    host,
                    &back_end.program("iptables", "restore"),
                    &[],
                    iptables,
                );
            }
        }
    }
}

/// ftpnat on one host, with a state of its own.
pub(crate) struct Host<'a> {
    namespace: &'a Namespace,
    back_end: Kind,
    state: TempDir,
}

impl<'a> Host<'a> {
    pub(crate) fn new(namespace: &'a Namespace, back_end: Kind) -> Self {
        Self {
            namespace,
            back_end,
            state: directory(),
        }
    }

    fn ftpnat(&self, arguments: &[&str], input: &str) -> Run {
        let beside = match self.back_end {
            Kind::Native => BackEnd::Nft,
            Kind::Iptables(back_end) => back_end,
        };
        let state = self.state.path().display().to_string();
        let arguments = [arguments, &["--state-dir", &state]].concat();
        ftpnat_beside(beside, self.namespace, &arguments, input)
    }

    /// `ftpnat apply` of a profile's text, whatever comes of it.
    pub(crate) fn try_apply(&self, profile: &str) -> Run {
        let word = self.back_end.word();
        self.ftpnat(
            &["apply", "--yes", "--backend", word, "--profile", "-"],
            profile,
        )
    }

    /// The same; it must be done.
    pub(crate) fn apply(&self, profile: &str) -> Result<Run, Failed> {
        done(self.try_apply(profile))
    }

    /// The same of shipped profiles.
    pub(crate) fn apply_shipped(&self, names: &[&str]) -> Result<Run, Failed> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
        let mut arguments = vec!["apply".to_owned(), "--yes".to_owned()];
        arguments.extend(["--backend".to_owned(), self.back_end.word().to_owned()]);
        for name in names {
            let file = folder.join(format!("{name}.yaml"));
            arguments.extend(["--profile".to_owned(), file.display().to_string()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        done(self.ftpnat(&arguments, ""))
    }

    /// Applied again, there is nothing to do, and nothing drifts.
    pub(crate) fn is_settled(&self, profile: &str) -> Result<(), Failed> {
        let before = everything(self.namespace);
        let again = self.apply(profile)?;
        let status = done(self.ftpnat(&["status"], ""))?;
        let after = everything(self.namespace);
        if again.stdout.contains("nothing to do") && before == after {
            return Ok(());
        }
        Err(format!("{again:?}\n{status:?}\n{before}\nthen:\n{after}").into())
    }

    /// `ftpnat remove`; it must be done.
    pub(crate) fn remove(&self) -> Result<Run, Failed> {
        done(self.try_remove(&[]))
    }

    /// `ftpnat remove` of some profiles, or of all, whatever comes of it.
    pub(crate) fn try_remove(&self, names: &[&str]) -> Run {
        self.ftpnat(&[&["remove"], names].concat(), "")
    }
}

fn done(run: Run) -> Result<Run, Failed> {
    if run.status == 0 {
        Ok(run)
    } else {
        Err(format!("{run:?}").into())
    }
}

/// All rules of a host with their handles, whatever they counted.
pub(crate) fn everything(host: &Namespace) -> String {
    let legacy = ["iptables", "ip6tables"]
        .map(|iptables| save(host, &BackEnd::Legacy.program(iptables, "save"), &[]))
        .concat();
    let native = host.run("nft -a list ruleset");
    let mut plain = String::new();
    for line in native.lines().chain(legacy.lines()) {
        // Counts are no rules.
        let line = line.split(" [").next().unwrap_or(line);
        let mut words = line.split(' ');
        while let Some(word) = words.next() {
            if matches!(word, "packets" | "bytes") {
                words.next();
            } else {
                plain += word;
                plain.push(' ');
            }
        }
        plain.push('\n');
    }
    plain
}

/// What `iptables-save` lists of each program is all there still, in its order, and
/// loads to the same again.
pub(crate) fn saves_and_reloads(
    host: &Namespace,
    back_end: BackEnd,
    before: &str,
) -> Result<(), Failed> {
    let saver = back_end.program("iptables", "save");
    let after = save(host, &saver, &[]);
    let mut lines = after.lines();
    for line in before.lines() {
        let plain = |line: &str| line.split(" [").next().unwrap_or(line).to_owned();
        if line != "COMMIT" && !lines.any(|l| plain(l) == plain(line)) {
            return Err(format!("`{line}` is gone, or has moved:\n{after}").into());
        }
    }
    restore(host, &back_end.program("iptables", "restore"), &[], &after);
    let again = save(host, &saver, &[]);
    let uncounted = |text: &str| {
        let lines = text.lines();
        lines
            .map(|l| l.split(" [").next().unwrap_or(l).to_owned())
            .collect::<Vec<_>>()
    };
    if uncounted(&again) == uncounted(&after) {
        Ok(())
    } else {
        Err(format!("loaded again:\n{again}\nsaved:\n{after}").into())
    }
}
