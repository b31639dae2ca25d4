//! Who logs in, and the password, which is never part of a command line.

use std::path::Path;

use anyhow::Context as _;

use crate::cli::Probe;
use crate::output::{Failure, one_line};
use crate::probe::course::User;
use crate::sys::files;
use crate::sys::terminal::{Color, ask_secret, can_ask, secret};

/// The longest password that is read.
const MOST: usize = 4096;

/// The anonymous user, or the one that was named, with the password from where it is.
pub(super) fn user(asked: &Probe, host: &str, color: Color) -> anyhow::Result<User> {
    let Some(name) = &asked.user else {
        return Ok(User::anonymous());
    };
    let given = match &asked.password_file {
        Some(file) => Some(of_file(file)?),
        None => secret(),
    };
    let is_anonymous = ["anonymous", "ftp"].contains(&name.as_str());
    let password = match given {
        Some(password) => password,
        None if is_anonymous => {
            return Ok(User {
                name: name.clone(),
                ..User::anonymous()
            });
        }
        None => typed(name, host, color)?,
    };
    refuse_breaks("the user's name", name)?;
    refuse_breaks("the password", &password)?;
    Ok(User {
        name: name.clone(),
        password,
        is_secret: true,
    })
}

/// The first line of a file, without its end.
fn of_file(file: &str) -> anyhow::Result<String> {
    let failed = |what: String| {
        Failure::usage(format!(
            "cannot read the password from {}: {what}",
            one_line(file)
        ))
    };
    let bytes = files::read(Path::new(file), MOST).map_err(|error| failed(error.to_string()))?;
    if bytes.len() > MOST {
        return Err(failed(format!("it is longer than {MOST} bytes")).into());
    }
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_owned()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn typed(name: &str, host: &str, color: Color) -> anyhow::Result<String> {
    if !can_ask() {
        let message = format!("there is no password for {}", one_line(name));
        return Err(Failure::usage(message)
            .help("put it into the variable FTPNAT_PASSWORD, or into a file: --password-file FILE")
            .into());
    }
    let question = format!("Password of {} at {}: ", one_line(name), one_line(host));
    let typed = ask_secret(&question, color).context("cannot hide what is typed")?;
    typed.ok_or_else(|| Failure::cannot("no password was typed").into())
}

/// What ends a line would begin another command.
fn refuse_breaks(what: &str, text: &str) -> anyhow::Result<()> {
    if text.contains(['\r', '\n', '\0']) {
        return Err(Failure::usage(format!("{what} holds a line break")).into());
    }
    Ok(())
}
