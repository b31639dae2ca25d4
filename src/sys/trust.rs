//! The certificates that this system trusts.

use rustls::pki_types::CertificateDer;

/// All of them, as its TLS libraries find them (`SSL_CERT_FILE` and `SSL_CERT_DIR` count).
/// What cannot be read is not there.
#[must_use]
pub fn authorities() -> Vec<CertificateDer<'static>> {
    rustls_native_certs::load_native_certs().certs
}
