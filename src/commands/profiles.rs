//! Reading the profiles that were named.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::facts::{Facts, KernelRelease};
use crate::output::{Failure, Place, human, one_line};
use crate::profile::{self, Profile, ProfileErrors};
use crate::sys::{files, host};

/// Reads and validates all of them, and refuses those that conflict.
pub(super) fn read(named: &[String]) -> anyhow::Result<Vec<Profile>> {
    let texts: anyhow::Result<Vec<_>> = sources(named)?.iter().map(Source::read).collect();
    valid(&texts?)
}

/// Reads and validates the only one.
pub(super) fn read_one(named: &str) -> anyhow::Result<Profile> {
    let mut profiles = read(&[named.to_owned()])?;
    match (profiles.pop(), profiles.len()) {
        (Some(profile), 0) => Ok(profile),
        (_, more) => {
            let named = one_line(named);
            Err(
                Failure::usage(format!("{named} holds {} profiles", more + 1))
                    .help("name one of its files")
                    .into(),
            )
        }
    }
}

/// Reads and validates all of them, and gives their texts as well, in their order.
pub(super) fn read_with_texts(named: &[String]) -> anyhow::Result<Vec<(Profile, String)>> {
    let texts: anyhow::Result<Vec<_>> = sources(named)?.iter().map(Source::read).collect();
    let texts = texts?;
    let profiles = valid(&texts)?;
    let texts = texts
        .into_iter()
        .map(|(_, bytes)| String::from_utf8_lossy(&bytes).into_owned());
    Ok(profiles.into_iter().zip(texts).collect())
}

/// Refuses profiles that conflict.
pub(super) fn refuse_conflicts(profiles: &[Profile]) -> anyhow::Result<()> {
    match &profile::conflicts(profiles)[..] {
        [] => Ok(()),
        conflicts => Err(conflicting(conflicts).into()),
    }
}

/// Validates profiles, given as labels and texts, and refuses those that conflict.
pub(super) fn valid(texts: &[(String, Vec<u8>)]) -> anyhow::Result<Vec<Profile>> {
    let mut profiles = Vec::new();
    let mut faults: Vec<ProfileErrors> = Vec::new();
    for (label, bytes) in texts {
        match profile::parse(label, bytes) {
            Ok(profile) => profiles.push(profile),
            Err(errors) => faults.push(errors),
        }
    }
    if !faults.is_empty() {
        return Err(invalid(&faults).into());
    }
    refuse_conflicts(&profiles)?;
    Ok(profiles)
}

/// What the planner may know of this host.
pub(super) fn facts() -> Facts {
    Facts {
        kernel: host::kernel_release().map(|(major, minor)| KernelRelease { major, minor }),
        ..Facts::default()
    }
}

enum Source {
    Stdin,
    File(PathBuf),
}

impl Source {
    fn read(&self) -> anyhow::Result<(String, Vec<u8>)> {
        match self {
            Self::Stdin => Ok((
                "<stdin>".to_owned(),
                files::read_stdin(profile::MAX_BYTES).context("cannot read standard input")?,
            )),
            Self::File(path) => {
                let label = path.display().to_string();
                let bytes = files::read(path, profile::MAX_BYTES).map_err(|e| {
                    Failure::usage(format!("cannot read the profile {}: {e}", one_line(&label)))
                })?;
                Ok((label, bytes))
            }
        }
    }
}

fn sources(named: &[String]) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for name in named {
        let path = Path::new(name);
        if name == "-" {
            if sources.iter().any(|s| matches!(s, Source::Stdin)) {
                return Err(Failure::usage("--profile - is given twice").into());
            }
            sources.push(Source::Stdin);
        } else if files::is_directory(path) {
            let shown = one_line(name);
            let found = files::list(path, &["yaml", "yml"])
                .map_err(|e| Failure::usage(format!("cannot list {shown}: {e}")))?;
            if found.is_empty() {
                return Err(Failure::usage(format!("{shown} holds no *.yaml and no *.yml")).into());
            }
            sources.extend(found.into_iter().map(Source::File));
        } else {
            sources.push(Source::File(path.to_owned()));
        }
    }
    Ok(sources)
}

fn conflicting(conflicts: &[profile::Conflict]) -> Failure {
    let words: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
    let rendered = words
        .iter()
        .zip(conflicts)
        .map(|(words, conflict)| human::error(words, Some(&conflict.help)))
        .collect();
    Failure {
        rendered: Some(rendered),
        ..Failure::usage(words.join("; "))
    }
}

fn invalid(faults: &[ProfileErrors]) -> Failure {
    let places: Vec<Place> = faults
        .iter()
        .flat_map(|errors| {
            errors.errors().iter().map(|e| Place {
                file: errors.file().to_owned(),
                line: e.line,
                column: e.column,
                text: e.message.clone(),
            })
        })
        .collect();
    let message = match faults {
        [one] => format!("{} is not a valid profile", one_line(one.file())),
        many => format!("{} profiles are not valid", many.len()),
    };
    let excerpts: Vec<String> = faults.iter().map(|e| e.render(true)).collect();
    let rendered = format!(
        "{}\n{}",
        excerpts.join("\n").trim_end(),
        human::error(&message, None)
    );
    Failure {
        rendered: Some(rendered),
        places,
        ..Failure::usage(message)
    }
}
