//! What drives a course of sessions: what happened goes in, what to do comes out.
//!
//! A course is written as it runs, one line after the other, as an `async fn`; each of its
//! questions to the world is a [`Move`] that whoever drives it makes, at its leisure, with
//! sockets or with a script. No socket, no clock and no executor is in it: it is polled once
//! for each thing that happened.

use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::seen::{Secured, Taken, Trouble};

/// What to do next. Data connections and the control connection are one each at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move {
    /// Say to whoever waits what is being done now.
    Tell(String),
    /// Open the control connection; one that is open is closed.
    Call {
        /// Where to.
        to: SocketAddr,
        /// How long to wait.
        patience: Duration,
    },
    /// Send this line over the control connection, with CRLF behind it.
    Say(String),
    /// Send these bytes over the control connection, as they are.
    Send(Vec<u8>),
    /// Wait for bytes on the control connection.
    Hear(Duration),
    /// Make a TLS handshake on the control connection.
    Secure(Duration),
    /// Open a data connection.
    Open {
        /// Where to.
        to: SocketAddr,
        /// How long to wait.
        patience: Duration,
    },
    /// Open a port for an active data connection, on the address of the control connection.
    Listen,
    /// Wait there for the server.
    Accept(Duration),
    /// Make a TLS handshake on the data connection.
    SecureData {
        /// Whether the session of the control connection is offered to be resumed.
        resume: bool,
        /// How long to wait.
        patience: Duration,
    },
    /// Send this line over the data connection.
    SayOverData(String),
    /// Take what the data connection carries to its end, or so many bytes.
    Take {
        /// No more than this.
        most: u64,
        /// How long to wait for each piece.
        patience: Duration,
    },
    /// Close the data connection, and its listener.
    CloseData,
    /// Close the control connection.
    Close,
}

/// What came of a move.
#[derive(Debug)]
pub enum Event {
    /// It is done.
    Done,
    /// Bytes came over the control connection; under TLS, what was in it.
    Bytes(Vec<u8>),
    /// A handshake succeeded.
    Secured(Box<Secured>),
    /// A port is open at this address; or the server came from it.
    At(SocketAddr),
    /// What the data connection brought.
    Taken(Taken),
    /// It failed.
    Failed(Trouble),
}

/// An event and how long the move took.
#[derive(Debug)]
pub struct Happened {
    /// What came of it.
    pub event: Event,
    /// How long it took.
    pub took: Duration,
}

/// What a course wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// This is to be done.
    Move(Move),
    /// Nothing any more: what it came to.
    Over(T),
}

/// Where a course lays down its move and finds what came of it.
#[derive(Debug, Default)]
struct Desk {
    asked: Option<Move>,
    happened: Option<Happened>,
}

/// The side of the desk on which the course sits.
#[derive(Debug, Clone, Default)]
pub struct Asker(Rc<RefCell<Desk>>);

impl Asker {
    /// Lays down a move and waits for what comes of it.
    pub(super) fn ask(&self, asked: Move) -> impl Future<Output = Happened> + use<> {
        Asking {
            desk: Rc::clone(&self.0),
            asked: Some(asked),
        }
    }
}

struct Asking {
    desk: Rc<RefCell<Desk>>,
    asked: Option<Move>,
}

impl Future for Asking {
    type Output = Happened;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Happened> {
        let asked = self.asked.take();
        let mut desk = self.desk.borrow_mut();
        if asked.is_some() {
            desk.asked = asked;
            return Poll::Pending;
        }
        desk.happened.take().map_or(Poll::Pending, Poll::Ready)
    }
}

/// A course that is under way.
pub struct Engine<'a, T> {
    desk: Asker,
    course: Pin<Box<dyn Future<Output = T> + 'a>>,
}

impl<'a, T> Engine<'a, T> {
    /// A course before its first move.
    pub fn new<C: Future<Output = T> + 'a>(course: impl FnOnce(Asker) -> C) -> Self {
        let desk = Asker::default();
        Self {
            course: Box::pin(course(desk.clone())),
            desk,
        }
    }

    /// The first move.
    pub fn begin(&mut self) -> Next<T> {
        match self
            .course
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(over) => Next::Over(over),
            // A course waits for nothing but its moves: there is one.
            Poll::Pending => match self.desk.0.borrow_mut().asked.take() {
                Some(asked) => Next::Move(asked),
                None => Next::Move(Move::Tell(String::new())),
            },
        }
    }

    /// The move after what came of the last one.
    pub fn after(&mut self, happened: Happened) -> Next<T> {
        self.desk.0.borrow_mut().happened = Some(happened);
        self.begin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happened(event: Event) -> Happened {
        Happened {
            event,
            took: Duration::ZERO,
        }
    }

    #[test]
    fn a_course_is_polled_once_for_each_thing_that_happened() {
        let mut engine = Engine::new(|asker| async move {
            asker.ask(Move::Listen).await;
            let heard = asker.ask(Move::Hear(Duration::ZERO)).await;
            matches!(heard.event, Event::Bytes(bytes) if bytes == b"x")
        });
        assert_eq!(engine.begin(), Next::Move(Move::Listen));
        assert_eq!(
            engine.after(happened(Event::Done)),
            Next::Move(Move::Hear(Duration::ZERO))
        );
        let heard = Event::Bytes(b"x".to_vec());
        assert_eq!(engine.after(happened(heard)), Next::Over(true));
    }
}
