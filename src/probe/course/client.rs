//! The client's side of a session that a course holds: what it says, hears and writes down.

use std::net::SocketAddr;
use std::time::Duration;

use crate::probe::engine::{Asker, Event, Happened, Move};
use crate::probe::reply::{Malformed, Replies, Reply};
use crate::probe::seen::{Account, Heard, Line, Outcome, Secured, Step, Taken, Trouble};

use super::Patience;

/// Replies to one command that only put off ("120 ready in 5 minutes"): more are a flood.
const MOST_PRELIMINARY: usize = 8;
/// Lines of a reply that are written down.
const MOST_LINES: usize = 20;

/// A client, its connections and its notes.
pub(super) struct Client {
    asker: Asker,
    replies: Replies,
    /// What it saw.
    pub(super) account: Account,
    /// How long it waits for what.
    pub(super) patience: Patience,
    dialogue: Vec<Line>,
    /// How long the step took so far that is under way.
    took: Duration,
    /// Which sitting it is.
    sitting: usize,
    /// What must not be written down, whoever says it.
    secret: Option<String>,
    /// The last reply as it came: what it names is read there, for what is shown of it may
    /// have lost a number that is the secret too.
    heard: Option<Reply>,
}

impl Client {
    /// `secret`: what must not be written down.
    pub(super) fn new(asker: Asker, patience: Patience, secret: Option<String>) -> Self {
        Self {
            asker,
            replies: Replies::default(),
            account: Account::default(),
            patience,
            dialogue: Vec::new(),
            took: Duration::ZERO,
            sitting: 0,
            secret: secret.filter(|secret| !secret.is_empty()),
            heard: None,
        }
    }

    /// From here on steps belong to that sitting.
    pub(super) fn sits(&mut self, sitting: usize) {
        self.sitting = sitting;
    }

    /// Begins a step; `words`: what is being done, for who waits.
    pub(super) async fn begin(&mut self, words: impl Into<String>) {
        self.took = Duration::ZERO;
        self.dialogue.clear();
        self.make(Move::Tell(words.into())).await;
    }

    /// Writes down how the step went that is under way.
    pub(super) fn end(&mut self, step: &'static str, outcome: Outcome, detail: impl Into<String>) {
        self.account.steps.push(Step {
            step,
            outcome,
            ms: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            detail: detail.into(),
            dialogue: std::mem::take(&mut self.dialogue),
            sitting: self.sitting,
        });
        self.took = Duration::ZERO;
    }

    /// The control connection; one that was there is closed.
    pub(super) async fn call(&mut self, to: SocketAddr) -> Result<(), Trouble> {
        self.replies = Replies::default();
        let patience = self.patience.connect;
        self.done(Move::Call { to, patience }).await
    }

    /// Says a line and hears the reply.
    pub(super) async fn say(&mut self, line: &str) -> Heard {
        self.say_as(line, line).await
    }

    /// Says a line that is written down as another, because it holds a secret.
    pub(super) async fn say_as(&mut self, line: &str, noted: &str) -> Heard {
        self.dialogue.push(Line::Said(self.shown(noted)));
        self.done(Move::Say(line.to_owned())).await?;
        self.hear().await
    }

    /// `USER`, and `PASS` where it is asked for: the last reply.
    pub(super) async fn log_in(&mut self, user: &str, password: &str) -> Heard {
        let heard = self.say(&format!("USER {user}")).await?;
        if heard.code != 331 {
            return Ok(heard);
        }
        self.say_as(&format!("PASS {password}"), "PASS ****").await
    }

    /// The next reply that is no promise of another.
    pub(super) async fn hear_final(&mut self, patience: Duration) -> Heard {
        for _ in 0..MOST_PRELIMINARY {
            let reply = self.hear_for(patience).await?;
            if !reply.is_preliminary() {
                return Ok(reply);
            }
        }
        Err(Trouble::Silent(patience))
    }

    /// The next reply.
    pub(super) async fn hear(&mut self) -> Heard {
        self.hear_for(self.patience.reply).await
    }

    /// The next reply, waited for as a whole, however it drips.
    pub(super) async fn hear_for(&mut self, patience: Duration) -> Heard {
        let mut left = patience;
        loop {
            match self.replies.next_reply() {
                Ok(Some(reply)) => return Ok(self.noted(reply)),
                Ok(None) => {}
                Err(Malformed::NoCode(line)) => {
                    let line = self.shown(&line);
                    return Err(Trouble::Malformed(Malformed::NoCode(line)));
                }
                Err(malformed) => return Err(Trouble::Malformed(malformed)),
            }
            if left.is_zero() {
                return Err(Trouble::Silent(patience));
            }
            let Happened { event, took } = self.make(Move::Hear(left)).await;
            left = left.saturating_sub(took);
            match event {
                Event::Bytes(bytes) => self.replies.feed(&bytes),
                Event::Failed(Trouble::Silent(_)) => return Err(Trouble::Silent(patience)),
                Event::Failed(Trouble::Ended) => {
                    // A server's last words may lack their end.
                    let last = self.replies.last_words();
                    return last.map(|reply| self.noted(reply)).ok_or(Trouble::Ended);
                }
                event => return Err(trouble(event)),
            }
        }
    }

    /// TLS on the control connection. What came in plain before it is nobody's word: RFC 4217
    /// has the session begin anew (and injected commands and replies are old tricks).
    pub(super) async fn secure(&mut self) -> Result<Secured, Trouble> {
        self.replies = Replies::default();
        let patience = self.patience.reply;
        match self.make(Move::Secure(patience)).await.event {
            Event::Secured(secured) => Ok(*secured),
            event => Err(trouble(event)),
        }
    }

    /// Sends bytes as they are.
    pub(super) async fn send(&mut self, bytes: Vec<u8>) -> Result<(), Trouble> {
        self.done(Move::Send(bytes)).await
    }

    /// The next bytes as they came.
    pub(super) async fn raw(&mut self) -> Result<Vec<u8>, Trouble> {
        let patience = self.patience.reply;
        match self.make(Move::Hear(patience)).await.event {
            Event::Bytes(bytes) => Ok(bytes),
            event => Err(trouble(event)),
        }
    }

    /// A data connection to the server.
    pub(super) async fn open(&mut self, to: SocketAddr, patience: Duration) -> Result<(), Trouble> {
        self.done(Move::Open { to, patience }).await
    }

    /// A port for the server to come to.
    pub(super) async fn listen(&mut self) -> Result<SocketAddr, Trouble> {
        self.at(Move::Listen).await
    }

    /// The server comes there: from where.
    pub(super) async fn accept(&mut self) -> Result<SocketAddr, Trouble> {
        self.at(Move::Accept(self.patience.data)).await
    }

    /// TLS on the data connection.
    pub(super) async fn secure_data(&mut self, resume: bool) -> Result<Secured, Trouble> {
        let patience = self.patience.data;
        match self.make(Move::SecureData { resume, patience }).await.event {
            Event::Secured(secured) => Ok(*secured),
            event => Err(trouble(event)),
        }
    }

    /// Says a line over the data connection.
    pub(super) async fn say_over_data(&mut self, line: String) -> Result<(), Trouble> {
        self.done(Move::SayOverData(line)).await
    }

    /// What the data connection carries.
    pub(super) async fn take(&mut self, most: u64) -> Taken {
        let patience = self.patience.data;
        match self.make(Move::Take { most, patience }).await.event {
            Event::Taken(taken) => taken,
            event => Taken {
                bytes: Vec::new(),
                end: Err(trouble(event)),
            },
        }
    }

    /// No data connection any more.
    pub(super) async fn close_data(&mut self) {
        self.make(Move::CloseData).await;
    }

    /// Takes leave: nobody waits for what the server says to that.
    pub(super) async fn leave(&mut self) {
        self.make(Move::Say("QUIT".to_owned())).await;
        self.make(Move::Close).await;
    }

    async fn make(&mut self, asked: Move) -> Happened {
        let happened = self.asker.ask(asked).await;
        self.took += happened.took;
        happened
    }

    async fn done(&mut self, asked: Move) -> Result<(), Trouble> {
        match self.make(asked).await.event {
            Event::Done => Ok(()),
            event => Err(trouble(event)),
        }
    }

    async fn at(&mut self, asked: Move) -> Result<SocketAddr, Trouble> {
        match self.make(asked).await.event {
            Event::At(at) => Ok(at),
            event => Err(trouble(event)),
        }
    }

    /// The last reply as it was, not to be shown.
    pub(super) fn heard(&self) -> Option<&Reply> {
        self.heard.as_ref()
    }

    /// Writes a reply down, and gives it as it may be shown.
    fn noted(&mut self, reply: Reply) -> Reply {
        let lines = reply.lines.iter().map(|line| self.shown(line)).collect();
        let shown = Reply {
            code: reply.code,
            lines,
        };
        self.heard = Some(reply);
        let (code, last) = (shown.code, shown.lines.len().saturating_sub(1));
        for (number, line) in shown.lines.iter().enumerate() {
            let mark = if number == last { ' ' } else { '-' };
            if number < MOST_LINES || number == last {
                self.dialogue
                    .push(Line::Heard(format!("{code}{mark}{line}")));
            } else if number == MOST_LINES {
                self.dialogue.push(Line::Heard("...".to_owned()));
            }
        }
        shown
    }

    /// A text without the secret.
    fn shown(&self, text: &str) -> String {
        match &self.secret {
            Some(secret) => text.replace(secret, "****"),
            None => text.to_owned(),
        }
    }
}

/// What drives a course answers each move by what belongs to it, or by what went wrong.
fn trouble(event: Event) -> Trouble {
    match event {
        Event::Failed(trouble) => trouble,
        other => Trouble::Other(format!("unexpected: {other:?}")),
    }
}
