//! The `ftpnat` program.

use std::process::ExitCode;

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where arguments come in"
)]
fn main() -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    ExitCode::from(ftpnat::commands::run(&arguments))
}
