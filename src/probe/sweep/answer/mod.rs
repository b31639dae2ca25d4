//! The server's side: what a caller says, and what is to be done about it.

pub mod runner;

use crate::model::net::PortRange;

use super::message::{Asked, Lines, MOST_LINE, MOST_UNPROVEN, Malformed, Told};
use super::ports::at_once;
use super::token::{Exchange, Nonce, Role, Token};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Say this.
    Say(Told),
    /// The caller has proven that it has the token: it leads now. Say this.
    Lead(Told),
    /// Hold these ports and no others, and say which.
    Hold(Vec<u16>),
    /// The sweep has ended.
    End,
}

/// One connection.
#[derive(Debug)]
pub struct Caller {
    lines: Lines,
    reached: u16,
    nonce: Nonce,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Stranger,
    Answered(Exchange),
    Leading,
}

impl Caller {
    /// Somebody who called this port; `nonce` is used for no other.
    #[must_use]
    pub fn new(reached: u16, nonce: Nonce) -> Self {
        Self {
            lines: Lines::default(),
            reached,
            nonce,
            stage: Stage::Stranger,
        }
    }

    /// Takes in what it sends.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.lines.feed(bytes);
    }

    /// What is to be done next; `None`: more has to come.
    ///
    /// # Errors
    /// Where it says what it may not say now, asks for ports that are not its to ask for, or
    /// does not have the token.
    pub fn next_act(&mut self, token: &Token, range: PortRange) -> Result<Option<Act>, Malformed> {
        let most = match self.stage {
            Stage::Stranger | Stage::Answered(_) => MOST_UNPROVEN,
            Stage::Leading => MOST_LINE,
        };
        let Some(line) = self.lines.next_line(most)? else {
            return Ok(None);
        };
        let asked = Asked::parse(&line).ok_or(Malformed)?;
        match (&self.stage, asked) {
            (Stage::Stranger, Asked::Hello { nonce, called }) => {
                Ok(Some(Act::Say(self.answer(token, nonce, called))))
            }
            (Stage::Answered(exchange), Asked::Lead(proof))
                if token.verifies(&proof, Role::Client, exchange) =>
            {
                self.stage = Stage::Leading;
                Ok(Some(Act::Lead(Told::Range(range))))
            }
            (Stage::Leading, Asked::Hold(ports)) if may_hold(&ports, range) => {
                Ok(Some(Act::Hold(ports)))
            }
            (Stage::Leading, Asked::Done) => Ok(Some(Act::End)),
            _ => Err(Malformed),
        }
    }

    /// Whoever asks gets it: it says no more than that this is `ftpnat answer`.
    fn answer(&mut self, token: &Token, client: Nonce, called: u16) -> Told {
        let exchange = Exchange {
            client,
            server: self.nonce,
            called,
            reached: self.reached,
        };
        self.stage = Stage::Answered(exchange);
        Told::Answer {
            nonce: self.nonce,
            reached: self.reached,
            proof: token.prove(Role::Server, &exchange),
        }
    }
}

/// Who leads opens no port beyond the range, and never more than the share of it.
fn may_hold(ports: &[u16], range: PortRange) -> bool {
    ports.len() <= at_once(range) && ports.iter().all(|port| range.contains(*port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range() -> PortRange {
        PortRange::new(50000, 50099).expect("in order")
    }

    fn token() -> Token {
        Token::new([7; 16])
    }

    fn acts(caller: &mut Caller, said: &str) -> Result<Vec<Act>, Malformed> {
        caller.feed(said.as_bytes());
        let next = || caller.next_act(&token(), range()).transpose();
        std::iter::from_fn(next).collect()
    }

    fn greeted() -> (Caller, Exchange) {
        let exchange = Exchange {
            client: Nonce::new([1; 16]),
            server: Nonce::new([2; 16]),
            called: 50000,
            reached: 50001,
        };
        let mut caller = Caller::new(50001, exchange.server);
        let hello = Asked::Hello {
            nonce: exchange.client,
            called: exchange.called,
        };
        let said = acts(&mut caller, &hello.to_string()).expect("understood");
        let answer = Told::Answer {
            nonce: exchange.server,
            reached: 50001,
            proof: token().prove(Role::Server, &exchange),
        };
        assert_eq!(said, [Act::Say(answer)]);
        (caller, exchange)
    }

    #[test]
    fn who_has_the_token_leads() {
        let (mut caller, exchange) = greeted();
        let lead = Asked::Lead(token().prove(Role::Client, &exchange));
        let all = format!("{lead}hold 50003\nhold 50001-50004\ndone\n");
        assert_eq!(
            acts(&mut caller, &all),
            Ok(vec![
                Act::Lead(Told::Range(range())),
                Act::Hold(vec![50003]),
                Act::Hold((50001..=50004).collect()),
                Act::End,
            ])
        );
    }

    #[test]
    fn who_leads_does_not_get_more_than_the_share_nor_what_is_beyond_the_range() {
        for asked in [
            "hold 50001-50006\n",
            "hold 49999\n",
            "hold 50100\n",
            "hello\n",
        ] {
            let (mut caller, exchange) = greeted();
            let lead = Asked::Lead(token().prove(Role::Client, &exchange)).to_string();
            acts(&mut caller, &lead).expect("it leads");
            assert_eq!(acts(&mut caller, asked), Err(Malformed), "{asked}");
        }
    }

    #[test]
    fn who_has_not_the_token_does_not_lead() {
        let (_, exchange) = greeted();
        let other = Token::new([8; 16]);
        let own = token();
        for lead in [
            Asked::Lead(other.prove(Role::Client, &exchange)),
            // What the server said is not what the client has to say.
            Asked::Lead(own.prove(Role::Server, &exchange)),
            Asked::Hold(vec![50000]),
            Asked::Done,
        ] {
            let (mut caller, _) = greeted();
            assert_eq!(
                acts(&mut caller, &lead.to_string()),
                Err(Malformed),
                "{lead}"
            );
        }
        let mut stranger = Caller::new(50000, Nonce::new([2; 16]));
        let endless = "x".repeat(MOST_UNPROVEN + 1);
        assert_eq!(acts(&mut stranger, &endless), Err(Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let (mut caller, _) = greeted();
            caller.feed(&bytes);
            while let Ok(Some(act)) = caller.next_act(&token(), range()) {
                prop_assert!(matches!(act, Act::Say(_)), "{act:?}");
            }
        }
    }
}
