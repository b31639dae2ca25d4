//! What a client that verifies says of a server's certificate. Pure: the time is given.

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_SIG_ED25519};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::seen::Certificate;

/// Most names of a certificate that are kept.
const MOST_NAMES: usize = 100;

/// Whom a client trusts.
#[derive(Debug, Clone)]
pub struct Trust {
    roots: RootCertStore,
    all: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// These authorities; those that are none are left out.
    #[must_use]
    pub fn new(all: Vec<CertificateDer<'static>>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(all.iter().cloned());
        Self { roots, all }
    }

    /// The certificates of a PEM file.
    ///
    /// # Errors
    /// In words, where it holds none or one that is broken.
    pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        match read {
            Ok(all) if all.is_empty() => Err("it holds no certificate in PEM".to_owned()),
            Ok(all) => Ok(all),
            Err(error) => Err(format!("it is not PEM: {error}")),
        }
    }

    /// Whether somebody of these vouches for the first certificate of a chain. A certificate
    /// that is itself among them needs nobody else: self-signed ones are pinned so.
    fn vouches(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), String> {
        let (first, between) = chain.split_first().ok_or("there is no certificate")?;
        if self.all.iter().any(|trusted| trusted == first) {
            return Ok(());
        }
        let parsed = ParsedCertificate::try_from(first).map_err(|error| words(&error))?;
        let algorithms = default_provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, between, now, algorithms)
            .map_err(|error| words(&error))
    }
}

/// What is to be said of a chain, its server's certificate first; `None` where there is none.
#[must_use]
pub fn look(
    chain: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    trust: &Trust,
    now: u64,
) -> Option<Certificate> {
    let first = chain.first()?;
    let parsed = X509Certificate::from_der(first)
        .ok()
        .map(|(_, parsed)| parsed);
    let valid = parsed.as_ref().map(|parsed| {
        let valid = parsed.validity();
        (valid.not_before.timestamp(), valid.not_after.timestamp())
    });
    let now_signed = i64::try_from(now).unwrap_or(i64::MAX);
    // Its own time is told apart from who vouches for it.
    let in_its_time = valid.map_or(now_signed, |(from, until)| now_signed.clamp(from, until));
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(
        u64::try_from(in_its_time).unwrap_or_default(),
    ));
    let named = ParsedCertificate::try_from(first)
        .and_then(|parsed| verify_server_name(&parsed, name))
        .map_err(|error| words(&error));
    Some(Certificate {
        names: parsed.as_ref().map(names).unwrap_or_default(),
        issuer: parsed
            .as_ref()
            .map(|p| p.issuer().to_string())
            .unwrap_or_default(),
        valid,
        now: now_signed,
        name: named,
        trust: trust.vouches(chain, at),
        proof: is_provable(first),
    })
}

/// Whether the proof that a server has the key of this certificate can be checked here; else
/// why not, in words. What cannot be checked is as good as not proven, and no fault of a server's
/// that other clients take.
///
/// # Errors
/// In words: a certificate that cannot be read, a short RSA key, a curve or kind of key that
/// ring does not have.
pub(super) fn is_provable(first: &CertificateDer<'_>) -> Result<(), String> {
    let (_, parsed) =
        X509Certificate::from_der(first).map_err(|_| "it cannot be read".to_owned())?;
    ParsedCertificate::try_from(first).map_err(|error| words(&error))?;
    let key = parsed.public_key();
    let algorithm = &key.algorithm;
    let curve = algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok());
    match key.parsed() {
        Ok(PublicKey::RSA(key)) => match key.key_size() {
            2048..=8192 => Ok(()),
            bits => Err(format!(
                "its RSA key has {bits} bits, and many clients want 2048 to 8192"
            )),
        },
        Ok(PublicKey::EC(_)) if curve == Some(OID_EC_P256) || curve == Some(OID_NIST_EC_P384) => {
            Ok(())
        }
        _ if algorithm.algorithm == OID_SIG_ED25519 => Ok(()),
        _ => Err("its key is of a kind that ftpnat cannot check".to_owned()),
    }
}

/// The alternative names, which alone count; without any, what stands in the subject.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let alternatives = extension.iter().flat_map(|e| &e.value.general_names);
    let named: Vec<String> = alternatives
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .take(MOST_NAMES)
        .collect();
    if named.is_empty() {
        let subject = certificate.subject().to_string();
        return vec![format!("{subject} (no alternative name)")];
    }
    named
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(v4).to_string());
    }
    let v6 = <[u8; 16]>::try_from(bytes).ok()?;
    Some(std::net::Ipv6Addr::from(v6).to_string())
}

fn words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(fault) => match fault {
            CertificateError::UnknownIssuer => "its authority is not known to this host".to_owned(),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "it is for another name".to_owned()
            }
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                "it is self-signed, and this host does not know it".to_owned()
            }
            CertificateError::Other(other)
                if other.to_string().contains("UnsupportedCertVersion") =>
            {
                "it is of X.509 version 1, which has no place for names".to_owned()
            }
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}
