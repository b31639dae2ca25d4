//! The secret that both ends share, and the proof that one has it (HMAC, RFC 2104, with
//! SHA-256). The token itself does not cross the network.

use std::fmt;
use std::str::FromStr;

use ring::hmac;

/// A secret of 128 bits, made for one sweep.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 16]);

/// A number that is used once, so that a proof cannot be played again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; 16]);

/// What only who has the token can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof([u8; 32]);

/// Who proves: a proof of one end is none of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `ftpnat answer`.
    Server,
    /// `ftpnat probe --sweep`.
    Client,
}

/// What a proof is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// The client's number.
    pub client: Nonce,
    /// The server's.
    pub server: Nonce,
    /// The port that the client called.
    pub called: u16,
    /// The port at which the call arrived.
    pub reached: u16,
}

/// Words that are no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token is the 32 hexadecimal digits that `ftpnat answer` prints")]
pub struct NoToken;

impl Token {
    /// A token of random bytes.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// The proof of one end.
    #[must_use]
    pub fn prove(&self, role: Role, exchange: &Exchange) -> Proof {
        let tag = hmac::sign(&self.key(), &message(role, exchange));
        let mut proof = [0; 32];
        proof.copy_from_slice(tag.as_ref());
        Proof(proof)
    }

    /// Whether this is the proof of that end; takes as long for any that is not.
    #[must_use]
    pub fn verifies(&self, proof: &Proof, role: Role, exchange: &Exchange) -> bool {
        hmac::verify(&self.key(), &message(role, exchange), &proof.0).is_ok()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.0)
    }
}

/// Every part has a fixed length: no two exchanges have the same message.
fn message(role: Role, exchange: &Exchange) -> Vec<u8> {
    let role = match role {
        Role::Server => b's',
        Role::Client => b'c',
    };
    let mut message = b"ftpnat-sweep 1 ".to_vec();
    message.push(role);
    message.extend(exchange.client.0);
    message.extend(exchange.server.0);
    message.extend(exchange.called.to_be_bytes());
    message.extend(exchange.reached.to_be_bytes());
    message
}

impl Nonce {
    /// A number of random bytes.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// What [`fmt::Display`] made.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        bytes(digits).map(Self)
    }
}

impl Proof {
    /// What [`fmt::Display`] made.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        bytes(digits).map(Self)
    }
}

impl FromStr for Token {
    type Err = NoToken;

    fn from_str(digits: &str) -> Result<Self, NoToken> {
        bytes(digits).map(Self).ok_or(NoToken)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits(&self.0, f)
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits(&self.0, f)
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digits(&self.0, f)
    }
}

fn digits(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Exactly so many bytes in hexadecimal digits.
fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let nibbles: Option<Vec<u8>> = digits
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let nibbles = nibbles.filter(|nibbles| nibbles.len() == 2 * N)?;
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(nibbles.chunks(2)) {
        *byte = pair.iter().fold(0, |all, nibble| all << 4 | nibble);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exchange() -> Exchange {
        Exchange {
            client: Nonce([1; 16]),
            server: Nonce([2; 16]),
            called: 50000,
            reached: 50001,
        }
    }

    #[test]
    fn a_proof_holds_for_what_it_was_made_for_alone() {
        let token = Token::new([7; 16]);
        let proof = token.prove(Role::Server, &exchange());
        assert!(token.verifies(&proof, Role::Server, &exchange()));
        assert!(!token.verifies(&proof, Role::Client, &exchange()));
        assert!(!Token::new([8; 16]).verifies(&proof, Role::Server, &exchange()));
        let others: [fn(&mut Exchange); 5] = [
            |e| e.client = Nonce([3; 16]),
            |e| e.server = Nonce([3; 16]),
            |e| e.called = 50001,
            |e| e.reached = 50000,
            |e| std::mem::swap(&mut e.client, &mut e.server),
        ];
        for change in others {
            let mut other = exchange();
            change(&mut other);
            assert!(!token.verifies(&proof, Role::Server, &other), "{other:?}");
        }
    }

    /// The digits are those of another implementation (Python's `hmac`).
    #[test]
    fn the_proof_is_hmac_with_sha_256() {
        let proof = Token::new([7; 16]).prove(Role::Client, &exchange());
        let expected = "66ae2dcd9c4b81c303d351a1b03255a3efb62fa4c9c8ebca54ddada4c74394b6";
        assert_eq!(proof.to_string(), expected);
    }

    #[test]
    fn tokens_are_thirty_two_digits() {
        let digits = "00112233445566778899aabbccddeeff";
        let token: Token = digits.parse().expect("a token");
        assert_eq!(token.to_string(), digits);
        for bad in [
            "",
            "0",
            &digits[1..],
            "0+112233445566778899aabbccddeeff",
            "é",
        ] {
            assert!(bad.parse::<Token>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(token in any::<[u8; 16]>(), proof in any::<[u8; 32]>()) {
            let (token, nonce) = (Token::new(token), Nonce::new(token));
            prop_assert!(token.to_string().parse() == Ok(token));
            prop_assert_eq!(Nonce::parse(&nonce.to_string()), Some(nonce));
            prop_assert_eq!(Proof::parse(&Proof(proof).to_string()), Some(Proof(proof)));
        }

        #[test]
        fn any_words_are_a_token_or_none(words in ".{0,70}|[0-9a-fA-F]{30,34}") {
            let _ = (words.parse::<Token>().is_ok(), Proof::parse(&words));
        }
    }
}
