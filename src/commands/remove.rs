//! `ftpnat remove`: our rules off this host.

use std::slice;

use crate::cli::{self, Output};
use crate::output::{Failure, human, one_line};
use crate::sys::terminal::{Color, write_stderr};

use super::change::{self, End, Manner, Wanted};
use super::{history, installation, told, unfinished};

/// Takes out the profiles named, or everything of ours, and says what went.
pub(super) fn run(asked: &cli::Remove, format: Output, color: Color) -> anyhow::Result<()> {
    let sub_state = installation::sub_state(&asked.state)?;
    let manner = if asked.dry_run {
        Manner::Show
    } else {
        Manner::Do
    };
    let (leaving, done) = installation::under_lock(&sub_state, |locked| {
        unfinished::end(locked, manner, color)?;
        let installed = installation::read(&sub_state)?;
        let wanted = wanted(&asked.names, &installed)?;
        let done = change::make(&wanted, &installed, locked, (manner, None), color)?;
        if manner == Manner::Do {
            history::clear(locked)?;
        }
        if !asked.names.is_empty() && done.end == End::Nothing && !knows(&installed, &asked.names) {
            return Err(unknown(&asked.names[0]).into());
        }
        let mut gone = wanted.leaving;
        for name in &asked.names {
            if !knows(&installed, slice::from_ref(name)) && !told::has_line_of(&done, name) {
                gone.retain(|other| other != name);
                write_stderr(&human::warning(&unknown(name).message), color);
            }
        }
        Ok((gone, done))
    })?;
    told::remove(&leaving, &done, format, color)?;
    Ok(())
}

fn wanted(names: &[String], installed: &installation::Installation) -> Result<Wanted, Failure> {
    let given: Vec<&str> = names.iter().map(String::as_str).collect();
    let goes = |name: &str| given.is_empty() || given.contains(&name);
    let (profiles, texts) = if given.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        let stay = installed.installed().iter().filter(|p| !goes(&p.name));
        (installed.others(&given)?, stay.cloned().collect())
    };
    let mut leaving: Vec<String> = installed
        .installed()
        .iter()
        .map(|p| p.name.clone())
        .filter(|name| goes(name))
        .collect();
    for name in names {
        if !leaving.contains(name) {
            leaving.push(name.clone());
        }
    }
    Ok(Wanted {
        profiles,
        texts,
        leaving,
        back_end: None,
    })
}

fn knows(installed: &installation::Installation, names: &[String]) -> bool {
    let known = |name: &String| installed.installed().iter().any(|p| p.name == *name);
    names.iter().all(known)
}

fn unknown(name: &str) -> Failure {
    Failure::usage(format!(
        "no profile {} is installed, and no rule of it is there",
        one_line(name)
    ))
    .help("`ftpnat status` lists what is installed")
}
