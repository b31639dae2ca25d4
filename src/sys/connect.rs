//! Calls a server, and hangs up.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether somebody answers there, from this thread's network namespace.
///
/// # Errors
/// As `connect(2)`; `TimedOut` where nothing comes back in two seconds.
pub fn call(address: SocketAddr) -> io::Result<()> {
    TcpStream::connect_timeout(&address, PATIENCE).map(drop)
}
