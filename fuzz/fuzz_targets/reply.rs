//! Replies of FTP servers, whole and in two pieces: the same, and what they name is read.
#![no_main]

use ftpnat::model::host_port::{parse_extended_passive, parse_host_port};
use ftpnat::probe::reply::{Malformed, Replies, Reply};
use libfuzzer_sys::fuzz_target;

fn all(pieces: &[&[u8]]) -> (Vec<Reply>, Option<Malformed>) {
    let mut replies = Replies::default();
    let mut found = Vec::new();
    for piece in pieces {
        replies.feed(piece);
        loop {
            match replies.next_reply() {
                Ok(Some(reply)) => found.push(reply),
                Ok(None) => break,
                Err(malformed) => return (found, Some(malformed)),
            }
        }
    }
    found.extend(replies.last_words());
    (found, None)
}

fuzz_target!(|data: &[u8]| {
    let (one, two) = data.split_at(data.len() / 2);
    let whole = all(&[data]);
    assert_eq!(whole, all(&[one, two]));
    for reply in whole.0 {
        assert!((100..600).contains(&reply.code) && !reply.lines.is_empty());
        for line in &reply.lines {
            let _ = (parse_host_port(line), parse_extended_passive(line));
        }
    }
});
