//! A process that outlives its parent, the terminal and whoever closes it, and does what the
//! parent did not live to do.
//!
//! The parent holds a pipe to it: when that ends, so has the parent, however. The other way
//! it says once that it is armed: nothing is changed before.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::setsid;
use procfs::process::Process;

use super::process::OURSELVES;
use super::wake::{Waker, Woken};

/// What it says when it is armed.
const ARMED: &str = "armed\n";
/// What keeps it when the system runs out of memory (proc(5)): of all, this one is not ended.
const NEVER_FIRST: &str = "-1000";

/// A process, told from one that has its number later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Its number.
    pub pid: u32,
    /// When it started, in ticks since the boot.
    pub started: u64,
}

impl Identity {
    /// That of the process of this number; `None` where there is none.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let process = Process::new(i32::try_from(pid).ok()?).ok()?;
        let started = process.stat().ok()?.starttime;
        Some(Self { pid, started })
    }

    /// Whether the process runs still; one that has ended and that nobody has waited for
    /// does not.
    #[must_use]
    pub fn is_alive(self) -> bool {
        let stat = || {
            Process::new(i32::try_from(self.pid).ok()?)
                .ok()?
                .stat()
                .ok()
        };
        stat()
            .is_some_and(|stat| stat.starttime == self.started && !['Z', 'X'].contains(&stat.state))
    }
}

/// A watchdog, from its parent's side. It is on its own when this is dropped.
#[derive(Debug)]
pub struct Armed {
    /// The process.
    pub process: Identity,
    _lifeline: ChildStdin,
    child: Child,
}

impl Drop for Armed {
    /// One that has ended already leaves nothing behind.
    fn drop(&mut self) {
        let _ = self.child.try_wait();
    }
}

/// Starts this program again with these arguments, of a verb that calls [`Watch::begin`], and
/// waits until it says that it is armed.
///
/// # Errors
/// Where it does not start, or ends without that word.
pub fn arm(arguments: &[&OsStr]) -> io::Result<Armed> {
    let mut child = Command::new(OURSELVES)
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (Some(lifeline), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("it has no pipes"));
    };
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let process = Identity::of(child.id()).filter(|_| line == ARMED);
    let Some(process) = process else {
        let _ = child.kill();
        let status = child.wait()?;
        return Err(io::Error::other(format!("it ended at once ({status})")));
    };
    Ok(Armed {
        process,
        _lifeline: lifeline,
        child,
    })
}

/// A watchdog, from within.
#[derive(Debug)]
pub struct Watch {
    waker: Waker,
    is_orphan: bool,
}

/// What a watchdog is woken by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Its parent is gone.
    Orphaned,
    /// It is asked to end (`SIGTERM`).
    AskedToEnd,
    /// Nothing that it heeds.
    Nothing,
}

impl Watch {
    /// Makes this process one that closing a terminal does not end: a session of its own,
    /// deaf to hangup, interrupt, quit, stop and broken pipes. Then says that it is armed.
    ///
    /// # Errors
    /// As `signalfd(2)`.
    pub fn begin() -> io::Result<Self> {
        let waker = Waker::new(&[
            Signal::SIGPIPE,
            Signal::SIGTTIN,
            Signal::SIGTTOU,
            Signal::SIGALRM,
            Signal::SIGUSR1,
            Signal::SIGUSR2,
        ])?;
        // Whoever starts it as the leader of a group of its own has no terminal to close.
        let _ = setsid();
        let _ = std::fs::write("/proc/self/oom_score_adj", NEVER_FIRST);
        let mut stdout = io::stdout();
        stdout.write_all(ARMED.as_bytes())?;
        stdout.flush()?;
        Ok(Self {
            waker,
            is_orphan: false,
        })
    }

    /// Sleeps until something happens, or `limit` is over.
    pub fn wait(&mut self, limit: Duration) -> Event {
        let stdin = io::stdin();
        let lifeline = (!self.is_orphan).then(|| stdin.as_fd());
        match self.waker.wait(lifeline, limit) {
            Woken::By(Signal::SIGTERM) => Event::AskedToEnd,
            Woken::Readable => {
                self.is_orphan = true;
                Event::Orphaned
            }
            Woken::By(_) | Woken::Timeout => Event::Nothing,
        }
    }
}
