//! `ftpnat rehearse`: a profile proven with packets, before and after, apart from the host.

mod job;
mod refused;
mod within;

use crate::cli::{self, Output};
use crate::output::{self, Failure};
use crate::profile::Profile;
use crate::sys::apart;
use crate::sys::terminal::{Color, secret, show_progress, write_stderr, write_stdout};

use super::profiles;
use crate::lab::account::Account;
use job::{Before, Job, Said};

pub(super) use within::run as within;

/// Rehearses the profiles one by one, each among all of them, and gives the exit status.
pub(super) fn run(asked: &cli::Rehearse, format: Output, color: Color) -> anyhow::Result<u8> {
    let named = profiles::read_with_texts(&asked.profiles.profiles)?;
    let mut all_agree = true;
    let mut separator = "";
    for (place, (profile, _)) in named.iter().enumerate() {
        let job = job(asked, &named, place);
        let account = rehearsed(&job, format, color)?;
        write_stderr(&account.notes, color);
        all_agree &= account.agrees();
        let text = match format {
            Output::Human => {
                let text = format!("{separator}{}", output::rehearse::human(profile, &account));
                separator = "\n";
                text
            }
            Output::Json => output::rehearse::json(profile, &account),
        };
        write_stdout(&text, color)?;
    }
    Ok(u8::from(!all_agree))
}

/// The profile at that place comes first.
fn job(asked: &cli::Rehearse, named: &[(Profile, String)], place: usize) -> Job {
    let mut profiles: Vec<(String, String)> = named
        .iter()
        .map(|(profile, text)| (profile.file.clone(), text.clone()))
        .collect();
    profiles.swap(0, place);
    Job {
        profiles,
        before: Before::Usual,
        outside: None,
        toward_server: None,
        addresses: String::new(),
        links: String::new(),
        server: asked.server_command.clone(),
        user: asked.user.clone(),
        password: secret().unwrap_or_else(|| "ftpnat@".to_owned()),
        back_end: asked.backend.word().to_owned(),
    }
}

/// Has the process apart do it.
fn rehearsed(job: &Job, format: Output, color: Color) -> anyhow::Result<Account> {
    let line = serde_json::to_string(job)?;
    let mut end = None;
    let status = apart::talk(&["rehearsal"], &line, |line| {
        match serde_json::from_str(line) {
            Ok(Said::Doing(what)) if format == Output::Human => show_progress(&what, color),
            Ok(Said::Doing(_)) | Err(_) => {}
            Ok(said) => end = Some(said),
        }
    })?;
    show_progress("", color);
    match end {
        Some(Said::Done(account)) => Ok(account),
        Some(Said::Failed {
            status,
            message,
            help,
        }) => Err(Failure {
            status,
            help,
            ..Failure::cannot(message)
        }
        .into()),
        Some(Said::Doing(_)) | None => Err(Failure::cannot(format!(
            "the rehearsal ended before its end ({status}); nothing is left of it"
        ))
        .into()),
    }
}
