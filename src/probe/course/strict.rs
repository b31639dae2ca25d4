//! One listing as a strict client fetches it.
//!
//! Strict: it obeys the address in a `227` reply, tries one way of asking for data and no
//! other, and protects data where control is protected (RFC 959, RFC 2428, RFC 4217).

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

use crate::model::ftp::ClientMode;
use crate::probe::engine::Asker;
use crate::probe::reply::Reply;
use crate::probe::seen::{Encryption, End, Heard, Trouble};

use super::Patience;
use super::client::Client;
use super::data::{MOST_BYTES, named, offer};

/// What the client is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// How it asks for the data connection.
    pub mode: ClientMode,
    /// TLS, of both connections.
    pub encryption: Encryption,
    /// The address that it calls.
    pub called: SocketAddr,
    /// Who logs in.
    pub user: String,
    /// The password.
    pub password: String,
    /// The port that the server is asked to pick for its end of the data connection, by a
    /// command that only the lab's server knows ([`DATA_PORT`]). One that does not know it
    /// picks as it likes.
    pub data_port: Option<u16>,
    /// How long it waits for anything.
    pub patience: Duration,
}

/// Asks the lab's server to pick this data port. Its reply has a word that is to be sent
/// over the data connection first: many sessions share that port.
pub const DATA_PORT: &str = "SITE DATA-PORT";

/// How far a session came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The control connection.
    Connect,
    /// The server's first words.
    Greeting,
    /// `AUTH TLS` and the handshake.
    Tls,
    /// `USER` and `PASS`.
    Login,
    /// `PBSZ`, `PROT` and `TYPE`.
    Settings,
    /// `PASV`, `EPSV`, `PORT` or `EPRT`.
    Agreement,
    /// The data connection itself.
    DataConnect,
    /// `LIST` and what it brings.
    Transfer,
    /// The reply behind it.
    Completion,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "the control connection",
            Self::Greeting => "the greeting",
            Self::Tls => "TLS on the control connection",
            Self::Login => "the login",
            Self::Settings => "the settings of the session",
            Self::Agreement => "the command that asks for data",
            Self::DataConnect => "the data connection",
            Self::Transfer => "the listing",
            Self::Completion => "the reply behind the listing",
        })
    }
}

/// Why a session did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// The network, or the peer, ended it or kept silent: what was tried, and what happened.
    #[error("{0}: {1}")]
    Trouble(String, Trouble),
    /// The server says no.
    #[error("the server says `{}`", .0.line())]
    Says(Reply),
    /// It named no address that the command asks for.
    #[error("no address can be read in `{}`", .0.line())]
    NoAddress(Reply),
}

/// What a session came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// How far it came.
    pub stage: Stage,
    /// What the data connection brought, where the server said that this was all.
    pub listing: Result<Vec<u8>, Fault>,
}

/// Fetches it.
pub async fn list(asker: Asker, wanted: Wanted) -> Listed {
    let client = Client::new(asker, Patience::all(wanted.patience), None);
    let mut strict = Strict {
        client,
        wanted,
        stage: Stage::Connect,
    };
    let listing = strict.list().await;
    strict.client.leave().await;
    Listed {
        stage: strict.stage,
        listing,
    }
}

struct Strict {
    client: Client,
    wanted: Wanted,
    stage: Stage,
}

impl Strict {
    async fn list(&mut self) -> Result<Vec<u8>, Fault> {
        let called = self.wanted.called;
        let call = self.client.call(called).await;
        call.map_err(trying(format!("the control connection to {called}")))?;
        if self.wanted.encryption == Encryption::Implicit {
            self.secure().await?;
        }
        self.stage = Stage::Greeting;
        positive(self.client.hear_final(self.wanted.patience).await)?;
        if self.wanted.encryption == Encryption::Explicit {
            self.stage = Stage::Tls;
            self.say("AUTH TLS").await?;
            self.secure().await?;
        }
        self.log_in().await?;
        let word = self.settle().await?;
        if self.wanted.mode.is_active() {
            self.offer().await?;
        } else {
            self.open().await?;
        }
        self.transfer(word).await
    }

    async fn say(&mut self, line: &str) -> Result<Reply, Fault> {
        positive(self.client.say(line).await)
    }

    async fn secure(&mut self) -> Result<(), Fault> {
        self.stage = Stage::Tls;
        let secured = self.client.secure().await;
        secured.map(drop).map_err(trying("the TLS handshake"))
    }

    async fn log_in(&mut self) -> Result<(), Fault> {
        self.stage = Stage::Login;
        let Wanted { user, password, .. } = &self.wanted;
        positive(self.client.log_in(user, password).await).map(drop)
    }

    /// The session's settings; the word that the lab's server wants to hear, if any.
    async fn settle(&mut self) -> Result<Option<String>, Fault> {
        self.stage = Stage::Settings;
        if self.wanted.encryption != Encryption::Plain {
            self.say("PBSZ 0").await?;
            self.say("PROT P").await?;
        }
        self.say("TYPE A").await?;
        let Some(port) = self.wanted.data_port else {
            return Ok(None);
        };
        let heard = self.client.say(&format!("{DATA_PORT} {port}")).await;
        let reply = heard.map_err(trying(REPLY))?;
        let is_awaited = reply.code == 200 && !self.wanted.mode.is_active();
        Ok(is_awaited.then(|| reply.lines.join(" ")))
    }

    async fn open(&mut self) -> Result<(), Fault> {
        self.stage = Stage::Agreement;
        let reply = self.say(&self.wanted.mode.to_string()).await?;
        self.stage = Stage::DataConnect;
        let Some(to) = named(&reply, self.wanted.mode, self.wanted.called) else {
            return Err(Fault::NoAddress(reply));
        };
        let opened = self.client.open(to, self.wanted.patience).await;
        opened.map_err(trying(format!("the data connection to {to}")))
    }

    async fn offer(&mut self) -> Result<(), Fault> {
        self.stage = Stage::Agreement;
        let at = self.client.listen().await;
        let at = at.map_err(trying("opening a port for the data connection"))?;
        self.say(&offer(self.wanted.mode, at)).await.map(drop)
    }

    async fn transfer(&mut self, word: Option<String>) -> Result<Vec<u8>, Fault> {
        self.stage = Stage::Transfer;
        let began = self.client.say("LIST").await.map_err(trying(REPLY))?;
        if began.code >= 400 {
            return Err(Fault::Says(began));
        }
        // A server that says at once that it is done.
        if !began.is_preliminary() {
            return Ok(Vec::new());
        }
        let listing = match self.take(word).await {
            Ok(listing) => listing,
            Err(fault) => return Err(self.last_words().await.unwrap_or(fault)),
        };
        self.stage = Stage::Completion;
        positive(self.client.hear_final(self.wanted.patience).await)?;
        Ok(listing)
    }

    async fn take(&mut self, word: Option<String>) -> Result<Vec<u8>, Fault> {
        const WHAT: &str = "the data connection";
        if self.wanted.mode.is_active() {
            self.client.accept().await.map_err(trying(WHAT))?;
        }
        if self.wanted.encryption != Encryption::Plain {
            let secured = self.client.secure_data(true).await;
            secured.map_err(trying("TLS on the data connection"))?;
        }
        if let Some(word) = word {
            self.client
                .say_over_data(word)
                .await
                .map_err(trying(WHAT))?;
        }
        let taken = self.client.take(MOST_BYTES).await;
        // Some servers wait for the client's end before they reply.
        self.client.close_data().await;
        match taken.end {
            Ok(End::Whole | End::Enough) => Ok(taken.bytes),
            Err(trouble) => Err(Fault::Trouble(WHAT.to_owned(), trouble)),
        }
    }

    /// What the server says of a data connection that it ended itself.
    async fn last_words(&mut self) -> Option<Fault> {
        let patience = LAST_WORDS.min(self.wanted.patience);
        let reply = self.client.hear_final(patience).await.ok()?;
        (!reply.is_positive()).then_some(Fault::Says(reply))
    }
}

/// How long the server is listened to for why it ended a data connection.
const LAST_WORDS: Duration = Duration::from_millis(300);
const REPLY: &str = "waiting for the server's reply";

fn positive(heard: Heard) -> Result<Reply, Fault> {
    let reply = heard.map_err(trying(REPLY))?;
    if reply.is_positive() || reply.is_preliminary() {
        Ok(reply)
    } else {
        Err(Fault::Says(reply))
    }
}

fn trying(what: impl Into<String>) -> impl FnOnce(Trouble) -> Fault {
    |trouble| Fault::Trouble(what.into(), trouble)
}

#[cfg(test)]
mod tests;
