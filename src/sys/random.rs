//! Bytes that nobody can guess.

use std::io;

use ring::rand::{SecureRandom as _, SystemRandom};

/// Sixteen of them, of the kernel.
///
/// # Errors
/// Where the kernel gives none.
pub fn bytes() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| io::Error::other("the kernel gives no random bytes"))?;
    Ok(bytes)
}
