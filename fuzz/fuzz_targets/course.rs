//! A probe of a server that says anything: it comes to its end, is judged and told.
#![no_main]

use std::time::Duration;

use ftpnat::check::judge;
use ftpnat::output::probe::{human, json};
use ftpnat::probe::course::{Errand, Patience, User, examine};
use ftpnat::probe::engine::{Engine, Event, Happened, Move, Next};
use ftpnat::probe::seen::{Encryption, End, Secured, Taken, TlsTrouble, Trouble};
use libfuzzer_sys::fuzz_target;

/// More than any course makes: what is heard is bounded by its time.
const MOST_MOVES: usize = 200_000;

fuzz_target!(|data: &[u8]| {
    let (kind, said) = data.split_first().unwrap_or((&0, &[]));
    let mut said = said.split(|byte| *byte == 0);
    let errand = Errand {
        addresses: vec![([192, 0, 2, 1], 21).into()],
        encryption: match kind % 4 {
            0 => None,
            1 => Some(Encryption::Plain),
            2 => Some(Encryption::Explicit),
            _ => Some(Encryption::Implicit),
        },
        user: User::anonymous(),
        insecure: false,
        active: kind & 4 != 0,
        idle: (kind & 8 != 0).then_some(Duration::from_secs(1)),
        follow: kind & 16 != 0,
        patience: Patience::default(),
    };
    let mut engine = Engine::new(|asker| examine(asker, errand));
    let mut next = engine.begin();
    for _ in 0..MOST_MOVES {
        let event = match next {
            Next::Over(account) => {
                let findings = judge(&account, None);
                let _ = human("192.0.2.1", &account, &findings, true);
                let _ = json("192.0.2.1", &account, &findings);
                return;
            }
            Next::Move(Move::Hear(_)) => match said.next() {
                Some(bytes) => Event::Bytes(bytes.to_vec()),
                None => Event::Failed(Trouble::Ended),
            },
            Next::Move(Move::Secure(_)) if kind & 32 != 0 => {
                Event::Failed(Trouble::Tls(TlsTrouble::TooOld("so it is".to_owned())))
            }
            Next::Move(Move::Secure(_) | Move::SecureData { .. }) => {
                Event::Secured(Box::new(Secured {
                    version: "TLS 1.3".to_owned(),
                    resumed: false,
                    certificate: None,
                }))
            }
            Next::Move(Move::Listen | Move::Accept(_)) => Event::At(([192, 0, 2, 2], 40000).into()),
            Next::Move(Move::Take { .. }) => Event::Taken(Taken {
                bytes: said.next().unwrap_or_default().to_vec(),
                end: Ok(End::Whole),
            }),
            Next::Move(_) => Event::Done,
        };
        let took = Duration::from_millis(100);
        next = engine.after(Happened { event, took });
    }
    panic!("the course does not end");
});
