//! What ftpnat prints for another program, as an administrator pastes it.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use libtest_mimic::Failed;

use crate::support::directory;
use crate::support::netns::{Namespace, succeed};

/// The commands of `program` in what ftpnat said, a line each.
pub(crate) fn commands(said: &str, program: &str) -> Result<Vec<String>, Failed> {
    let start = format!("{program} ");
    let lines = said.lines().map(str::trim);
    let found: Vec<String> = lines
        .filter(|line| line.starts_with(&start))
        .map(str::to_owned)
        .collect();
    if found.is_empty() {
        return Err(format!("no command of {program}: {said}").into());
    }
    Ok(found)
}

/// Runs command lines in a shell of the host, in whose `PATH` `program` is `command`.
///
/// # Panics
/// Where one fails.
pub(crate) fn paste(host: &Namespace, program: &str, command: &Command, lines: &[String]) {
    let dir = directory();
    let path = dir.path().join(program);
    std::fs::write(&path, script(command)).expect("a script");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, executable).expect("its permissions");
    let mut shell = host.command("sh");
    let found = std::env::var("PATH").unwrap_or_default();
    shell.env(
        "PATH",
        format!("{}:{found}:/usr/sbin:/sbin", dir.path().display()),
    );
    shell.arg("-e");
    let pasted = lines.join("\n");
    let output = host.feed_to(shell, &pasted);
    succeed(&pasted, &output);
}

/// A shell script that runs a command with further arguments.
fn script(command: &Command) -> String {
    let quoted = |word: &OsStr| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''"));
    let mut text = "#!/bin/sh\n".to_owned();
    for (key, value) in command.get_envs() {
        if let Some(value) = value {
            let _ = writeln!(text, "export {}={}", key.to_string_lossy(), quoted(value));
        }
    }
    let words: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(quoted)
        .collect();
    let _ = writeln!(text, "exec {} \"$@\"", words.join(" "));
    text
}
