//! One call of a port, and what comes back.

pub mod runner;

use crate::probe::sweep::message::{Asked, Lines, MOST_UNPROVEN, Told};
use crate::probe::sweep::token::{Exchange, Nonce, Role, Token};

/// Who answered a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// `ftpnat answer` with the token, at this port of its host.
    Proven(u16),
    /// `ftpnat answer` with another token.
    OtherToken,
    /// Something else.
    Stranger,
}

/// One connection to a port.
#[derive(Debug)]
pub struct Call {
    lines: Lines,
    called: u16,
    nonce: Nonce,
    answered: Option<Exchange>,
}

impl Call {
    /// A call of this port; `nonce` is used for no other.
    #[must_use]
    pub fn new(called: u16, nonce: Nonce) -> Self {
        Self {
            lines: Lines::default(),
            called,
            nonce,
            answered: None,
        }
    }

    /// What to say first.
    #[must_use]
    pub fn hello(&self) -> Asked {
        Asked::Hello {
            nonce: self.nonce,
            called: self.called,
        }
    }

    /// Takes in what comes back; `None`: more has to come.
    pub fn hear(&mut self, token: &Token, bytes: &[u8]) -> Option<Heard> {
        self.lines.feed(bytes);
        let line = match self.lines.next_line(MOST_UNPROVEN) {
            Ok(line) => line?,
            Err(_) => return Some(Heard::Stranger),
        };
        let Some(Told::Answer {
            nonce,
            reached,
            proof,
        }) = Told::parse(&line)
        else {
            return Some(Heard::Stranger);
        };
        let exchange = Exchange {
            client: self.nonce,
            server: nonce,
            called: self.called,
            reached,
        };
        if !token.verifies(&proof, Role::Server, &exchange) {
            return Some(Heard::OtherToken);
        }
        self.answered = Some(exchange);
        Some(Heard::Proven(reached))
    }

    /// What makes this call the one that leads, once it is answered with proof.
    #[must_use]
    pub fn lead(&self, token: &Token) -> Option<Asked> {
        let exchange = self.answered.as_ref()?;
        Some(Asked::Lead(token.prove(Role::Client, exchange)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::net::PortRange;
    use crate::probe::sweep::answer::{Act, Caller};
    use proptest::prelude::*;

    fn answer(token: &Token, call: &Call) -> (Caller, String) {
        let range = PortRange::one(50001);
        let mut caller = Caller::new(50001, Nonce::new([2; 16]));
        caller.feed(call.hello().to_string().as_bytes());
        match caller.next_act(token, range) {
            Ok(Some(Act::Say(told))) => (caller, told.to_string()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_ends_understand_one_another() {
        let token = Token::new([7; 16]);
        let mut call = Call::new(50000, Nonce::new([1; 16]));
        assert_eq!(call.lead(&token), None);
        let (mut caller, told) = answer(&token, &call);
        let (one, two) = told.split_at(20);
        assert_eq!(call.hear(&token, one.as_bytes()), None);
        assert_eq!(
            call.hear(&token, two.as_bytes()),
            Some(Heard::Proven(50001))
        );
        let lead = call.lead(&token).expect("it may lead").to_string();
        caller.feed(lead.as_bytes());
        let act = caller.next_act(&token, PortRange::one(50001));
        assert!(matches!(act, Ok(Some(Act::Lead(_)))), "{act:?}");
    }

    #[test]
    fn another_token_and_another_server_are_told_apart() {
        let own = Token::new([7; 16]);
        let mut call = Call::new(50000, Nonce::new([1; 16]));
        let (_, told) = answer(&Token::new([8; 16]), &call);
        assert_eq!(call.hear(&own, told.as_bytes()), Some(Heard::OtherToken));
        assert_eq!(call.lead(&own), None);
        // What was said in answer to another call proves nothing.
        let other = Call::new(50000, Nonce::new([3; 16]));
        let (_, told) = answer(&own, &other);
        assert_eq!(call.hear(&own, told.as_bytes()), Some(Heard::OtherToken));
        let greeting = b"220 ProFTPD ready\r\n";
        assert_eq!(call.hear(&own, greeting), Some(Heard::Stranger));
    }

    proptest! {
        #[test]
        fn any_bytes_prove_nothing(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let mut call = Call::new(50000, Nonce::new([1; 16]));
            let heard = call.hear(&Token::new([7; 16]), &bytes);
            prop_assert!(!matches!(heard, Some(Heard::Proven(_))));
        }
    }
}
