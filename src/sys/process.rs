//! Other programs.

use std::io;
use std::process::{Command, Stdio};

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
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()?;
    Ok(Finished {
        success: output.status.success(),
        status: output.status.to_string(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned(),
    })
}
