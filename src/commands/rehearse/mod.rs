//! `ftpnat rehearse`: a profile proven with packets, before and after, apart from the host.

mod host;
mod job;
mod refused;
mod within;

use crate::apply::record::Backend;
use crate::cli::{self, Output, StateDirectory};
use crate::facts::sources::Asked;
use crate::lab::account::Account;
use crate::output::{self, Failure};
use crate::profile::{Profile, parse};
use crate::sys::apart;
use crate::sys::process::may_change_rules;
use crate::sys::terminal::{Color, secret, show_progress, write_stderr, write_stdout};

use super::named_back_end;
use super::profiles;
use host::Host;
use job::{Before, Job, Said};

pub(super) use within::run as within;

/// Rehearses the profiles one by one, each among all of them, and gives the exit status.
pub(super) fn run(asked: &cli::Rehearse, format: Output, color: Color) -> anyhow::Result<u8> {
    let named = profiles::read_with_texts(&asked.profiles.profiles)?;
    // As root the host's own firewall is what is rehearsed on, unless another is asked for.
    let is_live = asked.live || (!asked.usual && may_change_rules());
    let state = StateDirectory::default();
    let host = is_live.then(|| Host::look(&state)).transpose()?;
    let with = With {
        host: host.as_ref(),
        server: asked.server_command.as_deref(),
        user: &asked.user,
        back_end: named_back_end(asked.backend),
    };
    with.refuse_conflicts(&named)?;
    let mut all_agree = true;
    let mut separator = "";
    for (place, (profile, _)) in named.iter().enumerate() {
        let account = rehearsed(&with.job(&named, place), format, color)?;
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

/// Rehearses on this host's own firewall what `apply` is about to do, and says on standard
/// error what came of it.
///
/// # Errors
/// A failure with status 1 where it is not as predicted; see [`run`] for the rest.
pub(super) fn before_apply(
    named: &[(Profile, String)],
    asked: &cli::Apply,
    color: Color,
) -> anyhow::Result<()> {
    let host = Host::look(&asked.state)?;
    let with = With {
        host: Some(&host),
        server: None,
        user: ANYONE,
        back_end: named_back_end(asked.backend),
    };
    with.refuse_conflicts(named)?;
    for (place, (profile, _)) in named.iter().enumerate() {
        let account = rehearsed(&with.job(named, place), Output::Human, color)?;
        write_stderr(&(output::rehearse::human(profile, &account) + "\n"), color);
        if !account.agrees() {
            return Err(Failure {
                status: 1,
                ..Failure::cannot(format!(
                    "the rehearsal of {} is not as predicted",
                    profile.name
                ))
            }
            .help("nothing was changed")
            .into());
        }
    }
    Ok(())
}

/// Who logs in where nobody says.
const ANYONE: &str = "anonymous";

/// How to rehearse.
struct With<'a> {
    /// Where this host's own firewall is there before; else one as most have it.
    host: Option<&'a Host>,
    server: Option<&'a str>,
    user: &'a str,
    /// `None`: what is in use already, or fits.
    back_end: Option<Backend>,
}

impl With<'_> {
    /// What `apply` refuses of profiles beside the installed ones, in the words that name
    /// their files.
    fn refuse_conflicts(&self, named: &[(Profile, String)]) -> anyhow::Result<()> {
        let mut all: Vec<Profile> = named.iter().map(|(profile, _)| profile.clone()).collect();
        let others = self
            .host
            .into_iter()
            .flat_map(|host| host.others(&names(named)));
        all.extend(others.filter_map(|(label, text)| parse(&label, text.as_bytes()).ok()));
        profiles::refuse_conflicts(&all)
    }

    /// The profile at that place comes first; those that are installed stay.
    fn job(&self, named: &[(Profile, String)], place: usize) -> Job {
        let text = |what: Asked| self.host.map(|host| host.text(what)).unwrap_or_default();
        let mut profiles: Vec<(String, String)> = named
            .iter()
            .map(|(profile, text)| (profile.file.clone(), text.clone()))
            .collect();
        profiles.swap(0, place);
        profiles.extend(
            self.host
                .into_iter()
                .flat_map(|host| host.others(&names(named))),
        );
        let installed = self.host.and_then(|host| host.back_end);
        let back_end = self.back_end.or(installed);
        let before = self.host.map(|host| Before::Live(host.live.clone()));
        Job {
            profiles,
            before: before.unwrap_or(Before::Usual),
            outside: self.host.and_then(|host| host.outside.clone()),
            toward_server: self
                .host
                .and_then(|host| host.toward_server(&named[place].0)),
            addresses: text(Asked::Addresses),
            links: text(Asked::Links),
            server: self.server.map(str::to_owned),
            user: self.user.to_owned(),
            password: secret().unwrap_or_else(|| "ftpnat@".to_owned()),
            back_end: back_end.map_or("auto", Backend::name).to_owned(),
        }
    }
}

fn names(named: &[(Profile, String)]) -> Vec<&str> {
    named
        .iter()
        .map(|(profile, _)| profile.name.as_str())
        .collect()
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
