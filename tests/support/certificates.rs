//! An authority of the lab, and certificates by it: in PEM, with an RSA key as servers want it.

use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use super::netns::succeed;

/// What a certificate is for and when.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    /// Its names and addresses.
    pub(crate) names: &'a [&'a str],
    /// The years of its time: from the first day of the one until that of the other.
    pub(crate) years: (i32, i32),
    /// Whether the lab's authority vouches for it; else it does itself.
    pub(crate) is_vouched_for: bool,
}

/// The certificate of the lab's authority.
pub(crate) fn authority() -> String {
    let (params, key) = authority_parts();
    params.self_signed(&key).expect("an authority").pem()
}

/// A key and a certificate in one text.
pub(crate) fn pem(wanted: &Wanted) -> String {
    let names: Vec<String> = wanted.names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params
        .distinguished_name
        .push(DnType::CommonName, "ftp.example");
    let (from, until) = wanted.years;
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let key = key();
    let certificate = if wanted.is_vouched_for {
        let (authority, by) = authority_parts();
        params.signed_by(&key, &Issuer::new(authority, by))
    } else {
        params.self_signed(&key)
    };
    key_text().to_owned() + &certificate.expect("a certificate").pem()
}

fn authority_parts() -> (CertificateParams, KeyPair) {
    static KEY: OnceLock<String> = OnceLock::new();
    let text = KEY.get_or_init(|| KeyPair::generate().expect("a key").serialize_pem());
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "the lab's authority");
    (
        params,
        KeyPair::from_pem(text).expect("the authority's key"),
    )
}

fn key() -> KeyPair {
    KeyPair::from_pem(key_text()).expect("the server's key")
}

/// Made once in a run.
fn key_text() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| {
        let made = super::command("openssl")
            .args([
                "genpkey",
                "-quiet",
                "-algorithm",
                "RSA",
                "-pkeyopt",
                "rsa_keygen_bits:2048",
            ])
            .output()
            .expect("openssl");
        succeed("openssl genpkey", &made)
    })
}
