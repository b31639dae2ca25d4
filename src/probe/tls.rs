//! The client's side of TLS.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::certificate;
use super::seen::TlsTrouble;

/// A client that takes any certificate, for a server whose identity is not in question.
/// Its connections share sessions: one after the other is resumed where the server allows.
///
/// # Errors
/// Where the provider of cryptography has no TLS 1.2 or 1.3, which ring has.
pub fn trusting() -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Anyone {
        algorithms: provider.signature_verification_algorithms,
    });
    let config = builder(provider)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The same with sessions of its own: none of the other's is resumed.
#[must_use]
pub fn afresh(like: &ClientConfig) -> Arc<ClientConfig> {
    with(like, Resumption::default())
}

/// The same, but it never resumes a session.
#[must_use]
pub fn forgetful(like: &ClientConfig) -> Arc<ClientConfig> {
    with(like, Resumption::disabled())
}

fn with(like: &ClientConfig, resumption: Resumption) -> Arc<ClientConfig> {
    let mut config = like.clone();
    config.resumption = resumption;
    Arc::new(config)
}

/// What went wrong, as a client's user is to be told; `came`: the bytes in which it was found;
/// `is_agreed`: whether both had agreed on a version and cipher by then.
#[must_use]
pub fn trouble(error: &Error, came: &[u8], is_agreed: bool) -> TlsTrouble {
    match error {
        // TLS 1.3 has an alert of its own (RFC 8446, section 6.2). In TLS 1.2 it is the general
        // one, behind the server's hello (RFC 5246, section 7.4.6).
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            TlsTrouble::WantsCertificate(error.to_string())
        }
        Error::AlertReceived(AlertDescription::HandshakeFailure) if is_agreed => {
            TlsTrouble::WantsCertificate(error.to_string())
        }
        // What old servers say, or stop at.
        Error::AlertReceived(
            AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity,
        )
        | Error::PeerIncompatible(_) => TlsTrouble::TooOld(error.to_string()),
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => {
            TlsTrouble::Garbage(plain(came).unwrap_or_else(|| error.to_string()))
        }
        _ => TlsTrouble::Broken(error.to_string()),
    }
}

/// A line in plain where TLS should be, such as `500 OOPS: ...`.
fn plain(came: &[u8]) -> Option<String> {
    /// More is not shown.
    const MOST: usize = 120;
    let text = std::str::from_utf8(came).ok()?;
    let line = text.trim_start().lines().next()?;
    let is_words = line.len() > 3 && !line.chars().any(char::is_control);
    is_words.then(|| format!("`{}`", line.chars().take(MOST).collect::<String>()))
}

fn builder(
    provider: Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, Error> {
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

/// Takes anyone's certificate; that the peer has its key is proven all the same, where that can
/// be checked. Where it cannot, the certificate does not count as verified
/// ([`certificate::look`]).
#[derive(Debug)]
struct Anyone {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if certificate::is_provable(certificate).is_err() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if certificate::is_provable(certificate).is_err() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        // Not checked, but taken: a server with such a key would find nothing in common.
        schemes.push(SignatureScheme::ECDSA_NISTP521_SHA512);
        schemes
    }
}
