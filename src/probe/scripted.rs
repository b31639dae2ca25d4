//! A server of words for unit tests: what it says to which line.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::engine::{Engine, Event, Happened, Move, Next};
use super::seen::{Certificate, End, Secured, Taken, Trouble};

/// How a server behaves; what is not set behaves well.
#[derive(Default)]
pub(super) struct Scripted {
    /// What it says to a line that begins so; the first that fits counts. Without one: 200.
    pub(super) says: Vec<(&'static str, &'static str)>,
    /// Data ports that do not open, and why not.
    pub(super) shut: Vec<(u16, Trouble)>,
    /// What data connections carry.
    pub(super) carries: &'static [u8],
    /// Its certificate.
    pub(super) certificate: Option<Certificate>,
    /// Whether TLS sessions are resumed.
    pub(super) resumes: bool,
    /// Every line that was said, and `-> ADDRESS` for every data connection.
    pub(super) heard: Vec<String>,
    /// What it said and nobody heard yet.
    pub(super) queue: VecDeque<u8>,
}

impl Scripted {
    /// Plays a course against it to its end.
    pub(super) fn play<T>(&mut self, mut engine: Engine<'_, T>) -> T {
        let mut next = engine.begin();
        loop {
            match next {
                Next::Over(over) => return over,
                Next::Move(asked) => {
                    let event = self.answer(asked);
                    let took = match event {
                        Event::Failed(Trouble::Silent(after)) => after,
                        _ => Duration::ZERO,
                    };
                    next = engine.after(Happened { event, took });
                }
            }
        }
    }

    fn answer(&mut self, asked: Move) -> Event {
        match asked {
            Move::Call { .. } => {
                self.queue.clear();
                let greeting = self.reply("CALL").unwrap_or("220 ready");
                self.queue.extend(greeting.bytes().chain(*b"\r\n"));
                Event::Done
            }
            Move::Say(line) => {
                let reply = self.reply(&line).unwrap_or("200 ok");
                self.queue.extend(reply.bytes().chain(*b"\r\n"));
                self.heard.push(line);
                Event::Done
            }
            Move::Hear(patience) if self.queue.is_empty() => {
                Event::Failed(Trouble::Silent(patience))
            }
            Move::Hear(_) => Event::Bytes(self.queue.drain(..).collect()),
            Move::Secure(_) => self.secured(false),
            Move::SecureData { resume, .. } => self.secured(resume && self.resumes),
            Move::Open { to, .. } => {
                self.heard.push(format!("-> {to}"));
                let shut = self.shut.iter().find(|(port, _)| *port == to.port());
                shut.map_or(Event::Done, |(_, why)| Event::Failed(why.clone()))
            }
            Move::Listen => Event::At(SocketAddr::from(([198, 51, 100, 10], 40000))),
            Move::Accept(_) => Event::At(SocketAddr::from(([192, 0, 2, 1], 20))),
            Move::SayOverData(line) => {
                self.heard.push(format!("data: {line}"));
                Event::Done
            }
            Move::Take { .. } => {
                let reply = self.reply("END").unwrap_or("226 done");
                self.queue.extend(reply.bytes().chain(*b"\r\n"));
                Event::Taken(Taken {
                    bytes: self.carries.to_vec(),
                    end: Ok(End::Whole),
                })
            }
            Move::Tell(_) | Move::Send(_) | Move::Close | Move::CloseData => Event::Done,
        }
    }

    fn reply(&self, line: &str) -> Option<&'static str> {
        let mut fitting = self
            .says
            .iter()
            .filter(|(begin, _)| line.starts_with(begin));
        fitting.next().map(|(_, reply)| *reply)
    }

    fn secured(&self, resumed: bool) -> Event {
        Event::Secured(Box::new(Secured {
            version: "TLS 1.3".to_owned(),
            resumed,
            certificate: self.certificate.clone(),
        }))
    }
}
