//! A hello of older TLS (RFC 5246, section 7.4.1), to learn what a server speaks with which
//! rustls has nothing in common. No session comes of it: nothing here protects anything.

use std::fmt;

/// The longest answer that is looked at: a server's hello is in its first record.
const MOST: usize = 16 * 1024;

/// TLS 1.2, the latest version that is offered.
const TLS_1_2: u16 = 0x0303;

/// Ciphers that OpenSSL and GnuTLS still take by default, and rustls does not: without forward
/// secrecy, in CBC mode, or with finite-field Diffie-Hellman. Names as OpenSSL has them.
const OLDER: [(u16, &str); 23] = [
    (0x009f, "DHE-RSA-AES256-GCM-SHA384"),
    (0x009e, "DHE-RSA-AES128-GCM-SHA256"),
    (0xccaa, "DHE-RSA-CHACHA20-POLY1305"),
    (0xc024, "ECDHE-ECDSA-AES256-SHA384"),
    (0xc023, "ECDHE-ECDSA-AES128-SHA256"),
    (0xc00a, "ECDHE-ECDSA-AES256-SHA"),
    (0xc009, "ECDHE-ECDSA-AES128-SHA"),
    (0xc028, "ECDHE-RSA-AES256-SHA384"),
    (0xc027, "ECDHE-RSA-AES128-SHA256"),
    (0xc014, "ECDHE-RSA-AES256-SHA"),
    (0xc013, "ECDHE-RSA-AES128-SHA"),
    (0x006b, "DHE-RSA-AES256-SHA256"),
    (0x0067, "DHE-RSA-AES128-SHA256"),
    (0x0039, "DHE-RSA-AES256-SHA"),
    (0x0033, "DHE-RSA-AES128-SHA"),
    (0x009d, "AES256-GCM-SHA384"),
    (0x009c, "AES128-GCM-SHA256"),
    (0x003d, "AES256-SHA256"),
    (0x003c, "AES128-SHA256"),
    (0x0035, "AES256-SHA"),
    (0x002f, "AES128-SHA"),
    (0x0088, "DHE-RSA-CAMELLIA256-SHA"),
    (0x0084, "CAMELLIA256-SHA"),
];

/// Ciphers that no client takes any more without being told to.
const WITHDRAWN: [(u16, &str); 8] = [
    (0xc012, "ECDHE-RSA-DES-CBC3-SHA"),
    (0x0016, "DHE-RSA-DES-CBC3-SHA"),
    (0x000a, "DES-CBC3-SHA"),
    (0xc011, "ECDHE-RSA-RC4-SHA"),
    (0x0005, "RC4-SHA"),
    (0x0004, "RC4-MD5"),
    (0x0038, "DHE-DSS-AES256-SHA"),
    (0x0032, "DHE-DSS-AES128-SHA"),
];

/// What a server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spoken {
    version: u16,
    cipher: u16,
}

impl Spoken {
    /// Whether other clients of today still take it.
    #[must_use]
    pub fn is_taken_elsewhere(self) -> bool {
        self.version == TLS_1_2 && OLDER.iter().any(|(cipher, _)| *cipher == self.cipher)
    }
}

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            0x0300 => f.write_str("SSL 3.0")?,
            0x0301 => f.write_str("TLS 1.0")?,
            0x0302 => f.write_str("TLS 1.1")?,
            TLS_1_2 => f.write_str("TLS 1.2")?,
            other => write!(f, "TLS of version {other:#06x}")?,
        }
        let mut all = OLDER.iter().chain(&WITHDRAWN);
        match all.find(|(cipher, _)| *cipher == self.cipher) {
            Some((_, name)) => write!(f, " with {name}"),
            None => write!(f, " with cipher {:#06x}", self.cipher),
        }
    }
}

/// Bytes that are no hello of a server: an alert, or no TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoHello;

/// The client's hello: up to TLS 1.2, with the ciphers above.
#[must_use]
pub fn hello() -> Vec<u8> {
    let ciphers = OLDER.iter().chain(&WITHDRAWN).map(|(cipher, _)| *cipher);
    let extensions = [
        // supported_groups (RFC 8422, section 5.1.1): x25519, P-256, P-384, P-521.
        extension(10, &vector16(&words([29, 23, 24, 25]))),
        // ec_point_formats: uncompressed.
        extension(11, &[1, 0]),
        // signature_algorithms: SHA-512 to SHA-1, each with RSA, ECDSA and DSA.
        extension(
            13,
            &vector16(&words([
                0x0601, 0x0603, 0x0501, 0x0503, 0x0401, 0x0403, 0x0402, 0x0201, 0x0203, 0x0202,
            ])),
        ),
        // renegotiation_info (RFC 5746), empty.
        extension(0xff01, &[0]),
    ];
    let body = [
        &TLS_1_2.to_be_bytes()[..],
        // Random, by its format: nothing is encrypted by it.
        &[0x5a; 32],
        // No session to resume.
        &[0],
        &vector16(&words(ciphers)),
        // No compression.
        &[1, 0],
        &vector16(&extensions.concat()),
    ]
    .concat();
    let length = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
    let message = [&[1], &length[1..], &body].concat();
    // As a record of TLS 1.0, which all take (RFC 5246, appendix E.1).
    [&[22, 3, 1], &vector16(&message)[..]].concat()
}

/// What a server answered to [`hello`]: `Ok(None)` where more has to come.
///
/// # Errors
/// [`NoHello`].
pub fn spoken(bytes: &[u8]) -> Result<Option<Spoken>, NoHello> {
    let Some(head) = bytes.get(..5) else {
        return if bytes.first().is_none_or(|kind| *kind == 22) {
            Ok(None)
        } else {
            Err(NoHello)
        };
    };
    if head[0] != 22 || head[1] != 3 || bytes.len() > MOST {
        return Err(NoHello);
    }
    // Its kind, its length, the version, the random, and the length of the session's name.
    let Some(&[kind, _, _, _, major, minor]) = bytes.get(5..11) else {
        return Ok(None);
    };
    if kind != 2 {
        return Err(NoHello);
    }
    let Some(name) = bytes.get(43) else {
        return Ok(None);
    };
    let at = 44 + usize::from(*name);
    let Some(&[high, low]) = bytes.get(at..at + 2) else {
        return Ok(None);
    };
    Ok(Some(Spoken {
        version: u16::from_be_bytes([major, minor]),
        cipher: u16::from_be_bytes([high, low]),
    }))
}

fn words(all: impl IntoIterator<Item = u16>) -> Vec<u8> {
    all.into_iter().flat_map(u16::to_be_bytes).collect()
}

/// Bytes behind their length, in two bytes.
fn vector16(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or_default();
    [&length.to_be_bytes()[..], bytes].concat()
}

fn extension(kind: u16, bytes: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector16(bytes)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(version: u16, cipher: u16, name: usize) -> Vec<u8> {
        let mut body = [&version.to_be_bytes()[..], &[7; 32]].concat();
        body.push(u8::try_from(name).expect("short"));
        body.extend(vec![9; name]);
        body.extend(cipher.to_be_bytes());
        body.push(0);
        let length = u32::try_from(body.len()).expect("short").to_be_bytes();
        let message = [&[2], &length[1..], &body].concat();
        [&[22, 3, 1], &vector16(&message)[..]].concat()
    }

    #[test]
    fn a_hello_is_read() {
        for (version, cipher, name, words, is_taken) in [
            (0x0301, 0x0035, 32, "TLS 1.0 with AES256-SHA", false),
            (0x0303, 0x002f, 0, "TLS 1.2 with AES128-SHA", true),
            (0x0303, 0x000a, 32, "TLS 1.2 with DES-CBC3-SHA", false),
            (0x0303, 0x1234, 32, "TLS 1.2 with cipher 0x1234", false),
        ] {
            let bytes = answer(version, cipher, name);
            let found = spoken(&bytes).expect("a hello").expect("whole");
            assert_eq!(found.to_string(), words);
            assert_eq!(found.is_taken_elsewhere(), is_taken, "{words}");
            for cut in 0..bytes.len() - 1 {
                assert_eq!(spoken(&bytes[..cut]), Ok(None), "{cut}");
            }
        }
    }

    #[test]
    fn what_is_none() {
        for bytes in [&[21, 3, 3, 0, 2, 2, 40][..], b"500 OOPS", b"5", &[22, 2]] {
            let is_short = bytes.len() < 5 && bytes[0] == 22;
            assert_eq!(spoken(bytes).is_ok(), is_short, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_one_or_none(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = spoken(&bytes);
            let _ = spoken(&[&[22, 3, 1, 0, 90, 2][..], &bytes].concat());
        }
    }
}
