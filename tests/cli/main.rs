//! The contract of the binary, as far as it needs no root: what it prints where,
//! and with which exit status.

#![allow(clippy::disallowed_methods, reason = "tests run the program")]

mod base;
mod check;
mod errors;
mod golden;
mod json;
mod probe;
mod profiles;
mod rules;
mod symptom;
mod terminal;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a run ended.
#[derive(Debug)]
struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// Fails the test unless the status is this one, and nothing was printed on
    /// standard output.
    #[track_caller]
    fn refused(self, status: i32) -> String {
        assert_eq!(self.status, status, "{self:#?}");
        assert_eq!(self.stdout, "", "{self:#?}");
        assert!(!self.stderr.is_empty(), "{self:#?}");
        self.stderr
    }

    /// Fails the test unless the status is 0; gives standard output.
    #[track_caller]
    fn done(self) -> String {
        assert_eq!(self.status, 0, "{self:#?}");
        self.stdout
    }
}

/// The program in the root of the sources, where nothing says how to colour.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ftpnat"));
    command.current_dir(root()).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().expect("ftpnat runs");
    Ran {
        status: output.status.code().expect("no signal"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn ftpnat(arguments: &[&str]) -> Ran {
    ran(program().args(arguments))
}

/// The same with a text on standard input.
fn ftpnat_reading(arguments: &[&str], input: &str) -> Ran {
    let mut child = program()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ftpnat runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Who is refused before reading closes the pipe.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output().expect("ftpnat ends");
    Ran {
        status: output.status.code().expect("no signal"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An empty directory for one test.
fn directory(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("cli")
        .join(test);
    drop(std::fs::remove_dir_all(&path));
    std::fs::create_dir_all(&path).expect("made");
    path
}

fn write(path: &Path, text: impl AsRef<[u8]>) -> String {
    std::fs::write(path, text).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A profile of this name, with a range that starts here.
fn profile(name: &str, first: u16) -> String {
    format!("name: {name}\npassive:\n  ports: {first}-{}\n", first + 99)
}
