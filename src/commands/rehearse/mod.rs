//! `ftpnat rehearse`: a profile proven with packets, before and after, apart from the host.

mod job;
mod refused;
mod within;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::cli::{self, Output};
use crate::output::{self, Failure};
use crate::profile::Profile;
use crate::sys::collect::{self, About};
use crate::sys::process::may_change_rules;
use crate::sys::terminal::{Color, secret, show_progress, write_stderr, write_stdout};
use crate::sys::{apart, host, ruleset};

use super::profiles;
use crate::facts::Facts;
use crate::facts::routes::Way;
use crate::facts::sources::Asked;
use crate::lab::account::Account;
use crate::lab::live::Live;
use job::{Before, Job, Said};

pub(super) use within::run as within;

/// Rehearses the profiles one by one, each among all of them, and gives the exit status.
pub(super) fn run(asked: &cli::Rehearse, format: Output, color: Color) -> anyhow::Result<u8> {
    let named = profiles::read_with_texts(&asked.profiles.profiles)?;
    let host = host(asked)?;
    let mut all_agree = true;
    let mut separator = "";
    for (place, (profile, _)) in named.iter().enumerate() {
        let job = job(asked, &named, place, host.as_ref());
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

/// What is known of the host where its own firewall is the one to begin with.
struct Host {
    facts: Facts,
    outside: Option<String>,
    live: Box<Live>,
}

/// As root the host's own firewall is what is rehearsed on, unless another is asked for.
fn host(asked: &cli::Rehearse) -> Result<Option<Host>, Failure> {
    let is_live = asked.live || (!asked.usual && may_change_rules());
    if !is_live {
        return Ok(None);
    }
    let mut snapshot = collect::snapshot(About::Change { helper: false });
    // The lab makes the kernel load it in any case.
    ruleset::record_into(&mut snapshot, true);
    let live = Live::of_host(&snapshot).map_err(|why| {
        Failure::cannot(format!("cannot read this host's firewall: {why}"))
            .help("run it as root, or begin with a firewall as most have it: --usual")
    })?;
    Ok(Some(Host {
        facts: Facts::of(snapshot),
        outside: host::default_interface(),
        live: Box::new(live),
    }))
}

/// The interface of the way to the server, where that is another machine.
fn toward_server(facts: &Facts, profile: &Profile) -> Option<String> {
    let routing = facts.routing.as_ref()?;
    let to = *profile.server.addresses.first()?;
    let from = match to {
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    match routing.way(from, to, None) {
        Way::Out { interfaces, .. } => interfaces.into_iter().next(),
        Way::Local | Way::Nowhere(_) | Way::Unclear(_) => None,
    }
}

/// The profile at that place comes first.
fn job(
    asked: &cli::Rehearse,
    named: &[(Profile, String)],
    place: usize,
    host: Option<&Host>,
) -> Job {
    let text = |what: Asked| {
        let text = host.and_then(|host| host.facts.snapshot.text(&what.to_string()));
        text.unwrap_or_default().to_owned()
    };
    let mut profiles: Vec<(String, String)> = named
        .iter()
        .map(|(profile, text)| (profile.file.clone(), text.clone()))
        .collect();
    profiles.swap(0, place);
    Job {
        profiles,
        before: host.map_or(Before::Usual, |host| Before::Live(host.live.clone())),
        outside: host.and_then(|host| host.outside.clone()),
        toward_server: host.and_then(|host| toward_server(&host.facts, &named[place].0)),
        addresses: text(Asked::Addresses),
        links: text(Asked::Links),
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
