//! The iptables programs of a back end: what they save, a step loaded by them, and that
//! step tried before.

mod trial;

use std::io;

use thiserror::Error;

use super::process::{self, Finished};
use crate::model::net::Family;
use crate::ruleset::save::{Save, SaveError};

pub use trial::{Trial, Tried};

/// How many seconds a program waits for the lock that all of them share.
const WAIT: &str = "10";

/// Where the rules are kept that an iptables program makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackEnd {
    /// In `nf_tables`.
    Nft,
    /// In `ip_tables`, which is older than `nf_tables`.
    Legacy,
}

/// The programs of one back end and family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Iptables {
    /// The back end.
    pub back_end: BackEnd,
    /// The family.
    pub family: Family,
    /// The name without `-save` and `-restore`.
    program: String,
}

/// What such a program did not do.
#[derive(Debug, Error)]
pub enum Error {
    /// There is none in `PATH`.
    #[error("there is no {} here", programs.join(" and no "))]
    Missing {
        /// What was looked for.
        programs: Vec<String>,
    },
    /// It did not start.
    #[error("cannot run {program}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It ended with an error.
    #[error("{program} failed: {}", if said.is_empty() { status } else { said })]
    Failed {
        /// The program.
        program: String,
        /// Its exit status in words.
        status: String,
        /// Its standard error.
        said: String,
    },
    /// It did not take a text.
    #[error("{program} refuses `{line}`: {said}")]
    Refused {
        /// The program.
        program: String,
        /// The line of the text.
        line: String,
        /// Its standard error.
        said: String,
    },
    /// What it saved is not the whole ruleset.
    #[error("{program} did not print the whole ruleset")]
    Save {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: SaveError,
    },
    /// What it saved is no UTF-8: a chain's name or a comment.
    #[error("{program} printed bytes that are no UTF-8")]
    NotText {
        /// The program.
        program: String,
    },
    /// The trial came out otherwise than it should.
    #[error("loaded by {program} in a network namespace of its own, it came out otherwise: {what}")]
    Otherwise {
        /// The program.
        program: String,
        /// The first difference.
        what: String,
    },
}

impl Iptables {
    /// The programs of that back end in `PATH`: `iptables-nft`, `iptables-legacy` or
    /// their like; else `iptables`, where its version says that it is of that back end.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Start`].
    pub fn find(back_end: BackEnd, family: Family) -> Result<Self, Error> {
        let plain = match family {
            Family::Ipv4 => "iptables",
            Family::Ipv6 => "ip6tables",
        };
        let word = match back_end {
            BackEnd::Nft => "nft",
            BackEnd::Legacy => "legacy",
        };
        let named = format!("{plain}-{word}");
        for program in [named.as_str(), plain] {
            let found = Self {
                back_end,
                family,
                program: program.to_owned(),
            };
            if found.is_of(&found.restore_program())? && found.is_of(&found.save_program())? {
                return Ok(found);
            }
        }
        Err(Error::Missing {
            programs: vec![named, format!("{plain} of that back end")],
        })
    }

    /// `iptables-save v1.8.9 (nf_tables)` or `(legacy)`; before 1.8 there was legacy
    /// alone, and nothing in brackets.
    fn is_of(&self, program: &str) -> Result<bool, Error> {
        let version = match process::run(program, &["-V"]) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            version => version.map_err(|source| start(program, source))?,
        };
        let is_nft = String::from_utf8_lossy(&version.stdout).contains("nf_tables");
        Ok(version.success && is_nft == (self.back_end == BackEnd::Nft))
    }

    /// Such as `iptables-nft-save`.
    #[must_use]
    pub fn save_program(&self) -> String {
        format!("{}-save", self.program)
    }

    /// Such as `iptables-nft-restore`.
    #[must_use]
    pub fn restore_program(&self) -> String {
        format!("{}-restore", self.program)
    }

    /// What is loaded, with counters, of the tables of these names that are in force;
    /// `None`: of all. No table is put in force by asking.
    ///
    /// # Errors
    /// [`enum@Error`]; [`SaveError::Incompatible`] only where it is about one of these tables.
    pub fn save(&self, tables: Option<&[&str]>) -> Result<Save, Error> {
        let is_wanted = |table: &str| tables.is_none_or(|wanted| wanted.contains(&table));
        let mut names: Vec<String> = match self.back_end {
            BackEnd::Legacy => super::host::legacy_tables(self.names_file()),
            BackEnd::Nft => {
                let all = self.saved(&["-c"])?;
                match Save::parse(&all) {
                    Ok(mut save) => {
                        save.tables.retain(|table| is_wanted(&table.name));
                        return Ok(save);
                    }
                    Err(SaveError::Incompatible { table }) if !is_wanted(&table) => {
                        let names = all.lines().filter_map(|line| line.strip_prefix('*'));
                        names.map(str::to_owned).collect()
                    }
                    Err(source) => return Err(self.unsaved(source)),
                }
            }
        };
        names.retain(|name| is_wanted(name));
        let mut save = Save::default();
        for name in &names {
            let text = self.saved(&["-c", "-t", name])?;
            let one = Save::parse(&text).map_err(|source| self.unsaved(source))?;
            save.tables.extend(one.tables);
        }
        Ok(save)
    }

    /// The names of the tables that are in force, in the network namespace of this
    /// thread.
    fn names_file(&self) -> &'static str {
        match self.family {
            Family::Ipv4 => "/proc/thread-self/net/ip_tables_names",
            Family::Ipv6 => "/proc/thread-self/net/ip6_tables_names",
        }
    }

    fn saved(&self, arguments: &[&str]) -> Result<String, Error> {
        let program = self.save_program();
        let finished =
            process::run(&program, arguments).map_err(|source| start(&program, source))?;
        if !finished.success {
            return Err(Error::Failed {
                program,
                status: finished.status,
                said: finished.stderr,
            });
        }
        String::from_utf8(finished.stdout).map_err(|_| Error::NotText { program })
    }

    fn unsaved(&self, source: SaveError) -> Error {
        Error::Save {
            program: self.save_program(),
            source,
        }
    }

    /// Loads a step, with nothing flushed.
    ///
    /// # Errors
    /// [`enum@Error`]. Tables that came in the text before the refused one are changed then.
    pub fn load(&self, text: &str) -> Result<(), Error> {
        self.restore(&["--noflush", "-w", WAIT], text)
    }

    fn restore(&self, arguments: &[&str], text: &str) -> Result<(), Error> {
        let program = self.restore_program();
        let finished =
            process::feed(&program, arguments, text).map_err(|source| start(&program, source))?;
        if finished.success {
            return Ok(());
        }
        let Finished { status, stderr, .. } = finished;
        Err(match refused_line(&stderr, text) {
            Some(line) => Error::Refused {
                program,
                line: line.to_owned(),
                said: stderr,
            },
            None => Error::Failed {
                program,
                status,
                said: stderr,
            },
        })
    }
}

fn start(program: &str, source: io::Error) -> Error {
    Error::Start {
        program: program.to_owned(),
        source,
    }
}

/// The line of the text that the program names, as `line 3 failed`, `line 3: RULE_APPEND
/// failed` or `Error occurred at line: 3`.
fn refused_line<'a>(said: &str, text: &'a str) -> Option<&'a str> {
    let number = said.split("line").skip(1).find_map(|rest| {
        let rest = rest.trim_start_matches([':', ' ']);
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse::<usize>().ok()
    })?;
    text.lines().nth(number.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refused_line_is_found_in_every_wording() {
        let text = "*filter\n-A INPUT -j NONE\nCOMMIT\n";
        for said in [
            "iptables-restore v1.8.9 (nf_tables): Couldn't load target `NONE'\n\nError occurred at line: 2\nTry",
            "iptables-nft-restore: line 2 failed: Bad rule",
            "iptables-restore v1.8.9 (nf_tables): \nline 2: RULE_APPEND failed (No such file or directory)",
            "iptables-restore: line 2 failed",
        ] {
            assert_eq!(refused_line(said, text), Some("-A INPUT -j NONE"), "{said}");
        }
        for said in ["", "line", "line: 0", "line 9 failed", "Permission denied"] {
            assert_eq!(refused_line(said, text), None, "{said}");
        }
    }
}
