//! `ftpnat rehearsal`, which `rehearse` starts: the rehearsal itself, apart from the host.

use std::path::Path;

use serde::Serialize as _;

use crate::facts::routes::{addresses, links};
use crate::lab::account::Account;
use crate::lab::play::Login;
use crate::lab::rehearsal::{Failed, Rehearsal, Stage};
use crate::lab::rules::Firewall;
use crate::lab::scene::Known;
use crate::lab::verdict::Beyond;
use crate::profile::{self, Profile};
use crate::sys::apart;
use crate::sys::namespace::Namespace;
use crate::sys::terminal::{Color, write_stdout};
use crate::sys::{files, process::OURSELVES, sysctls};

use super::job::{Before, Job, Said};
use super::refused;

/// Where profiles and the state of `apply` are, in a `/run` that nobody else sees.
const FOLDER: &str = "/run/ftpnat";

/// Makes the namespaces, and starts itself again in them.
pub(in crate::commands) fn run(is_within: bool) -> anyhow::Result<()> {
    if is_within {
        return rehearse();
    }
    if let Err(refusal) = apart::enter(&["rehearsal", "--within"]) {
        let failure = refused::failure(&refusal, &settings());
        say(&Said::Failed {
            status: failure.status,
            message: failure.message,
            help: failure.help,
        })?;
    }
    Ok(())
}

/// The settings of this system that may forbid namespaces, as far as they are there.
fn settings() -> Vec<(&'static str, String)> {
    let value = |key: &&'static str| Some((*key, sysctls::read(key).ok()?));
    refused::SETTINGS.iter().filter_map(value).collect()
}

fn rehearse() -> anyhow::Result<()> {
    let job: Job = serde_json::from_str(&apart::listen()?)?;
    let said = match rehearsed(&job) {
        Ok(account) => Said::Done(account),
        Err(failed) => failed_in_words(&failed),
    };
    say(&said)
}

fn failed_in_words(failed: &Failed) -> Said {
    let (message, help) = match failed {
        // apply has said all there is to say.
        Failed::Plan(words) => match words.split_once("\nhelp: ") {
            Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
            None => (words.clone(), None),
        },
        Failed::Login(_) => (
            failed.to_string(),
            Some("say who logs in: --user NAME, with the password in FTPNAT_PASSWORD".to_owned()),
        ),
        failed => (failed.to_string(), None),
    };
    Said::Failed {
        status: 3,
        message,
        help,
    }
}

fn rehearsed(job: &Job) -> Result<Account, Failed> {
    let profiles: Vec<Profile> = job
        .profiles
        .iter()
        .filter_map(|(label, text)| profile::parse(label, text.as_bytes()).ok())
        .collect();
    let profile = profiles
        .first()
        .ok_or_else(|| Failed::Plan("there is no profile".to_owned()))?;
    let rehearsal = Rehearsal {
        profile,
        known: Known {
            outside: job.outside.clone(),
            addresses: addresses(&job.addresses),
            toward_server: job.toward_server.clone(),
        },
        numbers: links(&job.links),
        server: job.server.clone(),
        login: Login {
            user: job.user.clone(),
            password: job.password.clone(),
        },
    };
    doing("building the network");
    let stage = Stage::set(&rehearsal)?;
    // What a host's own firewall lets in besides is not ftpnat's to say.
    let lets_in = match &job.before {
        Before::Usual => {
            stage.lay(Firewall::Usual, profile)?;
            false
        }
        Before::Live(live) => {
            live.lay(stage.firewall()).map_err(Failed::Before)?;
            true
        }
    };
    doing("playing FTP sessions as it is");
    let before = stage.play(profile);
    stage.require_login(&before)?;
    doing("applying the plan");
    let notes = apply(stage.firewall(), job)?;
    let beyond = if lets_in {
        let asked = stage.beyond(profile);
        asked.map_err(|error| Failed::Before(error.to_string()))?
    } else {
        Beyond::default()
    };
    doing("playing FTP sessions with the plan");
    let after = stage.play_expecting(profile, &beyond);
    stage.require_login(&after)?;
    let report = stage.report(&before, &after, &beyond);
    Ok(Account::of(&report, &stage.scene, notes))
}

/// Runs `ftpnat apply` on the lab's firewall, and gives what it says besides.
fn apply(firewall: &Namespace, job: &Job) -> Result<String, Failed> {
    let failed = |error: &dyn std::fmt::Display| Failed::Plan(format!("cannot run apply: {error}"));
    let state = format!("{FOLDER}/state");
    let mut arguments = vec!["apply", "--yes", "--color", "never", "--state-dir", &state];
    arguments.extend(["--backend", &job.back_end]);
    let mut paths = Vec::new();
    for (number, (_, text)) in job.profiles.iter().enumerate() {
        let name = format!("profile-{number}.yaml");
        files::write_below(Path::new(FOLDER), &name, text.as_bytes()).map_err(|e| failed(&e))?;
        let path = format!("{FOLDER}/{name}");
        paths.push(path);
    }
    for path in &paths {
        arguments.extend(["--profile", path]);
    }
    let finished = firewall
        .run(OURSELVES, &arguments)
        .map_err(|e| failed(&e))?;
    if finished.success {
        return Ok(finished.stderr);
    }
    let words = finished.stderr.trim_start_matches("error: ");
    Err(Failed::Plan(words.to_owned()))
}

fn doing(what: &str) {
    // Whoever does not listen any more is gone, and so is this process.
    drop(say(&Said::Doing(what.to_owned())));
}

fn say(said: &Said) -> anyhow::Result<()> {
    let mut line = Vec::new();
    said.serialize(&mut serde_json::Serializer::new(&mut line))?;
    line.push(b'\n');
    write_stdout(&String::from_utf8_lossy(&line), Color::Never)?;
    Ok(())
}
