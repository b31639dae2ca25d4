//! Who administers this host, and by what connection.

use procfs::process::Process;

use super::processes;

/// The variable that sshd sets: the client's address and port, and this host's.
const VARIABLE: &str = "SSH_CONNECTION";
/// Processes above this one that are looked at; sudo and su do not hand the variable on.
const MOST: usize = 32;

/// What the kernel and the processes tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// `SSH_CONNECTION` of this process, or of the nearest one above that has it.
    pub connection: Option<String>,
    /// `/proc/net/tcp` and `tcp6` of this thread's network namespace, whole.
    pub sockets: [String; 2],
    /// `INODE PID NAME PROGRAM` a line: who holds a listening socket.
    pub listeners: String,
}

/// Looks.
#[must_use]
pub fn look() -> Seen {
    let sockets = processes::sockets();
    Seen {
        connection: std::env::var(VARIABLE).ok().or_else(above),
        listeners: processes::listeners(&sockets),
        sockets,
    }
}

fn above() -> Option<String> {
    let mut process = Process::myself().ok()?;
    for _ in 0..MOST {
        let parent = process.stat().ok()?.ppid;
        process = Process::new(parent).ok()?;
        let environment = process.environ().ok()?;
        let found = environment.get(std::ffi::OsStr::new(VARIABLE));
        if let Some(found) = found {
            return found.to_str().map(str::to_owned);
        }
    }
    None
}
