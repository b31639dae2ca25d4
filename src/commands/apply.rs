//! `ftpnat apply`: the rules that profiles need, in the kernel.

use crate::apply::record::InstalledProfile;
use crate::cli::{self, Output};
use crate::output::Failure;
use crate::profile::Profile;
use crate::sys::terminal::{Color, can_ask};

use super::change::{self, Manner, Wanted};
use super::{installation, profiles, rehearse, told, unfinished, window};

/// How long a change waits to be confirmed where a person was asked about it, in seconds.
const WINDOW: u64 = 60;

/// Installs the profiles named beside those that are installed, and says what changed. A
/// change that is to be confirmed is kept or undone before this returns.
pub(super) fn run(asked: &cli::Apply, format: Output, color: Color) -> anyhow::Result<()> {
    let (manner, window) = manner(asked)?;
    let named = profiles::read_with_texts(&asked.profiles.profiles)?;
    if asked.rehearse {
        rehearse::before_apply(&named, asked, color)?;
    }
    let sub_state = installation::sub_state(&asked.state)?;
    let (applied, mut done) = installation::under_lock(&sub_state, |locked| {
        unfinished::settle(locked, manner, color)?;
        let installed = installation::read(&sub_state)?;
        let wanted = wanted(named, &installed, asked.backend)?;
        let done = change::make(&wanted, &installed, locked, (manner, window), color)?;
        Ok((names(&wanted), done))
    })?;
    if let Some(open) = done.open.take() {
        told::before_confirmation(&done, format, color);
        window::hold(open, &sub_state, manner == Manner::Ask, color)?;
        done.is_confirmed = true;
    }
    told::apply(&applied, &done, format, color)?;
    Ok(())
}

/// Nobody is there to ask: then it must be said what is wanted.
fn manner(asked: &cli::Apply) -> Result<(Manner, Option<u64>), Failure> {
    if asked.dry_run {
        Ok((Manner::Show, None))
    } else if asked.yes {
        Ok((Manner::Do, None))
    } else if asked.confirm.is_some() {
        Ok((Manner::Do, asked.confirm))
    } else if can_ask() {
        Ok((Manner::Ask, Some(WINDOW)))
    } else {
        Err(
            Failure::usage("this is no terminal, so nobody can be asked whether to go on").help(
                "give --confirm SECONDS to undo the change unless `ftpnat confirm` comes, --yes \
                 to change the rules for good, or --dry-run",
            ),
        )
    }
}

fn wanted(
    named: Vec<(Profile, String)>,
    installed: &installation::Installation,
    back_end: cli::BackEnd,
) -> anyhow::Result<Wanted> {
    let given: Vec<&str> = named.iter().map(|(p, _)| p.name.as_str()).collect();
    let mut profiles = installed.others(&given)?;
    let mut texts: Vec<InstalledProfile> = installed
        .installed()
        .iter()
        .filter(|p| !given.contains(&p.name.as_str()))
        .cloned()
        .collect();
    for (profile, yaml) in named {
        texts.push(InstalledProfile {
            name: profile.name.clone(),
            yaml,
        });
        profiles.push(profile);
    }
    profiles::refuse_conflicts(&profiles)?;
    texts.sort_by(|a, b| a.name.cmp(&b.name));
    profiles.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Wanted {
        profiles,
        texts,
        leaving: Vec::new(),
        back_end: super::named_back_end(back_end),
    })
}

fn names(wanted: &Wanted) -> Vec<String> {
    wanted.profiles.iter().map(|p| p.name.clone()).collect()
}
