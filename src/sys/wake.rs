//! Sleeping until something happens: a signal, something to read, or the end of a time.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// What ends a program that somebody or something wants to end.
const ENDING: [Signal; 5] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGTSTP,
];

/// Keeps signals that end or stop a program from this thread, until [`hear_again`] or for
/// good: what it is about is done as a whole. They wait meanwhile; programs that it starts
/// get them.
pub fn be_deaf() {
    let _ = ENDING.into_iter().collect::<SigSet>().thread_block();
}

/// Lets the signals through again, those that waited too.
pub fn hear_again() {
    let _ = ENDING.into_iter().collect::<SigSet>().thread_unblock();
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// A signal came.
    By(Signal),
    /// There is something to read, or its writer is gone.
    Readable,
    /// Nothing; the time is over.
    Timeout,
}

/// Takes signals as events: they do nothing else any more.
#[derive(Debug)]
pub struct Waker {
    signals: SignalFd,
}

impl Waker {
    /// Takes those that end or stop a program, and `more`.
    ///
    /// # Errors
    /// As `sigprocmask(2)` and `signalfd(2)`.
    pub fn new(more: &[Signal]) -> io::Result<Self> {
        let signals: SigSet = ENDING.iter().chain(more).copied().collect();
        signals.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&signals, flags)?;
        Ok(Self { signals })
    }

    /// Sleeps until something happens, or `limit` is over.
    pub fn wait(&self, input: Option<BorrowedFd>, limit: Duration) -> Woken {
        let mut all = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        all.extend(input.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        let _ = poll(&mut all, limit);
        let happened = |fd: &PollFd| fd.revents().is_some_and(|events| !events.is_empty());
        let is_readable = all.get(1).is_some_and(happened);
        if let Ok(Some(signal)) = self.signals.read_signal() {
            let number = i32::try_from(signal.ssi_signo).unwrap_or_default();
            return Signal::try_from(number).map_or(Woken::Timeout, Woken::By);
        }
        if is_readable {
            Woken::Readable
        } else {
            Woken::Timeout
        }
    }
}

/// Readable when a signal has come.
impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }
}

/// Whether a signal is somebody's wish that the program end.
#[must_use]
pub fn is_to_end(signal: Signal) -> bool {
    matches!(signal, Signal::SIGINT | Signal::SIGTERM | Signal::SIGQUIT)
}

/// Whether a signal says that the terminal is gone.
#[must_use]
pub fn is_hangup(signal: Signal) -> bool {
    signal == Signal::SIGHUP
}
