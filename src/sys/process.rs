//! Other programs.

use std::io::{self, Write as _};
use std::process::{Command, Output, Stdio};

use crate::facts::host::Privileges;

/// This very program, also where its file was replaced or deleted (proc(5), `/proc/pid/exe`).
pub const OURSELVES: &str = "/proc/self/exe";

/// What a program left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Whether it exited with 0.
    pub success: bool,
    /// Its exit status in words, such as `exit status: 3`.
    pub status: String,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, made readable.
    pub stderr: String,
}

/// Runs a program from `PATH` to its end, with nothing on its standard input and in
/// the C locale.
///
/// # Errors
/// Where it cannot be started; `NotFound` where there is no such program.
pub fn run(program: &str, arguments: &[&str]) -> io::Result<Finished> {
    let output = command(program, arguments).stdin(Stdio::null()).output()?;
    Ok(finished(&output))
}

/// The same with `input` on its standard input. A program that ends before it has read
/// all of it is no error: its status tells.
///
/// # Errors
/// As [`run`].
pub fn feed(program: &str, arguments: &[&str], input: &str) -> io::Result<Finished> {
    let mut child = command(program, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdin = child.stdin.take();
    // Both at once: a program that waits for its output to be read reads no more input.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        child.wait_with_output()
    })?;
    Ok(finished(&output))
}

/// Whether a process of this number is this program, and runs.
#[must_use]
pub fn is_ours(pid: u32) -> bool {
    let name = |of: &str| std::fs::read_to_string(format!("/proc/{of}/comm")).ok();
    let own = name("self");
    own.is_some() && own == name(&pid.to_string())
}

/// Whether this process may change rules in its network namespace: without that even a user
/// of number 0 may not, who may change sysctls all the same. Where that cannot be told, it may.
#[must_use]
pub fn may_change_rules() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").ok();
    let privileges = status.and_then(|status| Privileges::parse(&status));
    privileges.is_none_or(|privileges| privileges.net_admin())
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C");
    command
}

fn finished(output: &Output) -> Finished {
    Finished {
        success: output.status.success(),
        status: output.status.to_string(),
        stdout: output.stdout.clone(),
        stderr: String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned(),
    }
}
