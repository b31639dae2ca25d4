//! Network namespaces that a test made itself.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace. It has no name in `/run/netns`: an open file keeps it
/// alive, so it is gone with its last user, also after a panic.
#[derive(Clone)]
pub(crate) struct Namespace {
    name: &'static str,
    file: Arc<File>,
    /// iptables takes one lock for the whole machine; trials run side by side.
    lock: PathBuf,
}

impl Namespace {
    /// A new namespace with `lo` up. `dir` gets its lock file.
    pub(crate) fn new(name: &'static str, dir: &Path) -> Self {
        // A thread of its own: unshare(2) moves the calling thread, and this one
        // must stay where it is.
        let file = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("a new network namespace");
            File::open("/proc/thread-self/ns/net").expect("the namespace's file")
        })
        .join()
        .expect("the thread that makes a namespace");
        let namespace = Self {
            name,
            file: Arc::new(file),
            lock: dir.join(format!("{name}.xtables.lock")),
        };
        namespace.ip("link set lo up");
        // Addresses are usable at once: nobody else is here to have duplicates.
        namespace.sysctl("net.ipv6.conf.default.accept_dad", "0");
        namespace
    }

    /// What the scene calls it.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// A path by which other programs find the namespace, as long as this one runs.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// `program`, to be run inside. nsenter becomes the program by exec(2): the
    /// child's id is the program's.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = super::command("nsenter");
        command
            .arg(format!("--net={}", self.path()))
            .arg("--")
            .arg(program.as_ref());
        command
            .env("XTABLES_LOCKFILE", &self.lock)
            .stdin(Stdio::null());
        command
    }

    /// Runs `program` inside with `input` on its stdin, to its end.
    pub(crate) fn feed(&self, program: &str, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(program);
        command.args(arguments);
        self.feed_to(command, input)
    }

    /// Runs a command of [`Namespace::command`] with `input` on its stdin, to its end.
    pub(crate) fn feed_to(&self, mut command: Command, input: &str) -> Output {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} in {}: {error}", self.name));
        let mut stdin = child.stdin.take().expect("a pipe");
        // The write ends early where the program does not read all: its status tells.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("the program's end")
    }

    /// Runs a command line inside (words at spaces) and gives its stdout.
    ///
    /// # Panics
    /// Where it fails, with its stderr.
    pub(crate) fn run(&self, line: &str) -> String {
        let mut words = line.split_whitespace();
        let program = words.next().expect("a program");
        let output = self.feed(program, &words.collect::<Vec<_>>(), "");
        succeed(&format!("{line} in {}", self.name), &output)
    }

    /// iproute2's `ip`, one command a line, in one process.
    ///
    /// # Panics
    /// Where a line fails.
    pub(crate) fn ip(&self, batch: &str) {
        let output = self.feed("ip", &["-batch", "-"], batch);
        succeed(&format!("ip -batch in {}:\n{batch}", self.name), &output);
    }

    /// Sets a `net.` sysctl of this namespace.
    pub(crate) fn sysctl(&self, key: &str, value: &str) {
        assert!(key.starts_with("net."), "{key} is not of the namespace");
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        let value = value.to_owned();
        self.inside(move || {
            std::fs::write(&path, value).unwrap_or_else(|error| panic!("{path}: {error}"));
        });
    }

    /// Calls `work` on a thread that is inside; sockets made there stay there.
    pub(crate) fn inside<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let file = Arc::clone(&self.file);
        std::thread::spawn(move || {
            setns(&*file, CloneFlags::CLONE_NEWNET).expect("the namespace entered");
            work()
        })
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// The stdout of a program that succeeded.
///
/// # Panics
/// Where it did not, with what it said.
pub(crate) fn succeed(what: &str, output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{what}\n{}: {stdout}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    stdout
}
