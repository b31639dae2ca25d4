//! Network namespaces that this process made: held by an open file, so that they are gone
//! with it, however it ends.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::{process, routes, sysctls};

/// A network namespace.
#[derive(Debug, Clone)]
pub struct Namespace {
    file: Arc<File>,
}

impl Namespace {
    /// A new one, with `lo` up, in which addresses are usable at once.
    ///
    /// # Errors
    /// As `unshare(2)`: `PermissionDenied` without `CAP_SYS_ADMIN`.
    pub fn new() -> io::Result<Self> {
        // unshare(2) moves the calling thread, and this one stays where it is.
        on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            routes::set_up("lo")?;
            // Nobody else is there to have the same address. A kernel without IPv6 has not
            // that file.
            drop(sysctls::write("net.ipv6.conf.default.accept_dad", "0"));
            File::open("/proc/thread-self/ns/net")
        })
        .map(|file| Self {
            file: Arc::new(file),
        })
    }

    /// Its descriptor, as long as this value lives.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Calls `work` on a thread that is inside. Sockets that it opens, threads and programs
    /// that it starts are there too.
    ///
    /// # Errors
    /// As `setns(2)`, and those of `work`.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        on_a_thread(|| {
            setns(&*self.file, CloneFlags::CLONE_NEWNET)?;
            work()
        })
    }

    /// Sets a `net.` sysctl of it.
    ///
    /// # Errors
    /// As `write(2)`; `InvalidInput` for another sysctl: that is the machine's.
    pub fn set(&self, key: &str, value: &str) -> io::Result<()> {
        if !key.starts_with("net.") {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.inside(|| sysctls::write(key, value).map_err(io::Error::other))
    }

    /// Runs a program inside, to its end.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn run(&self, program: &str, arguments: &[&str]) -> io::Result<process::Finished> {
        self.inside(|| process::run(program, arguments))
    }

    /// Starts a command line of a shell inside; it has nothing on its standard input.
    ///
    /// # Errors
    /// Where there is no shell, or no memory for what it says.
    pub fn start(&self, command: &str) -> io::Result<Started> {
        // A pipe that nobody reads would stop a server that logs.
        let said = File::from(memfd_create("said", MFdFlags::MFD_CLOEXEC)?);
        let (stdout, stderr) = (said.try_clone()?, said.try_clone()?);
        let child = self.inside(|| {
            Command::new("/bin/sh")
                .args(["-c", command])
                .stdin(Stdio::null())
                .stdout(stdout)
                .stderr(stderr)
                .spawn()
        })?;
        Ok(Started { child, said })
    }
}

/// A program that was started; it ends with this value.
#[derive(Debug)]
pub struct Started {
    child: Child,
    said: File,
}

impl Started {
    /// Its exit status, where it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The end of what it has said so far, a few lines.
    #[must_use]
    pub fn last_words(&self) -> String {
        const MOST: u64 = 1000;
        let length = self.said.metadata().map_or(0, |file| file.len());
        let mut bytes = vec![0; usize::try_from(length.min(MOST)).unwrap_or_default()];
        let from = length.saturating_sub(MOST);
        // What cannot be read is not told.
        let read = self.said.read_at(&mut bytes, from).unwrap_or_default();
        String::from_utf8_lossy(&bytes[..read]).trim().to_owned()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn on_a_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let ended = scope.spawn(work).join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace ended early")))
    })
}
