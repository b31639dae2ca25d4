//! The course of a probe: which sessions are held with a server, and in which order.
//!
//! For each address of the server one session that tries everything, over TLS where it is
//! offered; then a plain one beside it, where that is allowed, because a box that reads FTP
//! treats the two differently.

mod client;
mod control;
mod data;
mod extra;
mod login;
mod strict;
mod words;

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::ftp::ClientMode;

use super::engine::Asker;
use super::seen::{Account, Certificate, Encryption, Fetched, Held, Outcome, Sitting, Trouble};

use client::Client;

pub use strict::{DATA_PORT, Fault, Listed, Stage, Wanted, list};

/// How long a probe waits for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection: a lost SYN is sent again after one second, and after three.
    pub connect: Duration,
    /// For a connection to a data port after others were silent.
    pub again: Duration,
    /// For a reply: servers look up the client's name before they greet.
    pub reply: Duration,
    /// For data, and for the reply behind it.
    pub data: Duration,
    /// For everything.
    pub whole: Duration,
}

impl Patience {
    /// The same for each thing; no bound for the whole.
    #[must_use]
    pub fn all(each: Duration) -> Self {
        Self {
            connect: each,
            again: each,
            reply: each,
            data: each,
            whole: Duration::MAX,
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            again: Duration::from_millis(1500),
            reply: Duration::from_secs(20),
            data: Duration::from_secs(10),
            whole: Duration::from_secs(240),
        }
    }
}

/// Who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
    /// Whether the password is a secret; an anonymous user's is none.
    pub is_secret: bool,
}

impl User {
    /// The anonymous user, with the password that is custom (RFC 1635).
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            name: "anonymous".to_owned(),
            password: "ftpnat@".to_owned(),
            is_secret: false,
        }
    }
}

/// What is to be found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// The server's addresses, one of each family at most.
    pub addresses: Vec<SocketAddr>,
    /// How TLS begins; `None`: by `AUTH TLS`, or not at all where the server refuses that.
    pub encryption: Option<Encryption>,
    /// Who logs in.
    pub user: User,
    /// Whether a secret may travel in plain or under a certificate that does not verify.
    pub insecure: bool,
    /// Whether active mode is tried as well.
    pub active: bool,
    /// How long to be idle.
    pub idle: Option<Duration>,
    /// Whether a PASV reply is obeyed that names another address.
    pub follow: bool,
    /// How long to wait.
    pub patience: Patience,
}

impl Errand {
    /// Why the login may not be sent in this session.
    fn held(&self, sitting: &Sitting) -> Option<Held> {
        if self.insecure || !self.user.is_secret {
            return None;
        }
        match &sitting.secured {
            Some(Ok(secured)) => {
                let verified = secured
                    .certificate
                    .as_ref()
                    .is_some_and(Certificate::is_verified);
                (!verified).then_some(Held::Unverified)
            }
            _ => Some(Held::Plain),
        }
    }
}

/// What a data connection is wanted for.
struct Purpose {
    /// The name of its step.
    step: &'static str,
    /// The command that asks for it.
    mode: ClientMode,
    /// What is to be sent.
    fetched: Fetched,
    /// Whether resuming the TLS session is offered.
    resume: bool,
}

/// Finds it out.
pub async fn examine(asker: Asker, errand: Errand) -> Account {
    let secret = errand.user.is_secret.then(|| errand.user.password.clone());
    let mut client = Client::new(asker, errand.patience, secret);
    client.account.is_anonymous = !errand.user.is_secret;
    for called in &errand.addresses {
        let encryption = errand.encryption.unwrap_or(Encryption::Explicit);
        let sitting = sit(&mut client, &errand, *called, encryption, false).await;
        let is_explicit = sitting.is_secured() && encryption == Encryption::Explicit;
        let is_late = matches!(sitting.lost, Some((_, Trouble::Late)));
        let is_logged_in = sitting.is_logged_in();
        client.account.sittings.push(sitting);
        if is_explicit && is_logged_in && !is_late {
            compare(&mut client, &errand, *called).await;
        }
    }
    client.account
}

/// A plain session beside the one under TLS.
async fn compare(client: &mut Client, errand: &Errand, called: SocketAddr) {
    if errand.user.is_secret && !errand.insecure {
        let why = "not compared with a plain one: the password would travel in plain";
        client.end("plain-session", Outcome::Skipped, why);
        return;
    }
    let sitting = sit(client, errand, called, Encryption::Plain, true).await;
    client.account.sittings.push(sitting);
}

/// One session.
async fn sit(
    client: &mut Client,
    errand: &Errand,
    called: SocketAddr,
    encryption: Encryption,
    is_compared: bool,
) -> Sitting {
    client.sits(client.account.sittings.len());
    let mut sitting = Sitting::new(called, encryption);
    sitting.is_compared = is_compared;
    if control::begin(client, errand, &mut sitting).await
        && login::log_in(client, errand, &mut sitting).await
        && data::listings(client, errand, &mut sitting).await
        && !is_compared
    {
        extra::all(client, errand, &mut sitting).await;
    }
    client.leave().await;
    sitting
}

#[cfg(test)]
mod tests;
