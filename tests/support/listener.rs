//! A listener whose port is free when it goes.

use std::net::{SocketAddr, TcpListener};
use std::ops::Deref;
use std::os::fd::AsRawFd;

use nix::sys::socket::{Shutdown, shutdown};

use super::netns::Namespace;

/// Listens until it is dropped, and no longer. A child that another trial has just forked holds
/// every descriptor of this process until it executes its program, so that closing alone leaves
/// the port taken for a moment; shutting down ends the listening whoever holds it
/// (`net/ipv4/af_inet.c`, `inet_shutdown`).
pub(crate) struct Listener(TcpListener);

impl Listener {
    /// On an address and port of `host`.
    ///
    /// # Panics
    /// Where it cannot listen there.
    pub(crate) fn on(host: &Namespace, at: impl Into<SocketAddr>) -> Self {
        let at = at.into();
        let listener = host.inside(move || TcpListener::bind(at));
        Self(listener.unwrap_or_else(|error| panic!("listen on {at}: {error}")))
    }
}

impl Deref for Listener {
    type Target = TcpListener;

    fn deref(&self) -> &TcpListener {
        &self.0
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = shutdown(self.0.as_raw_fd(), Shutdown::Both);
    }
}
