//! The raw sources of one host, as text or bytes: what every fact is read from.
//!
//! On a live host `sys` fills it; from a directory (`ftpnat check --snapshot`) it is
//! read as it was saved. Both lead to the same facts, and so to the same findings.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use thiserror::Error;

/// The first line of a manifest.
const FORMAT: &str = "ftpnat.snapshot/1";
/// What was asked of the kernel has this before its name; all else is a path.
const ASKED: &str = "asked:";
/// The file that lists the others.
pub const MANIFEST: &str = "MANIFEST";

/// What became of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Its text, as far as anyone needs it.
    Held(String),
    /// Its bytes, where they are no text.
    Raw(Vec<u8>),
    /// Looked for, and not there.
    Absent,
    /// There, or not, but it could not be read: why.
    Unreadable(String),
}

/// Raw sources by name: an absolute path, or `asked:NAME`. A name that is not here
/// was not looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    sources: BTreeMap<String, State>,
    /// Why nothing was looked for, where nothing could be.
    blind: Option<String>,
}

/// Why a directory is no snapshot.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SnapshotError {
    /// The manifest does not begin as one.
    #[error("its {MANIFEST} does not begin with `{FORMAT}`")]
    Format,
    /// A line of the manifest says nothing.
    #[error("{MANIFEST}, line {0}: no `held`, `raw`, `absent` or `unreadable` with a source")]
    Line(usize),
    /// A name that leads out of the directory, or is none.
    #[error("{MANIFEST}, line {0}: the name of the source is neither a path nor asked:NAME")]
    Name(usize),
    /// A file that the manifest names is not there.
    #[error("cannot read {file}: {why}")]
    Missing {
        /// The file, below the snapshot's directory.
        file: String,
        /// What happened.
        why: String,
    },
}

impl Snapshot {
    /// Of a host that nobody can look at, for this reason: no source of it says anything.
    #[must_use]
    pub fn blind(why: impl Into<String>) -> Self {
        Self {
            sources: BTreeMap::new(),
            blind: Some(why.into()),
        }
    }

    /// Why nothing could be looked for; `None` where that was possible.
    #[must_use]
    pub fn why_blind(&self) -> Option<&str> {
        self.blind.as_deref()
    }

    /// Takes a source in; the last word about a name counts.
    pub fn insert(&mut self, name: impl Into<String>, state: State) {
        self.sources.insert(name.into(), state);
    }

    /// What became of a source; `None`: it was not looked for.
    #[must_use]
    pub fn state(&self, name: &str) -> Option<&State> {
        self.sources.get(name)
    }

    /// The text of a source that is held.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.state(name)? {
            State::Held(text) => Some(text),
            State::Raw(_) | State::Absent | State::Unreadable(_) => None,
        }
    }

    /// The bytes of a source that is held.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        match self.state(name)? {
            State::Held(text) => Some(text.as_bytes()),
            State::Raw(bytes) => Some(bytes),
            State::Absent | State::Unreadable(_) => None,
        }
    }

    /// Whether a source was looked for and is not there.
    #[must_use]
    pub fn is_absent(&self, name: &str) -> bool {
        self.state(name) == Some(&State::Absent)
    }

    /// The texts whose names begin so, in order of their names.
    pub fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.sources
            .range(prefix.to_owned()..)
            .take_while(move |(name, _)| name.starts_with(prefix))
            .filter_map(|(name, state)| match state {
                State::Held(text) => Some((name.as_str(), text.as_str())),
                State::Raw(_) | State::Absent | State::Unreadable(_) => None,
            })
    }

    /// All sources in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &State)> {
        self.sources
            .iter()
            .map(|(name, state)| (name.as_str(), state))
    }

    /// Why a source that is needed says nothing, for people.
    #[must_use]
    pub fn why_silent(&self, name: &str) -> String {
        let shown = name.strip_prefix(ASKED).unwrap_or(name);
        match self.state(name) {
            Some(State::Held(_) | State::Raw(_)) => {
                format!("{shown} says nothing that can be read")
            }
            Some(State::Absent) => format!("{shown} is not there"),
            Some(State::Unreadable(why)) => format!("cannot read {shown}: {why}"),
            None => match &self.blind {
                Some(why) => why.clone(),
                None => format!("{shown} was not looked for"),
            },
        }
    }

    /// The files of a snapshot's directory: path below it, and what is in it. The
    /// manifest is among them.
    #[must_use]
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut manifest = format!(
            "{FORMAT}\n# What ftpnat knows of a host: one line a source. Text below files/ is \
             what a file of\n# the host said, below asked/ what its kernel answered; of long \
             files only the lines\n# that ftpnat reads. No keys, passwords, environments or \
             names of users are held.\n"
        );
        let mut files = Vec::new();
        for (name, state) in &self.sources {
            let line = match state {
                State::Held(text) => {
                    files.push((place(name), text.clone().into_bytes()));
                    format!("held\t{name}")
                }
                State::Raw(bytes) => {
                    files.push((place(name), bytes.clone()));
                    format!("raw\t{name}")
                }
                State::Absent => format!("absent\t{name}"),
                State::Unreadable(why) => {
                    format!("unreadable\t{name}\t{}", one_line(why))
                }
            };
            // Writing to a string cannot fail.
            let _ = writeln!(manifest, "{line}");
        }
        files.insert(0, (MANIFEST.to_owned(), manifest.into_bytes()));
        files
    }

    /// A snapshot from its manifest and the files that it names; `read` is given
    /// paths below the directory, without `..`.
    ///
    /// # Errors
    /// Where the manifest is none, names what lies elsewhere, or a file is missing.
    pub fn parse(
        manifest: &str,
        mut read: impl FnMut(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Self, SnapshotError> {
        let mut lines = manifest.lines().enumerate();
        if lines.next().map(|(_, line)| line) != Some(FORMAT) {
            return Err(SnapshotError::Format);
        }
        let mut snapshot = Self::default();
        for (index, line) in lines {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let number = index + 1;
            let mut fields = line.splitn(3, '\t');
            let word = fields.next().unwrap_or_default();
            let name = fields.next().ok_or(SnapshotError::Line(number))?;
            if !is_name(name) {
                return Err(SnapshotError::Name(number));
            }
            let mut held = || {
                let file = place(name);
                read(&file).map_err(|why| SnapshotError::Missing { file, why })
            };
            let state =
                match (word, fields.next()) {
                    ("held", None) => State::Held(String::from_utf8(held()?).map_err(|_| {
                        SnapshotError::Missing {
                            file: place(name),
                            why: "it is not text".to_owned(),
                        }
                    })?),
                    ("raw", None) => State::Raw(held()?),
                    ("absent", None) => State::Absent,
                    ("unreadable", why) => State::Unreadable(one_line(why.unwrap_or("no reason"))),
                    _ => return Err(SnapshotError::Line(number)),
                };
            snapshot.insert(name, state);
        }
        Ok(snapshot)
    }
}

/// Where a source's text lies below the directory.
fn place(name: &str) -> String {
    match name.strip_prefix(ASKED) {
        Some(asked) => format!("asked/{asked}"),
        None => format!("files{name}"),
    }
}

/// A reason as a manifest has it: nothing in it ends a line or a field.
fn one_line(why: &str) -> String {
    why.replace(char::is_control, " ")
}

/// An absolute path that leads nowhere else, or a question's name.
fn is_name(name: &str) -> bool {
    if name.contains(char::is_control) {
        return false;
    }
    let clean = |part: &str| !part.is_empty() && part != "." && part != "..";
    match name.strip_prefix(ASKED) {
        Some(asked) => clean(asked) && !asked.contains('/'),
        None => name
            .strip_prefix('/')
            .is_some_and(|path| path.split('/').all(clean)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn some() -> Snapshot {
        let mut snapshot = Snapshot::default();
        snapshot.insert("/proc/modules", State::Held("nf_nat_ftp 1 0\n".to_owned()));
        snapshot.insert("/proc/config.gz", State::Unreadable("a\nb\tc".to_owned()));
        snapshot.insert("/etc/modules", State::Absent);
        snapshot.insert("asked:links", State::Held(String::new()));
        snapshot.insert("asked:nf-tables", State::Raw(vec![0xff, 0, b'\n']));
        snapshot
    }

    fn read_back(snapshot: &Snapshot) -> Result<Snapshot, SnapshotError> {
        let files: BTreeMap<_, _> = snapshot.files().into_iter().collect();
        let manifest = str::from_utf8(&files[MANIFEST]).expect("UTF-8");
        Snapshot::parse(manifest, |path| {
            files.get(path).cloned().ok_or("not there".to_owned())
        })
    }

    #[test]
    fn what_is_saved_is_read_again() {
        let mut expected = some();
        // A reason stands on one line.
        expected.insert("/proc/config.gz", State::Unreadable("a b c".to_owned()));
        assert_eq!(read_back(&some()), Ok(expected));
    }

    #[test]
    fn below_a_directory() {
        let mut snapshot = some();
        for name in [
            "/etc/modprobe.d/a.conf",
            "/etc/modprobe.d/b.conf",
            "/etc/modprobe.e",
        ] {
            snapshot.insert(name, State::Held(name.to_owned()));
        }
        let found: Vec<_> = snapshot.below("/etc/modprobe.d/").map(|(n, _)| n).collect();
        assert_eq!(found, ["/etc/modprobe.d/a.conf", "/etc/modprobe.d/b.conf"]);
    }

    #[test]
    fn a_manifest_cannot_lead_out_of_its_directory() {
        for name in [
            "/../../etc/shadow",
            "etc/modules",
            "/proc//modules",
            "/",
            "",
            "asked:",
            "asked:../x",
            "asked:a/b",
            "/proc/./x",
            "/proc/..",
            "/proc/x\u{1b}y",
        ] {
            let manifest = format!("{FORMAT}\nheld\t{name}\n");
            let read = Snapshot::parse(&manifest, |path| panic!("{path} was asked for"));
            assert_eq!(read, Err(SnapshotError::Name(2)), "{name}");
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let never = |_: &str| Ok(Vec::new());
        assert_eq!(Snapshot::parse("", never), Err(SnapshotError::Format));
        assert_eq!(
            Snapshot::parse("ftpnat.snapshot/2\n", never),
            Err(SnapshotError::Format)
        );
        for line in ["held", "seen\t/proc/modules", "absent\t/proc/modules\tmore"] {
            let manifest = format!("{FORMAT}\n# a comment\n\n{line}\n");
            assert_eq!(
                Snapshot::parse(&manifest, never),
                Err(SnapshotError::Line(4)),
                "{line}"
            );
        }
    }

    #[test]
    fn a_reason_is_one_line_and_one_field() {
        let manifest = format!("{FORMAT}\nunreadable\t/proc/x\ta\tb\r.\n");
        let read = Snapshot::parse(&manifest, |_| Ok(Vec::new())).expect("a manifest");
        let reason = State::Unreadable("a b .".to_owned());
        assert_eq!(read.state("/proc/x"), Some(&reason));
        assert_eq!(read_back(&read), Ok(read));
    }

    proptest! {
        #[test]
        fn hostile_manifests_are_refused_or_read(text in ".{0,200}") {
            let manifest = format!("{FORMAT}\n{text}");
            let _ = Snapshot::parse(&manifest, |path| {
                assert!(!path.split('/').any(|part| part == ".."), "{path}");
                Ok(Vec::new())
            });
        }
    }
}
