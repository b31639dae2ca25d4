//! What is said between `ftpnat rehearse` and the process apart that does it.

use serde::{Deserialize, Serialize};

use crate::lab::account::Account;
use crate::lab::live::Live;

/// What is to be done: one profile, among those that are installed together.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    /// Labels and texts of the profiles that `apply` would install, that one first.
    pub(super) profiles: Vec<(String, String)>,
    /// The firewall that is there before.
    pub(super) before: Before,
    /// What of the host is known: the interface of its way out, of its way to the server,
    /// its addresses and its interfaces with their numbers, in the words of the sources.
    pub(super) outside: Option<String>,
    pub(super) toward_server: Option<String>,
    pub(super) addresses: String,
    pub(super) links: String,
    /// A command line that starts the server.
    pub(super) server: Option<String>,
    pub(super) user: String,
    pub(super) password: String,
    /// The back end, in the words of `apply --backend`.
    pub(super) back_end: String,
}

/// The firewall that is there before.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Before {
    /// As most have it.
    Usual,
    /// The host's own.
    Live(Box<Live>),
}

/// A line of the answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Said {
    /// What is being done.
    Doing(String),
    /// It was done.
    Done(Account),
    /// It was not.
    Failed {
        /// The exit status.
        status: u8,
        /// What happened.
        message: String,
        /// What to do.
        help: Option<String>,
    },
}
