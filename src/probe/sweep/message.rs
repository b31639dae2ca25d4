//! What both ends say: lines of ASCII words.
//!
//! ```text
//! client                                  server
//! ftpnat-sweep 1 hello NONCE CALLED   ->
//!                                     <-  ftpnat-sweep 1 answer NONCE REACHED PROOF
//! ```
//!
//! That is the test of one port; the client ends it. One such connection it keeps, and leads
//! by it:
//!
//! ```text
//! lead PROOF                          ->
//!                                     <-  range 50000-51000
//! hold 50000-50049                    ->
//!                                     <-  held 50000-50006,50008-50049 busy 50007
//! done                                ->
//! ```

use std::fmt;

use crate::model::net::PortRange;

use super::ports;
use super::token::{Nonce, Proof};

/// How a line of somebody who has proven nothing begins.
const MARK: &str = "ftpnat-sweep 1 ";
/// The longest line of somebody who has proven nothing.
pub const MOST_UNPROVEN: usize = 256;
/// The longest line of the one who leads, and of the answers: a list of ports, each alone.
pub const MOST_LINE: usize = 4096;

/// A line of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Who are you?
    Hello {
        /// The client's number.
        nonce: Nonce,
        /// The port that it called.
        called: u16,
    },
    /// The client leads from now on.
    Lead(Proof),
    /// These ports are to be held, and no others.
    Hold(Vec<u16>),
    /// The sweep has ended.
    Done,
}

/// A line of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It is `ftpnat answer`.
    Answer {
        /// The server's number.
        nonce: Nonce,
        /// The port at which the call arrived.
        reached: u16,
        /// Its proof.
        proof: Proof,
    },
    /// The range that it holds ports of.
    Range(PortRange),
    /// What it holds now.
    Held {
        /// Ports that it listens on.
        held: Vec<u16>,
        /// Ports that something else on that host has.
        busy: Vec<u16>,
    },
}

impl Asked {
    /// Reads a line, without its end.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let marked = line.strip_prefix(MARK).map(words);
        match (marked.as_deref(), &words(line)[..]) {
            (Some(["hello", nonce, called]), _) => Some(Self::Hello {
                nonce: Nonce::parse(nonce)?,
                called: ports::port(called)?,
            }),
            (None, ["lead", proof]) => Some(Self::Lead(Proof::parse(proof)?)),
            (None, ["hold", list]) => Some(Self::Hold(ports::parse(list)?)),
            (None, ["done"]) => Some(Self::Done),
            _ => None,
        }
    }
}

impl Told {
    /// Reads a line, without its end.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let marked = line.strip_prefix(MARK).map(words);
        match (marked.as_deref(), &words(line)[..]) {
            (Some(["answer", nonce, reached, proof]), _) => Some(Self::Answer {
                nonce: Nonce::parse(nonce)?,
                reached: ports::port(reached)?,
                proof: Proof::parse(proof)?,
            }),
            (None, ["range", range]) => Some(Self::Range(ports::range(range)?)),
            (None, ["held", held, "busy", busy]) => Some(Self::Held {
                held: ports::parse(held)?,
                busy: ports::parse(busy)?,
            }),
            _ => None,
        }
    }
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// With the end of the line.
impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello { nonce, called } => writeln!(f, "{MARK}hello {nonce} {called}"),
            Self::Lead(proof) => writeln!(f, "lead {proof}"),
            Self::Hold(list) => writeln!(f, "hold {}", ports::words(list)),
            Self::Done => writeln!(f, "done"),
        }
    }
}

/// With the end of the line.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer {
                nonce,
                reached,
                proof,
            } => writeln!(f, "{MARK}answer {nonce} {reached} {proof}"),
            Self::Range(range) => writeln!(f, "range {range}"),
            Self::Held { held, busy } => {
                writeln!(f, "held {} busy {}", ports::words(held), ports::words(busy))
            }
        }
    }
}

/// Bytes that are no line of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it does not speak as ftpnat does")]
pub struct Malformed;

/// Lines, taken out of bytes as they come.
#[derive(Debug, Default)]
pub struct Lines {
    held: Vec<u8>,
}

impl Lines {
    /// Takes bytes in.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next line without its end; `None`: more bytes are needed.
    ///
    /// # Errors
    /// Where it is no ASCII, or longer than `most`.
    pub fn next_line(&mut self, most: usize) -> Result<Option<String>, Malformed> {
        let end = self.held.iter().position(|byte| *byte == b'\n');
        if end.unwrap_or(self.held.len()) > most {
            return Err(Malformed);
        }
        let Some(end) = end else { return Ok(None) };
        let mut line: Vec<u8> = self.held.drain(..=end).collect();
        line.pop();
        match String::from_utf8(line) {
            Ok(line) if line.is_ascii() => Ok(Some(line)),
            Ok(_) | Err(_) => Err(Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lists() -> impl Strategy<Value = Vec<u16>> {
        prop::collection::btree_set(any::<u16>(), 0..ports::MOST_AT_ONCE)
            .prop_map(|ports| ports.into_iter().collect())
    }

    fn proofs() -> impl Strategy<Value = Proof> {
        "[0-9a-f]{64}".prop_map(|digits| Proof::parse(&digits).expect("a proof"))
    }

    fn asked() -> impl Strategy<Value = Asked> {
        prop_oneof![
            (any::<[u8; 16]>(), any::<u16>()).prop_map(|(nonce, called)| Asked::Hello {
                nonce: Nonce::new(nonce),
                called
            }),
            proofs().prop_map(Asked::Lead),
            lists().prop_map(Asked::Hold),
            Just(Asked::Done),
        ]
    }

    fn told() -> impl Strategy<Value = Told> {
        prop_oneof![
            (any::<[u8; 16]>(), any::<u16>(), proofs()).prop_map(|(nonce, reached, proof)| {
                Told::Answer {
                    nonce: Nonce::new(nonce),
                    reached,
                    proof,
                }
            }),
            (any::<u16>()).prop_map(|port| Told::Range(PortRange::one(port))),
            (lists(), lists()).prop_map(|(held, busy)| Told::Held { held, busy }),
        ]
    }

    #[test]
    fn lines_that_are_none() {
        for line in [
            "",
            "done ",
            "hold",
            "hold 1,2 3",
            "ftpnat-sweep 1 done",
            "ftpnat-sweep 2 hello 00112233445566778899aabbccddeeff 1",
            "hello 00112233445566778899aabbccddeeff 1",
            "GET / HTTP/1.1\r",
        ] {
            assert_eq!(Asked::parse(line), None, "{line}");
        }
        for line in ["range", "held 1 busy", "held - -", "220 FTP ready\r"] {
            assert_eq!(Told::parse(line), None, "{line}");
        }
    }

    #[test]
    fn lines_have_an_end_and_a_length() {
        let mut lines = Lines::default();
        lines.feed(b"one\ntw");
        assert_eq!(lines.next_line(3), Ok(Some("one".to_owned())));
        assert_eq!(lines.next_line(3), Ok(None));
        lines.feed(b"o o");
        assert_eq!(lines.next_line(3), Err(Malformed));
        let mut lines = Lines::default();
        lines.feed(b"\xff\n");
        assert_eq!(lines.next_line(3), Err(Malformed));
    }

    proptest! {
        #[test]
        fn what_is_said_is_understood(asked in asked(), told in told()) {
            for (line, most) in [(asked.to_string(), MOST_LINE), (told.to_string(), MOST_LINE)] {
                prop_assert!(line.ends_with('\n') && line.len() <= most);
            }
            let unproven = matches!(asked, Asked::Hello { .. } | Asked::Lead(_));
            prop_assert!(!unproven || asked.to_string().len() <= MOST_UNPROVEN);
            prop_assert_eq!(Asked::parse(asked.to_string().trim_end()), Some(asked));
            prop_assert_eq!(Told::parse(told.to_string().trim_end()), Some(told));
        }

        #[test]
        fn any_bytes_are_a_line_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut lines = Lines::default();
            lines.feed(&bytes);
            while let Ok(Some(line)) = lines.next_line(MOST_UNPROVEN) {
                let _ = (Asked::parse(&line), Told::parse(&line));
            }
        }

        #[test]
        fn any_words_are_a_line_or_none(line in "(ftpnat-sweep 1 )?(hello|lead|hold|held|answer|range) .{0,80}") {
            let _ = (Asked::parse(&line), Told::parse(&line));
        }
    }
}
