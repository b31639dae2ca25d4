//! Replies of FTP servers, taken out of bytes as they come (RFC 959, section 4.2).

use thiserror::Error;

/// The longest line, and the longest reply, that is taken.
pub const MOST_BYTES: usize = 64 * 1024;

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 100 to 599.
    pub code: u16,
    /// Its lines without codes, made text; at least one.
    pub lines: Vec<String>,
}

impl Reply {
    /// The code and the last line, which is what people are shown.
    #[must_use]
    pub fn line(&self) -> String {
        let last = self.lines.last().map_or("", String::as_str);
        format!("{} {last}", self.code)
    }

    /// Whether the server says that it did what was asked (2yz), or wants more (3yz).
    #[must_use]
    pub fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// Whether more replies follow to the same command (1yz).
    #[must_use]
    pub fn is_preliminary(&self) -> bool {
        (100..200).contains(&self.code)
    }
}

/// Bytes that are no reply.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Malformed {
    /// A line that does not begin as a reply does, made text.
    #[error("the server said `{0}`, which is no FTP reply")]
    NoCode(String),
    /// More than [`MOST_BYTES`].
    #[error("the server sends a reply without an end")]
    Endless,
}

/// Collects bytes until they are replies.
#[derive(Debug, Default)]
pub struct Replies {
    held: Vec<u8>,
    begun: Option<Reply>,
    taken: usize,
}

impl Replies {
    /// Takes bytes in as they come.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next whole reply; `None`: more bytes are needed.
    ///
    /// # Errors
    /// [`Malformed`]; what follows is of no use then.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, Malformed> {
        while let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.held.drain(..=end).collect();
            self.taken += line.len();
            if self.taken > MOST_BYTES {
                return Err(Malformed::Endless);
            }
            if let Some(reply) = self.take(&text(&line))? {
                self.taken = 0;
                return Ok(Some(reply));
            }
        }
        if self.held.len() > MOST_BYTES {
            return Err(Malformed::Endless);
        }
        Ok(None)
    }

    /// What a connection that is over ended with: a last line without its end, or a reply of
    /// many lines without its last.
    #[must_use]
    pub fn last_words(&mut self) -> Option<Reply> {
        let held = std::mem::take(&mut self.held);
        let whole = self.take(&text(&held)).ok()?;
        whole.or_else(|| self.begun.take())
    }

    /// A reply of one line, or the last line of one; the lines between may be anything.
    fn take(&mut self, line: &str) -> Result<Option<Reply>, Malformed> {
        let coded = coded(line);
        match (&mut self.begun, coded) {
            (None, Some((code, is_last, rest))) => {
                let reply = Reply {
                    code,
                    lines: vec![rest.to_owned()],
                };
                if is_last {
                    return Ok(Some(reply));
                }
                self.begun = Some(reply);
                Ok(None)
            }
            // Some servers greet with an empty line.
            (None, None) if line.is_empty() => Ok(None),
            (None, None) => Err(Malformed::NoCode(line.chars().take(200).collect())),
            (Some(begun), Some((code, true, rest))) if code == begun.code => {
                begun.lines.push(rest.to_owned());
                Ok(self.begun.take())
            }
            (Some(begun), _) => {
                begun.lines.push(line.to_owned());
                Ok(None)
            }
        }
    }
}

/// The code of a line, whether it is a last one, and what follows.
fn coded(line: &str) -> Option<(u16, bool, &str)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code = digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten()
        .filter(|code| (100..600).contains(code))?;
    match rest.chars().next() {
        None => Some((code, true, "")),
        Some(' ') => Some((code, true, &rest[1..])),
        Some('-') => Some((code, false, &rest[1..])),
        Some(_) => None,
    }
}

/// A line without its end and without telnet commands (RFC 854), as text.
fn text(line: &[u8]) -> String {
    /// "Interpret as command"; SB and SE go around what is negotiated.
    const IAC: u8 = 255;
    let mut clean = Vec::with_capacity(line.len());
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != IAC {
            clean.push(byte);
            continue;
        }
        match bytes.next() {
            Some(IAC) => clean.push(IAC),
            // WILL, WONT, DO, DONT have an option behind them.
            Some(251..=254) => drop(bytes.next()),
            Some(_) | None => {}
        }
    }
    String::from_utf8_lossy(&clean)
        .trim_end_matches(['\r', '\n'])
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Result<Vec<Reply>, Malformed> {
        let mut replies = Replies::default();
        replies.feed(bytes);
        let mut found = Vec::new();
        while let Some(reply) = replies.next_reply()? {
            found.push(reply);
        }
        Ok(found)
    }

    fn lines(bytes: &[u8]) -> Vec<String> {
        let replies = all(bytes).expect("replies");
        replies.iter().map(Reply::line).collect()
    }

    #[test]
    fn replies_of_one_line_and_of_many() {
        assert_eq!(lines(b"220 ready\r\n230 in\r\n"), ["220 ready", "230 in"]);
        assert_eq!(
            lines(b"220-a\r\n 220 not yet\r\n221 nor this\r\n220 b\r\n"),
            ["220 b"]
        );
        assert_eq!(lines(b"211-Features:\n EPSV\n211 End\n"), ["211 End"]);
        assert_eq!(lines(b"200\r\n"), ["200 "]);
        assert_eq!(lines(b"\r\n220 x\r\n"), ["220 x"]);
        assert_eq!(lines(b"\xff\xfd\x22220 \xff\xff\r\n"), ["220 \u{fffd}"]);
        assert_eq!(lines(b"220 unfinished"), [""; 0]);
    }

    #[test]
    fn what_is_no_reply_is_said() {
        for bytes in [
            &b"SSH-2.0-x\r\n"[..],
            b"22 x\r\n",
            b"099 x\r\n",
            b"600 x\r\n",
            b"2200 x\r\n",
        ] {
            assert!(matches!(all(bytes), Err(Malformed::NoCode(_))), "{bytes:?}");
        }
        let endless = vec![b'2'; MOST_BYTES + 1];
        assert_eq!(all(&endless), Err(Malformed::Endless));
        let many = b"220-x\r\n".repeat(MOST_BYTES / 7 + 1);
        assert_eq!(all(&many), Err(Malformed::Endless));
    }

    proptest! {
        #[test]
        fn any_bytes_end_and_pieces_make_no_difference(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            at in 0_usize..200,
        ) {
            let whole = all(&bytes);
            let (one, two) = bytes.split_at(at.min(bytes.len()));
            let mut replies = Replies::default();
            let mut found = Vec::new();
            let mut fault = None;
            for part in [one, two] {
                replies.feed(part);
                loop {
                    match replies.next_reply() {
                        Ok(Some(reply)) => found.push(reply),
                        Ok(None) => break,
                        Err(error) => { fault = Some(error); break }
                    }
                }
                if fault.is_some() { break }
            }
            prop_assert_eq!(whole, fault.map_or(Ok(found), Err));
        }
    }
}
