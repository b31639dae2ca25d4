//! Runs a program and ends it (SIGKILL) when it enters a system call of a given number: its
//! threads' calls are counted too, those of programs that it starts not.

use std::process::{Command, ExitCode, Stdio};

use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::host::Host;

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traced {
    /// Its exit status; `None`: it was killed.
    pub(crate) status: Option<i32>,
    /// How many calls it entered.
    pub(crate) calls: u64,
    /// The number of the first call that gave a file its name: before it nothing changes.
    pub(crate) first_change: u64,
}

/// At which call it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// None.
    End,
    /// That of this number, from 1.
    Call(u64),
    /// That of this number behind the first change. How many come before that differs: the
    /// processes of the machine are looked at.
    Behind(u64),
}

impl Until {
    fn words(self) -> String {
        match self {
            Self::End => "end".to_owned(),
            Self::Call(number) => number.to_string(),
            Self::Behind(number) => format!("+{number}"),
        }
    }

    fn parse(words: &str) -> Self {
        match words.strip_prefix('+') {
            _ if words == "end" => Self::End,
            Some(number) => Self::Behind(number.parse().expect("a number")),
            None => Self::Call(words.parse().expect("a number")),
        }
    }

    fn is_at(self, count: &Count) -> bool {
        match self {
            Self::End => false,
            Self::Call(number) => count.calls == number,
            Self::Behind(number) => {
                count.first_change > 0 && count.calls == count.first_change + number
            }
        }
    }
}

/// Runs `ftpnat` with these arguments in the host's namespace, until a call of it.
pub(crate) fn ftpnat(host: &Host, arguments: &[&str], until: Until) -> Traced {
    let ourselves = std::env::current_exe().expect("this program's path");
    let mut command = host.command(&ourselves.display().to_string());
    command
        .env(super::ACT, format!("trace {}", until.words()))
        .arg(env!("CARGO_BIN_EXE_ftpnat"))
        .args(arguments)
        .args(["--state-dir", &host.state()]);
    let output = command.output().expect("the tracer runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let words: Vec<i64> = text
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [status, calls, first_change] = words[..] else {
        panic!("{output:?}")
    };
    Traced {
        status: (status >= 0).then(|| i32::try_from(status).expect("a status")),
        calls: u64::try_from(calls).expect("a count"),
        first_change: u64::try_from(first_change).expect("a number"),
    }
}

/// The tracer, in a process of its own: whatever is waited for is the traced one's.
pub(crate) fn main(until: &str) -> ExitCode {
    let until = Until::parse(until);
    // Waited for below.
    #[expect(clippy::zombie_processes, reason = "waitpid reaps it")]
    let child = Command::new("sh")
        .args(["-c", "kill -STOP $$; exec \"$@\"", "sh"])
        .args(std::env::args_os().skip(1))
        .env_remove(super::ACT)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh runs");
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    waitpid(pid, Some(WaitPidFlag::WUNTRACED)).expect("it stops");
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(pid, options).expect("it is traced");
    kill(pid, Signal::SIGCONT).expect("it goes on");
    let mut count = Count::default();
    let status = loop {
        match waitpid(None, Some(WaitPidFlag::__WALL)).expect("something happens") {
            WaitStatus::Exited(of, code) if of == pid => break i64::from(code),
            WaitStatus::Signaled(of, ..) if of == pid => break -1,
            WaitStatus::PtraceEvent(of, _, event) => {
                count.is_on |= event == libc::PTRACE_EVENT_EXEC;
                go_on(of, None);
            }
            WaitStatus::PtraceSyscall(of) => {
                if count.enters(of) && until.is_at(&count) {
                    kill(pid, Signal::SIGKILL).expect("it is killed");
                }
                go_on(of, None);
            }
            WaitStatus::Stopped(of, signal) => {
                let is_stop = matches!(signal, Signal::SIGSTOP | Signal::SIGTRAP);
                go_on(of, (!is_stop).then_some(signal));
            }
            _ => {}
        }
    };
    println!("{status} {} {}", count.calls, count.first_change);
    ExitCode::SUCCESS
}

/// A thread may be gone already.
fn go_on(of: Pid, signal: Option<Signal>) {
    let _ = ptrace::syscall(of, signal);
}

#[derive(Default)]
struct Count {
    is_on: bool,
    calls: u64,
    first_change: u64,
}

impl Count {
    /// Counts a stop; whether it is at the beginning of a call.
    fn enters(&mut self, of: Pid) -> bool {
        let Ok(info) = ptrace::syscall_info(of) else {
            return false;
        };
        let is_entry = info.op == libc::PTRACE_SYSCALL_INFO_ENTRY;
        if !(is_entry && self.is_on) {
            return false;
        }
        self.calls += 1;
        if is_rename(of) && self.first_change == 0 {
            self.first_change = self.calls;
        }
        true
    }
}

#[cfg(target_arch = "x86_64")]
fn is_rename(of: Pid) -> bool {
    let renames = [libc::SYS_rename, libc::SYS_renameat, libc::SYS_renameat2];
    let number = ptrace::getregs(of).map_or(0, |registers| registers.orig_rax);
    renames.iter().any(|n| u64::try_from(*n) == Ok(number))
}

/// Where the number is in another register any call may be the first.
#[cfg(not(target_arch = "x86_64"))]
fn is_rename(_: Pid) -> bool {
    true
}
